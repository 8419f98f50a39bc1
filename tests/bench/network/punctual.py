"""How punctual the emulator is: `make bench-link`.

100 Mbit/s of UDP go through a link of 50 ms. The sender stamps each packet just before it sends it, the kernel tells
the receiver when it came: what is above 50 ms is the error of all between, the sending itself included.
"""

import argparse
import socket
import struct
import subprocess
import sys
import threading
import time

from loadtest.network import Network
from tests.bench.network.runs import ROOT

DELAY_MS = 50
SIZE, RATE_BPS, SECONDS = 1200, 100e6, 5.0
STAMP = struct.Struct("!qI")
SO_TIMESTAMPNS = 35
PORT = 5004


def send(address: str) -> None:
    packets = int(SECONDS * RATE_BPS / ((SIZE + 28) * 8))
    gap_s = SECONDS / packets
    payload = bytes(SIZE - STAMP.size)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.connect((address, PORT))
        began = time.monotonic()
        for number in range(packets):
            while time.monotonic() < began + number * gap_s:
                pass
            out.send(STAMP.pack(time.time_ns(), number) + payload)
    print(packets)


def receive() -> None:
    errors_us = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as into:
        into.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUFFORCE, 32 << 20)
        into.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        into.bind(("", PORT))
        print("Ready", flush=True)
        threading.Thread(
            target=lambda: (sys.stdin.readline(), into.shutdown(socket.SHUT_RD)), daemon=True
        ).start()
        into.settimeout(30)
        while True:
            data, control, _, _ = into.recvmsg(2000, 64)
            if not data:
                break
            seconds, nanos = struct.unpack("qq", control[0][2])
            sent, _ = STAMP.unpack_from(data)
            errors_us.append((seconds * 10**9 + nanos - sent) / 1000 - DELAY_MS * 1000)
    errors_us.sort()
    at = [errors_us[min(len(errors_us) - 1, int(share * len(errors_us)))] for share in (0.5, 0.99, 0.999, 1)]
    print(len(errors_us), *at, flush=True)


def measure() -> None:
    with Network(f"delay={DELAY_MS}") as network:
        module = [sys.executable, "-m", "tests.bench.network.punctual"]
        pipes = {"stdout": subprocess.PIPE, "stdin": subprocess.PIPE, "cwd": ROOT}
        receiver = network.start("client", [*module, "receive"], **pipes)
        receiver.stdout.readline()
        sender = network.start("server", [*module, "send", network.client_address], **pipes)
        sent = int(sender.communicate()[0])
        time.sleep(0.5)
        told = receiver.communicate(b"\n")[0].split()
    came, p50, p99, p999, most = int(told[0]), *(float(value) / 1000 for value in told[1:])
    print(f"{RATE_BPS / 1e6:.0f} Mbit/s through {DELAY_MS} ms: {sent} packets, {sent - came} lost")
    print(f"later than {DELAY_MS} ms by: p50 {p50:.3f} ms, p99 {p99:.3f}, p99.9 {p999:.3f}, most {most:.3f}")
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
