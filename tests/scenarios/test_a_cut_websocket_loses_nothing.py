"""The WebSocket breaks, media goes on; who comes back has missed nothing, who does not leaves no ghost."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.peers import Peer, Picture, Refused, Signalling, Tone
from tests.server import RunningServer, running_server
from tests.waiting import within


@pytest.fixture
async def hasty_server() -> AsyncIterator[RunningServer]:
    """Waits one second for those who were cut."""
    async with running_server("--limits-resume-s", "1") as running:
        yield running


async def resume(peer: Peer) -> dict[str, Any]:
    """A new WebSocket for the old session; the reply. Its events are those of the new connection."""
    last_seq = max((event["seq"] for event in peer.signalling.events), default=0)
    peer.signalling = await Signalling.connect(peer.server)
    return await peer.signalling.request("resume", session=peer.joined_reply["session"], last_seq=last_seq)


async def test_media_goes_on_and_no_word_is_lost(server: RunningServer) -> None:
    async with (
        Peer.joined(server, "kitchen", "Ana", microphone=Tone(), camera=Picture()) as ana,
        Peer.joined(server, "kitchen", "Ben", microphone=Tone(), camera=Picture()) as ben,
    ):
        await asyncio.gather(ana.sees(1), ben.sees(1))
        await ana.signalling.request("send_chat", key="1", text="before")
        await ben.signalling.event("chat_received")
        await ben.signalling.cut()
        await ana.signalling.event("participant_updated", participant=ben.id, reconnecting=True)
        await ana.signalling.request("send_chat", key="2", text="meanwhile")
        await ana.sees(1)
        await ana.hears(1)
        frames = sum(received.frames for received in ben.received.values())

        reply = await resume(ben)

        await ana.signalling.event("participant_updated", participant=ben.id, reconnecting=False)
        assert [message["text"] for message in reply["chat"]] == ["before", "meanwhile"]
        assert reply["participant"] == ben.id
        missed = [event for event in ben.signalling.events if event["type"] == "chat_received"]
        assert [event["message"]["text"] for event in missed] == ["meanwhile"]
        await asyncio.gather(ben.sees(1), ben.hears(1), ana.sees(1))
        assert sum(received.frames for received in ben.received.values()) > frames
        assert not [event for event in ana.signalling.events if event["type"] == "participant_left"]
    assert not server.errors()


async def test_session_can_move_to_a_new_connection(server: RunningServer) -> None:
    async with Peer.joined(server, "kitchen", "Ana") as ana:
        before = ana.signalling
        await resume(ana)
        async with within("the old connection to end"):
            await before._reader
        assert before.socket.close_code == 4000
        await ana.signalling.request("send_chat", key="1", text="still here")
        await before.close()


async def test_who_does_not_come_back_leaves_no_ghost(hasty_server: RunningServer) -> None:
    async with (
        Peer.joined(hasty_server, "kitchen", "Ana") as ana,
        Peer.joined(hasty_server, "kitchen", "Ben", camera=Picture()) as ben,
    ):
        await ana.sees(1)
        await ben.signalling.cut()
        assert (await ana.signalling.event("participant_left", participant=ben.id))["reason"] == "lost"
        with pytest.raises(Refused, match="session_expired"):
            await resume(ben)
        async with Peer.joined(hasty_server, "kitchen", "Ben") as again:
            names = [one["name"] for one in again.joined_reply["participants"]]
            assert names == ["Ana", "Ben"]
    assert not hasty_server.errors()


async def test_last_one_cut_finds_the_room_again(server: RunningServer) -> None:
    async with Peer.joined(server, "kitchen", "Ana") as ana:
        await ana.signalling.request("send_chat", key="1", text="keep this")
        await ana.signalling.cut()
        reply = await resume(ana)
        assert (reply["role"], reply["chat"][0]["text"]) == ("moderator", "keep this")
