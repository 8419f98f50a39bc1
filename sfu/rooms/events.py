"""What has happened in a room, told to its observers after the fact.

Events hold values, not the model's objects: what they say stays true however late they are read.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from sfu.rooms.permissions import Role
from sfu.rooms.ports import Shortfall
from sfu.rooms.track import TrackId, TrackSource

if TYPE_CHECKING:
    from sfu.rooms.room import Room

LeaveReason = Literal["left", "removed", "lost", "room_ended"]


@dataclass(frozen=True, slots=True)
class RoomOpened:
    pass


@dataclass(frozen=True, slots=True)
class RoomEmptied:
    """The last participant left, and with it what the room remembered (lock, chat). Viewers may wait on."""


@dataclass(frozen=True, slots=True)
class RoomClosed:
    """Neither participants nor viewers: the room is no more."""


@dataclass(frozen=True, slots=True)
class ParticipantJoined:
    participant: str
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class ParticipantUpdated:
    participant: str
    name: str
    role: Role
    reconnecting: bool


@dataclass(frozen=True, slots=True)
class ParticipantLeft:
    participant: str
    reason: LeaveReason


@dataclass(frozen=True, slots=True)
class TrackPublished:
    participant: str
    track: TrackId
    source: TrackSource
    live: bool


@dataclass(frozen=True, slots=True)
class TrackUpdated:
    participant: str
    track: TrackId
    source: TrackSource
    live: bool
    by_moderator: bool


@dataclass(frozen=True, slots=True)
class TrackUnpublished:
    participant: str
    track: TrackId


@dataclass(frozen=True, slots=True)
class SlotShown:
    """The receive m-line `mid` shows `track`, or nothing."""

    mid: str
    track: TrackId | None
    undecodable: bool
    off: bool = False
    """Its picture is not sent, for `reason`."""
    reason: Shortfall | None = None
    """Why it is not better."""


@dataclass(frozen=True, slots=True)
class SlotsChanged:
    """For one participant: these of its slots show something else now."""

    participant: str
    slots: tuple[SlotShown, ...]


@dataclass(frozen=True, slots=True)
class LayersWanted:
    """For the owner of a track: anybody needs only these of its simulcast layers."""

    participant: str
    source: TrackSource
    rids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SpeakersChanged:
    audio: tuple[TrackId | None, ...]
    """Track on each audio position."""
    speaking: tuple[TrackId, ...]
    dominant: TrackId | None


@dataclass(frozen=True, slots=True)
class RoomLocked:
    locked: bool


@dataclass(frozen=True, slots=True)
class VideoCapped:
    kbps: int | None
    """What each subscriber is sent of pictures at most."""


@dataclass(frozen=True, slots=True)
class RoomDraining:
    """The server is shutting down: nobody new enters, and it goes on until `ends_at` (Unix time) at most."""

    ends_at: float


@dataclass(frozen=True, slots=True)
class RoomEnded:
    """A moderator ended it; :class:`ParticipantLeft` (`room_ended`) follows for everyone."""


@dataclass(frozen=True, slots=True)
class MediaLost:
    """The participant's media path is gone while its signalling lives."""

    participant: str


@dataclass(frozen=True, slots=True)
class MediaRestored:
    participant: str


@dataclass(frozen=True, slots=True)
class ViewerJoined:
    viewer: str


@dataclass(frozen=True, slots=True)
class ViewerLeft:
    viewer: str
    reason: LeaveReason


RoomEvent = (
    RoomOpened
    | RoomEmptied
    | RoomClosed
    | ParticipantJoined
    | ParticipantUpdated
    | ParticipantLeft
    | TrackPublished
    | TrackUpdated
    | TrackUnpublished
    | SlotsChanged
    | LayersWanted
    | SpeakersChanged
    | RoomLocked
    | VideoCapped
    | RoomDraining
    | RoomEnded
    | MediaLost
    | MediaRestored
    | ViewerJoined
    | ViewerLeft
)


class Observer(Protocol):
    def on_room_event(self, room: "Room", event: RoomEvent) -> None:
        """In order, never within another such call. The room may have more to change: read the event, and
        call nothing of the room from here."""
        ...
