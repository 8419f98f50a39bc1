"""The one table of limits on what a peer may send or use: what, how much, and what happens beyond.

Beyond a limit: a named error to that peer or a counted drop; others feel nothing. :class:`Limits` are the
operator's to set. :class:`FixedLimits` are kept by Python code, which takes them from here.
:class:`PacketLimits` are kept by the packet path: `packets/proto/src/limits.rs` holds the same numbers, and
`tests/unit/test_limits.py` compares the two and names a test for every row.
"""

from dataclasses import dataclass, field
from typing import Any

from sfu.settings import setting

BEYOND = "beyond"
DOC = "doc"

KIB = 1024
MIB = 1024 * KIB


def limit(default: Any, doc: str, *, beyond: str, **bounds: Any) -> Any:
    """A bound that the operator may move."""
    declared = setting(default, doc, **bounds)
    return field(default=default, metadata={**declared.metadata, BEYOND: beyond})


def bound(value: Any, doc: str, *, beyond: str) -> Any:
    """A bound that stays as it is."""
    return field(default=value, metadata={DOC: doc, BEYOND: beyond})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Those that the operator may move."""

    sdp_bytes: int = limit(
        512 * KIB,
        "Largest session description. Chromium's offer with 25 video and 8 audio slots has 146 kB.",
        beyond="too_large, 413",
        name="limits_sdp_bytes",
        minimum=KIB,
    )
    media_sections: int = limit(
        128, "m-lines in one offer.", beyond="bad_offer", name="limits_media_sections", minimum=1
    )
    inbound_ssrcs: int = limit(
        64,
        "Streams (SSRCs) that one offer may announce; the packet path takes 64 of a peer in any case.",
        beyond="bad_offer; a drop too_many_ssrcs",
        name="limits_inbound_ssrcs",
        minimum=1,
    )
    websocket_message_bytes: int = limit(
        MIB,
        "Largest signalling message, after decompression.",
        beyond="close 1009",
        name="limits_websocket_message_bytes",
        minimum=64 * KIB,
    )
    messages_per_s: float = limit(
        50.0,
        "Signalling messages a second that a session may send for long.",
        beyond="rate_limited",
        name="limits_messages_per_s",
    )
    message_burst: int = limit(
        100,
        "Signalling messages that a session may send at once.",
        beyond="rate_limited",
        name="limits_message_burst",
        minimum=1,
    )
    chat_bytes: int = limit(
        16 * KIB,
        "Longest chat message, in UTF-8 bytes.",
        beyond="too_large",
        name="limits_chat_bytes",
        minimum=1,
    )
    chat_history: int = limit(
        500,
        "Chat messages that a room keeps for late joiners.",
        beyond="the oldest goes",
        name="limits_chat_history",
        minimum=0,
    )
    api_body_bytes: int = limit(
        MIB, "Largest HTTP request body.", beyond="too_large, 413", name="limits_api_body_bytes", minimum=KIB
    )
    name_length: int = limit(
        64, "Characters in a participant's name.", beyond="bad_name", name="limits_name_length", minimum=1
    )
    room_name_length: int = limit(
        64, "Characters in a room's name.", beyond="bad_name", name="limits_room_name_length", minimum=1
    )
    rooms: int = limit(1000, "Rooms open at once.", beyond="server_full", name="limits_rooms", minimum=1)
    participants_per_room: int = limit(
        500,
        "Participants and viewers of one room.",
        beyond="room_full",
        name="limits_participants_per_room",
        minimum=1,
    )
    publishers_per_room: int = limit(
        200,
        "Participants of one room that may send media.",
        beyond="room_full",
        name="limits_publishers_per_room",
        minimum=1,
    )
    tracks_per_participant: int = limit(
        8,
        "Tracks that one participant may publish.",
        beyond="the m-line is refused",
        name="limits_tracks_per_participant",
        minimum=1,
    )
    publisher_bitrate_bps: int = limit(
        20_000_000,
        "Bitrate that one participant may send, all its tracks together. Browsers keep to it; the video of "
        "whoever sends half as much again for some seconds is dropped until it sends less. A camera in "
        "simulcast may take a quarter of it.",
        beyond="told by REMB; drops over_bitrate",
        name="limits_publisher_bitrate_bps",
        minimum=50_000,
        maximum=10_000_000_000,
    )
    video_slots: int = limit(
        25,
        "Receive-only video m-lines of one offer that are served.",
        beyond="the m-line is refused",
        name="limits_video_slots",
        minimum=1,
    )
    audio_slots: int = limit(
        8,
        "Audio slots that the loudest speakers of a room share.",
        beyond="the m-line is refused",
        name="limits_audio_slots",
        minimum=1,
        # The packet path numbers positions in one byte; an offer has no more m-lines than this by default.
        maximum=128,
    )
    resume_s: float = limit(
        30.0,
        "Seconds that a participant whose WebSocket was cut may take to come back.",
        beyond="left: lost",
        name="limits_resume_s",
        minimum=0,
    )
    transports: int = limit(
        5000,
        "Media transports (peers) open at once.",
        beyond="server_full",
        name="limits_transports",
        minimum=1,
    )
    half_open_joins: int = limit(
        256,
        "Joins of one address whose media has not come yet. Behind a busy proxy it should be higher.",
        beyond="rate_limited",
        name="limits_half_open_joins",
        minimum=1,
    )
    lobbies: int = limit(
        1000,
        "Pages whose media path is open although their person has not joined yet; of one address as many as "
        "half-open joins. Others join as if they had just come.",
        beyond="rate_limited",
        name="limits_lobbies",
        minimum=0,
    )
    dtls_handshakes: int = limit(
        200,
        "DTLS handshakes under way at once.",
        beyond="the handshake waits its turn",
        name="limits_dtls_handshakes",
        minimum=1,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedLimits:
    """Those that Python code keeps."""

    join_timeout_s: float = bound(
        10.0,
        "A browser sends its join within a round trip; one that waits holds memory for nothing.",
        beyond="not_joined, close 1008",
    )
    lobby_s: float = bound(
        180.0,
        "From `prepare` to `join`. Looking into the mirror takes less; who comes back later joins anew in a "
        "second, while each lobby holds a transport.",
        beyond="not_joined, close 1008",
    )
    silence_s: float = bound(
        25.0, "Two pings unanswered, and some seconds for a slow network.", beyond="the session is cut"
    )
    unread_bytes: int = bound(
        MIB, "What a client may leave unread, beside what the kernel holds.", beyond="the session is cut"
    )
    unread_frames: int = bound(2000, "The same in frames.", beyond="the session is cut")
    kept_events: int = bound(
        512,
        "Events kept for a cut session. The liveliest room makes some ten a second that it is told.",
        beyond="the oldest goes; the state is told whole",
    )
    kept_bytes: int = bound(
        256 * KIB, "The same in bytes.", beyond="the oldest goes; the state is told whole"
    )
    messages_abused: int = bound(
        2000,
        "Messages over the rate, by weight, before a client has once come to rest: two seconds of 1000 "
        "messages a second leave nobody in doubt.",
        beyond="close 1008",
    )
    view_tiles: int = bound(
        512,
        "Tiles of one view. Far beyond any screen, and a bound for what a session remembers of its view.",
        beyond="bad_message",
    )
    chat_key_length: int = bound(64, "A key is a counter or a UUID.", beyond="bad_message")
    chat_keys: int = bound(
        1000,
        "Keys remembered beside the history: a client repeats what it sent around a cut, which is little.",
        beyond="the oldest goes",
    )
    chat_history_bytes: int = bound(
        MIB, "Of one room's history: what a late joiner is sent at most.", beyond="the oldest goes"
    )
    token_length: int = bound(
        4096, "Our tokens have some 200 bytes; more is not worth a look.", beyond="unauthorized"
    )
    sdp_lines: int = bound(
        16_384,
        "Chromium's offer with 49 + 8 slots has some 6000. 100 000 short ones would hold up the event loop "
        "for 50 ms.",
        beyond="bad_offer",
    )
    sdp_different_sections: int = bound(
        32,
        "Browsers offer 4 or 5 (sent or received, audio or video). 128 that all differ would hold up the "
        "event loop for 100 ms.",
        beyond="bad_offer",
    )
    sdp_body_s: float = bound(
        10.0,
        "An offer of 512 KiB takes 8 s at 512 kbit/s; who is slower than that cannot send media either.",
        beyond="bad_message, 408",
    )
    simulcast_layers: int = bound(
        3,
        "libwebrtc's kMaxSimulcastStreams; Firefox and OBS send no more either.",
        beyond="the rid is not answered",
    )
    dtls_inbox: int = bound(
        64,
        "DTLS datagrams of one peer. As many as the packet path lets wait: a flight of a post-quantum "
        "ClientHello or an RSA chain has below ten.",
        beyond="a drop dtls_inbox_full",
    )
    dtls_handshake_bytes: int = bound(
        128 * KIB,
        "A full handshake with retransmissions and an RSA chain is some 10 kB.",
        beyond="dtls_failed",
    )
    dtls_handshake_s: float = bound(30.0, "As long as ICE may take.", beyond="dtls_timeout")


FIXED = FixedLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketLimits:
    """Those that the packet path keeps, under their names there; durations in seconds."""

    ssrcs_per_transport: int = bound(64, "Streams that one peer may send.", beyond="too_many_ssrcs")
    srtcp_streams: int = bound(
        256,
        "SSRCs of one peer in RTCP, where every m-line may have one of its own.",
        beyond="too_many_ssrcs",
    )
    replay_window: int = bound(
        1024,
        "Packets of a stream, back from its newest, that may come late. One second of 10 Mbit/s.",
        beyond="srtp_replayed",
    )
    replay_window_rtcp: int = bound(128, "The same of RTCP.", beyond="srtp_replayed")
    layers_per_source: int = bound(8, "Layers of one source.", beyond="counted as the last")
    tuples_per_transport: int = bound(
        20, "Addresses of one peer that are validated.", beyond="the one checked longest ago makes room"
    )
    consent: float = bound(30.0, "Without an authenticated check.", beyond="lost: consent_expired")
    connect: float = bound(30.0, "Until the first nomination.", beyond="lost: never_connected")
    stun_answers: int = bound(
        10, "Unauthenticated requests answered a second and source.", beyond="stun_rate_limited"
    )
    stun_bytes: int = bound(1280, "Bytes of a STUN message.", beyond="stun_malformed")
    dtls_waiting: int = bound(64, "DTLS datagrams of one peer that wait.", beyond="dtls_queue_full")
    dtls_datagram: int = bound(2048, "Bytes of a DTLS datagram.", beyond="dtls_too_large")
    reply_bytes: int = bound(MIB, "Answers to STUN and DTLS that wait.", beyond="send_queue_full")
    pending_packets: int = bound(
        8192, "Packets that wait for a full socket.", beyond="video_shed or stage_shed, then audio_shed"
    )
    pending_control: int = bound(
        16384, "RTCP and packets to be sent again that wait for a full socket.", beyond="send_queue_full"
    )
    video_late: float = bound(0.15, "How long video may wait to be forwarded.", beyond="video_shed")
    stage_late: float = bound(
        0.25, "How long the picture on stage may wait to be forwarded.", beyond="stage_shed"
    )
    audio_late: float = bound(0.4, "How long audio may wait to be forwarded.", beyond="audio_shed")
    paced_longest: float = bound(
        1.0, "How long what a narrow way cannot carry at once may wait for its turn.", beyond="pacer_full"
    )
    paced_bytes: int = bound(2 * MIB, "And how much.", beyond="pacer_full")
    cache_age: float = bound(1.0, "How long a packet can be sent again.", beyond="nack_too_old")
    cache_packets: int = bound(512, "Packets of a layer that can be sent again.", beyond="nack_too_old")
    missing_packets: int = bound(
        256, "Packets of a layer that its publisher is asked for at once.", beyond="a keyframe is asked for"
    )
    nack_gap: int = bound(
        128, "The widest hole that packets are asked for.", beyond="a keyframe is asked for"
    )
    nack_tries: int = bound(10, "Times that a NACKed packet is sent again.", beyond="nack_limited")
    nack_spacing: float = bound(0.02, "Least time between two of them.", beyond="nack_limited")
    packet_bytes: int = bound(
        500,
        "What a packet counts towards a publisher's ceiling at least, since forwarding costs by the packet.",
        beyond="over_bitrate",
    )
    audio_bitrate: int = bound(
        2_000_000,
        "Sound of one publisher, in bits a second; half as much again for long.",
        beyond="over_bitrate",
    )
    reports_a_second: int = bound(
        2000, "Reports, NACKs and keyframe requests of one peer.", beyond="too_many_reports"
    )
    reports_burst: int = bound(4000, "And so many at once.", beyond="too_many_reports")
    feedback_packets: int = bound(
        4096, "Packets that one transport-wide feedback may tell of.", beyond="rtcp_malformed"
    )
    nacked_per_packet: int = bound(256, "Numbers taken from one NACK.", beyond="the rest is left aside")
    resent_percent: int = bound(
        15, "Share of its media that one peer may have again.", beyond="nack_over_budget"
    )
    resent_burst: int = bound(512 * KIB, "And bytes of it at once.", beyond="nack_over_budget")
    order_capacity: int = bound(
        65536,
        "Commands that wait for a packet worker.",
        beyond="an error to who asks, after a second",
    )
    events_handed_over: int = bound(
        1024,
        "Events that wait for Python; more wait in the packet path, where a newer one replaces an older.",
        beyond="events dropped, counted",
    )
    queue_bytes: int = bound(4 * MIB, "What one socket could not take.", beyond="send_queue_full")
    queue_age: float = bound(0.4, "How long that may wait.", beyond="send_queue_full")
    ring_packets: int = bound(8192, "Packets on their way to another worker.", beyond="worker_behind")
    ring_values: int = bound(8192, "Bursts, reports and commands on that way.", beyond="worker_behind")
    ring_backlog: int = bound(65536, "Commands that found that way full.", beyond="the worker counts as dead")
    ring_wishes: int = bound(
        8192,
        "Keyframe requests and round trips on their way back from another worker.",
        beyond="they wait, ring_backlog of them",
    )
    port_attempts: int = bound(
        32,
        "Ports tried that the system finds free at one address and taken at another.",
        beyond="the server does not start",
    )
    keyframe_refill: float = bound(
        1.0, "Between keyframe requests upstream, sustained.", beyond="merged into one"
    )
    keyframe_burst: int = bound(3, "Keyframe requests upstream at once.", beyond="merged into one")
    keyframe_distance: float = bound(0.3, "Least time between two of those.", beyond="merged into one")
    keyframe_shared: float = bound(
        1.3, "What a request for newcomers alone costs of the refill.", beyond="merged into one"
    )


PACKETS = PacketLimits()
