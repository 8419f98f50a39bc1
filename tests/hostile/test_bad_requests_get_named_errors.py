"""HTTP that no honest program sends: an error with a name and nothing else, for every kind on one server."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import pytest
from yarl import URL

from tests.hostile import attacks
from tests.hostile.looking import room
from tests.peers import Peer
from tests.server import RunningServer
from tests.waiting import DEADLINE_S, within

SDP = {"Content-Type": "application/sdp"}
OFFER = attacks.offer()
SENDING = attacks.offer(direction="sendonly")


async def endless() -> AsyncIterator[bytes]:
    for _ in range(1000):
        yield b"x" * 65536


BAD_BODIES: dict[str, tuple[dict[str, str], Any, int]] = {
    "no type": ({}, OFFER.encode(), 415),
    "JSON": ({"Content-Type": "application/json"}, b"{}", 415),
    "empty": (SDP, b"", 400),
    "not SDP": (SDP, b"hello", 400),
    "not UTF-8": (SDP, b"v=0\r\n\xff\xfe", 400),
    "600 kB": (SDP, b"v=0" + b"x" * 600_000, 413),
    "endless": (SDP, endless, 413),
    "10 000 m-lines": (SDP, (attacks.HEAD + "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" * 10_000).encode(), 400),
    "no fingerprint": (SDP, OFFER.replace("a=fingerprint", "a=x").encode(), 422),
    "bomb": (SDP | {"Content-Encoding": "deflate"}, b"x\x9c\x03", 400),
}


@pytest.mark.parametrize("door", ["whip", "whep"])
async def test_bad_bodies_are_refused_by_name(server: RunningServer, door: str) -> None:
    async with aiohttp.ClientSession() as http:
        for kind, (headers, body, status) in BAD_BODIES.items():
            data = body() if callable(body) else body
            try:
                async with http.post(f"{server.url}{door}/kitchen", data=data, headers=headers) as response:
                    assert (kind, response.status // 100) == (kind, 4)
                    if kind != "bomb":
                        assert (kind, response.status) == (kind, status), await response.text()
                        assert (await response.json())["error"]["code"]
            except (ConnectionError, aiohttp.ClientConnectionError):
                assert kind == "endless"  # the server need not take the rest
    assert not server.errors()


ODD_PATHS = (
    "assets/..%2f..%2f..%2fapp.py",
    "assets/%2e%2e/%2e%2e/app.py",
    "assets/..%5c..%5capp.py",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "//etc/passwd",
    "assets//etc/passwd",
    "assets/x%00.js",
    ".env",
    "app.py",
    "api/v1/rooms/%0d%0aSet-Cookie:a=b",
    "api/v1/rooms/" + quote("\u202eroom"),
    "api/v1/rooms/" + "x" * 5000,
    "whip/kitchen/guess",
    "whep/kitchen/..%2f..",
    "ws/../metrics/x",
    "healthz/media/../../x",
)


async def test_odd_paths_lead_nowhere(server: RunningServer) -> None:
    async with aiohttp.ClientSession() as http:
        for path in ODD_PATHS:
            url = URL(server.url + path, encoded=True)
            async with http.get(url) as response:
                text = await response.text()
                assert 400 <= response.status < 500, (path, response.status)
                assert "Set-Cookie" not in response.headers
                assert "root:" not in text
                assert "import" not in text
    assert not server.errors()


RAW = {
    "header of 100 kB": b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    "line of 100 kB": b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "10 000 headers": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",
    "two lengths": b"POST /whip/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "length and chunks": (
        b"POST /whip/x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "a huge chunk": b"POST /whip/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    "not HTTP": b"\x16\x03\x01\x00\xf8" + bytes(500),
}


@pytest.mark.parametrize("kind", RAW)
async def test_broken_http_is_refused_and_hung_up(server: RunningServer, kind: str) -> None:
    address = urlsplit(server.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(RAW[kind])
    writer.write_eof()
    async with within("an answer"):
        try:
            answer = await reader.read()
        except ConnectionError:
            answer = b""  # it had not read all that it refused
    assert answer == b"" or answer.split(b" ", 2)[1][:1] == b"4"
    writer.close()
    assert not server.errors()


async def test_no_guess_ends_or_takes_over_a_session(server: RunningServer) -> None:
    """Neither a WHIP session nor a WebSocket's: the ids that everybody sees are not the secrets."""
    async with (
        aiohttp.ClientSession() as http,
        Peer.joined(server, "guess", "Ana", video_slots=1, audio_slots=1) as ana,
    ):
        async with http.post(f"{server.url}whip/guess?name=OBS", data=SENDING, headers=SDP) as response:
            assert response.status == 201
            location = response.headers["Location"]
        secret = location.rpartition("/")[2]
        assert len(secret) >= 20
        seen = [person["id"] for person in (await room(server, "guess"))["participants"]]
        assert len(seen) == 2
        assert secret not in seen
        for guess in (*seen, secret[:-1], secret + "x", secret.swapcase(), ana.joined_reply["session"]):
            async with http.delete(f"{server.url}whip/guess/{guess}") as response:
                assert response.status == 404
        async with http.delete(f"{server.url}whep/guess/{secret}") as response:
            assert response.status == 404
        for guess in (*seen, secret, ana.joined_reply["session"][:-1]):
            async with http.ws_connect(server.websocket_url) as socket:
                await socket.send_json({"type": "resume", "id": 1, "session": guess, "last_seq": 0})
                assert (await socket.receive_json(timeout=DEADLINE_S))["code"] == "session_expired"
        assert len((await room(server, "guess"))["participants"]) == 2
    assert not server.errors()
