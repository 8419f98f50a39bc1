"""Many handshakes at once share the event loop fairly and within bounds."""

from collections import defaultdict, deque
from collections.abc import Sequence

import pytest

from sfu.clock import ManualClock
from sfu.media.certificates import Certificate, Certificates
from sfu.media.dtls import HANDSHAKE_DEADLINE_S, DtlsSession, SrtpKeys
from sfu.media.handshakes import BUDGET_STEPS, INBOX_DATAGRAMS, STALLED_S, Handshakes


class Recorder:
    def __init__(self) -> None:
        self.sent: defaultdict[int, list[bytes]] = defaultdict(list)
        self.keys: dict[int, SrtpKeys] = {}
        self.lost: list[tuple[int, str]] = []

    def send(self, transport: int, datagrams: Sequence[bytes]) -> None:
        self.sent[transport] += datagrams

    def handshake_finished(self, transport: int, keys: SrtpKeys) -> None:
        assert transport not in self.keys
        self.keys[transport] = keys

    def handshake_lost(self, transport: int, reason: str) -> None:
        self.lost.append((transport, reason))


class Bench:
    """The server's handshakes with as many clients as wanted."""

    def __init__(self, clock: ManualClock, at_once: int = 8) -> None:
        self.clock = clock
        self.ours: Certificate = Certificates(clock).current()
        self.theirs: Certificate = Certificates(clock).current()
        self.recorder = Recorder()
        self.handshakes = Handshakes(clock, self.recorder, at_once=at_once)
        self.clients: dict[int, DtlsSession] = {}

    def open(self, transport: int) -> None:
        self.handshakes.open(transport, self.ours, "server", [self.theirs.fingerprint])
        self.clients[transport] = DtlsSession(
            self.theirs, "client", [self.ours.fingerprint], self.clock.monotonic()
        )

    def greet(self, transport: int) -> None:
        for datagram in self.clients[transport].start(self.clock.monotonic()):
            self.handshakes.receive(transport, datagram)

    def run(self) -> None:
        """Carry datagrams until nobody has anything to say."""
        moved = True
        while moved:
            while self.handshakes.has_work:
                self.handshakes.run()
            moved = False
            for transport, datagrams in list(self.recorder.sent.items()):
                waiting = deque(datagrams)
                datagrams.clear()
                while waiting and transport in self.clients:
                    moved = True
                    for answer in self.clients[transport].feed(waiting.popleft(), self.clock.monotonic()):
                        self.handshakes.receive(transport, answer)


@pytest.fixture
def bench(clock: ManualClock) -> Bench:
    return Bench(clock)


def test_more_handshakes_than_places_all_finish(bench: Bench) -> None:
    for transport in range(1, 31):
        bench.open(transport)
        bench.greet(transport)
    assert bench.handshakes.under_way == 8
    assert bench.handshakes.waiting == 22
    bench.run()
    assert set(bench.recorder.keys) == set(bench.clients)
    assert bench.handshakes.results == {"connected": 30}
    assert not bench.handshakes.needs_ticks


def test_one_run_does_a_bounded_piece_of_work(bench: Bench, clock: ManualClock) -> None:
    big = Bench(clock, at_once=1000)
    for transport in range(1, 2 * BUDGET_STEPS):
        big.open(transport)
        big.greet(transport)
    big.handshakes.run()
    assert len(big.recorder.sent) == BUDGET_STEPS
    assert big.handshakes.has_work


def test_a_flood_waits_behind_everyone_else(bench: Bench) -> None:
    bench.open(1)
    bench.open(2)
    bench.greet(1)
    for _ in range(INBOX_DATAGRAMS - 1):
        bench.handshakes.receive(1, b"\x16\xfe\xfd" + bytes(8) + b"\0\1x")
    bench.greet(2)
    order: list[int] = []
    send = bench.recorder.send
    bench.recorder.send = lambda transport, datagrams: (order.append(transport), send(transport, datagrams))
    for _ in range(2):
        bench.handshakes.run()
    assert order[:2] == [1, 2]
    bench.run()
    assert 2 in bench.recorder.keys


