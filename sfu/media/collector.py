"""The media plane's metrics: one collector over the latest snapshot, what the survey made of it, and the
Python side's own counters.

As many series on an idle server as on a full one: labels are directions, kinds, reasons and workers.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, get_args

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from sfu import _packets
from sfu.media.handshakes import Handshakes
from sfu.media.histograms import Histogram
from sfu.media.inventory import Inventory
from sfu.media.probe import Stage, Watch
from sfu.media.specs import AdaptReason
from sfu.media.stats import SnapshotCache
from sfu.media.survey import DOWN, LAYERS, UP, Survey
from sfu.media.tally import KINDS, Kind
from sfu.metrics import Buckets

_RESULTS = ("connected", "fingerprint_mismatch", "dtls_timeout", "dtls_failed", "no_srtp_profile")
_DTLS_DROPS = ("dtls_no_session", "dtls_inbox_full", "dtls_ignored")
_PICTURES: Sequence[Kind] = ("camera", "screen")
# Every second bucket border of the packet path's own, 64 µs to a second.
_DELAY_BOUNDS_S = tuple(64e-6 * 2**power for power in range(15))

_COUNTED = {
    "packets": ("sfu_stream_packets", "RTP packets of streams: come (up), sent (down)."),
    "bytes": ("sfu_stream_bytes", "Bytes of them."),
    "expected": (
        "sfu_expected_packets",
        "Packets that should have come on that way: up by their numbers, down by receivers' reports.",
    ),
    "lost": ("sfu_lost_packets", "Those of the expected that did not come by themselves: before repair."),
    "unrepaired": (
        "sfu_unrepaired_packets",
        "Those of the lost that nothing brought back: after repair; down an estimate.",
    ),
    "repaired": (
        "sfu_repaired_packets",
        "Lost packets that came again by retransmission or redundancy (up), that were sent again (down).",
    ),
    "retransmitted": (
        "sfu_retransmitted_packets",
        "Packets sent again, the same one several times counted so.",
    ),
    "duplicates": ("sfu_duplicate_packets", "Packets that came more than once by themselves."),
    "reordered": ("sfu_reordered_packets", "Packets that came after one with a higher number."),
    "frames": ("sfu_frames", "Frames come whole (up), sent to their end (down)."),
    "keyframes": ("sfu_keyframes", "Of them keyframes."),
    "nacks": ("sfu_nacks", "Packets asked for again: by us (up), by receivers (down)."),
    "keyframe_requests": ("sfu_keyframe_requests", "Keyframes asked for: by us (up), by receivers (down)."),
    "switches": ("sfu_slot_switches", "Changes of a slot to another source or layer."),
    "freezes": ("sfu_freezes", "Pauses in what came that the publisher did not make."),
    "frozen_s": ("sfu_frozen_seconds", "How long they took in all."),
}
"""Totals over streams, by direction and kind: name and help."""


class CountedPlane(Protocol):
    @property
    def inventory(self) -> Inventory: ...

    @property
    def handshakes(self) -> Handshakes: ...

    @property
    def failed_workers(self) -> int: ...

    @property
    def survey(self) -> Survey: ...

    @property
    def watch(self) -> Watch: ...

    @property
    def snapshots(self) -> SnapshotCache: ...


class MediaCollector:
    def __init__(self, plane: CountedPlane, socket_drops: Callable[[], int] = lambda: 0) -> None:
        self._plane = plane
        self._socket_drops = socket_drops

    def collect(self) -> Iterator[Metric]:
        yield from self._inventory()
        yield from self._handshakes()
        yield from self._probe()
        yield GaugeMetricFamily(
            "sfu_workers_failed",
            "Packet workers that have died; their share is with the others. Above 0: /healthz/media is red, "
            "drain this server and start it anew.",
            value=self._plane.failed_workers,
        )
        yield CounterMetricFamily(
            "sfu_socket_drops",
            "Datagrams that the kernel dropped since the media port's receive buffer was full.",
            value=self._socket_drops(),
        )
        yield from _totals(self._plane.survey)
        yield from _histograms(self._plane.survey)
        yield from _shown(self._plane.survey)
        latest = self._plane.snapshots.latest
        if latest is not None:
            yield from _traffic(latest.whole)
            yield self._drops(latest.whole)
            yield from _saturation(latest.whole)
            yield from self._freshness()

    def _inventory(self) -> Iterator[Metric]:
        inventory = self._plane.inventory
        yield GaugeMetricFamily("sfu_transports", "Open media connections.", value=inventory.peers())
        sources = GaugeMetricFamily("sfu_sources", "Tracks that may be published.", labels=["kind"])
        counted = inventory.sources_by_kind()
        for kind in KINDS:
            sources.add_metric([kind], counted[kind])
        yield sources

    def _handshakes(self) -> Iterator[Metric]:
        handshakes = self._plane.handshakes
        finished = CounterMetricFamily(
            "sfu_dtls_handshakes", "Finished handshakes, those of the health probe too.", labels=["result"]
        )
        for result in _RESULTS:
            finished.add_metric([result], handshakes.results[result])
        yield finished
        yield GaugeMetricFamily(
            "sfu_dtls_handshakes_under_way", "DTLS handshakes begun and not finished.", handshakes.under_way
        )
        yield GaugeMetricFamily(
            "sfu_dtls_handshakes_waiting", "DTLS handshakes that wait for their turn.", handshakes.waiting
        )

    def _probe(self) -> Iterator[Metric]:
        watch = self._plane.watch
        yield GaugeMetricFamily(
            "sfu_media_probe_ok",
            "1: the last round trip of ICE, DTLS and RTP through the media port succeeded and is not old.",
            value=float(watch.judge().ok),
        )
        ended = CounterMetricFamily(
            "sfu_media_probes", "Such round trips, one every 5 s, by how they ended.", labels=["result"]
        )
        for result in get_args(Stage):
            ended.add_metric([result], watch.ended[result])
        ended.add_metric(["ok"], watch.ended["ok"])
        yield ended
        took = HistogramMetricFamily(
            "sfu_media_probe_round_trip_seconds",
            "A packet's way in as a source and out as a slot, every 5 s.",
        )
        watch.round_trips.add_to(took)
        yield took

    def _drops(self, snapshot: _packets.Snapshot) -> Metric:
        family = CounterMetricFamily("sfu_drops", "Packets that went no further.", labels=["reason"])
        for reason, count in snapshot.drops.items():
            family.add_metric([reason], count)
        for reason in _DTLS_DROPS:
            family.add_metric([reason], self._plane.handshakes.drops[reason])
        return family

    def _freshness(self) -> Iterator[Metric]:
        snapshots = self._plane.snapshots
        yield GaugeMetricFamily(
            "sfu_snapshot_age_seconds",
            "How old the packet path's counters are. Above 10: it does not answer.",
            value=snapshots.age_s,
        )
        yield GaugeMetricFamily(
            "sfu_snapshot_cpu_seconds", "CPU time of Python for reading them.", value=snapshots.took_s
        )


def _totals(survey: Survey) -> Iterator[Metric]:
    for name, (metric, help_text) in _COUNTED.items():
        family = CounterMetricFamily(metric, help_text, labels=["direction", "kind"])
        for kind in KINDS:
            if name in UP:
                family.add_metric(["up", kind], survey.up.total(kind, name))
            if name in DOWN:
                family.add_metric(["down", kind], survey.down.total(kind, name))
        yield family


def _histograms(survey: Survey) -> Iterator[Metric]:
    for name, histogram in survey.quality.histograms.items():
        yield _family(name, histogram)


def _family(name: str, histogram: Histogram) -> Metric:
    family = HistogramMetricFamily(name, histogram.help, labels=histogram.labels)
    for labels, buckets in histogram.rows.items():
        buckets.add_to(family, *labels)
    return family


def _shown(survey: Survey) -> Iterator[Metric]:
    shown = survey.shown
    slots = GaugeMetricFamily("sfu_slots", "Receive slots that show something, by what.", labels=["kind"])
    for kind in KINDS:
        slots.add_metric([kind], shown.by_kind[kind])
    yield slots
    yield GaugeMetricFamily("sfu_slots_idle", "Receive slots that show nothing.", value=shown.idle)
    off = GaugeMetricFamily(
        "sfu_slots_off",
        "Slots whose picture is off, since the way to its viewer has no room.",
        labels=["kind"],
    )
    limited = GaugeMetricFamily(
        "sfu_slots_limited",
        "Slots whose picture could be better, by why it is not.",
        labels=["kind", "reason"],
    )
    layers = GaugeMetricFamily(
        "sfu_slots_by_layer",
        "Slots by the layer that they are sent, 0 the best, 2 the third and below.",
        labels=["kind", "layer"],
    )
    for kind in _PICTURES:
        off.add_metric([kind], shown.off[kind])
        for reason in get_args(AdaptReason):
            limited.add_metric([kind, reason], shown.limited[kind, reason])
        for layer in range(LAYERS):
            layers.add_metric([kind, str(layer)], shown.layers[kind, layer])
    yield from (off, limited, layers)


def _traffic(snapshot: _packets.Snapshot) -> Iterator[Metric]:
    packets = CounterMetricFamily(
        "sfu_packets", "Datagrams through the media port: received (up), sent (down).", labels=["direction"]
    )
    packets.add_metric(["up"], snapshot.datagrams_received)
    packets.add_metric(["down"], snapshot.datagrams_sent)
    yield packets
    octets = CounterMetricFamily("sfu_bytes", "Bytes of UDP payload.", labels=["direction"])
    octets.add_metric(["up"], snapshot.bytes_received)
    octets.add_metric(["down"], snapshot.bytes_sent)
    yield octets
    yield CounterMetricFamily(
        "sfu_media_events_dropped", "Events that came up too fast; stays 0.", snapshot.events_dropped
    )


def _saturation(snapshot: _packets.Snapshot) -> Iterator[Metric]:
    workers = CounterMetricFamily(
        "sfu_worker_cpu_seconds", "CPU time of each of the packet path's threads.", labels=["worker"]
    )
    for worker, cpu_s in enumerate(snapshot.workers_cpu_s):
        workers.add_metric([str(worker)], cpu_s)
    yield workers
    yield GaugeMetricFamily(
        "sfu_stress",
        "How near the busiest packet worker is to its limit, 0 to 1: its busy share of the last second, how "
        "full its socket is, or how long packets wait for it. Beyond 0.8 take no more.",
        value=snapshot.stress,
    )
    yield GaugeMetricFamily(
        "sfu_send_queue_age_seconds",
        "How long the oldest datagram waits for a full socket, of the worst worker.",
        value=snapshot.send_queue_age_s,
    )
    forwarding = HistogramMetricFamily(
        "sfu_forwarding_delay_seconds",
        "From the kernel's receive stamp until a packet had been sent on, once for each subscriber; video "
        "with what it was held for the end of its frame.",
        labels=["media"],
    )
    _coarse(snapshot.forwarding_delay_audio).add_to(forwarding, "audio")
    _coarse(snapshot.forwarding_delay_video).add_to(forwarding, "video")
    yield forwarding
    receive = HistogramMetricFamily(
        "sfu_receive_delay_seconds",
        "From the kernel's receive stamp until a datagram was read: the server's own scheduling delay.",
    )
    _coarse(snapshot.receive_delay).add_to(receive)
    yield receive


def _coarse(delays: _packets.Histogram) -> Buckets:
    return Buckets(_DELAY_BOUNDS_S).absorb(delays.bounds_s, delays.counts, delays.sum_s)
