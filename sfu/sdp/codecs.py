"""Which codecs and header extensions of an offer can be forwarded, and under which names.

Two payload types may stand for each other only if their codec and `format` are the same; `format` holds
what a decoder must agree on, in one canonical spelling. Knows no m-line and no policy.
"""

import functools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from sfu.sdp.model import Codec, MediaKind

CodecName = Literal["opus", "red", "pcmu", "pcma", "g722", "vp8", "vp9", "h264", "h265", "av1"]
ExtensionName = Literal[
    "mid",
    "rid",
    "repaired_rid",
    "audio_level",
    "absolute_send_time",
    "transport_sequence_number",
    "absolute_capture_time",
    "playout_delay",
    "video_orientation",
    "dependency_descriptor",
    "video_layers_allocation",
]

EXTENSIONS: dict[str, ExtensionName] = {
    "urn:ietf:params:rtp-hdrext:sdes:mid": "mid",
    "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id": "rid",
    "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id": "repaired_rid",
    "urn:ietf:params:rtp-hdrext:ssrc-audio-level": "audio_level",
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time": "absolute_send_time",
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01": "transport_sequence_number",
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time": "absolute_capture_time",
    "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay": "playout_delay",
    "urn:3gpp:video-orientation": "video_orientation",
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension": (
        "dependency_descriptor"
    ),
    "http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00": "video_layers_allocation",
}

# RFC 8888 §6: of all payload types of an m-line at once.
CONGESTION_FEEDBACK = "ack ccfb"
TRANSPORT_FEEDBACK = "transport-cc"
# RFC 4585, RFC 5104, and the kinds of bandwidth feedback that browsers know.
FEEDBACK = frozenset({"nack", "nack pli", "ccm fir", TRANSPORT_FEEDBACK, "goog-remb", CONGESTION_FEEDBACK})


# RFC 5761 §4: with rtcp-mux these cannot be told from RTCP.
_TAKEN_FOR_RTCP = range(64, 96)


@dataclass(frozen=True, slots=True)
class NegotiatedCodec:
    """One codec of an m-line, with the offer's payload types."""

    name: CodecName
    payload_type: int
    clock_rate: int
    channels: int
    format: str
    """What two codecs of one name must have in common to be the same (see the module)."""
    parameters: str
    """`a=fmtp` of the answer; empty for none."""
    feedback: tuple[str, ...]
    rtx_payload_type: int | None

    def is_same_as(self, other: "NegotiatedCodec") -> bool:
        return self.name == other.name and self.format == other.format


# Opus comes before RED, or Chromium would send each packet twice over the best uplink, too. VP8 comes
# first because every browser has it; then what most have, H.265 last (hardware only).
_PREFERENCE: tuple[CodecName, ...] = (
    "opus", "red", "g722", "pcmu", "pcma", "vp8", "h264", "vp9", "av1", "h265",
)  # fmt: skip


@functools.lru_cache(maxsize=64)  # the lists of all versions of a few browsers; at most 128 codecs each
def choose_codecs(
    kind: MediaKind, offered: tuple[Codec, ...], feedback: frozenset[str] = FEEDBACK
) -> tuple[NegotiatedCodec, ...]:
    """The supported ones, preferred first, with what of `feedback` they offer; of two that are the same the
    better one."""
    offered = tuple(codec for codec in offered if codec.payload_type not in _TAKEN_FOR_RTCP)
    retransmissions = _retransmissions(offered)
    best: dict[tuple[CodecName, str], tuple[int, NegotiatedCodec]] = {}
    for codec in offered:
        if codec.name not in _SUPPORTED or _SUPPORTED[codec.name].kind != kind:
            continue
        supported = _SUPPORTED[codec.name]
        accepted = supported.accept(codec, parse_parameters(codec.parameters))
        if accepted is None or (codec.clock_rate, codec.channels) != (
            supported.clock_rate,
            supported.channels,
        ):
            continue
        known = tuple(dict.fromkeys(entry for entry in codec.feedback if entry in feedback))
        rtx_payload_type = retransmissions.get(codec.payload_type)
        chosen = _negotiated(supported.name, codec, accepted, known, rtx_payload_type)
        key = (chosen.name, chosen.format)
        if key not in best or accepted.rank < best[key][0]:
            best[key] = (accepted.rank, chosen)
    all_chosen = [codec for _, codec in best.values()]
    opus = {str(codec.payload_type) for codec in all_chosen if codec.name == "opus"}
    readable = (codec for codec in all_chosen if codec.name != "red" or set(codec.format.split("/")) == opus)
    return tuple(sorted(readable, key=lambda codec: _PREFERENCE.index(codec.name)))


