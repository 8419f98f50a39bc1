"""What forwarding costs: one publisher of 2.5 Mbit/s to many slots, CPU time of the packet worker a packet.

The plane runs in this process, publisher and subscribers in another (`sfu/packets/io/examples/load.rs`),
over the loopback. Three patterns: frames in one burst, frames whose packets are spread over 40 % of the
frame interval, and audio alone, 50 packets a second. Delays are from the publisher's send to a subscriber's
receive: of a frame's last packet (`frame`), and of any packet (`packet`), which is what the hold adds. `--hold`
compares how long video may wait for the end of its frame. The receiving sockets take no runs, so the kernel's work of cutting them is on the worker's
account, as it is with a network card that cannot.
"""

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from sfu._packets import CodecParameters, Plane, Snapshot

Pattern = Literal["bursts", "spread", "audio"]
PATTERNS: tuple[Pattern, ...] = ("bursts", "spread", "audio")
HOLD_MS = 14.0
SLOTS = (10, 50, 100, 200)
# Server CPU µs a packet of others at 100 subscribers, spread over 40 % of the frame interval.
PEERS = {"mediasoup": 11.7, "Galène": 12.0, "LiveKit": 13.8, "Janus": 26.2}

PUBLISHER = 0
SOURCE = 1
SOURCE_SSRC = 0x0050_5542
EXTENSIONS = [(1, "mid"), (2, "absolute_send_time"), (3, "transport_sequence_number")]
VP8 = CodecParameters(
    codec="vp8",
    payload_type=96,
    rtx_payload_type=97,
    clock_rate=90000,
    nack=True,
    pli=True,
    transport_cc=True,
)
OPUS = CodecParameters(codec="opus", payload_type=111, clock_rate=48000, transport_cc=True)
MANIFEST = Path(__file__).parents[2] / "sfu" / "packets" / "Cargo.toml"
PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Cost:
    slots: int
    pattern: Pattern
    hold_ms: float
    cpu_us_a_packet: float
    packets_a_second: float
    worker_load: float
    lost: float
    mebibytes_added: float
    decrypted: int
    undecryptable: int
    completion_us: tuple[int, int, int]
    """Median, 99th percentile and longest, of frames' last packets at all subscribers."""
    packet_us: tuple[int, int, int]
    """The same of all packets at one subscriber."""


def build_load() -> Path:
    """The generator's binary."""
    return build_example("load")


