"""What the API may read of a room: plain values, a picture of one moment."""

from dataclasses import dataclass

from sfu.rooms.participant import Participant, ParticipantKind
from sfu.rooms.permissions import Role
from sfu.rooms.ports import SlotId, SourceId, TileSize, TransportId
from sfu.rooms.track import TrackId, TrackSource


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackDescription:
    id: TrackId
    source: TrackSource
    live: bool
    published: bool
    muted_by_moderator: bool
    media: SourceId


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotDescription:
    mid: str
    media: SlotId
    track: TrackId | None
    size: TileSize | None
    undecodable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantDescription:
    id: str
    name: str
    kind: ParticipantKind
    role: Role
    joined_at: float
    """Unix time, seconds."""
    reconnecting: bool
    media_lost: bool
    transport: TransportId | None
    tracks: tuple[TrackDescription, ...]
    slots: tuple[SlotDescription, ...]
    audio_mids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomDescription:
    name: str
    locked: bool
    video_cap_kbps: int | None
    """What each subscriber is sent of pictures at most; None: no cap."""
    opened_at: float
    """Unix time, seconds."""
    participants: tuple[ParticipantDescription, ...]
    """In order of joining."""
    viewers: int
    audio: tuple[TrackId | None, ...]
    """Track on each audio position."""
    speaking: tuple[TrackId, ...]
    dominant: TrackId | None


def describe_participant(participant: Participant) -> ParticipantDescription:
    return ParticipantDescription(
        id=participant.id,
        name=participant.name,
        kind=participant.kind,
        role=participant.role,
        joined_at=participant.joined_at,
        reconnecting=participant.reconnecting,
        media_lost=participant.media_lost,
        transport=participant.transport,
        tracks=_tracks(participant),
        slots=_slots(participant),
        audio_mids=participant.audio_mids,
    )


def _tracks(participant: Participant) -> tuple[TrackDescription, ...]:
    return tuple(
        TrackDescription(
            id=track.id,
            source=track.source,
            live=track.live,
            published=track.published,
            muted_by_moderator=track.muted_by_moderator,
            media=track.media,
        )
        for track in participant.tracks.values()
    )


def _slots(participant: Participant) -> tuple[SlotDescription, ...]:
    return tuple(
        SlotDescription(
            mid=slot.mid,
            media=slot.id,
            track=slot.shown.id if slot.shown else None,
            size=slot.size,
            undecodable=slot.undecodable,
        )
        for slot in participant.subscription.slots
    )
