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

    def resolution(self, slot: SlotSnapshot) -> tuple[int, int]:
        """Width and height of what it shows; zeros where no keyframe has told."""
        shown = None if slot.source is None else self.sources.get(slot.source)
        for layer in () if shown is None else shown.layers:
            if layer.layer == slot.layer:
                return layer.width, layer.height
        return 0, 0

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
        self._reading: asyncio.Task[Indexed] | None = None
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
        return await self._younger_than(min(max(KEEP_S, _KEEP_TIMES * self.took_s), _KEEP_LONGEST_S))

    async def answers(self) -> bool:
        """Whether all workers do, now: one that has much to do gets some chances."""
        for _ in range(_CHANCES):
            try:
                await self._younger_than(KEEP_S)
            except (TimeoutError, RuntimeError):
                continue
            return True
        return False

    async def _younger_than(self, age_s: float) -> Indexed:
        if self._latest is not None and self.age_s < age_s:
            return self._latest
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read(), name="media: snapshot")
            self._reading.add_done_callback(lambda reading: reading.cancelled() or reading.exception())
        # Whoever stops waiting leaves it running: a thread cannot be stopped, and two must not look at once.
        return await asyncio.shield(self._reading)

    async def _read(self) -> Indexed:
        self._latest = await asyncio.to_thread(self._taken)
        self._taken_at = self._clock.monotonic()
        return self._latest

    def _taken(self) -> Indexed:
        began = time.thread_time()
        indexed = Indexed.of(self._take())
        try:
            self._look(indexed)
        except Exception:
            # What is wrong with figures is no reason to take the packet path for dead.
            log.exception("streams could not be looked at")
        self.took_s = time.thread_time() - began
        return indexed

    async def keep_fresh(self) -> None:
        """Ask although nobody else does, until cancelled."""
        while True:
            await asyncio.sleep(FRESH_S)
            try:
                await self.get()
            except (TimeoutError, RuntimeError):
                log.warning("the packet path does not answer")


@dataclass(frozen=True, slots=True)
class Recent:
    """Of the last seconds, a share of the packets that were expected on that way; None: none were."""

    loss: float | None = None
    """Before repair."""
    unrepaired: float | None = None


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
    expected: int
    lost_after_repair: int
    duplicates: int
    reordered: int
    frames_per_s: float
    freezes: int
    frozen_s: float
    nacks: int
    """That we sent."""
    keyframe_requests: int
    capture_delay_s: float | None
    recent: Recent


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
    expected: int
    lost_after_repair: int
    """An estimate."""
    lost_up: int
    """Never came from the publisher, and so could not be sent on."""
    frames: int
    keyframes: int
    nacks: int
    """That the receiver sent."""
    keyframe_requests: int
    switches: int
    width: int
    height: int
    """Of the layer that is sent, as its last keyframe says."""
    recent: Recent


@dataclass(frozen=True, slots=True)
class TransportReport:
    """One peer: `delay_s` is the round trip that RTCP measured, None before the first report."""

    id: int
    remote: tuple[str, int] | None
    delay_s: float | None
    delay_up_s: float | None
    delay_down_s: float | None
    delay_error_s: float | None
    """The two may be off by so much; None: they are measured, or not known."""
    jitter_down_s: float | None
    """Of the way to the peer alone."""
    mos_up: float | None
    mos_down: float | None
    """None: no voice goes that way, or its delay is not known yet."""
    estimate_bps: int | None
    bytes_received: int
    bytes_sent: int
    sources: Sequence[SourceReport]
    slots: Sequence[SlotReport]


def layer_report(layer: LayerSnapshot, recent: Recent) -> LayerReport:
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
        expected=layer.expected,
        lost_after_repair=layer.lost_after_repair,
        duplicates=layer.duplicates,
        reordered=layer.reordered,
        frames_per_s=layer.frames_per_second,
        freezes=layer.freezes,
        frozen_s=layer.frozen_s,
        nacks=layer.nacks_sent,
        keyframe_requests=layer.plis_sent,
        capture_delay_s=layer.capture_delay_s,
        recent=recent,
    )


def loss_of(layer: LayerSnapshot) -> float:
    """What nothing brought back, as a share of what was expected."""
    return min(1.0, layer.lost_after_repair / layer.expected) if layer.expected else 0.0


def source_report(
    mid: str, kind: str, source: SourceSnapshot, recent: Callable[[int], Recent]
) -> SourceReport:
    """`recent` knows of each of its layers."""
    layers = sorted(source.layers, key=lambda layer: layer.layer)
    reports = [layer_report(layer, recent(layer.layer)) for layer in layers]
    return SourceReport(source.source, mid, kind, source.codec, source.forwarding, reports)


def slot_report(
    mid: str, kind: str, slot: SlotSnapshot, resolution: tuple[int, int], recent: Recent
) -> SlotReport:
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
        expected=slot.expected,
        lost_after_repair=slot.lost_after_repair,
        lost_up=slot.lost_up,
        frames=slot.frames,
        keyframes=slot.keyframes,
        nacks=slot.nacks_received,
        keyframe_requests=slot.plis_received,
        switches=slot.switches,
        width=resolution[0],
        height=resolution[1],
        recent=recent,
    )


def transport_report(
    transport: TransportSnapshot,
    mos: tuple[float | None, float | None],
    sources: Sequence[SourceReport],
    slots: Sequence[SlotReport],
) -> TransportReport:
    """`mos`: up, down."""
    return TransportReport(
        id=transport.transport,
        remote=transport.remote,
        delay_s=transport.round_trip_time_s,
        delay_up_s=transport.delay_up_s,
        delay_down_s=transport.delay_down_s,
        delay_error_s=transport.delay_error_s,
        jitter_down_s=transport.jitter_down_s,
        mos_up=mos[0],
        mos_down=mos[1],
        estimate_bps=transport.available_bps or transport.remb_bps,
        bytes_received=transport.bytes_received,
        bytes_sent=transport.bytes_sent,
        sources=sources,
        slots=slots,
    )
