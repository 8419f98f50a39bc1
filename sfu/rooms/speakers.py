"""Who is heard: the track on each audio position, who has voice activity, who dominates.

Media chooses (from the levels in the packets) and calls in here; its sources become tracks. A packet can be
quicker than the message that publishes its track, so unpublished ones are kept and not told.
"""

from collections.abc import Callable, Sequence

from sfu.rooms.events import SpeakersChanged
from sfu.rooms.track import SOUND_OF, Track
from sfu.rooms.tracks import Tracks


class Speakers:
    def __init__(
        self,
        tracks: Tracks,
        emit: Callable[[SpeakersChanged], None],
        stage_changed: Callable[[], None],
    ) -> None:
        self._tracks = tracks
        self._emit = emit
        self._stage_changed = stage_changed
        self._audio: list[Track | None] = []
        self._speaking: dict[str, Track] = {}
        self._dominant: Track | None = None
        self._told = self.now()

    @property
    def dominant(self) -> Track | None:
        return self._dominant if self._dominant and self._dominant.published else None

    def now(self) -> SpeakersChanged:
        """As others may know it."""
        dominant = self.dominant
        return SpeakersChanged(
            audio=tuple(track.id if track and track.published else None for track in self._audio),
            speaking=tuple(track.id for track in self._speaking.values() if track.is_playing),
            dominant=dominant.id if dominant else None,
        )

    def tell(self) -> None:
        """If others may know something new: also after a track was published, muted or dropped."""
        now = self.now()
        if now != self._told:
            self._told = now
            self._emit(now)

    def forget(self, track: Track) -> None:
        """The track is no more. Told with the next :meth:`tell`."""
        self._speaking.pop(track.id, None)
        self._audio = [None if other is track else other for other in self._audio]
        if self._dominant is track:
            self._dominant = None

    def hush(self, track: Track) -> None:
        """Media hears it no longer: its source is gone, or another one, and says nothing of its end."""
        self._speaking.pop(track.id, None)
        self.tell()

    def position_beside(self, track: Track) -> int | None:
        """The audio position that sounds with this picture, if its sound has one."""
        sound = SOUND_OF.get(track.source)
        for position, heard in enumerate(self._audio):
            if heard is not None and heard.participant == track.participant and heard.source == sound:
                return position
        return None

    # -- media tells -----------------------------------------------------------------------------

    def on_audio_positions(self, sources: Sequence[int | None]) -> None:
        self._audio = [self._tracks.of_media(source) for source in sources]
        self.tell()

    def on_dominant(self, source: int | None) -> None:
        self._dominant = self._tracks.of_media(source)
        self.tell()
        self._stage_changed()

    def on_speaking(self, source: int, speaking: bool) -> None:
        track = self._tracks.of_media(source)
        if track is None:
            return
        if speaking:
            self._speaking[track.id] = track
        else:
            self._speaking.pop(track.id, None)
        self.tell()
