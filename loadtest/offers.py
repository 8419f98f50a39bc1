"""What peers offer, by template, and what they read of the answer. Text in, text out; no sockets.

VP8 with retransmissions and Opus are what peers send and receive. A full offer lists beside them all that
Chromium has, so that the server has as much to read and to answer as from a browser.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from loadtest.session import Candidate, Kind, Stream

VP8, VP8_RTX, OPUS = 96, 97, 111
_AUDIO_LEVEL = (1, "audio_level", "urn:ietf:params:rtp-hdrext:ssrc-audio-level")
_COMMON = (
    (2, "absolute_send_time", "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"),
    (
        3,
        "transport_sequence_number",
        "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    ),
    (4, "mid", "urn:ietf:params:rtp-hdrext:sdes:mid"),
)
_SIMULCAST = (
    (10, "rid", "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"),
    (11, "repaired_rid", "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"),
)
EXTENSIONS = tuple((number, name) for number, name, _ in (_AUDIO_LEVEL, *_COMMON, *_SIMULCAST))

_VIDEO_FEEDBACK = ("goog-remb", "transport-cc", "ccm fir", "nack", "nack pli")
_H264 = "level-asymmetry-allowed=1;packetization-mode={};profile-level-id={}"
# Payload type, that of retransmissions, name, format; as Chromium 156 lists them.
_OTHER_VIDEO = (
    (98, 99, "VP9", "profile-id=0"),
    (100, 101, "VP9", "profile-id=2"),
    (35, 36, "VP9", "profile-id=1"),
    (37, 38, "VP9", "profile-id=3"),
    (102, 103, "H264", _H264.format(1, "42001f")),
    (104, 107, "H264", _H264.format(0, "42001f")),
    (108, 109, "H264", _H264.format(1, "42e01f")),
    (114, 115, "H264", _H264.format(0, "42e01f")),
    (116, 117, "H264", _H264.format(1, "4d001f")),
    (39, 40, "H264", _H264.format(0, "4d001f")),
    (41, 42, "H264", _H264.format(1, "f4001f")),
    (43, 44, "H264", _H264.format(0, "f4001f")),
    (45, 46, "AV1", "level-idx=5;profile=0;tier=0"),
    (47, 48, "AV1", "level-idx=5;profile=1;tier=0"),
)
_OTHER_AUDIO = ((63, "red/48000/2"), (9, "G722/8000"), (0, "PCMU/8000"), (8, "PCMA/8000"))


class UnusableAnswer(Exception):
    """The answer lacks what a peer needs to connect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One m-line."""

    kind: Kind
    direction: Literal["sendonly", "recvonly"]
    ssrcs: Sequence[int] = ()
    """Announced: the stream's and that of its retransmissions."""
    rids: Sequence[str] = ()
    """Simulcast layers, which announce no SSRC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    ufrag: str
    password: str = field(repr=False)
    fingerprint: str
    cname: str
    session_id: int
    lines: Sequence[Line]
    is_full: bool = False

    def text(self) -> str:
        """Mids are the places of the lines."""
        mids = " ".join(str(place) for place in range(len(self.lines)))
        return "\r\n".join(
            [
                "v=0",
                f"o=- {self.session_id} 1 IN IP4 127.0.0.1",
                "s=-",
                "t=0 0",
                f"a=group:BUNDLE {mids}",
                "a=extmap-allow-mixed",
                "a=msid-semantic: WMS",
                f"a=ice-ufrag:{self.ufrag}",
                f"a=ice-pwd:{self.password}",
                f"a=fingerprint:sha-256 {self.fingerprint}",
                "a=setup:actpass",
                *(text for place, line in enumerate(self.lines) for text in self._line(place, line)),
                "",
            ]
        )

    def _line(self, place: int, line: Line) -> Iterator[str]:
        is_video = line.kind == "video"
        codecs = list(self._video_codecs() if is_video else self._audio_codecs())
        formats = " ".join(text[len("a=rtpmap:") :].split()[0] for text in codecs if "rtpmap" in text)
        yield f"m={line.kind} 9 UDP/TLS/RTP/SAVPF {formats}"
        yield "c=IN IP4 0.0.0.0"
        yield from (f"a=mid:{place}", f"a={line.direction}", "a=rtcp-mux", "a=rtcp-rsize")
        own = _SIMULCAST if is_video else (_AUDIO_LEVEL,)
        yield from (f"a=extmap:{number} {uri}" for number, _, uri in (*_COMMON, *own))
        yield from codecs
        if line.direction == "sendonly":
            yield f"a=msid:{self.cname} {place}"
            yield from self._streams(line)

    def _video_codecs(self) -> Iterator[str]:
        for payload_type, rtx, name, parameters in (
            (VP8, VP8_RTX, "VP8", ""),
            *(_OTHER_VIDEO if self.is_full else ()),
        ):
            yield f"a=rtpmap:{payload_type} {name}/90000"
            yield from (f"a=rtcp-fb:{payload_type} {what}" for what in _VIDEO_FEEDBACK)
            if parameters:
                yield f"a=fmtp:{payload_type} {parameters}"
            yield f"a=rtpmap:{rtx} rtx/90000"
            yield f"a=fmtp:{rtx} apt={payload_type}"

    def _audio_codecs(self) -> Iterator[str]:
        yield f"a=rtpmap:{OPUS} opus/48000/2"
        yield f"a=rtcp-fb:{OPUS} transport-cc"
        yield f"a=fmtp:{OPUS} minptime=10;useinbandfec=1"
        for payload_type, name in _OTHER_AUDIO if self.is_full else ():
            yield f"a=rtpmap:{payload_type} {name}"
            if name.startswith("red/"):
                yield f"a=fmtp:{payload_type} {OPUS}/{OPUS}"

    def _streams(self, line: Line) -> Iterator[str]:
        if line.rids:
            yield from (f"a=rid:{rid} send" for rid in line.rids)
            yield f"a=simulcast:send {';'.join(line.rids)}"
            return
        if len(line.ssrcs) > 1:
            yield f"a=ssrc-group:FID {' '.join(str(ssrc) for ssrc in line.ssrcs)}"
        yield from (f"a=ssrc:{ssrc} cname:{self.cname}" for ssrc in line.ssrcs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    ufrag: str
    password: str = field(repr=False)
    fingerprint: str
    """SHA-256."""
    is_passive: bool
    """The server waits for our DTLS."""
    candidates: Sequence[Candidate]
    """The best first."""
    streams: Sequence[Stream]


def read_answer(text: str) -> Answer:
    """Of a bundled session: what stands first counts for all m-lines."""
    session, *sections = _sections(text)
    everything = [line for section in (session, *sections) for line in section]
    return Answer(
        ufrag=_first(everything, "a=ice-ufrag:"),
        password=_first(everything, "a=ice-pwd:"),
        fingerprint=_first(everything, "a=fingerprint:sha-256 "),
        is_passive=_first(everything, "a=setup:") == "passive",
        candidates=_candidates(everything),
        streams=[stream for section in sections for stream in _streams_of(section)],
    )


def _sections(text: str) -> list[list[str]]:
    sections: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.startswith("m="):
            sections.append([])
        sections[-1].append(line)
    return sections


def _first(lines: Sequence[str], prefix: str) -> str:
    found = next((line.removeprefix(prefix) for line in lines if line.startswith(prefix)), None)
    if found is None:
        raise UnusableAnswer(f"the answer has no line {prefix}…")
    return found.strip()


def _candidates(lines: Sequence[str]) -> list[Candidate]:
    """`foundation component transport priority address port typ …` (RFC 8839 §5.1)."""
    split = [line.split() for line in lines if line.startswith("a=candidate:")]
    usable = [parts for parts in split if len(parts) > 5 and parts[1] == "1" and parts[2].lower() == "udp"]
    usable.sort(key=lambda parts: -int(parts[3]))
    return [Candidate(parts[4], int(parts[5])) for parts in usable]


def _streams_of(section: Sequence[str]) -> Iterator[Stream]:
    kind: Kind = "audio" if section[0].startswith("m=audio") else "video"
    group = [line.split()[1:] for line in section if line.startswith("a=ssrc-group:FID ")]
    repairs = {int(media): int(repair) for media, repair in group}
    announced = [line.removeprefix("a=ssrc:").split()[0] for line in section if line.startswith("a=ssrc:")]
    for ssrc in dict.fromkeys(int(each) for each in announced):
        if ssrc not in repairs.values():
            yield Stream(kind, ssrc, repairs.get(ssrc))
