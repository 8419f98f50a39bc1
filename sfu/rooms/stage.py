"""What a viewer without a screen layout of its own (WHEP) gets to see and hear: pure functions.

The stage is the screen share, else the dominant speaker, else the earliest participant with such a track.
Behind it come the others in order of joining. A viewer that names a participant gets that one's tracks only.
"""

from collections.abc import Iterable, Mapping, Sequence

from sfu.rooms.participant import Participant
from sfu.rooms.track import MediaKind, Track, TrackSource

# A face before its slides where one participant was asked for: a program's only picture is its camera.
_ORDER: Mapping[MediaKind, Sequence[TrackSource]] = {
    "video": ("camera", "screen"),
    "audio": ("microphone", "screen_audio"),
}

# Faces take their voices first. A screen takes its sharer's voice, if no face did, before its own sound.
_PAIRINGS: Sequence[Mapping[TrackSource, TrackSource]] = (
    {"camera": "microphone"},
    {"screen": "microphone"},
    {"screen": "screen_audio"},
)


def playlist(
    participants: Sequence[Participant], dominant: Track | None, kind: MediaKind, play: str | None = None
) -> list[Track]:
    """The playing tracks of that kind, the most wanted first; `participants` in order of joining."""
    if play is not None:
        wanted = find(participants, play)
        return _playing([wanted], kind) if wanted else []
    tracks = _playing(participants, kind)
    stage = _stage(participants, dominant, tracks)
    return tracks if stage is None else [stage, *(track for track in tracks if track is not stage)]


def beside(pictures: Sequence[Track], sounds: Sequence[Track], seats: int) -> list[Track | None]:
    """The sound for each audio slot: that of the picture in the video slot of its index, where there is one.

    Browsers sync a pair of one index, which shares an `msid`. Seats without a pair take the remaining sounds
    in their order.
    """
    waiting = {(track.participant, track.source): track for track in sounds}
    seated: list[Track | None] = [None] * seats
    for wanted in _PAIRINGS:
        for seat, picture in enumerate(pictures[:seats]):
            if seated[seat] is not None or picture.source not in wanted:
                continue
            sound = waiting.get((picture.participant, wanted[picture.source]))
            if sound is not None:
                seated[seat] = waiting.pop((sound.participant, sound.source))
    rest = iter(list(waiting.values()))
    return [track if track is not None else next(rest, None) for track in seated]


def find(participants: Iterable[Participant], name_or_id: str) -> Participant | None:
    """By id, else the earliest of that name."""
    named = None
    for participant in participants:
        if participant.id == name_or_id:
            return participant
        if named is None and participant.name == name_or_id:
            named = participant
    return named


def _playing(participants: Iterable[Participant], kind: MediaKind) -> list[Track]:
    return [
        track
        for participant in participants
        for source in _ORDER[kind]
        if (track := participant.tracks.get(source)) is not None and track.is_playing
    ]


def _stage(
    participants: Iterable[Participant], dominant: Track | None, tracks: Sequence[Track]
) -> Track | None:
    sharer = next((one.id for one in participants if _is_playing(one.tracks.get("screen"))), None)
    # Who shares a screen mostly talks about it: the voice before the screen's own sound.
    for source in ("screen", "microphone", "screen_audio"):
        for track in tracks:
            if track.participant == sharer and track.source == source:
                return track
    speaker = dominant.participant if dominant else None
    return next((track for track in tracks if track.participant == speaker), None)


def _is_playing(track: Track | None) -> bool:
    return track is not None and track.is_playing
