"""Decides what to answer: an :class:`Offer` and a policy in, one decision for each m-section out.

The rules are those that browsers were seen to need: payload types and extension ids are the offer's
(RFC 3264 §6.1, RFC 8285 §6), an extension id means the same in the whole bundle, and simulcast is answered
only together with the mid, rid and repaired-rid extensions. Knows no text, SSRC of ours, transport or room.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, cast

from sfu.sdp.codecs import (
    CONGESTION_FEEDBACK,
    EXTENSIONS,
    FEEDBACK,
    TRANSPORT_FEEDBACK,
    ExtensionName,
    NegotiatedCodec,
    choose_codecs,
)
from sfu.sdp.errors import SdpError, SdpProblem
from sfu.sdp.model import HeaderExtension, Media, MediaKind, Offer, Section

Use = Literal["source", "slot", "inactive", "rejected"]

_AUDIO_ONLY: frozenset[ExtensionName] = frozenset({"audio_level"})
_VIDEO_ONLY: frozenset[ExtensionName] = frozenset(
    {
        "rid", "repaired_rid", "playout_delay", "video_orientation", "dependency_descriptor",
        "video_layers_allocation",
    }
)  # fmt: skip
# A slot shows one layer of a source under an SSRC of its own: rids are not sent there, and what describes the
# source's layers would be wrong.
_SOURCE_ONLY: frozenset[ExtensionName] = frozenset({"rid", "repaired_rid", "video_layers_allocation"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What this peer may do. Sections beyond a number are rejected."""

    sources: int = 0
    """Of all kinds together."""
    source_mids: frozenset[str] | None = None
    """If given, the other send sections are answered inactive."""
    video_slots: int = 0
    audio_slots: int = 0
    two_way: Literal["source", "slot"] = "source"
    """What a `sendrecv` section becomes: every section has one direction here."""


@dataclass(frozen=True, slots=True)
class Extension:
    id: int
    name: ExtensionName
    uri: str


@dataclass(frozen=True, slots=True)
class NegotiatedSection:
    """What one m-section of the offer becomes."""

    offered: Section
    use: Use
    codecs: tuple[NegotiatedCodec, ...] = ()
    extensions: tuple[Extension, ...] = ()
    rids: tuple[str, ...] = ()
    """Highest layer first; empty without simulcast."""

    @property
    def mid(self) -> str:
        return self.offered.mid

    @property
    def kind(self) -> MediaKind:
        """Only of sections that are not rejected."""
        return cast("MediaKind", self.offered.kind)


@dataclass(frozen=True, slots=True)
class Negotiated:
    offer: Offer = field(repr=False)
    sections: tuple[NegotiatedSection, ...]
    extensions: tuple[tuple[int, ExtensionName], ...]
    """Of the whole bundle."""

    def using(self, use: Use, kind: MediaKind | None = None) -> tuple[NegotiatedSection, ...]:
        return tuple(
            section
            for section in self.sections
            if section.use == use and kind in (None, section.offered.kind)
        )


def negotiate(offer: Offer, policy: Policy) -> Negotiated:
    """`SdpError(no_media)` if no section can be used."""
    negotiation = _Negotiation(offer, policy)
    sections = tuple(negotiation.decide(section) for section in offer.sections)
    if not any(section.use in ("source", "slot") for section in sections):
        raise SdpError(
            SdpProblem.NO_MEDIA, "no m-line of the offer can be used: direction or codecs do not fit"
        )
    known = sorted(negotiation.ids.items())
    return Negotiated(
        offer, sections, tuple((id_, EXTENSIONS[uri]) for id_, uri in known if id_ in negotiation.used)
    )


