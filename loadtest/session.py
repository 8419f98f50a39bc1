"""What native peers are told: the outcome of an offer and its answer, and what to send."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["audio", "video"]
PeerState = Literal["checking", "handshaking", "connected", "failed", "closed"]


@dataclass(frozen=True, slots=True)
class Candidate:
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Stream:
    """What a receive line brings, as the answer announces it."""

    kind: Kind
    ssrc: int
    rtx_ssrc: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """Frames of equal numbers of packets. The default is 2.5 Mbit/s in 270 packets a second."""

    rid: str | None = None
    packets: int = 9
    keyframe_packets: int = 9
    payload: int = 1113
    """Bytes of a packet, give or take 40 by frame."""
    width: int = 1280
    height: int = 720
    temporal_layers: int = 1
    """Up to 3: of every second frame, and of every fourth, nobody else depends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer(Encoding):
    """An encoding with the streams that carry it."""

    ssrc: int
    rtx_ssrc: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    mid: str
    payload_type: int
    rtx_payload_type: int | None
    layers: Sequence[Layer]
    """In the order in which a frame's packets leave."""
    frames_per_second: int = 30
    spread: float = 0.4
    """The share of a frame's time over which its packets leave; 0 is one burst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audio:
    mid: str
    ssrc: int
    payload_type: int
    payload: int = 80
    """Bytes of a packet; 80 each 20 ms are 32 kbit/s."""
    packet_ms: int = 20
    is_speaking: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    candidate: Candidate
    local_ufrag: str
    local_password: str = field(repr=False)
    remote_ufrag: str
    remote_password: str = field(repr=False)
    is_dtls_client: bool
    remote_fingerprint: str
    cname: str
    extensions: Sequence[tuple[int, str]]
    streams: Sequence[Stream]
    video: Video | None = None
    audio: Audio | None = None
