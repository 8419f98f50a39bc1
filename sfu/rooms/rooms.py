"""All rooms of this server: they come into being with the first who enters and vanish with the last.

The only way in is :meth:`Rooms.join` or :meth:`Rooms.view`, so that no room stays behind a refused entry.
Tells observers what happens, one event after the other.
"""

from collections import deque
from collections.abc import Callable, Iterator

from sfu.clock import Clock
from sfu.errors import Draining, ServerFull, SfuError
from sfu.limits import Limits
from sfu.rooms.audience import Viewer
from sfu.rooms.events import Observer, RoomClosed, RoomDraining, RoomEvent, RoomOpened
from sfu.rooms.names import checked_room_name
from sfu.rooms.participant import Participant, ParticipantKind
from sfu.rooms.permissions import Role
from sfu.rooms.ports import Media
from sfu.rooms.room import Room


class Rooms:
    def __init__(
        self, media: Media, limits: Limits, *, clock: Clock, new_id: Callable[[], str], is_open: bool
    ) -> None:
        """`is_open`: no tokens, so that someone in each room must be made its moderator."""
        self._media = media
        self._limits = limits
        self._clock = clock
        self._new_id = new_id
        self._is_open = is_open
        self._rooms: dict[str, Room] = {}
        self._observers: list[Observer] = []
        self._untold: deque[tuple[Room, RoomEvent]] = deque()
        self._is_telling = False
        self._ends_at: float | None = None

    def __iter__(self) -> Iterator[Room]:
        return iter(tuple(self._rooms.values()))

    def __len__(self) -> int:
        return len(self._rooms)

    @property
    def is_draining(self) -> bool:
        return self._ends_at is not None

    @property
    def ends_at(self) -> float | None:
        """The Unix time until which calls may go on, once the server is shutting down."""
        return self._ends_at

    def add_observer(self, observer: Observer) -> None:
        self._observers.append(observer)

    def find(self, name: str) -> Room | None:
        """The room of that name as it was asked for."""
        try:
            return self._rooms.get(self.checked_name(name))
        except SfuError:
            return None

    def checked_name(self, name: str) -> str:
        """How the room is really called; raises :class:`BadName`."""
        return checked_room_name(name, self._limits.room_name_length)

    def drain(self, within_s: float) -> None:
        """From now on nobody enters; those inside are told how long they may stay."""
        self._ends_at = self._clock.unix() + within_s
        for room in self:
            self.tell(room, RoomDraining(self._ends_at))

    def join(
        self,
        room_name: str,
        *,
        name: str,
        role: Role,
        kind: ParticipantKind = "participant",
        publishing: bool = False,
    ) -> tuple[Room, Participant]:
        """Raises Draining, BadName, ServerFull, RoomLocked, RoomFull."""
        room = self._enter(room_name)
        try:
            return room, room.join(name, role, kind, publishing=publishing)
        finally:
            self._close_if_vacant(room)

    def check_entry(self, room_name: str, role: Role) -> None:
        """Raises what :meth:`join` would raise now, whatever the name. Opens no room."""
        _, room = self._entrance(room_name)
        if room is not None:
            room.check_entry(role)

    def view(self, room_name: str, play: str | None) -> tuple[Room, Viewer]:
        """Like :meth:`join`, for someone who only looks on and has no signalling."""
        room = self._enter(room_name)
        try:
            return room, room.view(play)
        finally:
            self._close_if_vacant(room)

    # -- what rooms ask --------------------------------------------------------------------------

    def tell(self, room: Room, event: RoomEvent) -> None:
        self._untold.append((room, event))
        if self._is_telling:
            return
        self._is_telling = True
        try:
            while self._untold:
                told = self._untold.popleft()
                for observer in self._observers:
                    observer.on_room_event(*told)
        finally:
            self._is_telling = False

    def room_vacated(self, room: Room) -> None:
        self._close_if_vacant(room)

    def _enter(self, name: str) -> Room:
        name, room = self._entrance(name)
        return self._open(name) if room is None else room

    def _entrance(self, name: str) -> tuple[str, Room | None]:
        """How the room is really called, and the room if it is open.

        Raises Draining, BadName, ServerFull.
        """
        if self.is_draining:
            raise Draining("The server is shutting down.")
        name = self.checked_name(name)
        room = self._rooms.get(name)
        if room is None and len(self._rooms) >= self._limits.rooms:
            raise ServerFull("As many rooms as this server holds are open.")
        return name, room

    def _open(self, name: str) -> Room:
        room = Room(
            name,
            media=self._media,
            limits=self._limits,
            clock=self._clock,
            new_id=self._new_id,
            is_open=self._is_open,
            house=self,
        )
        self._rooms[name] = room
        self.tell(room, RoomOpened())
        return room

    def _close_if_vacant(self, room: Room) -> None:
        if room.is_vacant and self._rooms.get(room.name) is room:
            del self._rooms[room.name]
            self._media.close_room(room.media_room)
            self.tell(room, RoomClosed())
