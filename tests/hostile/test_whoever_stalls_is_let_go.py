"""Connections that begin something and never end it: each costs little, and none for long."""

import asyncio
import contextlib
import itertools
import resource
import socket
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.hostile import attacks
from tests.hostile.looking import eventually, metric
from tests.peers import Peer, Picture, Signalling
from tests.server import RunningServer, running_server
from tests.waiting import within

IDLE = 1000
HALF_OPEN = 200


@pytest.fixture
async def hasty_server() -> AsyncIterator[RunningServer]:
    """Who is lost has two seconds to come back."""
    async with running_server("--limits-resume-s", "2") as running:
        yield running


async def value(server: RunningServer, name: str) -> float:
    return sum((await metric(server, name)).values())


async def opened(
    server: RunningServer, first_words: bytes
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    address = urlsplit(server.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(first_words)
    return reader, writer


async def test_websockets_without_a_join_are_closed(server: RunningServer) -> None:
    """The close is for policy, after ten seconds, and a thousand of them take little memory."""
    before = server.resident_bytes
    connector = aiohttp.TCPConnector(limit=0)
    async with contextlib.AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        sockets = [
            await stack.enter_async_context(http.ws_connect(server.websocket_url)) for _ in range(IDLE)
        ]
        async with Peer.joined(server, "calm", "Ana", video_slots=1, audio_slots=1) as ana:
            assert server.resident_bytes - before < 64 << 20
            async with within("the end of all connections"):
                for each in sockets:
                    await attacks.drained(each)
            assert {each.close_code for each in sockets} == {aiohttp.WSCloseCode.POLICY_VIOLATION}
            await ana.signalling.request("send_chat", key="calm", text="still here")
    assert not server.errors()


async def test_joins_without_media_are_forgotten(hasty_server: RunningServer) -> None:
    """Answered offers whose peers never send a packet: by WHEP, and by WebSockets that stay open."""
    server, offer = hasty_server, attacks.offer()
    before = server.resident_bytes
    async with contextlib.AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        for number in range(HALF_OPEN):
            headers = {"Content-Type": "application/sdp"}
            url = f"{server.url}whep/room{number % 20}"
            async with http.post(url, data=offer, headers=headers) as response:
                assert response.status == 201
        lines = [await Signalling.connect(server) for _ in range(20)]
        for line in lines:
            stack.push_async_callback(line.close)
            await line.request("join", room="lobby", name="Mallory", sdp=offer, tracks=[])
        joins = await metric(server, "sfu_joins_total")
        assert sum(joins.values()) == HALF_OPEN + len(lines)
        assert await value(server, "sfu_viewers") <= HALF_OPEN
        assert server.resident_bytes - before < 64 << 20

        async def all_gone() -> bool:
            return not any(
                [await value(server, name) for name in ("sfu_viewers", "sfu_participants", "sfu_rooms")]
            )

        await eventually(all_gone, deadline_s=120)
    assert not server.errors()


async def test_more_connections_than_descriptors_harm_no_session(server: RunningServer) -> None:
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (100, 100))
    ana = await Signalling.connect(server)
    await ana.request("join", room="calm", name="Ana", sdp=attacks.offer(), tracks=[])
    address = urlsplit(server.url)
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(socket.create_connection((address.hostname, address.port)))
        await ana.request("send_chat", key="1", text="still here")
    late = await Signalling.connect(server)
    for line in (ana, late):
        await line.close()
    assert not server.errors()


async def test_a_body_that_dribbles_is_given_up(server: RunningServer) -> None:
    request = b"POST /whip/slow HTTP/1.1\r\nHost: x\r\nContent-Type: application/sdp\r\nContent-Length: 5000\r\n\r\nv=0"
    reader, writer = await opened(server, request)
    dribbling = asyncio.create_task(dribble(writer))
    async with within("an answer"):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 408 ")
    dribbling.cancel()
    writer.close()
    assert not server.errors()


async def dribble(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while not writer.is_closing():
            writer.write(b"\n")
            await asyncio.sleep(0.2)


async def test_who_never_reads_is_cut_and_holds_nobody_up(server: RunningServer) -> None:
    """A member of the room whose connection is open while the others write a lot."""
    async with (
        Peer.joined(server, "chat", "Ana", camera=Picture(), video_slots=1, audio_slots=1) as ana,
        Peer.joined(server, "chat", "Biel", video_slots=1, audio_slots=1) as biel,
        Peer.joined(server, "chat", "Mallory", video_slots=1, audio_slots=1) as mallory,
    ):
        await biel.sees(1)
        before = server.resident_bytes
        mallory.signalling.stop_reading()
        cut = asyncio.create_task(
            biel.signalling.event("participant_updated", deadline_s=200, reconnecting=True)
        )
        for key in itertools.count():
            if cut.done():
                break
            for author in (ana, biel):
                await author.signalling.request("send_chat", key=str(key), text="x" * 16_000)
            await asyncio.sleep(0.03)  # the authors' own limit of messages
        assert (await cut)["participant"] == mallory.id
        assert server.resident_bytes - before < 64 << 20
        await biel.sees(1)
    assert not server.errors()
