"""The handshake gives both sides the same keys in any weather, and gives none to a stranger."""

import dataclasses
import struct
import time
from unittest import mock

import pytest

from sfu.clock import ManualClock, SystemClock
from sfu.media.certificates import Certificates
from sfu.media.dtls import EARLY_RESENDS_S, HANDSHAKE_DEADLINE_S, HANDSHAKE_INPUT_BYTES, DtlsSession
from sfu.media.dtls_records import MTU, is_dtls, pack_records, records
from tests.unit.media.lossy import Losing, Mutating, Pair, Stormy, Weather, calm, doubling, reversing

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE = 20, 21, 22
OPENSSL_REPEATS_AFTER_S = 1.01


def record(kind: int, body: bytes, *, epoch: int = 0, number: int = 0, version: int = 0xFEFD) -> bytes:
    return struct.pack("!BHHIHH", kind, version, epoch, number >> 16, number & 0xFFFF, len(body)) + body


def assert_same_keys(pair: Pair) -> None:
    client, server = pair.client.keys, pair.server.keys
    assert client is not None
    assert server is not None
    assert client.profile == server.profile == "SRTP_AEAD_AES_128_GCM"
    assert (client.local_key, client.local_salt) == (server.remote_key, server.remote_salt)
    assert (client.remote_key, client.remote_salt) == (server.local_key, server.local_salt)
    assert client.local_key != client.remote_key
    assert (len(client.local_key), len(client.local_salt)) == (16, 12)


@pytest.mark.parametrize("weather", [calm, doubling, reversing])
def test_both_sides_get_the_same_keys(clock: ManualClock, weather: Weather) -> None:
    pair = Pair(clock)
    pair.run(weather)
    assert_same_keys(pair)


def test_datagrams_hold_whole_records_and_fit_the_mtu(clock: ManualClock) -> None:
    pair = Pair(clock)
    pair.run()
    assert all(len(datagram) <= MTU and is_dtls(datagram) for datagram in pair.sent)


@pytest.mark.parametrize("number", [0, 1])
def test_a_lost_flight_is_repeated_before_openssl_would(clock: ManualClock, number: int) -> None:
    pair = Pair(clock)
    losing = Losing(number)
    pair.run(losing)
    assert losing.lost == 1
    assert_same_keys(pair)
    assert clock.monotonic() < 0.5


def test_a_lost_client_flight_is_repeated_by_the_client(clock: ManualClock) -> None:
    pair = Pair(clock)
    pair.run(Losing(2))
    assert_same_keys(pair)
    assert clock.monotonic() < 0.5


def test_keys_never_reach_a_log(clock: ManualClock) -> None:
    pair = Pair(clock)
    pair.run()
    keys = pair.server.keys
    assert keys is not None
    assert all(repr(getattr(keys, name.name)) not in repr(keys) for name in dataclasses.fields(keys)[1:])


@pytest.mark.parametrize(
    "announced",
    [
        [("sha-256", "AA:" * 31 + "AA")],
        [("sha-1", "AA:" * 19 + "AA")],
        [("md5", "AA")],
        [("sha-256", "")],
    ],
)
def test_a_server_gives_no_keys_to_another_certificate(clock, announced) -> None:
    pair = Pair(clock, server_expects=announced)
    pair.run(within_s=1.0)
    assert (pair.server.state, pair.server.failure) == ("failed", "fingerprint_mismatch")
    assert pair.server.keys is None
    assert pair.client.keys is None


def test_a_client_gives_no_keys_to_another_certificate(clock: ManualClock) -> None:
    pair = Pair(clock, client_expects=[("sha-256", "AA:" * 31 + "AA")])
    pair.run(within_s=1.0)
    assert (pair.client.state, pair.client.failure) == ("failed", "fingerprint_mismatch")
    assert pair.client.keys is None
    # The alert tells the server, which has given nothing away either.
    assert pair.server.state == "failed"
    assert pair.server.keys is None


def test_sha_1_of_the_right_certificate_is_refused(clock: ManualClock) -> None:
    # Even a true SHA-1 must not do: the algorithm is what is refused.
    pair = Pair(clock)
    value = pair.client_certificate.fingerprint[1]
    pair = Pair(clock, server_expects=[("sha-1", value)])
    pair.run(within_s=1.0)
    assert pair.server.failure == "fingerprint_mismatch"


@pytest.mark.parametrize("spelled", [("SHA-256", str.lower), ("Sha-256", str.upper)])
def test_fingerprints_compare_without_case(clock: ManualClock, spelled) -> None:
    certificates = Certificates(clock)
    algorithm, case = spelled
    expected = [(algorithm, case(certificates.current().fingerprint[1]))]
    now = clock.monotonic()
    client = DtlsSession(certificates.current(), "client", expected, now)
    server = DtlsSession(certificates.current(), "server", expected, now)
    from_client = client.start(now)
    while client.is_handshaking or server.is_handshaking:
        from_server = [answer for datagram in from_client for answer in server.feed(datagram, now)]
        from_client = [answer for datagram in from_server for answer in client.feed(datagram, now)]
        assert from_client or from_server or not (client.is_handshaking or server.is_handshaking)
    assert client.keys is not None
    assert server.keys is not None


