"""The two STUN messages of the probe's ICE check (RFC 8489, RFC 8445 §7.1). Knows no socket."""

import hmac
import secrets
import struct
import zlib
from hashlib import sha1

_BINDING_REQUEST = 0x0001
_BINDING_SUCCESS = 0x0101
_MAGIC_COOKIE = 0x2112A442
_USERNAME = 0x0006
_MESSAGE_INTEGRITY = 0x0008
_PRIORITY = 0x0024
_USE_CANDIDATE = 0x0025
_FINGERPRINT = 0x8028
_ICE_CONTROLLING = 0x802A
_FINGERPRINT_XOR = 0x5354554E
# A host candidate's (RFC 8445 §5.1.2.1) as peer reflexive: type preference 110.
_PEER_REFLEXIVE_PRIORITY = 110 << 24 | 65535 << 8 | 255

_HEADER_BYTES = 20
_INTEGRITY_BYTES = 24


def new_transaction_id() -> bytes:
    return secrets.token_bytes(12)


def nominating_check(transaction_id: bytes, username: str, password: str) -> bytes:
    """A Binding request of the controlling agent that nominates at once."""
    message = _header(_BINDING_REQUEST, 0, transaction_id)
    message += _attribute(_USERNAME, username.encode())
    message += _attribute(_PRIORITY, struct.pack("!I", _PEER_REFLEXIVE_PRIORITY))
    message += _attribute(_ICE_CONTROLLING, secrets.token_bytes(8))
    message += _attribute(_USE_CANDIDATE, b"")
    message = _with_length(message, extra=_INTEGRITY_BYTES)
    message += _attribute(_MESSAGE_INTEGRITY, hmac.digest(password.encode(), message, sha1))
    message = _with_length(message, extra=8)
    return message + _attribute(_FINGERPRINT, struct.pack("!I", zlib.crc32(message) ^ _FINGERPRINT_XOR))


def is_success(message: bytes, transaction_id: bytes, password: str) -> bool:
    """An authentic answer to the check with this id."""
    if len(message) < _HEADER_BYTES or message[:8] != _header(_BINDING_SUCCESS, _length(message), b""):
        return False
    if message[8:_HEADER_BYTES] != transaction_id:
        return False
    at = _find(message, _MESSAGE_INTEGRITY)
    if at is None:
        return False
    covered = _with_length(message[:at], extra=_INTEGRITY_BYTES)
    expected = hmac.digest(password.encode(), covered, sha1)
    return hmac.compare_digest(expected, message[at + 4 : at + _INTEGRITY_BYTES])


def _header(kind: int, length: int, transaction_id: bytes) -> bytes:
    return struct.pack("!HHI", kind, length, _MAGIC_COOKIE) + transaction_id


def _length(message: bytes) -> int:
    return int.from_bytes(message[2:4])


def _with_length(message: bytes, *, extra: int) -> bytes:
    """The length field counts the attribute that is about to follow (RFC 8489 §14.5)."""
    return message[:2] + struct.pack("!H", len(message) - _HEADER_BYTES + extra) + message[4:]


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + b"\0" * (-len(value) % 4)


def _find(message: bytes, kind: int) -> int | None:
    at = _HEADER_BYTES
    while at + 4 <= len(message):
        found, length = struct.unpack_from("!HH", message, at)
        if found == kind:
            return at
        at += 4 + length + (-length % 4)
    return None
