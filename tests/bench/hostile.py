"""What attackers cost those who talk: the same call left alone, and under each attack.

Prints for every run the audio that was lost on its way up and down, the most memory that the server took beyond
its start, and how long an answer took meanwhile, which is the event loop's lag with a little on top; at last how
many of 30 sessions connect while strangers forge DTLS. Asserts nothing. Goals: below 0.5 % of audio, 10 MiB and
100 ms (99th percentile), and 30 of 30.

Attackers and the one who measures have processes of their own. On two cores they, the peers and the server
share: the flood is sent by sendmmsg and takes a tenth of a core, so that what it costs is the server's doing.
"""

import asyncio
import multiprocessing
import socket
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.hostile import attacks
from tests.hostile.floods import send_flood
from tests.hostile.looking import dropped, room
from tests.hostile.strangers import Stranger, connected_sessions
from tests.peers import Peer, Picture, Tone
from tests.server import RunningServer, running_server

FLOODS = (10_000, 50_000)
"""Datagrams a second."""
DURATION_S = 5.0
PROBE_S = 0.005
SESSIONS = 30
MIB = 1 << 20

Attack = Callable[[RunningServer], tuple[Callable[..., int], tuple[object, ...]]]


@dataclass(frozen=True)
class Audio:
    """Packets of the call, on their way up (as the server counts) and down (as the peers do)."""

    received: int
    lost: int

    def __sub__(self, earlier: "Audio") -> "Audio":
        return Audio(self.received - earlier.received, self.lost - earlier.lost)

    @property
    def loss(self) -> float:
        return self.lost / max(1, self.received + self.lost)


async def audio(server: RunningServer, peers: tuple[Peer, ...]) -> Audio:
    body = await room(server, "calm")
    layers = [
        layer
        for participant in body["participants"]
        for source in participant["sources"]
        for layer in source["layers"]
        if source["source"] == "microphone"
    ]
    reports = [report for peer in peers for report in (await peer.connection.getStats()).values()]
    down = [report for report in reports if report.type == "inbound-rtp" and report.kind == "audio"]
    return Audio(
        sum(layer["packets"] for layer in layers) + sum(report.packetsReceived for report in down),
        sum(layer["lost"] for layer in layers) + sum(report.packetsLost for report in down),
    )


def answer_times(url: str, duration_s: float) -> list[float]:
    """Seconds that `/healthz` took, asked over and over on one connection; sorted."""
    address = urlsplit(url)
    times, until = [], time.monotonic() + duration_s
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while (asked := time.monotonic()) < until:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = b""
            while not answer.endswith(b"}"):
                answer += connection.recv(65536)
            times.append(time.monotonic() - asked)
            time.sleep(PROBE_S)
    return sorted(times)


async def most_memory(server: RunningServer, until: asyncio.Future[list[float]]) -> int:
    most = 0
    while not until.done():
        most = max(most, server.resident_bytes)
        await asyncio.sleep(0.1)
    return most


async def measure(name: str, attack: Attack, pool: ProcessPoolExecutor) -> str:
    """One row: a call of two, left alone until it flows, then under the attack."""
    loop = asyncio.get_running_loop()
    async with (
        running_server("--log-level", "warning") as server,
        Peer.joined(server, "calm", "Ana", microphone=Tone(), camera=Picture(), video_slots=1) as ana,
        Peer.joined(server, "calm", "Biel", microphone=Tone(), video_slots=1) as biel,
    ):
        await asyncio.gather(ana.hears(1), biel.hears(1), biel.sees(1))
        before, drops, memory = await audio(server, (ana, biel)), await dropped(server), server.resident_bytes
        function, arguments = attack(server)
        blows = loop.run_in_executor(pool, function, *arguments)
        probing = loop.run_in_executor(pool, answer_times, server.url, DURATION_S)
        most = await most_memory(server, probing)
        times, dealt = await probing, await blows
        await asyncio.gather(ana.hears(1), biel.hears(1))
        call = await audio(server, (ana, biel)) - before
        counted = await dropped(server) - drops
        server.log.clear()
        p50, p99 = times[len(times) // 2], times[int(len(times) * 0.99)]
        return (
            f"{name:<18} {dealt:>8} {counted:>8.0f} {call.received:>6} {call.loss:>7.2%} "
            f"{(most - memory) / MIB:>8.1f} {p50 * 1000:>8.1f} {p99 * 1000:>8.1f} {times[-1] * 1000:>8.1f}"
        )


def nothing() -> int:
    return 0


def flood(rate: int) -> Attack:
    return lambda server: (send_flood, (("127.0.0.1", server.media_port), rate, DURATION_S, 1))


def through_the_door(name: str) -> Attack:
    return lambda server: (attacks.run, (name, server.url, DURATION_S))


async def sessions_under_forged_dtls() -> str:
    async with running_server("--log-level", "warning") as server:
        alone = await connected_sessions(server, SESSIONS)
        stranger = Stranger(server.media_port)
        disturbed = await connected_sessions(server, SESSIONS)
        stranger.stop()
        return (
            f"sessions that connect: {alone} of {SESSIONS} alone, {disturbed} of {SESSIONS} "
            f"under {stranger.sent} forged datagrams"
        )


async def main() -> None:
    runs: dict[str, Attack] = {"nobody (control)": lambda _: (nothing, ())}
    runs |= {f"junk, {rate}/s": flood(rate) for rate in FLOODS}
    runs |= {name: through_the_door(name) for name in attacks.ATTACKS}
    print(f"{'':18} {'':>8} {'':>8} {'audio':>6} {'':>7} {'MiB':>8} {'answer':>8} {'ms':>8} {'':>8}")
    print(
        f"{'attack':<18} {'blows':>8} {'drops':>8} {'recvd':>6} {'lost':>7} {'more':>8} "
        f"{'p50':>8} {'p99':>8} {'most':>8}"
    )
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        for name, attack in runs.items():
            print(await measure(name, attack, pool), flush=True)
    print(await sessions_under_forged_dtls())


if __name__ == "__main__":
    asyncio.run(main())
