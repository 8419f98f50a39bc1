"""What Prometheus may know: one registry, filled by the packages that count, rendered at `/metrics`.

A package counts in its own plain numbers and gives a collector that reads them at scrape time. Names begin
with `sfu_` and are in base units; no label comes from a user (room, name, address), so that nobody can make
series. Knows no package of ours.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import GaugeHistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from sfu.log import get_logger

log = get_logger(__name__)

# A scrape must answer even when the packet path does not.
REFRESH_DEADLINE_S = 2.0
# Fine enough to see a stall of one video frame, seldom enough to cost nothing.
LAG_PERIOD_S = 0.25
_LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Collects(Protocol):
    """A package's collector: reads its counters at scrape time."""

    def collect(self) -> Iterable[Metric]: ...


class _Adapter(Collector):
    def __init__(self, collector: Collects) -> None:
        self._collector = collector

    def collect(self) -> Iterator[Metric]:
        yield from self._collector.collect()

    def describe(self) -> list[Metric]:
        """Empty: registering must not collect, since nothing may have started yet."""
        return []


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self.registry)
        self.joins = Counter(
            "sfu_joins",
            "Participants that joined, by the door they came in.",
            ["door"],
            registry=self.registry,
        )
        self._lag = Histogram(
            "sfu_event_loop_lag_seconds",
            "How late the event loop ran a timer.",
            buckets=_LAG_BUCKETS,
            registry=self.registry,
        )
        self._refreshers: list[Callable[[], Awaitable[object]]] = []

    def add_collector(self, collector: Collects) -> None:
        self.registry.register(_Adapter(collector))

    def add_gauge(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        """A number that somebody else keeps, read at scrape time."""
        Gauge(name, help_text, registry=self.registry).set_function(read)

    def before_scrape(self, refresh: Callable[[], Awaitable[object]]) -> None:
        """Awaited before each rendering, for collectors that cannot read at once."""
        self._refreshers.append(refresh)

    async def render(self) -> bytes:
        """The exposition, in the text format 0.0.4."""
        for refresh in self._refreshers:
            await _refreshed(refresh)
        return generate_latest(self.registry)

    async def watch_event_loop(self) -> None:
        """Measure lag until cancelled; the app runs it as a task."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_PERIOD_S
            await asyncio.sleep(LAG_PERIOD_S)
            self._lag.observe(max(0.0, loop.time() - due))


def distribution(
    name: str, help_text: str, bounds: Sequence[float], values: Iterable[float]
) -> GaugeHistogramMetricFamily:
    """How a quantity is spread over the streams of this moment: a gauge histogram, no rate in it."""
    counts = [0] * (len(bounds) + 1)
    total = 0.0
    for value in values:
        counts[next((i for i, bound in enumerate(bounds) if value <= bound), len(bounds))] += 1
        total += value
    below = 0
    buckets: list[tuple[str, float]] = []
    for bound, count in zip((*map(str, bounds), "+Inf"), counts, strict=True):
        below += count
        buckets.append((bound, float(below)))
    return GaugeHistogramMetricFamily(name, help_text, buckets=buckets, gsum_value=total)


async def _refreshed(refresh: Callable[[], Awaitable[object]]) -> None:
    try:
        async with asyncio.timeout(REFRESH_DEADLINE_S):
            await refresh()
    except Exception:
        log.exception("metrics are not fresh")
