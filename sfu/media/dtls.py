"""One peer's DTLS 1.2 association, sans-IO: datagrams in, datagrams out, SRTP keys at the end.

    new ──start/feed──► handshaking ──► connected ──► closed
                             └────────► failed

`now` is a parameter; `timeout_at` says when :meth:`DtlsSession.handle_timeout` wants to be called. The peer's
certificate is checked against its SDP fingerprint before any key leaves, in both roles. No cookie exchange
(HelloVerifyRequest): datagrams come from tuples that ICE has validated. Once connected the OpenSSL session is
let go: :mod:`sfu.media.dtls_afterwards` has what remains. Knows no socket, transport or SDP.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from OpenSSL import SSL

from sfu.limits import FIXED
from sfu.media.certificates import Certificate, Fingerprint, PeerIdentity
from sfu.media.dtls_afterwards import Afterwards
from sfu.media.dtls_records import MTU, from_change_cipher_spec, is_dtls, pack_records

Role = Literal["client", "server"]
State = Literal["new", "handshaking", "connected", "closed", "failed"]
SrtpProfile = Literal["SRTP_AEAD_AES_128_GCM", "SRTP_AES128_CM_SHA1_80"]
Failure = Literal["fingerprint_mismatch", "dtls_timeout", "dtls_failed", "no_srtp_profile"]

HANDSHAKE_DEADLINE_S = FIXED.dtls_handshake_s
# OpenSSL waits 1 s before it sends a lost flight again, and pyOpenSSL cannot change that. Until then we
# repeat the same datagrams: records that the peer already has fall to its replay check (RFC 6347 §4.1.2.6).
EARLY_RESENDS_S = (0.1, 0.2, 0.4)
HANDSHAKE_INPUT_BYTES = FIXED.dtls_handshake_bytes

# Master key and salt lengths of RFC 7714 §12 and RFC 3711 §8.2.
_SALT_BYTES: dict[SrtpProfile, int] = {"SRTP_AEAD_AES_128_GCM": 12, "SRTP_AES128_CM_SHA1_80": 14}
_KEY_BYTES = 16
_READ_BYTES = 4096


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """Master keys and salts of both directions (RFC 5764 §4.2)."""

    profile: SrtpProfile
    local_key: bytes = field(repr=False)
    local_salt: bytes = field(repr=False)
    remote_key: bytes = field(repr=False)
    remote_salt: bytes = field(repr=False)


class DtlsSession:
    def __init__(self, certificate: Certificate, role: Role, peer: Sequence[Fingerprint], now: float) -> None:
        self._peer = PeerIdentity(peer)
        self._role: Role = role
        self._state: State = "new"
        self._failure: Failure | None = None
        self._keys: SrtpKeys | None = None
        self._deadline = now + HANDSHAKE_DEADLINE_S
        self._input_left = HANDSHAKE_INPUT_BYTES
        self._flight: list[bytes] = []
        self._resends: list[float] = []
        self._openssl_at: float | None = None
        self._ignored = 0
        self._afterwards: Afterwards | None = None
        """In place of the OpenSSL session."""
        self._ssl = self._connection(certificate)

    @property
    def state(self) -> State:
        return self._state

    @property
    def failure(self) -> Failure | None:
        """Why `state` is `failed`."""
        return self._failure

    @property
    def keys(self) -> SrtpKeys | None:
        """Once connected."""
        return self._keys

    @property
    def is_handshaking(self) -> bool:
        return self._state in ("new", "handshaking")

    @property
    def ignored(self) -> int:
        """Datagrams that were no DTLS, or application data that nobody reads."""
        return self._ignored

    @property
    def timeout_at(self) -> float | None:
        if not self.is_handshaking:
            return None
        times = [self._deadline, *self._resends[:1]]
        if self._openssl_at is not None:
            times.append(self._openssl_at)
        return min(times)

    def start(self, now: float) -> list[bytes]:
        """The client's first flight; a server waits for it."""
        if self._role == "server" or self._state != "new":
            return []
        return self._handshake(now)

    def feed(self, datagram: bytes, now: float) -> list[bytes]:
        """One datagram from the peer; what to answer."""
        if self._state in ("closed", "failed"):
            return []
        if not is_dtls(datagram):
            self._ignored += 1
            return []
        if self.is_handshaking:
            return self._feed_handshake(datagram, now)
        if self._afterwards is not None:
            return self._hear(self._afterwards, datagram)
        self._ssl.bio_write(datagram)
        return self._read()

    def handle_timeout(self, now: float) -> list[bytes]:
        if not self.is_handshaking:
            return []
        if now >= self._deadline:
            return self._fail("dtls_timeout")
        try:
            self._ssl.DTLSv1_handle_timeout()
        except SSL.Error:
            return self._fail("dtls_timeout")
        if flight := self._output():
            return self._sent(flight, now)
        return self._resend(now)

    def close(self) -> list[bytes]:
        """Tell the peer that we go (close_notify)."""
        if self._state != "connected":
            self._end("closed")
            return []
        self._end("closed")
        return self._say_goodbye() if self._afterwards is None else list(self._afterwards.goodbye)

    def abort(self) -> list[bytes]:
        """Something of ours broke on this peer's input: say nothing more to it."""
        self._fail("dtls_failed")
        return []

    # -- the handshake --------------------------------------------------------------------------

    def _connection(self, certificate: Certificate) -> SSL.Connection:
        connection = SSL.Connection(certificate.context, None)
        connection.set_app_data(self._peer)
        connection.set_ciphertext_mtu(MTU)
        if self._role == "client":
            connection.set_connect_state()
        else:
            connection.set_accept_state()
        return connection

    def _feed_handshake(self, datagram: bytes, now: float) -> list[bytes]:
        self._input_left -= len(datagram)
        if self._input_left < 0:
            return self._fail("dtls_failed")
        self._ssl.bio_write(datagram)
        return self._handshake(now)

    def _handshake(self, now: float) -> list[bytes]:
        self._state = "handshaking"
        try:
            self._ssl.do_handshake()
        except SSL.WantReadError:
            return self._sent(self._output(), now)
        except SSL.Error:
            # Our own refusal of the certificate comes back as an OpenSSL error like any other.
            return self._fail("fingerprint_mismatch" if self._peer.was_refused else "dtls_failed")
        return self._finish()

    def _finish(self) -> list[bytes]:
        if not self._peer.accepts(self._ssl.get_peer_certificate()):
            return self._fail("fingerprint_mismatch")
        keys = self._export_keys()
        if keys is None:
            return self._fail("no_srtp_profile")
        self._keys = keys
        self._end("connected")
        # Records behind the Finished (an early close) are already in OpenSSL's buffer.
        flight = self._read()
        if self._role == "server":
            # Where an answer comes late OpenSSL repeats its own flight before it reads, and a peer may take
            # the datagram for that repetition alone. (Without tickets nothing else stands before.)
            flight = from_change_cipher_spec(flight)
        if self._state == "connected":
            self._let_go(flight)
        return flight

    def _let_go(self, last_flight: list[bytes]) -> None:
        """Of the OpenSSL session and its 93 KiB."""
        self._afterwards = Afterwards.of(
            self._ssl, self._role, last_flight=last_flight, say_goodbye=self._say_goodbye
        )
        if self._afterwards is not None:
            del self._ssl

    def _export_keys(self) -> SrtpKeys | None:
        profile = _profile(self._ssl.get_selected_srtp_profile())
        if profile is None:
            return None
        salt = _SALT_BYTES[profile]
        material = self._ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (_KEY_BYTES + salt))
        keys, salts = material[: 2 * _KEY_BYTES], material[2 * _KEY_BYTES :]
        client = keys[:_KEY_BYTES], salts[:salt]
        server = keys[_KEY_BYTES:], salts[salt:]
        local, remote = (client, server) if self._role == "client" else (server, client)
        return SrtpKeys(profile, *local, *remote)

    def _fail(self, reason: Failure) -> list[bytes]:
        self._failure = reason
        self._end("failed")
        return self._output() if self._afterwards is None else []

    def _end(self, state: State) -> None:
        """The handshake is over, in one way or the other."""
        self._state = state
        self._flight, self._resends, self._openssl_at = [], [], None

    # -- flights --------------------------------------------------------------------------------

    def _sent(self, flight: list[bytes], now: float) -> list[bytes]:
        if flight:
            self._flight = flight
            self._resends = [now + delay for delay in EARLY_RESENDS_S]
        left = self._ssl.DTLSv1_get_timeout()
        self._openssl_at = None if left is None else now + left
        return flight

    def _resend(self, now: float) -> list[bytes]:
        # OpenSSL's clock is its own: ask again, in case it has not reached its time yet.
        self._sent([], now)
        if not self._resends or now < self._resends[0]:
            return []
        self._resends = [at for at in self._resends if at > now]
        return self._flight

    def _output(self) -> list[bytes]:
        written = bytearray()
        while True:
            try:
                written += self._ssl.bio_read(_READ_BYTES)
            except SSL.Error:
                return pack_records(bytes(written))

    # -- afterwards -----------------------------------------------------------------------------

    def _say_goodbye(self) -> list[bytes]:
        try:
            self._ssl.shutdown()
        except SSL.Error:
            pass
        return self._output()

    def _hear(self, afterwards: Afterwards, datagram: bytes) -> list[bytes]:
        match afterwards.heard(datagram):
            case "last_flight":
                # Ours was lost. The same again: records that the peer has already fall to its replay check.
                return list(afterwards.last_flight)
            case "goodbye":
                self._end("closed")
            case "nothing":
                self._ignored += 1
        return []

    def _read(self) -> list[bytes]:
        """What comes after the handshake: a repeated last flight to answer, or the peer's goodbye."""
        try:
            while True:
                self._ssl.recv(_READ_BYTES)
                self._ignored += 1
        except SSL.WantReadError:
            pass
        except SSL.Error:
            # close_notify and a fatal alert alike: the peer will not speak again.
            self._end("closed")
        return self._output()


def _profile(selected: bytes) -> SrtpProfile | None:
    name = selected.decode("ascii", "replace")
    return next((profile for profile in _SALT_BYTES if profile == name), None)
