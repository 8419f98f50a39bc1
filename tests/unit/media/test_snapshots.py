"""One look at the packet path at a time, and what breaks a look breaks nothing else."""

import asyncio
import threading

import pytest

from sfu.clock import ManualClock
from sfu.media.stats import Indexed, SnapshotCache
from tests.unit.media.fake_packets import FakeSnapshot


async def test_who_gives_up_waiting_leaves_one_reading_to_all(clock: ManualClock) -> None:
    may_end = threading.Event()
    taken = 0

    def take() -> FakeSnapshot:
        nonlocal taken
        taken += 1
        may_end.wait(60)
        return FakeSnapshot()

    cache = SnapshotCache(clock, take)
    first = asyncio.create_task(cache.get())
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    second = asyncio.create_task(cache.get())
    await asyncio.sleep(0)
    may_end.set()
    assert isinstance(await second, Indexed)
    assert taken == 1


async def test_what_breaks_a_look_breaks_no_answer(clock: ManualClock) -> None:
    def look(_: Indexed) -> None:
        raise ValueError("nobody thought of this")

    cache = SnapshotCache(clock, FakeSnapshot, look)
    assert await cache.answers()
    assert cache.latest is not None
