"""The probe's own STUN and SRTP against other people's."""

import secrets
import struct

import aioice.stun
import pylibsrtp
import pytest

from sfu.media.probe import stun
from sfu.media.probe.srtp import GcmStream, payload_of

KEY, SALT = secrets.token_bytes(16), secrets.token_bytes(12)
SSRC = 0x1234_5678


def libsrtp(direction: int) -> pylibsrtp.Session:
    return pylibsrtp.Session(
        pylibsrtp.Policy(
            key=KEY + SALT,
            ssrc_type=direction,
            srtp_profile=pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
        )
    )


def rtp(payload: bytes, sequence_number: int = 7, first: int = 0x80, more: bytes = b"") -> bytes:
    return struct.pack("!BBHII", first, 111, sequence_number, 960, SSRC) + more + payload


def test_protects_as_libsrtp_does() -> None:
    sender, other = GcmStream(KEY, SALT), libsrtp(pylibsrtp.Policy.SSRC_ANY_OUTBOUND)
    for sequence_number in range(1, 50):
        packet = rtp(secrets.token_bytes(sequence_number), sequence_number)
        assert sender.protect(packet) == other.protect(packet)


@pytest.mark.parametrize(
    ("first", "more"),
    [
        (0x80, b""),
        (0x90, b"\xbe\xde\x00\x01\x10\xff\x00\x00"),
        (0x82, bytes(8)),
        (0x91, bytes(4) + b"\xbe\xde\x00\x00"),
    ],
)
def test_unprotects_what_libsrtp_protects(first: int, more: bytes) -> None:
    packet = rtp(b"sound", first=first, more=more)
    protected = libsrtp(pylibsrtp.Policy.SSRC_ANY_OUTBOUND).protect(packet)
    unprotected = GcmStream(KEY, SALT).unprotect(protected)
    assert unprotected == packet
    assert payload_of(unprotected) == b"sound"


def test_padding_is_no_payload() -> None:
    assert payload_of(rtp(b"sound\0\0\3", first=0xA0)) == b"sound"


def test_what_is_forged_is_refused() -> None:
    protected = bytearray(GcmStream(KEY, SALT).protect(rtp(b"sound")))
    protected[-1] ^= 1
    assert GcmStream(KEY, SALT).unprotect(bytes(protected)) is None
    for length in range(30):
        assert GcmStream(KEY, SALT).unprotect(bytes(protected[:length])) is None


def test_the_check_is_one_that_aioice_accepts() -> None:
    transaction_id = stun.new_transaction_id()
    check = stun.nominating_check(transaction_id, "them:us", "their password")
    message = aioice.stun.parse_message(check)
    assert message.check_message_integrity(b"their password")
    assert not message.check_message_integrity(b"another password")
    assert message.transaction_id == transaction_id
    assert message.attributes["USERNAME"] == "them:us"
    assert "USE-CANDIDATE" in message.attributes
    assert "ICE-CONTROLLING" in message.attributes


def success(transaction_id: bytes, password: bytes) -> bytes:
    message = aioice.stun.Message(
        message_method=aioice.stun.Method.BINDING,
        message_class=aioice.stun.Class.RESPONSE,
        transaction_id=transaction_id,
    )
    message.attributes["XOR-MAPPED-ADDRESS"] = ("127.0.0.1", 4000)
    message.add_message_integrity(password)
    return bytes(message)


def test_only_an_authentic_answer_to_this_check_is_success() -> None:
    transaction_id = stun.new_transaction_id()
    answer = success(transaction_id, b"password")
    assert stun.is_success(answer, transaction_id, "password")
    assert not stun.is_success(answer, transaction_id, "another")
    assert not stun.is_success(answer, stun.new_transaction_id(), "password")
    assert not stun.is_success(success(transaction_id, b"")[:20], transaction_id, "password")
    for length in range(len(answer)):
        assert stun.is_success(answer[:length], transaction_id, "password") == (length >= 56)
