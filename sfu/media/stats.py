"""What the packet path counted, read as one snapshot and told per transport.

The snapshot is taken in a thread, since it waits for the worker, and kept for a moment: metrics, API and
policy ask often. Knows no room and no participant: the caller maps transports to people.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sfu._packets import LayerSnapshot, SlotSnapshot, Snapshot, SourceSnapshot, TransportSnapshot
from sfu.clock import Clock
from sfu.media.specs import AdaptReason

KEEP_S = 1.0


@dataclass(frozen=True, slots=True)
class Indexed:
    """A snapshot with its parts by id."""

    whole: Snapshot
    transports: Mapping[int, TransportSnapshot]
    sources: Mapping[int, SourceSnapshot]
    slots: Mapping[int, SlotSnapshot]

    @classmethod
    def of(cls, snapshot: Snapshot) -> "Indexed":
        return cls(
            snapshot,
            {transport.transport: transport for transport in snapshot.transports},
            {source.source: source for source in snapshot.sources},
            {slot.slot: slot for slot in snapshot.slots},
        )


class SnapshotCache:
    """One question to the worker at a time, its answer good for :data:`KEEP_S`."""

    def __init__(self, clock: Clock, take: Callable[[], Snapshot]) -> None:
        self._clock = clock
        self._take = take
        self._latest: Indexed | None = None
        self._taken_at = 0.0
        self._lock = asyncio.Lock()

    @property
    def latest(self) -> Indexed | None:
        """However old."""
        return self._latest

    async def get(self) -> Indexed:
        async with self._lock:
            if self._latest is None or self._clock.monotonic() - self._taken_at >= KEEP_S:
                self._latest = Indexed.of(await asyncio.to_thread(self._take))
                self._taken_at = self._clock.monotonic()
            return self._latest


@dataclass(frozen=True, slots=True)
class LayerReport:
    layer: int
    active: bool
    width: int
    height: int
    bitrate_bps: int
    packets: int
    lost: int
    """Before repair; can be negative when duplicates came (RFC 3550 A.3)."""
    repaired: int
    loss: float
    """Share of the expected packets that never came, over the stream's life."""
    jitter_s: float
    keyframes: int


@dataclass(frozen=True, slots=True)
class SourceReport:
    id: int
    mid: str
    kind: str
    codec: str | None
    forwarding: bool
    layers: Sequence[LayerReport]


@dataclass(frozen=True, slots=True)
class SlotReport:
    id: int
    mid: str
    kind: str
    source: int | None
    wanted: int | None
    layer: int
    temporal: int
    """The highest temporal layer sent of it; 255: all."""
    is_off: bool
    reason: AdaptReason | None
    """Why the picture is not better, or is off."""
    bitrate_bps: int
    packets: int
    retransmitted: int
    lost: int
    loss: float
    """Fraction lost since the receiver's report before the last."""
    jitter_s: float


@dataclass(frozen=True, slots=True)
class TransportReport:
    """One peer: `delay_s` is the round trip that RTCP measured, None before the first report."""

    id: int
    remote: tuple[str, int] | None
    delay_s: float | None
    estimate_bps: int | None
    bytes_received: int
    bytes_sent: int
    sources: Sequence[SourceReport]
    slots: Sequence[SlotReport]


def layer_report(layer: LayerSnapshot) -> LayerReport:
    return LayerReport(
        layer=layer.layer,
        active=layer.active,
        width=layer.width,
        height=layer.height,
        bitrate_bps=layer.bitrate_bps,
        packets=layer.packets,
        lost=layer.lost,
        repaired=layer.repaired,
        loss=loss_of(layer),
        jitter_s=layer.jitter_s,
        keyframes=layer.keyframes,
    )


def loss_of(layer: LayerSnapshot) -> float:
    """What retransmission did not bring back, as a share of what was expected."""
    missing = max(0, layer.lost - layer.repaired)
    expected = layer.packets + missing
    return missing / expected if expected else 0.0


def source_report(mid: str, kind: str, source: SourceSnapshot) -> SourceReport:
    layers = [layer_report(layer) for layer in sorted(source.layers, key=lambda layer: layer.layer)]
    return SourceReport(source.source, mid, kind, source.codec, source.forwarding, layers)


def slot_report(mid: str, kind: str, slot: SlotSnapshot) -> SlotReport:
    return SlotReport(
        id=slot.slot,
        mid=mid,
        kind=kind,
        source=slot.source,
        wanted=slot.wanted,
        layer=slot.layer,
        temporal=slot.temporal,
        is_off=slot.is_off,
        reason=slot.reason,
        bitrate_bps=slot.bitrate_bps,
        packets=slot.packets,
        retransmitted=slot.retransmitted,
        lost=slot.lost,
        loss=slot.fraction_lost,
        jitter_s=slot.jitter_s,
    )


def transport_report(
    transport: TransportSnapshot, sources: Sequence[SourceReport], slots: Sequence[SlotReport]
) -> TransportReport:
    return TransportReport(
        id=transport.transport,
        remote=transport.remote,
        delay_s=transport.round_trip_time_s,
        estimate_bps=transport.available_bps or transport.remb_bps,
        bytes_received=transport.bytes_received,
        bytes_sent=transport.bytes_sent,
        sources=sources,
        slots=slots,
    )
