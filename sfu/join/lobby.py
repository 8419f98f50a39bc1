"""Media paths that are opened before their people join: while they still look into the mirror.

    offer ─► plan ─► transport, SSRCs of the slots to come ─► answer      (nobody is in a room yet)

A preparation holds no source, no slot and no room; its transport connects by itself. It ends when it is
entered, when its door drops it, or with its transport. Knows no WebSocket and no time.
"""

from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from sfu.errors import RateLimited, SessionExpired
from sfu.ids import public_id
from sfu.join.assembly import open_link
from sfu.join.half_open import HalfOpen, Place
from sfu.join.plan import Plan, make_plan, with_tracks
from sfu.join.requests import JoinRequest
from sfu.join.session import Link, ReceivedSlot, answer_of
from sfu.join.specs import JoinMedia
from sfu.join.watchers import TransportWatcher
from sfu.limits import Limits
from sfu.rooms.rooms import Rooms


@dataclass(slots=True, kw_only=True, eq=False)
class Preparation:
    room: str
    may_publish: bool
    plan: Plan
    link: Link
    watcher: TransportWatcher
    place: Place
    cname: str = field(default_factory=public_id)
    answer: str = field(default="", repr=False)
    is_over: bool = False
    """Entered or dropped."""

    def is_for(self, request: JoinRequest) -> bool:
        """Whether it still stands, and the join is what was prepared."""
        stands = not self.is_over and not self.watcher.is_lost
        return stands and (self.room, self.may_publish) == (request.room, request.grant.may_publish)


class Lobby:
    def __init__(self, rooms: Rooms, media: JoinMedia, limits: Limits) -> None:
        self._rooms = rooms
        self._media = media
        self._limits = limits
        self._places = HalfOpen(limits.half_open_joins)

    def __len__(self) -> int:
        return len(self._places)

    def prepare(self, request: JoinRequest) -> Preparation:
        """Refuses what a join would refuse now, and more than so many at once."""
        may_publish = request.grant.may_publish
        # First: those who wait at a locked door ask again and again, and reading an offer takes longer.
        self._rooms.check_entry(request.room, request.grant.role)
        plan = make_plan(
            request.sdp,
            request.kind,
            may_publish=may_publish,
            hints=request.tracks,
            limits=self._limits,
        )
        with ExitStack() as undo:
            place = self._take_place(request.came_from)
            undo.callback(place.give_back)
            watcher = TransportWatcher()
            link = open_link(self._media, plan, watcher, undo)
            preparation = Preparation(
                room=request.room,
                may_publish=may_publish,
                plan=plan,
                link=link,
                watcher=watcher,
                place=place,
            )
            own = self._media.candidates(reached_at=request.reached_at)
            announced = self._announced(preparation)
            preparation.answer = answer_of(announced, plan.negotiated, preparation.cname, own)
            undo.pop_all()
        return preparation

    def take(self, preparation: Preparation, request: JoinRequest) -> Plan:
        """The plan, with what is live by now; its transport is the caller's from here on.

        Raises SessionExpired and BadOffer.
        """
        if not preparation.is_for(request):
            raise SessionExpired("What was prepared has ended or was for something else. Join with an offer.")
        plan = with_tracks(preparation.plan, request.tracks)
        preparation.is_over = True
        preparation.place.give_back()
        return plan

    def drop(self, preparation: Preparation) -> None:
        """Nothing happens if it was entered or dropped before."""
        if preparation.is_over:
            return
        preparation.is_over = True
        preparation.place.give_back()
        self._media.close_transport(preparation.link.transport)

    def _take_place(self, came_from: str | None) -> Place:
        if len(self._places) >= self._limits.lobbies:
            raise RateLimited("As many as this server lets wait before they join do so.")
        return self._places.take(came_from)

    def _announced(self, preparation: Preparation) -> Link:
        """As the answer tells it: with slots that get their numbers now and come with the join."""
        link = replace(preparation.link, slots={})
        for section in preparation.plan.slots:
            position = link.free_position(section.kind)
            needs_rtx = any(codec.rtx_payload_type is not None for codec in section.codecs)
            slot = self._media.reserve_slot(link.transport, section.mid, needs_rtx=needs_rtx)
            link.slots[section.mid] = ReceivedSlot(slot, section.mid, section.kind, position)
        return link
