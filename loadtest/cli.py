"""`loadtest --network SPEC -- COMMAND …`: runs a command behind a bad link."""

import argparse
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from loadtest.network import Network, end, wait_for_line

READY_S = 60.0
EPILOG = """\
A specification is key=value, parted by commas: delay and jitter in ms, rate in kbit/s, queue in ms of wait,
loss, reorder (percent/ms), duplicate in percent, gilbert=P/R/BAD/GOOD in percent. up: or down: before a key
is for that direction alone, seen from the command. Steps are parted by semicolons and begin with at=SECONDS:

  loadtest --network "delay=50,loss=1,rate=1000" -- ping -c 3 198.18.0.1
  loadtest --network "delay=50,down:rate=2500; at=20,down:rate=600" --network-csv rows.csv \\
      --server "sfu serve --tls off" -- chromium http://198.18.0.1:8443/r/hall

The command finds the server's side at the address in LOADTEST_SERVER (198.18.0.1, if that is free): the
machine itself, or what --server runs. All is told in docs/NETWORK.md.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = _parser()
    options = parser.parse_args(arguments)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        parser.error("which command is to run behind the link? loadtest --network SPEC -- COMMAND …")
    try:
        network = Network(
            options.network,
            seed=options.seed,
            csv=options.network_csv,
            caller_is_server=options.server is None,
        )
    except ValueError as error:
        parser.error(f"--network: {error}")
    except OSError as error:
        sys.exit(f"loadtest: {error}")
    try:
        status = run(network, command, options.server)
    except OSError as error:
        sys.exit(f"loadtest: {error}")
    if network.own_losses:
        print(f"loadtest: {network.own_losses} packets were lost by the emulator itself", file=sys.stderr)
    sys.exit(status)


def run(network: Network, command: Sequence[str], server: str | None) -> int:
    """The command's status, as a shell tells it."""
    told: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        told.append(number)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    try:
        if server is not None and not _serves(network, shlex.split(server)):
            print("loadtest: the server did not say that it is ready", file=sys.stderr)
            return 1
        environment = os.environ | {"LOADTEST_SERVER": network.server_address}
        process = network.start("client", command, env=environment)
        status = process.wait()
        return status if status >= 0 else 128 - status
    except KeyboardInterrupt:
        return 128 + (told or [signal.SIGINT])[0]
    finally:
        # No second one while the commands are told to end.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        network.close()


def _serves(network: Network, command: Sequence[str]) -> bool:
    process = network.start("server", command, stdout=subprocess.PIPE)
    if wait_for_line(process, b"Ready", READY_S):
        return True
    end(process)
    return False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="loadtest",
        description="Runs a command behind an emulated network link.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--network", metavar="SPEC", required=True, help="what the link is like")
    parser.add_argument(
        "--network-csv", metavar="FILE", type=Path, help="a row for each packet: when, how large, its fate"
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="chance is the same for the same seed (default 1)"
    )
    parser.add_argument(
        "--server",
        metavar="COMMAND",
        help="runs on the link's other side; awaited until it says Ready",
    )
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND …")
    return parser


if __name__ == "__main__":
    main()