class _Negotiation:
    """Walks the sections in order; equal descriptions of RTP are decided once."""

    def __init__(self, offer: Offer, policy: Policy) -> None:
        self._bundle = offer.bundle
        self._two_way = policy.two_way
        self._source_mids = policy.source_mids
        self._feedback = _feedback(offer)
        self._left = {
            ("source", ""): policy.sources,
            ("slot", "audio"): policy.audio_slots,
            ("slot", "video"): policy.video_slots,
        }
        self._counts: Counter[tuple[str, str]] = Counter()
        self._codecs: dict[tuple[int, str], tuple[NegotiatedCodec, ...]] = {}
        self._extensions: dict[tuple[int, str, str], tuple[Extension, ...]] = {}
        self.ids: dict[int, str] = {}
        """Extension id to URI, one meaning for the whole bundle: the first that was offered."""
        self.used: set[int] = set()

    def decide(self, section: Section) -> NegotiatedSection:
        if (
            section.disabled
            or section.mid not in self._bundle
            or section.kind not in ("audio", "video")
            or not _is_rtp(section.protocol)
        ):
            return NegotiatedSection(section, "rejected")
        codecs = self._codecs_of(section)
        use = self._use(section)
        if not codecs:
            return NegotiatedSection(section, "rejected")
        if use == "inactive" or (use == "source" and not self._is_wanted(section)):
            return NegotiatedSection(section, "inactive", codecs=codecs)
        key = (use, "" if use == "source" else section.kind)
        if self._counts[key] >= self._left[key]:
            return NegotiatedSection(
                section, "inactive" if self._left[key] == 0 else "rejected", codecs=codecs
            )
        extensions = self._extensions_of(section, use)
        self._counts[key] += 1
        return NegotiatedSection(
            section,
            use,
            codecs=codecs,
            extensions=extensions,
            rids=_rids(section, extensions) if use == "source" else (),
        )

    def _use(self, section: Section) -> Use:
        match section.direction:
            case "sendonly":
                return "source"
            case "recvonly":
                return "slot"
            case "sendrecv":
                return self._two_way
            case _:
                return "inactive"

    def _is_wanted(self, source: Section) -> bool:
        return self._source_mids is None or source.mid in self._source_mids

    def _codecs_of(self, section: Section) -> tuple[NegotiatedCodec, ...]:
        # Sections with the same lines share their Media object, which the offer keeps alive.
        key = (id(section.media), section.kind)
        if key not in self._codecs:
            kind = cast("MediaKind", section.kind)
            self._codecs[key] = choose_codecs(kind, section.media.codecs, self._feedback)
        return self._codecs[key]

    def _extensions_of(self, section: Section, use: Use) -> tuple[Extension, ...]:
        key = (id(section.media), section.kind, use)
        if key not in self._extensions:
            self._extensions[key] = self._choose_extensions(section.media, section.kind, use)
        return self._extensions[key]

    def _choose_extensions(self, media: Media, kind: str, use: Use) -> tuple[Extension, ...]:
        unfit = _VIDEO_ONLY if kind == "audio" else _AUDIO_ONLY
        if use == "slot":
            unfit |= _SOURCE_ONLY
        if TRANSPORT_FEEDBACK not in self._feedback:
            unfit |= {"transport_sequence_number"}
        chosen: dict[ExtensionName, Extension] = {}
        for offered in media.extensions:
            name = EXTENSIONS.get(offered.uri)
            if name is None or name in unfit or name in chosen or not _travels(offered, use):
                continue
            if (
                1 <= offered.id <= 255
                and offered.id != 15
                and self.ids.setdefault(offered.id, offered.uri) == offered.uri
            ):
                chosen[name] = Extension(offered.id, name, offered.uri)
                self.used.add(offered.id)
        if not {"mid", "rid"} <= chosen.keys():
            chosen.pop("rid", None)
            chosen.pop("repaired_rid", None)
        return tuple(chosen.values())


def _feedback(offer: Offer) -> frozenset[str]:
    """Transport-wide feedback, or RFC 8888's where the offer has no whole of that: one for the whole bundle,
    since both tell the same of the same packets."""
    medias = {id(section.media): section.media for section in offer.sections}.values()
    if any(_is_transport_wide(media) for media in medias):
        return FEEDBACK - {CONGESTION_FEEDBACK}
    offered = {entry for media in medias for codec in media.codecs for entry in codec.feedback}
    return FEEDBACK - ({TRANSPORT_FEEDBACK} if CONGESTION_FEEDBACK in offered else set())


def _is_transport_wide(media: Media) -> bool:
    has_numbers = any(
        EXTENSIONS.get(extension.uri) == "transport_sequence_number" for extension in media.extensions
    )
    return has_numbers and any(TRANSPORT_FEEDBACK in codec.feedback for codec in media.codecs)


def _is_rtp(protocol: str) -> bool:
    """RFC 9429 §5.1.2: all these mean the same to a WebRTC endpoint."""
    prefix, _, profile = protocol.rpartition("/")
    return profile in ("SAVPF", "SAVP", "AVPF", "AVP") and prefix in ("UDP/TLS/RTP", "TCP/TLS/RTP", "RTP")


def _travels(extension: HeaderExtension, use: Use) -> bool:
    """Whether it may stand on packets in the section's direction, which is named from the offerer's side."""
    return extension.direction in ("sendrecv", "sendonly" if use == "source" else "recvonly")


def _rids(section: Section, extensions: tuple[Extension, ...]) -> tuple[str, ...]:
    """Without mid and rid on the packets the layers cannot be told apart, so there is no simulcast."""
    names = {extension.name for extension in extensions}
    return section.rids if {"mid", "rid"} <= names else ()
