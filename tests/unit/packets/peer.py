"""A peer made by hand: a socket that speaks just enough STUN to be let in, and can misbehave."""

import hashlib
import hmac
import os
import select
import socket
import struct
import zlib
from dataclasses import dataclass, field
from typing import Self

from sfu._packets import Plane

MAGIC_COOKIE = 0x2112A442
USERNAME, MESSAGE_INTEGRITY, XOR_MAPPED_ADDRESS = 0x0006, 0x0008, 0x0020
PRIORITY, USE_CANDIDATE, ICE_CONTROLLING, FINGERPRINT = 0x0024, 0x0025, 0x802A, 0x8028
BINDING_SUCCESS = 0x0101

# Generous: only a broken build waits for it.
PATIENCE_S = 60.0

# As an ICE agent does: a check that the network lost is sent again.
REPEAT_S = 0.5


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def binding_request(*, username: str, password: str, transaction: bytes) -> bytes:
    """RFC 8445 §7.1.1: an ordinary check that nominates."""
    body = (
        attribute(USERNAME, username.encode())
        + attribute(PRIORITY, struct.pack("!I", 0x6E7F1EFF))
        + attribute(ICE_CONTROLLING, bytes(8))
        + attribute(USE_CANDIDATE, b"")
    )

    def message(more: int) -> bytes:
        return struct.pack("!HHI", 0x0001, len(body) + more, MAGIC_COOKIE) + transaction + body

    body += attribute(MESSAGE_INTEGRITY, hmac.digest(password.encode(), message(24), hashlib.sha1))
    fingerprint = zlib.crc32(message(8)) ^ 0x5354554E
    body += attribute(FINGERPRINT, struct.pack("!I", fingerprint))
    return message(0)


def mapped_address(answer: bytes) -> tuple[str, int]:
    """XOR-MAPPED-ADDRESS of a success response over IPv4 (RFC 8489 §14.2)."""
    offset = 20
    while offset < len(answer):
        kind, length = struct.unpack_from("!HH", answer, offset)
        if kind == XOR_MAPPED_ADDRESS:
            port, address = struct.unpack_from("!HI", answer, offset + 6)
            host = socket.inet_ntoa(struct.pack("!I", address ^ MAGIC_COOKIE))
            return host, port ^ (MAGIC_COOKIE >> 16)
        offset += 4 + length + (-length % 4)
    raise AssertionError(f"no mapped address in {answer.hex()}")


@dataclass(slots=True)
class Peer:
    """One transport's far end. ``transport`` names it on the plane as well."""

    transport: int
    host: str = "127.0.0.1"
    udp: socket.socket = field(init=False)
    checks: int = field(init=False)
    """Sent so far."""

    def __post_init__(self) -> None:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self.udp = socket.socket(family, socket.SOCK_DGRAM)
        self.udp.bind((self.host, 0))
        self.udp.settimeout(PATIENCE_S)
        self.checks = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.udp.close()

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.udp.getsockname()[:2]
        return host, port

    def announce_to(self, plane: Plane) -> None:
        plane.add_transport(
            self.transport,
            local_ufrag=f"server{self.transport}",
            local_password="the server's password, 24",
            remote_ufrag=f"peer{self.transport}",
            remote_password="the peer's password, long",
            extensions=[],
        )

    def check(self, server: tuple[str, int]) -> bytes:
        """Sends one check; the transaction that its answer must carry."""
        transaction = os.urandom(12)
        username = f"server{self.transport}:peer{self.transport}"
        request = binding_request(
            username=username, password="the server's password, 24", transaction=transaction
        )
        self.udp.sendto(request, server)
        self.checks += 1
        return transaction

    def connect(self, server: tuple[str, int]) -> bytes:
        """Checks until it is answered; the answer."""
        transactions = [self.check(server)]
        while len(transactions) < PATIENCE_S / REPEAT_S:
            if not select.select([self.udp], [], [], REPEAT_S)[0]:
                transactions.append(self.check(server))
                continue
            answer, source = self.udp.recvfrom(2048)
            if answer[:2] == struct.pack("!H", BINDING_SUCCESS) and answer[8:20] in transactions:
                assert source[:2] == server
                return answer
        raise AssertionError(f"{len(transactions)} checks without an answer")
