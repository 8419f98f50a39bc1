"""Whatever comes over the WebSocket: a named error or a close for its sender, nothing for the others."""

import json
import time

import aiohttp
import pytest

from tests.peers import Peer, Signalling
from tests.server import RunningServer
from tests.waiting import DEADLINE_S

PER_SECOND, BURST = 50, 100
"""Messages that one connection may send."""

DEEP = "[" * 100_000 + "]" * 100_000

BAD_TEXTS = {
    "not JSON": "hello",
    "deep JSON": DEEP,
    "deep field": '{"type":"join","id":1,"tracks":' + DEEP + "}",
    "unknown type": json.dumps({"type": "obey", "id": 1}),
    "no type": json.dumps({"id": 1}),
    "wrong field": json.dumps({"type": "join", "id": "one"}),
    "not an object": "17",
    "before join": json.dumps({"type": "send_chat", "id": 1, "key": "k", "text": "hi"}),
}


async def end_of(socket: aiohttp.ClientWebSocketResponse) -> list[dict[str, object]]:
    """All messages until the server closes."""
    return [json.loads(message.data) async for message in socket if message.type is aiohttp.WSMsgType.TEXT]


@pytest.mark.parametrize("kind", BAD_TEXTS)
async def test_a_bad_message_is_refused_by_name(server: RunningServer, kind: str) -> None:
    async with aiohttp.ClientSession() as http, http.ws_connect(server.websocket_url) as socket:
        await socket.send_str(BAD_TEXTS[kind])
        reply = await socket.receive_json(timeout=DEADLINE_S)
        assert reply["type"] == "error"
        assert reply["code"] in {"bad_message", "too_large", "not_joined"}
    assert not server.errors()


async def test_a_huge_frame_is_not_read_to_its_end(server: RunningServer) -> None:
    before = server.resident_bytes
    async with aiohttp.ClientSession() as http, http.ws_connect(server.websocket_url) as socket:
        try:
            await socket.send_bytes(bytes(100 << 20), compress=0)
            await end_of(socket)
        except (ConnectionError, aiohttp.ClientError):
            was_cut = True  # the server need not wait for the rest
        else:
            was_cut = False
        assert was_cut or socket.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
    assert server.resident_bytes - before < 32 << 20
    assert not server.errors()


async def test_a_bomb_of_compressed_zeros_is_refused(server: RunningServer) -> None:
    before = server.resident_bytes
    async with aiohttp.ClientSession() as http, http.ws_connect(server.websocket_url, compress=15) as socket:
        try:
            await socket.send_str("0" * (64 << 20), compress=15)
            await end_of(socket)
        except (ConnectionError, aiohttp.ClientError):
            pass
    assert server.resident_bytes - before < 48 << 20
    assert not server.errors()


async def test_a_torrent_of_messages_is_limited_and_others_go_on(server: RunningServer) -> None:
    async with (
        Peer.joined(server, "torrent", "Ana", video_slots=1, audio_slots=1) as ana,
        Peer.joined(server, "torrent", "Mallory", video_slots=1, audio_slots=1) as mallory,
    ):
        started = time.monotonic()
        for number in range(1000):
            try:
                await mallory.signalling.tell("send_chat", id=1000 + number, key=str(number), text="spam")
            except (ConnectionError, aiohttp.ClientError):
                break
        await ana.signalling.request("send_chat", key="calm", text="still here")
        spam = [
            e
            for e in ana.signalling.events
            if e["type"] == "chat_received" and e["message"]["text"] == "spam"
        ]
        allowed = BURST + PER_SECOND * (time.monotonic() - started)
        assert len(spam) <= allowed
    assert not server.errors()


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example"])
async def test_a_foreign_page_may_not_connect(server: RunningServer, origin: str) -> None:
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(server.websocket_url, headers={"Origin": origin})
    assert refused.value.status == 403


async def test_the_own_page_may_connect(server: RunningServer) -> None:
    signalling = await Signalling.connect(server, headers={"Origin": server.url.rstrip("/")})
    await signalling.close()
