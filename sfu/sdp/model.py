"""A session description as data: what an offer says, before anything is decided about it.

Everything here is immutable and already checked against its grammar, so that what is copied into an answer
can carry nothing but tokens. Knows no policy and no text.
"""

from dataclasses import dataclass, field
from typing import Literal

MediaKind = Literal["audio", "video"]
Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
Setup = Literal["active", "passive", "actpass"]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """RFC 8122: the hash of a certificate, upper case, as in `sha-256 AB:CD:…`."""

    algorithm: str
    value: str


@dataclass(frozen=True, slots=True)
class IceCredentials:
    ufrag: str
    password: str


@dataclass(frozen=True, slots=True)
class Codec:
    """One payload type of an m-line: `a=rtpmap` with its `a=fmtp` and `a=rtcp-fb`."""

    payload_type: int
    name: str
    """Lower case."""
    clock_rate: int
    channels: int = 1
    parameters: str = ""
    """The text of `a=fmtp` behind the payload type."""
    feedback: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HeaderExtension:
    """RFC 8285 §5."""

    id: int
    uri: str
    direction: Direction = "sendrecv"


@dataclass(frozen=True, slots=True)
class Media:
    """The part of an m-section that says how RTP looks. Sections with the same lines share one object."""

    codecs: tuple[Codec, ...]
    extensions: tuple[HeaderExtension, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One m-section, in the order of the offer."""

    kind: str
    """`audio`, `video`, `application`, …"""
    protocol: str
    formats: tuple[str, ...]
    mid: str
    """Empty if the section names none."""
    direction: Direction
    media: Media
    disabled: bool
    """Port 0 without `a=bundle-only`: the offerer has stopped it (RFC 9429 §5.2.2)."""
    rtcp_mux: bool
    rtcp_reduced_size: bool
    mixed_extensions: bool
    rids: tuple[str, ...]
    """Simulcast streams to be sent, in the order of `a=simulcast` (RFC 8853), without paused alternatives."""
    ssrcs: tuple[tuple[int, int | None], ...]
    """Announced SSRCs, each with the SSRC of its retransmissions (RFC 5576 FID)."""
    ice: IceCredentials | None = None
    fingerprints: tuple[Fingerprint, ...] = ()
    setup: str | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    origin: str
    """`o=` without the version (RFC 8866 §5.2): the same in all offers of one peer connection."""
    ice: IceCredentials
    fingerprints: tuple[Fingerprint, ...]
    """Those with an algorithm that can be checked; never empty."""
    setup: Setup
    bundle: frozenset[str]
    """Mids of the one BUNDLE group."""
    mixed_extensions: bool
    sections: tuple[Section, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A host candidate of ours (RFC 8839 §5.1); the server is a lite agent and has no others."""

    address: str
    port: int
    priority: int
    foundation: str = "1"
