"""The door for programs: publish by WHIP (RFC 9725), play by WHEP (draft-ietf-wish-whep).

    POST /whip/{room}, /whep/{room}   an offer in, an answer and the session's URL out
    DELETE <session's URL>            the end; the session also ends with its media

A session's URL holds a secret, so that nobody else can end it in open mode; in token mode it takes a good
token as well. Knows no signalling.
"""

from functools import partial
from urllib.parse import quote

from aiohttp import web

from sfu.auth.authenticator import Authenticator, bearer
from sfu.auth.grants import Grant
from sfu.errors import NotFound
from sfu.http import reached_at
from sfu.ids import secret
from sfu.join import Joiner, JoinKind, JoinRequest, SessionHandle
from sfu.rooms.names import in_one_spelling
from sfu.turns import Turns
from sfu.whip.http import SDP, Handler, answered, preflight, read_sdp

# Of a publisher whose URL and token name none.
DEFAULT_NAME = "Stream"


class WhipDoor:
    def __init__(
        self,
        *,
        joiner: Joiner,
        authenticator: Authenticator,
        sdp_limit: int,
        turns: Turns,
    ) -> None:
        self._joiner = joiner
        self._authenticator = authenticator
        self._sdp_limit = sdp_limit
        self._turns = turns
        self._sessions: dict[str, SessionHandle] = {}
        """By the secret in their URL."""

    def routes(self) -> list[web.RouteDef]:
        kinds: tuple[JoinKind, ...] = ("whip", "whep")
        return [route for kind in kinds for route in self._routes(kind)]

    def _routes(self, kind: JoinKind) -> list[web.RouteDef]:
        endpoint, session = f"/{kind}/{{room}}", f"/{kind}/{{room}}/{{session}}"
        return [
            web.post(endpoint, answered(partial(self._join, kind))),
            web.options(endpoint, _options("POST", "OPTIONS")),
            web.delete(session, answered(partial(self._leave, kind))),
            web.options(session, _options("DELETE", "OPTIONS")),
        ]

    async def _join(self, kind: JoinKind, request: web.Request) -> web.Response:
        room = request.match_info["room"]
        grant = self._grant(request, room)
        sdp = await read_sdp(request, self._sdp_limit)
        key = secret()
        async with self._turns.turn(len(sdp)):
            joined = self._joiner.join(
                JoinRequest(
                    kind=kind,
                    room=room,
                    grant=grant,
                    sdp=sdp,
                    name=request.query.get("name", DEFAULT_NAME),
                    play=request.query.get("source") or None,
                    reached_at=reached_at(request),
                    came_from=request.remote,
                    on_ended=lambda _reason: self._forget(key),
                )
            )
        self._sessions[key] = joined.session
        return web.Response(
            status=201,
            text=joined.answer,
            content_type=SDP,
            headers={
                "Location": f"/{kind}/{quote(joined.session.room.name, safe='')}/{key}",
                "ETag": f'"{secret()}"',
            },
        )

    async def _leave(self, kind: JoinKind, request: web.Request) -> web.Response:
        room = request.match_info["room"]
        self._grant(request, room)
        handle = self._sessions.get(request.match_info["session"])
        # A token for one room must not end a session in another.
        if handle is None or (handle.kind, handle.room.name) != (kind, in_one_spelling(room)):
            raise NotFound("There is no such session, or it has ended.")
        self._joiner.leave(handle)
        return web.Response(status=200)

    def _grant(self, request: web.Request, room: str) -> Grant:
        return self._authenticator.authenticate(bearer(request.headers.get("Authorization")), room)

    def _forget(self, key: str) -> None:
        self._sessions.pop(key, None)


def _options(*methods: str) -> Handler:
    async def options(_request: web.Request) -> web.Response:
        return preflight(*methods)

    return answered(options)
