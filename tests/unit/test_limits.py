"""Every row of the table of limits has a test that goes beyond it, and the packet path has the same numbers."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from sfu.app import _application
from sfu.auth.grants import Grant
from sfu.auth.tokens import Tokens
from sfu.clock import ManualClock
from sfu.errors import BadName, Unauthorized
from sfu.limits import BEYOND, DOC, FIXED, PACKETS, FixedLimits, Limits, PacketLimits
from sfu.media import binding
from sfu.media.config import MediaConfig
from sfu.sdp.errors import SdpError, SdpProblem
from sfu.sdp.parser import parse_offer
from sfu.settings import setting_of
from tests.unit.chat.test_chat import Desk
from tests.unit.join.fakes import Setting
from tests.unit.rooms.fakes import World
from tests.unit.sdp.offers import VP8, offer, section

ROOT = Path(__file__).parents[2]
TABLE = {row.name: row for table in (Limits, FixedLimits, PacketLimits) for row in fields(table)}

HERE = "tests/unit/test_limits.py"
SDP = "tests/unit/sdp/test_parser.py"
ROOMS = "tests/unit/rooms/test_membership.py"
SIGNALLING = "tests/unit/signalling"
MEDIA = "tests/unit/media"
PROTO = "sfu/packets/proto"
IO = "sfu/packets/io"

TESTED_BY = {
    # Limits
    "sdp_bytes": (SDP, "test_huge_offers_are_refused_before_they_are_taken_apart"),
    "media_sections": (SDP, "test_huge_offers_are_refused_before_they_are_taken_apart"),
    "inbound_ssrcs": (SDP, "test_each_broken_offer_has_a_name"),
    "websocket_message_bytes": (
        f"{SIGNALLING}/test_connection.py",
        "test_message_that_inflates_beyond_the_limit_is_too_big",
    ),
    "messages_per_s": (f"{SIGNALLING}/test_wire.py", "test_rate_is_a_burst_and_then_a_trickle"),
    "message_burst": (f"{SIGNALLING}/test_wire.py", "test_rate_is_a_burst_and_then_a_trickle"),
    "chat_bytes": ("tests/unit/chat/test_chat.py", "test_text_is_measured_in_bytes"),
    "chat_history": (HERE, "test_chat_history_keeps_the_newest"),
    "api_body_bytes": (HERE, "test_api_body_bytes"),
    "name_length": (HERE, "test_name_length"),
    "room_name_length": (HERE, "test_room_name_length"),
    "rooms": (ROOMS, "test_server_has_a_limit_of_rooms"),
    "participants_per_room": (ROOMS, "test_room_has_a_limit_that_counts_viewers"),
    "publishers_per_room": (ROOMS, "test_publishers_have_a_limit_of_their_own"),
    "tracks_per_participant": (HERE, "test_tracks_per_participant"),
    "publisher_bitrate_bps": (
        f"{PROTO}/tests/ceiling.rs",
        "who_ignores_it_loses_its_video_until_it_heeds_and_nobody_else_loses_anything",
    ),
    "video_slots": ("tests/unit/join/test_join.py", "test_more_slots_than_allowed_are_rejected"),
    "audio_slots": ("tests/unit/join/test_join.py", "test_more_slots_than_allowed_are_rejected"),
    "resume_s": (f"{SIGNALLING}/test_resume.py", "test_who_does_not_come_back_is_lost"),
    "transports": (f"{MEDIA}/test_plane.py", "test_a_full_server_says_so"),
    "half_open_joins": (
        "tests/unit/join/test_half_open.py",
        "test_joins_without_media_are_few_for_one_address",
    ),
    "lobbies": ("tests/unit/join/test_lobby.py", "test_a_server_lets_so_many_wait"),
    "dtls_handshakes": (f"{MEDIA}/test_handshakes.py", "test_more_handshakes_than_places_all_finish"),
    # FixedLimits
    "join_timeout_s": (f"{SIGNALLING}/test_dialogue.py", "test_who_does_not_join_in_time_is_disconnected"),
    "lobby_s": (
        f"{SIGNALLING}/test_preparing.py",
        "test_a_preparation_waits_some_minutes_and_no_longer",
    ),
    "silence_s": (f"{SIGNALLING}/test_liveness.py", "test_silence_is_given_up_after_25_seconds"),
    "unread_bytes": (
        "tests/hostile/test_whoever_stalls_is_let_go.py",
        "test_who_never_reads_is_cut_and_holds_nobody_up",
    ),
    "unread_frames": (
        f"{SIGNALLING}/test_connection.py",
        "test_who_reads_too_slowly_is_cut_and_others_are_not",
    ),
    "kept_events": (
        f"{SIGNALLING}/test_resume.py",
        "test_long_absence_is_bounded_and_the_state_still_whole",
    ),
    "kept_bytes": (f"{SIGNALLING}/test_resume.py", "test_kept_events_are_bounded_in_bytes"),
    "messages_abused": (
        f"{SIGNALLING}/test_dialogue.py",
        "test_flood_is_refused_by_name_and_abuse_ends_the_connection",
    ),
    "view_tiles": (f"{SIGNALLING}/test_dialogue.py", "test_view_of_thousands_is_refused"),
    "chat_key_length": ("tests/unit/chat/test_chat.py", "test_key_has_a_length"),
    "chat_keys": ("tests/unit/chat/test_chat.py", "test_history_is_bounded_in_messages_and_bytes"),
    "chat_history_bytes": ("tests/unit/chat/test_chat.py", "test_history_is_bounded_in_messages_and_bytes"),
    "token_length": (HERE, "test_token_length"),
    "sdp_lines": (HERE, "test_sdp_lines"),
    "sdp_different_sections": (HERE, "test_sdp_different_sections"),
    "sdp_body_s": ("tests/unit/whip/test_door.py", "test_a_slow_body_is_given_up"),
    "simulcast_layers": (HERE, "test_simulcast_layers"),
    "dtls_inbox": (f"{MEDIA}/test_handshakes.py", "test_a_full_inbox_drops_and_counts"),
    "dtls_handshake_bytes": (f"{MEDIA}/test_dtls.py", "test_a_flood_during_the_handshake_ends_at_a_bound"),
    "dtls_handshake_s": (f"{MEDIA}/test_dtls.py", "test_a_handshake_without_end_fails_at_its_deadline"),
    # PacketLimits
    "ssrcs_per_transport": (f"{PROTO}/tests/hostile.rs", "one_peer_may_send_64_streams"),
    "tuples_per_transport": (f"{PROTO}/tests/ice.rs", "twenty_tuples_are_kept_and_the_nominated_one_always"),
    "consent": (f"{PROTO}/tests/ice.rs", "silence_for_thirty_seconds_loses_the_peer_once"),
    "connect": (f"{PROTO}/tests/ice.rs", "peer_that_never_nominates_is_given_up_after_thirty_seconds"),
    "stun_answers": (
        f"{PROTO}/tests/ice.rs",
        "unauthenticated_requests_are_answered_ten_times_a_second_and_source",
    ),
    "stun_bytes": (f"{PROTO}/tests/ice.rs", "what_a_lite_agent_has_no_use_for_is_dropped"),
    "dtls_waiting": (
        f"{PROTO}/tests/hostile.rs",
        "dtls_waits_in_a_bounded_queue_that_empties_as_it_is_read",
    ),
    "dtls_datagram": (
        f"{PROTO}/tests/hostile.rs",
        "dtls_waits_in_a_bounded_queue_that_empties_as_it_is_read",
    ),
    "reply_bytes": (f"{PROTO}/tests/drops.rs", "each_reason_is_counted_when_it_happens"),
    "video_late": (f"{PROTO}/tests/overload.rs", "late_video_is_left_out_before_audio_and_begins_anew"),
    "audio_late": (f"{PROTO}/tests/overload.rs", "audio_goes_last"),
    "paced_longest": (f"{PROTO}/tests/pacing.rs", "what_would_wait_too_long_is_left_out_by_whole_frames"),
    "paced_bytes": (
        f"{PROTO}/src/egress/pacer.rs",
        "so_many_bytes_wait_on_any_way_and_twice_that_of_a_frame",
    ),
    "pending_packets": (f"{PROTO}/tests/hostile.rs", "packets_that_wait_for_a_full_socket_are_bounded"),
    "feedback_packets": (f"{PROTO}/tests/hostile.rs", "feedback_that_claims_more_than_is_kept_is_dropped"),
    "nacked_per_packet": (f"{PROTO}/tests/hostile.rs", "a_nack_of_thousands_is_taken_in_part"),
    "cache_age": (f"{PROTO}/tests/repair.rs", "what_is_no_longer_stored_is_a_counted_drop"),
    "nack_tries": (f"{PROTO}/src/egress/retransmission.rs", "ten_tries_a_round_trip_apart"),
    "nack_spacing": (f"{PROTO}/src/egress/retransmission.rs", "a_round_trip_of_nothing_is_not_believed"),
    "resent_percent": (
        f"{PROTO}/tests/repair.rs",
        "whoever_nacks_everything_costs_a_share_more_and_harms_nobody",
    ),
    "resent_burst": (
        f"{PROTO}/tests/repair.rs",
        "whoever_nacks_everything_costs_a_share_more_and_harms_nobody",
    ),
    "packet_bytes": (
        f"{PROTO}/tests/ceiling.rs",
        "a_flood_of_tiny_packets_is_as_dear_as_one_of_large_ones",
    ),
    "audio_bitrate": (
        f"{PROTO}/tests/ceiling.rs",
        "sound_beyond_what_any_codec_makes_is_dropped_until_it_ends",
    ),
    "reports_a_second": (
        f"{PROTO}/tests/hostile.rs",
        "reports_of_one_peer_are_passed_on_at_a_bounded_rate_and_others_are_heard",
    ),
    "reports_burst": (
        f"{PROTO}/tests/hostile.rs",
        "reports_of_one_peer_are_passed_on_at_a_bounded_rate_and_others_are_heard",
    ),
    "srtcp_streams": (f"{PROTO}/tests/srtp.rs", "at_most_256_senders_of_reports_are_kept"),
    "replay_window": (f"{PROTO}/tests/srtp.rs", "late_packets_within_the_window_are_taken_once"),
    "replay_window_rtcp": (f"{PROTO}/tests/srtp.rs", "late_rtcp_within_the_window_is_taken_once"),
    "layers_per_source": (
        f"{PROTO}/tests/hostile.rs",
        "layers_beyond_the_eighth_are_counted_as_the_eighth",
    ),
    "cache_packets": (f"{PROTO}/src/egress/cache.rs", "is_bounded_whatever_the_numbers"),
    "missing_packets": (f"{PROTO}/src/ingress/nack.rs", "an_outage_is_not_asked_for"),
    "nack_gap": (f"{PROTO}/src/ingress/nack.rs", "an_outage_is_not_asked_for"),
    "pending_control": (
        f"{PROTO}/tests/hostile.rs",
        "what_is_sent_again_and_waits_for_a_full_socket_is_bounded",
    ),
    "stage_late": (f"{PROTO}/tests/overload.rs", "the_picture_on_stage_goes_after_the_small_ones"),
    "order_capacity": (f"{IO}/src/plane_tests.rs", "commands_to_a_stuck_worker_are_bounded"),
    "events_handed_over": (f"{IO}/src/events.rs", "a_reader_that_lags_is_handed_no_more"),
    "queue_bytes": (f"{IO}/src/egress_tests.rs", "the_queue_is_bounded_in_bytes"),
    "queue_age": (f"{IO}/src/egress_tests.rs", "the_queue_is_bounded_in_age"),
    "ring_packets": (
        f"{IO}/src/links_tests.rs",
        "packets_in_the_ring_are_bounded_where_it_has_room_for_more",
    ),
    "ring_values": (
        f"{IO}/src/links_tests.rs",
        "a_full_ring_leaves_bursts_out_and_the_stream_goes_on_without_a_hole",
    ),
    "ring_backlog": (
        f"{IO}/src/links_tests.rs",
        "a_worker_that_takes_nothing_is_given_up_and_its_transports_are_lost",
    ),
    "ring_wishes": (
        f"{IO}/src/links_tests.rs",
        "wishes_beyond_the_ring_wait_in_order_and_are_bounded",
    ),
    "port_attempts": (f"{IO}/src/bind.rs", "another_port_is_tried_32_times"),
    "keyframe_refill": (
        f"{PROTO}/tests/keyframes.rs",
        "a_hundred_askers_cost_the_publisher_one_request_a_second",
    ),
    "keyframe_burst": (
        f"{PROTO}/tests/keyframes.rs",
        "a_hundred_askers_cost_the_publisher_one_request_a_second",
    ),
    "keyframe_distance": (
        f"{PROTO}/tests/keyframes.rs",
        "a_hundred_askers_cost_the_publisher_one_request_a_second",
    ),
    "keyframe_shared": (
        f"{PROTO}/src/ingress/keyframes.rs",
        "ten_seconds_of_newcomers_take_ten_keyframes_and_nobody_waits_much_longer_than_one",
    ),
}


# -- the table --------------------------------------------------------------------------------------


def test_every_limit_has_a_test() -> None:
    assert TESTED_BY.keys() == TABLE.keys()


@pytest.mark.parametrize("name", TESTED_BY)
def test_the_test_is_there(name: str) -> None:
    path, test = TESTED_BY[name]
    text = (ROOT / path).read_text()
    definition = rf"#\[test\]\n\s*fn {test}\(" if path.endswith(".rs") else rf"^(async )?def {test}\("
    assert re.search(definition, text, re.MULTILINE), f"{path} has no {test}"


@pytest.mark.parametrize("name", TABLE)
def test_every_limit_says_what_happens_beyond(name: str) -> None:
    metadata = TABLE[name].metadata
    assert metadata[BEYOND]
    assert metadata[DOC] if DOC in metadata else setting_of(metadata).doc


@pytest.mark.parametrize("row", fields(PacketLimits), ids=lambda row: row.name)
def test_the_packet_path_keeps_the_same_number(row: Any) -> None:
    tables = [(ROOT / crate / "src/limits.rs").read_text() for crate in (PROTO, IO)]
    found = re.search(rf"const {row.name.upper()}: [\w]+ = (.*);", "".join(tables))
    assert found, f"limits.rs has no {row.name.upper()}"
    assert _number(found[1]) == getattr(PACKETS, row.name)


def _number(rust: str) -> float:
    """The value of `64`, `1 << 20`, `512 * 1024`, `Duration::from_millis(20)`."""
    if duration := re.fullmatch(r"Duration::from_(secs|millis)\((\d+)\)", rust):
        return int(duration[2]) / (1000 if duration[1] == "millis" else 1)
    assert re.fullmatch(r"[\d_ *<]+", rust)
    return int(eval(rust))


# -- beyond the limits that no other test goes beyond -------------------------------------------------


def test_name_length() -> None:
    world = World(limits=Limits(name_length=5))
    world.join(name="x" * 5)
    with pytest.raises(BadName):
        world.join(name="x" * 6)
    assert len(world.room.participants) == 1


def test_room_name_length() -> None:
    world = World(limits=Limits(room_name_length=5))
    world.join(room="x" * 5)
    with pytest.raises(BadName):
        world.join(room="x" * 6)
    assert len(world.rooms) == 1


async def test_api_body_bytes() -> None:
    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    class Door:
        def routes(self) -> list[web.RouteDef]:
            return [web.post("/echo", echo)]

    async with TestClient(TestServer(_application(2000, [Door()]))) as http:
        assert (await http.post("/echo", data=b"x" * 2000)).status == 200
        response = await http.post("/echo", data=b"x" * 2001)
        assert response.status == 413
        assert (await response.json())["error"]["code"] == "too_large"


def test_tracks_per_participant() -> None:
    setting = Setting(limits=Limits(tracks_per_participant=1))
    joined = setting.joiner.join(setting.request())
    assert len(setting.media.sources) == 1
    assert "m=video 0 " in joined.answer


def test_chat_history_keeps_the_newest() -> None:
    desk = Desk(Limits(chat_history=2))
    for number in range(3):
        desk.send(desk.ada, f"{number}", key=f"{number}")
    assert [message.text for message in desk.chat.history(desk.world.room, desk.bob)] == ["1", "2"]


def test_token_length() -> None:
    tokens = Tokens(b"k" * 32, clock=ManualClock())
    fitting = tokens.mint(Grant("lobby", "publisher", "x" * 1000), ttl_s=60)
    assert len(fitting) <= FIXED.token_length
    assert tokens.check(fitting).role == "publisher"
    longer = tokens.mint(Grant("lobby", "publisher", "x" * FIXED.token_length), ttl_s=60)
    with pytest.raises(Unauthorized, match="longer"):
        tokens.check(longer)


def problem(text: str) -> SdpProblem:
    with pytest.raises(SdpError) as caught:
        parse_offer(text, Limits())
    return caught.value.problem


def test_sdp_lines() -> None:
    """Few enough bytes, too many lines."""
    assert problem(offer(section("0")) + "a=x\r\n" * FIXED.sdp_lines) == SdpProblem.TOO_LARGE


def test_sdp_different_sections() -> None:
    def sections(count: int) -> str:
        return offer(*(section(str(n), lines=[*VP8, f"a=fmtp:96 x={n}"]) for n in range(count)))

    assert len(parse_offer(sections(FIXED.sdp_different_sections), Limits()).sections) == 32
    assert problem(sections(FIXED.sdp_different_sections + 1))


def test_simulcast_layers() -> None:
    rids = [f"r{n}" for n in range(FIXED.simulcast_layers + 2)]
    lines = [*VP8, *(f"a=rid:{rid} send" for rid in rids), "a=simulcast:send " + ";".join(rids)]
    (parsed,) = parse_offer(offer(section("0", lines=lines)), Limits()).sections
    assert list(parsed.rids) == rids[: FIXED.simulcast_layers]


def test_the_packet_path_is_told_of_the_publishers_ceiling(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, object] = {}

    def plane(_bind: object, **settings: object) -> None:
        told.update(settings)

    monkeypatch.setattr(binding._packets, "Plane", plane)
    binding.bind(MediaConfig(), Limits(publisher_bitrate_bps=700_000))
    assert told["publisher_bitrate_bps"] == 700_000
