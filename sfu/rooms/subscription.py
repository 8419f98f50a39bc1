"""What one participant sees: which of its video slots shows which track.

A shown track keeps its slot, so that nothing on screen blinks. A newcomer takes a free slot, preferably the
one with the index of its audio position, whose sound a browser plays in sync, both being in one `msid`.
With more tiles than slots the most important win; the others wait. Pure: returns changes, tells nobody.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sfu.rooms.ports import Shortfall, SlotId, TileSize
from sfu.rooms.track import Track, TrackId

Resolve = Callable[[TrackId], Track | None]
"""The published video track of that id, if this participant may see it."""
Prefer = Callable[[Track], int | None]
"""The audio position that sounds with the track."""


@dataclass(frozen=True, slots=True)
class View:
    """A tile on the participant's screen."""

    track: TrackId
    size: TileSize


@dataclass(slots=True)
class Slot:
    id: SlotId
    mid: str
    shown: Track | None = None
    size: TileSize | None = None
    undecodable: bool = False
    off: bool = False
    """Nothing is sent, for `reason`."""
    reason: Shortfall | None = None
    """Why the picture is not better."""


@dataclass(frozen=True, slots=True)
class Change:
    """The slot has taken on another track (or none), or the same at another size."""

    slot: Slot
    before: Track | None

    @property
    def is_other_track(self) -> bool:
        return self.slot.shown is not self.before


class Subscription:
    def __init__(self) -> None:
        self._slots: list[Slot] = []
        self._view: tuple[View, ...] = ()

    @property
    def slots(self) -> Sequence[Slot]:
        return self._slots

    def attach(self, slots: Sequence[tuple[SlotId, str]]) -> list[Track]:
        """These are the slots now; known ones keep what they show. Returns what is shown no longer."""
        known = {slot.id: slot for slot in self._slots}
        self._slots = [known.pop(id_) if id_ in known else Slot(id_, mid) for id_, mid in slots]
        return [slot.shown for slot in known.values() if slot.shown is not None]

    def set_view(self, view: Sequence[View], resolve: Resolve, prefer: Prefer) -> list[Change]:
        self._view = tuple(view)
        return self.fill(resolve, prefer)

    def fill(self, resolve: Resolve, prefer: Prefer) -> list[Change]:
        """Make the slots show the view as it can be shown now."""
        wanted = self._wanted(resolve)
        changes = self._resize(wanted)
        newcomers = self._newcomers(wanted)
        free = {index: slot for index, slot in enumerate(self._slots) if _key(slot.shown) not in wanted}
        changes += self._assign(newcomers, free, wanted, prefer)
        changes += [_show(slot, None, None) for slot in free.values() if slot.shown is not None]
        return changes

    def mark_undecodable(self, slot_id: SlotId, track: Track) -> Slot | None:
        """None if the slot shows something else by now, or was marked before."""
        for slot in self._slots:
            if slot.id == slot_id and slot.shown is track and not slot.undecodable:
                slot.undecodable = True
                return slot
        return None

    def mark_adapted(
        self, slot_id: SlotId, track: Track, *, off: bool, reason: Shortfall | None
    ) -> Slot | None:
        """None if the slot shows something else by now, or that is known."""
        for slot in self._slots:
            if slot.id == slot_id and slot.shown is track and (slot.off, slot.reason) != (off, reason):
                slot.off, slot.reason = off, reason
                return slot
        return None

    def _wanted(self, resolve: Resolve) -> dict[TrackId, tuple[Track, TileSize]]:
        """The most important tiles that can be shown, each track once."""
        wanted: dict[TrackId, tuple[Track, TileSize]] = {}
        for tile in self._view:
            if len(wanted) == len(self._slots):
                break
            track = None if tile.track in wanted else resolve(tile.track)
            if track is not None:
                wanted[track.id] = (track, tile.size)
        return wanted

    def _resize(self, wanted: Mapping[TrackId, tuple[Track, TileSize]]) -> list[Change]:
        changes = []
        for slot in self._slots:
            kept = wanted.get(_key(slot.shown))
            if kept is not None and kept[1] != slot.size:
                slot.size = kept[1]
                changes.append(Change(slot, slot.shown))
        return changes

    def _newcomers(self, wanted: Mapping[TrackId, tuple[Track, TileSize]]) -> list[Track]:
        shown = {_key(slot.shown) for slot in self._slots}
        return [track for id_, (track, _) in wanted.items() if id_ not in shown]

    def _assign(
        self,
        newcomers: Sequence[Track],
        free: dict[int, Slot],
        wanted: Mapping[TrackId, tuple[Track, TileSize]],
        prefer: Prefer,
    ) -> list[Change]:
        """Those with a preferred slot first, so that nobody else sits down there."""
        places = {track.id: index for track in newcomers if (index := prefer(track)) in free}
        changes = []
        for track in sorted(newcomers, key=lambda track: track.id not in places):
            index = places.get(track.id)
            slot = free.pop(index if index in free else _first_free(free))
            changes.append(_show(slot, track, wanted[track.id][1]))
        return changes


def _first_free(free: Mapping[int, Slot]) -> int:
    """An empty slot rather than one whose picture would be cut off early."""
    return min(free, key=lambda index: (free[index].shown is not None, index))


def _show(slot: Slot, track: Track | None, size: TileSize | None) -> Change:
    change = Change(slot, slot.shown)
    slot.shown, slot.size, slot.undecodable = track, size, False
    # Media says anew what is amiss with this one.
    slot.off, slot.reason = False, None
    return change


def _key(track: Track | None) -> TrackId:
    return "" if track is None else track.id
