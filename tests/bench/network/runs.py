"""One run: a server, a publisher beside it and subscribers behind the link, each in a process of its own."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from loadtest.network import Network, Side, wait_for_line
from tests.bench.network.case import Case
from tests.bench.network.cases import CASES
from tests.bench.network.rows import Run, read_packets, split_played

READY_S = 60.0
HTTP_PORT = 8080
DOWNLOAD_PORT = 8090
ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def serving(network: Network, directory: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "sfu", "serve", "--host", "0.0.0.0", "--port", str(HTTP_PORT)]
    # Browsers give their devices to pages by TLS only.
    options = ["--media-port", "8443", "--tls", "auto", "--drain-timeout", "0", "--data-dir", str(directory)]
    log = (directory / "server.log").open("wb")
    server = network.start("server", [*command, *options], stdout=subprocess.PIPE, stderr=log, cwd=ROOT)
    if not wait_for_line(server, b"Ready", READY_S):
        raise RuntimeError(f"the server does not start: {(directory / 'server.log').read_text()}")
    yield f"https://{network.server_address}:{HTTP_PORT}"
    log.close()


class Peers:
    """Those of one side; see `peer`."""

    def __init__(
        self, network: Network, side: Side, kind: str, *options: str, through: Sequence[str] = ()
    ) -> None:
        """`through`: a command that runs theirs."""
        self._process = network.start(
            side,
            [*through, sys.executable, "-m", f"tests.bench.network.{kind}", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        self._lines = iter(self._process.stdout)
        if b"Ready" not in next(self._lines, b""):
            raise RuntimeError("the peers did not get in")

    def tell(self) -> list[dict]:
        """What could be played since the last time."""
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        return json.loads(next(self._lines))

    def finish(self) -> list[dict]:
        self._process.stdin.close()
        return json.loads(next(self._lines))


def run_named(name: str, camera: str, peers: str, keep: Path | None, seed: int) -> dict[str, float]:
    """In whatever process: a name goes where what a case measures by cannot."""
    return run_case(CASES[name], seed, camera, peers, keep)


def run_case(case: Case, seed: int, camera: str, peers: str, keep: Path | None) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="sfu-bench-") as name:
        directory = Path(name)
        run = play(case, seed, camera, case.peers or peers, directory)
        if keep is not None:
            keep_run(keep, f"{case.name}-{seed}", directory, run)
    if run.own_losses:
        print(f"the emulator lost {run.own_losses} packets of its own: this run counts for nothing")
    figures = case.measure(case, run, camera)
    concealed = concealed_percent(run.told[0].get("sound", ()))
    if concealed is not None:
        for name in [name for name in figures if name.startswith("audio")]:
            figures[name] = 100 - concealed if "playable %" in name and "un" not in name else concealed
    return figures


def play(case: Case, seed: int, camera: str, peers: str, directory: Path) -> Run:
    rows = directory / "rows.csv"
    with Network(case.first(), seed=seed, csv=rows) as network, serving(network, directory) as url:
        if case.further_ms:
            # Those with a way of their own behind the link are reached through its end.
            forwards = network.start("client", ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])
            forwards.wait()
        publishing = ["--camera", camera, *([] if case.has_video else ["--no-video"])]
        if peers == "browser":
            publishing += ["--cores", str(case.cores)]
        before, behind = ("server", "client") if case.direction == "down" else ("client", "server")
        Peers(network, before, peers, "publish", url, *publishing)
        if case.is_held:
            Peers(network, "server", "peer", "hold", url)
        watching = [watcher(case, network, behind, peers, url, 0)]
        observing = Peers(network, "server", "observe", url)
        zero_s = time.monotonic()
        network.change(case.spec())
        for at, begin in sorted(later(case, network, peers, url, watching), key=lambda one: one[0]):
            time.sleep(max(0.0, zero_s + at - time.monotonic()))
            begin()
        time.sleep(max(0.0, zero_s + case.lasts_s - time.monotonic()))
        told = [one for peer in watching for one in peer.finish()]
        observed = observing.finish()
    run = Run(
        read_packets(rows, zero_s - network.started_at_s, case.direction),
        told=told,
        own_losses=network.own_losses,
        observed=[(at - zero_s, by_name) for at, by_name in observed],
    )
    for one in told:
        frames, sound = split_played(one.pop("played"), zero_s)
        run.frames.append(frames)
        run.sound.append(sound)
        one["views"] = [(at - zero_s, height) for at, height in one.get("views", ())]
    return run


def keep_run(keep: Path, name: str, directory: Path, run: Run) -> None:
    keep.mkdir(parents=True, exist_ok=True)
    shutil.copy(directory / "rows.csv", keep / f"{name}.csv")
    shutil.copy(directory / "server.log", keep / f"{name}.log")
    (keep / f"{name}-observed.json").write_text(json.dumps(run.observed))
    (keep / f"{name}-told.json").write_text(json.dumps(run.told))
    frames = [[frame.at_s, frame.sent_s, frame.layer] for frame in run.frames[0]]
    (keep / f"{name}-frames.json").write_text(json.dumps(frames))


def watcher(case: Case, network: Network, side: Side, peers: str, url: str, place: int) -> Peers:
    options = ["--name", f"Viewer {place}"]
    if case.turns_s is not None:
        options += ["--turns", str(case.turns_s)]
    further_ms = case.further_ms[place] if case.further_ms else 0
    way = [sys.executable, "-m", "loadtest.cli", "--network", f"delay={further_ms:g}", "--"]
    return Peers(network, side, peers, "watch", url, *options, through=way if further_ms else ())


def later(
    case: Case, network: Network, peers: str, url: str, watching: list[Peers]
) -> Iterator[tuple[float, Callable[[], object]]]:
    """Who comes while the case runs, and when."""
    for place, at in enumerate(case.starts_s[1:], start=1):
        yield (
            at,
            lambda place=place: watching.append(watcher(case, network, "client", peers, url, place)),
        )
    if case.tcp_s is not None:
        since, until = case.tcp_s
        address = f"{network.server_address}:{DOWNLOAD_PORT}"
        bulk = [sys.executable, "-m", "tests.bench.network.download"]
        yield 0, lambda: network.start("server", [*bulk, "serve", f":{DOWNLOAD_PORT}"], cwd=ROOT)
        yield since, lambda: network.start("client", [*bulk, "fetch", address, str(until - since)], cwd=ROOT)


def concealed_percent(sound: Sequence[Sequence[float]]) -> float | None:
    """Of what a browser played, by its own count."""
    if len(sound) < 2:
        return None
    (_, concealed, _), (_, concealed_then, played) = sound[0], sound[-1]
    return 100 * (concealed_then - concealed) / max(1.0, played - sound[0][2])
