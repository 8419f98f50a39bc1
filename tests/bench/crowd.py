"""A whole crowd in one room, all of whom publish: does it stand, and what does each change cost the others?

    python -m tests.bench.crowd [--people 50 100 200] [--frames 1] [--sound-ms 120]

Everybody sends sound and three layers, has nine video and eight audio slots, and eight speak. All of the control
plane is there: every stream, slot, report and event. The media are thinned out, for the peers run on the machine that
they measure: of a room of 200 as browsers send it, 64 000 packets a second come in and 134 000 go out, and receiving
those takes more than sending them. Then people leave and join, and the floor is passed on, in steady company; what
that costs is the server's CPU above what the room took before, and `each` is that for each of the others.
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from loadtest._native import Generator, Snapshot
from loadtest.driver import SIMULCAST, Camera, Driver, Microphone, Peer
from tests.bench import process
from tests.bench.room import LIMITS, flowing_at_last, in_turns, packets, until
from tests.server import RunningServer, running_server

PEOPLE = (50, 100, 200)
SPEAKING = 8
CHANGES = 24
QUIET_S = 5.0
PACE_S = 0.25
"""Between two changes: as long as a new speaker waits to be taken for one."""


@dataclass(frozen=True, slots=True)
class Rates:
    frames_a_second: int
    sound_ms: int

    @property
    def camera(self) -> Camera:
        # A packet a frame and layer: as small as a layer can be.
        layers = tuple(replace(layer, packets=1, keyframe_packets=2) for layer in SIMULCAST)
        return Camera(encodings=layers, frames_per_second=self.frames_a_second)

    def microphone(self, index: int) -> Microphone:
        return Microphone(packet_ms=self.sound_ms, is_speaking=index < SPEAKING)


@dataclass(slots=True)
class Crowd:
    server: RunningServer
    driver: Driver
    rates: Rates
    people: list[Peer]
    joined: int = 0

    async def join(self) -> Peer:
        index, self.joined = self.joined, self.joined + 1
        return await self.driver.join(
            "hall", f"Peer {index}", camera=self.rates.camera, microphone=self.rates.microphone(index),
            video=9, audio=8, tile=(320, 180), timed=index % 10 == 0,
        )  # fmt: skip

    async def replace_one(self, step: int) -> None:
        """One of the silent leaves, and somebody else comes."""
        at = SPEAKING + step % (len(self.people) - SPEAKING)
        await self.driver.leave(self.people[at])
        self.people[at] = await self.join()

    async def pass_the_floor_on(self, step: int) -> None:
        for index, is_speaking in ((step, False), (step + SPEAKING, True)):
            number = self.people[index % len(self.people)].number
            self.driver.generator.set_speaking(number, is_speaking)

    @property
    def generator(self) -> Generator:
        return self.driver.generator


async def cost_ms(crowd: Crowd, change: Callable[[int], Awaitable[None]]) -> float:
    """The server's CPU a change, above what it took without any."""
    loop, pid = asyncio.get_running_loop(), crowd.server.pid
    quiet = process.cpu(pid)
    await asyncio.sleep(QUIET_S)
    quiet_s = (process.cpu(pid) - quiet).total_s / QUIET_S
    before, began = process.cpu(pid), loop.time()
    for step in range(CHANGES):
        await change(step)
        await asyncio.sleep(max(0.0, began + (step + 1) * PACE_S - loop.time()))
    elapsed = loop.time() - began
    return ((process.cpu(pid) - before).total_s - quiet_s * elapsed) / CHANGES * 1000


async def measure(count: int, rates: Rates, seconds: float) -> str:
    generator, loop = Generator(), asyncio.get_running_loop()
    try:
        async with running_server(*LIMITS) as server, Driver(server.url, generator) as driver:
            crowd = Crowd(server, driver, rates, [])
            memory, began = process.resident(server.pid), loop.time()
            crowd.people = await in_turns(count, lambda _: crowd.join())
            got_media = await flowing_at_last(generator, crowd.people)
            joined_s = loop.time() - began
            await asyncio.sleep(1.0)
            start, cpu, idle = generator.snapshot(), process.cpu(server.pid), process.idle_s()
            await asyncio.sleep(seconds)
            cpu, idle, end = process.cpu(server.pid) - cpu, process.idle_s() - idle, generator.snapshot()
            line = (
                f"{count:6} {got_media:6} {joined_s:7.1f} {sent(end, start) / seconds:9.0f}"
                f" {(packets(end) - packets(start)) / seconds:9.0f} {cpu.total_s / seconds:7.1%}"
                f" {idle / seconds / 2:7.1%} {lost(end) - lost(start):6}"
                f" {end.frame_delay.p95_ms:9.1f} {(process.resident(server.pid) - memory) / count / 1024:9.0f}"
            )
            for change in (crowd.replace_one, crowd.pass_the_floor_on):
                cost = await cost_ms(crowd, change)
                line += f" {cost:9.1f} {cost / count * 1000:7.0f}"
            await until(lambda: all_are_served(generator, crowd.people))
            end = generator.snapshot()
            return f"{line} {lost(end) - lost(start):6}{''.join(server.errors())}"
    finally:
        generator.close()


def all_are_served(generator: Generator, people: Sequence[Peer]) -> bool:
    """Those who came last as well."""
    known = {peer.number: peer for peer in generator.snapshot().peers}
    return all(each.number in known and known[each.number].video.frames > 0 for each in people)


def sent(end: Snapshot, start: Snapshot) -> int:
    return sum(peer.packets_sent for peer in end.peers) - sum(peer.packets_sent for peer in start.peers)


def lost(snapshot: Snapshot) -> int:
    return sum(peer.video.lost + peer.audio.lost for peer in snapshot.peers)


HEAD = (
    "                         packets a second            machine                              CPU ms of the server:\n"
    "people  media  join s        in       out  server    idle   lost p95 delay KiB/peer leave+join each µs"
    "  speaker each µs  lost"
)


async def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, nargs="+", default=PEOPLE)
    parser.add_argument("--frames", type=int, default=1, help="a second, of each layer")
    parser.add_argument("--sound-ms", type=int, default=120, help="of a packet; browsers have 20")
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    print(HEAD, flush=True)
    for count in options.people:
        print(await measure(count, Rates(options.frames, options.sound_ms), options.seconds), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
