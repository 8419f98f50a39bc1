"""What a room costs the whole server process, with hundreds of honest receivers.

    python -m tests.bench.room [--only stage-spread mesh] [--slots 10 100] [--seconds 5]

The peers are native (`loadtest/native`): ICE, DTLS, SRTP, receiver reports, NACK and transport-wide feedback each
100 ms, no decoding. They take no joined datagrams, so the kernel's work of cutting the server's runs is on the
server's account, as it is with a network card that cannot (`--runs`: they do). CPU is that of the server process with all its threads,
by the scheduler's count; packets are those that came to the receivers. `delay` is from the sending of a frame's
last packet to its completion at a receiver (for sound: of a packet), by the kernel's time stamps at a sample of
the receivers. `media` counts the peers that got any within a minute; where not all did, the rest of the row is of
those who did, and says what more this machine cannot do.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from loadtest._native import Generator, Percentiles, Snapshot
from loadtest.driver import SIMULCAST, Camera, Driver, Microphone, Peer
from loadtest.session import Encoding
from sfu.limits import Limits
from tests.bench import process
from tests.server import RunningServer, running_server

SLOTS = (10, 50, 100, 200, 500, 1000)
PATIENCE_S = 60.0
JOINING_AT_ONCE = 50
MOST_IN_A_MESH = Limits().video_slots + 1
SAMPLE = 20
"""Receivers whose packets the kernel stamps; more would be a cost of the measurement."""
LIMITS = (
    "--limits-participants-per-room", "4000", "--limits-half-open-joins", "4000", "--log-level", "warning",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    join: Callable[[Driver, int], Awaitable[list[Peer]]]
    slots: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Bench:
    seconds: float
    threads: int
    takes_runs: bool
    server_options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Result:
    scenario: str
    peers: int
    got_media: int
    packets: int
    seconds: float
    server: process.Cpu
    peers_load: float
    idle: float
    lost: int
    repaired: int
    socket_drops: int
    delay: Percentiles
    reading_late_ms: float
    joined_s: float
    kibibytes_a_peer: float

    @property
    def us_a_packet(self) -> float:
        return self.server.total_s / max(1, self.packets) * 1e6

    @property
    def limit(self) -> str:
        """What stood in the way: a figure at the generator's limit says little of the server."""
        if self.socket_drops or self.peers_load > 0.85 or self.reading_late_ms > 20:
            return "generator"
        if self.idle < 0.05:
            return "machine"
        return "server" if self.server.workers_s > 0.9 * self.seconds else "-"


async def stage(
    driver: Driver, count: int, camera: Camera | None, microphone: Microphone | None
) -> list[Peer]:
    """One publisher, and viewers by WHEP."""
    await driver.publish("hall", "Ana", camera=camera, microphone=microphone)
    lines = {"video": int(camera is not None), "audio": int(microphone is not None)}
    return await in_turns(count, lambda index: driver.play("hall", timed=is_timed(index, count), **lines))


async def people(
    driver: Driver, count: int, camera: Camera, *, a_room: int | None = None, video: int, speaking: int = 1000
) -> list[Peer]:
    """Participants who send sound and pictures, in rooms of so many; the first few of all speak."""

    async def join(index: int) -> Peer:
        return await driver.join(
            f"room-{index // (a_room or count)}", f"Peer {index}",
            camera=camera, microphone=Microphone(is_speaking=index < speaking),
            video=video, audio=min(8, (a_room or count) - 1), tile=(320, 180), timed=is_timed(index, count),
        )  # fmt: skip

    return await in_turns(count, join)


def mesh(driver: Driver, count: int, camera: Camera) -> Awaitable[list[Peer]]:
    """Everybody sees everybody, and hears the eight loudest."""
    if count > MOST_IN_A_MESH:
        raise SystemExit(
            f"a mesh of {count} takes more video slots than the {Limits().video_slots} that an offer is served: at most"
            f" {MOST_IN_A_MESH} see each other. Larger rooms show nine: `--only meeting`, `tests.bench.crowd`"
        )
    return people(driver, count, camera, video=count - 1)


def meeting(driver: Driver, count: int) -> Awaitable[list[Peer]]:
    """Everybody sends three layers, sees nine, and hears eight."""
    return people(driver, count, Camera(encodings=SIMULCAST), video=9, speaking=8)


def rooms_of_four(driver: Driver, count: int) -> Awaitable[list[Peer]]:
    return people(driver, count, Camera(encodings=SIMULCAST), a_room=4, video=3)