def test_a_handshake_without_end_fails_at_its_deadline(clock: ManualClock) -> None:
    server = Pair(clock).server
    assert server.timeout_at == HANDSHAKE_DEADLINE_S
    clock.advance(HANDSHAKE_DEADLINE_S - 1)
    server.handle_timeout(clock.monotonic())
    assert server.is_handshaking
    clock.advance(1)
    server.handle_timeout(clock.monotonic())
    assert (server.state, server.failure) == ("failed", "dtls_timeout")
    assert server.timeout_at is None


def test_early_resends_end(clock: ManualClock) -> None:
    """Into a void the client repeats its hello three times within a second, with growing pauses."""
    client = Pair(clock).client
    client.start(clock.monotonic())
    repeated_at = []
    while clock.monotonic() < 0.9:
        due = client.timeout_at
        assert due is not None
        clock.advance(max(due - clock.monotonic(), 1 / 64))
        if client.handle_timeout(clock.monotonic()):
            repeated_at.append(clock.monotonic())
    assert repeated_at == pytest.approx(EARLY_RESENDS_S)


def garbage() -> list[tuple[str, bytes]]:
    hello = b"\x01" + b"\xff\xff\xff" + b"\0\0" + b"\0\0\0" + b"\0\0\x64"
    return [
        ("nothing", b""),
        ("a lone byte", b"\x16"),
        ("noise", bytes(range(256)) * 4),
        ("a cut record", record(HANDSHAKE, b"x" * 50)[:-1]),
        ("a record of length 0", record(HANDSHAKE, b"")),
        ("a record that claims 64 kB", record(HANDSHAKE, b"x")[:11] + b"\xff\xff"),
        ("TLS instead of DTLS", record(HANDSHAKE, b"x" * 50, version=0x0303)),
        ("an unknown type", record(99, b"x" * 50)),
        ("a later epoch", record(HANDSHAKE, b"x" * 50, epoch=7)),
        ("a forged fragment of 16 MiB", record(HANDSHAKE, hello + b"x" * 100, number=900)),
        ("application data in the clear", record(23, b"x" * 100, number=901)),
    ]


@pytest.mark.parametrize(("name", "junk"), garbage(), ids=[name for name, _ in garbage()])
def test_garbage_before_the_handshake_never_raises(clock: ManualClock, name: str, junk: bytes) -> None:
    server = Pair(clock).server
    server.feed(junk, clock.monotonic())
    assert server.keys is None
    assert server.state in ("new", "handshaking", "failed")


@pytest.mark.parametrize(("name", "junk"), garbage(), ids=[name for name, _ in garbage()])
def test_garbage_after_the_handshake_changes_nothing(clock: ManualClock, name: str, junk: bytes) -> None:
    pair = Pair(clock)
    pair.run()
    keys = pair.server.keys
    for _ in range(100):
        assert pair.server.feed(junk, clock.monotonic()) == []
    assert pair.server.state == "connected"
    assert pair.server.keys == keys


def test_what_is_no_dtls_is_counted(clock: ManualClock) -> None:
    pair = Pair(clock)
    pair.run()
    before = pair.server.ignored
    pair.server.feed(b"\x80" * 100, clock.monotonic())
    assert pair.server.ignored == before + 1


def test_a_forged_fatal_alert_does_not_end_a_connected_session(clock: ManualClock) -> None:
    """In the clear (epoch 0), as somebody without keys would send it."""
    pair = Pair(clock)
    pair.run()
    pair.server.feed(record(ALERT, b"\x02\x28", number=77), clock.monotonic())
    assert pair.server.state == "connected"


def test_an_alert_during_the_handshake_ends_only_this_session(clock: ManualClock) -> None:
    pair = Pair(clock)
    pair.server.feed(pair.client.start(0)[0], clock.monotonic())
    pair.server.feed(record(ALERT, b"\x02\x28", number=1), clock.monotonic())
    assert (pair.server.state, pair.server.failure) == ("failed", "dtls_failed")
    other = Pair(clock)
    other.run()
    assert_same_keys(other)


def test_a_flood_during_the_handshake_ends_at_a_bound(clock: ManualClock) -> None:
    server = Pair(clock).server
    fragment = b"\x0b\x00\xff\xff\x00\x05\x00\x00\x00\x00\x04\x00" + b"x" * 1024
    fed = 0
    while server.is_handshaking and fed < 4 * HANDSHAKE_INPUT_BYTES:
        junk = record(HANDSHAKE, fragment, number=fed)
        server.feed(junk, clock.monotonic())
        fed += len(junk)
    assert server.failure == "dtls_failed"
    assert fed <= HANDSHAKE_INPUT_BYTES + 2048


