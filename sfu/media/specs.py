"""What the plane is told about peers and their m-lines, and whom it tells what became of them.

Plain values that joining fills from the SDP; they mirror the packet path's commands. Ids that are told to
listeners are plain ints, as the packet path knows them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from sfu.ids import SlotId, TransportId
from sfu.media import handshakes
from sfu.media.certificates import Fingerprint
from sfu.sdp import CodecName, ExtensionName, MediaKind

Setup = Literal["active", "passive", "actpass"]
LocalSetup = Literal["active", "passive"]
Extensions = Sequence[tuple[int, ExtensionName]]
AdaptReason = Literal[
    "your_downlink",
    "senders_uplink",
    "senders_camera",
    "tile_is_small",
    "no_higher_layer",
    "moderators_cap",
    "server_is_busy",
]
"""Why a picture is not better; as `sfu._packets.AdaptReason`."""
LostReason = handshakes.LostReason | Literal["consent_expired", "never_connected", "worker_failed"]


@dataclass(frozen=True, slots=True)
class RemoteTransport:
    """The peer's half, from its offer."""

    ufrag: str
    password: str = field(repr=False)
    fingerprints: Sequence[Fingerprint]
    setup: Setup


@dataclass(frozen=True, slots=True)
class LocalTransport:
    """Our half, for the answer."""

    ufrag: str
    password: str = field(repr=False)
    fingerprint: Fingerprint
    setup: LocalSetup


@dataclass(frozen=True, slots=True)
class Transport:
    id: TransportId
    local: LocalTransport


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecSpec:
    """One codec on one m-line, as negotiated; as `sfu._packets.CodecParameters`."""

    codec: CodecName
    payload_type: int
    clock_rate: int
    rtx_payload_type: int | None = None
    format: str = ""
    nack: bool = False
    pli: bool = False
    fir: bool = False
    transport_cc: bool = False
    ccfb: bool = False
    remb: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec:
    """A peer's send m-line."""

    mid: str
    kind: MediaKind
    codecs: Sequence[CodecSpec]
    rids: Sequence[str] = ()
    """Simulcast rids from the highest layer to the lowest."""
    announced: Sequence[tuple[int, int | None]] = ()
    """SSRCs of `a=ssrc`, each with the RTX SSRC of its FID group."""
    room: int | None = None
    """Whose audio positions it competes for, and whose listener hears of its speaking."""
    is_screen: bool = False
    """Always shown in its highest layer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotSpec:
    """A peer's receive m-line."""

    mid: str
    kind: MediaKind
    codecs: Sequence[CodecSpec]
    cname: str
    follows: tuple[int, int] | None = None
    """(room, position) of an audio slot that plays the room's loudest speakers."""


@dataclass(frozen=True, slots=True)
class Slot:
    id: SlotId
    ssrc: int
    rtx_ssrc: int | None


class TransportListener(Protocol):
    def on_connected(self) -> None:
        """DTLS finished: media flows."""
        ...

    def on_lost(self, reason: LostReason) -> None:
        """The plane has forgotten the transport with its sources and slots."""
        ...

    def on_moved(self) -> None:
        """The peer goes on from another address."""
        ...


class SourceListener(Protocol):
    def on_layers(self, codec: CodecName, layers: Sequence[int]) -> None:
        """The layers that carry packets, highest first; none: the source went silent."""
        ...

    def on_wanted(self, rids: Sequence[str]) -> None:
        """The layers that anybody needs now, highest first; of sources that have several."""
        ...


class SlotListener(Protocol):
    def on_switched(self, source: int | None) -> None:
        """The slot's picture or sound is the source's from now on."""
        ...

    def on_undecodable(self, source: int, codec: CodecName) -> None:
        """The subscriber has no payload type for what the source sends."""
        ...

    def on_adapted(self, source: int, is_off: bool, reason: AdaptReason | None) -> None:
        """Whether the source's picture is off, and why it is not better; None: nothing to say any more."""
        ...


class RoomMediaListener(Protocol):
    def on_audio_positions(self, sources: Sequence[int | None]) -> None: ...

    def on_dominant(self, source: int | None) -> None: ...

    def on_speaking(self, source: int, speaking: bool) -> None: ...
