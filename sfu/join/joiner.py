"""The one way in, for every door: an offer comes, someone stands in a room, an answer goes back.

    offer ─► plan (pure) ─► transport ─► room ─► sources, slots ─► answer

Each step leaves its undoing behind until all have succeeded, so that a refused or broken join leaves
nothing: no transport, source, slot, participant or room. All of it happens in one turn of the event loop.
Knows no door, WebSocket or HTTP.
"""

from collections.abc import Sequence
from contextlib import ExitStack

from sfu.errors import BadOffer, Forbidden, NotFound, UnsupportedMedia
from sfu.join.assembly import Assembly, open_link
from sfu.join.half_open import HalfOpen, Place
from sfu.join.lobby import Lobby, Preparation
from sfu.join.plan import Plan, check_same_sections, make_plan
from sfu.join.requests import Joined, JoinRequest, SessionHandle, TrackHint
from sfu.join.session import Link, Session
from sfu.join.specs import JoinMedia, remote_transport
from sfu.join.watchers import TransportWatcher
from sfu.limits import Limits
from sfu.log import get_logger
from sfu.rooms import events
from sfu.rooms.events import LeaveReason, RoomEvent
from sfu.rooms.ports import TransportId
from sfu.rooms.room import Room
from sfu.rooms.rooms import Rooms
from sfu.rooms.track import Track
from sfu.sdp import Candidate, MediaKind, NegotiatedSection

log = get_logger(__name__)

_KINDS: Sequence[MediaKind] = ("video", "audio")


