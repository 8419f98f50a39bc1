"""The watch probes again and again, and does not take an old answer for a good one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from sfu.clock import ManualClock
from sfu.media.probe import ProbeResult, Watch
from sfu.media.probe.probe import DEADLINE_S
from sfu.media.probe.watch import OLD_S, PERIOD_S
from tests.unit.media.waiting import until

WELL = ProbeResult(None, {"rtp": 0.001})


class Probed:
    def __init__(self) -> None:
        self.probes = 0
        self.result: ProbeResult | Exception = WELL
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def __call__(self) -> ProbeResult:
        await self.goes_on.wait()
        self.probes += 1
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


@contextlib.asynccontextmanager
async def watching(probed: Probed, clock: ManualClock) -> AsyncIterator[Watch]:
    watch = Watch(probed, clock, period_s=0.001)
    task = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_it_probes_without_being_asked(clock: ManualClock) -> None:
    probed = Probed()
    async with watching(probed, clock) as watch:
        await until(lambda: probed.probes >= 3)
        assert watch.judge() == WELL
        assert watch.ended["ok"] >= 2


async def test_who_asks_first_waits_for_the_first_probe(clock: ManualClock) -> None:
    probed = Probed()
    probed.goes_on.clear()
    async with watching(probed, clock) as watch:
        asking = asyncio.create_task(watch.verdict())
        await asyncio.sleep(0)
        assert not asking.done()
        probed.goes_on.set()
        assert (await asking).ok


async def test_a_failure_shows_until_a_probe_succeeds(clock: ManualClock) -> None:
    probed = Probed()
    async with watching(probed, clock) as watch:
        await until(lambda: watch.judge().ok)
        probed.result = ProbeResult("ice")
        await until(lambda: watch.judge().failed_at == "ice")
        assert watch.ended["ice"] >= 1
        probed.result = WELL
        await until(lambda: watch.judge().ok)


async def test_an_old_answer_is_no_answer(clock: ManualClock) -> None:
    probed = Probed()
    async with watching(probed, clock) as watch:
        await until(lambda: watch.judge().ok)
        probed.goes_on.clear()
        done = probed.probes
        await until(lambda: watch.ended["ok"] == done)
        clock.advance(OLD_S + 0.1)
        result = await watch.verdict()
        assert (result.ok, result.failed_at) == (False, "probe")
        assert "stuck" in result.detail


async def test_what_breaks_the_probe_is_a_failure(clock: ManualClock) -> None:
    probed = Probed()
    probed.result = ValueError("nobody thought of this")
    async with watching(probed, clock) as watch:
        assert not (await watch.verdict()).ok
        probed.result = WELL
        await until(lambda: watch.judge().ok)


def test_red_comes_within_ten_seconds() -> None:
    assert PERIOD_S + DEADLINE_S < 10
    assert OLD_S < 10
