"""An emulated link with a side before it and a side behind it, and the commands that run there.

    with Network("delay=50,rate=1000", csv="rows.csv") as network:
        server = network.start("server", ["sfu", "serve"])
        network.start("client", ["chromium", f"https://{network.server_address}:8443/"])
        network.change("delay=50,rate=300")

The link itself is the emulator's, in Rust; what a specification may say is in `docs/NETWORK.md`. Namespaces,
devices and commands are gone when it is closed, and when this process ends otherwise.
"""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from loadtest._native import Emulation

Side = Literal["client", "server"]
GOODBYE_S = 10.0
"""What a command has to end in, once it is told to."""


class Network:
    def __init__(
        self, spec: str, *, seed: int = 1, csv: Path | str | None = None, caller_is_server: bool = False
    ) -> None:
        """`caller_is_server`: the caller's own namespace is the link's other side.

        Raises ValueError for what cannot be read, PermissionError without the right to make namespaces.
        """
        self._emulation = Emulation(
            spec, seed=seed, csv=None if csv is None else str(csv), caller_is_server=caller_is_server
        )
        self._commands: list[subprocess.Popen[Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def server_address(self) -> str:
        return self._emulation.server_address

    @property
    def client_address(self) -> str:
        return self._emulation.client_address

    @property
    def started_at_s(self) -> float:
        """Rows count from here, on `time.monotonic()`."""
        return self._emulation.started_at_s

    @property
    def own_losses(self) -> int:
        """Packets that were lost to the emulator itself: a measurement with any is none."""
        return self._emulation.own_losses

    def change(self, spec: str) -> None:
        """From now on the link is so; the times of its steps count from now."""
        self._emulation.change(spec)

    def start(self, side: Side, command: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
        """A command on that side, in a process group of its own; `options` as of `Popen`."""
        descriptor = self._emulation.client_fd if side == "client" else self._emulation.server_fd
        within = [sys.executable, "-I", str(Path(__file__).with_name("within.py"))]
        process = subprocess.Popen(  # noqa: S603 - the user's command is what this is for
            [*within, str(descriptor), str(os.getpid()), *command],
            pass_fds=(descriptor, *options.pop("pass_fds", ())),
            start_new_session=True,
            **options,
        )
        self._commands.append(process)
        return process

    def close(self) -> None:
        """Tells the commands to end, last started first; then the link ends."""
        while self._commands:
            end(self._commands.pop())
        self._emulation.close()


def end(process: subprocess.Popen[Any], sign: signal.Signals = signal.SIGTERM) -> None:
    """The command and all of its process group: told first, killed if it stays."""
    with contextlib.suppress(subprocess.TimeoutExpired, ProcessLookupError):
        if process.poll() is None:
            os.killpg(process.pid, sign)
            process.wait(GOODBYE_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for_line(process: subprocess.Popen[bytes], text: bytes, deadline_s: float) -> bool:
    """Whether a line with that text came on its standard output in time; the rest is read and left."""
    answers: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def read() -> None:
        if process.stdout is not None:
            for line in process.stdout:
                if text in line:
                    answers.put(True)
        answers.put(False)

    threading.Thread(target=read, daemon=True).start()
    try:
        return answers.get(timeout=deadline_s)
    except queue.Empty:
        return False
