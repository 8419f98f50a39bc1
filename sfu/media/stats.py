"""What the packet path counted, read as one snapshot and told per transport.

The snapshot is taken in a thread, since it waits for the worker, and kept for a moment: metrics, API and
policy ask often. Knows no room and no participant: the caller maps transports to people.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sfu._packets import LayerSnapshot, SlotSnapshot, Snapshot, SourceSnapshot, TransportSnapshot
from sfu.clock import Clock
from sfu.log import get_logger
from sfu.media.specs import AdaptReason

log = get_logger(__name__)

KEEP_S = 1.0
# A snapshot of a full server takes tens of milliseconds, of which Python has most. Taking it may cost a
# hundredth of a core; but it never gets older than this.
_KEEP_TIMES = 100.0
_KEEP_LONGEST_S = 5.0
# Times that the worker, which has a second each time, may fail to answer until it counts as stuck.
_CHANCES = 3
# How often it is taken though nobody asks, so that totals and samples miss nothing.
FRESH_S = 5.0


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
    """One question to the worker at a time; its answer is good for :data:`KEEP_S`, longer where it was dear.

    `look` sees each answer, in the thread that took it.
    """

    def __init__(
        self, clock: Clock, take: Callable[[], Snapshot], look: Callable[[Indexed], None] = lambda _: None
    ) -> None:
        self._clock = clock
        self._take = take
        self._look = look
        self._latest: Indexed | None = None
        self._taken_at = 0.0
        self._lock = asyncio.Lock()
        self.took_s = 0.0
        """CPU time of Python for the last, with the look at it."""

    @property
    def latest(self) -> Indexed | None:
        """However old."""
        return self._latest

    @property
    def age_s(self) -> float:
        return self._clock.monotonic() - self._taken_at

    async def get(self) -> Indexed:
        async with self._lock:
            keep_s = min(max(KEEP_S, _KEEP_TIMES * self.took_s), _KEEP_LONGEST_S)
            if self._latest is None or self.age_s >= keep_s:
                self._latest = await asyncio.to_thread(self._taken)
                self._taken_at = self._clock.monotonic()
            return self._latest

    async def answers(self) -> bool:
        """Whether all workers do; one that has much to do gets a second chance."""
        for _ in range(_CHANCES):
            try:
                await self.get()
            except (TimeoutError, RuntimeError):
                continue
            return True
        return False

    def _taken(self) -> Indexed:
        began = time.thread_time()
        indexed = Indexed.of(self._take())
        self._look(indexed)
        self.took_s = time.thread_time() - began
        return indexed

    async def keep_fresh(self) -> None:
        """Ask although nobody else does, until cancelled."""
        while True:
            await asyncio.sleep(FRESH_S)
            try:
                await self.get()
            except TimeoutError:
                log.warning("the packet path does not answer")
            except Exception:
                log.exception("streams could not be looked at")


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
