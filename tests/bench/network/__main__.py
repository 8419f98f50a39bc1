"""What subscribers get over bad links: `make bench-network CASE=step_down SEEDS=1`.

For each case and seed a server, a publisher beside it and a subscriber behind an emulated link, each in a process of
its own; then figures from the link's rows and from what the subscriber could play. Printed: median and worst over the
seeds, and the goals. Asserts nothing. Needs root, or a user namespace of its own.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from loadtest.network import Network, Side, wait_for_line
from tests.bench.network.cameras import CAMERAS
from tests.bench.network.cases import CASES, Case
from tests.bench.network.rows import Run, read_down, split_played

READY_S = 60.0
HTTP_PORT = 8080
ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def serving(network: Network, directory: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "sfu", "serve", "--host", "0.0.0.0", "--port", str(HTTP_PORT)]
    # Browsers give their devices to pages by TLS only.
    options = ["--media-port", "8443", "--tls", "auto", "--drain-timeout", "0", "--data-dir", str(directory)]
    log = (directory / "server.log").open("wb")
    server = network.start("server", [*command, *options], stdout=subprocess.PIPE, stderr=log, cwd=ROOT)
    if not wait_for_line(server, b"Ready", READY_S):
        sys.exit(f"the server does not start: {(directory / 'server.log').read_text()}")
    yield f"https://{network.server_address}:{HTTP_PORT}"
    log.close()


class Peers:
    """Those of one side; see `peer`."""

    def __init__(self, network: Network, side: Side, kind: str, *options: str) -> None:
        self._process = network.start(
            side,
            [sys.executable, "-m", f"tests.bench.network.{kind}", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        self._lines = iter(self._process.stdout)
        if b"Ready" not in next(self._lines, b""):
            sys.exit("the peers did not get in")

    def finish(self) -> list[dict]:
        self._process.stdin.close()
        return json.loads(next(self._lines))


def run_case(case: Case, seed: int, camera: str, peers: str, keep: Path | None) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="sfu-bench-") as name:
        directory = Path(name)
        rows = directory / "rows.csv"
        with Network(case.first(), seed=seed, csv=rows) as network, serving(network, directory) as url:
            publishing = ["--camera", camera, *([] if case.has_video else ["--no-video"])]
            Peers(network, "server", peers, "publish", url, *publishing)
            watching = Peers(network, "client", peers, "watch", url)
            zero_s = time.monotonic()
            network.change(case.spec())
            time.sleep(case.lasts_s)
            told = watching.finish()
        run = Run(read_down(rows, zero_s - network.started_at_s), told=told, own_losses=network.own_losses)
        for one in told:
            frames, sound = split_played(one.pop("played"), zero_s)
            run.frames.append(frames)
            run.sound.append(sound)
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            shutil.copy(rows, keep / f"{case.name}-{seed}.csv")
            shutil.copy(directory / "server.log", keep / f"{case.name}-{seed}.log")
    if run.own_losses:
        print(f"the emulator lost {run.own_losses} packets of its own: this run counts for nothing")
    figures = case.measure(case, run, camera)
    concealed = concealed_percent(told[0].get("sound", ()))
    if concealed is not None:
        for name in [name for name in figures if name.startswith("audio")]:
            figures[name] = 100 - concealed if "playable %" in name and "un" not in name else concealed
    return figures


def concealed_percent(sound: Sequence[Sequence[float]]) -> float | None:
    """Of what a browser played, by its own count."""
    if len(sound) < 2:
        return None
    (_, concealed, _), (_, concealed_then, played) = sound[0], sound[-1]
    return 100 * (concealed_then - concealed) / max(1.0, played - sound[0][2])


def tell(case: Case, runs: list[dict[str, float]]) -> None:
    print(f"\n{case.title} ({case.name}, {len(runs)} seeds)")
    print(f"  {'':38}{'median':>10}{'worst':>10}   goal")
    for name in sorted(runs[0], key=lambda name: name not in case.goals):
        values = [run[name] for run in runs]
        goal = case.goals.get(name)
        worst = min(values) if goal is not None and goal.least is not None else max(values)
        verdict = "" if goal is None else f"   {goal}  {'met' if goal.is_met(worst) else 'NOT MET'}"
        print(f"  {name:38}{statistics.median(values):10.2f}{worst:10.2f}{verdict}")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="make bench-network", description="What subscribers get over bad links."
    )
    parser.add_argument("--case", action="append", choices=CASES, help="one or more (default: all)")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--camera", choices=CAMERAS, default="three")
    parser.add_argument(
        "--peers", choices=("peer", "browser"), default="peer", help="light ones, or Chromium at both ends"
    )
    parser.add_argument("--keep", type=Path, help="a folder for the link's rows and the server's log")
    options = parser.parse_args()
    for name in options.case or CASES:
        case = CASES[name]
        tell(
            case,
            [
                run_case(case, seed, options.camera, options.peers, options.keep)
                for seed in range(1, options.seeds + 1)
            ],
        )


if __name__ == "__main__":
    main()
