"""Viewers (WHEP): counted, not listed. Each has slots that follow the stage or one participant.

Asks media to show only what changed. Who plays in which order is decided in :mod:`sfu.rooms.stage`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from sfu.errors import NotFound
from sfu.rooms.participant import Participant
from sfu.rooms.ports import Media, SlotId, SourceId, TransportId
from sfu.rooms.stage import beside, playlist
from sfu.rooms.track import MediaKind, Track


@dataclass(slots=True, kw_only=True)
class Viewer:
    id: str
    play: str | None
    """Name or id of the participant to play; None plays the stage."""
    transport: TransportId | None = None
    slots: Mapping[MediaKind, Sequence[SlotId]] = field(default_factory=dict)
    shown: dict[SlotId, SourceId] = field(default_factory=dict)


class Audience:
    def __init__(self, media: Media) -> None:
        self._media = media
        self._viewers: dict[str, Viewer] = {}

    def __len__(self) -> int:
        return len(self._viewers)

    def ids(self) -> list[str]:
        return list(self._viewers)

    def add(self, viewer: Viewer) -> None:
        self._viewers[viewer.id] = viewer

    def attach(
        self, viewer_id: str, transport: TransportId, slots: Mapping[MediaKind, Sequence[SlotId]]
    ) -> None:
        """Raises :class:`NotFound`. The next :meth:`follow` fills the slots."""
        viewer = self._viewers.get(viewer_id)
        if viewer is None:
            raise NotFound("No such viewer.")
        viewer.transport = transport
        viewer.slots = slots

    def remove(self, viewer_id: str) -> bool:
        viewer = self._viewers.pop(viewer_id, None)
        if viewer is not None and viewer.transport is not None:
            self._media.close_transport(viewer.transport)
        return viewer is not None

    def follow(self, participants: Sequence[Participant], dominant: Track | None) -> None:
        """What is to be played may have changed: once per distinct wish, then slot by slot."""
        playlists: dict[str | None, tuple[list[Track], list[Track]]] = {}
        for viewer in self._viewers.values():
            if viewer.play not in playlists:
                playlists[viewer.play] = (
                    playlist(participants, dominant, "video", viewer.play),
                    playlist(participants, dominant, "audio", viewer.play),
                )
            self._arrange(viewer, *playlists[viewer.play])

    def _arrange(self, viewer: Viewer, pictures: Sequence[Track], sounds: Sequence[Track]) -> None:
        video, audio = viewer.slots.get("video", ()), viewer.slots.get("audio", ())
        self._show(viewer, video, pictures)
        self._show(viewer, audio, beside(pictures[: len(video)], sounds, len(audio)))

    def _show(self, viewer: Viewer, slots: Sequence[SlotId], tracks: Sequence[Track | None]) -> None:
        for slot, track in zip_longest(slots, tracks[: len(slots)]):
            source = track.media if track is not None else None
            if viewer.shown.get(slot) == source:
                continue
            self._media.show(slot, source)
            if source is None:
                viewer.shown.pop(slot, None)
            else:
                viewer.shown[slot] = source
