"""Reading offers: what real ones say, and the name that each broken one gets."""

import contextlib
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfu.limits import Limits
from sfu.sdp import SdpError, SdpProblem, parse_offer
from tests.unit.sdp.offers import NAMES, OPUS, SESSION, VP8, load, offer, section

LIMITS = Limits()


def problem(text: str, limits: Limits = LIMITS) -> SdpProblem:
    with pytest.raises(SdpError) as raised:
        parse_offer(text, limits)
    return raised.value.problem


@pytest.mark.parametrize("name", NAMES)
def test_every_real_offer_is_read(name: str) -> None:
    parsed = parse_offer(load(name), LIMITS)
    assert parsed.fingerprints[0].algorithm == "sha-256"
    assert all(section.mid in parsed.bundle for section in parsed.sections)


@pytest.mark.parametrize("name", ["chromium-156-participant", "firefox-153-participant"])
def test_a_browsers_participant_offer(name: str) -> None:
    sections = parse_offer(load(name), LIMITS).sections
    assert [section.kind for section in sections[:4]] == ["audio", "video", "video", "audio"]
    assert [section.direction for section in sections] == ["sendonly"] * 4 + ["recvonly"] * 33
    assert [section.rids for section in sections[:3]] == [(), ("f", "h", "q"), ()]
    assert not any(section.disabled for section in sections), "bundle-only is not rejected"


def test_session_level_credentials_hold_for_all_sections() -> None:
    parsed = parse_offer(load("firefox-153-whip"), LIMITS)
    assert len(parsed.fingerprints) == 1
    assert parsed.ice.ufrag


def test_the_first_bundled_section_names_the_transport() -> None:
    own = ["a=ice-ufrag:first", "a=ice-pwd:firstfirstfirstfirstfirst", "a=setup:passive"]
    parsed = parse_offer(offer(section("0", lines=[*own, *VP8]), section("1")), LIMITS)
    assert (parsed.ice.ufrag, parsed.setup) == ("first", "passive")


def test_ffmpeg_wants_to_be_the_dtls_server() -> None:
    parsed = parse_offer(load("ffmpeg-9-whip"), LIMITS)
    assert parsed.setup == "passive"
    assert parsed.sections[1].ssrcs == ((1354773437, 1354773438),)


def test_static_payload_types_need_no_rtpmap() -> None:
    parsed = parse_offer(offer(section("0", "audio", lines=[], formats="0 8 77")), LIMITS)
    assert [codec.name for codec in parsed.sections[0].media.codecs] == ["pcmu", "pcma"]


def test_feedback_for_all_payload_types() -> None:
    lines = [*VP8, "a=rtcp-fb:* ccm fir"]
    parsed = parse_offer(offer(section("0", lines=lines)), LIMITS)
    assert parsed.sections[0].media.codecs[0].feedback == ("nack", "nack pli", "ccm fir")


def test_sections_with_the_same_lines_share_what_was_read() -> None:
    parsed = parse_offer(
        offer(section("0"), section("1"), section("2", lines=[*VP8, "a=rtcp-rsize"])), LIMITS
    )
    first, second, third = (section.media for section in parsed.sections)
    assert first is second
    assert first is not third


@pytest.mark.parametrize("name", NAMES)
def test_sections_are_read_alike_alone_and_among_others(name: str) -> None:
    """Unlike lines of no use keep sections from being taken for each other."""
    head, *blocks = load(name).removesuffix("\r\n").split("\r\nm=")
    apart = "".join(f"\r\nm={block}\r\na=x-place:{place}" for place, block in enumerate(blocks))
    assert parse_offer(load(name), LIMITS) == parse_offer(f"{head}{apart}\r\n", LIMITS)


def test_a_mid_that_is_none_is_refused_in_a_repeated_section_too() -> None:
    with pytest.raises(SdpError):
        parse_offer(offer(section("0"), section("a b"), bundle="0"), LIMITS)


def test_the_first_of_two_mids_counts_in_every_section() -> None:
    again = [*VP8, "a=mid:later"]
    first, second = parse_offer(offer(section("0", lines=again), section("1", lines=again)), LIMITS).sections
    assert (first.mid, second.mid) == ("0", "1")


