"""Someone in a room: a person in a browser or a program that publishes by WHIP."""

from dataclasses import dataclass, field
from typing import Literal

from sfu.rooms.permissions import Action, Role, may, require
from sfu.rooms.ports import TransportId
from sfu.rooms.subscription import Subscription
from sfu.rooms.track import Track, TrackSource

ParticipantKind = Literal["participant", "whip"]


@dataclass(slots=True, kw_only=True)
class Participant:
    id: str
    name: str
    kind: ParticipantKind
    granted: Role
    """What its token (or the server's openness) gave it."""
    role: Role
    """What it has: in open mode someone must be the moderator."""
    joined_at: float
    transport: TransportId | None = None
    tracks: dict[TrackSource, Track] = field(default_factory=dict)
    subscription: Subscription = field(default_factory=Subscription)
    audio_mids: tuple[str, ...] = ()
    """Receive m-lines of audio, by position."""
    reconnecting: bool = False
    """Its signalling is cut, and may come back."""
    media_lost: bool = False

    def may(self, action: Action) -> bool:
        return may(self.role, action)

    def require(self, action: Action) -> None:
        """Raises :class:`sfu.errors.Forbidden`."""
        require(self.role, action)

    @property
    def published(self) -> list[Track]:
        return [track for track in self.tracks.values() if track.published]
