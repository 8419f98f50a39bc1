"""What a full socket costs whom: more is sent than the server's link carries, and one asks what was left out.

The server and its peers have network namespaces of their own, joined by two links: a fast one to ask for metrics,
and one for all else whose rate towards the peers is bounded (`tc tbf`, with a queue that never drops, so that it
is the socket that becomes full). Somebody speaks and shows a camera; a few viewers have it on stage; more and more
others have it in a small tile. Printed: the stress that the server told of before it left out anything, what it
left out by reason, and what came to the two kinds of viewers. Asserts nothing.
"""

import asyncio
import contextlib
import os
import re
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp

from loadtest._native import Generator, PeerSnapshot
from loadtest.driver import Camera, Driver, Microphone
from tests.server import sfu
from tests.waiting import within

RATE_MBIT = 60
STAGE = 4
SMALL = 26
EVERY_S = 0.5
FULL_S = 10.0
"""How long it goes on when all are there."""
CONTROL, MEDIA = "10.99.1", "10.99.0"
SHED = ("video_shed", "stage_shed", "audio_shed", "send_queue_full")
IN_A_NAMESPACE = "SFU_BENCH_IN_A_NAMESPACE"


async def run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == 0, command


async def link(name: str, network: str, pid: int) -> None:
    """From here (.2) to the namespace of that process (.1)."""
    there = ("nsenter", "-t", str(pid), "-n")
    await run("ip", "link", "add", name, "type", "veth", "peer", "name", name, "netns", str(pid))
    for where, host in (((), 2), (there, 1)):
        await run(*where, "ip", "addr", "add", f"{network}.{host}/24", "dev", name)
        await run(*where, "ip", "link", "set", name, "up")


@contextlib.asynccontextmanager
async def server_behind_a_slow_link(directory: str) -> AsyncIterator[str]:
    """Its URL by that link."""
    serve = sfu(
        *("serve", "--host", "0.0.0.0", "--port", "8080", "--media-port", "8443", "--tls", "off"),
        *("--drain-timeout", "0", "--data-dir", directory),
    )
    wait = 'ip link set lo up; echo; read -r _; exec "$@"'
    process = await asyncio.create_subprocess_exec(
        "unshare", "-n", "sh", "-c", wait, "sh", *serve, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        await process.stdout.readline()
        await link("control", CONTROL, process.pid)
        await link("media", MEDIA, process.pid)
        shape = f"tc qdisc add dev media root tbf rate {RATE_MBIT}mbit burst 32kb limit 64mb"
        await run("nsenter", "-t", str(process.pid), "-n", *shape.split())
        process.stdin.write(b"\n")
        async with within("the Ready line"):
            assert b"Ready" in await process.stdout.readline()
        yield f"http://{MEDIA}.1:8080"
    finally:
        await ended(process)


async def ended(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    _, said = await process.communicate()
    errors = [line for line in said.decode(errors="replace").splitlines() if " error " in line]
    print("\n".join(errors))


@dataclass
class Watch:
    """Asks again and again for stress and drops."""

    url: str
    stress: float = 0.0
    """The worst so far."""
    drops: dict[str, float] = field(default_factory=dict)
    warned_at: float | None = None
    first: tuple[float, str, float] | None = None
    """When something was left out first, why, and the worst stress that had been told until then."""

    async def run(self) -> None:
        async with aiohttp.ClientSession() as http:
            while True:
                async with http.get(f"{self.url}/metrics") as response:
                    self.take(await response.text())
                await asyncio.sleep(0.02)

    def take(self, text: str) -> None:
        told = self.stress
        self.stress = max(told, float(re.search(r"^sfu_stress (\S+)$", text, re.MULTILINE)[1]))
        if self.stress > 0.8 and self.warned_at is None:
            self.warned_at = time.monotonic()
        found = re.findall(r'^sfu_drops_total\{reason="(\w+)"\} (\S+)$', text, re.MULTILINE)
        self.drops = {reason: float(count) for reason, count in found if reason in SHED}
        shed = [reason for reason, count in self.drops.items() if count]
        if shed and self.first is None:
            self.first = (time.monotonic(), shed[0], told)


def told(name: str, peers: list[PeerSnapshot], seconds: float) -> None:
    video = [peer.video for peer in peers]
    audio = [peer.audio for peer in peers]
    lost = sum(one.lost for one in audio)
    print(
        f"{name:6} {sum(v.frames for v in video) / len(peers) / seconds:5.1f} frames/s,"
        f" broken {sum(v.broken_frames for v in video)}, packets lost {sum(v.lost for v in video)},"
        f" longest without picture {max(v.longest_gap_s for v in video):.1f} s;"
        f" sound lost {100 * lost / max(1, lost + sum(a.packets for a in audio)):.2f} %,"
        f" longest without {max(a.longest_gap_s for a in audio):.2f} s"
    )


async def measure() -> None:
    generator = Generator()
    with tempfile.TemporaryDirectory(prefix="sfu-bench-") as directory:
        async with server_behind_a_slow_link(directory) as url, Driver(url, generator) as driver:
            await overload(driver, Watch(f"http://{CONTROL}.1:8080"))
    generator.close()


async def overload(driver: Driver, watch: Watch) -> None:
    watching = asyncio.create_task(watch.run())
    await driver.publish("hall", "Ana", camera=Camera(), microphone=Microphone())
    stage = [await driver.play("hall", timed=True) for _ in range(STAGE)]
    started, small = time.monotonic(), []
    for number in range(SMALL):
        small.append(await driver.join("hall", f"Viewer {number}", video=1, audio=1))
        await asyncio.sleep(EVERY_S)
    await asyncio.sleep(FULL_S)
    watching.cancel()
    seconds = time.monotonic() - started
    snapshot = driver.generator.snapshot()
    peers = {peer.number: peer for peer in snapshot.peers}
    print(f"{RATE_MBIT} Mbit/s, {STAGE} with the camera on stage, {SMALL} with a small tile")
    print(f"worst stress {watch.stress:.2f}; left out {watch.drops}")
    if watch.first is not None:
        at, reason, stress = watch.first
        ahead = "never" if watch.warned_at is None else f"{at - watch.warned_at:.2f} s ahead"
        print(f"first left out: {reason}; stress told before: {stress:.2f}; above 0.8: {ahead}")
    told("stage", [peers[peer.number] for peer in stage], seconds)
    told("small", [peers[peer.number] for peer in small], seconds)
    print(
        f"delay of sound p50 {snapshot.audio_delay.p50_ms:.0f} ms, p99 {snapshot.audio_delay.p99_ms:.0f} ms"
    )


def main() -> None:
    if IN_A_NAMESPACE not in os.environ:
        command = ("unshare", "-rn", sys.executable, "-m", "tests.bench.overload")
        os.execvpe("unshare", command, {**os.environ, IN_A_NAMESPACE: "1"})
    os.system("ip link set lo up")
    asyncio.run(measure())


if __name__ == "__main__":
    main()