def test_ports_of_rtcp_do_not_make_sections_differ() -> None:
    sections = [section(str(n), lines=[*VP8, f"a=rtcp:{9000 + n} IN IP4 192.0.2.1"]) for n in range(100)]
    assert len({id(one.media) for one in parse_offer(offer(*sections), LIMITS).sections}) == 1


def test_equal_lines_of_another_kind_are_not_shared() -> None:
    parsed = parse_offer(offer(section("0", "application"), section("1")), LIMITS)
    assert parsed.sections[0].media.codecs == ()
    assert parsed.sections[1].media.codecs != ()


@pytest.mark.parametrize(
    ("simulcast", "rids"),
    [
        ("send f;h;q", ("f", "h", "q")),
        ("recv x send f;h", ("f", "h")),
        ("send f,h;~q", ("f", "q")),  # alternatives and paused streams (RFC 8853 §5.1)
        ("send f;unknown;f", ("f",)),
        ("recv f;h", ()),
        ("send", ()),
        ("send rid=f;q", ("f", "q")),  # the draft that old Firefox speaks
    ],
)
def test_simulcast(simulcast: str, rids: tuple[str, ...]) -> None:
    lines = [*VP8, *(f"a=rid:{rid} send" for rid in "fhq"), "a=rid:x recv", f"a=simulcast:{simulcast}"]
    parsed = parse_offer(offer(section("0", direction="sendonly", lines=lines)), LIMITS)
    assert parsed.sections[0].rids == rids


def test_an_offerer_stops_a_section_by_port_zero() -> None:
    parsed = parse_offer(
        offer(section("0", port=0), section("1", port=0, lines=["a=bundle-only", *VP8])), LIMITS
    )
    assert [section.disabled for section in parsed.sections] == [True, False]


def without(*prefixes: str) -> tuple[str, ...]:
    return tuple(line for line in SESSION if not line.startswith(prefixes))


