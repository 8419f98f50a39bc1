"""Probes every few seconds, whether anybody asks or not; says what the last found and whether that is old.

So a health check is answered at once, and turns red within 10 s when packets stop flowing: the next probe
begins within 5 s and gives up after 3. What the process believes of itself has no part in it.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

from sfu.clock import Clock
from sfu.log import get_logger
from sfu.media.probe.probe import ProbeResult
from sfu.metrics import Buckets

log = get_logger(__name__)

PERIOD_S = 5.0
# From one probe's end to the next one's it is 8 s at most: whatever is older says that probing is stuck.
OLD_S = 9.0
_ROUND_TRIP_BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0)


class Watch:
    def __init__(
        self, probe: Callable[[], Awaitable[ProbeResult]], clock: Clock, period_s: float = PERIOD_S
    ) -> None:
        self._probe = probe
        self._clock = clock
        self._period_s = period_s
        self._last: tuple[float, ProbeResult] | None = None
        self._has_probed = asyncio.Event()
        self.ended: Counter[str] = Counter()
        """How many ended so: `ok`, or the stage they failed at."""
        self.round_trips = Buckets(_ROUND_TRIP_BOUNDS_S)

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            self._record(await self._result())
            await asyncio.sleep(max(0.0, began + self._period_s - loop.time()))

    async def verdict(self) -> ProbeResult:
        """Waits only for the first probe."""
        await self._has_probed.wait()
        return self.judge()

    def judge(self) -> ProbeResult:
        """What the last probe found, if it is not old."""
        if self._last is None or self._clock.monotonic() - self._last[0] > OLD_S:
            return ProbeResult("probe")
        return self._last[1]

    async def _result(self) -> ProbeResult:
        try:
            return await self._probe()
        except Exception:
            # Whatever nobody foresaw: without an answer the server is not well.
            log.exception("the media probe broke")
            return ProbeResult("open")

    def _record(self, result: ProbeResult) -> None:
        self._last = (self._clock.monotonic(), result)
        self.ended[result.failed_at or "ok"] += 1
        if result.round_trip_s is not None:
            self.round_trips.observe(result.round_trip_s)
        self._has_probed.set()
