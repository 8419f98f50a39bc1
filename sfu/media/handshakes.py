"""All peers' DTLS, worked off fairly: whoever floods or stalls delays himself, not the event loop or the
others.

Datagrams wait in a short queue a transport; :meth:`Handshakes.run` takes them in turns, one a transport,
until its budget is spent. No more than `at_once` handshakes are under way: the others wait in order, and one
that stood still gives its place up while others wait (it goes on when its turn comes again).
Sans-IO but for the callbacks of :class:`HandshakeListener`. Knows no socket and no SDP.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from sfu.clock import Clock
from sfu.limits import FIXED
from sfu.log import get_logger
from sfu.media.certificates import Certificate, Fingerprint
from sfu.media.dtls import DtlsSession, Failure, Role, SrtpKeys

log = get_logger(__name__)

INBOX_DATAGRAMS = FIXED.dtls_inbox
# A server-side handshake costs some 0.3 ms, of which the signature is one step; the loop stays below 10 ms.
BUDGET_S = 0.005
BUDGET_STEPS = 64
# Peers repeat a lost flight after 0.05 to 1 s: who said nothing for longer has probably gone.
STALLED_S = 2.0
# Resolution of timers; the earliest resend is due after 0.1 s.
TICK_S = 0.05

LostReason = Failure | Literal["closed"]


class HandshakeListener(Protocol):
    def send(self, transport: int, datagrams: Sequence[bytes]) -> None: ...

    def handshake_finished(self, transport: int, keys: SrtpKeys) -> None: ...

    def handshake_lost(self, transport: int, reason: LostReason) -> None: ...


@dataclass(slots=True)
class _Peer:
    session: DtlsSession
    is_client: bool
    inbox: deque[bytes] = field(default_factory=deque)
    is_ready: bool = False


class Handshakes:
    def __init__(self, clock: Clock, listener: HandshakeListener, *, at_once: int) -> None:
        self._clock = clock
        self._listener = listener
        self._at_once = at_once
        self._peers: dict[int, _Peer] = {}
        self._ready: deque[int] = deque()
        self._under_way: OrderedDict[int, float] = OrderedDict()
        """Transport to its last progress, the longest ago first."""
        self._waiting: OrderedDict[int, None] = OrderedDict()
        self.results: Counter[str] = Counter()
        """Finished handshakes by outcome: `connected` or a :data:`Failure`."""
        self.drops: Counter[str] = Counter()

    @property
    def has_work(self) -> bool:
        return bool(self._ready)

    @property
    def under_way(self) -> int:
        return len(self._under_way)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def needs_ticks(self) -> bool:
        return bool(self._under_way or self._waiting)

    def open(self, transport: int, certificate: Certificate, role: Role, peer: Sequence[Fingerprint]) -> None:
        """ICE connected: from now the deadline runs; a client speaks first."""
        if transport in self._peers:
            return
        session = DtlsSession(certificate, role, peer, self._clock.monotonic())
        self._peers[transport] = _Peer(session, is_client=role == "client")
        self._admit(transport)

    def receive(self, transport: int, datagram: bytes) -> None:
        peer = self._peers.get(transport)
        if peer is None:
            self.drops["dtls_no_session"] += 1
        elif len(peer.inbox) >= INBOX_DATAGRAMS:
            self.drops["dtls_inbox_full"] += 1
        else:
            peer.inbox.append(datagram)
            self._admit(transport)

    def close(self, transport: int) -> list[bytes]:
        """Forget the peer; returns the goodbye to send."""
        peer = self._peers.pop(transport, None)
        if peer is None:
            return []
        self._leave(transport)
        self._count_ignored(peer)
        return peer.session.close()

    def run(self) -> None:
        """Work until nothing is ready or the budget is spent; then `has_work` says whether to come again."""
        until = self._clock.monotonic() + BUDGET_S
        for _ in range(BUDGET_STEPS):
            if not self._ready or self._clock.monotonic() > until:
                return
            self._step(self._ready.popleft())

    def tick(self) -> None:
        """Resends and deadlines, every :data:`TICK_S` while :attr:`needs_ticks`."""
        now = self._clock.monotonic()
        for transport in [*self._under_way, *self._waiting]:
            peer = self._peers.get(transport)
            due = peer.session.timeout_at if peer else None
            if peer is not None and due is not None and now >= due:
                self._guarded(transport, peer, lambda session: session.handle_timeout(now))
        self._replace_stalled(now)

    # -- turns ----------------------------------------------------------------------------------

    def _step(self, transport: int) -> None:
        peer = self._peers.get(transport)
        if peer is None:
            return
        peer.is_ready = False
        self._guarded(transport, peer, lambda _: self._advance(transport, peer))
        if peer.inbox and transport in self._peers:
            self._enqueue(transport, peer)

    def _guarded(self, transport: int, peer: _Peer, work: Callable[[DtlsSession], list[bytes]]) -> None:
        """Whatever a peer's bytes may break ends that peer alone."""
        try:
            datagrams = work(peer.session)
        except Exception:
            log.exception("a DTLS session broke", transport=transport)
            datagrams = peer.session.abort()
        self._deliver(transport, peer, datagrams)

    def _advance(self, transport: int, peer: _Peer) -> list[bytes]:
        now = self._clock.monotonic()
        if transport in self._under_way:
            self._under_way[transport] = now
            self._under_way.move_to_end(transport)
        if peer.is_client and peer.session.state == "new":
            return peer.session.start(now)
        return peer.session.feed(peer.inbox.popleft(), now) if peer.inbox else []

    def _deliver(self, transport: int, peer: _Peer, datagrams: list[bytes]) -> None:
        """Send what the session said, then tell what became of it."""
        if datagrams:
            self._listener.send(transport, datagrams)
        if peer.session.is_handshaking or transport not in self._peers:
            return
        was_handshaking = self._leave(transport)
        if peer.session.state == "connected":
            self._tell_connected(transport, peer, was_handshaking)
        else:
            self._tell_lost(transport, peer)

    def _tell_connected(self, transport: int, peer: _Peer, was_handshaking: bool) -> None:
        if was_handshaking and peer.session.keys is not None:
            self.results["connected"] += 1
            self._listener.handshake_finished(transport, peer.session.keys)

    def _tell_lost(self, transport: int, peer: _Peer) -> None:
        del self._peers[transport]
        self._count_ignored(peer)
        if peer.session.failure is not None:
            self.results[peer.session.failure] += 1
        self._listener.handshake_lost(transport, peer.session.failure or "closed")

    def _count_ignored(self, peer: _Peer) -> None:
        self.drops["dtls_ignored"] += peer.session.ignored + len(peer.inbox)

    # -- places ---------------------------------------------------------------------------------

    def _admit(self, transport: int) -> None:
        peer = self._peers[transport]
        if not peer.session.is_handshaking or transport in self._under_way:
            self._enqueue(transport, peer)
        elif len(self._under_way) < self._at_once:
            self._take_place(transport)
        else:
            self._waiting.setdefault(transport)
            self._replace_stalled(self._clock.monotonic())

    def _take_place(self, transport: int) -> None:
        self._waiting.pop(transport, None)
        self._under_way[transport] = self._clock.monotonic()
        self._enqueue(transport, self._peers[transport])

    def _enqueue(self, transport: int, peer: _Peer) -> None:
        starts = peer.is_client and peer.session.state == "new"
        if not peer.is_ready and (peer.inbox or starts):
            peer.is_ready = True
            self._ready.append(transport)

    def _leave(self, transport: int) -> bool:
        """Give the place to the next in line; whether there was one to give."""
        self._waiting.pop(transport, None)
        had_place = self._under_way.pop(transport, None) is not None
        while self._waiting and len(self._under_way) < self._at_once:
            self._take_place(next(iter(self._waiting)))
        return had_place

    def _replace_stalled(self, now: float) -> None:
        while self._waiting and self._under_way:
            stalled, since = next(iter(self._under_way.items()))
            if now - since < STALLED_S:
                return
            del self._under_way[stalled]
            self._waiting[stalled] = None
            self._take_place(next(iter(self._waiting)))
