"""What forwarding costs beside what no forwarder here can go below, and where it goes.

    python -m tests.bench.floor [--slots 10 100 1000] [--pattern bursts mesh] [--seconds 2] [--no-stages]

The floor is the CPU of protecting each packet for each subscriber and handing it to the kernel in the best way it
has: a frame in one run (UDP_SEGMENT), or many packets in a call (`sfu/packets/io/examples/floor.rs`). The whole is the
packet worker's CPU (`tests/bench/forwarding.py`): NACK store, statistics and rewriting included, receivers' feedback
not. Both in the same run, a packet, on the same kind of sink.

The stages are told by a second build of the packet path, which reads a clock wherever it goes over from one stage to
the next; `clocks` is what that adds to the whole. `wait` is going to sleep and waking up; `receive` the system call
and parsing; `plan` holding, numbering and choosing runs; `rewrite` writing the packet's bytes; `rest` timers and
reports.
"""

import argparse
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.forwarding import PATTERNS, PEOPLE, Cost, Pattern, build_example, build_staged, measure

SLOTS = (10, 50, 100, 200, 500, 1000)
STAGES = ("wait", "receive", "unprotect", "plan", "rewrite", "protect", "send", "rest")


@dataclass(frozen=True, slots=True)
class Shape:
    """What one subscriber is sent, as `load` publishes it."""

    packets: int
    payload: int
    frames_a_second: int


@dataclass(frozen=True, slots=True)
class Floor:
    """CPU µs a packet of protecting it, and of protecting and sending it in each way."""

    protect: float
    send: float
    sendmmsg: float
    segmented: float

    @property
    def best(self) -> float:
        return min(self.send, self.sendmmsg, self.segmented)


def shape_of(pattern: Pattern, slots: int) -> tuple[Shape, int]:
    """And how many subscribers a frame goes to."""
    match pattern:
        case "audio":
            return Shape(packets=1, payload=120, frames_a_second=50), slots
        case "mesh" | "voices":
            # A packet of sound or of a small picture, at the pace at which they come from all.
            return Shape(packets=1, payload=400, frames_a_second=80 * slots), slots - 1
        case _:
            return Shape(packets=9, payload=1133, frames_a_second=30), slots


def measure_floor(program: Path, shape: Shape, subscribers: int, seconds: float) -> Floor:
    numbers = (subscribers, max(1, round(seconds)), shape.packets, shape.payload, shape.frames_a_second)
    command = [str(program), *(str(number) for number in numbers)]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    result = json.loads(ran.stdout)
    return Floor(*(result[way] / 1000 for way in ("protect", "send", "sendmmsg", "segmented")))


HEAD = (
    "                floor, µs a packet                 whole        "
    "  of which, ns a packet\n"
    "slots pattern protect +send +sendmmsg  +runs        µs  ratio   "
    + " ".join(f"{stage:>9}" for stage in STAGES)
    + "  clocks   lost  delay ms p50/p99"
)


def row(floor: Floor, cost: Cost, staged: Cost | None) -> str:
    line = (
        f"{cost.slots:5} {cost.pattern:7} {floor.protect:7.2f} {floor.send:5.2f} {floor.sendmmsg:9.2f}"
        f" {floor.segmented:6.2f} {cost.cpu_us_a_packet:9.2f} {cost.cpu_us_a_packet / floor.best:6.2f}   "
    )
    if staged is not None:
        line += " ".join(f"{staged.stages_us[stage] * 1000:9.0f}" for stage in STAGES)
        line += f" {staged.cpu_us_a_packet / cost.cpu_us_a_packet - 1:+7.1%}"
    median, most, _ = cost.audio_us if cost.pattern in ("audio", "voices") else cost.completion_us
    return f"{line} {cost.lost:6.2%}  {median / 1000:.2f}/{most / 1000:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slots", type=int, nargs="+", default=SLOTS)
    parser.add_argument("--people", type=int, nargs="+", default=PEOPLE, help="of the mesh")
    parser.add_argument("--pattern", choices=PATTERNS, nargs="+", default=PATTERNS[:4])
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--no-stages", action="store_true", help="the whole alone")
    options = parser.parse_args()
    load, floor = build_example("load"), build_example("floor")
    staged: Any = None if options.no_stages else build_staged()
    floors: dict[tuple[Shape, int], Floor] = {}
    print(HEAD)
    for pattern in options.pattern:
        for slots in options.people if pattern in ("mesh", "voices") else options.slots:
            key = shape_of(pattern, slots)
            if key not in floors:
                floors[key] = measure_floor(floor, *key, options.seconds / 2)
            cost = measure(load, slots, pattern, options.seconds)
            by_stage = measure(load, slots, pattern, options.seconds, packets=staged) if staged else None
            print(row(floors[key], cost, by_stage), flush=True)


if __name__ == "__main__":
    main()
