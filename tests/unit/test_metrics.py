"""The exposition says what the packet path and the Python side counted."""

import asyncio
import re
from collections.abc import Iterator

import pytest
from prometheus_client.metrics_core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families

from sfu.metrics import Buckets, Metrics


async def samples(metrics: Metrics) -> dict[str, float]:
    text = (await metrics.render()).decode()
    return {
        sample.name + "".join(f"{{{key}={value}}}" for key, value in sample.labels.items()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


class Counting:
    calls = 0

    def collect(self) -> Iterator[Metric]:
        self.calls += 1
        yield GaugeMetricFamily("sfu_calls", "Calls.", value=self.calls)


async def test_collectors_are_read_at_each_scrape_and_not_before() -> None:
    metrics, counting = Metrics(), Counting()
    metrics.add_collector(counting)
    assert counting.calls == 0
    assert (await samples(metrics))["sfu_calls"] == 1
    assert (await samples(metrics))["sfu_calls"] == 2


async def test_gauges_are_read_at_each_scrape() -> None:
    metrics, rooms = Metrics(), [1, 2]
    metrics.add_gauge("sfu_rooms", "Open rooms.", lambda: len(rooms))
    assert (await samples(metrics))["sfu_rooms"] == 2
    rooms.append(3)
    assert (await samples(metrics))["sfu_rooms"] == 3


async def test_joins_count_by_door() -> None:
    metrics = Metrics()
    metrics.joins["whip"] += 1
    assert (await samples(metrics))["sfu_joins_total{door=whip}"] == 1


async def test_a_stuck_refresh_does_not_stop_the_scrape() -> None:
    metrics, order = Metrics(), []

    async def stuck() -> None:
        raise TimeoutError

    async def fresh() -> None:
        order.append("fresh")

    metrics.before_scrape(stuck)
    metrics.before_scrape(fresh)
    assert "process_cpu_seconds_total" in await samples(metrics)
    assert order == ["fresh"]


async def test_event_loop_lag_is_measured() -> None:
    metrics = Metrics()
    watching = asyncio.create_task(metrics.watch_event_loop())
    async with asyncio.timeout(60):
        while (await samples(metrics))["sfu_event_loop_lag_seconds_count"] == 0:  # noqa: ASYNC110 - a scrape asks
            await asyncio.sleep(0.05)
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching


def told(buckets: Buckets) -> dict[str, float]:
    family = HistogramMetricFamily("sfu_x_seconds", "X.")
    buckets.add_to(family)
    return {sample.labels.get("le", sample.name): sample.value for sample in family.samples}


def test_buckets_count_what_is_at_or_below_each_bound() -> None:
    buckets = Buckets((0.1, 0.5))
    for value in (0.1, 0.2, 0.5, 9.0):
        buckets.observe(value)
    found = told(buckets)
    assert found["0.1"] == 1
    assert found["0.5"] == 3
    assert found["+Inf"] == found["sfu_x_seconds_count"] == 4
    assert found["sfu_x_seconds_sum"] == pytest.approx(9.8)


def test_finer_buckets_are_absorbed_at_their_borders() -> None:
    found = told(Buckets((0.1, 0.4)).absorb([0.05, 0.1, 0.2, 0.4], [1, 2, 4, 8, 16], 5.5))
    assert [found[bound] for bound in ("0.1", "0.4", "+Inf")] == [3, 15, 31]
    assert found["sfu_x_seconds_sum"] == 5.5


async def test_a_histogram_of_nothing_is_valid() -> None:
    metrics = Metrics()

    class Empty:
        def collect(self) -> Iterator[Metric]:
            family = HistogramMetricFamily("sfu_x_seconds", "X.")
            Buckets((0.1,)).add_to(family)
            yield family

    metrics.add_collector(Empty())
    assert (await samples(metrics))["sfu_x_seconds_bucket{le=+Inf}"] == 0


async def test_names_are_ours_and_in_base_units() -> None:
    metrics = Metrics()
    text = (await metrics.render()).decode()
    names = re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)
    assert all(name.startswith(("sfu_", "process_")) for name in names)
    assert not [name for name in names if re.search(r"_(ms|milliseconds|bits|kb)(_|$)", name)]
