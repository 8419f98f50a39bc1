"""Datagrams that a stranger can send, and the means to send many of them at a steady rate.

Only to loopback, bounded in time.
"""

import asyncio
import os
import random
import socket
import struct
import time

CLIENT_HELLO = bytes.fromhex(
    "16feff000000000000000000780100006c000000000000006cfefd"
) + bytes(32) + bytes.fromhex("00000004c02bc02f01000040") + bytes(64)  # fmt: skip
FATAL_ALERT = bytes.fromhex("15fefd00000000000000000002022f")  # illegal_parameter
CLOSE_NOTIFY = bytes.fromhex("15fefd0000000000000000000201 00".replace(" ", ""))
FORGED_DTLS = (CLIENT_HELLO, FATAL_ALERT, CLOSE_NOTIFY)


def stun_request(username: str) -> bytes:
    """A Binding request whose MESSAGE-INTEGRITY nobody signed."""
    name = username.encode()
    attributes = struct.pack("!HH", 0x0006, len(name)) + name + bytes(-len(name) % 4)
    attributes += struct.pack("!HH", 0x0008, 20) + os.urandom(20)
    return struct.pack("!HHI", 0x0001, len(attributes), 0x2112A442) + os.urandom(12) + attributes


def junk(generator: random.Random) -> bytes:
    """One datagram of every kind that demultiplexing knows, and of none."""
    body = generator.randbytes(generator.randrange(1, 1200))
    first = generator.choice((0, 1, 20, 22, 64, 128, 144, 200, 255))
    kinds = (
        bytes([first]) + body,
        struct.pack("!BBHII", 0x80, 96, generator.randrange(65536), 0, generator.getrandbits(32)) + body,
        struct.pack("!BBHI", 0x81, 201, 7, generator.getrandbits(32)) + body[:28],
        stun_request("stranger:stranger"),
        CLIENT_HELLO,
        b"",
    )
    return generator.choice(kinds)


async def flood(port: int, *, rate: int, duration_s: float, host: str = "127.0.0.1", seed: int = 1) -> int:
    """Send junk at `rate` datagrams a second from a thread; how many left."""
    return await asyncio.to_thread(send_flood, (host, port), rate, duration_s, seed)


def send_flood(address: tuple[str, int], rate: int, duration_s: float, seed: int) -> int:
    generator = random.Random(seed)
    pool = [junk(generator) for _ in range(512)]
    sent, started = 0, time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.setblocking(False)
        while (elapsed := time.monotonic() - started) < duration_s:
            for _ in range(max(0, min(int(elapsed * rate) - sent, rate))):
                try:
                    stranger.sendto(pool[sent % len(pool)], address)
                except OSError:
                    pass  # our own socket is full: the next round goes on
                sent += 1
            time.sleep(0.001)
    return sent
