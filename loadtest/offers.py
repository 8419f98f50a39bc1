"""What peers offer, by template, and what they read of the answer. Text in, text out; no sockets.

One codec a kind (VP8 with retransmissions, Opus), and the extensions that browsers negotiate for forwarding.
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

_VP8_LINES = (
    f"a=rtpmap:{VP8} VP8/90000",
    *(f"a=rtcp-fb:{VP8} {what}" for what in ("goog-remb", "transport-cc", "ccm fir", "nack", "nack pli")),
    f"a=rtpmap:{VP8_RTX} rtx/90000",
    f"a=fmtp:{VP8_RTX} apt={VP8}",
)
_OPUS_LINES = (
    f"a=rtpmap:{OPUS} opus/48000/2",
    f"a=rtcp-fb:{OPUS} transport-cc",
    f"a=fmtp:{OPUS} minptime=10;useinbandfec=1",
)


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
        formats = f"{VP8} {VP8_RTX}" if is_video else str(OPUS)
        yield f"m={line.kind} 9 UDP/TLS/RTP/SAVPF {formats}"
        yield "c=IN IP4 0.0.0.0"
        yield from (f"a=mid:{place}", f"a={line.direction}", "a=rtcp-mux", "a=rtcp-rsize")
        own = _SIMULCAST if is_video else (_AUDIO_LEVEL,)
        yield from (f"a=extmap:{number} {uri}" for number, _, uri in (*_COMMON, *own))
        yield from _VP8_LINES if is_video else _OPUS_LINES
        if line.direction == "sendonly":
            yield f"a=msid:{self.cname} {place}"
            yield from self._streams(line)

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
