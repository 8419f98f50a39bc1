"""Answers: what browsers need to see in them, read back by our parser and by aiortc's."""

import re

import pytest
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import SessionDescription
from hypothesis import given, settings
from hypothesis import strategies as st

from sfu.limits import Limits
from sfu.sdp import Policy, SdpError, SdpProblem, negotiate, parse_offer, write_answer
from sfu.sdp.codecs import choose_codecs
from tests.unit.sdp.offers import (
    EVERYTHING,
    NAMES,
    OPUS,
    SESSION,
    VP8,
    blocks,
    load,
    local,
    offer,
    section,
)

LIMITS = Limits()


def answer(text: str, policy: Policy = EVERYTHING, **changes: object) -> str:
    negotiated = negotiate(parse_offer(text, LIMITS), policy)
    return write_answer(negotiated, local(negotiated, **changes))


def lines_of(text: str, number: int = 0) -> list[str]:
    return blocks(text)[1 + number]


def starting(lines: list[str], *prefixes: str) -> list[str]:
    return [line for line in lines if line.startswith(prefixes)]


@pytest.mark.parametrize("name", NAMES)
def test_aiortc_reads_the_answer_to_every_real_offer(name: str) -> None:
    offered = parse_offer(load(name), LIMITS)
    read = SessionDescription.parse(answer(load(name)))
    assert [media.kind for media in read.media] == [section.kind for section in offered.sections]
    for media, section_ in zip(read.media, offered.sections, strict=True):
        if media.port:
            assert {codec.payloadType for codec in media.rtp.codecs} <= {int(f) for f in section_.formats}
            assert media.dtls
            assert media.dtls.role == "server"


@pytest.mark.parametrize("name", NAMES)
def test_each_line_stands_once_and_the_session_carries_the_transport(name: str) -> None:
    session, *sections = blocks(answer(load(name)))
    for prefix in ("a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:", "a=setup:"):
        assert len(starting(session, prefix)) == 1
        assert not any(starting(lines, prefix) for lines in sections)
    assert "a=ice-lite" in session
    assert not starting(session, "a=ice-options")
    for lines in sections:
        assert len(lines) == len(set(lines))
    accepted = [lines for lines in sections if lines[0].split(" ")[1] != "0"]
    assert len(starting(accepted[0], "a=candidate:")) == 2
    with_candidates = [lines for lines in sections if "a=end-of-candidates" in lines]
    assert len(with_candidates) <= 3


