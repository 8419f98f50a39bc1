"""Viewers (WHEP): counted, not listed. Each has slots that follow the stage or one participant.

Asks media to show only what changed. Who plays in which order is decided in :mod:`sfu.rooms.stage`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sfu.errors import NotFound
from sfu.rooms.ports import Media, SlotId, SourceId, TransportId
from sfu.rooms.stage import Stage
from sfu.rooms.track import MediaKind, Track


@dataclass(slots=True, kw_only=True)
class Viewer:
    id: str
    play: str | None
    """Name or id of the participant to play; None plays the stage."""
    transport: TransportId | None = None
    slots: Mapping[MediaKind, Sequence[SlotId]] = field(default_factory=dict)
    shown: dict[SlotId, SourceId] = field(default_factory=dict)


Shape = tuple[str | None, int, int]
"""What a viewer plays, on how many video and audio slots: all of one shape are shown the same."""
Arrangement = Sequence[SourceId | None]
"""For the video slots, then for the audio slots."""


class Audience:
    def __init__(self, media: Media, stage: Stage) -> None:
        self._media = media
        self._stage = stage
        self._viewers: dict[str, Viewer] = {}
        self._shapes: dict[Shape, dict[str, Viewer]] = {}
        self._arranged: dict[Shape, Arrangement] = {}
        """As last told; without the shapes that nobody has."""

    def __len__(self) -> int:
        return len(self._viewers)

    def ids(self) -> list[str]:
        return list(self._viewers)

    def transports(self) -> list[TransportId]:
        return [one.transport for one in self._viewers.values() if one.transport is not None]

    def add(self, viewer: Viewer) -> None:
        self._viewers[viewer.id] = viewer

    def attach(
        self, viewer_id: str, transport: TransportId, slots: Mapping[MediaKind, Sequence[SlotId]]
    ) -> None:
        """Raises :class:`NotFound`. :meth:`seat` or the next :meth:`follow` fills the slots."""
        viewer = self._viewers.get(viewer_id)
        if viewer is None:
            raise NotFound("No such viewer.")
        self._unshape(viewer)
        viewer.transport = transport
        viewer.slots = slots
        self._shapes.setdefault(_shape(viewer), {})[viewer.id] = viewer

    def remove(self, viewer_id: str) -> bool:
        viewer = self._viewers.pop(viewer_id, None)
        if viewer is None:
            return False
        self._unshape(viewer)
        if viewer.transport is not None:
            self._media.close_transport(viewer.transport)
        return True

    def _unshape(self, viewer: Viewer) -> None:
        shape = _shape(viewer)
        there = self._shapes.get(shape)
        if there is not None and there.pop(viewer.id, None) is not None and not there:
            del self._shapes[shape]
            self._arranged.pop(shape, None)

    def follow(self, dominant: Track | None) -> None:
        """What is to be played may have changed: worked out once a shape, told to those whom it changes."""
        for shape, viewers in self._shapes.items():
            arrangement = self._arrange(shape, dominant)
            if self._arranged.get(shape) == arrangement:
                continue
            self._arranged[shape] = arrangement
            for viewer in viewers.values():
                self._show(viewer, arrangement)

    def seat(self, viewer_id: str, dominant: Track | None) -> None:
        """One has come: the others go on with what they are shown."""
        viewer = self._viewers[viewer_id]
        shape = _shape(viewer)
        if shape not in self._arranged:
            self._arranged[shape] = self._arrange(shape, dominant)
        self._show(viewer, self._arranged[shape])

    def _arrange(self, shape: Shape, dominant: Track | None) -> Arrangement:
        play, video, audio = shape
        pictures = self._stage.playlist(dominant, "video", play, most=video)
        sounds = self._stage.beside(dominant, play, pictures, audio)
        seats = (*pictures, *[None] * (video - len(pictures)), *sounds)
        return [None if track is None else track.media for track in seats]

    def _show(self, viewer: Viewer, arrangement: Arrangement) -> None:
        slots = (*viewer.slots.get("video", ()), *viewer.slots.get("audio", ()))
        for slot, source in zip(slots, arrangement, strict=True):
            if viewer.shown.get(slot) == source:
                continue
            self._media.show(slot, source)
            if source is None:
                viewer.shown.pop(slot, None)
            else:
                viewer.shown[slot] = source


def _shape(viewer: Viewer) -> Shape:
    return (viewer.play, len(viewer.slots.get("video", ())), len(viewer.slots.get("audio", ())))
