"""Two DTLS sessions joined by a network that loses, doubles and reorders, on a clock of one's choice."""

import random
import time
from collections import deque
from collections.abc import Callable

from sfu.clock import Clock, ManualClock
from sfu.media.certificates import Certificate, Certificates, Fingerprint
from sfu.media.dtls import DtlsSession

Weather = Callable[[list[bytes]], list[bytes]]


def calm(datagrams: list[bytes]) -> list[bytes]:
    return datagrams


def doubling(datagrams: list[bytes]) -> list[bytes]:
    return [datagram for datagram in datagrams for _ in range(2)]


def reversing(datagrams: list[bytes]) -> list[bytes]:
    return datagrams[::-1]


class Losing:
    """Drops the datagrams with these numbers, counted over both directions."""

    def __init__(self, *numbers: int) -> None:
        self._numbers = set(numbers)
        self._seen = 0
        self.lost = 0

    def __call__(self, datagrams: list[bytes]) -> list[bytes]:
        kept = []
        for datagram in datagrams:
            if self._seen in self._numbers:
                self.lost += 1
            else:
                kept.append(datagram)
            self._seen += 1
        return kept


class Stormy:
    """Loses a quarter, doubles some, mixes the order; never the same way twice but for the seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def __call__(self, datagrams: list[bytes]) -> list[bytes]:
        kept = [datagram for datagram in datagrams if self._random.random() > 0.25]
        kept += [datagram for datagram in kept if self._random.random() < 0.2]
        self._random.shuffle(kept)
        return kept


class Mutating:
    """Every third datagram comes cut, with a bit flipped, or with noise in the middle."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def __call__(self, datagrams: list[bytes]) -> list[bytes]:
        return [self._mutated(datagram) for datagram in datagrams]

    def _mutated(self, datagram: bytes) -> bytes:
        at = self._random.randrange(len(datagram))
        flipped = bytes([datagram[at] ^ 1 << self._random.randrange(8)])
        noise = self._random.randbytes(self._random.randrange(1, 40))
        choices = [
            datagram[:at],
            datagram[:at] + flipped + datagram[at + 1 :],
            datagram[:at] + noise + datagram[at:],
        ]
        return self._random.choice(choices + [datagram] * 6)


class Pair:
    """A client and a server that know each other's fingerprints unless told otherwise."""

    def __init__(
        self,
        clock: Clock,
        *,
        client_expects: list[Fingerprint] | None = None,
        server_expects: list[Fingerprint] | None = None,
    ) -> None:
        self.clock = clock
        self.client_certificate: Certificate = Certificates(clock).current()
        self.server_certificate: Certificate = Certificates(clock).current()
        now = clock.monotonic()
        client_expects = client_expects or [self.server_certificate.fingerprint]
        server_expects = server_expects or [self.client_certificate.fingerprint]
        self.client = DtlsSession(self.client_certificate, "client", client_expects, now)
        self.server = DtlsSession(self.server_certificate, "server", server_expects, now)
        self.sent: list[bytes] = []
        self._wire: deque[tuple[DtlsSession, bytes]] = deque()

    @property
    def is_over(self) -> bool:
        return not (self.client.is_handshaking or self.server.is_handshaking)

    def run(self, weather: Weather = calm, within_s: float = 40.0) -> None:
        """Until both have finished, or time is over."""
        until = self.clock.monotonic() + within_s
        self._carry(self.server, self.client.start(self.clock.monotonic()), weather)
        while not self.is_over and self.clock.monotonic() < until:
            self._deliver(weather)
            if not self.is_over:
                self._wait(weather)
        self._deliver(weather)

    def _deliver(self, weather: Weather) -> None:
        while self._wire:
            receiver, datagram = self._wire.popleft()
            answer = receiver.feed(datagram, self.clock.monotonic())
            self._carry(self._other(receiver), answer, weather)

    def _wait(self, weather: Weather) -> None:
        due = [session.timeout_at for session in (self.client, self.server)]
        now = self.clock.monotonic()
        pause = max(0.0, min(at for at in due if at is not None) - now)
        if isinstance(self.clock, ManualClock):
            self.clock.advance(pause)
        else:
            time.sleep(pause)
        for session in (self.client, self.server):
            if session.timeout_at is not None and session.timeout_at <= self.clock.monotonic():
                self._carry(self._other(session), session.handle_timeout(self.clock.monotonic()), weather)

    def _other(self, session: DtlsSession) -> DtlsSession:
        return self.server if session is self.client else self.client

    def _carry(self, receiver: DtlsSession, datagrams: list[bytes], weather: Weather) -> None:
        self.sent += datagrams
        self._wire.extend((receiver, datagram) for datagram in weather(datagrams))
