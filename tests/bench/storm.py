"""What joins cost: a storm of them into one room, and one at a time into rooms of other sizes.

    python -m tests.bench.storm [--joins 300] [--within 10] [--light] [--sizes 10 100 1000]

The room has one publisher and five viewers, whose call goes on. The joining are native peers by `/ws` with nine
video and eight audio slots, whose offers list what Chromium's do (`--light`: VP8 and Opus alone). Time to the first
frame is from the request to the first whole keyframe. CPU is that of the server process; what forwarding costs
meanwhile is in it, for a join ends with a picture.
"""

import argparse
import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp

from loadtest._native import Generator, PeerSnapshot
from loadtest.driver import Camera, Driver, Microphone, Peer
from tests.bench import process
from tests.bench.room import LIMITS, flowing, in_turns, until
from tests.server import RunningServer, running_server

VIEWERS = 5
PROBES = 20
IDLE_S = 2.0


@dataclass(frozen=True, slots=True)
class Call:
    """Those who are there before."""

    publisher: Peer
    viewers: Sequence[Peer]


async def begin(driver: Driver) -> Call:
    publisher = await driver.publish("hall", "Ana", camera=Camera(), microphone=Microphone())
    viewers = await in_turns(VIEWERS, lambda _: driver.play("hall"))
    await flowing(driver.generator, viewers)
    return Call(publisher, viewers)


def first_frame_s(peer: Peer, snapshot: PeerSnapshot) -> float:
    assert snapshot.first_keyframe_after_s is not None
    return peer.answered_after_s + snapshot.first_keyframe_after_s


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


async def storm(count: int, within_s: float, is_light: bool) -> None:
    loop = asyncio.get_running_loop()
    generator = Generator()
    async with (
        running_server(*LIMITS) as server,
        Driver(server.url, generator, offers_are_full=not is_light) as driver,
    ):
        call = await begin(driver)
        before = by_number(generator)
        generator.reset()
        lag, cpu, began = await loop_lag(server), process.cpu(server.pid), loop.time()

        async def one(index: int) -> Peer:
            await asyncio.sleep(max(0.0, began + index * within_s / count - loop.time()))
            return await driver.join("hall", f"Guest {index}", video=9, audio=8)

        guests = await asyncio.gather(*(one(index) for index in range(count)))
        await all_see(generator, guests)
        elapsed, cost = loop.time() - began, process.cpu(server.pid) - cpu
        print_storm(by_number(generator), before, call, guests, elapsed, cost)
        print_lag(lag, await loop_lag(server))
    generator.close()


async def all_see(generator: Generator, guests: Sequence[Peer]) -> None:
    def do_all() -> bool:
        peers = by_number(generator)
        known = (peers[guest.number] for guest in guests if guest.number in peers)
        return sum(peer.first_keyframe_after_s is not None for peer in known) == len(guests)

    await until(do_all)


def by_number(generator: Generator) -> dict[int, PeerSnapshot]:
    return {peer.number: peer for peer in generator.snapshot().peers}


def connected(generator: Generator) -> int:
    return sum(peer.state == "connected" for peer in generator.snapshot().peers)


def print_storm(
    peers: dict[int, PeerSnapshot],
    before: dict[int, PeerSnapshot],
    call: Call,
    guests: Sequence[Peer],
    elapsed: float,
    cost: process.Cpu,
) -> None:
    frames = [first_frame_s(guest, peers[guest.number]) * 1000 for guest in guests]
    answers = [guest.answered_after_s * 1000 for guest in guests]
    print(f"{len(guests)} joins, the last sees after {elapsed:.1f} s")
    for name, values in (("answer", answers), ("first frame", frames)):
        print(f"  {name:12} p50 {percentile(values, 0.5):7.1f}  p95 {percentile(values, 0.95):7.1f} ms")
    print(
        f"  server CPU     {cost.rest_s * 1000 / len(guests):.2f} ms a join in Python's threads,"
        f" {cost.workers_s * 1000 / len(guests):.2f} in the packet path (forwarding included)"
    )
    asked = [table[call.publisher.number].keyframes_asked_of_us for table in (before, peers)]
    print(f"  keyframes      {(asked[1] - asked[0]) / elapsed:.2f} a second asked of the publisher")
    pairs = [(before[viewer.number], peers[viewer.number]) for viewer in call.viewers]
    lost = sum(
        late.video.lost + late.audio.lost - early.video.lost - early.audio.lost for early, late in pairs
    )
    gaps = [late.audio.longest_gap_s * 1000 for _, late in pairs]
    print(f"  running calls  {lost} packets lost, longest gap of sound {max(gaps):.0f} ms")
    drops = sum(peer.socket_drops for peer in peers.values())
    print(f"  generator      {drops} datagrams lost in its own sockets")