@pytest.mark.parametrize(
    ("policy", "kinds"),
    [
        (RTCBundlePolicy.MAX_BUNDLE, ("audio", "video", "video", "audio")),
        (RTCBundlePolicy.BALANCED, ("video", "video", "audio")),
        (RTCBundlePolicy.MAX_COMPAT, ("video", "audio", "video", "audio")),
    ],
)
async def test_aiortc_finds_the_candidates(policy: RTCBundlePolicy, kinds: tuple[str, ...]) -> None:
    """It looks for them in the last section that shares a transport."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=policy))
    for kind in kinds:
        connection.addTransceiver(kind, direction="recvonly")
    await connection.setLocalDescription(await connection.createOffer())
    text = answer(connection.localDescription.sdp)
    await connection.setRemoteDescription(RTCSessionDescription(text, "answer"))
    transports = {one.receiver.transport.transport for one in connection.getTransceivers()}
    assert [len(one._connection.remote_candidates) for one in transports] == [2]
    await connection.close()


@pytest.mark.parametrize("name", ["chromium-156-participant", "firefox-153-participant"])
def test_simulcast_is_answered_with_all_that_it_needs(name: str) -> None:
    camera = lines_of(answer(load(name)), 1)
    assert starting(camera, "a=rid", "a=simulcast") == [
        "a=rid:f recv", "a=rid:h recv", "a=rid:q recv", "a=simulcast:recv f;h;q",
    ]  # fmt: skip
    uris = {line.split(" ")[1].rpartition(":")[2] for line in starting(camera, "a=extmap:")}
    assert {"mid", "rtp-stream-id", "repaired-rtp-stream-id"} <= uris


def test_no_simulcast_without_the_extensions_that_name_the_layers() -> None:
    lines = [*VP8, "a=rid:f send", "a=rid:q send", "a=simulcast:send f;q",
             "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"]  # fmt: skip
    text = answer(offer(section("0", direction="sendonly", lines=lines)))
    assert not starting(lines_of(text), "a=rid", "a=simulcast", "a=extmap")


@pytest.mark.parametrize("name", ["chromium-156-participant", "firefox-153-participant"])
def test_slots_announce_their_ssrcs_and_pair_audio_with_video(name: str) -> None:
    text = answer(load(name))
    offered = parse_offer(load(name), LIMITS).sections
    streams: dict[str, list[str]] = {"audio": [], "video": []}
    ssrcs: set[str] = set()
    for index, section_ in enumerate(offered):
        lines = lines_of(text, index)
        if section_.direction == "sendonly":
            assert "a=recvonly" in lines
            assert not starting(lines, "a=ssrc", "a=msid")
            continue
        assert "a=sendonly" in lines
        announced = {line.split(":")[1].split(" ")[0] for line in starting(lines, "a=ssrc:")}
        assert len(announced) == (2 if section_.kind == "video" else 1)
        assert not announced & ssrcs
        ssrcs |= announced
        if section_.kind == "video":
            (group,) = starting(lines, "a=ssrc-group:FID ")
            assert set(group.split(" ")[1:]) == announced
        (msid,) = starting(lines, "a=msid:")
        streams[section_.kind].append(msid.removeprefix("a=msid:").split(" ")[0])
    assert streams["video"] == [f"slot-{index}" for index in range(25)]
    assert streams["audio"] == [f"slot-{index}" for index in range(8)]


def test_payload_types_and_extension_ids_are_the_offers() -> None:
    text = load("chromium-156-participant")
    for index in range(37):
        offered = set(blocks(text)[1 + index])
        for line in starting(lines_of(answer(text), index), "a=rtpmap", "a=extmap:", "a=rtcp-fb"):
            assert line in offered


def test_vp8_comes_first_and_one_payload_type_for_each_format() -> None:
    camera = lines_of(answer(load("chromium-156-participant")), 1)
    assert starting(camera, "a=rtpmap:")[0].endswith("VP8/90000")
    names = [line.split(" ")[1].split("/")[0] for line in starting(camera, "a=rtpmap:")]
    assert [name for name in names if name != "rtx"] == ["VP8", "H264", "H264", "VP9", "AV1"]
    assert names.count("rtx") == 5
    formats = "\n".join(starting(camera, "a=fmtp:"))
    assert "profile-level-id=42e01f" in formats
    assert "profile-level-id=42001f" not in formats, "baseline is taken once, as constrained baseline"
    assert "packetization-mode=0" not in formats


def test_firefox_vp9_is_profile_zero_without_saying_so() -> None:
    offered = parse_offer(load("firefox-153-whep"), LIMITS).sections[0].media.codecs
    chrome = parse_offer(load("chromium-156-whep"), LIMITS).sections[0].media.codecs
    (ours,) = [codec for codec in choose_codecs("video", offered) if codec.name == "vp9"]
    (theirs,) = [codec for codec in choose_codecs("video", chrome) if codec.name == "vp9"]
    assert ours.is_same_as(theirs)
    assert ours.parameters == ""


@pytest.mark.parametrize(
    ("profile_level_id", "format_"),
    [
        ("42001f", "baseline"), ("42e01f", "baseline"), ("42C01E", "baseline"), ("4d801f", "baseline"),
        ("4d001f", "main"), ("64001f", "high"), ("640c1f", "high"), ("f4001f", None), ("6e001f", None),
        ("zz", None),
    ],
)  # fmt: skip
def test_h264_profiles_fall_into_classes(profile_level_id: str, format_: str | None) -> None:
    fmtp = f"a=fmtp:96 packetization-mode=1;profile-level-id={profile_level_id}"
    (parsed,) = parse_offer(offer(section("0", lines=["a=rtpmap:96 H264/90000", fmtp])), LIMITS).sections
    formats = [codec.format for codec in choose_codecs("video", parsed.media.codecs)]
    assert formats == ([f"packetization-mode=1;profile={format_}"] if format_ else [])


@pytest.mark.parametrize(
    ("rtpmap", "fmtp"),
    [
        ("H264/90000", "profile-level-id=42e01f"),  # packetization-mode 0 unless it says 1
        ("VP9/90000", "profile-id=2"),
        ("AV1/90000", "profile=1"),
        ("H265/90000", "profile-id=2"),
        ("multiopus/48000/6", "channel_mapping=0,4,1,2,3,5;num_streams=4;coupled_streams=2"),
        ("opus/48000/1", ""),
        ("opus/16000/2", ""),
        ("telephone-event/8000", "0-15"),
        ("red/48000/2", "111/x"),
        ("ulpfec/90000", ""),
    ],
)
def test_what_cannot_be_forwarded_is_refused(rtpmap: str, fmtp: str) -> None:
    kind = "video" if "90000" in rtpmap else "audio"
    lines = [f"a=rtpmap:96 {rtpmap}", *([f"a=fmtp:96 {fmtp}"] if fmtp else [])]
    with pytest.raises(SdpError) as raised:
        negotiate(parse_offer(offer(section("0", kind, lines=lines)), LIMITS), EVERYTHING)
    assert raised.value.problem == SdpProblem.NO_MEDIA


@pytest.mark.parametrize(
    ("offered", "answered"),
    [
        ("minptime=10", "minptime=10;useinbandfec=1"),
        ("maxplaybackrate=48000;stereo=1;useinbandfec=0", "maxplaybackrate=48000;stereo=1;useinbandfec=1"),
        ("usedtx=1;unknown=1;cbr=1", "cbr=1;usedtx=1;useinbandfec=1"),
    ],
)
def test_opus_parameters(offered: str, answered: str) -> None:
    lines = ["a=rtpmap:111 opus/48000/2", f"a=fmtp:111 {offered}"]
    text = answer(offer(section("0", "audio", "sendonly", lines, "111")))
    assert starting(lines_of(text), "a=fmtp") == [f"a=fmtp:111 {answered}"]


def test_payload_types_that_look_like_rtcp_are_not_taken() -> None:
    lines = ["a=rtpmap:72 VP8/90000", "a=rtpmap:35 VP9/90000", "a=rtpmap:73 rtx/90000", "a=fmtp:73 apt=35"]
    text = answer(offer(section("0", lines=lines, formats="72 35 73")))
    assert lines_of(text)[0] == "m=video 8443 UDP/TLS/RTP/SAVPF 35"


def test_opus_goes_before_red() -> None:
    microphone = lines_of(answer(load("chromium-156-participant")))
    assert starting(microphone, "a=rtpmap:")[:2] == ["a=rtpmap:111 opus/48000/2", "a=rtpmap:63 red/48000/2"]
    assert "a=fmtp:63 111/111" in microphone


@pytest.mark.parametrize("fmtp", ["111/111", "111", "9/9", "111/9", "0/0", "111/111/111"])
def test_red_is_answered_where_all_its_blocks_are_opus(fmtp: str) -> None:
    lines = [
        "a=rtpmap:63 red/48000/2",
        f"a=fmtp:63 {fmtp}",
        "a=rtpmap:111 opus/48000/2",
        "a=rtpmap:9 G722/8000",
    ]
    text = answer(offer(section("0", "audio", "recvonly", lines, "63 111 9")))
    is_opus = set(fmtp.split("/")) == {"111"}
    assert ("a=rtpmap:63 red/48000/2" in lines_of(text)) == is_opus
    assert (f"a=fmtp:63 {fmtp}" in lines_of(text)) == is_opus


def test_feedback_is_what_was_offered_and_is_known() -> None:
    lines = [*VP8, "a=rtcp-fb:96 goog-remb", "a=rtcp-fb:96 transport-cc", "a=rtcp-fb:96 ccm fir",
             "a=rtcp-fb:96 ack rpsi", "a=rtcp-fb:96 nack"]  # fmt: skip
    text = answer(offer(section("0", lines=lines)))
    assert [line.split(" ", 1)[1] for line in starting(lines_of(text), "a=rtcp-fb")] == [
        "nack", "nack pli", "goog-remb", "transport-cc", "ccm fir",
    ]  # fmt: skip


NUMBERED = "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"


@pytest.mark.parametrize(
    ("offered", "answered"),
    [
        (["a=rtcp-fb:* ack ccfb"], ["a=rtcp-fb:* ack ccfb"]),
        # RFC 8888 §6 knows all payload types or none.
        (["a=rtcp-fb:96 ack ccfb"], ["a=rtcp-fb:* ack ccfb"]),
        (["a=rtcp-fb:* ack ccfb", "a=rtcp-fb:96 transport-cc"], ["a=rtcp-fb:* ack ccfb"]),
        (["a=rtcp-fb:* ack ccfb", NUMBERED], ["a=rtcp-fb:* ack ccfb"]),
        (
            ["a=rtcp-fb:* ack ccfb", "a=rtcp-fb:96 transport-cc", NUMBERED],
            [NUMBERED, "a=rtcp-fb:96 transport-cc"],
        ),
    ],
    ids=["all", "one", "no-numbers", "numbers-alone", "both"],
)
def test_feedback_by_sequence_numbers_is_answered_where_there_is_none_by_transport_wide_ones(
    offered: list[str], answered: list[str]
) -> None:
    text = answer(offer(section("0", lines=["a=rtpmap:96 VP8/90000", *offered])))
    assert starting(lines_of(text), "a=rtcp-fb", "a=extmap:") == answered


def test_one_kind_of_feedback_holds_for_the_whole_bundle() -> None:
    by_sequence_number = section("0", "audio", lines=[*OPUS, "a=rtcp-fb:* ack ccfb"], formats="111")
    transport_wide = section("1", lines=[*VP8, "a=rtcp-fb:* ack ccfb", "a=rtcp-fb:96 transport-cc", NUMBERED])
    alone = answer(offer(by_sequence_number))
    assert "a=rtcp-fb:* ack ccfb" in lines_of(alone)
    both = answer(offer(by_sequence_number, transport_wide))
    assert "ccfb" not in both
    assert "a=rtcp-fb:96 transport-cc" in lines_of(both, 1)


def test_a_data_channel_and_unknown_kinds_are_rejected_outside_the_bundle() -> None:
    text = answer(load("chromium-156-data-channel"))
    assert lines_of(text, 1) == [
        "m=application 0 UDP/DTLS/SCTP webrtc-datachannel", "c=IN IP4 0.0.0.0", "a=inactive", "a=mid:1",
    ]  # fmt: skip
    assert "a=group:BUNDLE 0" in blocks(text)[0]


@pytest.mark.parametrize(
    "refused",
    [
        section("1", "text", lines=["a=rtpmap:96 t140/1000"]),
        section("1", protocol="RTP/UNKNOWN"),
        section("1", port=0),
        section("1", lines=["a=rtpmap:96 theora/90000"]),
    ],
    ids=["kind", "protocol", "stopped", "codec"],
)
def test_one_useless_section_does_not_spoil_the_others(refused: list[str]) -> None:
    text = answer(offer(section("0"), refused, section("2")))
    assert [lines[0].split(" ")[1] for lines in blocks(text)[1:]] == ["8443", "0", "8443"]
    assert "a=group:BUNDLE 0 2" in blocks(text)[0]


def test_sections_outside_the_bundle_are_rejected() -> None:
    text = answer(offer(section("0"), section("1"), bundle="0"))
    assert [lines[0].split(" ")[1] for lines in blocks(text)[1:]] == ["8443", "0"]


def test_sections_beyond_the_policy_are_rejected_and_forbidden_ones_inactive() -> None:
    text = offer(section("0"), section("1"), section("2", direction="sendonly"))
    negotiated = negotiate(parse_offer(text, LIMITS), Policy(video_slots=1))
    assert [section_.use for section_ in negotiated.sections] == ["slot", "rejected", "inactive"]
    assert "a=inactive" in lines_of(write_answer(negotiated, local(negotiated)), 2)


@pytest.mark.parametrize(("two_way", "direction"), [("source", "recvonly"), ("slot", "sendonly")])
def test_a_two_way_section_gets_one_direction(two_way: str, direction: str) -> None:
    policy = Policy(sources=2, video_slots=2, audio_slots=2, two_way=two_way)  # type: ignore[arg-type]
    text = answer(load("safari-13-two-way"), policy)
    assert all(f"a={direction}" in lines_of(text, index) for index in (0, 1))
    assert lines_of(text, 2)[0] == "m=application 0 DTLS/SCTP 5000"
    assert starting(lines_of(text, 1), "a=rtpmap:")[0] == "a=rtpmap:100 VP8/90000"


def test_an_extension_id_means_the_same_in_the_whole_bundle() -> None:
    mid, level = "urn:ietf:params:rtp-hdrext:sdes:mid", "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
    text = offer(
        section("0", lines=[*VP8, f"a=extmap:1 {mid}", "a=extmap:15 urn:3gpp:video-orientation"]),
        section("1", "audio", lines=[*OPUS, f"a=extmap:1 {level}", f"a=extmap:2 {mid}"], formats="111"),
    )
    negotiated = negotiate(parse_offer(text, LIMITS), EVERYTHING)
    assert negotiated.extensions == ((1, "mid"), (2, "mid"))
    assert [[e.id for e in section_.extensions] for section_ in negotiated.sections] == [[1], [2]]


def test_extensions_follow_the_direction_of_the_media() -> None:
    """Firefox sends the dependency descriptor and cannot receive it."""
    text = answer(load("firefox-153-participant"))
    assert any("dependency-descriptor" in line for line in lines_of(text, 1))
    assert not any("dependency-descriptor" in line for line in lines_of(text, 4))
    assert any(
        "dependency-descriptor" in line for line in lines_of(answer(load("chromium-156-participant")), 4)
    )


def test_slots_do_not_speak_of_layers() -> None:
    slot = lines_of(answer(load("chromium-156-participant")), 4)
    assert not any("rtp-stream-id" in line or "layers-allocation" in line for line in slot)


def test_mixed_extension_headers_are_answered_where_offered() -> None:
    assert "a=extmap-allow-mixed" in blocks(answer(load("chromium-156-whep")))[0]
    assert "a=extmap-allow-mixed" in lines_of(answer(load("firefox-153-whep")))
    assert "extmap-allow-mixed" not in answer(load("aiortc-1.16-participant"))


def test_without_candidates_the_address_is_unspecified() -> None:
    lines = lines_of(answer(offer(section("0")), candidates=[]))
    assert lines[:2] == ["m=video 9 UDP/TLS/RTP/SAVPF 96", "c=IN IP4 0.0.0.0"]


def test_an_ipv6_candidate_can_be_the_default() -> None:
    negotiated = negotiate(parse_offer(offer(section("0")), LIMITS), EVERYTHING)
    candidates = local(negotiated).candidates[1:]
    assert "c=IN IP6 2001:db8::9" in answer(offer(section("0")), candidates=candidates)


@settings(max_examples=100, deadline=None)
@given(
    kinds=st.lists(st.sampled_from([("audio", "sendonly"), ("audio", "recvonly"), ("video", "sendonly"),
                                    ("video", "recvonly"), ("video", "sendrecv"), ("video", "inactive")]),
                   min_size=1, max_size=12),
    mids=st.lists(st.from_regex(r"[A-Za-z0-9]{1,16}", fullmatch=True), min_size=12, max_size=12, unique=True),
    session=st.permutations(SESSION[4:]),
)  # fmt: skip
def test_an_answer_mirrors_its_offer(
    kinds: list[tuple[str, str]], mids: list[str], session: list[str]
) -> None:
    """Same sections, kinds and mids in the same order, each with the direction that fits."""
    sections = [
        section(mid, kind, direction, OPUS if kind == "audio" else VP8, "111" if kind == "audio" else "96")
        for mid, (kind, direction) in zip(mids, kinds, strict=False)
    ]
    text = offer(*sections, session=[*SESSION[:4], *session])
    if {direction for _, direction in kinds} == {"inactive"}:
        with pytest.raises(SdpError, match=SdpProblem.NO_MEDIA):
            answer(text)
        return
    read = blocks(answer(text))
    fitting = {"sendonly": "recvonly", "recvonly": "sendonly", "sendrecv": "recvonly", "inactive": "inactive"}
    for (kind, direction), mid, lines in zip(kinds, mids, read[1:], strict=False):
        assert lines[0].startswith(f"m={kind} ")
        assert f"a=mid:{mid}" in lines
        if not lines[0].startswith(f"m={kind} 0 "):
            assert f"a={fitting[direction]}" in lines
    assert len(read) == 1 + len(kinds)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30))
def test_nothing_of_an_offer_can_add_a_line_to_the_answer(text: str) -> None:
    """What is copied is only what fits its grammar, so no line of the answer has an unknown form."""
    lines = [
        *VP8,
        f"a=fmtp:96 {text}",
        f"a=extmap:1 {text}",
        f"a=rtcp-fb:96 {text}",
        f"a=ssrc:1 cname:{text}",
    ]
    try:
        written = answer(offer(section("0", lines=lines)))
    except SdpError:
        return
    known = re.compile(
        r"[vost]=.*|m=video .*|c=IN .*|a=(?:group|msid-semantic|ice-lite|ice-ufrag|ice-pwd|fingerprint|setup|"
        r"mid|sendonly|rtcp-mux|msid|ssrc|ssrc-group|rtpmap|rtcp-fb|extmap|candidate|end-of-candidates|fmtp)(?::.*)?"
    )
    assert all(known.fullmatch(line) for line in written.removesuffix("\r\n").split("\r\n"))
