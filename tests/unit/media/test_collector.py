"""Media's metrics: counters of the packet path, the Python side's own, and how quality is spread."""

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sfu.clock import ManualClock
from sfu.media.collector import MediaCollector
from sfu.media.plane import MediaPlane
from sfu.media.quality import SAMPLE_S
from sfu.media.specs import CodecSpec, RemoteTransport, SlotSpec, SourceSpec
from sfu.metrics import Metrics
from tests.unit.media import fake_packets as fake
from tests.unit.media.fake_packets import FakePackets
from tests.unit.media.waiting import until

OPUS = CodecSpec(codec="opus", payload_type=111, clock_rate=48_000)


class Deaf:
    def on_connected(self) -> None: ...

    def on_lost(self, reason: str) -> None: ...

    def on_moved(self) -> None: ...


@pytest.fixture
def metrics(plane: MediaPlane) -> Metrics:
    metrics = Metrics()
    metrics.add_collector(MediaCollector(plane))
    metrics.before_scrape(plane.snapshot)
    return metrics


async def samples(metrics: Metrics) -> dict[str, float]:
    text = (await metrics.render()).decode()
    return {
        sample.name + "".join(f"{{{key}={value}}}" for key, value in sample.labels.items()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


VP8 = CodecSpec(codec="vp8", payload_type=96, clock_rate=90_000)
# What the whole server may have at most; media's are nearly all of them.
MOST_SERIES = 1500


def joined(plane: MediaPlane) -> tuple[int, int, int, int, int]:
    """A peer that sends voice and camera and has a slot for each: its transport, sources and slots."""
    remote = RemoteTransport("u", "p", [("sha-256", "AA")], "actpass")
    transport = plane.open_transport(remote, extensions=[], listener=Deaf()).id
    sources = [
        plane.add_source(transport, SourceSpec(mid="0", kind="audio", codecs=[OPUS])),
        plane.add_source(transport, SourceSpec(mid="1", kind="video", codecs=[VP8])),
    ]
    slots = [
        plane.add_slot(transport, SlotSpec(mid=mid, kind=kind, codecs=[codec], cname="c")).id
        for mid, kind, codec in (("2", "audio", OPUS), ("3", "video", VP8))
    ]
    return (transport, *sources, *slots)


async def looked(plane: MediaPlane, clock: ManualClock, seconds: float = SAMPLE_S) -> None:
    """A look at the streams `seconds` later."""
    clock.advance(seconds)
    await plane.snapshot()


async def test_traffic_and_drops(packets: FakePackets, plane: MediaPlane, metrics: Metrics) -> None:
    packets.counted = fake.FakeSnapshot(
        datagrams_received=7,
        bytes_received=700,
        datagrams_sent=9,
        bytes_sent=900,
        workers_cpu_s=[1.5, 0.5],
        stress=0.25,
        send_queue_age_s=0.125,
        forwarding_delay_audio=fake.FakeHistogram(counts=[1, 2, 4, 8], sum_s=9.5),
    )
    packets.counted.drops = {"no_keys": 3, "srtp_replayed": 0}
    plane.handshakes.receive(12345, b"x")
    found = await samples(metrics)
    assert found["sfu_packets_total{direction=up}"] == 7
    assert found["sfu_packets_total{direction=down}"] == 9
    assert found["sfu_bytes_total{direction=up}"] == 700
    assert found["sfu_bytes_total{direction=down}"] == 900
    assert found["sfu_drops_total{reason=no_keys}"] == 3
    assert found["sfu_drops_total{reason=srtp_replayed}"] == 0
    assert found["sfu_drops_total{reason=dtls_no_session}"] == 1
    assert found["sfu_worker_cpu_seconds_total{worker=0}"] == 1.5
    assert found["sfu_worker_cpu_seconds_total{worker=1}"] == 0.5
    assert found["sfu_stress"] == 0.25
    assert found["sfu_send_queue_age_seconds"] == 0.125
    assert found["sfu_forwarding_delay_seconds_bucket{le=0.000128}{media=audio}"] == 3
    assert found["sfu_forwarding_delay_seconds_count{media=audio}"] == 15
    assert found["sfu_forwarding_delay_seconds_sum{media=audio}"] == 9.5
    assert found["sfu_media_events_dropped_total"] == 0
    assert found["sfu_workers_failed"] == 0
    packets.emit(fake.WorkerFailed(1, "a panic"))
    await until(lambda: plane.failed_workers)
    assert (await samples(metrics))["sfu_workers_failed"] == 1


async def test_what_is_open(plane: MediaPlane, metrics: Metrics) -> None:
    joined(plane)
    plane.handshakes.results["fingerprint_mismatch"] += 1
    remote = RemoteTransport("u", "p", [("sha-256", "AA")], "actpass")
    probe = plane.open_for_probe(remote, extensions=[], listener=Deaf()).id
    plane.add_source(probe, SourceSpec(mid="0", kind="audio", codecs=[OPUS]))
    found = await samples(metrics)
    assert found["sfu_transports"] == 1
    assert [found[f"sfu_sources{{kind={kind}}}"] for kind in ("audio", "camera", "screen")] == [1, 1, 0]
    assert found["sfu_dtls_handshakes_total{result=fingerprint_mismatch}"] == 1
    assert found["sfu_dtls_handshakes_total{result=connected}"] == 0


async def test_totals_go_on_when_streams_end(
    packets: FakePackets, plane: MediaPlane, metrics: Metrics, clock: ManualClock
) -> None:
    transport, voice, camera, _, slot = joined(plane)
    layer = fake.layer(packets=100, expected=110, lost=10, lost_after_repair=4, repaired=6)
    packets.counted.sources = [fake.source(camera, layer), fake.source(voice, fake.layer(packets=50))]
    packets.counted.slots = [fake.slot(slot, source=camera, packets=90, switches=1)]
    await looked(plane, clock, 2)
    layer.packets, layer.lost = 150, 9  # one of them was late
    await looked(plane, clock, 2)
    plane.close_transport(transport)
    packets.counted = fake.FakeSnapshot()
    await looked(plane, clock, 2)
    found = await samples(metrics)
    assert found["sfu_stream_packets_total{direction=up}{kind=camera}"] == 150
    assert found["sfu_stream_packets_total{direction=up}{kind=audio}"] == 50
    assert found["sfu_stream_packets_total{direction=down}{kind=camera}"] == 90
    assert found["sfu_lost_packets_total{direction=up}{kind=camera}"] == 10
    assert found["sfu_unrepaired_packets_total{direction=up}{kind=camera}"] == 4
    assert found["sfu_lost_packets_total{direction=down}{kind=camera}"] == 0
    assert found["sfu_slot_switches_total{direction=down}{kind=camera}"] == 1
    assert found["sfu_transports"] == found["sfu_slots{kind=camera}"] == 0
    assert not plane.survey.up.knows((camera, 0))


async def test_a_layer_that_begins_anew_is_counted_on(
    packets: FakePackets, plane: MediaPlane, metrics: Metrics, clock: ManualClock
) -> None:
    _, _, camera, _, _ = joined(plane)
    layer = fake.layer(packets=100)
    packets.counted.sources = [fake.source(camera, layer)]
    await looked(plane, clock, 2)
    layer.packets = 30
    await looked(plane, clock, 2)
    assert (await samples(metrics))["sfu_stream_packets_total{direction=up}{kind=camera}"] == 130


async def test_each_stream_is_sampled_in_its_direction(
    packets: FakePackets, plane: MediaPlane, metrics: Metrics, clock: ManualClock
) -> None:
    transport, voice, camera, heard, seen = joined(plane)
    packets.counted.transports = [fake.transport(transport, round_trip_time_s=0.02, available_bps=800_000)]
    sent = fake.layer(packets=100, expected=100, lost=20, lost_after_repair=1, jitter_s=0.004, height=720)
    packets.counted.sources = [
        fake.source(camera, sent, fake.layer(1, active=False, jitter_s=0.3)),
        fake.source(voice, fake.layer(packets=100, expected=100, lost=0, jitter_s=0.001)),
    ]
    packets.counted.slots = [
        fake.slot(
            seen, source=camera, packets=50, expected=50, lost=2, jitter_s=0.015, reason="your_downlink"
        ),
        fake.slot(heard, source=voice, packets=50, expected=50, lost=5, lost_after_repair=5, jitter_s=0.02),
    ]
    await looked(plane, clock)
    found = await samples(metrics)

    def at(name: str, bound: str, direction: str, kind: str) -> float:
        return found[f"{name}_bucket{{direction={direction}}}{{kind={kind}}}{{le={bound}}}"]

    assert found["sfu_round_trip_time_seconds_bucket{le=0.025}"] == 1
    assert found["sfu_estimated_bytes_per_second_sum"] == 100_000
    assert (
        at("sfu_jitter_seconds", "0.005", "up", "camera")
        == at("sfu_jitter_seconds", "+Inf", "up", "camera")
        == 1
    )
    assert [at("sfu_jitter_seconds", bound, "down", "camera") for bound in ("0.01", "0.02")] == [0, 1]
    assert [at("sfu_loss_ratio", bound, "up", "camera") for bound in ("0.1", "0.2")] == [0, 1]
    assert [at("sfu_unrepaired_loss_ratio", bound, "up", "camera") for bound in ("0.005", "0.01")] == [0, 1]
    assert [at("sfu_loss_ratio", bound, "down", "camera") for bound in ("0.02", "0.05")] == [0, 1]
    assert at("sfu_loss_ratio", "0.0", "up", "audio") == 1
    assert at("sfu_frame_height_pixels", "720", "up", "camera") == 1
    assert at("sfu_frame_height_pixels", "720", "down", "camera") == 1
    assert found["sfu_mos_bucket{direction=up}{le=4.3}"] == 0
    assert found["sfu_mos_count{direction=up}"] == 1
    assert found["sfu_mos_bucket{direction=down}{le=3.6}"] == 1
    assert found["sfu_slots_limited{kind=camera}{reason=your_downlink}"] == 1
    assert found["sfu_slots_by_layer{kind=camera}{layer=0}"] == 1
    assert found["sfu_slots{kind=audio}"] == 1
    scores = plane.survey.quality.mos(transport)
    assert scores["up"] > 4.3 > 3.6 > scores["down"]


async def test_streams_are_sampled_at_even_distances_however_often_somebody_looks(
    packets: FakePackets, plane: MediaPlane, metrics: Metrics, clock: ManualClock
) -> None:
    _, _, camera, _, _ = joined(plane)
    packets.counted.sources = [fake.source(camera, fake.layer(packets=1))]
    for _ in range(8):
        await looked(plane, clock, SAMPLE_S / 4)
    found = await samples(metrics)
    assert found["sfu_jitter_seconds_count{direction=up}{kind=camera}"] == 2


async def test_the_probe_is_nobodys_stream(
    packets: FakePackets, plane: MediaPlane, metrics: Metrics, clock: ManualClock
) -> None:
    remote = RemoteTransport("u", "p", [("sha-256", "AA")], "actpass")
    probe = plane.open_for_probe(remote, extensions=[], listener=Deaf()).id
    source = plane.add_source(probe, SourceSpec(mid="0", kind="audio", codecs=[OPUS]))
    packets.counted.sources = [fake.source(source, fake.layer(packets=9, expected=9))]
    packets.counted.transports = [fake.transport(probe, round_trip_time_s=0.1)]
    await looked(plane, clock)
    found = await samples(metrics)
    assert found["sfu_stream_packets_total{direction=up}{kind=audio}"] == 0
    assert found["sfu_jitter_seconds_count{direction=up}{kind=audio}"] == 0
    assert found["sfu_round_trip_time_seconds_count"] == 0


async def test_rooms_make_no_series(
    packets: FakePackets, plane: MediaPlane, metrics: Metrics, clock: ManualClock
) -> None:
    before = set(await samples(metrics))
    packets.counted.drops = {f"reason_{number}": 0 for number in range(100)}
    joined(plane)
    joined(plane)
    sources = list(plane.inventory.sources)
    packets.counted.sources = [
        fake.source(number, *(fake.layer(layer, packets=9, expected=9, height=90) for layer in range(8)))
        for number in sources
    ]
    packets.counted.slots = [
        fake.slot(number, source=source, packets=9, expected=9, layer=7)
        for number, source in zip(plane.inventory.slots, sources, strict=True)
    ]
    await looked(plane, clock)
    found = set(await samples(metrics))
    assert {name for name in found - before if not name.startswith("sfu_drops")} == set()
    assert len(found) <= MOST_SERIES


async def test_labels_are_ours(metrics: Metrics) -> None:
    allowed = {
        "direction": {"up", "down"},
        "kind": {"audio", "camera", "screen"},
        "media": {"audio", "video"},
        "layer": {"0", "1", "2"},
    }
    text = (await metrics.render()).decode()
    for name, value in re.findall(r'(\w+)="([^"]*)"', text):
        assert name in {"le", "reason", "result", "door", "worker", *allowed}
        assert name not in allowed or value in allowed[name]


async def test_a_stuck_packet_path_still_leaves_the_python_side(packets, plane, metrics) -> None:
    def stuck(timeout_s: float = 1.0) -> None:
        raise TimeoutError

    plane._snapshots._take = stuck
    found = await samples(metrics)
    assert found["sfu_transports"] == 0
    assert "sfu_packets_total{direction=down}" not in found
    assert not await plane.snapshots.answers()
    assert (await plane.probe()).failed_at == "workers"
