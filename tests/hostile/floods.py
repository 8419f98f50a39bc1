"""Datagrams that a stranger can send, and the means to send many of them at a steady rate.

Only to loopback, bounded in time.
"""

import asyncio
import ctypes
import errno
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
    """Sends what is due each millisecond in batches; how many datagrams the kernel took."""
    generator = random.Random(seed)
    batch = Batch([junk(generator) for _ in range(512)])
    sent, started = 0, time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.connect(address)
        while (elapsed := time.monotonic() - started) < duration_s:
            # A flood that fell behind does not make up for more than a tenth of a second.
            due = min(int(elapsed * rate) - sent, rate // 10)
            while due > 0:
                taken = batch.send(stranger, due)
                sent, due = sent + taken, due - taken
            time.sleep(0.001)
    return sent


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):
    """`struct msghdr`."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("iovec", ctypes.POINTER(_Iovec)),
        ("iovec_length", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):
    """`struct mmsghdr`."""

    _fields_ = (("header", _Header), ("sent", ctypes.c_uint))


class Batch:
    """Datagrams for sendmmsg: 50 000 a second by single sends would take a core that the victim needs."""

    def __init__(self, datagrams: list[bytes]) -> None:
        self._buffers = [ctypes.create_string_buffer(each, max(1, len(each))) for each in datagrams]
        addresses = (ctypes.addressof(buffer) for buffer in self._buffers)
        lengths = (len(each) for each in datagrams)
        self._iovecs = (_Iovec * len(datagrams))(*zip(addresses, lengths, strict=True))
        self._messages = (_Message * len(datagrams))()
        for message, iovec in zip(self._messages, self._iovecs, strict=True):
            message.header.iovec, message.header.iovec_length = ctypes.pointer(iovec), 1
        self._next = 0
        self._sendmmsg = ctypes.CDLL(None, use_errno=True).sendmmsg

    def send(self, connected: socket.socket, most: int) -> int:
        """Some of the datagrams, in turn."""
        count = min(most, len(self._messages) - self._next, 64)
        first = ctypes.byref(self._messages, self._next * ctypes.sizeof(_Message))
        taken = self._sendmmsg(connected.fileno(), first, count, 0)
        if taken < 0:
            error = ctypes.get_errno()
            if error not in (errno.ECONNREFUSED, errno.EAGAIN, errno.ENOBUFS):
                raise OSError(error, os.strerror(error))
            return 0
        self._next = (self._next + taken) % len(self._messages)
        return taken
