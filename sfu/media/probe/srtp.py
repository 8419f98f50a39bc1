"""AEAD_AES_128_GCM (RFC 7714) for the few packets of the probe: no roll-over, no replay window.

Calls are protected in the packet path; this one proves it from outside, by other code.
"""

import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

_KEY_BYTES = 16
_SALT_BYTES = 12
_HEADER_BYTES = 12
# RFC 3711 §4.3.1.
_LABEL_ENCRYPTION = 0x00
_LABEL_SALT = 0x02


class GcmStream:
    """One direction."""

    def __init__(self, master_key: bytes, master_salt: bytes) -> None:
        self._aead = AESGCM(_derive(master_key, master_salt, _LABEL_ENCRYPTION, _KEY_BYTES))
        self._salt = _derive(master_key, master_salt, _LABEL_SALT, _SALT_BYTES)

    def protect(self, packet: bytes) -> bytes:
        """An RTP packet with the fixed header alone, of the stream's first 2^16."""
        header = packet[:_HEADER_BYTES]
        return header + self._aead.encrypt(self._nonce(header), packet[_HEADER_BYTES:], header)

    def unprotect(self, packet: bytes) -> bytes | None:
        """None unless authentic."""
        header_bytes = _header_bytes(packet)
        if len(packet) < header_bytes:
            return None
        header = packet[:header_bytes]
        try:
            return header + self._aead.decrypt(self._nonce(header), packet[header_bytes:], header)
        except InvalidTag:
            return None

    def _nonce(self, header: bytes) -> bytes:
        """RFC 7714 §8.1, with a roll-over counter of 0."""
        ssrc, sequence_number = header[8:12], header[2:4]
        counted = b"\0\0" + ssrc + b"\0\0\0\0" + sequence_number
        return bytes(a ^ b for a, b in zip(counted, self._salt, strict=True))


def payload_of(packet: bytes) -> bytes:
    """Of an unprotected packet, without padding."""
    payload = packet[_header_bytes(packet) :]
    has_padding = bool(packet[0] & 0x20)
    return payload[: -payload[-1]] if has_padding and payload else payload


def _header_bytes(packet: bytes) -> int:
    """With contributing sources and header extension (RFC 3550 §5.1, §5.3.1)."""
    if len(packet) < _HEADER_BYTES:
        return _HEADER_BYTES
    fixed = _HEADER_BYTES + 4 * (packet[0] & 0x0F)
    if not packet[0] & 0x10 or len(packet) < fixed + 4:
        return fixed
    (words,) = struct.unpack_from("!H", packet, fixed + 2)
    return fixed + 4 + 4 * int(words)


def _derive(master_key: bytes, master_salt: bytes, label: int, length: int) -> bytes:
    """RFC 3711 §4.3.3 with a key derivation rate of 0; RFC 7714 §11 pads the salt to 112 bits."""
    salted = bytearray(master_salt.ljust(14, b"\0"))
    salted[7] ^= label
    encryptor = Cipher(AES(master_key), CTR(bytes(salted) + b"\0\0")).encryptor()
    return encryptor.update(bytes(length))