def is_timed(index: int, count: int) -> bool:
    return index % max(1, count // SAMPLE) == 0


async def in_turns(count: int, join: Callable[[int], Awaitable[Peer]]) -> list[Peer]:
    turns = asyncio.Semaphore(JOINING_AT_ONCE)

    async def one(index: int) -> Peer:
        async with turns:
            return await join(index)

    return await asyncio.gather(*(one(index) for index in range(count)))


SMALL = Camera(encodings=(Encoding(packets=1, keyframe_packets=1, payload=1000),))
SCENARIOS = (
    Scenario("stage-bursts", lambda d, n: stage(d, n, Camera(spread=0), None), SLOTS),
    Scenario("stage-spread", lambda d, n: stage(d, n, Camera(spread=0.4), None), SLOTS),
    Scenario("stage-audio", lambda d, n: stage(d, n, None, Microphone()), SLOTS),
    Scenario("mesh-single", lambda d, n: mesh(d, n, SMALL), (10,)),
    Scenario("mesh-simulcast", lambda d, n: mesh(d, n, Camera(encodings=SIMULCAST)), (10, 25)),
    Scenario("meeting", meeting, (50, 100, 200)),
    Scenario("rooms-of-4", rooms_of_four, (40, 200, 400, 800)),
)


@asynccontextmanager
async def loaded(server: RunningServer, bench: Bench) -> AsyncIterator[Driver]:
    generator = Generator(threads=bench.threads)
    try:
        async with Driver(server.url, generator, takes_runs=bench.takes_runs) as driver:
            yield driver
    finally:
        generator.close()


async def measure(scenario: Scenario, count: int, bench: Bench) -> Result:
    loop, seconds, threads = asyncio.get_running_loop(), bench.seconds, bench.threads
    async with running_server(*bench.server_options) as server, loaded(server, bench) as driver:
        memory, began = process.resident(server.pid), loop.time()
        peers = await scenario.join(driver, count)
        got_media = await flowing_at_last(driver.generator, peers)
        joined_s = loop.time() - began
        await asyncio.sleep(1.0)  # keyframes and first reports are behind
        driver.generator.reset()
        start, started_at = driver.generator.snapshot(), loop.time()
        cpu, idle = process.cpu(server.pid), process.idle_s()
        await asyncio.sleep(seconds)
        server_cpu, idle = process.cpu(server.pid) - cpu, process.idle_s() - idle
        elapsed = loop.time() - started_at
        end = driver.generator.snapshot()
        threads_cpu = sum(end.threads_cpu_s) - sum(start.threads_cpu_s)
        return Result(
            scenario=scenario.name,
            peers=count,
            got_media=got_media,
            packets=packets(end) - packets(start),
            seconds=elapsed,
            server=server_cpu,
            peers_load=threads_cpu / elapsed / threads,
            idle=idle / elapsed,
            lost=sum(peer.video.lost + peer.audio.lost for peer in end.peers),
            repaired=sum(peer.video.repaired for peer in end.peers),
            socket_drops=sum(peer.socket_drops for peer in end.peers),
            delay=end.frame_delay if end.frame_delay.count else end.audio_delay,
            reading_late_ms=end.reading_late.p99_ms,
            joined_s=joined_s,
            kibibytes_a_peer=(process.resident(server.pid) - memory) / count / 1024,
        )


async def flowing(generator: Generator, peers: Sequence[Peer]) -> None:
    """Until every peer gets media."""
    await until(lambda: served(generator, peers) == len(peers))


async def flowing_at_last(generator: Generator, peers: Sequence[Peer]) -> int:
    """The number of those who get media, once all do or patience ends."""
    with suppress(TimeoutError):
        await flowing(generator, peers)
    return served(generator, peers)


def served(generator: Generator, peers: Sequence[Peer]) -> int:
    snapshot = generator.snapshot()
    if snapshot.unopened:
        raise SystemExit(f"{snapshot.unopened} peers got no socket: raise `ulimit -n`")
    numbers = {peer.number for peer in peers}
    known = (peer for peer in snapshot.peers if peer.number in numbers)
    return sum(peer.video.frames > 5 or peer.audio.packets > 5 for peer in known)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if condition():
                return
            await asyncio.sleep(0.05)


def packets(snapshot: Snapshot) -> int:
    return sum(peer.video.packets + peer.audio.packets for peer in snapshot.peers)


HEAD = (
    "scenario        peers  media  µs/packet (workers)  packets/s  server   peers   lost  again"
    "  delay p50    p95    p99 ms  join s  KiB/peer  limit"
)


def row(result: Result) -> str:
    delay, seconds = result.delay, result.seconds
    workers = result.server.workers_s / max(1, result.packets) * 1e6
    return (
        f"{result.scenario:15} {result.peers:5} {result.got_media:6} {result.us_a_packet:10.2f} {f'({workers:.2f})':>9}"
        f" {result.packets / seconds:10.0f} {result.server.total_s / seconds:7.1%} {result.peers_load:7.1%}"
        f" {result.lost:6} {result.repaired:6} {delay.p50_ms:10.2f} {delay.p95_ms:6.2f} {delay.p99_ms:6.2f}"
        f" {result.joined_s:10.2f} {result.kibibytes_a_peer:9.0f}  {result.limit}"
    )


async def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [scenario.name for scenario in SCENARIOS]
    parser.add_argument(
        "--only", nargs="+", metavar="SCENARIO", choices=names, default=names, help=", ".join(names)
    )
    parser.add_argument("--slots", type=int, nargs="+", help="instead of each scenario's own")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--threads", type=int, default=1, help="that drive the peers")
    parser.add_argument(
        "--runs", action="store_true", help="peers take runs uncut, as behind a card that cuts them"
    )
    parser.add_argument(
        "--server", nargs="+", default=[], metavar="OPTION", help="of `sfu serve`: key=value …"
    )
    options = parser.parse_args()
    more = [part for option in options.server for part in f"--{option}".split("=", 1)]
    bench = Bench(options.seconds, options.threads, options.runs, (*LIMITS, *more))
    print(HEAD, flush=True)
    for scenario in (each for each in SCENARIOS if each.name in options.only):
        for count in options.slots or scenario.slots:
            try:
                result = await measure(scenario, count, bench)
            except TimeoutError:
                print(f"{scenario.name:15} {count:5}  not everybody is let in within a minute", flush=True)
                break
            except RuntimeError as error:
                # Its threads have no time left, even to say what came.
                print(f"{scenario.name:15} {count:5}  the generator: {error}", flush=True)
                break
            print(row(result), flush=True)
            if result.got_media < count:
                break


if __name__ == "__main__":
    asyncio.run(main())
