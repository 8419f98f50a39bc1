"""aiortc's ICE and DTLS against the media port, without SDP: the plane alone, with another implementation."""

import asyncio
import secrets
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiortc import RTCCertificate, RTCIceCandidate, RTCIceGatherer, RTCIceTransport
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport
from aiortc.rtcicetransport import RTCIceParameters

from sfu.media.plane import MediaPlane
from sfu.media.specs import CodecSpec, LostReason, RemoteTransport, Slot, SlotSpec, SourceSpec, Transport
from tests.waiting import within

OPUS = CodecSpec(codec="opus", payload_type=111, clock_rate=48_000)


class Heard:
    """What the plane tells about one transport."""

    def __init__(self) -> None:
        self.is_connected = asyncio.Event()
        self.is_lost = asyncio.Event()
        self.lost: list[str] = []

    def on_connected(self) -> None:
        self.is_connected.set()

    def on_lost(self, reason: LostReason) -> None:
        self.lost.append(reason)
        self.is_lost.set()

    def on_moved(self) -> None: ...


class Packets:
    """Takes the place of aiortc's router: keeps the decrypted RTP packets that arrive."""

    def __init__(self) -> None:
        self.arrived: list[bytes] = []

    async def __call__(self, data: bytes, arrival_time_ms: int) -> None:
        self.arrived.append(data)


class MediaPeer:
    def __init__(self, plane: MediaPlane, *, setup: str = "actpass", announced: str | None = None) -> None:
        self.plane = plane
        self.heard = Heard()
        self.ssrc = secrets.randbits(31) + 1
        self._sequence_number = 0
        self._certificate = RTCCertificate.generateCertificate()
        self._gatherer = RTCIceGatherer(iceServers=[])
        self.ice = RTCIceTransport(self._gatherer)
        self.dtls = RTCDtlsTransport(self.ice, [self._certificate])
        own = self._gatherer.getLocalParameters()
        [fingerprint] = [each for each in self._certificate.getFingerprints() if each.algorithm == "sha-256"]
        self.remote = RemoteTransport(
            own.usernameFragment,
            own.password,
            [(fingerprint.algorithm, announced or fingerprint.value)],
            setup,
        )
        self.transport: Transport = plane.open_transport(self.remote, extensions=[], listener=self.heard)
        self.packets = Packets()
        self.dtls._handle_rtp_data = self.packets

    async def connect(self) -> None:
        await self.connect_ice()
        await self.connect_dtls()

    async def connect_ice(self) -> None:
        await self._gatherer.gather()
        self.ice._role_set = True
        self.ice._connection.ice_controlling = True
        for number, candidate in enumerate(self.plane.candidates(reached_at=None)):
            await self.ice.addRemoteCandidate(
                RTCIceCandidate(
                    component=1,
                    foundation=candidate.foundation,
                    ip=candidate.address,
                    port=candidate.port,
                    priority=candidate.priority - number,
                    protocol="udp",
                    type="host",
                )
            )
        await self.ice.addRemoteCandidate(None)
        local = self.transport.local
        await self.ice.start(
            RTCIceParameters(usernameFragment=local.ufrag, password=local.password, iceLite=True)
        )

    async def connect_dtls(self) -> None:
        local = self.transport.local
        algorithm, value = local.fingerprint
        self.dtls._set_role("server" if local.setup == "active" else "client")
        await self.dtls.start(
            RTCDtlsParameters(
                fingerprints=[RTCDtlsFingerprint(algorithm=algorithm, value=value)],
                role="client" if local.setup == "active" else "server",
            )
        )

    def publish(self) -> int:
        spec = SourceSpec(mid="0", kind="audio", codecs=[OPUS], announced=[(self.ssrc, None)])
        return self.plane.add_source(self.transport.id, spec)

    def listen(self, source: int) -> Slot:
        spec = SlotSpec(mid="1", kind="audio", codecs=[OPUS], cname="peer")
        slot = self.plane.add_slot(self.transport.id, spec)
        self.plane.show(slot.id, source)
        return slot

    async def say(self, payload: bytes) -> None:
        self._sequence_number += 1
        header = struct.pack(
            "!BBHII", 0x80, 111, self._sequence_number, 960 * self._sequence_number, self.ssrc
        )
        await self.dtls._send_rtp(header + payload)

    async def stop(self) -> None:
        await self.dtls.stop()
        await self.ice.stop()


@asynccontextmanager
async def media_peer(plane: MediaPlane, **arguments) -> AsyncIterator[MediaPeer]:
    peer = MediaPeer(plane, **arguments)
    try:
        yield peer
    finally:
        await peer.stop()


async def until(condition: Callable[[], object], meanwhile: Callable[[], object] | None = None) -> None:
    """Until it holds; `meanwhile` is awaited between looks."""
    async with within(f"{condition.__qualname__}()"):
        while not condition():
            if meanwhile is not None:
                await meanwhile()
            await asyncio.sleep(0.02)
