"""One WebSocket: frames in to a :class:`Listener`, frames out at once or through a bounded queue.

Three things end it: either side closes, the peer falls silent, or it reads so slowly that the queue fills;
the last two without a closing handshake, which nobody would read. Knows no message.
"""

import asyncio
import contextlib
import struct
from collections import deque
from typing import Protocol

from aiohttp import web
from aiohttp.http import WSMessage, WSMsgType

from sfu.clock import Clock
from sfu.limits import FIXED
from sfu.log import get_logger
from sfu.signalling.liveness import Liveness
from sfu.signalling.outlet import CloseCode
from sfu.signalling.socket import Socket
from sfu.signalling.timers import Timer, Timers
from sfu.turns import Turns

log = get_logger(__name__)

# One more frame always finds a place behind it, so that the state of a full room with its chat can be told.
QUEUE_BYTES = FIXED.unread_bytes
QUEUE_FRAMES = FIXED.unread_frames
_ENDS = frozenset({WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR})
# What may lie between us and the kernel before frames wait in the queue; the transport bears four times that.
UNSENT_BYTES = 16 * 1024
# For the peer's answer to our close frame.
CLOSE_TIMEOUT_S = 2.0


class Listener(Protocol):
    def on_text(self, text: str) -> None: ...

    def on_binary(self) -> None: ...

    def allows(self) -> bool:
        """Whether a ping is within the peer's limit."""
        ...

    def on_closed(self) -> None: ...


class Connection:
    """An :class:`~sfu.signalling.outlet.Outlet`."""

    def __init__(self, socket: Socket, transport: asyncio.Transport | None) -> None:
        self._socket = socket
        self._transport = transport
        self._queue: deque[tuple[WSMsgType, bytes]] = deque()
        self._queued_bytes = 0
        self._close_code: CloseCode | None = None
        self._is_writing = False
        """The queue, whose end may be on its way still."""
        self._news = asyncio.Event()
        self._is_cut = False
        self._closing_timer: Timer | None = None

    @property
    def response(self) -> web.StreamResponse:
        return self._socket

    # -- outlet ----------------------------------------------------------------------------------

    def send(self, frame: bytes) -> None:
        if not self._send_at_once(frame):
            self._put(WSMsgType.TEXT, frame)

    def close(self, code: CloseCode) -> None:
        if self._close_code is None:
            self._close_code = code
            self._news.set()

    # -- life ------------------------------------------------------------------------------------

    async def run(self, listener: Listener, clock: Clock, timers: Timers, turns: Turns) -> None:
        """Until it is over."""
        liveness = Liveness(clock, timers, ping=self._ping, give_up=self._cut)
        writing = asyncio.create_task(self._write(timers))
        try:
            await self._read(listener, liveness, turns)
        finally:
            liveness.stop()
            listener.on_closed()
            await self._finish(writing)

    async def _read(self, listener: Listener, liveness: Liveness, turns: Turns) -> None:
        while True:
            message = await self._socket.receive()
            liveness.heard()
            if message.type in _ENDS:
                return
            async with turns.turn(len(message.data or "")):
                # Once we close, nothing but the peer's answer to that is of interest.
                if self._close_code is None:
                    self._take(message, listener)
            # A read of 256 KiB may hold thousands of messages, which receive() hands out without a pause.
            await asyncio.sleep(0)

    def _take(self, message: WSMessage, listener: Listener) -> None:
        match message.type:
            case WSMsgType.TEXT:
                listener.on_text(message.data)
            case WSMsgType.BINARY:
                listener.on_binary()
            case WSMsgType.PING:
                if listener.allows():
                    self._put(WSMsgType.PONG, message.data)

    async def _write(self, timers: Timers) -> None:
        """Ends when all is said after :meth:`close`, or the peer is gone."""
        with contextlib.suppress(ConnectionError):
            while self._close_code is None or self._queue:
                await self._news.wait()
                self._news.clear()
                self._is_writing = True
                while self._queue:
                    await self._send_next()
                self._is_writing = False
            self._closing_timer = timers.call_later(CLOSE_TIMEOUT_S, self._cut)
            # Not the socket's own close(), which hangs up at once while another task reads (RFC 6455 §7.1.1
            # wants the peer's close frame first).
            await self._socket.send_frame(struct.pack("!H", self._close_code), WSMsgType.CLOSE)

    async def _send_next(self) -> None:
        kind, frame = self._queue.popleft()
        self._queued_bytes -= len(frame)
        if kind is WSMsgType.TEXT:
            await self._socket.send_text(frame)
        else:
            await self._socket.send_frame(frame, kind)

    async def _finish(self, writing: asyncio.Task[None]) -> None:
        writing.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await writing
        if self._closing_timer is not None:
            self._closing_timer.cancel()
        elif not self._is_cut:
            await self._socket.close()  # the answer to the peer's close frame
        if self._transport is not None:
            self._transport.close()

    def _send_at_once(self, frame: bytes) -> bool:
        """Most events, to most peers: short, and nothing lies before them. The queue and its task would cost
        more than all else about them, once for each member of a large room.
        """
        if (
            self._transport is None
            or self._queue
            or self._is_writing
            or self._close_code is not None
            or self._transport.get_write_buffer_size() > UNSENT_BYTES
            or self._transport.is_closing()
        ):
            return False
        return self._socket.write_short(self._transport, frame)

    def _put(self, kind: WSMsgType, frame: bytes) -> None:
        if self._is_cut or self._socket.closed:
            return
        if len(self._queue) >= QUEUE_FRAMES or self._queued_bytes > QUEUE_BYTES:
            log.info("reads too slowly, cut", queued_bytes=self._queued_bytes)
            self._cut()
            return
        self._queue.append((kind, frame))
        self._queued_bytes += len(frame)
        self._news.set()

    def _ping(self) -> None:
        self._put(WSMsgType.PING, b"")

    def _cut(self) -> None:
        """No closing handshake: the reader wakes with the connection's end."""
        self._is_cut = True
        self._queue.clear()
        self._queued_bytes = 0
        if self._transport is not None:
            self._transport.abort()


async def opened(request: web.Request, largest_message: int) -> Connection:
    """Answers the upgrade."""
    socket = Socket(largest_message=largest_message, close_timeout_s=CLOSE_TIMEOUT_S)
    await socket.prepare(request)
    return Connection(socket, request.transport)