@pytest.mark.parametrize("seed", range(200))
def test_no_mutation_of_a_handshake_breaks_either_side(clock: ManualClock, seed: int) -> None:
    """Whatever is cut, flipped or spliced: an answer, silence or a named failure; keys only if both agree."""
    pair = Pair(clock)
    pair.run(Mutating(seed), within_s=2.0)
    for session in (pair.client, pair.server):
        assert (session.keys is not None) == (session.state in ("connected", "closed"))
        assert (session.failure is not None) == (session.state == "failed")
    if pair.client.keys is not None and pair.server.keys is not None:
        assert_same_keys(pair)


SUITES = ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305")


def connected(clock: ManualClock, suite: str) -> Pair:
    with mock.patch("sfu.media.certificates._CIPHERS", suite.encode()):
        pair = Pair(clock)
    pair.run()
    assert_same_keys(pair)
    return pair


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("leaves", ["client", "server"])
def test_close_says_goodbye(clock: ManualClock, suite: str, leaves: str) -> None:
    pair = connected(clock, suite)
    leaver, stayer = (pair.client, pair.server) if leaves == "client" else (pair.server, pair.client)
    goodbye = leaver.close()
    assert goodbye
    for datagram in goodbye:
        stayer.feed(datagram, clock.monotonic())
    assert (leaver.state, stayer.state) == ("closed", "closed")
    assert leaver.close() == stayer.close() == []


@pytest.mark.parametrize("suite", SUITES)
def test_no_goodbye_but_the_peers_own_is_heard(clock: ManualClock, suite: str) -> None:
    """Each byte of it changed, and that of another association."""
    pair, other = connected(clock, suite), connected(clock, suite)
    (goodbye,) = pair.client.close()
    (others,) = other.client.close()
    forged = [goodbye[:at] + bytes([goodbye[at] ^ 1]) + goodbye[at + 1 :] for at in range(len(goodbye))]
    for datagram in (*forged, others, goodbye[:-1], goodbye[:13]):
        assert pair.server.feed(datagram, clock.monotonic()) == []
        assert pair.server.state == "connected"
    pair.server.feed(goodbye, clock.monotonic())
    assert pair.server.state == "closed"


def test_a_connected_session_can_be_given_up(clock: ManualClock) -> None:
    pair = connected(clock, SUITES[0])
    assert pair.server.abort() == []
    assert pair.server.state == "failed"
    assert pair.server.feed(pair.client.close()[0], clock.monotonic()) == []


@pytest.mark.parametrize("suite", SUITES)
def test_a_connected_session_holds_no_openssl_session(clock: ManualClock, suite: str) -> None:
    pair = connected(clock, suite)
    assert not hasattr(pair.client, "_ssl")
    assert not hasattr(pair.server, "_ssl")


def test_closing_before_the_end_says_nothing(clock: ManualClock) -> None:
    pair = Pair(clock)
    pair.client.start(clock.monotonic())
    assert pair.client.close() == []
    assert pair.client.keys is None


def test_records_are_packed_up_to_the_mtu() -> None:
    written = b"".join(record(HANDSHAKE, bytes([n]) * 500, number=n) for n in range(5))
    packed = pack_records(written)
    assert b"".join(packed) == written
    assert [len(datagram) for datagram in packed] == [2 * 513, 2 * 513, 513]


@pytest.mark.parametrize("seed", range(6))
def test_a_storm_only_delays(seed: int) -> None:
    """A quarter lost in both directions, doubled, mixed; on the real clock, as OpenSSL's timers are."""
    pair = Pair(SystemClock())
    pair.run(Stormy(seed), within_s=HANDSHAKE_DEADLINE_S)
    assert_same_keys(pair)


def test_a_lost_last_flight_is_sent_again_when_the_client_asks() -> None:
    """The server has finished and has no timer: only the client's repeated Finished can tell it."""
    pair = Pair(SystemClock())
    losing = Losing(3)
    pair.run(losing, within_s=HANDSHAKE_DEADLINE_S)
    assert losing.lost == 1
    assert_same_keys(pair)


def test_an_overdue_flight_does_not_go_along_with_the_last() -> None:
    """On a busy machine the answer is read after OpenSSL's second has gone by. Then OpenSSL repeats its flight first,
    and a peer that takes the datagram for the repetition that its first record is (dimpl) never sees what follows."""
    clock = SystemClock()
    pair = Pair(clock)
    asks = pair.server.feed(pair.client.start(clock.monotonic())[0], clock.monotonic())
    answers = [answer for flight in asks for answer in pair.client.feed(flight, clock.monotonic())]
    time.sleep(OPENSSL_REPEATS_AFTER_S)
    last = [datagram for answer in answers for datagram in pair.server.feed(answer, clock.monotonic())]
    kinds = [(each.kind, each.epoch) for datagram in last for each in records(datagram)]
    assert kinds == [(CHANGE_CIPHER_SPEC, 0), (HANDSHAKE, 1)]
    for datagram in last:
        pair.client.feed(datagram, clock.monotonic())
    assert_same_keys(pair)
