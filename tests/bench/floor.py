"""How far the packet path is from what no forwarder here can go below.

    python -m tests.bench.floor [--slots 10 100 1000] [--seconds 3] [--runs 1]

The floor is the CPU of protecting each packet for each subscriber and handing it to the kernel in the best way it
has: a frame in one run (UDP_SEGMENT), many in a call (`sfu/packets/io/examples/floor.rs`). The whole is the packet
worker's CPU (`tests/bench/forwarding.py`): NACK store, statistics and rewriting included, receivers' feedback not.
Both in the same run, a packet, on the same kind of sink.
"""

import argparse
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.bench.forwarding import Pattern, build_example, measure

SLOTS = (10, 50, 100, 200, 500, 1000)
PATTERNS: tuple[Pattern, ...] = ("bursts", "spread")


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


def measure_floor(program: Path, slots: int, seconds: float) -> Floor:
    command = [str(program), str(slots), str(max(1, round(seconds)))]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    result = json.loads(ran.stdout)
    return Floor(*(result[way] / 1000 for way in ("protect", "send", "sendmmsg", "segmented")))


HEAD = (
    "                floor, µs a packet                      whole       ratio to the best\n"
    "slots  protect   + send  + sendmmsg  + runs     bursts  spread     bursts  spread      lost"
)


def row(floor: Floor, load: Path, slots: int, seconds: float) -> str:
    bursts, spread = (measure(load, slots, pattern, seconds) for pattern in PATTERNS)
    return (
        f"{slots:5} {floor.protect:8.2f} {floor.send:8.2f} {floor.sendmmsg:11.2f} {floor.segmented:7.2f}"
        f" {bursts.cpu_us_a_packet:10.2f} {spread.cpu_us_a_packet:7.2f}"
        f" {bursts.cpu_us_a_packet / floor.best:10.2f} {spread.cpu_us_a_packet / floor.best:7.2f}"
        f" {max(bursts.lost, spread.lost):9.2%}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slots", type=int, nargs="+", default=SLOTS)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    load, floor = build_example("load"), build_example("floor")
    print(HEAD)
    for slots in options.slots:
        measured = measure_floor(floor, slots, options.seconds / 3)
        print(row(measured, load, slots, options.seconds), flush=True)


if __name__ == "__main__":
    main()
