"""How many instructions the packet path runs for each forwarded packet: a regression check that no noise blurs.

    python -m tests.bench.instructions [--write]

Runs `sfu/packets/proto/examples/forward.rs` under callgrind with two numbers of frames; the difference is what the
frames cost, and setting up cancels out. Only the program's own Rust counts. Left out are cryptography, which is
another project's and runs on instructions that callgrind's machine lacks, and the C library, whose `memcpy` is another
one on each kind of processor; so the count belongs to a compiler and to nothing else. It is compared with the committed
baseline: more than 4 % added to any of them ends in 1. `--write` makes a new baseline. With another compiler than the baseline's no comparison
is made, and the words say so.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.bench.forwarding import build_example

BASELINE = Path(__file__).with_name("instructions.json")
SLOTS = (1, 10, 100)
FRAMES = (10, 40)
"""Enough that what happens once in some hundred packets counts with its share."""
PACKETS_A_FRAME = 9
MOST_ADDED = 0.04
POSITIONS = tuple("0123456789+-*")
RUST = re.compile(r"::|^_R|^_ZN")
LEFT_OUT = re.compile(
    r"aws_lc|\bring(::|_core)"
    r"|\bforward::"  # the program around the packet path
)


@dataclass(frozen=True, slots=True)
class Baseline:
    rustc: str
    instructions_a_packet: dict[str, float]

    @classmethod
    def read(cls) -> "Baseline":
        known = json.loads(BASELINE.read_text())
        return cls(known["rustc"], known["instructions_a_packet"])

    def write(self) -> None:
        known = {"rustc": self.rustc, "instructions_a_packet": self.instructions_a_packet}
        BASELINE.write_text(json.dumps(known, indent=2) + "\n")


def compiler() -> str:
    """Its version, and what it compiles for."""
    ran = subprocess.run(["rustc", "-vV"], check=True, stdout=subprocess.PIPE, text=True)
    told = dict(line.split(": ", 1) for line in ran.stdout.splitlines() if ": " in line)
    return f"{told['release']} {told['host']}"


def instructions(program: Path, slots: int, frames: int) -> int:
    """Of all functions that count."""
    with tempfile.NamedTemporaryFile() as out:
        ran = subprocess.run(
            [
                "valgrind", "--tool=callgrind", f"--callgrind-out-file={out.name}", "--compress-strings=no",
                "--compress-pos=no", "--dump-line=no", str(program), str(slots), str(frames),
            ],
            check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        if ran.returncode != 0:
            sys.exit(f"valgrind failed:\n{ran.stderr}")
        profile = Path(out.name).read_text().splitlines()
    return sum(cost for function, cost in self_costs(profile, program) if counts(function))


def counts(function: str) -> bool:
    return bool(RUST.search(function)) and not LEFT_OUT.search(function)


def self_costs(profile: Iterable[str], program: Path) -> Iterator[tuple[str, int]]:
    """What each function of the program's own object has run itself.

    Callgrind's format: `ob=` and `fn=` open an object and a function, `calls=` precedes a line of what a callee cost.
    """
    is_ours, is_callee, function = False, False, ""
    for line in profile:
        if line.startswith("ob="):
            is_ours = Path(line.removeprefix("ob=")).name == program.name
        elif line.startswith("fn="):
            function = line.removeprefix("fn=")
        elif line.startswith("calls="):
            is_callee = True
        elif line.startswith(POSITIONS):
            _, *costs = line.split()  # a cost of nothing is left out
            if is_ours and not is_callee and costs:
                yield function, int(costs[0])
            is_callee = False


def measure(program: Path) -> dict[str, float]:
    """Callgrind takes one core for each run, and time does not matter: they run beside each other."""
    cases = [(slots, frames) for slots in SLOTS for frames in FRAMES]
    with ThreadPoolExecutor(2) as pool:
        totals = dict(zip(cases, pool.map(lambda case: instructions(program, *case), cases), strict=True))
    few, many = FRAMES
    return {
        str(slots): round(
            (totals[slots, many] - totals[slots, few]) / ((many - few) * PACKETS_A_FRAME * slots), 1
        )
        for slots in SLOTS
    }


def compare(measured: Baseline, known: Baseline) -> int:
    """Prints both, and says whether the check fails."""
    print("slots  instructions a packet  baseline  change")
    changes = []
    for slots, count in measured.instructions_a_packet.items():
        before = known.instructions_a_packet[slots]
        changes.append(count / before - 1)
        print(f"{slots:>5} {count:22.1f} {before:9.1f} {changes[-1]:+7.1%}")
    if measured.rustc != known.rustc:
        print(f"the baseline is of rustc {known.rustc}, this is {measured.rustc}: no verdict")
        return 0
    if max(changes) > MOST_ADDED:
        print(
            f"more than {MOST_ADDED:.0%} were added; if they are worth it: make bench-instructions-baseline"
        )
        return 1
    if min(changes) < -MOST_ADDED:
        print(
            "fewer, by so much that the baseline hides the next that are added: make bench-instructions-baseline"
        )
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="the baseline")
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("valgrind is not there (Debian: sudo apt-get install valgrind)", file=sys.stderr)
        return 1
    measured = Baseline(compiler(), measure(build_example("forward", package="sfu-proto")))
    if options.write:
        measured.write()
    return compare(measured, Baseline.read())


if __name__ == "__main__":
    sys.exit(main())
