"""What a viewer without a screen layout of its own (WHEP) gets to see and hear.

The stage is the screen share, else the dominant speaker, else the earliest participant with such a track.
Behind it come the others in order of joining. A viewer that names a participant gets that one's tracks only.
Kept as people and tracks come and go, so that nobody is looked at whose turn does not come.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import merge
from itertools import chain, count, islice

from sfu.rooms.participant import Participant
from sfu.rooms.track import MediaKind, Track, TrackSource

# A face before its slides where one participant was asked for: a program's only picture is its camera.
_ORDER: Mapping[MediaKind, Sequence[TrackSource]] = {
    "video": ("camera", "screen"),
    "audio": ("microphone", "screen_audio"),
}
_RANK: Mapping[TrackSource, int] = {
    source: rank for order in _ORDER.values() for rank, source in enumerate(order)
}

# Faces take their voices first. A screen takes its sharer's voice, if no face did, before its own sound.
_PAIRINGS: Sequence[Mapping[TrackSource, TrackSource]] = (
    {"camera": "microphone"},
    {"screen": "microphone"},
    {"screen": "screen_audio"},
)
# Who shares a screen mostly talks about it: the voice before the screen's own sound.
_OF_SHARER: Mapping[MediaKind, Sequence[TrackSource]] = {
    "video": ("screen",),
    "audio": ("microphone", "screen_audio"),
}

Place = tuple[int, int, str]
"""In the order of joining, then of an owner's tracks; with the owner."""


class Stage:
    def __init__(self, participants: Mapping[str, Participant]) -> None:
        """`participants`: those present, as they are when asked."""
        self._participants = participants
        self._turns = count()
        self._turn: dict[str, int] = {}
        self._named: dict[str, dict[str, None]] = {}
        """Ids by name, in order of joining."""
        self._playing: dict[TrackSource, list[Place]] = {source: [] for source in _RANK}

    # -- who and what is there ---------------------------------------------------------------------

    def entered(self, participant: Participant) -> None:
        self._turn[participant.id] = next(self._turns)
        self._named.setdefault(participant.name, {})[participant.id] = None

    def left(self, participant: Participant) -> None:
        """After its tracks."""
        del self._turn[participant.id]
        there = self._named[participant.name]
        del there[participant.id]
        if not there:
            del self._named[participant.name]

    def set_playing(self, track: Track, playing: bool) -> None:
        places, place = self._playing[track.source], self._place(track)
        at = bisect_left(places, place)
        is_known = at < len(places) and places[at] == place
        if playing and not is_known:
            insort(places, place)
        elif is_known and not playing:
            del places[at]

    def _place(self, track: Track) -> Place:
        return (self._turn[track.participant], _RANK[track.source], track.participant)

    # -- what is played ----------------------------------------------------------------------------

    def playlist(
        self, dominant: Track | None, kind: MediaKind, play: str | None = None, *, most: int
    ) -> list[Track]:
        """The playing tracks of that kind, the most wanted first, that many at most."""
        if play is not None:
            wanted = self._find(play)
            return list(islice(_playing_of(wanted, _ORDER[kind]), most)) if wanted else []
        first = self._on_stage(dominant, kind)
        others = (track for track in self._in_order(kind) if track is not first)
        return list(islice(others if first is None else chain((first,), others), most))

    def beside(
        self, dominant: Track | None, play: str | None, pictures: Sequence[Track], seats: int
    ) -> list[Track | None]:
        """The sound for each audio slot: that of the picture in the video slot of its index, if there is one.

        Browsers sync a pair of one index, which shares an `msid`. Seats without a pair take the remaining
        sounds in their order.
        """
        seated: list[Track | None] = [None] * seats
        for wanted in _PAIRINGS:
            for seat, picture in enumerate(pictures[:seats]):
                if seated[seat] is not None or picture.source not in wanted:
                    continue
                sound = next(self._of(picture.participant, (wanted[picture.source],)), None)
                if sound is not None and not any(sound is other for other in seated):
                    seated[seat] = sound
        remaining = self.playlist(dominant, "audio", play, most=2 * seats)
        rest = iter([track for track in remaining if not any(track is other for other in seated)])
        return [track if track is not None else next(rest, None) for track in seated]

    def _find(self, name_or_id: str) -> Participant | None:
        """By id, else the earliest of that name."""
        if name_or_id in self._participants:
            return self._participants[name_or_id]
        earliest = next(iter(self._named.get(name_or_id, ())), None)
        return None if earliest is None else self._participants.get(earliest)

    def _in_order(self, kind: MediaKind) -> Iterator[Track]:
        for _, rank, owner in merge(*(self._playing[source] for source in _ORDER[kind])):
            yield self._participants[owner].tracks[_ORDER[kind][rank]]

    def _on_stage(self, dominant: Track | None, kind: MediaKind) -> Track | None:
        sharer = next((owner for _, _, owner in self._playing["screen"]), None)
        shared = self._of(sharer, _OF_SHARER[kind])
        spoken = self._of(dominant.participant if dominant else None, _ORDER[kind])
        return next(shared, None) or next(spoken, None)

    def _of(self, owner: str | None, sources: Sequence[TrackSource]) -> Iterator[Track]:
        there = None if owner is None else self._participants.get(owner)
        return iter(()) if there is None else _playing_of(there, sources)


def _playing_of(owner: Participant, sources: Iterable[TrackSource]) -> Iterator[Track]:
    for source in sources:
        track = owner.tracks.get(source)
        if track is not None and track.is_playing:
            yield track
