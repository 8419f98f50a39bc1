"""What operators watch is there, well formed, and true: metrics, and the health of media."""

import asyncio
import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from loadtest._native import Generator
from loadtest.driver import Camera, Driver, Microphone
from tests.hostile.looking import eventually, metric
from tests.server import RunningServer, running_server

# What one server may have at most, however much goes on in it.
MOST_SERIES = 1500


async def get(server: RunningServer, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as http, http.get(server.url + path) as response:
        return response.status, await response.text()


def series(text: str) -> set[str]:
    return {line.rpartition(" ")[0] for line in text.splitlines() if line and not line.startswith("#")}


async def promtool(*arguments: str, stdin: str = "") -> str:
    """What it complains of; nothing is well."""
    process = await asyncio.create_subprocess_exec(
        "promtool", *arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate(stdin.encode())
    return said.decode().strip() if process.returncode or "check" in arguments else ""


async def test_metrics_are_well_formed_and_few_whatever_goes_on(server: RunningServer) -> None:
    _, before = await get(server, "metrics")
    assert await promtool("check", "metrics", stdin=before) == ""
    generator = Generator()
    try:
        async with Driver(server.url, generator) as driver:
            for room in range(4):
                await driver.publish(f"room-{room}", "Ana", camera=Camera(), microphone=Microphone())
                await driver.play(f"room-{room}")

            async def flows() -> bool:
                sent = await metric(server, "sfu_stream_packets_total")
                return all(sent[f'direction="{way}",kind="camera"'] > 20 for way in ("up", "down"))

            await eventually(flows)
            _, during = await get(server, "metrics")
            assert await promtool("check", "metrics", stdin=during) == ""
            assert len(series(during)) <= MOST_SERIES
            # What has been seen once stays: rooms and people make no series.
            assert series(before) - series(during) == set()
            assert len(series(during) - series(before)) <= 10
    finally:
        generator.close()

    async def is_empty() -> bool:
        return not any(
            [
                *(await metric(server, "sfu_transports")).values(),
                *(await metric(server, "sfu_slots")).values(),
            ]
        )

    await eventually(is_empty)
    # Who has left is in the totals for ever.
    assert (await metric(server, "sfu_stream_packets_total"))['direction="up",kind="camera"'] > 20


async def test_media_is_healthy_while_packets_flow(server: RunningServer) -> None:
    status, body = await get(server, "healthz/media")
    assert (status, '"ok"' in body) == (200, True), body


# -- a packet thread that does not run ------------------------------------------------------------

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000


def packet_threads(pid: int) -> list[int]:
    """By the names that the packet path gives to them; the first receives."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    named = {(thread / "comm").read_text(): int(thread.name) for thread in threads}
    return [named[name] for name in sorted(named) if name.startswith("packets-")]


@contextmanager
def stopped(thread: int) -> Iterator[None]:
    """The kernel runs this thread no more, as if it hung; the rest of its process goes on."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long

    def ptrace(request: int) -> None:
        if libc.ptrace(request, thread, None, None) != 0:
            raise OSError(ctypes.get_errno(), "ptrace")

    ptrace(PTRACE_SEIZE)
    ptrace(PTRACE_INTERRUPT)
    os.waitpid(thread, WALL)
    try:
        yield
    finally:
        ptrace(PTRACE_DETACH)


async def health(server: RunningServer) -> int:
    status, _ = await get(server, "healthz/media")
    return status


@pytest.mark.parametrize("which", [0, 1], ids=["receives", "sends"])
async def test_media_turns_red_when_packets_stop_and_green_when_they_flow(which: int) -> None:
    async with running_server("--workers", "2") as server:
        assert await health(server) == 200
        threads = packet_threads(server.pid)
        assert len(threads) == 2

        async def is_red() -> bool:
            return await health(server) == 503

        async def is_green() -> bool:
            return await health(server) == 200

        with stopped(threads[which]):
            await eventually(is_red)
            assert (await get(server, "healthz"))[0] == 200
            assert (await metric(server, "sfu_media_probe_ok")) == {"": 0.0}
        await eventually(is_green)
