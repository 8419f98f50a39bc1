"""How punctual the emulator is: `make bench-link`.

100 Mbit/s of UDP go through a link of 50 ms. The sender stamps each packet just before it sends it, the kernel tells
the receiver when it came: what is above 50 ms is the error of all between, a sender that was stopped before it sent
included. The link's rows tell its own part.
"""

import argparse
import csv
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from loadtest.network import Network
from tests.bench.network.runs import ROOT

DELAY_MS = 50
SIZE, RATE_BPS, SECONDS = 1200, 100e6, 5.0
STAMP = struct.Struct("!qI")
SO_TIMESTAMPNS, SO_RCVBUFFORCE = 35, 33
SILENCE_S = 2.0
"""Then all have come."""
PORT = 5004


def send(address: str) -> None:
    packets = int(SECONDS * RATE_BPS / ((SIZE + 28) * 8))
    gap_s = SECONDS / packets
    payload = bytes(SIZE - STAMP.size)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.connect((address, PORT))
        began = time.monotonic()
        for number in range(packets):
            while (ahead_s := began + number * gap_s - time.monotonic()) > 0:
                time.sleep(ahead_s)
            out.send(STAMP.pack(time.time_ns(), number) + payload)
    print(packets)


def receive() -> None:
    errors_us = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as into:
        into.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
        into.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        into.bind(("", PORT))
        print("Ready", flush=True)
        while True:
            try:
                data, control, _, _ = into.recvmsg(2000, 64)
            except TimeoutError:
                break
            into.settimeout(SILENCE_S)
            seconds, nanos = struct.unpack("qq", control[0][2])
            sent, _ = STAMP.unpack_from(data)
            errors_us.append((seconds * 10**9 + nanos - sent) / 1000 - DELAY_MS * 1000)
    print(len(errors_us), *percentiles(errors_us), flush=True)


def percentiles(errors: list[float]) -> list[float]:
    ordered = sorted(errors)
    return [ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in (0.5, 0.99, 0.999, 1)]


def tell(name: str, errors_ms: Sequence[float]) -> None:
    p50, p99, p999, most = errors_ms
    print(f"{name}: p50 {p50:.3f} ms, p99 {p99:.3f}, p99.9 {p999:.3f}, most {most:.3f}")


def own_errors_ms(rows: Path) -> list[float]:
    with rows.open() as file:
        return [
            (float(row["out_s"]) - float(row["in_s"])) * 1000 - DELAY_MS
            for row in csv.DictReader(file)
            if int(row["size"]) == SIZE + 28
        ]


def measure() -> None:
    with tempfile.TemporaryDirectory(prefix="sfu-bench-") as directory:
        measure_into(Path(directory) / "rows.csv")


def measure_into(rows: Path) -> None:
    with Network(f"delay={DELAY_MS}", csv=rows) as network:
        module = [sys.executable, "-m", "tests.bench.network.punctual"]
        pipes = {"stdout": subprocess.PIPE, "stdin": subprocess.PIPE, "cwd": ROOT}
        receiver = network.start("client", [*module, "receive"], **pipes)
        receiver.stdout.readline()
        sender = network.start("server", [*module, "send", network.client_address], **pipes)
        sent = int(sender.communicate()[0])
        told = receiver.communicate()[0].split()
    came = int(told[0])
    print(f"{RATE_BPS / 1e6:.0f} Mbit/s through {DELAY_MS} ms: {sent} packets, {sent - came} lost")
    tell(
        "later than that, from the sender's stamp to the receiver's kernel",
        [float(us) / 1000 for us in told[1:]],
    )
    tell("later than that, from device to device", percentiles(own_errors_ms(rows)))
    print(f"lost by the emulator by its own count: {network.own_losses}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("role", nargs="?", choices=("send", "receive"))
    parser.add_argument("address", nargs="?", default="")
    options = parser.parse_args()
    match options.role:
        case "send":
            send(options.address)
        case "receive":
            receive()
        case _:
            measure()


if __name__ == "__main__":
    main()
