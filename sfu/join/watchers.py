"""What media tells of a session, passed on to its room."""

from sfu.join.half_open import Place
from sfu.join.session import Session
from sfu.log import get_logger
from sfu.media.specs import AdaptReason, LostReason
from sfu.rooms.ports import Shortfall, SlotId, SourceId
from sfu.sdp import CodecName

log = get_logger(__name__)


def _shortfall(reason: AdaptReason | None) -> Shortfall | None:
    """Where it could not be better nothing is amiss: who wants to know asks the API."""
    return None if reason == "tile_is_small" or reason == "no_higher_layer" else reason


class TransportWatcher:
    """Silent until it knows whom to watch, and again once another transport has taken over."""

    def __init__(self, place: Place | None = None) -> None:
        """`place` is given back once the transport is up or lost."""
        self._session: Session | None = None
        self._transport: int | None = None
        self._place = place or Place()
        self.is_connected = False
        self.is_lost = False

    def watch(self, session: Session, transport: int) -> None:
        self._session, self._transport = session, transport

    def hold(self, place: Place) -> None:
        """A place that is given back as soon as the transport is up or lost."""
        self._place = place
        if self.is_connected or self.is_lost:
            place.give_back()

    def on_connected(self) -> None:
        self.is_connected = True
        self._place.give_back()
        session = self._watched()
        if session is not None and session.kind != "whep":
            session.room.media_restored(session.id)

    def on_lost(self, reason: LostReason) -> None:
        self.is_lost = True
        self._place.give_back()
        session = self._watched()
        if session is None:
            return
        log.info("media lost", kind=session.kind, room=session.room.name, id=session.id, reason=reason)
        session.is_lost = True
        if session.kind == "whep":
            session.room.leave_viewer(session.id, "lost")
        else:
            session.room.media_lost(session.id)

    def on_moved(self) -> None:
        """The packet path follows the peer by itself."""

    def _watched(self) -> Session | None:
        session = self._session
        return session if session is not None and session.link.transport == self._transport else None


class SlotWatcher:
    def __init__(self, session: Session) -> None:
        self._session = session
        self.slot = SlotId(0)

    def on_switched(self, source: int | None) -> None:
        """The room has told its participant already."""

    def on_undecodable(self, source: int, codec: CodecName) -> None:
        session = self._session
        log.info("undecodable", room=session.room.name, id=session.id, codec=codec)
        if session.kind == "participant":
            session.room.slot_undecodable(session.id, self.slot, SourceId(source))

    def on_adapted(self, source: int, is_off: bool, reason: AdaptReason | None) -> None:
        session = self._session
        if session.kind == "participant":
            why = _shortfall(reason)
            session.room.slot_adapted(session.id, self.slot, SourceId(source), off=is_off, reason=why)
