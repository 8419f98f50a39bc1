"""The real WebSocket on the loopback interface: what it bears, what it refuses, what it costs to be slow."""

import asyncio
import json
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession, WSMsgType, web
from aiohttp.test_utils import TestServer

from sfu.auth.authenticator import Authenticator
from sfu.auth.origin import OriginPolicy
from sfu.clock import SystemClock
from sfu.errors import SfuError
from sfu.limits import Limits
from sfu.signalling import connection as connections
from sfu.signalling.door import SignallingDoor
from sfu.signalling.outlet import CloseCode
from sfu.signalling.socket import Socket
from sfu.turns import Turns
from tests.unit.signalling.fakes import House

DEADLINE_S = 60


class Street:
    """The door of a house whose media is fake, served on a free port."""

    def __init__(self) -> None:
        self.house = House()
        self.house.world.rooms.add_observer(self)
        self.cut = asyncio.Event()
        self.http: ClientSession
        self.server: TestServer

    def on_room_event(self, room: Any, event: Any) -> None:
        if getattr(event, "reconnecting", False):
            self.cut.set()

    def door(self) -> SignallingDoor:
        house = self.house
        return SignallingDoor(
            rooms=house.world.rooms,
            joiner=house.joiner,
            chat=house.chat,
            sessions=house.sessions,
            authenticator=Authenticator("open", house.tokens),
            origins=OriginPolicy(),
            limits=Limits(),
            clock=SystemClock(),
            turns=Turns(),
        )

    async def connect(self, **options: Any) -> Any:
        return await self.http.ws_connect(self.server.make_url("/ws"), max_msg_size=0, **options)

    async def joined(self, name: str = "Ada", **options: Any) -> Any:
        socket = await self.connect(**options)
        await socket.send_json(join(name))
        assert (await read(socket))["type"] == "joined"
        return socket


