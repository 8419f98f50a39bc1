"""One thing that a participant sends: its microphone, camera, screen, or the screen's sound."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sfu.rooms.ports import SourceId

TrackSource = Literal["microphone", "camera", "screen", "screen_audio"]
MediaKind = Literal["audio", "video"]
TrackId = str

KIND: Mapping[TrackSource, MediaKind] = {
    "microphone": "audio",
    "camera": "video",
    "screen": "video",
    "screen_audio": "audio",
}
# What sounds together with a picture.
SOUND_OF: Mapping[TrackSource, TrackSource] = {"camera": "microphone", "screen": "screen_audio"}


def track_id(participant: str, source: TrackSource) -> TrackId:
    """The same for as long as the participant is there."""
    return f"{participant}-{source}"


@dataclass(slots=True, kw_only=True)
class Track:
    """Registered when negotiated, published (told to others) when first live."""

    id: TrackId
    participant: str
    source: TrackSource
    media: SourceId
    live: bool = False
    published: bool = False
    muted_by_moderator: bool = False
    wanted_rids: tuple[str, ...] | None = None
    """The simulcast layers that anybody needs; None where that is not known or there is no choice."""
    watchers: set[str] = field(default_factory=set)
    """Participants with a slot that shows this track."""

    @property
    def kind(self) -> MediaKind:
        return KIND[self.source]

    @property
    def is_playing(self) -> bool:
        return self.published and self.live
