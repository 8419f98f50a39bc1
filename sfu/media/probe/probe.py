"""One round trip: ICE, DTLS, then one Opus packet in as a source and out as a slot."""

import asyncio
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from sfu.clock import Clock
from sfu.errors import SfuError
from sfu.log import get_logger
from sfu.media.certificates import Certificates
from sfu.media.probe.peer import CLOCK_RATE, PAYLOAD_TYPE, ProbePeer
from sfu.media.specs import (
    CodecSpec,
    Extensions,
    LostReason,
    RemoteTransport,
    Slot,
    SlotListener,
    SlotSpec,
    SourceListener,
    SourceSpec,
    Transport,
    TransportListener,
)

log = get_logger(__name__)

DEADLINE_S = 3.0

Stage = Literal["workers", "open", "ice", "dtls", "rtp", "probe"]
"""`workers`: one of several has died or is stuck, and a probe would be served by another. `probe`: none has
ended lately."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    failed_at: Stage | None
    """The first stage that did not pass in time."""
    took_s: dict[Stage, float] = field(default_factory=dict)
    """Of each stage that passed."""

    @property
    def ok(self) -> bool:
        return self.failed_at is None

    @property
    def detail(self) -> str:
        if self.failed_at == "probe":
            return "no probe has ended lately: the server is stuck"
        if self.failed_at is not None:
            return f"no answer at stage: {self.failed_at}"
        return ", ".join(f"{stage} {1000 * took:.1f} ms" for stage, took in self.took_s.items())

    @property
    def round_trip_s(self) -> float | None:
        """Of one packet in as a source and out as a slot."""
        return self.took_s.get("rtp")


class ProbedPlane(Protocol):
    """What the probe needs of the media plane."""

    @property
    def local_addresses(self) -> list[tuple[str, int]]: ...

    def open_for_probe(
        self, remote: RemoteTransport, *, extensions: Extensions, listener: TransportListener
    ) -> Transport: ...

    def close_transport(self, transport: int) -> None: ...

    def add_source(self, transport: int, spec: SourceSpec, listener: SourceListener | None = None) -> int: ...

    def add_slot(self, transport: int, spec: SlotSpec, listener: SlotListener | None = None) -> Slot: ...

    def show(self, slot: int, source: int | None) -> None: ...


class _Listener:
    """The probe looks from outside: nothing to hear."""

    def on_connected(self) -> None: ...

    def on_lost(self, reason: LostReason) -> None: ...

    def on_moved(self) -> None: ...


class Probe:
    def __init__(self, plane: ProbedPlane, clock: Clock, deadline_s: float = DEADLINE_S) -> None:
        self._plane = plane
        self._clock = clock
        self._deadline_s = deadline_s
        self._certificates = Certificates(clock)
        self._one_at_a_time = asyncio.Lock()

    async def run(self) -> ProbeResult:
        """Never raises for what it is there to find out."""
        async with self._one_at_a_time:
            stages = _Stages(self._clock.monotonic)
            try:
                async with asyncio.timeout(self._deadline_s):
                    passed = await self._go(stages)
            except (TimeoutError, OSError, SfuError) as error:
                log.warning("media probe failed", stage=stages.current, error=str(error) or "timeout")
                passed = False
            return ProbeResult(None if passed else stages.current, stages.took_s)

    async def _go(self, stages: "_Stages") -> bool:
        certificate = self._certificates.current()
        peer = await ProbePeer.open(_reachable(self._plane.local_addresses[0]), certificate, self._clock)
        try:
            transport = self._plane.open_for_probe(peer.remote, extensions=(), listener=_Listener())
            try:
                return await self._through(peer, transport, stages)
            finally:
                self._plane.close_transport(transport.id)
        finally:
            peer.close()

    async def _through(self, peer: ProbePeer, transport: Transport, stages: "_Stages") -> bool:
        slot = self._loop_back(peer, transport)
        stages.passed("ice")
        await peer.connect_ice(transport.local)
        stages.passed("dtls")
        keys = await peer.connect_dtls()
        if keys is None:
            return False
        stages.passed("rtp")
        await peer.hear_itself(keys, slot.ssrc)
        stages.passed("rtp")
        return True

    def _loop_back(self, peer: ProbePeer, transport: Transport) -> Slot:
        """A slot that shows the peer its own source."""
        opus = CodecSpec(codec="opus", payload_type=PAYLOAD_TYPE, clock_rate=CLOCK_RATE)
        source = self._plane.add_source(
            transport.id,
            SourceSpec(mid="0", kind="audio", codecs=[opus], announced=[(peer.ssrc, None)]),
        )
        slot = self._plane.add_slot(
            transport.id, SlotSpec(mid="1", kind="audio", codecs=[opus], cname="probe")
        )
        self._plane.show(slot.id, source)
        return slot


class _Stages:
    """Which stage runs, and how long those before it took."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._since = now()
        self.current: Stage = "open"
        self.took_s: dict[Stage, float] = {}

    def passed(self, following: Stage) -> None:
        """The current stage passed; `following` begins."""
        now = self._now()
        self.took_s[self.current] = now - self._since
        self._since = now
        self.current = following


def _reachable(bound: tuple[str, int]) -> tuple[str, int]:
    """A wildcard socket is reached over loopback."""
    address = ipaddress.ip_address(bound[0])
    if not address.is_unspecified:
        return bound
    return ("127.0.0.1" if address.version == 4 else "::1"), bound[1]
