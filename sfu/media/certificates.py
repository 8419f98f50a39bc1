"""The certificates by which peers know our DTLS: made here, named in SDP by their fingerprint, rotated.

A transport keeps the certificate that it began with; new transports take the current one. Trust comes from
the fingerprint in the SDP alone (RFC 8827 §6.5), so nothing is signed by anyone else. Knows no transport.
"""

import codecs
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL, crypto

from sfu.clock import Clock

# pyOpenSSL encodes names of digests so. Python opens a codec's file at its first use, which must not be the
# first handshake of a server that has no descriptor left.
codecs.lookup("charmap")

Fingerprint = tuple[str, str]
"""Hash function and value as in `a=fingerprint` (RFC 8122 §5)."""

# What browsers and WebRTC stacks use for a year at most is 30 days; a leaked key is worth a day of new calls.
LIFETIME = timedelta(days=30)
ROTATE_EVERY_S = 24 * 3600.0
# A peer's clock may be behind ours.
_CLOCK_SKEW = timedelta(days=1)

_DTLS_1_2 = 0xFEFD
# RFC 8827 §6.5 asks for ECDHE with AEAD; AES-128 first, since the record layer protects two messages and a
# goodbye.
_CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    b"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    b"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
)
# GCM costs a quarter of HMAC-SHA1 a packet, so it is preferred.
_SRTP_PROFILES = b"SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80"

# No SHA-1 nor MD5: RFC 8122 §5.1 leaves them to the past.
_DIGESTS = {"sha-256": "sha256", "sha-384": "sha384", "sha-512": "sha512"}


@dataclass(frozen=True, slots=True)
class Certificate:
    """Ours: a key with its self-signed certificate, ready for handshakes in either role."""

    fingerprint: Fingerprint
    made_at: float
    context: SSL.Context


class Certificates:
    """Hands out the current certificate, and makes the next when its day is over."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._current = _make(clock)

    def current(self) -> Certificate:
        if self._clock.monotonic() - self._current.made_at >= ROTATE_EVERY_S:
            self._current = _make(self._clock)
        return self._current


class PeerIdentity:
    """The fingerprints that the peer's SDP announced, and whether a certificate was refused for them."""

    __slots__ = ("_announced", "was_refused")

    def __init__(self, announced: Sequence[Fingerprint]) -> None:
        self._announced = tuple((algorithm.lower(), value.strip().upper()) for algorithm, value in announced)
        self.was_refused = False

    def accepts(self, certificate: crypto.X509 | None) -> bool:
        """Unknown and weak hashes never match."""
        accepted = certificate is not None and any(
            _digest(certificate, algorithm) == value
            for algorithm, value in self._announced
            if algorithm in _DIGESTS
        )
        self.was_refused = self.was_refused or not accepted
        return accepted


def _digest(certificate: crypto.X509, algorithm: str) -> str:
    """Over the DER as it came: nothing of the peer's certificate is parsed for it."""
    return certificate.digest(_DIGESTS[algorithm]).decode("ascii").upper()


def _make(clock: Clock) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _self_signed(key, datetime.fromtimestamp(clock.unix(), UTC))
    fingerprint = "sha-256", certificate.fingerprint(hashes.SHA256()).hex(":").upper()
    return Certificate(fingerprint, clock.monotonic(), _context(key, certificate))


def _self_signed(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    # A random name: the certificate must not tell who we are (RFC 8827 §6.5).
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, secrets.token_hex(8))])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + LIFETIME)
    )
    return builder.sign(key, hashes.SHA256())


def _context(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> SSL.Context:
    context = SSL.Context(SSL.DTLS_METHOD)
    # 1.2 alone: the record splitter reads its header, and SRTP gains nothing from 1.3.
    context.set_min_proto_version(_DTLS_1_2)
    context.set_max_proto_version(_DTLS_1_2)
    context.set_options(
        SSL.OP_NO_QUERY_MTU | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_TICKET | SSL.OP_CIPHER_SERVER_PREFERENCE
    )
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_cipher_list(_CIPHERS)
    context.set_tlsext_use_srtp(_SRTP_PROFILES)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _verify)
    context.use_certificate(certificate)
    context.use_privatekey(key)
    return context


def _verify(connection: SSL.Connection, peer: crypto.X509, _error: int, depth: int, _ok: int) -> bool:
    """OpenSSL's opinion of a self-signed certificate does not count; the fingerprint of the leaf does.

    Refusing here tells the peer by an alert; the session checks again before it gives keys away.
    """
    if depth > 0:
        return True
    identity: PeerIdentity = connection.get_app_data()
    return identity.accepts(peer)
