"""A media plane that only remembers, and an observer that only listens."""

import itertools
from typing import Any

from sfu.clock import ManualClock
from sfu.limits import Limits
from sfu.rooms.events import RoomEvent
from sfu.rooms.participant import Participant
from sfu.rooms.permissions import Role
from sfu.rooms.ports import MediaRoomId, RoomMediaListener, SlotId, SourceId, TileSize, TransportId
from sfu.rooms.room import Room
from sfu.rooms.rooms import Rooms
from sfu.rooms.subscription import View
from sfu.rooms.track import TrackId, TrackSource

SIZE = TileSize(640, 360)


class FakeMedia:
    """Ids of transports, sources and slots are whatever the test says."""

    def __init__(self) -> None:
        self.open_rooms: set[int] = set()
        self.listeners: dict[int, RoomMediaListener] = {}
        self.shown: dict[int, int | None] = {}
        self.sizes: dict[int, TileSize | None] = {}
        self.shows: list[tuple[int, int | None]] = []
        self.gated: set[int] = set()
        self.closed: list[int] = []
        self.caps: dict[int, int | None] = {}
        self._next = itertools.count(1)

    def open_room(self) -> MediaRoomId:
        room = MediaRoomId(next(self._next))
        self.open_rooms.add(room)
        return room

    def set_room_listener(self, room: MediaRoomId, listener: RoomMediaListener) -> None:
        self.listeners[room] = listener

    def close_room(self, room: MediaRoomId) -> None:
        self.open_rooms.remove(room)

    def show(self, slot: SlotId, source: SourceId | None, size: TileSize | None = None) -> None:
        self.shown[slot] = source
        self.sizes[slot] = size
        self.shows.append((slot, source))

    def set_forwarding(self, source: SourceId, forwarding: bool) -> None:
        (self.gated.discard if forwarding else self.gated.add)(source)

    def cap_video(self, transport: TransportId, bitrate_bps: int | None) -> None:
        self.caps[transport] = bitrate_bps

    def close_transport(self, transport: TransportId) -> None:
        self.closed.append(transport)


class Scribe:
    """Writes down all events, and can be asked for those of one kind."""

    def __init__(self) -> None:
        self.events: list[RoomEvent] = []

    def on_room_event(self, room: Room, event: RoomEvent) -> None:
        self.events.append(event)

    def of(self, *kinds: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kinds)]

    def clear(self) -> None:
        self.events.clear()


class World:
    """Rooms with everything around them fake."""

    def __init__(self, *, is_open: bool = True, limits: Limits | None = None) -> None:
        self.media = FakeMedia()
        self.clock = ManualClock()
        self.scribe = Scribe()
        ids = itertools.count(1)
        self.rooms = Rooms(
            self.media,
            limits or Limits(),
            clock=self.clock,
            new_id=lambda: f"p{next(ids)}",
            is_open=is_open,
        )
        self.rooms.add_observer(self.scribe)
        self._numbers = itertools.count(100)

    def number(self) -> int:
        return next(self._numbers)

    def join(
        self, name: str = "Ada", *, room: str = "lobby", role: Role = "publisher", slots: int = 0
    ) -> Participant:
        """In the room with a transport and that many video slots."""
        there, participant = self.rooms.join(room, name=name, role=role)
        there.attach_transport(participant.id, TransportId(self.number()))
        mids = [(SlotId(self.number()), f"v{index}") for index in range(slots)]
        there.attach_slots(participant.id, mids, ["a0"])
        return participant

    @property
    def room(self) -> Room:
        room = self.rooms.find("lobby")
        assert room is not None
        return room

    def publish(self, participant: Participant, source: TrackSource = "camera", live: bool = True) -> TrackId:
        return self.room.publish(participant.id, source, SourceId(self.number()), live).id

    def look(self, participant: Participant, *tracks: TrackId, size: TileSize = SIZE) -> None:
        self.room.set_view(participant.id, [View(track, size) for track in tracks])

    def listener(self) -> RoomMediaListener:
        return self.media.listeners[self.room.media_room]

    def seen(self, participant: Participant) -> list[TrackId | None]:
        return [slot.shown.id if slot.shown else None for slot in participant.subscription.slots]

    def media_of(self, track: TrackId) -> SourceId:
        return self.room._tracks.published(track).media
