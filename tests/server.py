"""A real server as a child process, for tests that come through its doors.

    async with running_server("--auth-mode", "token") as server:
        ... server.url, server.media_port, server.pid, server.websocket_url, server.errors()

It listens on free ports of the loopback interface, keeps its data in a directory of its own, and is gone
afterwards, whatever the test did. Its log is in `server.log`, printed by pytest if the test fails.
"""

import asyncio
import contextlib
import re
import signal
import socket
import ssl
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.waiting import within

READY_S = 60.0
STOP_S = 40.0


@dataclass
class RunningServer:
    url: str
    """With a slash at its end: `http://127.0.0.1:41231/`."""
    media_port: int
    data_dir: Path
    process: asyncio.subprocess.Process
    log: list[str] = field(default_factory=list)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def websocket_url(self) -> str:
        return re.sub("^http", "ws", self.url) + "ws"

    @property
    def client_tls(self) -> ssl.SSLContext:
        """Trusts the server's self-signed certificate, and no other."""
        return ssl.create_default_context(cafile=self.data_dir / "https-certificate.pem")

    @property
    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024

    def errors(self) -> list[str]:
        """Lines of the log that tell of something broken in the server (not of bad input)."""
        return [
            line for line in self.log if re.search(r"^\S+Z (error|critical) ", line) or "Traceback" in line
        ]

    async def token(self, room: str, role: str, *more: str) -> str:
        """As `sfu token` prints it."""
        command = ("token", "--room", room, "--role", role, "--data-dir", str(self.data_dir), *more)
        process = await asyncio.create_subprocess_exec(*sfu(*command), stdout=asyncio.subprocess.PIPE)
        output, _ = await process.communicate()
        assert process.returncode == 0
        return output.decode().strip()

    async def stop(self) -> int:
        """SIGTERM, and a second one if calls are going on; the exit code."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        for attempt in (signal.SIGTERM, signal.SIGKILL):
            try:
                return await asyncio.wait_for(self.process.wait(), STOP_S / 2)
            except TimeoutError:
                self.process.send_signal(attempt)
        return await self.process.wait()


def sfu(*arguments: str) -> tuple[str, ...]:
    """The command as this environment has it."""
    return (sys.executable, "-m", "sfu", *arguments)


@contextlib.asynccontextmanager
async def running_server(
    *options: str, tls: str = "off", host: str = "127.0.0.1", data_dir: Path | None = None
) -> AsyncIterator[RunningServer]:
    """`sfu serve` with `options`; the media port is chosen here, because the Ready line does not tell it."""
    with tempfile.TemporaryDirectory(prefix="sfu-test-") as directory:
        data_dir = data_dir or Path(directory)
        media_port = free_udp_port()
        process = await asyncio.create_subprocess_exec(
            *sfu("serve", "--host", host, "--port", "0", "--media-port", str(media_port)),
            *("--tls", tls, "--data-dir", str(data_dir), "--drain-timeout", "0", *options),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        server = RunningServer("", media_port, data_dir, process)
        reading = asyncio.create_task(_read_log(process, server.log))
        try:
            server.url = await _ready(process, server.log)
            yield server
        finally:
            await server.stop()
            await reading
            print("".join(server.log), file=sys.stderr)


async def _ready(process: asyncio.subprocess.Process, log: list[str]) -> str:
    async with within(lambda: f"the Ready line; the log: {''.join(log)}", READY_S):
        line = (await process.stdout.readline()).decode()
    match = re.fullmatch(r"Ready: (https?://\S+/)\n", line)
    assert match, f"no Ready line but {line!r}\n{''.join(log)}"
    return match.group(1)


async def _read_log(process: asyncio.subprocess.Process, log: list[str]) -> None:
    async for line in process.stderr:
        log.append(line.decode(errors="replace"))


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("0.0.0.0", 0))
        return probe.getsockname()[1]