@web.middleware
async def errors(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        return await handler(request)
    except SfuError as error:
        return web.json_response({"code": error.code}, status=error.http_status)


@pytest.fixture
async def street() -> AsyncIterator[Street]:
    street = Street()
    application = web.Application(middlewares=[errors])
    application.add_routes(street.door().routes())
    street.server = TestServer(application)
    async with street.server, ClientSession() as http:
        street.http = http
        yield street


def join(name: str = "Ada") -> dict[str, Any]:
    return {"type": "join", "id": 1, "room": "lobby", "name": name, "sdp": "offer", "tracks": []}


async def read(socket: Any) -> dict[str, Any]:
    message = await asyncio.wait_for(socket.receive(), DEADLINE_S)
    assert message.type is WSMsgType.TEXT, message
    return json.loads(message.data)


async def closing(socket: Any) -> int | None:
    """Read to the end; the close code."""
    async with asyncio.timeout(DEADLINE_S):
        async for _ in socket:
            pass
    return socket.close_code


async def test_join_talk_and_leave(street: Street) -> None:
    ada, bob = await street.joined("Ada"), await street.joined("Bob")
    await bob.send_json({"type": "send_chat", "id": 2, "key": "1", "text": "hello"})
    assert (await read(ada))["type"] == "participant_joined"
    assert (await read(ada))["message"]["text"] == "hello"
    await bob.send_json({"type": "leave"})
    assert await closing(bob) == 1000
    assert (await read(ada))["reason"] == "left"


async def test_end_room_answers_before_it_closes(street: Street) -> None:
    ada = await street.joined()
    await ada.send_json({"type": "end_room", "id": 2})
    assert {(await read(ada))["type"], (await read(ada))["type"]} == {"ended", "ok"}
    assert await closing(ada) == 1000


async def test_cut_connection_can_be_resumed(street: Street) -> None:
    ada = await street.connect()
    await ada.send_json(join())
    secret = (await read(ada))["session"]
    ada._writer.transport.abort()
    async with asyncio.timeout(DEADLINE_S):
        await street.cut.wait()
    back = await street.connect()
    await back.send_json({"type": "resume", "id": 1, "session": secret, "last_seq": 0})
    assert [(await read(back))["type"] for _ in range(3)][-1] == "joined"


async def test_resume_closes_the_old_connection(street: Street) -> None:
    ada = await street.connect()
    await ada.send_json(join())
    secret = (await read(ada))["session"]
    back = await street.connect()
    await back.send_json({"type": "resume", "id": 1, "session": secret, "last_seq": 0})
    assert (await read(back))["type"] == "joined"
    assert await closing(ada) == 4000
    await back.send_json({"type": "ping"})
    assert (await read(back))["type"] == "pong"


async def test_foreign_page_is_refused(street: Street) -> None:
    headers = {"Origin": "https://evil.example", "Upgrade": "websocket", "Connection": "Upgrade"}
    async with street.http.get(street.server.make_url("/ws"), headers=headers) as answer:
        assert answer.status == 403
        assert (await answer.json())["code"] == "forbidden"
    own = await street.connect(headers={"Origin": str(street.server.make_url("")).rstrip("/")})
    await own.close()


async def test_plain_http_is_no_websocket(street: Street) -> None:
    async with street.http.get(street.server.make_url("/ws")) as answer:
        assert answer.status == 400


async def test_compression_keeps_no_context(street: Street) -> None:
    key = {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    offer = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade"}
    url = street.server.make_url("/ws")
    async with street.http.get(url, headers={**key, **offer, **upgrade}) as answer:
        assert answer.status == 101
        extensions = answer.headers["Sec-WebSocket-Extensions"]
    assert extensions == "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


async def test_compressed_messages_cross_in_both_directions(street: Street) -> None:
    ada, bob = await street.joined("Ada", compress=15), await street.joined("Bob")
    assert (await read(ada))["type"] == "participant_joined"
    text = "all work and no play " * 500
    for key in ("1", "2"):
        await ada.send_json({"type": "send_chat", "id": 2, "key": key, "text": text})
        assert (await read(ada))["message"]["text"] == text
        assert (await read(ada))["type"] == "ok"
        assert (await read(bob))["message"]["text"] == text


async def test_message_that_inflates_beyond_the_limit_is_too_big(street: Street) -> None:
    ada = await street.joined(compress=15)
    deflate = zlib.compressobj(wbits=-15)
    bomb = deflate.compress(b" " * (100 << 20)) + deflate.flush(zlib.Z_SYNC_FLUSH)
    assert len(bomb) < 1 << 20
    transport = ada._writer.transport
    header = bytes([0xC1, 0xFF]) + len(bomb).to_bytes(8) + bytes(4)
    transport.write(header + bomb)
    assert await closing(ada) == 1009


async def test_message_of_100_megabytes_is_refused_at_its_header(street: Street) -> None:
    ada = await street.joined()
    transport = ada._writer.transport
    transport.write(bytes([0x81, 0xFF]) + (100 << 20).to_bytes(8) + bytes(4) + b" " * 65536)
    assert await closing(ada) == 1009


async def test_binary_frame_is_refused(street: Street) -> None:
    ada = await street.joined()
    await ada.send_bytes(b"\x00")
    assert (await read(ada))["code"] == "bad_message"
    assert await closing(ada) == 1003


async def test_text_that_is_no_utf8_is_refused(street: Street) -> None:
    ada = await street.joined()
    ada._writer.transport.write(bytes([0x81, 0x81, 0, 0, 0, 0, 0xFF]))
    assert await closing(ada) == 1007


async def test_deep_json_is_a_bad_message(street: Street) -> None:
    ada = await street.joined()
    await ada.send_str("[" * 900_000)
    assert (await read(ada))["code"] == "bad_message"
    await ada.send_json({"type": "ping"})
    assert (await read(ada))["type"] == "pong"


async def test_ping_frames_are_answered_within_the_limit(street: Street) -> None:
    ada = await street.joined(autoping=False)
    await ada.ping(b"you?")
    message = await asyncio.wait_for(ada.receive(), DEADLINE_S)
    assert (message.type, bytes(message.data)) == (WSMsgType.PONG, b"you?")


async def test_who_reads_too_slowly_is_cut_and_others_are_not(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "QUEUE_FRAMES", 20)
    slow, ada = await street.joined("Slow"), await street.joined("Ada")
    slow._writer.transport.pause_reading()
    room = street.house.world.room
    sleeper = room.participants[0]

    async def talk() -> None:
        author = room.participants[1].id
        for number in range(100_000):
            street.house.chat.send(room, author, key=str(number), text="x" * 16_000)
            await read(ada)
            if sleeper.reconnecting:
                return

    await asyncio.wait_for(talk(), DEADLINE_S)
    assert sleeper.reconnecting
    await ada.send_json({"type": "ping"})
    while (await read(ada))["type"] != "pong":
        pass
    slow._writer.transport.abort()


async def test_state_larger_than_the_queue_is_told(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "QUEUE_BYTES", 1000)
    await street.joined("Ada")
    room = street.house.world.room
    for number in range(50):
        street.house.chat.send(room, room.participants[0].id, key=str(number), text="x" * 16_000)
    bob = await street.connect()
    await bob.send_json(join("Bob"))
    assert len((await read(bob))["chat"]) == 50


async def test_short_and_long_messages_keep_their_order(street: Street) -> None:
    """Short ones go at once, long ones are compressed, the longest in another thread."""
    ada = await street.joined("Ada", compress=15)
    room = street.house.world.room
    lengths = [1, 900, 2_000, 3, 16_384, 5, 16_384, 700, 2_500, 9] * 5
    for number, length in enumerate(lengths):
        street.house.chat.send(room, room.participants[0].id, key=str(number), text="x" * length)
        if number % 7 == 0:
            await asyncio.sleep(0)
    told = [await read(ada) for _ in lengths]
    assert [len(message["message"]["text"]) for message in told] == lengths
    assert [message["seq"] for message in told] == list(range(told[0]["seq"], told[0]["seq"] + len(told)))


class Unread(asyncio.Transport):
    """A peer that takes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.is_aborted = False

    def write(self, data: Any) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return len(self.written)

    def is_closing(self) -> bool:
        return self.is_aborted

    def abort(self) -> None:
        self.is_aborted = True


async def test_short_messages_do_not_pile_up_before_a_peer_that_reads_none() -> None:
    transport = Unread()
    socket = Socket(largest_message=1000, close_timeout_s=1)
    line = connections.Connection(socket, transport)
    frame = b"x" * 300
    for _ in range(connections.UNSENT_BYTES // len(frame) + connections.QUEUE_FRAMES + 10):
        line.send(frame)
    assert len(transport.written) <= connections.UNSENT_BYTES + 2 * len(frame)
    assert transport.is_aborted


async def test_nothing_goes_behind_a_close() -> None:
    transport = Unread()
    line = connections.Connection(Socket(largest_message=1000, close_timeout_s=1), transport)
    line.send(b"before")
    line.close(CloseCode.NORMAL)
    line.send(b"after")
    assert bytes(transport.written) == b"\x81\x06before"


@pytest.mark.parametrize("length", [0, 125, 126, 1023])
async def test_frames_that_go_at_once_have_the_form_of_all_others(length: int) -> None:
    transport = Unread()
    assert Socket(largest_message=1000, close_timeout_s=1).write_short(transport, b"x" * length)
    head = bytes([0x81, length]) if length < 126 else bytes([0x81, 126, *divmod(length, 256)])
    assert bytes(transport.written) == head + b"x" * length
