"""What a server holds in memory: idle, and with subscribers of one stream.

    python -m tests.bench.memory [--subscribers 100]

Resident size of the whole server process, from /proc. The subscribers are aiortc peers by WHEP that decode what
they get, so that each has DTLS, SRTP and feedback like any other receiver.
"""

import argparse
import asyncio
import contextlib

from tests.peers import Picture, Tone
from tests.programs import Player, Publisher
from tests.server import RunningServer, running_server

MIB = 1 << 20
JOINING_AT_ONCE = 5


async def measure(subscribers: int) -> None:
    async with running_server() as server:
        await settled(server)
        idle = server.resident_bytes
        print(f"idle                        {idle / MIB:7.1f} MiB   (goal: at most 120)")
        async with (
            Publisher.started(server, "hall", video=Picture(), audio=Tone()) as publisher,
            contextlib.AsyncExitStack() as players,
        ):
            await publisher.connected()
            await settled(server)
            base = server.resident_bytes
            await join(server, players, subscribers)
            grown = server.resident_bytes - base
            print(
                f"{subscribers:4} subscribers add        {grown / MIB:7.1f} MiB   (goal: at most 30 for 100)"
            )
            print(f"one subscriber              {grown / subscribers / 1024:7.1f} KiB")


async def join(server: RunningServer, players: contextlib.AsyncExitStack, count: int) -> None:
    for start in range(0, count, JOINING_AT_ONCE):
        some = range(start, min(start + JOINING_AT_ONCE, count))
        started = [await players.enter_async_context(Player.started(server, "hall")) for _ in some]
        await asyncio.gather(*(player.connected() for player in started))
    await asyncio.gather(*(player.sees() for player in started))
    await settled(server)


async def settled(server: RunningServer) -> None:
    """Until the resident size has stood still for a second."""
    before = -1
    async with asyncio.timeout(60):
        while abs(server.resident_bytes - before) > MIB // 4:
            before = server.resident_bytes
            await asyncio.sleep(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subscribers", type=int, default=100)
    asyncio.run(measure(parser.parse_args().subscribers))


if __name__ == "__main__":
    main()
