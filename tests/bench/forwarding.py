"""What forwarding costs: one publisher of 2.5 Mbit/s to many slots, CPU time of the packet worker a packet.

The plane runs in this process, publisher and subscribers in another (`sfu/packets/io/examples/load.rs`),
over the loopback. Two patterns: frames in one burst, and frames whose packets are spread over 40 % of the
frame interval. The receiving sockets take no runs, so the kernel's work of cutting them is on the worker's
account, as it is with a network card that cannot.
"""

import argparse
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

Pattern = Literal["bursts", "spread"]
PATTERNS: tuple[Pattern, ...] = ("bursts", "spread")
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
MANIFEST = Path(__file__).parents[2] / "sfu" / "packets" / "Cargo.toml"
PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Cost:
    slots: int
    pattern: Pattern
    cpu_us_a_packet: float
    packets_a_second: float
    worker_load: float
    lost: float
    mebibytes_added: float
    decrypted: int
    undecryptable: int


def build_load() -> Path:
    """The generator's binary, built if its sources changed."""
    built = subprocess.run(
        [
            "cargo", "build", "--release", "--quiet", "--manifest-path", str(MANIFEST),
            "--package", "sfu-io", "--example", "load", "--message-format", "json",
        ],
        check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    artifacts = (json.loads(line) for line in built.stdout.splitlines())
    return Path(next(each["executable"] for each in artifacts if each.get("executable")))


def measure(load: Path, slots: int, pattern: Pattern, seconds: float) -> Cost:
    before = resident_mebibytes()
    plane = Plane([("127.0.0.1", 0)])
    try:
        join_all(plane, slots)
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
        cpu_us_a_packet=cpu / packets * 1e6,
        packets_a_second=packets / elapsed,
        worker_load=cpu / elapsed,
        lost=1 - result["received"] / (result["sent"] * slots),
        mebibytes_added=added,
        decrypted=result["decrypted"],
        undecryptable=result["undecryptable"],
    )


def join_all(plane: Plane, slots: int) -> None:
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
    plane.add_source(
        SOURCE, transport=PUBLISHER, mid="0", kind="video", codecs=[VP8], announced=[(SOURCE_SSRC, None)]
    )
    for slot in range(1, slots + 1):
        plane.add_slot(
            slot, transport=slot, mid="0", kind="video", codecs=[VP8],
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
    """Until every slot has sent a second of media, or so."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        snapshot = plane.snapshot()
        flowing = sum(slot.packets > 200 for slot in snapshot.slots)
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
    lines = ["slots  pattern  CPU µs/packet  packets/s  worker    lost    MiB"]
    lines += [
        f"{cost.slots:5}  {cost.pattern:8} {cost.cpu_us_a_packet:13.2f} {cost.packets_a_second:10.0f}"
        f" {cost.worker_load:7.1%} {cost.lost:7.2%} {cost.mebibytes_added:6.1f}"
        for cost in costs
    ]
    peers = ", ".join(f"{name} {cost}" for name, cost in PEERS.items())
    return "\n".join([*lines, f"others at 100, spread: {peers} (their servers whole, clients with feedback)"])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slots", type=int, nargs="+", default=SLOTS)
    parser.add_argument("--pattern", choices=PATTERNS, nargs="+", default=PATTERNS)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--runs", type=int, default=1, help="the median run is printed")
    options = parser.parse_args()
    load = build_load()
    costs = []
    for slots in options.slots:
        for pattern in options.pattern:
            runs = [measure(load, slots, pattern, options.seconds) for _ in range(options.runs)]
            costs.append(sorted(runs, key=lambda cost: cost.cpu_us_a_packet)[len(runs) // 2])
            sys.stderr.write(f"{table(costs[-1:]).splitlines()[1]}\n")
    print(table(costs))
    spread = [cost.cpu_us_a_packet for cost in costs if cost.pattern == "spread"]
    if spread:
        print(f"median, spread: {statistics.median(spread):.2f} µs")


if __name__ == "__main__":
    main()