class Joiner:
    def __init__(self, rooms: Rooms, media: JoinMedia, limits: Limits) -> None:
        self._rooms = rooms
        self._media = media
        self._limits = limits
        self._half_open = HalfOpen(limits.half_open_joins)
        self._lobby = Lobby(rooms, media, limits)
        self._sessions: dict[str, Session] = {}
        """By id of the participant or viewer."""
        rooms.add_observer(self)

    def join(self, request: JoinRequest) -> Joined:
        """Raises what :func:`~sfu.join.plan.make_plan` and :meth:`Rooms.join` raise, Forbidden and
        RateLimited.
        """
        if request.kind == "whip" and not request.grant.may_publish:
            raise Forbidden("Your role does not allow sending media.")
        plan = make_plan(
            request.sdp,
            request.kind,
            may_publish=request.grant.may_publish,
            hints=request.tracks,
            limits=self._limits,
        )
        if request.kind == "whep":
            self._check_decodable(request, plan)
        with ExitStack() as undo:
            place = self._take_place(request, undo)
            watcher = TransportWatcher(place)
            link = open_link(self._media, plan, watcher, undo)
            session = self._enter(request, plan, link, place, undo)
            self._seat(session, plan, watcher, undo)
            joined = session.joined(
                link, plan.negotiated, self._media.candidates(reached_at=request.reached_at)
            )
            undo.pop_all()
        self._admitted(session)
        return joined

    def prepare(self, request: JoinRequest) -> Preparation:
        """The media path of a join to come, for :meth:`enter` or :meth:`drop`. Raises as a join does."""
        return self._lobby.prepare(request)

    def drop(self, preparation: Preparation) -> None:
        self._lobby.drop(preparation)

    def enter(self, request: JoinRequest, preparation: Preparation) -> Joined:
        """A join over what was prepared; its `sdp` is not read. Raises SessionExpired, or as a join does.

        The preparation ends here, even if the join is refused.
        """
        with ExitStack() as undo:
            undo.callback(self.drop, preparation)
            plan, link = self._lobby.take(preparation, request), preparation.link
            undo.callback(self._media.close_transport, link.transport)
            place = self._take_place(request, undo)
            preparation.watcher.hold(place)
            session = self._enter(request, plan, link, place, undo)
            session.cname = preparation.cname
            self._seat(session, plan, preparation.watcher, undo)
            undo.pop_all()
        self._admitted(session)
        return session.entered(link, preparation.answer)

    def renegotiate(
        self, handle: SessionHandle, sdp: str, tracks: Sequence[TrackHint], reached_at: str | None = None
    ) -> Joined:
        """More slots, another screen, an ICE restart; or a new peer connection in place of the old one.

        Until it succeeds everything stays as it was.
        """
        session = self._session(handle)
        may_publish = session.room.participant(session.id).may("publish")
        plan = make_plan(sdp, session.kind, may_publish=may_publish, hints=tracks, limits=self._limits)
        own = self._media.candidates(reached_at=reached_at)
        if session.is_lost or session.link.origin != plan.offer.origin:
            return self._replace(session, plan, own)
        return self._update(session, plan, own)

    def leave(self, handle: SessionHandle, reason: LeaveReason = "left") -> None:
        """Nothing happens if it has ended before."""
        if handle.kind == "whep":
            handle.room.leave_viewer(handle.id, reason)
        else:
            handle.room.leave(handle.id, reason)

    def on_room_event(self, room: Room, event: RoomEvent) -> None:
        match event:
            case events.ParticipantLeft(id_, reason) | events.ViewerLeft(id_, reason):
                session = self._sessions.pop(id_, None)
                if session is None:
                    return
                session.place.give_back()
                log.info("left", kind=session.kind, room=room.name, id=id_, reason=reason)
                if session.on_ended is not None:
                    session.on_ended(reason)

    # -- joining ---------------------------------------------------------------------------------

    def _take_place(self, request: JoinRequest, undo: ExitStack) -> Place:
        place = self._half_open.take(request.came_from)
        undo.callback(place.give_back)
        return place

    def _seat(self, session: Session, plan: Plan, watcher: TransportWatcher, undo: ExitStack) -> None:
        """Who has just entered gets sources and slots."""
        watcher.watch(session, session.link.transport)
        assembly = Assembly(self._media, session, session.link, undo)
        assembly.carry_out(plan)
        assembly.attach_slots(instead_of=None)

    def _admitted(self, session: Session) -> None:
        self._sessions[session.id] = session
        log.info("joined", kind=session.kind, room=session.room.name, id=session.id)

    def _enter(self, request: JoinRequest, plan: Plan, link: Link, place: Place, undo: ExitStack) -> Session:
        if request.kind == "whep":
            room, viewer = self._rooms.view(request.room, request.play)
            undo.callback(room.leave_viewer, viewer.id, "left")
            handle = SessionHandle(viewer.id, request.kind, room)
        else:
            room, participant = self._rooms.join(
                request.room,
                name=request.grant.name or request.name,
                role=request.grant.role,
                kind=request.kind,
                publishing=any(hint.live for _, hint in plan.sources),
            )
            undo.callback(room.leave, participant.id, "left")
            room.attach_transport(participant.id, TransportId(link.transport))
            handle = SessionHandle(participant.id, request.kind, room)
        return Session(handle=handle, link=link, on_ended=request.on_ended, place=place)

    def _check_decodable(self, request: JoinRequest, plan: Plan) -> None:
        """Raises UnsupportedMedia if a viewer could play nothing of what its lines of a kind would show."""
        room = self._rooms.find(request.room)
        if room is None:
            return
        for kind in _KINDS:
            slots = plan.negotiated.using("slot", kind)
            tracks = room.playing(kind, request.play, most=len(slots))
            if tracks and not any(self._can_decode(*pair) for pair in zip(slots, tracks, strict=False)):
                raise UnsupportedMedia(f"The offer has no codec for the {kind} that it would play.")

    def _can_decode(self, slot: NegotiatedSection, track: Track) -> bool:
        session = self._sessions.get(track.participant)
        sent = None if session is None else session.sending(track.source)
        return sent is None or any(codec.is_same_as(sent.codec) for codec in slot.codecs)

    # -- renegotiation ---------------------------------------------------------------------------

    def _session(self, handle: SessionHandle) -> Session:
        session = self._sessions.get(handle.id)
        if session is None or session.kind == "whep":
            raise NotFound("That session has ended.")
        return session

    def _replace(self, session: Session, plan: Plan, own: Sequence[Candidate]) -> Joined:
        """A new peer connection: everything anew under the same participant, then the old one goes."""
        old, watcher = session.link, TransportWatcher()
        if session.is_lost and old.origin == plan.offer.origin:
            # Its DTLS association has ended here and goes on there (RFC 8842 §5.5): nothing could flow.
            raise BadOffer("The connection was lost: offer from a new RTCPeerConnection.")
        with ExitStack() as undo:
            link = open_link(self._media, plan, watcher, undo)
            assembly = Assembly(self._media, session, link, undo)
            assembly.carry_out(plan)
            assembly.attach_slots(instead_of=old)
            joined = session.joined(link, plan.negotiated, own)
            undo.pop_all()
        session.link, session.is_lost = link, False
        watcher.watch(session, link.transport)
        session.room.attach_transport(session.id, TransportId(link.transport))
        self._unpublish(session, old)
        self._media.close_transport(old.transport)
        return joined

    def _update(self, session: Session, plan: Plan, own: Sequence[Candidate]) -> Joined:
        """The same peer connection: what was there stays, what is new is added, what is gone goes."""
        old, link = session.link, session.link.next_version()
        check_same_sections(old, plan)
        for lines in (link.sources, link.slots):
            for mid in lines.keys() - plan.used_mids:
                del lines[mid]
        with ExitStack() as undo:
            assembly = Assembly(self._media, session, link, undo)
            assembly.carry_out(plan)
            assembly.attach_slots(instead_of=old)
            if plan.offer.ice != old.remote_ice:
                link.local = self._media.restart_ice(link.transport, remote_transport(plan.offer))
                link.remote_ice = plan.offer.ice
            joined = session.joined(link, plan.negotiated, own)
            undo.pop_all()
        session.link = link
        link.mids, link.extensions = plan.mids, plan.negotiated.extensions
        self._media.set_extensions(link.transport, link.extensions)
        self._unpublish(session, old)
        for mid in old.sources.keys() - link.sources.keys():
            self._media.remove_source(old.sources[mid].id)
        for mid in old.slots.keys() - link.slots.keys():
            self._media.remove_slot(old.slots[mid].media.id)
        return joined

    def _unpublish(self, session: Session, old: Link) -> None:
        for sent in old.sources.values():
            if session.sending(sent.hint.source) is None:
                session.room.unpublish(session.id, sent.hint.source)
