"""The templates against the server's own reader and writer of SDP."""

import pytest

from loadtest.offers import EXTENSIONS, Line, Offer, UnusableAnswer, read_answer
from loadtest.session import Stream
from sfu.limits import Limits
from sfu.sdp import negotiate, parse_offer, write_answer
from tests.unit.sdp.offers import EVERYTHING, local


def offer(*lines: Line, is_full: bool = False) -> str:
    return Offer(
        ufrag="abcd", password="p" * 24, fingerprint=":".join(["AB"] * 32), cname="peer-1", session_id=1,
        lines=lines, is_full=is_full,
    ).text()  # fmt: skip


def answer_to(text: str) -> str:
    negotiated = negotiate(parse_offer(text, Limits()), EVERYTHING)
    return write_answer(negotiated, local(negotiated))


def test_a_publishers_offer_is_taken_whole() -> None:
    text = offer(
        Line(kind="audio", direction="sendonly", ssrcs=[15]),
        Line(kind="video", direction="sendonly", rids=["f", "h", "q"]),
        Line(kind="video", direction="sendonly", ssrcs=[1, 2]),
    )
    sections = negotiate(parse_offer(text, Limits()), EVERYTHING).sections
    assert [section.use for section in sections] == ["source"] * 3
    assert sections[1].rids == ("f", "h", "q")
    assert all(codec.rtx_payload_type for section in sections[1:] for codec in section.codecs)
    answered = answer_to(text)
    assert len(EXTENSIONS) == 6
    assert all(f"a=extmap:{number} " in answered for number, _ in EXTENSIONS)


def test_a_viewer_reads_every_slot_of_the_answer() -> None:
    text = offer(
        Line(kind="video", direction="recvonly"),
        Line(kind="video", direction="recvonly"),
        Line(kind="audio", direction="recvonly"),
    )
    answer = read_answer(answer_to(text))
    assert [stream.kind for stream in answer.streams] == ["video", "video", "audio"]
    assert all(isinstance(stream.rtx_ssrc, int) for stream in answer.streams[:2])
    assert answer.streams[2].rtx_ssrc is None
    assert answer.is_passive
    assert answer.candidates


def test_the_best_candidate_comes_first() -> None:
    lines = (
        "a=ice-ufrag:u", "a=ice-pwd:p", "a=fingerprint:sha-256 AB", "a=setup:active",
        "m=video 9 UDP/TLS/RTP/SAVPF 96",
        "a=candidate:1 1 udp 100 192.0.2.1 5000 typ host",
        "a=candidate:2 1 tcp 900 192.0.2.2 5000 typ host tcptype passive",
        "a=candidate:3 1 UDP 200 2001:db8::1 5001 typ host",
        "a=candidate:4",
        "a=ssrc:7 cname:x", "a=ssrc:7 msid:x y",
    )  # fmt: skip
    answer = read_answer("\r\n".join(lines))
    assert [candidate.address for candidate in answer.candidates] == ["2001:db8::1", "192.0.2.1"]
    assert answer.streams == [Stream("video", 7, None)]
    assert not answer.is_passive


@pytest.mark.parametrize("text", ["", "not SDP", "v=0\r\na=ice-ufrag:u"])
def test_what_is_no_answer_is_named(text: str) -> None:
    with pytest.raises(UnusableAnswer):
        read_answer(text)


def test_a_full_offer_is_as_long_as_a_browsers_and_agrees_on_the_same() -> None:
    lines = [Line(kind="video", direction="recvonly")] * 25 + [Line(kind="audio", direction="recvonly")] * 8
    text = offer(*lines, is_full=True)
    assert 80_000 < len(text) < 150_000  # Chromium's: 146 kB
    sections = negotiate(parse_offer(text, Limits()), EVERYTHING).sections
    assert sections[0].codecs[0].name == "vp8"
    assert len(sections[0].codecs) == 5
    assert len(read_answer(answer_to(text)).streams) == 33
