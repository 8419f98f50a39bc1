"""What a DTLS 1.2 association still has to say and hear once it is connected, without its OpenSSL session.

That session takes 93 KiB, four fifths of what a subscriber costs, for two things: to repeat our last flight
when the peer's comes again, and to say and hear goodbye. So both are kept as datagrams, and what the peer
says is read here: AEAD as in RFC 5288 and RFC 7905, with the keys of RFC 5246 §6.3. What is not authentic is
nothing. Knows no handshake.
"""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from OpenSSL import SSL

from sfu.media.dtls_records import Record, records

_ALERT, _HANDSHAKE = 21, 22
# RFC 5246 §7.2.
_FATAL, _CLOSE_NOTIFY = 2, 0
_TAG_BYTES = 16


@dataclass(frozen=True, slots=True)
class _Suite:
    cipher: type[AESGCM | ChaCha20Poly1305]
    key_bytes: int
    iv_bytes: int
    """Of the key block; what a nonce has beyond stands in each record (RFC 5288 §3)."""
    hash: str


_SUITES = {
    "AES128-GCM-SHA256": _Suite(AESGCM, 16, 4, "sha256"),
    "AES256-GCM-SHA384": _Suite(AESGCM, 32, 4, "sha384"),
    "CHACHA20-POLY1305": _Suite(ChaCha20Poly1305, 32, 12, "sha256"),
}


@dataclass(frozen=True, slots=True)
class Afterwards:
    last_flight: Sequence[bytes]
    goodbye: Sequence[bytes]
    _suite: _Suite
    _key: bytes = field(repr=False)
    _iv: bytes = field(repr=False)

    @classmethod
    def of(
        cls,
        connection: SSL.Connection,
        role: Literal["client", "server"],
        *,
        last_flight: Sequence[bytes],
        say_goodbye: Callable[[], Sequence[bytes]],
    ) -> Self | None:
        """None for a cipher suite that is not read here; else the connection has nothing left to do."""
        name = connection.get_cipher_name() or ""
        suite = next((suite for ending, suite in _SUITES.items() if name.endswith(ending)), None)
        master, server, client = (
            connection.master_key(), connection.server_random(), connection.client_random(),
        )  # fmt: skip
        if suite is None or master is None or server is None or client is None:
            return None
        # RFC 5246 §6.3, without MAC keys: client's key, server's key, client's IV, server's IV.
        block = _expand(master, b"key expansion" + server + client, suite)
        keys, ivs = block[: 2 * suite.key_bytes], block[2 * suite.key_bytes :]
        if role == "server":
            return cls(last_flight, say_goodbye(), suite, keys[: suite.key_bytes], ivs[: suite.iv_bytes])
        return cls(last_flight, say_goodbye(), suite, keys[suite.key_bytes :], ivs[suite.iv_bytes :])

    def heard(self, datagram: bytes) -> Literal["goodbye", "last_flight", "nothing"]:
        """What the peer says: that it ends, its last flight once more, or nothing of interest."""
        for record in records(datagram):
            text = self._opened(record) if record.kind in (_ALERT, _HANDSHAKE) else None
            if text is not None and record.kind == _HANDSHAKE:
                return "last_flight"
            if text is not None and len(text) == 2 and (text[0] == _FATAL or text[1] == _CLOSE_NOTIFY):
                return "goodbye"
        return "nothing"

    def _opened(self, record: Record) -> bytes | None:
        explicit = 12 - self._suite.iv_bytes
        body = record.body[explicit:]
        if len(body) < _TAG_BYTES or record.epoch != 1:
            return None
        if explicit:
            nonce = self._iv + record.body[:explicit]
        else:
            # RFC 7905 §2.
            number = int.from_bytes(record.number)
            nonce = (int.from_bytes(self._iv) ^ number).to_bytes(12)
        length = len(body) - _TAG_BYTES
        associated = record.number + record.head + length.to_bytes(2)
        try:
            return self._suite.cipher(self._key).decrypt(nonce, body, associated)
        except InvalidTag:
            return None


def _expand(secret: bytes, seed: bytes, suite: _Suite) -> bytes:
    """P_hash of RFC 5246 §5, as long as the key block is."""
    length = 2 * (suite.key_bytes + suite.iv_bytes)
    block, link = b"", seed
    while len(block) < length:
        link = hmac.digest(secret, link, suite.hash)
        block += hmac.digest(secret, link + seed, suite.hash)
    return block[:length]
