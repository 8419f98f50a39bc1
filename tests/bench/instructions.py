"""How many instructions the packet path runs for each forwarded packet: a regression check that no noise blurs.

    python -m tests.bench.instructions [--write]

Runs `sfu/packets/proto/examples/forward.rs` under callgrind with two numbers of frames; the difference is what the
frames cost, and setting up cancels out. Cryptography is left out: it is another project's, and callgrind's machine
lacks the instructions that it runs on. Compares with the committed baseline, exits with 1 where more than 2 % were
added, and writes a new baseline with `--write`. Counts belong to one compiler: with another the comparison is not
made, and the words say so.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

MANIFEST = Path(__file__).parents[2] / "sfu" / "packets" / "Cargo.toml"
BASELINE = Path(__file__).with_name("instructions.json")
SLOTS = (1, 10, 100)
FRAMES = (30, 90)
PACKETS_A_FRAME = 9
TOLERANCE = 0.02
POSITIONS = tuple("0123456789+-*")
LEFT_OUT = re.compile(
    r"aws_lc|aesni|gcm_|ghash|sha1|sha256|CRYPTO_|EVP_|AES_|OPENSSL_|aead_"
    r"|\bforward::(main|measure|encode|cpu_time)"  # the program around the packet path
)


def compiler() -> str:
    ran = subprocess.run(["rustc", "--version"], check=True, stdout=subprocess.PIPE, text=True)
    return ran.stdout.split()[1]


def build() -> Path:
    built = subprocess.run(
        [
            "cargo", "build", "--release", "--quiet", "--manifest-path", str(MANIFEST), "--config",
            "profile.release.strip=false",  # callgrind needs names to tell cryptography from the rest
            "--package", "sfu-proto", "--example", "forward", "--message-format", "json",
        ],
        check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    artifacts = (json.loads(line) for line in built.stdout.splitlines())
    return Path(next(each["executable"] for each in artifacts if each.get("executable")))


def instructions(program: Path, slots: int, frames: int) -> int:
    """Of all functions but cryptography's."""
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(
            [
                "valgrind", "--tool=callgrind", f"--callgrind-out-file={out.name}", "--compress-strings=no",
                "--compress-pos=no", str(program), str(slots), str(frames),
            ],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        return self_cost(Path(out.name).read_text())


def self_cost(profile: str) -> int:
    """Callgrind's format: `fn=` opens a function, `calls=` precedes one line of what the callee cost."""
    total, is_counted, is_callee = 0, True, False
    for line in profile.splitlines():
        if line.startswith("fn="):
            is_counted = not LEFT_OUT.search(line)
        elif line.startswith("calls="):
            is_callee = True
        elif line.startswith(POSITIONS):
            _, *costs = line.split()  # a cost of nothing is left out
            if is_counted and not is_callee and costs:
                total += int(costs[0])
            is_callee = False
    return total


def measure() -> dict[str, float]:
    program = build()
    few, many = FRAMES
    counts = {}
    for slots in SLOTS:
        difference = instructions(program, slots, many) - instructions(program, slots, few)
        counts[str(slots)] = round(difference / ((many - few) * PACKETS_A_FRAME * slots), 1)
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("valgrind is not there (Debian: apt-get install valgrind): nothing is compared")
        return 0
    counts, version = measure(), compiler()
    if options.write:
        BASELINE.write_text(json.dumps({"rustc": version, "instructions_a_packet": counts}, indent=2) + "\n")
    baseline = json.loads(BASELINE.read_text())
    return compare(counts, version, baseline)


def compare(counts: dict[str, float], version: str, baseline: dict[str, object]) -> int:
    known = baseline["instructions_a_packet"]
    assert isinstance(known, dict)
    print("slots  instructions a packet  baseline  change")
    worst = 0.0
    for slots, count in counts.items():
        change = count / known[slots] - 1
        worst = max(worst, change)
        print(f"{slots:>5} {count:22.1f} {known[slots]:9.1f} {change:+7.1%}")
    if version != baseline["rustc"]:
        print(f"the baseline is of rustc {baseline['rustc']}, this is {version}: no verdict")
        return 0
    return int(worst > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
