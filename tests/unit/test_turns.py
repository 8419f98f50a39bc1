"""Heavy work in turns leaves time for everything else."""

import asyncio

from sfu.turns import HEAVY_BYTES, Turns


async def order_of(size: int) -> list[str]:
    """Three pieces of work that are ready at once, and something else that is."""
    turns, done = Turns(), []

    async def work(name: str) -> None:
        async with turns.turn(size):
            done.append(name)

    async def other() -> None:
        done.append("other")

    await asyncio.gather(work("1"), work("2"), work("3"), other())
    return done


async def test_heavy_work_waits_for_what_is_ready() -> None:
    assert await order_of(HEAVY_BYTES) == ["1", "other", "2", "3"]


async def test_light_work_waits_for_nothing() -> None:
    assert await order_of(HEAVY_BYTES - 1) == ["1", "2", "3", "other"]


async def test_broken_work_holds_nobody_up() -> None:
    turns = Turns()
    try:
        async with turns.turn(HEAVY_BYTES):
            raise ValueError
    except ValueError:
        pass
    async with asyncio.timeout(60), turns.turn(HEAVY_BYTES):
        pass