async def loop_lag(server: RunningServer) -> dict[float, float]:
    """The histogram in `/metrics`: how many timers were at most that late."""
    async with aiohttp.ClientSession() as http, http.get(f"{server.url}metrics") as response:
        text = await response.text()
    found = re.findall(r'sfu_event_loop_lag_seconds_bucket\{le="([^"]+)"\} (\S+)', text)
    return {float(bound): float(count) for bound, count in found}


def print_lag(before: dict[float, float], after: dict[float, float]) -> None:
    counts = {bound: after[bound] - before[bound] for bound in after}
    total = max(counts.values())
    for share in (0.5, 0.99):
        bound = min(bound for bound, count in counts.items() if count >= share * total)
        print(f"  event loop     p{share * 100:.0f} at most {bound * 1000:.0f} ms late")


async def joins_by_size(sizes: Sequence[int], is_light: bool) -> None:
    """One join after the other, by how many are in the room already and look at nothing."""
    print(
        f"{'in the room':>11} {'Python':>10} {'workers':>10}  ms of CPU a join {'p50':>8} {'p95':>8}  ms to the first frame"
    )
    for size in sizes:
        generator = Generator()
        async with (
            running_server(*LIMITS) as server,
            Driver(server.url, generator, offers_are_full=not is_light) as driver,
        ):
            await driver.publish("hall", "Ana", camera=Camera())
            await in_turns(
                size, lambda index: driver.join("hall", f"M{index}", video=1, audio=0, watches=False)
            )
            await until(lambda: connected(generator) == size + 1)  # noqa: B023 - awaited at once
            print(await probe(server, driver, size), flush=True)
        generator.close()


async def probe(server: RunningServer, driver: Driver, size: int) -> str:
    """What `PROBES` joins cost above what the room costs without them."""
    loop, frames = asyncio.get_running_loop(), []
    idle = process.cpu(server.pid)
    await asyncio.sleep(IDLE_S)
    idle = process.cpu(server.pid) - idle
    cpu, began = process.cpu(server.pid), loop.time()
    for index in range(PROBES):
        guest = await driver.join("hall", f"Probe {index}", video=9, audio=8)
        await all_see(driver.generator, [guest])
        frames.append(first_frame_s(guest, by_number(driver.generator)[guest.number]) * 1000)
        await driver.leave(guest)
    cost, share = process.cpu(server.pid) - cpu, (loop.time() - began) / IDLE_S
    rest = (cost.rest_s - idle.rest_s * share) / PROBES * 1000
    workers = (cost.workers_s - idle.workers_s * share) / PROBES * 1000
    p50, p95 = percentile(frames, 0.5), percentile(frames, 0.95)
    return f"{size:11} {rest:10.2f} {workers:10.2f} {'':16} {p50:9.1f} {p95:8.1f}"


async def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--joins", type=int, default=300)
    parser.add_argument("--within", type=float, default=10.0, help="seconds")
    parser.add_argument("--sizes", type=int, nargs="*", default=(10, 100, 1000))
    parser.add_argument("--light", action="store_true")
    options = parser.parse_args()
    if options.joins:
        await storm(options.joins, options.within, options.light)
    await joins_by_size(options.sizes, options.light)


if __name__ == "__main__":
    asyncio.run(main())