def parse_parameters(text: str) -> dict[str, str]:
    """`a=b;c=d` as a mapping with keys in lower case; a word without `=` is its own key."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {key.strip().lower(): value.strip() for key, _, value in pairs if key.strip()}


def _retransmissions(offered: Iterable[Codec]) -> dict[int, int]:
    """Payload type to that of its retransmissions (RFC 4588 §8)."""
    found: dict[int, int] = {}
    for codec in offered:
        apt = parse_parameters(codec.parameters).get("apt", "") if codec.name == "rtx" else ""
        if apt.isascii() and apt.isdigit() and len(apt) <= 3:
            found.setdefault(int(apt), codec.payload_type)
    return found


def _negotiated(
    name: CodecName,
    codec: Codec,
    accepted: "_Accepted",
    feedback: tuple[str, ...],
    rtx_payload_type: int | None,
) -> NegotiatedCodec:
    return NegotiatedCodec(
        name=name,
        payload_type=codec.payload_type,
        clock_rate=codec.clock_rate,
        channels=codec.channels,
        format=accepted.format,
        parameters=accepted.parameters,
        feedback=feedback,
        rtx_payload_type=rtx_payload_type,
    )


# -- what each codec's fmtp means -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Accepted:
    format: str = ""
    parameters: str = ""
    rank: int = 0
    """Among payload types of the same format the lowest is taken."""


_Accept = Callable[[Codec, dict[str, str]], _Accepted | None]


@dataclass(frozen=True, slots=True)
class _Supported:
    name: CodecName
    kind: MediaKind
    clock_rate: int
    channels: int
    accept: _Accept


def _plain(_codec: Codec, _parameters: dict[str, str]) -> _Accepted:
    return _Accepted()


# RFC 7587 §6.1. What the offerer wants to receive is what it gets: the sender is another peer like it.
_OPUS_ECHOED = ("minptime", "maxplaybackrate", "maxaveragebitrate", "stereo", "cbr", "usedtx")


def _opus(_codec: Codec, parameters: dict[str, str]) -> _Accepted:
    echoed = [f"{key}={parameters[key]}" for key in _OPUS_ECHOED if parameters.get(key, "").isalnum()]
    # In-band FEC costs nothing without loss, and spares a retransmission with it.
    return _Accepted(parameters=";".join([*echoed, "useinbandfec=1"]))


def _red(codec: Codec, _parameters: dict[str, str]) -> _Accepted | None:
    # RFC 2198 §4: what its blocks may be, the newest first. We read and write those of Opus, under the
    # payload type that it is answered with.
    text = codec.parameters
    return _Accepted(text, text) if re.fullmatch(r"\d{1,3}(?:/\d{1,3}){0,4}", text, re.ASCII) else None


def _vp9(_codec: Codec, parameters: dict[str, str]) -> _Accepted | None:
    # Firefox leaves profile-id out, which means 0. Few decode other profiles (10 bit, 4:4:4).
    if parameters.get("profile-id", "0") != "0":
        return None
    return _Accepted("profile-id=0", "profile-id=0" if "profile-id" in parameters else "")


def _h264(codec: Codec, parameters: dict[str, str]) -> _Accepted | None:
    if parameters.get("packetization-mode", "0") != "1":
        return None
    profile = h264_profile(parameters.get("profile-level-id", "42000a"))
    if profile is None:
        return None
    name, rank = profile
    return _Accepted(f"packetization-mode=1;profile={name}", codec.parameters, rank)


def h264_profile(profile_level_id: str) -> tuple[str, int] | None:
    """RFC 6184 §8.1 table 5 as classes of what decoders of our peers take for the same, and a rank within.

    Baseline without its rare tools is constrained baseline, and no encoder in use has these tools: one class,
    the constrained spelling preferred because every browser offers it.
    """
    if not re.fullmatch(r"[0-9A-Fa-f]{6}", profile_level_id):
        return None
    idc, constraints = int(profile_level_id[:2], 16), int(profile_level_id[2:4], 16)
    if idc == 0x42:
        return ("baseline", 0 if constraints & 0x40 else 1)
    if idc in (0x4D, 0x58) and constraints & 0x80:
        return ("baseline", 2)
    if idc == 0x4D:
        return ("main", 0)
    if idc == 0x64:
        return ("high", 0)
    return None


def _h265(codec: Codec, parameters: dict[str, str]) -> _Accepted | None:
    # RFC 7798 §7.1: main profile, single stream.
    if parameters.get("profile-id", "1") != "1" or parameters.get("tx-mode", "SRST") != "SRST":
        return None
    return _Accepted("profile-id=1;tx-mode=SRST", codec.parameters)


def _av1(codec: Codec, parameters: dict[str, str]) -> _Accepted | None:
    if parameters.get("profile", "0") != "0":
        return None
    return _Accepted("profile=0", codec.parameters)


_SUPPORTED: dict[str, _Supported] = {
    entry.name: entry
    for entry in (
        _Supported("opus", "audio", 48000, 2, _opus),
        _Supported("red", "audio", 48000, 2, _red),
        _Supported("g722", "audio", 8000, 1, _plain),  # RFC 3551 §4.5.2: 8000 on paper
        _Supported("pcmu", "audio", 8000, 1, _plain),
        _Supported("pcma", "audio", 8000, 1, _plain),
        _Supported("vp8", "video", 90000, 1, _plain),
        _Supported("vp9", "video", 90000, 1, _vp9),
        _Supported("h264", "video", 90000, 1, _h264),
        _Supported("h265", "video", 90000, 1, _h265),
        _Supported("av1", "video", 90000, 1, _av1),
    )
}
