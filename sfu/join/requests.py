"""What a door asks of joining, and what it gets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sfu.auth.grants import Grant
from sfu.rooms.events import LeaveReason
from sfu.rooms.room import Room
from sfu.rooms.track import TrackSource

JoinKind = Literal["participant", "whip", "whep"]


@dataclass(frozen=True, slots=True)
class TrackHint:
    """What a send m-line of the offer is for."""

    mid: str
    source: TrackSource
    live: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinRequest:
    kind: JoinKind
    room: str
    grant: Grant
    sdp: str = field(repr=False)
    name: str = ""
    """What the participant wants to be called; a name in its grant wins."""
    tracks: Sequence[TrackHint] = ()
    """Of a participant; a program's m-lines are placed by their order."""
    play: str | None = None
    """Of a viewer: the name or id of whom to play; None plays the stage."""
    reached_at: str | None = None
    """Our address to which the request came."""
    came_from: str | None = None
    """The address of who asks, or of the proxy in between."""
    on_ended: Callable[[LeaveReason], None] | None = None
    """Told once, when who joined is in the room no longer; call nothing of the room from there."""


@dataclass(frozen=True, slots=True)
class SessionHandle:
    """Stands for someone's media session; for :meth:`Joiner.renegotiate` and :meth:`Joiner.leave`."""

    id: str
    """Of the participant or viewer."""
    kind: JoinKind
    room: Room = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    session: SessionHandle
    answer: str = field(repr=False)
    audio_mids: tuple[str, ...]
    """Receive m-lines of audio, by position; empty text where there is none any more."""
    video_mids: tuple[str, ...]
