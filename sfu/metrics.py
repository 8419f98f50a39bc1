"""What Prometheus may know: one registry, filled by the packages that count, rendered at `/metrics`.

A package counts in its own plain numbers and gives a collector that reads them at scrape time. Names begin
with `sfu_` and are in base units; no label comes from a user (room, name, address), so that nobody can make
series. Knows no package of ours.
"""

import asyncio
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Protocol

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from sfu.log import get_logger

log = get_logger(__name__)

# A scrape must answer even when the packet path does not.
REFRESH_DEADLINE_S = 2.0
# Fine enough to see a stall of one video frame, seldom enough to cost nothing.
LAG_PERIOD_S = 0.25
_LAG_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


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


class Buckets:
    """A histogram's counts, of one set of labels. They only grow, so that rates and quantiles of any span can
    be had of them."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    @property
    def bounds(self) -> Sequence[float]:
        return self._bounds

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def absorb(self, bounds: Sequence[float], counts: Sequence[int], total: float) -> "Buckets":
        """What somebody else counted in finer buckets; the bounds here are among those there."""
        for bound, count in zip((*bounds, float("inf")), counts, strict=True):
            # A hair less: the same bound by another sum of floats is still the same.
            self._counts[bisect_left(self._bounds, bound * (1 - 1e-9))] += count
        self._sum += total
        return self

    def add_to(self, family: HistogramMetricFamily, *labels: str) -> None:
        below, buckets = 0, []
        for bound, count in zip((*map(str, self._bounds), "+Inf"), list(self._counts), strict=True):
            below += count
            buckets.append((bound, float(below)))
        family.add_metric(labels, buckets, self._sum)


class Metrics:
    """The server's own metrics: joins, how late the event loop runs, what is open."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self.registry)
        self.joins: dict[str, int] = {"signalling": 0, "whip": 0, "whep": 0}
        self._lag = Buckets(_LAG_BOUNDS_S)
        self._gauges: list[tuple[str, str, Callable[[], float]]] = []
        self._refreshers: list[Callable[[], Awaitable[object]]] = []
        self.add_collector(self)

    def add_collector(self, collector: Collects) -> None:
        self.registry.register(_Adapter(collector))

    def add_gauge(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        """A number that somebody else keeps, read at scrape time."""
        self._gauges.append((name, help_text, read))

    def before_scrape(self, refresh: Callable[[], Awaitable[object]]) -> None:
        """Awaited before each rendering, for collectors that cannot read at once."""
        self._refreshers.append(refresh)

    def collect(self) -> Iterator[Metric]:
        joins = CounterMetricFamily(
            "sfu_joins", "Participants that joined, by the door they came in.", labels=["door"]
        )
        for door, count in self.joins.items():
            joins.add_metric([door], count)
        yield joins
        lag = HistogramMetricFamily(
            "sfu_event_loop_lag_seconds", "How late the event loop ran a timer, each quarter of a second."
        )
        self._lag.add_to(lag)
        yield lag
        for name, help_text, read in self._gauges:
            yield GaugeMetricFamily(name, help_text, value=read())

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


async def _refreshed(refresh: Callable[[], Awaitable[object]]) -> None:
    try:
        async with asyncio.timeout(REFRESH_DEADLINE_S):
            await refresh()
    except Exception:
        log.exception("metrics are not fresh")
