"""What a server holds in memory: idle, with viewers and participants of one stream, and through comings and goings.

    python -m tests.bench.memory [--viewers 1000] [--participants 200] [--minutes 3]

The peers are native (`loadtest/native`), each with its DTLS, SRTP and feedback; the stream is a slow one, since its
rate changes no figure here. Resident size is that of the whole server process, from /proc; what of it is Python's
is counted by tracemalloc in a run of its own, for the counting takes memory itself. The rest of what a subscriber
adds is native: the packet path, OpenSSL, the event loop.

Then people and viewers come and go, 200 of each a minute, some twenty of them there at a time. The slope is that of
a straight line through the resident size from the second quarter on, in MiB a thousand joins.
"""

import argparse
import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from loadtest._native import Generator
from loadtest.driver import Camera, Driver, Encoding, Microphone, Peer
from tests.bench import process
from tests.bench.room import LIMITS, flowing, in_turns
from tests.server import RunningServer, running_server

MIB, KIB = 1 << 20, 1 << 10
SLOW = Camera(encodings=(Encoding(packets=1, keyframe_packets=2, payload=500),), frames_per_second=2)
SPARSE = Microphone(packet_ms=120)
TRACED = 200
"""Subscribers of the run that counts Python's share."""
JOINS_A_MINUTE = 200
THERE_AT_ONCE = 20
SAMPLES_A_MINUTE = 12
PATIENCE_S = 60.0

Join = Callable[[Driver, int], Awaitable[Peer]]


def view(driver: Driver, _: int) -> Awaitable[Peer]:
    return driver.play("hall")


def take_part(driver: Driver, index: int) -> Awaitable[Peer]:
    return driver.join("hall", f"Guest {index}", video=9, audio=8)


@contextlib.asynccontextmanager
async def hall() -> AsyncIterator[tuple[RunningServer, Driver]]:
    """A server with one publisher, where nothing else has happened yet."""
    generator = Generator()
    try:
        async with (
            running_server(*LIMITS) as server,
            Driver(server.url, generator, offers_are_full=True) as driver,
        ):
            yield server, driver
    finally:
        generator.close()


async def publish(driver: Driver) -> None:
    publisher = await driver.publish("hall", "Ana", camera=SLOW, microphone=SPARSE)
    # Whoever comes first makes the server load what all need.
    viewer = await driver.play("hall")
    await flowing(driver.generator, [viewer])
    await driver.leave(viewer)
    assert publisher.session_url is not None


# -- at rest ----------------------------------------------------------------------------------------


async def at_rest(name: str, join: Join, count: int, goal: str) -> None:
    async with hall() as (server, driver):
        idle = await settled(server)
        print(f"idle                          {idle / MIB:8.1f} MiB   (goal: at most 120)")
        await publish(driver)
        base = await settled(server)
        peers = await in_turns(count, lambda index: join(driver, index))
        await flowing(driver.generator, peers)
        grown = await settled(server) - base
        await asyncio.gather(*(driver.leave(peer) for peer in peers))
        left = await settled(server) - base
    traced = await python_bytes(join, min(count, TRACED))
    print(f"{count} {name} add".ljust(28), f"{grown / MIB:8.1f} MiB   ({goal})")
    print(
        f"  each                        {grown / count / KIB:8.1f} KiB   of which Python's {traced / KIB:.1f},"
        f" native {(grown / count - traced) / KIB:.1f}"
    )
    print(f"  once they have left         {left / MIB:8.1f} MiB   kept for the next", flush=True)


async def python_bytes(join: Join, count: int) -> float:
    """What one subscriber adds to Python's objects."""
    with counting() as count_file:
        async with hall() as (server, driver):
            await publish(driver)
            base = await traced_bytes(server, count_file)
            await flowing(driver.generator, await in_turns(count, lambda index: join(driver, index)))
            return (await traced_bytes(server, count_file) - base) / count


