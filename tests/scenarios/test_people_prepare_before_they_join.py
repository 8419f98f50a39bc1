"""A page connects while its person decides: the others notice nothing until Join, and everything after."""

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.peers import Peer, Picture, Refused, Tone
from tests.server import RunningServer


async def rooms_of(server: RunningServer) -> list[dict[str, Any]]:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{server.url}api/v1/rooms") as reply,
    ):
        found: list[dict[str, Any]] = (await reply.json())["rooms"]
        return found


async def test_who_prepared_sees_hears_and_is_seen_after_joining(server: RunningServer) -> None:
    ben = Peer(server, "kitchen", "Ben")
    try:
        async with Peer.joined(server, "kitchen", "Ana", microphone=Tone(), camera=Picture()) as ana:
            await ben.prepare()
            assert sum(received.frames for received in ben.received.values()) == 0
            await ana.signalling.request("send_chat", key="1", text="are you there?")
            await ana.signalling.event("chat_received")
            told = {event["type"] for event in ana.signalling.events}
            assert told <= {"chat_received", "speakers", "layers_wanted"}

            await ben.enter(microphone=Tone(), camera=Picture())

            assert "sdp" not in ben.joined_reply
            assert [one["name"] for one in ben.joined_reply["participants"]] == ["Ana", "Ben"]
            await asyncio.gather(ana.sees(1), ana.hears(1), ben.sees(1), ben.hears(1))
    finally:
        await ben.close()
    assert not server.errors()


async def test_a_lobby_opens_no_room_and_ends_with_its_connection(server: RunningServer) -> None:
    ana = Peer(server, "kitchen", "Ana")
    try:
        await ana.prepare()
        assert await rooms_of(server) == []
        await ana.signalling.close()
        # The server says goodbye in DTLS, whatever the browser does.
        await ana.path_is("closed", "failed")
    finally:
        await ana.close()
    assert not server.errors()


async def test_a_room_locked_meanwhile_stays_locked(server: RunningServer) -> None:
    ben = Peer(server, "kitchen", "Ben")
    try:
        async with Peer.joined(server, "kitchen", "Ana") as ana:
            await ben.prepare()
            await ana.signalling.request("lock_room", locked=True)
            with pytest.raises(Refused, match="room_locked"):
                await ben.enter(camera=Picture())
            await ana.signalling.event("room_updated")
            assert not [event for event in ana.signalling.events if event["type"] == "participant_joined"]
    finally:
        await ben.close()
