"""Attackers who come through the front door: each keeps at it for some seconds, with nothing but a URL.

Every attack is a coroutine (server's URL, seconds) that returns how many blows it dealt; being refused or
disconnected is part of it. They are bounded in time and number and speak to the loopback only. For a bench they
can run in a process of their own: :func:`run`.
"""

import asyncio
import contextlib
import itertools
import json
import socket
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit

import aiohttp

Attack = Callable[[str, float], Awaitable[int]]

ATTACKERS = 4
MIB = 1 << 20

HEAD = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
SECURITY = (
    "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=setup:actpass\r\n"
    "a=fingerprint:sha-256 " + ":".join(["AB"] * 32) + "\r\n"
)


def section(mid: int, direction: str = "recvonly", more: str = "") -> str:
    """An m-section that any browser could have offered."""
    return (
        f"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=rtcp-mux\r\na={direction}\r\n"
        f"a=rtpmap:111 opus/48000/2\r\n{more}"
    )


def offer(sections: int = 1, more: str = "", direction: str = "recvonly") -> str:
    """Good enough to be answered, from a peer who never speaks ICE."""
    group = "a=group:BUNDLE " + " ".join(map(str, range(sections))) + "\r\n"
    return HEAD + group + SECURITY + "".join(section(mid, direction, more) for mid in range(sections))


def heavy_offers() -> list[str]:
    """Each as large as it may be or a little larger, and of another kind."""
    formats = "".join(
        f"a=rtpmap:{96 + n % 32} opus/48000/2\r\na=fmtp:{96 + n % 32} x={n}\r\n" for n in range(300)
    )
    return [
        HEAD + "a=x:" + "x" * 600_000,
        HEAD + SECURITY + "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" * 10_000,
        HEAD + SECURITY + "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" * 128 + "a=\r\n" * 100_000,
        offer(31, more=formats),
        offer(128, more="a=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\n" * 70),
        offer(1, more="a=ssrc:1 cname:x\r\n" * 25_000),
        offer(1, more="a=fingerprint:sha-256 00\r\n" * 15_000),
    ]


def join(sdp: str, room: str = "hostile", name: str = "Mallory") -> str:
    return json.dumps({"type": "join", "id": 1, "room": room, "name": name, "sdp": sdp, "tracks": []})


@contextlib.asynccontextmanager
async def websocket(url: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
        http.ws_connect(f"{url}ws", compress=15, max_msg_size=0) as connected,
    ):
        yield connected


async def drained(connected: aiohttp.ClientWebSocketResponse) -> None:
    async for _ in connected:
        pass


async def tirelessly(
    url: str, duration_s: float, messages: Callable[[], list[str]], pause_s: float = 0.0
) -> int:
    """`messages` over and over on a few connections, and a new connection whenever one is closed."""
    until, counter = time.monotonic() + duration_s, itertools.count()

    async def one() -> None:
        with contextlib.suppress(aiohttp.ClientError, ConnectionError):
            async with websocket(url) as connected:
                reading = asyncio.create_task(drained(connected))
                for message in itertools.cycle(messages()):
                    if time.monotonic() > until or connected.closed:
                        break
                    await connected.send_str(message)
                    next(counter)
                    await asyncio.sleep(pause_s)
                reading.cancel()

    async def another() -> None:
        while time.monotonic() < until:
            await one()

    await asyncio.gather(*(another() for _ in range(ATTACKERS)))
    return next(counter)


async def heavy_sdp(url: str, duration_s: float) -> int:
    texts = [join(sdp) for sdp in heavy_offers()]
    return await tirelessly(url, duration_s, lambda: texts)


async def messages(url: str, duration_s: float) -> int:
    """1000 a second on each connection, in a room and outside."""
    chat = [
        json.dumps({"type": "send_chat", "id": n, "key": str(n), "text": "spam" * 100})
        for n in range(2, 1000)
    ]
    odd = [
        '{"type":"obey"}',
        "[" * 50_000,
        '{"type":"ping"}',
        '{"type":"resume","id":1,"session":"x","last_seq":0}',
    ]
    return await tirelessly(url, duration_s, lambda: [join(offer()), *chat, *odd], pause_s=0.001)


async def bombs(url: str, duration_s: float) -> int:
    """Frames of 1 KiB that inflate to almost 1 MiB each, hundreds in one segment."""
    return await tirelessly(url, duration_s, lambda: ['{"type":"' + "x" * (MIB - 100)])


def bomb_frames(count: int, inflated: int = MIB - 100) -> bytes:
    """Masked, compressed text frames (RFC 7692) as raw bytes."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = (deflate.compress(b"0" * inflated) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]
    return (bytes((0xC1, 0x80 | 126)) + len(body).to_bytes(2, "big") + bytes(4) + body) * count


async def half_open_joins(url: str, duration_s: float) -> int:
    """Offers that are answered, by peers who never send a packet."""
    until, made = time.monotonic() + duration_s, 0
    sdp = offer(1)
    async with aiohttp.ClientSession() as http:
        while time.monotonic() < until and made < 500:
            headers = {"Content-Type": "application/sdp"}
            async with http.post(f"{url}whep/hostile{made % 50}", data=sdp, headers=headers) as response:
                made += response.status == 201
    return made


async def requests(url: str, duration_s: float) -> int:
    """Dear pages as fast as they come."""
    until, counter = time.monotonic() + duration_s, itertools.count()
    paths = ("metrics", "api/v1/rooms", "healthz/media", "api/v1/rooms/calm", "nothing?" + "x" * 7000)

    async def one(http: aiohttp.ClientSession) -> None:
        for path in itertools.cycle(paths):
            if time.monotonic() > until:
                return
            async with http.get(url + path) as response:
                await response.read()
            next(counter)

    async with aiohttp.ClientSession() as http:
        await asyncio.gather(*(one(http) for _ in range(ATTACKERS)))
    return next(counter)


async def idle_connections(url: str, duration_s: float, count: int = 1000) -> int:
    """Half of them WebSockets without a join, half without a whole request."""
    address = (urlsplit(url).hostname, urlsplit(url).port)
    upgrade = (
        b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with contextlib.ExitStack() as stack:
        for number in range(count):
            one = stack.enter_context(socket.create_connection(address, timeout=10))
            one.sendall(upgrade if number % 2 else b"GET / HTTP/1.1\r\nX: ")
            await asyncio.sleep(0.001)
        await asyncio.sleep(max(0.0, duration_s - count * 0.001))
    return count


ATTACKS: dict[str, Attack] = {
    "heavy SDP": heavy_sdp,
    "messages": messages,
    "bombs": bombs,
    "half-open joins": half_open_joins,
    "requests": requests,
    "idle connections": idle_connections,
}


def run(name: str, url: str, duration_s: float) -> int:
    """One attack in this process."""
    return asyncio.run(ATTACKS[name](url, duration_s))
