"""The packet path as the media plane sees it, without packets: remembers commands, emits what a test says."""

import os
from collections import deque
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any


@dataclass(frozen=True)
class TransportConnected:
    transport: int
    remote: tuple[str, int] = ("192.0.2.1", 5000)


@dataclass(frozen=True)
class TransportMoved:
    transport: int
    remote: tuple[str, int] = ("192.0.2.2", 5000)


@dataclass(frozen=True)
class TransportLost:
    transport: int
    reason: str


@dataclass(frozen=True)
class DtlsReceived:
    transport: int
    datagram: bytes


@dataclass(frozen=True)
class SourceLayersChanged:
    source: int
    codec: str
    layers: tuple[int, ...]


@dataclass(frozen=True)
class SlotSwitched:
    slot: int
    source: int | None


@dataclass(frozen=True)
class SlotUndecodable:
    slot: int
    source: int
    codec: str


@dataclass(frozen=True)
class SlotAdapted:
    slot: int
    source: int
    is_off: bool
    reason: str | None
    layer: int | None = None


@dataclass(frozen=True)
class AudioPositionsChanged:
    room: int
    positions: tuple[int | None, ...]


@dataclass(frozen=True)
class DominantSpeakerChanged:
    room: int
    source: int | None


@dataclass(frozen=True)
class SpeakingChanged:
    source: int
    speaking: bool


@dataclass(frozen=True)
class WorkerFailed:
    worker: int
    reason: str


@dataclass
class FakeHistogram:
    bounds_s: list[float] = field(default_factory=lambda: [64e-6, 128e-6, 1.048576])
    counts: list[int] = field(default_factory=lambda: [0, 0, 0, 0])
    sum_s: float = 0.0


@dataclass
class FakeSnapshot:
    datagrams_received: int = 0
    bytes_received: int = 0
    datagrams_sent: int = 0
    bytes_sent: int = 0
    drops: dict[str, int] = field(default_factory=dict)
    events_dropped: int = 0
    worker_cpu_s: float = 0.0
    workers_cpu_s: list[float] = field(default_factory=lambda: [0.0])
    stress: float = 0.0
    forwarding_delay_audio: FakeHistogram = field(default_factory=FakeHistogram)
    forwarding_delay_video: FakeHistogram = field(default_factory=FakeHistogram)
    receive_delay: FakeHistogram = field(default_factory=FakeHistogram)
    send_queue_age_s: float = 0.0
    transports: list[Any] = field(default_factory=list)
    sources: list[Any] = field(default_factory=list)
    slots: list[Any] = field(default_factory=list)


def layer(number: int = 0, **values) -> SimpleNamespace:
    zeros = (
        "ssrc packets bytes expected received lost lost_after_repair repaired repaired_red duplicates reordered "
        "keyframes nacks_sent plis_sent bitrate_bps frames freezes width height"
    )
    more = {
        "active": True,
        "jitter_s": 0.0,
        "frames_per_second": 0.0,
        "frozen_s": 0.0,
        "capture_delay_s": None,
    }
    return SimpleNamespace(**{"layer": number, **dict.fromkeys(zeros.split(), 0), **more, **values})


def source(number: int, *layers, **values) -> SimpleNamespace:
    return SimpleNamespace(
        **{"source": number, "codec": "vp8", "forwarding": True, "layers": list(layers), **values}
    )


def slot(number: int, **values) -> SimpleNamespace:
    zeros = (
        "layer packets bytes frames keyframes retransmitted repaired nacks_received plis_received switches "
        "bitrate_bps expected lost lost_up lost_after_repair"
    )
    more = {"temporal": 255, "is_off": False, "fraction_lost": 0.0, "jitter_s": 0.0}
    unknown = dict.fromkeys(("source", "wanted", "reason"))
    return SimpleNamespace(**{"slot": number, **dict.fromkeys(zeros.split(), 0), **unknown, **more, **values})


def transport(number: int, **values) -> SimpleNamespace:
    zeros = "packets_received packets_sent bytes_received bytes_sent reported_packets reported_lost"
    unknown = (
        "remote round_trip_time_s round_trip_last_s delay_up_s delay_down_s delay_error_s jitter_down_s remb_bps "
        "available_bps"
    )
    plain = dict.fromkeys(zeros.split(), 0) | dict.fromkeys(unknown.split())
    return SimpleNamespace(**{"transport": number, "has_keys": True, **plain, **values})


class FakePackets:
    """Stands for `_packets.Plane`. `commands` holds (name, arguments by position, arguments by name)."""

    def __init__(self) -> None:
        self.event_fd = os.eventfd(0, os.EFD_NONBLOCK)
        self.local_addresses = [("0.0.0.0", 4000), ("::", 4000)]
        self.commands: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.counted = FakeSnapshot()
        self.snapshots_taken = 0
        self.is_closed = False
        self.drains = 0
        self._death: str | None = None
        self._events: deque[Any] = deque()

    def emit(self, *events: Any) -> None:
        self._events.extend(events)
        os.eventfd_write(self.event_fd, 1)

    def die(self, reason: str) -> None:
        """From now on the descriptor stays readable."""
        self._death = reason
        os.eventfd_write(self.event_fd, 1)

    def drain(self, limit: int = 4096) -> list[Any]:
        self.drains += 1
        if self._death is not None:
            raise RuntimeError(self._death)
        try:
            os.eventfd_read(self.event_fd)
        except BlockingIOError:
            return []
        batch = [self._events.popleft() for _ in range(min(limit, len(self._events)))]
        if self._events:
            os.eventfd_write(self.event_fd, 1)
        return batch

    def snapshot(self, timeout_s: float = 1.0) -> FakeSnapshot:
        self.snapshots_taken += 1
        return self.counted

    def close(self) -> None:
        self.is_closed = True

    def dispose(self) -> None:
        os.close(self.event_fd)

    def of(self, name: str) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        """The arguments of each command of this name, in order."""
        return [(by_position, by_name) for said, by_position, by_name in self.commands if said == name]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        def command(*by_position: Any, **by_name: Any) -> None:
            self.commands.append((name, by_position, by_name))

        return command
