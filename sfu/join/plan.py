"""Reads an offer and decides what becomes of it, before anything is opened: pure.

offer + kind + permission + hints ─► Plan (negotiated sections, what each source is)
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from sfu.errors import BadOffer, SfuError, TooLarge, UnacceptableOffer, UnsupportedMedia
from sfu.join.requests import JoinKind, TrackHint
from sfu.join.session import Link
from sfu.limits import Limits
from sfu.rooms.track import KIND, MediaKind, TrackSource
from sfu.sdp import (
    Negotiated,
    NegotiatedSection,
    Offer,
    Policy,
    SdpError,
    SdpProblem,
    negotiate,
    parse_offer,
)

# A program's m-lines say nothing of their purpose; the second of a kind can only be a screen.
_BY_ORDER: Mapping[MediaKind, Sequence[TrackSource]] = {
    "audio": ("microphone", "screen_audio"),
    "video": ("camera", "screen"),
}
# Well-formed, but not what a session here needs.
_UNACCEPTABLE = frozenset(
    {
        SdpProblem.MISSING_ICE,
        SdpProblem.MISSING_FINGERPRINT,
        SdpProblem.UNSUPPORTED_FINGERPRINT,
        SdpProblem.UNSUPPORTED_SETUP,
        SdpProblem.NO_BUNDLE,
        SdpProblem.NO_RTCP_MUX,
        SdpProblem.CHANGED_SECTIONS,
    }
)


@dataclass(frozen=True, slots=True)
class Plan:
    negotiated: Negotiated
    tracks: Mapping[str, TrackHint]
    """What the source sections are, by mid."""

    @property
    def offer(self) -> Offer:
        return self.negotiated.offer

    @property
    def mids(self) -> tuple[str, ...]:
        """Of all m-sections, in order."""
        return tuple(section.mid for section in self.offer.sections)

    @property
    def used_mids(self) -> frozenset[str]:
        return frozenset(
            section.mid for section in self.negotiated.sections if section.use in ("source", "slot")
        )

    @property
    def sources(self) -> list[tuple[NegotiatedSection, TrackHint]]:
        return [(section, self.tracks[section.mid]) for section in self.negotiated.using("source")]

    @property
    def slots(self) -> tuple[NegotiatedSection, ...]:
        return self.negotiated.using("slot")


def make_plan(
    sdp: str, kind: JoinKind, *, may_publish: bool, hints: Sequence[TrackHint], limits: Limits
) -> Plan:
    """Raises BadOffer, TooLarge, UnacceptableOffer or UnsupportedMedia."""
    try:
        offer = parse_offer(sdp, limits)
        wanted = _checked(hints, offer) if kind == "participant" else _placed(offer)
        tracks = {hint.mid: hint for hint in wanted}
        policy = _policy(kind, frozenset(tracks), may_publish=may_publish, limits=limits)
        return Plan(negotiate(offer, policy), tracks)
    except SdpError as error:
        raise as_error(error) from error


def with_tracks(plan: Plan, hints: Sequence[TrackHint]) -> Plan:
    """The plan with what is live by now. Raises BadOffer if the hints are of other m-lines or purposes."""
    if {(hint.mid, hint.source) for hint in hints} != {
        (hint.mid, hint.source) for hint in plan.tracks.values()
    } or len(hints) != len(plan.tracks):
        raise BadOffer("The tracks are others than those that were prepared.")
    return Plan(plan.negotiated, {hint.mid: hint for hint in hints})


def as_error(error: SdpError) -> SfuError:
    text = f"{error.problem}: {error.message}"
    if error.problem == SdpProblem.TOO_LARGE:
        return TooLarge(text)
    if error.problem == SdpProblem.NO_MEDIA:
        return UnsupportedMedia(text)
    if error.problem in _UNACCEPTABLE:
        return UnacceptableOffer(text)
    return BadOffer(text)


def check_same_sections(before: Link, plan: Plan) -> None:
    """Raises UnacceptableOffer if an m-section has gone, moved (RFC 9429 §5.2.2) or changed purpose."""
    sources = {mid: sent.hint.source for mid, sent in before.sources.items()}
    purposes = {mid: hint.source for mid, hint in plan.tracks.items()}
    if tuple(plan.mids[: len(before.mids)]) != tuple(before.mids) or any(
        purposes.get(mid, source) != source for mid, source in sources.items()
    ):
        raise as_error(
            SdpError(SdpProblem.CHANGED_SECTIONS, "the m-sections of the earlier offer stay what they were")
        )


def _policy(kind: JoinKind, mids: frozenset[str], *, may_publish: bool, limits: Limits) -> Policy:
    if kind == "whep":
        return Policy(video_slots=limits.video_slots, audio_slots=limits.audio_slots, two_way="slot")
    sources = limits.tracks_per_participant if may_publish else 0
    if kind == "whip":
        return Policy(sources=sources, source_mids=mids)
    return Policy(
        sources=sources,
        source_mids=mids,
        video_slots=limits.video_slots,
        audio_slots=limits.audio_slots,
    )


def _checked(hints: Sequence[TrackHint], offer: Offer) -> list[TrackHint]:
    sections = {section.mid: section for section in offer.sections if section.mid}
    if len({hint.mid for hint in hints}) < len(hints) or len({hint.source for hint in hints}) < len(hints):
        raise BadOffer("Each track has an m-line of its own, and each purpose one track.")
    for hint in hints:
        section = sections.get(hint.mid)
        if section is None or section.kind != KIND[hint.source]:
            raise BadOffer(f"The offer has no {KIND[hint.source]} m-line for {hint.source} with that mid.")
    return list(hints)


def _placed(offer: Offer) -> Iterable[TrackHint]:
    purposes = {kind: iter(sources) for kind, sources in _BY_ORDER.items()}
    for section in offer.sections:
        if section.kind not in ("audio", "video") or section.direction not in ("sendonly", "sendrecv"):
            continue
        purpose = next(purposes[cast("MediaKind", section.kind)], None)
        if purpose is not None:
            yield TrackHint(section.mid, purpose, live=True)
