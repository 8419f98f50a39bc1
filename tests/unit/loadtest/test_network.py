"""`loadtest --network`: a command runs behind the link, and leaves nothing behind."""

import asyncio
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest

from loadtest.network import Network
from tests.waiting import until, within

ECHO = """
import socket
echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
echo.bind(("", 5004))
print("Ready", flush=True)
while True:
    data, sender = echo.recvfrom(2000)
    echo.sendto(data, sender)
"""
ASK = """
import os, socket, time
ask = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
ask.settimeout(60)
asked = time.monotonic()
ask.sendto(b"x" * 100, (os.environ["LOADTEST_SERVER"], 5004))
ask.recv(2000)
print(time.monotonic() - asked)
raise SystemExit(7)
"""
STAYS = "echo $LOADTEST_SERVER $$; exec sleep 1000"


async def loadtest(*arguments: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "loadtest.cli", *arguments, stdout=PIPE, stderr=PIPE
    )


async def test_a_command_runs_behind_the_link(tmp_path: Path) -> None:
    (tmp_path / "echo.py").write_text(ECHO)
    rows = tmp_path / "rows.csv"
    process = await loadtest(
        *("--network", "up:delay=30,down:delay=50", "--network-csv", str(rows)),
        *("--server", f"{sys.executable} {tmp_path / 'echo.py'}", "--", sys.executable, "-c", ASK),
    )
    async with within("the answer"):
        said, errors = await process.communicate()
    assert process.returncode == 7, errors.decode()
    assert float(said) >= 0.08
    told = [line.split(",")[2:5] for line in rows.read_text().splitlines()[1:]]
    assert told == [["up", "128", "delivered"], ["down", "128", "delivered"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--network", "delay=fast", "--", "true"), '"delay=fast": fast is not milliseconds'),
        (("--network", "speed=1", "--", "true"), "there are delay, jitter"),
        (("--network", "delay=1; rate=5", "--", "true"), "begins with at=SECONDS"),
        (("--network", "delay=1"), "which command"),
        (("--network", "delay=1", "--network-csv", "/nowhere/rows.csv", "--", "true"), "/nowhere/rows.csv"),
        (("--network", "delay=1", "--", "/nowhere/command"), "/nowhere/command: No such file"),
    ],
)
async def test_what_is_wrong_is_said(arguments: tuple[str, ...], message: str) -> None:
    process = await loadtest(*arguments)
    async with within("its end"):
        _, errors = await process.communicate()
    assert process.returncode != 0
    assert message in errors.decode()
    assert "Traceback" not in errors.decode()


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_nothing_is_left_behind(sign: signal.Signals) -> None:
    process = await loadtest("--network", "delay=1", "--", "sh", "-c", STAYS)
    async with within("the command"):
        address, pid = (await process.stdout.readline()).split()
    device = f"emulated{address.decode().split('.')[2]}"
    devices = lambda: [name for _, name in socket.if_nameindex()]  # noqa: E731
    assert device in devices()
    process.send_signal(sign)
    async with within("its end"):
        status = await process.wait()
    assert status == (-sign if sign is signal.SIGKILL else 128 + sign)
    await until(lambda: has_ended(int(pid)))
    await until(lambda: device not in devices())


def has_ended(pid: int) -> bool:
    """Or waits to be collected by whoever is in our place."""
    try:
        return " Z " in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:4]
    except OSError:
        return True


def test_a_link_is_closed_with_its_commands() -> None:
    with Network("delay=1") as network:
        command = network.start("client", ["sleep", "1000"])
        network.change("delay=2,loss=10")
        with pytest.raises(ValueError, match="loss"):
            network.change("loss=many")
    assert command.returncode == -signal.SIGTERM
    with pytest.raises(OSError, match="ended"):
        network.change("delay=1")
