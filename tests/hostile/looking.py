"""What the server tells of itself: metrics and the room's report, for tests that compare before and after."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from tests.server import RunningServer
from tests.waiting import DEADLINE_S, within


async def metric(server: RunningServer, name: str) -> dict[str, float]:
    """Samples of one metric by their label text."""
    async with aiohttp.ClientSession() as http, http.get(f"{server.url}metrics") as response:
        text = await response.text()
    samples = re.findall(rf"^{name}(?:\{{([^}}]*)\}})? (\S+)$", text, re.MULTILINE)
    return {labels: float(value) for labels, value in samples}


async def dropped(server: RunningServer, reason: str | None = None) -> float:
    """Packets, for one reason or for all."""
    samples = await metric(server, "sfu_drops_total")
    return sum(value for labels, value in samples.items() if reason is None or f'"{reason}"' in labels)


async def room(server: RunningServer, name: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as http, http.get(f"{server.url}api/v1/rooms/{name}") as response:
        assert response.status == 200
        return await response.json()


async def eventually(condition: Callable[[], Awaitable[bool]], deadline_s: float = DEADLINE_S) -> None:
    """Looks again and again: nothing tells when these numbers change."""
    async with within(f"{condition.__qualname__}()", deadline_s):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.2)
