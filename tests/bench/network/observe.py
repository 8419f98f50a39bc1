"""Beside the server: what it estimates of each subscriber's way, twice a second, told as `peer` tells."""

import asyncio
import json
import sys
import time

import aiohttp

from tests.bench.network.peer import ROOM

EVERY_S = 0.5


async def estimates(http: aiohttp.ClientSession, url: str) -> dict[str, int | None]:
    async with http.get(f"{url}/api/v1/rooms/{ROOM}") as response:
        people = (await response.json()).get("participants", [])
    return {one["name"]: one["estimate_bps"] for one in people}


async def observe(url: str) -> None:
    told = []
    print("Ready", flush=True)
    ending = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as http:
        while not ending.done():
            told.append([time.monotonic(), await estimates(http, url)])
            await asyncio.wait({ending}, timeout=EVERY_S)
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    asyncio.run(observe(sys.argv[1]))
