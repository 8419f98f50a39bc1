"""DTLS 1.2 record framing (RFC 6347 §4.1): what fits one datagram, and what is DTLS at all. Knows no
state."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# Fits every path that carries RTP of the same size, IPv6 tunnels among them.
MTU = 1200

_HEADER_BYTES = 13
_CHANGE_CIPHER_SPEC = 20
_CONTENT_TYPES = frozenset((_CHANGE_CIPHER_SPEC, 21, 22, 23))
_MAJOR_VERSION = 0xFE


@dataclass(frozen=True, slots=True)
class Record:
    kind: int
    head: bytes
    """Content type and version."""
    number: bytes
    """Epoch and sequence number."""
    body: bytes

    @property
    def epoch(self) -> int:
        return int.from_bytes(self.number[:2])


def records(datagram: bytes) -> Iterator[Record]:
    """Of a datagram that is DTLS."""
    for record in _records(datagram):
        yield Record(record[0], record[:3], record[3:11], record[_HEADER_BYTES:])


def pack_records(written: bytes) -> list[bytes]:
    """OpenSSL's memory BIO runs a flight's records together; datagrams hold whole records, up to the MTU."""
    datagrams: list[bytes] = []
    current = b""
    for record in _records(written):
        if current and len(current) + len(record) > MTU:
            datagrams.append(current)
            current = b""
        current += record
    return [*datagrams, current] if current else datagrams


def from_change_cipher_spec(datagrams: Sequence[bytes]) -> list[bytes]:
    """The end of a flight: its last ChangeCipherSpec and what follows; all of it where there is none."""
    flight = [record for datagram in datagrams for record in _records(datagram)]
    begins = [at for at, record in enumerate(flight) if record[0] == _CHANGE_CIPHER_SPEC]
    return pack_records(b"".join(flight[begins[-1] if begins else 0 :]))


def is_dtls(datagram: bytes) -> bool:
    """Whether whole, plausible records fill the datagram; the rest need not cost an OpenSSL call."""
    at = 0
    while at + _HEADER_BYTES <= len(datagram):
        if datagram[at] not in _CONTENT_TYPES or datagram[at + 1] != _MAJOR_VERSION:
            return False
        at += _HEADER_BYTES + int.from_bytes(datagram[at + 11 : at + 13])
    return at == len(datagram) and at > 0


def _records(written: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(written):
        end = at + _HEADER_BYTES + int.from_bytes(written[at + 11 : at + 13])
        yield written[at:end]
        at = end
