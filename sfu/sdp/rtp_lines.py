"""Reads the lines of an m-section that say how RTP looks: rtpmap, fmtp, rtcp-fb, extmap.

Nothing that could not be copied into an answer passes. Knows no other line.
"""

import re
from collections.abc import Iterable, Sequence
from typing import cast

from sfu.sdp.errors import SdpError, SdpProblem
from sfu.sdp.model import Codec, Direction, HeaderExtension, Media

_RTPMAP = re.compile(r"(\d{1,3}) ([A-Za-z0-9._-]{1,64})/(\d{1,9})(?:/(\d{1,2}))?", re.ASCII)
_PAYLOAD_LINE = re.compile(r"(\d{1,3}|\*) (.+)", re.ASCII)
_EXTMAP = re.compile(r"(\d{1,5})(?:/(sendrecv|sendonly|recvonly|inactive))? (\S{1,256})(?: .*)?", re.ASCII)
_PARAMETERS = re.compile(r"[\x20-\x7e]{0,1024}")  # what may be copied into an answer

# RFC 3551 §6: payload types that need no rtpmap.
_STATIC = {
    0: Codec(0, "pcmu", 8000),
    8: Codec(8, "pcma", 8000),
    9: Codec(9, "g722", 8000),
}


def read_media(formats: Sequence[str], lines: Iterable[str]) -> Media:
    maps: dict[int, Codec] = {}
    parameters: dict[str, str] = {}
    feedback: dict[str, list[str]] = {}
    extensions: list[HeaderExtension] = []
    for line in lines:
        name, _, value = line[2:].partition(":")
        if name == "rtpmap":
            codec = _rtpmap(value)
            maps[codec.payload_type] = codec
        elif name == "fmtp":
            payload_type, text = _payload_line(value)
            parameters[payload_type] = text
        elif name == "rtcp-fb":
            payload_type, text = _payload_line(value)
            feedback.setdefault(payload_type, []).append(text)
        elif name == "extmap":
            extensions.append(_extmap(value))
    codecs = (_codec(name, maps, parameters, feedback) for name in dict.fromkeys(formats))
    return Media(tuple(codec for codec in codecs if codec is not None), tuple(extensions))


def _rtpmap(value: str) -> Codec:
    match = _RTPMAP.fullmatch(value.rstrip())
    if match is None or int(match[1]) > 127:
        raise SdpError(SdpProblem.MALFORMED, f"not an rtpmap: {value[:40]!r}")
    return Codec(int(match[1]), match[2].lower(), int(match[3]), int(match[4] or 1))


def _payload_line(value: str) -> tuple[str, str]:
    match = _PAYLOAD_LINE.fullmatch(value)
    if match is None or not _PARAMETERS.fullmatch(match[2]):
        raise SdpError(SdpProblem.MALFORMED, f"not an fmtp or rtcp-fb: {value[:40]!r}")
    return match[1], match[2].strip()


def _extmap(value: str) -> HeaderExtension:
    match = _EXTMAP.fullmatch(value)
    if match is None:
        raise SdpError(SdpProblem.MALFORMED, f"not an extmap: {value[:40]!r}")
    return HeaderExtension(int(match[1]), match[3], cast("Direction", match[2] or "sendrecv"))


def _codec(
    format_name: str, maps: dict[int, Codec], parameters: dict[str, str], feedback: dict[str, list[str]]
) -> Codec | None:
    if not format_name.isascii() or not format_name.isdigit() or len(format_name) > 3:
        raise SdpError(SdpProblem.MALFORMED, f"not a payload type: {format_name[:20]!r}")
    payload_type = int(format_name)
    codec = maps.get(payload_type) or _STATIC.get(payload_type)
    if codec is None:
        return None
    return Codec(
        payload_type,
        codec.name,
        codec.clock_rate,
        codec.channels,
        parameters.get(format_name, ""),
        tuple(feedback.get(format_name, ())) + tuple(feedback.get("*", ())),
    )