BROKEN = {
    SdpProblem.MALFORMED: [
        "",
        "hello",
        "\r\nv=0",
        offer(section("0")).replace("s=-", "s=\x00"),
        offer(section("0")).replace("s=-", "s=a\rb"),
        offer(section("0")).replace("s=-", "s=a\u2028a=b"),
        offer(section("0")).replace("s=-", "no key"),
        offer(["m=video"]),
        offer(["m=video x UDP/TLS/RTP/SAVPF 96"]),
        offer(section("0", formats="96 999x")),
        offer(section("0", formats=" ".join(str(n) for n in range(200)))),
        offer(section("0", formats="²")),
        offer(section("0", lines=["a=rtpmap:96"])),
        offer(section("0", lines=["a=rtpmap:128 VP8/90000"])),
        offer(section("0", lines=["a=rtpmap:٩ VP8/90000"])),
        offer(section("0", lines=["a=fmtp:x y"])),
        offer(section("0", lines=["a=fmtp:96 ünlaut"])),
        offer(section("0", lines=[f"a=fmtp:96 {'x' * 2000}"])),
        offer(section("0", lines=["a=extmap:one urn:x"])),
        offer(section("0", lines=["a=sendonly"])),
        offer(section("0", lines=["a=ssrc:4294967296 cname:x"])),
        offer(section("0", lines=["a=ssrc:-1 cname:x"])),
        offer(section("0", lines=["a=ssrc-group:FID 1 x"])),
        offer(section("0", lines=["a=rid:a send", "a=simulcast:send a;;b"])),
        offer(section("0", lines=["a=rid:a send", "a=simulcast:send \"x\""])),
        offer(section("m" * 17)),
        offer(section("a b"), bundle="0"),
    ],
    SdpProblem.TOO_MANY_SSRCS: [
        offer(section("0", direction="sendonly", lines=[f"a=ssrc:{n} cname:x" for n in range(65)])),
    ],
    SdpProblem.TOO_LARGE: [
        offer(section("0", lines=["a=x:" + "y" * 600_000])),
        offer(section("0", lines=["a=x:" + "\u20ac" * 200_000])),
        offer(section("0", lines=["a=x"] * 20_000)),
    ],
    SdpProblem.TOO_MANY_SECTIONS: [
        offer(*(section(str(n)) for n in range(129))),
        offer(*(section(str(n), lines=[f"a=rtpmap:96 VP8/{90000 + n}"]) for n in range(33))),
    ],
    SdpProblem.MISSING_ICE: [
        offer(section("0"), session=without("a=ice-ufrag")),
        offer(section("0"), session=without("a=ice-pwd")),
    ],
    SdpProblem.MALFORMED_ICE: [
        offer(section("0"), session=[*without("a=ice"), "a=ice-ufrag:a:b:c", f"a=ice-pwd:{'p' * 22}"]),
        offer(section("0"), session=[*without("a=ice"), "a=ice-ufrag:abcd", "a=ice-pwd:short"]),
        offer(section("0"), session=[*without("a=ice"), f"a=ice-ufrag:{'u' * 257}", f"a=ice-pwd:{'p' * 22}"]),
    ],
    SdpProblem.MISSING_FINGERPRINT: [offer(section("0"), session=without("a=fingerprint"))],
    SdpProblem.MALFORMED_FINGERPRINT: [
        offer(section("0"), session=[*SESSION, "a=fingerprint:"]),
        offer(section("0"), session=[*SESSION, "a=fingerprint:sha-256"]),
        offer(section("0"), session=[*SESSION, "a=fingerprint:sha-256 AB:CD"]),
        offer(section("0"), session=[*SESSION, f"a=fingerprint:sha-256 {':'.join(['XY'] * 32)}"]),
    ],
    SdpProblem.UNSUPPORTED_FINGERPRINT: [
        offer(section("0"), session=[*without("a=fing"), f"a=fingerprint:sha-1 {':'.join(['AB'] * 20)}"]),
    ],
    SdpProblem.UNSUPPORTED_SETUP: [offer(section("0"), session=[*without("a=setup"), "a=setup:holdconn"])],
    SdpProblem.NO_BUNDLE: [
        offer(section("0")).replace("a=group:BUNDLE 0\r\n", ""),
        offer(section("0"), bundle="other"),
        offer(section("0")).replace("a=group:BUNDLE 0", "a=group:"),
    ],
    SdpProblem.NO_RTCP_MUX: [offer(section("0")).replace("a=rtcp-mux\r\n", "")],
    SdpProblem.DUPLICATE_MID: [offer(section("0"), section("0"))],
    SdpProblem.NO_MEDIA: ["v=0\r\n"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("expected", "text"),
    [pytest.param(expected, text, id=f"{expected}-{index}") for expected, texts in BROKEN.items()
     for index, text in enumerate(texts)],
)  # fmt: skip
def test_each_broken_offer_has_a_name(expected: SdpProblem, text: str) -> None:
    assert problem(text) == expected


def test_a_setup_line_may_be_missing() -> None:
    assert parse_offer(offer(section("0"), session=without("a=setup")), LIMITS).setup == "active"


def test_huge_offers_are_refused_before_they_are_taken_apart() -> None:
    ten_thousand = "v=0\r\n" + "m=audio 9 X 0\r\n" * 10_000
    assert problem(ten_thousand) == SdpProblem.TOO_MANY_SECTIONS
    with mock.patch("sfu.sdp.parser._CONTROL") as scan:
        assert problem("v=0" + "m" * 600_000) == SdpProblem.TOO_LARGE
    scan.search.assert_not_called()


TOKENS = [
    "v=0", "m=video 9 UDP/TLS/RTP/SAVPF 96", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:0", "a=mid:1",
    "a=rtcp-mux",
    "a=group:BUNDLE 0 1", *SESSION, *VP8, *OPUS, "a=rid:f send", "a=simulcast:send f", "a=ssrc-group:FID 1 2",
    "a=ssrc:1 cname:x", "a=sendonly", "a=recvonly", "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid", "a=",
    "",
    "a=group:", "a=rtpmap:", "a=fmtp:", "a=simulcast:", "a=rid:", "a=ssrc:", "a=fingerprint:", "a=extmap:",
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(TOKENS) | st.text(max_size=20), max_size=30))
def test_no_lines_raise_anything_but_sdp_error(lines: list[str]) -> None:
    with contextlib.suppress(SdpError):
        parse_offer("\r\n".join(["v=0", *lines]), LIMITS)


@settings(max_examples=300, deadline=None)
@given(st.data(), st.sampled_from([name for name in NAMES if "participant" not in name]))
def test_no_damage_to_a_real_offer_raises_anything_but_sdp_error(data: st.DataObject, name: str) -> None:
    text = load(name)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    damaged = text[:start] + data.draw(st.text(max_size=8)) + text[end:]
    with contextlib.suppress(SdpError):
        parse_offer(damaged, LIMITS)
