"""Writes an answer: what was negotiated and what is ours in, text out.

ICE, fingerprint and setup stand at session level: on the first m-line alone the fingerprint crashes
Firefox's content process, and repeating it 33 times makes the answer a fifth longer. Each slot announces its
SSRC and the SSRC of its retransmissions, without which a receiver cannot pair them. Audio slot i and video
slot i share a stream, so that browsers play what they carry in sync.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sfu.sdp.codecs import CONGESTION_FEEDBACK, NegotiatedCodec
from sfu.sdp.model import Candidate, Fingerprint, IceCredentials
from sfu.sdp.negotiate import Extension, Negotiated, NegotiatedSection, Use

_DIRECTION: dict[Use, str] = {"source": "recvonly", "slot": "sendonly", "inactive": "inactive"}


@dataclass(frozen=True, slots=True)
class LocalSlot:
    """What a slot sends under."""

    position: int
    """Index of its stream: audio and video of one position are played in sync."""
    ssrc: int
    rtx_ssrc: int | None
    cname: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalDescription:
    """Our side of the session."""

    session_id: int
    """The same in all answers of a session; below 2^63 (RFC 9429 §5.2.1)."""
    version: int
    """One more with each answer."""
    ice: IceCredentials
    fingerprint: Fingerprint
    setup: Literal["active", "passive"]
    candidates: Sequence[Candidate]
    slots: Mapping[str, LocalSlot]
    """By mid."""


def write_answer(negotiated: Negotiated, local: LocalDescription) -> str:
    accepted = [section.mid for section in negotiated.sections if section.use != "rejected"]
    lines = _session_lines(negotiated, local, accepted)
    default = local.candidates[0] if local.candidates else None
    blocks: dict[int, list[str]] = {}
    candidates = _candidate_lines(local.candidates)
    carriers = _carriers(negotiated)
    for section in negotiated.sections:
        if section.use == "rejected":
            lines += _rejected_lines(section)
            continue
        lines += _head_lines(section, default)
        if section.mid in carriers:
            lines += candidates
        lines += _stream_lines(section, local.slots.get(section.mid))
        lines += _rtp_lines(section, blocks)
    lines.append("")
    return "\r\n".join(lines)


def _session_lines(negotiated: Negotiated, local: LocalDescription, accepted: list[str]) -> list[str]:
    return [
        "v=0",
        f"o=- {local.session_id} {local.version} IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        f"a=group:BUNDLE {' '.join(accepted)}",
        *(["a=extmap-allow-mixed"] if negotiated.offer.mixed_extensions else []),
        "a=msid-semantic: WMS *",
        "a=ice-lite",
        f"a=ice-ufrag:{local.ice.ufrag}",
        f"a=ice-pwd:{local.ice.password}",
        f"a=fingerprint:{local.fingerprint.algorithm} {local.fingerprint.value}",
        f"a=setup:{local.setup}",
    ]


def _candidate_lines(candidates: Sequence[Candidate]) -> list[str]:
    """All there are: no `a=ice-options:trickle`, nothing will follow."""
    return [
        *(
            f"a=candidate:{own.foundation} 1 udp {own.priority} {own.address} {own.port} typ host"
            for own in candidates
        ),
        "a=end-of-candidates",
    ]


def _carriers(negotiated: Negotiated) -> set[str]:
    """Mids of the sections with candidates: the first of the bundle, where RFC 9429 §5.3.1 wants them.

    And the last of each kind, because aiortc takes those of the last section that shares a transport.
    Browsers overlook the repetition.
    """
    accepted = [section for section in negotiated.sections if section.use != "rejected"]
    last = {section.kind: section.mid for section in accepted}
    return {accepted[0].mid, *last.values()}


def _rejected_lines(section: NegotiatedSection) -> list[str]:
    """RFC 9429 §5.3.1; not in the bundle any more (RFC 8843 §7.3.3)."""
    offered = section.offered
    return [
        f"m={offered.kind} 0 {offered.protocol} {offered.formats[0]}",
        "c=IN IP4 0.0.0.0",
        "a=inactive",
        *([f"a=mid:{offered.mid}"] if offered.mid else []),
    ]


def _head_lines(section: NegotiatedSection, default: Candidate | None) -> list[str]:
    offered = section.offered
    formats = " ".join(str(number) for codec in section.codecs for number in _payload_types(codec))
    return [
        f"m={offered.kind} {default.port if default else 9} {offered.protocol} {formats}",
        _connection_line(default),
        f"a=mid:{offered.mid}",
        f"a={_DIRECTION[section.use]}",
        "a=rtcp-mux",
        *(["a=rtcp-rsize"] if offered.rtcp_reduced_size else []),
        *(["a=extmap-allow-mixed"] if offered.mixed_extensions else []),
    ]


def _connection_line(default: Candidate | None) -> str:
    if default is None:
        return "c=IN IP4 0.0.0.0"
    return f"c=IN {'IP6' if ':' in default.address else 'IP4'} {default.address}"


def _payload_types(codec: NegotiatedCodec) -> list[int]:
    return (
        [codec.payload_type]
        if codec.rtx_payload_type is None
        else [codec.payload_type, codec.rtx_payload_type]
    )


def _stream_lines(section: NegotiatedSection, slot: LocalSlot | None) -> list[str]:
    if section.rids:
        return [*(f"a=rid:{rid} recv" for rid in section.rids), f"a=simulcast:recv {';'.join(section.rids)}"]
    if slot is None:
        return []
    lines = [
        f"a=msid:slot-{slot.position} {section.kind}-{slot.position}",
        f"a=ssrc:{slot.ssrc} cname:{slot.cname}",
    ]
    if slot.rtx_ssrc is not None:
        lines.insert(1, f"a=ssrc-group:FID {slot.ssrc} {slot.rtx_ssrc}")
        lines.append(f"a=ssrc:{slot.rtx_ssrc} cname:{slot.cname}")
    return lines


def _rtp_lines(section: NegotiatedSection, blocks: dict[int, list[str]]) -> list[str]:
    # Sections that offered the same were decided once and share their tuples, so they are written once too.
    codecs, extensions = section.codecs, section.extensions
    if id(codecs) not in blocks:
        blocks[id(codecs)] = [line for codec in codecs for line in _codec_lines(codec)]
        if any(CONGESTION_FEEDBACK in codec.feedback for codec in codecs):
            # RFC 8888 §6: of all payload types, or of none.
            blocks[id(codecs)].append(f"a=rtcp-fb:* {CONGESTION_FEEDBACK}")
    if id(extensions) not in blocks:
        blocks[id(extensions)] = [_extension_line(extension) for extension in extensions]
    return blocks[id(extensions)] + blocks[id(codecs)]


def _extension_line(extension: Extension) -> str:
    return f"a=extmap:{extension.id} {extension.uri}"


def _codec_lines(codec: NegotiatedCodec) -> list[str]:
    channels = f"/{codec.channels}" if codec.channels > 1 else ""
    number = codec.payload_type
    lines = [f"a=rtpmap:{number} {_ENCODING_NAMES[codec.name]}/{codec.clock_rate}{channels}"]
    feedback = (entry for entry in codec.feedback if entry != CONGESTION_FEEDBACK)
    lines += [f"a=rtcp-fb:{number} {entry}" for entry in feedback]
    if codec.parameters:
        lines.append(f"a=fmtp:{number} {codec.parameters}")
    if codec.rtx_payload_type is not None:
        lines.append(f"a=rtpmap:{codec.rtx_payload_type} rtx/{codec.clock_rate}")
        lines.append(f"a=fmtp:{codec.rtx_payload_type} apt={number}")
    return lines


_ENCODING_NAMES = {
    "opus": "opus",
    "red": "red",
    "g722": "G722",
    "pcmu": "PCMU",
    "pcma": "PCMA",
    "vp8": "VP8",
    "vp9": "VP9",
    "h264": "H264",
    "h265": "H265",
    "av1": "AV1",
}
