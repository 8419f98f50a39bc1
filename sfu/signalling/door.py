"""The door `/ws`: lets our own pages and programs in, and starts their dialogue. See PROTOCOL.md."""

import asyncio

from aiohttp import hdrs, web

from sfu.auth.authenticator import Authenticator
from sfu.auth.origin import OriginPolicy
from sfu.chat.chat import Chat
from sfu.clock import Clock
from sfu.http import reached_at
from sfu.limits import Limits
from sfu.rooms.rooms import Rooms
from sfu.signalling import connection
from sfu.signalling.dialogue import Dialogue, Entrance
from sfu.signalling.handlers import Desk, Joining
from sfu.signalling.rate import RateLimit
from sfu.signalling.sessions import Sessions
from sfu.turns import Turns


class SignallingDoor:
    def __init__(
        self,
        *,
        rooms: Rooms,
        joiner: Joining,
        chat: Chat,
        sessions: Sessions,
        authenticator: Authenticator,
        origins: OriginPolicy,
        limits: Limits,
        clock: Clock,
        turns: Turns,
    ) -> None:
        self._entrance = Entrance(rooms, authenticator, sessions)
        self._joiner = joiner
        self._chat = chat
        self._origins = origins
        self._limits = limits
        self._clock = clock
        self._turns = turns

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/ws", self._serve)]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self._origins.check(request.headers.get(hdrs.ORIGIN), request.host)
        loop = asyncio.get_running_loop()
        line = await connection.opened(request, self._limits.websocket_message_bytes)
        desk = Desk(self._joiner, self._chat, reached_at(request), request.remote)
        limit = RateLimit(self._clock, per_s=self._limits.messages_per_s, burst=self._limits.message_burst)
        dialogue = Dialogue(line, self._entrance, desk, limit, loop)
        await line.run(dialogue, self._clock, loop, self._turns)
        return line.response
