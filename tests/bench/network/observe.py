"""Beside the server: what it tells of each participant, twice a second, told as `peer` tells.

Of each by name: the estimate of its way in bit/s, and of its picture the layer, whether it is off, and why.
"""

import asyncio
import json
import sys
import time

import aiohttp

from tests.bench.network.peer import ROOM

EVERY_S = 0.5
TOLD = ("layer", "temporal_layer", "off", "reason")


async def participants(http: aiohttp.ClientSession, url: str) -> dict[str, dict]:
    async with http.get(f"{url}/api/v1/rooms/{ROOM}") as response:
        people = (await response.json()).get("participants", [])
    return {one["name"]: {"estimate_bps": one["estimate_bps"], **picture(one["slots"])} for one in people}


def picture(slots: list[dict]) -> dict:
    """The first; there is one publisher."""
    shown = (slot for slot in slots if slot["kind"] == "video" and slot["track"] is not None)
    return {key: value for slot in list(shown)[:1] for key, value in slot.items() if key in TOLD}


async def observe(url: str) -> None:
    told = []
    print("Ready", flush=True)
    ending = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as http:
        while not ending.done():
            told.append([time.monotonic(), await participants(http, url)])
            await asyncio.wait({ending}, timeout=EVERY_S)
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    asyncio.run(observe(sys.argv[1]))
