"""Certificates rotate for new transports and stay for those that have one."""

import re
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

from sfu.clock import ManualClock
from sfu.media.certificates import ROTATE_EVERY_S, Certificate, Certificates


def parsed(certificate: Certificate) -> x509.Certificate:
    own = SSL.Connection(certificate.context, None).get_certificate(as_cryptography=True)
    assert own is not None
    return own


def test_one_certificate_serves_a_day(clock: ManualClock) -> None:
    certificates = Certificates(clock)
    first = certificates.current()
    clock.advance(ROTATE_EVERY_S - 1)
    assert certificates.current() is first
    clock.advance(1)
    second = certificates.current()
    assert second is not first
    assert second.fingerprint != first.fingerprint
    assert certificates.current() is second


def test_it_is_a_p_256_key_with_its_own_signature(clock: ManualClock) -> None:
    own = parsed(Certificates(clock).current())
    key = own.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)
    own.verify_directly_issued_by(own)


def test_it_is_valid_longer_than_it_is_used(clock: ManualClock) -> None:
    own = parsed(Certificates(clock).current())
    clock.advance(2 * ROTATE_EVERY_S)
    now = datetime.fromtimestamp(clock.unix(), UTC)
    assert own.not_valid_before_utc < now < own.not_valid_after_utc
    assert (own.not_valid_after_utc - now).days <= 30


def test_the_fingerprint_is_spelled_as_in_sdp(clock: ManualClock) -> None:
    algorithm, value = Certificates(clock).current().fingerprint
    assert algorithm == "sha-256"
    assert re.fullmatch(r"(?:[0-9A-F]{2}:){31}[0-9A-F]{2}", value)


def test_names_tell_nothing(clock: ManualClock) -> None:
    first, second = (parsed(Certificates(clock).current()) for _ in range(2))
    assert first.subject != second.subject