def test_a_full_inbox_drops_and_counts(bench: Bench) -> None:
    bench.open(1)
    for _ in range(INBOX_DATAGRAMS + 10):
        bench.handshakes.receive(1, b"\x16\xfe\xfd" + bytes(8) + b"\0\1x")
    assert bench.handshakes.drops["dtls_inbox_full"] == 10


def test_datagrams_of_the_unknown_are_counted(bench: Bench) -> None:
    bench.handshakes.receive(99, b"x")
    assert bench.handshakes.drops["dtls_no_session"] == 1


def test_the_silent_give_their_place_to_those_who_speak(bench: Bench, clock: ManualClock) -> None:
    for transport in range(1, 9):
        bench.open(transport)
    bench.open(9)
    bench.greet(9)
    bench.run()
    assert 9 not in bench.recorder.keys
    clock.advance(STALLED_S)
    bench.handshakes.tick()
    bench.run()
    assert 9 in bench.recorder.keys
    # The silent ones were not forgotten: one that wakes up gets through.
    bench.greet(1)
    bench.run()
    assert 1 in bench.recorder.keys


def test_a_mute_peer_is_lost_at_the_deadline_also_while_it_waits(bench: Bench, clock: ManualClock) -> None:
    for transport in range(1, 11):
        bench.open(transport)
    clock.advance(HANDSHAKE_DEADLINE_S)
    bench.handshakes.tick()
    assert sorted(bench.recorder.lost) == [(transport, "dtls_timeout") for transport in range(1, 11)]
    assert bench.handshakes.results == {"dtls_timeout": 10}
    assert not bench.handshakes.needs_ticks


def test_a_wrong_certificate_loses_only_its_transport(bench: Bench, clock: ManualClock) -> None:
    bench.open(1)
    bench.open(2)
    stranger = Certificates(clock).current()
    bench.clients[1] = DtlsSession(stranger, "client", [bench.ours.fingerprint], clock.monotonic())
    bench.greet(1)
    bench.greet(2)
    bench.run()
    assert bench.recorder.lost == [(1, "fingerprint_mismatch")]
    assert set(bench.recorder.keys) == {2}


def test_a_goodbye_is_a_loss_by_name(bench: Bench) -> None:
    bench.open(1)
    bench.greet(1)
    bench.run()
    for datagram in bench.clients[1].close():
        bench.handshakes.receive(1, datagram)
    bench.run()
    assert bench.recorder.lost == [(1, "closed")]


def test_closing_frees_the_place(bench: Bench) -> None:
    for transport in range(1, 10):
        bench.open(transport)
    bench.greet(9)
    bench.handshakes.close(1)
    bench.run()
    assert 9 in bench.recorder.keys
    assert bench.recorder.lost == []


def test_a_client_of_ours_speaks_first_and_repeats_itself(bench: Bench, clock: ManualClock) -> None:
    bench.handshakes.open(1, bench.ours, "client", [bench.theirs.fingerprint])
    bench.handshakes.run()
    first = list(bench.recorder.sent[1])
    assert first
    clock.advance(0.1)
    bench.handshakes.tick()
    assert bench.recorder.sent[1] == first * 2
    server = DtlsSession(bench.theirs, "server", [bench.ours.fingerprint], clock.monotonic())
    bench.clients[1] = server
    bench.run()
    assert server.keys is not None
    assert bench.recorder.keys[1].local_key == server.keys.remote_key


def test_what_breaks_a_session_ends_that_peer_alone(bench: Bench, monkeypatch) -> None:
    bench.open(1)
    bench.open(2)
    bench.greet(1)
    bench.greet(2)

    def broken(datagram: bytes, now: float) -> list[bytes]:
        raise RuntimeError("OpenSSL")

    session = bench.handshakes._peers[1].session
    monkeypatch.setattr(session, "feed", broken)
    bench.run()
    assert bench.recorder.lost == [(1, "dtls_failed")]
    assert set(bench.recorder.keys) == {2}
