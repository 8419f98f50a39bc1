"""Media's metrics: counters of the packet path, the Python side's own, and how quality is spread."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sfu.media.collector import MediaCollector
from sfu.media.plane import MediaPlane
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


async def test_traffic_and_drops(packets: FakePackets, plane: MediaPlane, metrics: Metrics) -> None:
    packets.counted = fake.FakeSnapshot(
        datagrams_received=7,
        bytes_received=700,
        datagrams_sent=9,
        bytes_sent=900,
        worker_cpu_s=1.5,
        stress=0.25,
    )
    packets.counted.drops = {"no_keys": 3, "srtp_replayed": 0}
    plane.handshakes.receive(12345, b"x")
    found = await samples(metrics)
    assert found["sfu_packets_total{direction=received}"] == 7
    assert found["sfu_packets_total{direction=sent}"] == 9
    assert found["sfu_bytes_total{direction=received}"] == 700
    assert found["sfu_bytes_total{direction=sent}"] == 900
    assert found["sfu_drops_total{reason=no_keys}"] == 3
    assert found["sfu_drops_total{reason=srtp_replayed}"] == 0
    assert found["sfu_drops_total{reason=dtls_no_session}"] == 1
    assert found["sfu_worker_cpu_seconds_total"] == 1.5
    assert found["sfu_stress"] == 0.25
    assert found["sfu_workers_failed"] == 0
    packets.emit(fake.WorkerFailed(1, "a panic"))
    await until(lambda: plane.failed_workers)
    assert (await samples(metrics))["sfu_workers_failed"] == 1
    assert found["sfu_media_events_dropped_total"] == 0


async def test_what_is_open(plane: MediaPlane, metrics: Metrics) -> None:
    remote = RemoteTransport("u", "p", [("sha-256", "AA")], "actpass")
    transport = plane.open_transport(remote, extensions=[], listener=Deaf()).id
    plane.add_source(transport, SourceSpec(mid="0", kind="audio", codecs=[OPUS]))
    for mid in "12":
        plane.add_slot(transport, SlotSpec(mid=mid, kind="audio", codecs=[OPUS], cname="c"))
    plane.handshakes.results["fingerprint_mismatch"] += 1
    found = await samples(metrics)
    assert found["sfu_transports"] == 1
    assert found["sfu_sources{kind=audio}"] == 1
    assert found["sfu_sources{kind=video}"] == 0
    assert found["sfu_slots{kind=audio}"] == 2
    assert found["sfu_dtls_handshakes_total{result=fingerprint_mismatch}"] == 1
    assert found["sfu_dtls_handshakes_total{result=connected}"] == 0


async def test_quality_of_what_flows_now(packets: FakePackets, metrics: Metrics) -> None:
    packets.counted.transports = [
        fake.transport(1, round_trip_time_s=0.02),
        fake.transport(2, round_trip_time_s=0.4),
        fake.transport(3),
    ]
    packets.counted.sources = [
        fake.source(1, fake.layer(0, jitter_s=0.004, packets=50, lost=50), fake.layer(1, active=False))
    ]
    packets.counted.slots = [fake.slot(1, source=1, fraction_lost=0.04, jitter_s=0.015), fake.slot(2)]
    found = await samples(metrics)
    assert found["sfu_round_trip_time_seconds_bucket{le=0.025}"] == 1
    assert found["sfu_round_trip_time_seconds_bucket{le=+Inf}"] == 2
    assert found["sfu_received_jitter_seconds_bucket{le=0.005}"] == 1
    assert found["sfu_received_loss_ratio_bucket{le=0.2}"] == 0
    assert found["sfu_received_loss_ratio_bucket{le=0.5}"] == 1
    assert found["sfu_sent_loss_ratio_bucket{le=0.02}"] == 0
    assert found["sfu_sent_loss_ratio_bucket{le=0.05}"] == 1
    assert found["sfu_sent_jitter_seconds_bucket{le=0.02}"] == 1


async def test_a_stuck_packet_path_still_leaves_the_python_side(packets, plane, metrics) -> None:
    def stuck(timeout_s: float = 1.0) -> None:
        raise TimeoutError

    plane._snapshots._take = stuck
    found = await samples(metrics)
    assert found["sfu_transports"] == 0
    assert "sfu_packets_total{direction=sent}" not in found
