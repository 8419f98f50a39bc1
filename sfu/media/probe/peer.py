"""The probe's other end: a small WebRTC peer on a UDP socket of its own. Sends to one address only."""

import asyncio
import secrets
import struct
from typing import Self

from sfu.clock import Clock
from sfu.media.certificates import Certificate
from sfu.media.credentials import new_password, new_ufrag
from sfu.media.dtls import DtlsSession, SrtpKeys
from sfu.media.probe import stun
from sfu.media.probe.srtp import GcmStream, payload_of
from sfu.media.specs import LocalTransport, RemoteTransport

PAYLOAD_TYPE = 111
CLOCK_RATE = 48_000
# Over loopback nothing is lost but what comes before the server knows our keys: ask again soon.
_ASK_AGAIN_S = 0.05


class ProbePeer(asyncio.DatagramProtocol):
    @classmethod
    async def open(cls, server: tuple[str, int], certificate: Certificate, clock: Clock) -> Self:
        peer = cls(certificate, clock)
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: peer, remote_addr=server)
        return peer

    def __init__(self, certificate: Certificate, clock: Clock) -> None:
        self.ssrc = secrets.randbits(31) + 1
        self._certificate = certificate
        self._clock = clock
        self._ufrag, self._password = new_ufrag(), new_password()
        self._server: LocalTransport | None = None
        self._endpoint: asyncio.DatagramTransport | None = None
        self._session: DtlsSession | None = None
        self._checks: set[bytes] = set()
        self._sequence_number = secrets.randbits(15)
        self._inbound: GcmStream | None = None
        self._heard: set[tuple[int, bytes]] = set()
        self._ice_is_up = asyncio.Event()
        self._dtls_is_over = asyncio.Event()
        self._progress = asyncio.Event()

    @property
    def remote(self) -> RemoteTransport:
        """This peer as its offer would describe it: the DTLS client."""
        return RemoteTransport(self._ufrag, self._password, [self._certificate.fingerprint], "active")

    def close(self) -> None:
        if self._endpoint is not None:
            self._endpoint.close()

    # -- the three stages -----------------------------------------------------------------------

    async def connect_ice(self, server: LocalTransport) -> None:
        self._server = server
        while not self._ice_is_up.is_set():
            transaction_id = stun.new_transaction_id()
            self._checks.add(transaction_id)
            username = f"{server.ufrag}:{self._ufrag}"
            self._send(stun.nominating_check(transaction_id, username, server.password))
            await self._wait(self._ice_is_up)

    async def connect_dtls(self) -> SrtpKeys | None:
        """None when the handshake failed."""
        if self._server is None:
            return None
        now = self._clock.monotonic()
        self._session = DtlsSession(self._certificate, "client", [self._server.fingerprint], now)
        self._send(*self._session.start(now))
        while not self._dtls_is_over.is_set():
            await self._wait(self._dtls_is_over)
            self._send(*self._session.handle_timeout(self._clock.monotonic()))
        return self._session.keys

    async def hear_itself(self, keys: SrtpKeys, ssrc: int) -> None:
        """Send audio until a packet comes back with this SSRC and what we said in it."""
        self._inbound = GcmStream(keys.remote_key, keys.remote_salt)
        outbound = GcmStream(keys.local_key, keys.local_salt)
        payload = secrets.token_bytes(32)
        while (ssrc, payload) not in self._heard:
            self._send(outbound.protect(self._rtp(payload)))
            self._progress.clear()
            await self._wait(self._progress)

    async def _wait(self, event: asyncio.Event) -> None:
        try:
            async with asyncio.timeout(_ASK_AGAIN_S):
                await event.wait()
        except TimeoutError:
            pass

    def _rtp(self, payload: bytes) -> bytes:
        self._sequence_number += 1
        timestamp = self._sequence_number * CLOCK_RATE // 50
        return (
            struct.pack("!BBHII", 0x80, PAYLOAD_TYPE, self._sequence_number, timestamp, self.ssrc) + payload
        )

    # -- the socket (asyncio.DatagramProtocol) ----------------------------------------------------

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._endpoint = transport

    def datagram_received(self, data: bytes, _address: object) -> None:
        """RFC 7983 §7."""
        first = data[0] if data else 255
        if first < 4:
            self._on_stun(data)
        elif 20 <= first < 64:
            self._on_dtls(data)
        elif 128 <= first < 192:
            self._on_srtp(data)

    def _on_stun(self, data: bytes) -> None:
        if self._server is None:
            return
        if any(stun.is_success(data, check, self._server.password) for check in self._checks):
            self._ice_is_up.set()

    def _on_dtls(self, data: bytes) -> None:
        if self._session is not None:
            self._send(*self._session.feed(data, self._clock.monotonic()))
            if not self._session.is_handshaking:
                self._dtls_is_over.set()

    def _on_srtp(self, data: bytes) -> None:
        packet = self._inbound.unprotect(data) if self._inbound is not None else None
        if packet is not None:
            self._heard.add((int.from_bytes(packet[8:12]), payload_of(packet)))
            self._progress.set()

    def _send(self, *datagrams: bytes) -> None:
        if self._endpoint is not None:
            for datagram in datagrams:
                self._endpoint.sendto(datagram)