_COUNTER = """
import gc, os, pathlib, signal, tracemalloc
def tell(*_):
    gc.collect()
    written = pathlib.Path(os.environ["TRACED_TO"] + ".new")
    written.write_text(str(tracemalloc.get_traced_memory()[0]))
    written.rename(os.environ["TRACED_TO"])
tracemalloc.start()
signal.signal(signal.SIGUSR2, tell)
"""


@contextlib.contextmanager
def counting() -> Iterator[Path]:
    """Processes begun meanwhile write to the file what Python's objects take, at each SIGUSR2."""
    with TemporaryDirectory(prefix="sfu-bench-") as directory:
        (Path(directory) / "sitecustomize.py").write_text(_COUNTER)
        count_file = Path(directory) / "bytes"
        before = dict(os.environ)
        os.environ |= {"PYTHONPATH": directory, "TRACED_TO": str(count_file)}
        try:
            yield count_file
        finally:
            os.environ.clear()
            os.environ.update(before)


async def traced_bytes(server: RunningServer, count_file: Path) -> int:
    await asyncio.sleep(2)  # garbage of the joins is gone
    os.kill(server.pid, signal.SIGUSR2)
    async with asyncio.timeout(PATIENCE_S):
        while not count_file.exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.05)
    count = int(count_file.read_text())
    count_file.unlink()
    return count


async def settled(server: RunningServer) -> int:
    """Resident bytes once they have stood still for two seconds, or after a while."""
    before, now = -1, process.resident(server.pid)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            while abs(now - before) > MIB // 8:
                before = now
                await asyncio.sleep(2)
                now = process.resident(server.pid)
    return now


# -- comings and goings -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sample:
    joins: int
    resident: int


async def churn(minutes: float) -> None:
    async with hall() as (server, driver):
        await publish(driver)
        samples: list[Sample] = []
        there: deque[Peer] = deque()
        loop = asyncio.get_running_loop()
        began, joins = loop.time(), 0
        spacing = 60 / JOINS_A_MINUTE
        while loop.time() < began + minutes * 60:
            for join in (view, take_part):
                there.append(await join(driver, joins))
                joins += 1
            while len(there) > THERE_AT_ONCE:
                await driver.leave(there.popleft())
            if loop.time() - began >= len(samples) * 60 / SAMPLES_A_MINUTE:
                samples.append(Sample(joins, process.resident(server.pid)))
            await asyncio.sleep(max(0.0, began + joins / 2 * spacing - loop.time()))
        errors = server.errors()
    print(f"{joins} joins and leaves in {minutes:g} minutes")
    for sample in samples[:: max(1, len(samples) // 10)]:
        print(f"  after {sample.joins:6} joins           {sample.resident / MIB:8.1f} MiB")
    rate = slope(samples[len(samples) // 4 :]) * 1000 / MIB
    print(f"  slope                       {rate:8.2f} MiB a 1000 joins   (goal: less than 1)")
    if errors:
        raise SystemExit("".join(errors))


def slope(samples: Sequence[Sample]) -> float:
    """Bytes a join: the line of least squares."""
    if len(samples) < 2:
        return 0.0
    joins = sum(sample.joins for sample in samples) / len(samples)
    resident = sum(sample.resident for sample in samples) / len(samples)
    spread = sum((sample.joins - joins) ** 2 for sample in samples)
    return sum((each.joins - joins) * (each.resident - resident) for each in samples) / spread


async def measure(viewers: int, participants: int, minutes: float) -> None:
    if viewers:
        await at_rest("viewers", view, viewers, "goal: at most 150 for 1000; each 150 KiB, 60 of them native")
    if participants:
        await at_rest("participants", take_part, participants, "nine video and eight audio slots each")
    if minutes:
        await churn(minutes)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--viewers", type=int, default=1000)
    parser.add_argument("--participants", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=3.0, help="of comings and goings")
    options = parser.parse_args()
    asyncio.run(measure(options.viewers, options.participants, options.minutes))


if __name__ == "__main__":
    main()
