"""All sessions of this server: opened, cut, resumed, ended; and what happens in a room told to those in it.

Observes rooms and chat. An event for many is encoded once. Knows no WebSocket; time comes by `timers`.
"""

from collections.abc import Callable, Iterable

from sfu.chat.history import ChatMessage
from sfu.errors import SessionExpired
from sfu.join.requests import SessionHandle
from sfu.rooms import events
from sfu.rooms.events import RoomEvent
from sfu.rooms.room import Room
from sfu.signalling import messages, translate
from sfu.signalling.outlet import CloseCode, Outlet
from sfu.signalling.roster import Roster
from sfu.signalling.session import Session
from sfu.signalling.speaking import SpeakerNews
from sfu.signalling.timers import Timers
from sfu.signalling.wire import EncodedEvent, encode_event


class Sessions:
    def __init__(self, timers: Timers, *, new_secret: Callable[[], str], resume_s: float) -> None:
        self._timers = timers
        self._new_secret = new_secret
        self._resume_s = resume_s
        self._by_secret: dict[str, Session] = {}
        self._by_room: dict[Room, dict[str, Session]] = {}
        self.roster = Roster()
        self._speaker_news = SpeakerNews(timers, self._tell_speakers)

    def __len__(self) -> int:
        return len(self._by_secret)

    # -- the life of a session -------------------------------------------------------------------

    def open(self, handle: SessionHandle, outlet: Outlet) -> Session:
        session = Session(self._new_secret(), handle, outlet)
        self._by_secret[session.secret] = session
        self._by_room.setdefault(handle.room, {})[handle.id] = session
        return session

    def resume(self, secret: str, last_seq: int, outlet: Outlet) -> Session:
        """Sends what was missed. Raises :class:`SessionExpired`."""
        session = self._by_secret.get(secret)
        if session is None:
            raise SessionExpired("That session has ended. Join again.")
        if session.outlet is not None:
            session.outlet.close(CloseCode.REPLACED)
        if session.cut_timer is not None:
            session.cut_timer.cancel()
            session.cut_timer = None
        for frame in session.missed(last_seq):
            outlet.send(frame)
        session.outlet = outlet
        session.handle.room.set_reconnecting(session.participant, False)
        return session

    def cut(self, session: Session, outlet: Outlet) -> None:
        """The connection is gone, not the session; unless it had moved to another connection."""
        if session.outlet is not outlet or session.has_ended:
            return
        session.outlet = None
        session.cut_timer = self._timers.call_later(self._resume_s, lambda: self._lose(session))
        session.handle.room.set_reconnecting(session.participant, True)

    def answered(self, session: Session) -> None:
        """Lost media has a new offer answered: it gets as long again to connect."""
        if session.media_timer is not None:
            self._await_media(session)

    def stop(self) -> None:
        """The server stops: everyone is told."""
        news = encode_event(messages.Ended(seq=0, reason="server_stopped"))
        for session in list(self._by_secret.values()):
            self._end(session, news, CloseCode.GOING_AWAY)

    def _lose(self, session: Session) -> None:
        session.handle.room.leave(session.participant, "lost")

    def _end(self, session: Session, news: EncodedEvent | None, code: CloseCode) -> None:
        session.has_ended = True
        session.stop_timers()
        if news is not None:
            session.tell(news)
        if session.outlet is not None:
            session.outlet.close(code)
        del self._by_secret[session.secret]
        there = self._by_room[session.handle.room]
        del there[session.participant]
        if not there:
            del self._by_room[session.handle.room]

    # -- what happens ----------------------------------------------------------------------------

    def on_room_event(self, room: Room, event: RoomEvent) -> None:
        self.roster.on_room_event(room, event)
        match event:
            case events.SpeakersChanged():
                self._speaker_news.changed(room)
            case events.SlotsChanged(id_):
                self._tell_one(room, id_, lambda: translate.slots(event))
            case events.LayersWanted(id_):
                self._tell_one(room, id_, lambda: translate.layers_wanted(event))
            case events.ParticipantLeft():
                self._on_left(room, event)
            case events.MediaLost(id_):
                self._on_media_lost(room, id_)
            case events.MediaRestored(id_):
                self._on_media_restored(room, id_)
            case events.RoomClosed():
                self._speaker_news.forget(room)
            case _:
                self._tell_all(room, event)

    def on_chat(self, room: Room, message: ChatMessage) -> None:
        there = self._by_room.get(room, {})
        news = encode_event(messages.ChatReceived(seq=0, message=translate.chat_message(message)))
        for session in there.values():
            if message.is_for(session.participant):
                session.tell(news)

    def _tell_all(self, room: Room, event: RoomEvent) -> None:
        message = translate.to_all(event)
        if message is not None:
            self._broadcast(self._by_room.get(room, {}).values(), message)

    def _tell_one(self, room: Room, participant: str, message: Callable[[], messages.Event]) -> None:
        session = self._by_room.get(room, {}).get(participant)
        if session is not None:
            session.tell(encode_event(message()))

    def _tell_speakers(self, room: Room) -> int:
        """Not to cut sessions: they get it all when they resume, and this would push out the rest."""
        there = [session for session in self._by_room.get(room, {}).values() if session.outlet is not None]
        self._broadcast(there, translate.speakers(room.speakers))
        return len(there)

    @staticmethod
    def _broadcast(sessions: Iterable[Session], message: messages.Event) -> None:
        news = encode_event(message)
        for session in sessions:
            session.tell(news)

    def _on_left(self, room: Room, event: events.ParticipantLeft) -> None:
        there = self._by_room.get(room, {})
        leaver = there.get(event.participant)
        if leaver is not None:
            farewell = translate.ended(event)
            self._end(leaver, encode_event(farewell) if farewell else None, CloseCode.NORMAL)
        news = translate.left(event)
        if news is not None:
            self._broadcast(there.values(), news)

    def _on_media_lost(self, room: Room, participant: str) -> None:
        session = self._by_room.get(room, {}).get(participant)
        if session is not None:
            session.tell(encode_event(messages.MediaRestartNeeded(seq=0)))
            self._await_media(session)

    def _await_media(self, session: Session) -> None:
        if session.media_timer is not None:
            session.media_timer.cancel()
        session.media_timer = self._timers.call_later(self._resume_s, lambda: self._lose(session))

    def _on_media_restored(self, room: Room, participant: str) -> None:
        session = self._by_room.get(room, {}).get(participant)
        if session is not None and session.media_timer is not None:
            session.media_timer.cancel()
            session.media_timer = None
