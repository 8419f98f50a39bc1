"""Goes through each snapshot once: adds to all streams' totals, every few seconds samples their quality.

Runs in the thread that took the snapshot, since a full server has tens of thousands of streams; metrics and
API read what it found last. What belongs to the health probe is left out. Knows no room.
"""

from collections import Counter
from dataclasses import dataclass, field
from operator import attrgetter

from sfu._packets import SlotSnapshot, SourceSnapshot
from sfu.clock import Clock
from sfu.media.inventory import Inventory
from sfu.media.quality import SAMPLE_S, Quality, Since
from sfu.media.specs import AdaptReason
from sfu.media.stats import Indexed, Recent
from sfu.media.tally import Kind, Stream, Tally

UP = {
    "packets": "packets",
    "bytes": "bytes",
    "expected": "expected",
    "lost": "lost",
    "unrepaired": "lost_after_repair",
    "repaired": "repaired",
    "frames": "frames",
    "keyframes": "keyframes",
    "nacks": "nacks_sent",
    "keyframe_requests": "plis_sent",
    "duplicates": "duplicates",
    "reordered": "reordered",
    "freezes": "freezes",
    "frozen_s": "frozen_s",
}
"""What is totalled of layers, and what the packet path calls it."""
DOWN = {
    "packets": "packets",
    "bytes": "bytes",
    "expected": "expected",
    "lost": "lost",
    "unrepaired": "lost_after_repair",
    "repaired": "repaired",
    "frames": "frames",
    "keyframes": "keyframes",
    "nacks": "nacks_received",
    "keyframe_requests": "plis_received",
    "retransmitted": "retransmitted",
    "switches": "switches",
}
"""The same of slots."""


# Of which slots are counted one by one; a few streams have more.
LAYERS = 3


@dataclass(slots=True)
class Shown:
    """What slots show at this moment."""

    by_kind: Counter[Kind] = field(default_factory=Counter)
    idle: int = 0
    off: Counter[Kind] = field(default_factory=Counter)
    limited: Counter[tuple[Kind, AdaptReason]] = field(default_factory=Counter)
    layers: Counter[tuple[Kind, int]] = field(default_factory=Counter)


class Survey:
    def __init__(self, inventory: Inventory, clock: Clock) -> None:
        self._inventory = inventory
        self._clock = clock
        self.up: Tally[tuple[int, int]] = Tally(tuple(UP), attrgetter(*UP.values()))
        self.down: Tally[int] = Tally(tuple(DOWN), attrgetter(*DOWN.values()))
        self.quality = Quality()
        self.shown = Shown()
        self._sampled_at = clock.monotonic()

    def take(self, indexed: Indexed) -> None:
        now = self._clock.monotonic()
        elapsed_s = now - self._sampled_at
        if elapsed_s >= SAMPLE_S:
            self._sampled_at = now
            self._look(indexed, elapsed_s)
        else:
            self._look(indexed, None)

    def recent_of_layer(self, source: int, layer: int) -> Recent:
        return _recent(self.up.stream((source, layer)))

    def recent_of_slot(self, slot: int) -> Recent:
        return _recent(self.down.stream(slot))

    def _look(self, indexed: Indexed, elapsed_s: float | None) -> None:
        """`elapsed_s`: this look is a sample, the last was so long ago."""
        self.quality.begin()
        self.up.begin()
        for source in indexed.whole.sources:
            self._source(source, elapsed_s)
        self.up.end()
        self.down.begin()
        shown = Shown()
        for slot in indexed.whole.slots:
            self._slot(slot, shown, indexed, elapsed_s)
        self.down.end()
        self.shown = shown
        if elapsed_s is not None:
            for transport in indexed.whole.transports:
                if not self._is_probe(transport.transport):
                    self.quality.transport(transport)
            self.quality.end()

    def _source(self, source: SourceSnapshot, elapsed_s: float | None) -> None:
        entry = self._inventory.sources.get(source.source)
        kind = self._inventory.kind_of(source.source)
        if entry is None or kind is None or self._is_probe(entry.transport):
            return
        for layer in source.layers:
            stream = self.up.follow((source.source, layer.layer), kind, layer)
            if elapsed_s is not None:
                since = _sampled(self.up, stream, elapsed_s)
                if layer.active:
                    self.quality.layer(layer, stream, entry.transport, since)

    def _slot(self, slot: SlotSnapshot, shown: Shown, indexed: Indexed, elapsed_s: float | None) -> None:
        number, source = slot.slot, slot.source
        if source is None and not slot.packets:
            # Most slots of most people are empty tiles: nothing to add.
            shown.idle += 1
            return
        entry = self._inventory.slots.get(number)
        if entry is None or self._is_probe(entry.transport):
            return
        kind = None if source is None else self._inventory.kind_of(source)
        known = self.down.stream(number)
        kind = kind or (known.kind if known else _assumed(entry.spec.kind))
        stream = self.down.follow(number, kind, slot)
        _count(shown, slot, kind)
        if elapsed_s is not None:
            since = _sampled(self.down, stream, elapsed_s)
            if source is not None and not slot.is_off:
                _, height = indexed.resolution(slot)
                self.quality.slot(slot, stream, indexed.transports.get(entry.transport), height, since)

    def _is_probe(self, transport: int) -> bool:
        entry = self._inventory.transports.get(transport)
        return entry is not None and entry.is_probe


def _assumed(kind: str) -> Kind:
    """Of a slot whose source is gone."""
    return "audio" if kind == "audio" else "camera"


def _count(shown: Shown, slot: SlotSnapshot, kind: Kind) -> None:
    if slot.source is None and not slot.is_off:
        shown.idle += 1
        return
    shown.by_kind[kind] += 1
    if slot.is_off:
        shown.off[kind] += 1
    elif kind != "audio":
        shown.layers[kind, min(slot.layer, LAYERS - 1)] += 1
    if slot.reason is not None:
        shown.limited[kind, slot.reason] += 1


def _sampled(tally: Tally[tuple[int, int]] | Tally[int], stream: Stream, elapsed_s: float) -> Since:
    expected = tally.since(stream, "expected")
    unrepaired = tally.since(stream, "unrepaired")
    stream.loss = _share(tally.since(stream, "lost"), expected)
    stream.unrepaired = _share(unrepaired, expected)
    # A stream that has begun since has not had all that time.
    stream.frames_per_s = tally.since(stream, "frames") / elapsed_s if stream.is_sampled else None
    stream.before = stream.counts
    stream.is_sampled = True
    return Since(expected, unrepaired)


def _recent(stream: Stream | None) -> Recent:
    return Recent() if stream is None else Recent(stream.loss, stream.unrepaired)


def _share(part: float, whole: float) -> float | None:
    return min(1.0, part / whole) if whole else None
