"""What is said over one connection: first `join` (perhaps prepared) or `resume`, then what a session may say.

    text ─► rate limit ─► decode ─► enter, or handler ─► reply

Sans-IO: frames come in by calls and go out through the outlet. Knows no WebSocket.
"""

from dataclasses import dataclass

from sfu.auth.authenticator import Authenticator
from sfu.auth.grants import Grant
from sfu.errors import BadMessage, NotJoined, RateLimited, SessionExpired, SfuError
from sfu.join.lobby import Preparation
from sfu.join.requests import JoinRequest
from sfu.limits import FIXED
from sfu.log import get_logger
from sfu.rooms.rooms import Rooms
from sfu.signalling import handlers, messages, translate, wire
from sfu.signalling.entry import EntryWatch
from sfu.signalling.handlers import Desk
from sfu.signalling.messages import ClientMessage
from sfu.signalling.outlet import CloseCode, Outlet
from sfu.signalling.rate import RateLimit
from sfu.signalling.session import Session
from sfu.signalling.sessions import Sessions
from sfu.signalling.timers import Timer, Timers

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Entrance:
    """What a connection needs to become, or go on with, a session."""

    rooms: Rooms
    authenticator: Authenticator
    sessions: Sessions


class Dialogue:
    def __init__(
        self, outlet: Outlet, entrance: Entrance, desk: Desk, limit: RateLimit, timers: Timers
    ) -> None:
        self._outlet = outlet
        self._entrance = entrance
        self._desk = desk
        self._limit = limit
        self._session: Session | None = None
        self._timers = timers
        self._preparation: Preparation | None = None
        self._watch: EntryWatch | None = None
        self._overdue: Timer | None = timers.call_later(FIXED.join_timeout_s, self._join_is_overdue)

    @property
    def session(self) -> Session | None:
        return self._session

    def on_text(self, text: str) -> None:
        if not self.allows(len(text)):
            self._refuse(RateLimited("Too many messages."), wire.id_of(text))
            return
        try:
            self._take(wire.decode(text))
        except SfuError as error:
            self._refuse(error, wire.id_of(text))
        except Exception:  # the door: our mistake must not end the caller's session
            log.exception("message broke its handler", participant=self._name())
            self._refuse(SfuError("Something broke in the server."), wire.id_of(text))

    def on_binary(self) -> None:
        self._refuse(BadMessage("Messages are text frames."), None)
        self._outlet.close(CloseCode.UNSUPPORTED_DATA)

    def on_closed(self) -> None:
        self._stop_waiting()
        self._drop_preparation()
        if self._session is not None:
            self._entrance.sessions.cut(self._session, self._outlet)

    def allows(self, size: int = 0) -> bool:
        """Whether one more frame is within the limit. Far beyond it the connection ends."""
        allowed = self._limit.take(size)
        if self._limit.is_abused:
            self._outlet.close(CloseCode.POLICY)
        return allowed

    def _take(self, message: ClientMessage) -> None:
        if self._session is None:
            self._enter(message)
        elif self._session.outlet is self._outlet:
            reply = handlers.handle(self._desk, self._session, message)
            if isinstance(reply, messages.Answer):
                self._entrance.sessions.answered(self._session)
            if reply is not None:
                self._outlet.send(wire.encode(reply))

    def _enter(self, message: ClientMessage) -> None:
        match message:
            case messages.Prepare():
                self._prepare(message)
            case messages.Join():
                self._join(message)
            case messages.Resume():
                self._resume(message)
            case messages.Leave():
                self._outlet.close(CloseCode.NORMAL)
            case messages.Ping():
                self._outlet.send(wire.encode(messages.Pong()))
            case _:
                raise NotJoined("Join or resume first.")

    def _prepare(self, message: messages.Prepare) -> None:
        """Another one takes the place of the one before."""
        request = self._request(message, name="")
        self._drop_preparation()
        self._preparation = self._desk.joiner.prepare(request)
        self._stop_waiting()
        self._overdue = self._timers.call_later(FIXED.lobby_s, self._join_is_overdue)
        answer = self._preparation.answer
        self._outlet.send(wire.encode(messages.Prepared(id=message.id, sdp=answer)))
        # Not the message, whose offer is as long as a stranger likes.
        room, token = message.room, message.token
        self._watch = EntryWatch(self._timers, self._outlet, lambda: self._check_entry(room, token))

    def _join(self, message: messages.Join) -> None:
        joiner, request = self._desk.joiner, self._request(message, name=message.name)
        if message.sdp is None:
            preparation = self._taken_preparation()
            if preparation is None:
                raise SessionExpired("Nothing is prepared. Join with an offer.")
            joined = joiner.enter(request, preparation)
        else:
            self._drop_preparation()
            joined = joiner.join(request)
        if message.pictures > 0:
            handlers.show_first(joined.session, message.pictures)
        session = self._entrance.sessions.open(joined.session, self._outlet)
        self._begin(session, message.id, None if message.sdp is None else joined.answer)

    def _request(self, message: messages.Prepare | messages.Join, *, name: str) -> JoinRequest:
        grant = self._grant(message.room, message.token)
        return JoinRequest(
            kind="participant",
            room=grant.room,
            grant=grant,
            sdp=message.sdp or "",
            name=name,
            tracks=handlers.hints(message.tracks),
            reached_at=self._desk.reached_at,
            came_from=self._desk.came_from,
        )

    def _grant(self, room: str, token: str | None) -> Grant:
        # The token is for the room as it is really called, whichever way it was spelt.
        return self._entrance.authenticator.authenticate(token, self._entrance.rooms.checked_name(room))

    def _check_entry(self, room: str, token: str | None) -> None:
        grant = self._grant(room, token)
        self._entrance.rooms.check_entry(grant.room, grant.role)

    def _resume(self, message: messages.Resume) -> None:
        session = self._entrance.sessions.resume(message.session, message.last_seq, self._outlet)
        self._drop_preparation()
        self._begin(session, message.id, None)

    def _begin(self, session: Session, id_: int, sdp: str | None) -> None:
        self._session = session
        self._stop_waiting()
        room = session.handle.room
        joined = translate.joined(
            id_=id_,
            secret=session.secret,
            seq=session.seq,
            room=room,
            whose=room.participant(session.participant),
            others=self._entrance.sessions.roster.of(room),
            chat=self._desk.chat.history(room, session.participant),
            ends_at=self._entrance.rooms.ends_at,
            sdp=sdp,
        )
        self._outlet.send(wire.encode(joined))

    def _join_is_overdue(self) -> None:
        self._overdue = None
        self._refuse(NotJoined("No join came in time."), None)
        self._drop_preparation()
        self._outlet.close(CloseCode.POLICY)

    def _stop_waiting(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None

    def _taken_preparation(self) -> Preparation | None:
        """What was prepared, which is the caller's from here on."""
        if self._watch is not None:
            self._watch.stop()
        preparation, self._preparation, self._watch = self._preparation, None, None
        return preparation

    def _drop_preparation(self) -> None:
        preparation = self._taken_preparation()
        if preparation is not None:
            self._desk.joiner.drop(preparation)

    def _refuse(self, error: SfuError, id_: int | None) -> None:
        code: messages.ErrorCode = error.code  # type: ignore[assignment]
        self._outlet.send(wire.encode(messages.Error(code=code, message=error.message, id=id_)))

    def _name(self) -> str | None:
        return self._session.participant if self._session else None
