"""The tracks of a room, by their ids here and in media.

Knows no event and no participant's role: :class:`sfu.rooms.room.Room` decides, this keeps the books.
"""

from collections.abc import Collection

from sfu.errors import NotFound
from sfu.rooms.participant import Participant
from sfu.rooms.ports import SourceId
from sfu.rooms.track import Track, TrackId, TrackSource, track_id


class Tracks:
    def __init__(self) -> None:
        self._by_id: dict[TrackId, Track] = {}
        self._by_media: dict[int, Track] = {}
        self._publishing: dict[str, int] = {}
        """Participant to the number of its published tracks."""

    def register(self, owner: Participant, source: TrackSource, media: SourceId) -> Track:
        """A new track, or the known one on a new source of media."""
        track = owner.tracks.get(source)
        if track is None:
            id_ = track_id(owner.id, source)
            track = Track(id=id_, participant=owner.id, source=source, media=media)
            owner.tracks[source] = self._by_id[id_] = track
        else:
            self._by_media.pop(track.media, None)
            track.media = media
            track.wanted_rids = None
        self._by_media[media] = track
        return track

    def drop(self, owner: Participant, track: Track) -> None:
        del owner.tracks[track.source]
        del self._by_id[track.id]
        self._by_media.pop(track.media, None)
        if track.published:
            self._count(owner.id, -1)

    def mark_published(self, track: Track) -> None:
        track.published = True
        self._count(track.participant, +1)

    def published(self, id_: TrackId) -> Track:
        """Raises :class:`NotFound`."""
        track = self._by_id.get(id_)
        if track is None or not track.published:
            raise NotFound("No such track.")
        return track

    def watchable(self, id_: TrackId, watcher: str) -> Track | None:
        """The published video track of someone else."""
        track = self._by_id.get(id_)
        if track is None or not track.published or track.kind != "video" or track.participant == watcher:
            return None
        return track

    def of_media(self, source: int | None) -> Track | None:
        return None if source is None else self._by_media.get(source)

    def publishers(self) -> Collection[str]:
        """Participants with at least one published track."""
        return self._publishing.keys()

    def _count(self, participant: str, change: int) -> None:
        count = self._publishing.get(participant, 0) + change
        if count:
            self._publishing[participant] = count
        else:
            del self._publishing[participant]
