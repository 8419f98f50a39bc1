"""What more workers forward: one publisher sends more than can be forwarded to sinks that drop.

As `tests.bench.forwarding`, with a flood in place of a camera, and all subscribers but one never read from: their
sockets are full soon, and the kernel drops what comes. So the workers alone are measured, beside a publisher
that costs some percent of a core. Two figures: packets a second (what this machine's cores could do in that
time), and packets a CPU-second of the busiest worker (what they could do if nothing else ran: the others wait
for that one).
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sfu._packets import Plane, Snapshot
from tests.bench.forwarding import build_load, join_all, running_load, slot_packets, wait_until_all_flow

SLOTS = 200


@dataclass(frozen=True, slots=True)
class Throughput:
    workers: int
    packets_a_second: float
    packets_a_cpu_second: float
    loads: Sequence[float]
    """Of each worker, the share of the time for which it ran."""
    drops: dict[str, int]


def measure(load: Path, slots: int, workers: int, seconds: float) -> Throughput:
    plane = Plane([("127.0.0.1", 0)], workers=workers, publisher_bitrate_bps=10**9)
    try:
        join_all(plane, slots, "video")
        with running_load(load, plane, slots, "flood") as (_, stdin, _stdout):
            stdin.write("go\n")
            stdin.flush()
            wait_until_all_flow(plane, slots)
            start, started_at = plane.snapshot(timeout_s=10), time.monotonic()
            time.sleep(seconds)
            end, elapsed = plane.snapshot(timeout_s=10), time.monotonic() - started_at
    finally:
        plane.close()
    packets = slot_packets(end) - slot_packets(start)
    cpu_s = [after - before for before, after in zip(start.workers_cpu_s, end.workers_cpu_s, strict=True)]
    return Throughput(
        workers=workers,
        packets_a_second=packets / elapsed,
        packets_a_cpu_second=packets / max(cpu_s),
        loads=[each / elapsed for each in cpu_s],
        drops=_dropped(start, end),
    )


def _dropped(start: Snapshot, end: Snapshot) -> dict[str, int]:
    return {
        reason: count - start.drops[reason]
        for reason, count in end.drops.items()
        if count != start.drops[reason]
    }


def line(result: Throughput, one: Throughput) -> str:
    loads = " ".join(f"{load:.0%}" for load in result.loads)
    return (
        f"{result.workers:7} {result.packets_a_second:10.0f} {result.packets_a_second / one.packets_a_second:6.2f} x"
        f" {result.packets_a_cpu_second:13.0f} {result.packets_a_cpu_second / one.packets_a_cpu_second:6.2f} x"
        f"   {loads}   {result.drops}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--slots", type=int, default=SLOTS)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--runs", type=int, default=3, help="the median run is printed")
    options = parser.parse_args()
    load = build_load()
    results = []
    for workers in options.workers:
        runs = [measure(load, options.slots, workers, options.seconds) for _ in range(options.runs)]
        results.append(sorted(runs, key=lambda run: run.packets_a_cpu_second)[len(runs) // 2])
    sys.stdout.write("workers  packets/s           per CPU-second of the busiest   loads, drops\n")
    for result in results:
        sys.stdout.write(f"{line(result, results[0])}\n")


if __name__ == "__main__":
    main()
