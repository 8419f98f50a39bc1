"""aiohttp's WebSocket with permessage-deflate that keeps no context between messages (RFC 7692 §7.1.1).

A pair of contexts costs 240 KiB a connection, and most messages are too small to gain from compression.
"""

import asyncio

from aiohttp import hdrs, web
from aiohttp._websocket.writer import WebSocketWriter
from aiohttp.http import WSMsgType

# Below this, deflate saves less than the segment's headers cost.
COMPRESSED_FROM = 1024


class Socket(web.WebSocketResponse):
    def __init__(self, *, largest_message: int, close_timeout_s: float) -> None:
        # Pings and close frames are answered by the connection, whose queue is bounded.
        super().__init__(
            timeout=close_timeout_s, autoping=False, autoclose=False, max_msg_size=largest_message
        )
        self._window_bits: int | None = None

    def _pre_start(self, request: web.BaseRequest) -> tuple[str | None, WebSocketWriter]:
        """Agree to deflate without context takeover, where aiohttp agrees to keep contexts."""
        protocol, writer = super()._pre_start(request)
        if writer.compress:
            self._window_bits = writer.compress
            window = "" if writer.compress == 15 else f"; server_max_window_bits={writer.compress}"
            self.headers[hdrs.SEC_WEBSOCKET_EXTENSIONS] = (
                f"permessage-deflate; server_no_context_takeover; client_no_context_takeover{window}"
            )
            # Per frame instead, with a compressor that is gone afterwards.
            writer.compress = 0
        return protocol, writer

    def write_short(self, transport: asyncio.Transport, text: bytes) -> bool:
        """Without waiting, if it can go as it is."""
        if len(text) >= COMPRESSED_FROM or self.closed:
            return False
        # RFC 6455 §5.2: a whole text frame of a server, unmasked.
        head = b"\x81%c" % len(text) if len(text) < 126 else b"\x81\x7e" + len(text).to_bytes(2)
        transport.write(head + text)
        return True

    async def send_text(self, text: bytes) -> None:
        compress = self._window_bits if len(text) >= COMPRESSED_FROM else None
        await self.send_frame(text, WSMsgType.TEXT, compress)
