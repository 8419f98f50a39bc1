"""The media plane's metrics, from its latest snapshot and the Python side's own counters."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Protocol

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from sfu import _packets
from sfu.media.handshakes import Handshakes
from sfu.media.inventory import Inventory
from sfu.media.stats import loss_of
from sfu.metrics import distribution

# From one LAN to the worst line on which people still talk.
_RTT_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0)
_JITTER_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5)
# One voice to a page of tiles.
_RATE_BOUNDS_BPS = (50e3, 100e3, 200e3, 500e3, 1e6, 2e6, 3e6, 5e6, 10e6, 20e6, 50e6)
_LOSS_BOUNDS = (0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)

_RESULTS = ("connected", "fingerprint_mismatch", "dtls_timeout", "dtls_failed", "no_srtp_profile")
_DTLS_DROPS = ("dtls_no_session", "dtls_inbox_full", "dtls_ignored")


class CountedPlane(Protocol):
    @property
    def inventory(self) -> Inventory: ...

    @property
    def handshakes(self) -> Handshakes: ...

    @property
    def failed_workers(self) -> int: ...
    @property
    def latest_snapshot(self) -> _packets.Snapshot | None: ...


class MediaCollector:
    def __init__(self, plane: CountedPlane) -> None:
        self._plane = plane

    def collect(self) -> Iterator[Metric]:
        yield from self._inventory()
        yield from self._handshakes()
        yield GaugeMetricFamily(
            "sfu_workers_failed",
            "Packet workers that have died; their share is with the others. Above 0: /healthz/media is red, "
            "drain this server and start it anew.",
            value=self._plane.failed_workers,
        )
        snapshot = self._plane.latest_snapshot
        if snapshot is not None:
            yield from _traffic(snapshot)
            yield self._drops(snapshot)
            yield _stress(snapshot)
            yield from _quality(snapshot)

    def _inventory(self) -> Iterator[Metric]:
        inventory = self._plane.inventory
        yield GaugeMetricFamily("sfu_transports", "Open media connections.", value=len(inventory.transports))
        yield _by_kind(
            "sfu_sources", "Published tracks.", (entry.spec.kind for entry in inventory.sources.values())
        )
        yield _by_kind("sfu_slots", "Receive slots.", (entry.spec.kind for entry in inventory.slots.values()))

    def _handshakes(self) -> Iterator[Metric]:
        handshakes = self._plane.handshakes
        finished = CounterMetricFamily("sfu_dtls_handshakes", "Finished handshakes.", labels=["result"])
        for result in _RESULTS:
            finished.add_metric([result], handshakes.results[result])
        yield finished
        yield GaugeMetricFamily(
            "sfu_dtls_handshakes_under_way", "DTLS handshakes begun and not finished.", handshakes.under_way
        )
        yield GaugeMetricFamily(
            "sfu_dtls_handshakes_waiting", "DTLS handshakes that wait for their turn.", handshakes.waiting
        )

    def _drops(self, snapshot: _packets.Snapshot) -> Metric:
        family = CounterMetricFamily("sfu_drops", "Packets that went no further.", labels=["reason"])
        for reason, count in snapshot.drops.items():
            family.add_metric([reason], count)
        for reason in _DTLS_DROPS:
            family.add_metric([reason], self._plane.handshakes.drops[reason])
        return family


def _by_kind(name: str, help_text: str, kinds: Iterable[str]) -> Metric:
    family = GaugeMetricFamily(name, help_text, labels=["kind"])
    counted = Counter(kinds)
    for kind in ("audio", "video"):
        family.add_metric([kind], counted[kind])
    return family


def _traffic(snapshot: _packets.Snapshot) -> Iterator[Metric]:
    packets = CounterMetricFamily("sfu_packets", "Datagrams through the media port.", labels=["direction"])
    packets.add_metric(["received"], snapshot.datagrams_received)
    packets.add_metric(["sent"], snapshot.datagrams_sent)
    yield packets
    octets = CounterMetricFamily("sfu_bytes", "Bytes of UDP payload.", labels=["direction"])
    octets.add_metric(["received"], snapshot.bytes_received)
    octets.add_metric(["sent"], snapshot.bytes_sent)
    yield octets
    yield CounterMetricFamily(
        "sfu_media_events_dropped",
        "Events that came up too fast; stays 0.",
        snapshot.events_dropped,
    )
    yield CounterMetricFamily(
        "sfu_worker_cpu_seconds", "CPU time of the packet path's threads.", snapshot.worker_cpu_s
    )


def _stress(snapshot: _packets.Snapshot) -> Metric:
    return GaugeMetricFamily(
        "sfu_stress",
        "How near the busiest packet worker is to its limit, 0 to 1: its busy share of the last second, how "
        "full its socket is, or how long packets wait for it. Beyond 0.8 take no more.",
        value=snapshot.stress,
    )


def _quality(snapshot: _packets.Snapshot) -> Iterator[Metric]:
    layers = [layer for source in snapshot.sources for layer in source.layers if layer.active]
    sending = [slot for slot in snapshot.slots if slot.source is not None]
    round_trips = (transport.round_trip_time_s for transport in snapshot.transports)
    yield distribution(
        "sfu_round_trip_time_seconds",
        "Round trip to the peers of this moment.",
        _RTT_BOUNDS_S,
        (time for time in round_trips if time is not None),
    )
    estimates = (transport.available_bps for transport in snapshot.transports)
    yield distribution(
        "sfu_estimated_downlink_bps",
        "What the ways to the subscribers of this moment carry, where they are estimated.",
        _RATE_BOUNDS_BPS,
        (bitrate_bps for bitrate_bps in estimates if bitrate_bps is not None),
    )
    yield distribution(
        "sfu_received_jitter_seconds",
        "Interarrival jitter of the streams that come in at this moment.",
        _JITTER_BOUNDS_S,
        (layer.jitter_s for layer in layers),
    )
    yield distribution(
        "sfu_sent_jitter_seconds",
        "Interarrival jitter that receivers report of the slots that send at this moment.",
        _JITTER_BOUNDS_S,
        (slot.jitter_s for slot in sending),
    )
    yield distribution(
        "sfu_received_loss_ratio",
        "Share of packets of the streams of this moment that never came.",
        _LOSS_BOUNDS,
        map(loss_of, layers),
    )
    yield distribution(
        "sfu_sent_loss_ratio",
        "Share of packets that receivers last reported lost, of the slots that send at this moment.",
        _LOSS_BOUNDS,
        (slot.fraction_lost for slot in sending),
    )
