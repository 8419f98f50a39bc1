"""What a flood costs those who talk: the same call with nobody disturbing it, and under junk at the media port.

Prints the audio that was lost, the growth of memory and the event loop's lag for both runs; asserts nothing.
The flood comes from a process of its own, over the loopback, for some seconds.
"""

import asyncio
import multiprocessing
import re
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import aiohttp

from tests.hostile.floods import send_flood
from tests.peers import Peer, Picture, Tone
from tests.server import RunningServer, running_server

RATES = (0, 10_000, 50_000)
"""Datagrams a second; 0 is the control."""
DURATION_S = 5.0


@dataclass(frozen=True)
class Reading:
    """Counters at one moment."""

    packets: int
    lost: int
    resident_bytes: int
    drops: float
    late: float
    """Event loop timers that ran more than 100 ms late."""


@dataclass(frozen=True)
class Cost:
    rate: int
    sent: int
    before: Reading
    after: Reading

    def __str__(self) -> str:
        received = self.after.packets - self.before.packets
        lost = self.after.lost - self.before.lost
        grown = (self.after.resident_bytes - self.before.resident_bytes) / (1 << 20)
        return (
            f"{self.rate:>7} {self.sent:>9} {received:>9} {lost / max(1, received + lost):>9.2%} "
            f"{grown:>9.1f} {self.after.drops - self.before.drops:>10.0f} {self.after.late - self.before.late:>8.0f}"
        )


async def read(server: RunningServer, room: str) -> Reading:
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{server.url}api/v1/rooms/{room}") as response:
            body = await response.json()
        async with http.get(f"{server.url}metrics") as response:
            metrics = await response.text()
    layers = [
        layer
        for participant in body["participants"]
        for source in participant["sources"]
        for layer in source["layers"]
        if source["source"] == "microphone"
    ]
    timers = sum(samples(metrics, "sfu_event_loop_lag_seconds_count"))
    return Reading(
        packets=sum(layer["packets"] for layer in layers),
        lost=sum(layer["lost"] for layer in layers),
        resident_bytes=server.resident_bytes,
        drops=sum(samples(metrics, "sfu_drops_total")),
        late=timers - sum(samples(metrics, r'sfu_event_loop_lag_seconds_bucket\{le="0.1"\}')),
    )


def samples(text: str, name: str) -> list[float]:
    bare = name if name.endswith("}") else rf"{name}(?:\{{[^}}]*\}})?"
    return [float(value) for value in re.findall(rf"^{bare} (\S+)$", text, re.MULTILINE)]


async def measure(rate: int, pool: ProcessPoolExecutor) -> Cost:
    """A call of two, first left alone for a moment, then under `rate`."""
    async with (
        running_server() as server,
        Peer.joined(server, "calm", "Ana", microphone=Tone(), camera=Picture()) as ana,
        Peer.joined(server, "calm", "Biel", microphone=Tone(), camera=Picture()) as biel,
    ):
        await asyncio.gather(ana.hears(1), biel.hears(1), ana.sees(1), biel.sees(1))
        before = await read(server, "calm")
        flooding = asyncio.get_running_loop().run_in_executor(
            pool, send_flood, ("127.0.0.1", server.media_port), rate, DURATION_S, 1
        )
        sent = await flooding
        await asyncio.gather(ana.hears(1), biel.hears(1))
        return Cost(rate, sent, before, await read(server, "calm"))


async def main() -> None:
    print(f"{'rate/s':>7} {'sent':>9} {'audio':>9} {'lost':>9} {'MiB more':>9} {'drops':>10} {'late':>8}")
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        for rate in RATES:
            print(await measure(rate, pool), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
