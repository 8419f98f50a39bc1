"""One who was let in and abuses what everybody may do: offers without end, views without end, viewers by the hundred."""

import asyncio
import contextlib

import aiohttp
import pytest

from tests.hostile import attacks
from tests.hostile.looking import metric, room
from tests.peers import Peer, Picture, Signalling, Tone
from tests.server import RunningServer
from tests.waiting import within

OFFERS = 60
VIEWS = 200
VIEWERS = 300
"""More than one address may have half open."""


async def member(server: RunningServer, sdp: str) -> Signalling:
    """Somebody who has joined, and never sends a packet."""
    line = await Signalling.connect(server)
    await line.request("join", room="busy", name="Mallory", sdp=sdp, tracks=[])
    return line


async def refused_or_not(line: Signalling, kind: str, **fields: object) -> str:
    """The type or code of the reply; "closed" if the server has had enough."""
    try:
        reply = await line.request(kind, **fields)
    except (ConnectionError, aiohttp.ClientError, asyncio.CancelledError):
        return "closed"
    except Exception as error:
        return getattr(error, "code", "closed")
    return str(reply["type"])


async def test_offers_without_end_are_answered_in_turn_and_grow_no_further_than_the_limit(
    server: RunningServer,
) -> None:
    async with (
        Peer.joined(server, "busy", "Ana", camera=Picture(), microphone=Tone(), video_slots=1) as ana,
        Peer.joined(server, "busy", "Biel", video_slots=1, audio_slots=1) as biel,
    ):
        await asyncio.gather(biel.sees(1), biel.hears(1))
        mallory = await member(server, attacks.offer(1))
        before = server.resident_bytes
        # Larger and larger, then the same again, then one that nobody could mean.
        sizes = [1 + n * 4 for n in range(OFFERS // 2)] + [120] * (OFFERS // 2)
        replies = [
            await refused_or_not(mallory, "offer", sdp=attacks.offer(size), tracks=[]) for size in sizes
        ]
        huge = attacks.HEAD + attacks.SECURITY + "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" * 10_000
        replies.append(await refused_or_not(mallory, "offer", sdp=huge, tracks=[]))
        assert replies[0] != "closed"
        assert replies[-1] not in {"answer", "ok"}
        slots = [
            len(person["slots"])
            for person in (await room(server, "busy"))["participants"]
            if person["name"] == "Mallory"
        ]
        assert all(count <= 128 for count in slots)
        assert server.resident_bytes - before < 64 << 20
        await ana.signalling.request("send_chat", key="1", text="still here")
        await asyncio.gather(biel.sees(1), biel.hears(1))
        await mallory.close()
    assert not server.errors()


async def test_views_without_end_cost_the_others_nothing(server: RunningServer) -> None:
    """Tiles of anything: the others' cameras, one's own, none, thousands, in every size."""
    async with (
        Peer.joined(server, "busy", "Ana", camera=Picture(), video_slots=1) as ana,
        Peer.joined(server, "busy", "Biel", video_slots=1, audio_slots=1) as biel,
    ):
        await biel.sees(1)
        mallory = await member(server, attacks.offer(1))
        tracks = [f"{ana.id}-camera", f"{biel.id}-camera", "nobody-camera", ""]
        for number in range(VIEWS):
            tiles = [
                {
                    "track": tracks[(number + n) % 4],
                    "width": 1 + number * 50,
                    "height": 10,
                    "stage": n % 2 == 0,
                }
                for n in range(1 + number % 40)
            ]
            with contextlib.suppress(ConnectionError, aiohttp.ClientError):
                await mallory.tell("set_view", tiles=tiles)
                await mallory.tell("set_view", tiles=[{"track": "x", "width": -1, "height": 1e300}])
        await ana.signalling.request("send_chat", key="1", text="still here")
        await biel.sees(1)
        await mallory.close()
    assert not server.errors()


async def test_hundreds_of_viewers_of_one_address_leave_a_call_alone(server: RunningServer) -> None:
    async with (
        Peer.joined(server, "busy", "Ana", camera=Picture(), microphone=Tone(), video_slots=1) as ana,
        Peer.joined(server, "busy", "Biel", video_slots=1, audio_slots=1) as biel,
        aiohttp.ClientSession() as http,
    ):
        await asyncio.gather(biel.sees(1), biel.hears(1))
        headers = {"Content-Type": "application/sdp"}
        statuses = set()
        async with within("an answer for each viewer", 300):
            for _ in range(VIEWERS):
                async with http.post(
                    f"{server.url}whep/busy", data=attacks.offer(4), headers=headers
                ) as answer:
                    statuses.add(answer.status)
        assert statuses <= {201, 429, 503}
        assert sum((await metric(server, "sfu_viewers")).values()) <= VIEWERS
        await ana.signalling.request("send_chat", key="1", text="still here")
        await asyncio.gather(biel.sees(1), biel.hears(1))
    assert not server.errors()


@pytest.mark.parametrize("name", ["Ana", "Mallory"])
async def test_a_session_that_moves_again_and_again_ends_only_its_own_connections(
    server: RunningServer, name: str
) -> None:
    """Each `resume` closes the connection before it, with the code that says so; nobody else's."""
    async with Peer.joined(server, "busy", "Ana", video_slots=1, audio_slots=1) as ana:
        first = await Signalling.connect(server)
        joined = await first.request("join", room="busy", name=name, sdp=attacks.offer(1), tracks=[])
        lines = [first]
        for _ in range(10):
            line = await Signalling.connect(server)
            await line.request("resume", session=joined["session"], last_seq=0)
            lines.append(line)
        for line in lines[:-1]:
            async with within("the end of a connection that was replaced"):
                await line._reader
            assert line.socket.close_code == 4000
        await lines[-1].request("send_chat", key="1", text="moved")
        await ana.signalling.event("chat_received")
        for line in lines:
            await line.close()
    assert not server.errors()
