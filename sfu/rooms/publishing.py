"""What participants send: tracks negotiated, published, live, muted, gone; and how many may send at once.

Who is told follows from it: the others by events, those who watch by their slots, viewers by the stage. Knows
no coming and going; :class:`sfu.rooms.room.Room` finds the participant.
"""

from collections.abc import Callable, Mapping, Sequence

from sfu.errors import NotFound, RoomFull
from sfu.limits import Limits
from sfu.rooms import events
from sfu.rooms.events import RoomEvent
from sfu.rooms.participant import Participant
from sfu.rooms.ports import Media, SourceId
from sfu.rooms.speakers import Speakers
from sfu.rooms.stage import Stage
from sfu.rooms.track import Track, TrackId, TrackSource
from sfu.rooms.tracks import Tracks
from sfu.rooms.watching import Watching


class Publishing:
    def __init__(
        self,
        media: Media,
        limits: Limits,
        *,
        participants: Mapping[str, Participant],
        tracks: Tracks,
        stage: Stage,
        speakers: Speakers,
        watching: Watching,
        emit: Callable[[RoomEvent], None],
        follow_stage: Callable[[], None],
    ) -> None:
        """`participants`: those present, as they are when asked."""
        self._media = media
        self._limits = limits
        self._participants = participants
        self._tracks = tracks
        self._stage = stage
        self._speakers = speakers
        self._watching = watching
        self._emit = emit
        self._follow_stage = follow_stage

    def check_publishers(self, participant: Participant | None = None) -> None:
        """Raises :class:`RoomFull` if another may not send."""
        publishing = self._tracks.publishers()
        is_known = participant is not None and participant.id in publishing
        if not is_known and len(publishing) >= self._limits.publishers_per_room:
            raise RoomFull("As many as may send in this room do so.")

    def publish(self, participant: Participant, source: TrackSource, media: SourceId, live: bool) -> Track:
        """Negotiated: others are told when it is first live. Again for a known one: its new source."""
        participant.require("publish")
        known = participant.tracks.get(source)
        if live and (known is None or not known.published):
            self.check_publishers(participant)
        track = self._tracks.register(participant, source, media)
        if track.muted_by_moderator or not track.published:
            self._media.set_forwarding(media, False)
        if known is not None:
            self._watching.replaced(track, self._participants)
            self._speakers.hush(track)
        self._set_live(track, live and not track.muted_by_moderator)
        if known is not None:
            self._follow_stage()
        return track

    def unpublish(self, participant: Participant, source: TrackSource) -> None:
        """No longer negotiated."""
        track = participant.tracks.get(source)
        if track is None:
            return
        was_published = track.published
        self._drop(participant, track)
        if was_published:
            self._emit(events.TrackUnpublished(participant.id, track.id))
        self.tracks_gone([track])

    def set_live(self, participant: Participant, source: TrackSource, live: bool) -> None:
        """Its owner says so; that also ends a moderator's mute."""
        participant.require("publish")
        track = participant.tracks.get(source)
        if track is None:
            raise NotFound("That track was not offered.")
        if live and not track.published:
            self.check_publishers(participant)
        if live and track.muted_by_moderator:
            track.muted_by_moderator = False
            self._media.set_forwarding(track.media, True)
        self._set_live(track, live)

    def mute(self, track_id: TrackId) -> None:
        """Silent until its owner sets it live again."""
        track = self._tracks.published(track_id)
        if not track.live:
            return
        track.muted_by_moderator = True
        self._media.set_forwarding(track.media, False)
        self._set_live(track, False, by_moderator=True)

    def layers_wanted(self, participant: Participant, source: TrackSource, rids: Sequence[str]) -> None:
        track = participant.tracks.get(source)
        if track is not None and track.wanted_rids != tuple(rids):
            track.wanted_rids = tuple(rids)
            self._emit(events.LayersWanted(participant.id, source, track.wanted_rids))

    def take_out(self, participant: Participant) -> list[Track]:
        """All that it sent, which nobody is told yet: :meth:`tracks_gone` follows if anybody stays."""
        tracks = list(participant.tracks.values())
        for track in tracks:
            self._drop(participant, track)
        return tracks

    def tracks_gone(self, tracks: Sequence[Track]) -> None:
        for track in tracks:
            self._speakers.forget(track)
        self._watching.gone(tracks, self._participants)
        self._speakers.tell()
        self._follow_stage()

    def _drop(self, participant: Participant, track: Track) -> None:
        self._tracks.drop(participant, track)
        self._stage.set_playing(track, False)

    def _set_live(self, track: Track, live: bool, *, by_moderator: bool = False) -> None:
        if track.live == live:
            return
        track.live = live
        ids = (track.participant, track.id, track.source)
        if track.published:
            self._emit(events.TrackUpdated(*ids, live, by_moderator))
        else:
            self._tracks.mark_published(track)
            self._media.set_forwarding(track.media, True)
            self._emit(events.TrackPublished(*ids, live))
        self._stage.set_playing(track, track.is_playing)
        self._speakers.tell()
        self._follow_stage()
