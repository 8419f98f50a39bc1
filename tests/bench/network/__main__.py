"""What subscribers get over bad links: `make bench-network CASE=step_down SEEDS=1`.

For each case and seed a server, a publisher beside it and a subscriber behind an emulated link, each in a process of
its own; then figures from the link's rows and from what the subscriber could play. Printed: median and worst over the
seeds, and the goals, MISSED where the worst is beyond. Runs may go side by side, those of other cases as well, as far
as the machine has time for all; each has a link of its own. Asserts nothing. Needs root, or a user namespace of its own.
"""

import argparse
import multiprocessing
import statistics
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from tests.bench.network.cameras import CAMERAS
from tests.bench.network.case import Case
from tests.bench.network.cases import CASES
from tests.bench.network.runs import run_named


def tell(case: Case, runs: list[dict[str, float]]) -> None:
    print(f"\n{case.title} ({case.name}, {len(runs)} seeds)")
    print(f"  {'':38}{'median':>10}{'worst':>10}   goal")
    for name in sorted(runs[0], key=lambda name: name not in case.goals):
        values = [run[name] for run in runs]
        goal = case.goals.get(name)
        worst = min(values) if goal is not None and goal.least is not None else max(values)
        verdict = "" if goal is None else f"   {goal}  {'met' if goal.is_met(worst) else 'MISSED'}"
        print(f"  {name:38}{statistics.median(values):10.2f}{worst:10.2f}{verdict}")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="make bench-network", description="What subscribers get over bad links."
    )
    parser.add_argument("--case", action="append", choices=CASES, help="one or more (default: all)")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--at-once", type=int, default=1, help="runs side by side")
    parser.add_argument("--camera", choices=CAMERAS, default="three")
    parser.add_argument(
        "--peers", choices=("peer", "browser"), default="peer", help="light ones, or Chromium at both ends"
    )
    parser.add_argument("--keep", type=Path, help="a folder for the link's rows and the server's log")
    options = parser.parse_args()
    seeds = range(1, options.seeds + 1)
    # Spawned: what forked workers held of each other's namespaces would keep those from going.
    with ProcessPoolExecutor(options.at_once, multiprocessing.get_context("spawn")) as workers:
        started = {
            name: workers.map(partial(run_named, name, options.camera, options.peers, options.keep), seeds)
            for name in options.case or CASES
        }
        try:
            for name, runs in started.items():
                tell(CASES[name], list(runs))
        except BaseException:
            workers.shutdown(cancel_futures=True)
            raise


if __name__ == "__main__":
    main()