def build_example(name: str) -> Path:
    """The binary of an example of the packet path, built if its sources changed."""
    built = subprocess.run(
        [
            "cargo", "build", "--release", "--quiet", "--manifest-path", str(MANIFEST),
            "--package", "sfu-io", "--example", name, "--message-format", "json",
        ],
        check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    artifacts = (json.loads(line) for line in built.stdout.splitlines())
    return Path(next(each["executable"] for each in artifacts if each.get("executable")))


def measure(
    load: Path, slots: int, pattern: Pattern, seconds: float, hold_ms: float = HOLD_MS, join_ms: float = 0.0
) -> Cost:
    before = resident_mebibytes()
    plane = Plane([("127.0.0.1", 0)], frame_hold_s=hold_ms / 1000, join_s=join_ms / 1000)
    try:
        join_all(plane, slots, "audio" if pattern == "audio" else "video")
        with running_load(load, plane, slots, pattern) as (process, stdin, stdout):
            stdin.write("go\n")
            stdin.flush()
            wait_until_all_flow(plane, slots)
            start, started_at = plane.snapshot(), time.monotonic()
            time.sleep(seconds)
            end, elapsed = plane.snapshot(), time.monotonic() - started_at
            added = resident_mebibytes() - before
            stdin.close()
            result = json.loads(stdout.readline())
            process.wait(PATIENCE_S)
    finally:
        plane.close()
    packets = slot_packets(end) - slot_packets(start)
    cpu = end.worker_cpu_s - start.worker_cpu_s
    return Cost(
        slots=slots,
        pattern=pattern,
        hold_ms=hold_ms,
        cpu_us_a_packet=cpu / packets * 1e6,
        packets_a_second=packets / elapsed,
        worker_load=cpu / elapsed,
        lost=1 - result["received"] / (result["sent"] * slots),
        mebibytes_added=added,
        decrypted=result["decrypted"],
        undecryptable=result["undecryptable"],
        completion_us=tuple(result["completion_us"]),
        packet_us=tuple(result["packet_us"]),
    )


def join_all(plane: Plane, slots: int, kind: Literal["audio", "video"]) -> None:
    """As the control side would after each handshake; the keys are those that the generator computes."""
    for transport in range(slots + 1):
        plane.add_transport(
            transport,
            local_ufrag=f"server{transport}", local_password="the server's password, 24",
            remote_ufrag=f"peer{transport}", remote_password="the peer's password, long",
            extensions=EXTENSIONS,
        )  # fmt: skip
        local, remote = key_of(transport, b"\x53"), key_of(transport, b"\x50")
        plane.set_keys(
            transport, profile="SRTP_AEAD_AES_128_GCM",
            local_key=local, local_salt=local[:12], remote_key=remote, remote_salt=remote[:12],
        )  # fmt: skip
    codecs = [VP8 if kind == "video" else OPUS]
    plane.add_source(
        SOURCE, transport=PUBLISHER, mid="0", kind=kind, codecs=codecs, announced=[(SOURCE_SSRC, None)]
    )
    for slot in range(1, slots + 1):
        plane.add_slot(
            slot, transport=slot, mid="0", kind=kind, codecs=codecs,
            ssrc=1000 + slot, rtx_ssrc=100_000 + slot, cname="bench",
        )  # fmt: skip
        plane.show(slot, SOURCE)


def key_of(transport: int, owner: bytes) -> bytes:
    return transport.to_bytes(8, "big") + owner * 8


@contextmanager
def running_load(
    load: Path, plane: Plane, slots: int, pattern: Pattern
) -> Iterator[tuple[subprocess.Popen[str], IO[str], IO[str]]]:
    host, port = plane.local_addresses[0]
    command = [str(load), f"{host}:{port}", str(slots), pattern]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    stdin, stdout = process.stdin, process.stdout
    assert stdin is not None
    assert stdout is not None
    try:
        line = stdout.readline()
        if line != "connected\n":
            raise RuntimeError(f"the generator could not connect: {line!r}")
        yield process, stdin, stdout
    finally:
        process.kill()
        process.wait()


def wait_until_all_flow(plane: Plane, slots: int) -> None:
    """Until every slot has sent a second of video, or a bit of audio."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        snapshot = plane.snapshot()
        flowing = sum(slot.packets > 40 for slot in snapshot.slots)
        if flowing == slots:
            return
        if time.monotonic() > deadline:
            drops = {reason: count for reason, count in snapshot.drops.items() if count}
            raise RuntimeError(f"only {flowing} of {slots} slots flow; dropped: {drops}")
        time.sleep(0.1)


def slot_packets(snapshot: Snapshot) -> int:
    return sum(slot.packets for slot in snapshot.slots)


def resident_mebibytes() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / (1 << 20)


def table(costs: list[Cost]) -> str:
    lines = [
        "                                                                      delay ms, p50/p99/longest",
        "slots  pattern  hold  CPU µs/packet  packets/s  worker    lost    MiB  frame            packet",
    ]
    lines += [
        f"{cost.slots:5}  {cost.pattern:8}{cost.hold_ms:5.1f} {cost.cpu_us_a_packet:13.2f}"
        f" {cost.packets_a_second:10.0f} {cost.worker_load:7.1%} {cost.lost:7.2%} {cost.mebibytes_added:6.1f}"
        f"  {delays(cost.completion_us):16} {delays(cost.packet_us)}"
        for cost in costs
    ]
    peers = ", ".join(f"{name} {cost}" for name, cost in PEERS.items())
    return "\n".join([*lines, f"others at 100, spread: {peers} (their servers whole, clients with feedback)"])


def delays(us: tuple[int, int, int]) -> str:
    return "/".join(f"{each / 1000:.1f}" for each in us)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slots", type=int, nargs="+", default=SLOTS)
    parser.add_argument("--pattern", choices=PATTERNS, nargs="+", default=PATTERNS[:2])
    parser.add_argument("--hold", type=float, nargs="+", default=[HOLD_MS], help="milliseconds")
    parser.add_argument("--join", type=float, default=0.0, help="milliseconds that audio waits for company")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--runs", type=int, default=1, help="the median run is printed")
    options = parser.parse_args()
    load = build_load()
    costs = []
    for slots, pattern, hold in itertools.product(options.slots, options.pattern, options.hold):
        runs = [
            measure(load, slots, pattern, options.seconds, hold, options.join) for _ in range(options.runs)
        ]
        costs.append(sorted(runs, key=lambda cost: cost.cpu_us_a_packet)[len(runs) // 2])
        sys.stderr.write(f"{table(costs[-1:]).splitlines()[2]}\n")
    print(table(costs))
    spread = [cost.cpu_us_a_packet for cost in costs if cost.pattern == "spread"]
    if spread:
        print(f"median, spread: {statistics.median(spread):.2f} µs")


if __name__ == "__main__":
    main()
