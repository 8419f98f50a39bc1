"""The one table of limits on what a peer may send or use.

Beyond a limit: a named error to that peer or a counted drop; others feel nothing. Limits of the packet path
(keyframe requests, NACK tries, STUN answers, a peer's addresses) stand in `sfu/packets/proto` beside the code
that keeps them.
"""

from dataclasses import dataclass

from sfu.settings import setting

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    sdp_bytes: int = setting(
        512 * KIB,
        "Largest session description. Chromium's offer with 25 video and 8 audio slots has 146 kB.",
        name="limits_sdp_bytes",
        minimum=KIB,
    )
    media_sections: int = setting(128, "m-lines in one offer.", name="limits_media_sections", minimum=1)
    inbound_ssrcs: int = setting(
        64,
        "Streams (SSRCs) that one offer may announce; the packet path takes 64 of a peer in any case.",
        name="limits_inbound_ssrcs",
        minimum=1,
    )
    websocket_message_bytes: int = setting(
        MIB,
        "Largest signalling message, after decompression.",
        name="limits_websocket_message_bytes",
        minimum=64 * KIB,
    )
    messages_per_s: float = setting(
        50.0, "Signalling messages a second that a session may send for long.", name="limits_messages_per_s"
    )
    message_burst: int = setting(
        100, "Signalling messages that a session may send at once.", name="limits_message_burst", minimum=1
    )
    chat_bytes: int = setting(
        16 * KIB, "Longest chat message, in UTF-8 bytes.", name="limits_chat_bytes", minimum=1
    )
    chat_history: int = setting(
        500, "Chat messages that a room keeps for late joiners.", name="limits_chat_history", minimum=0
    )
    api_body_bytes: int = setting(
        MIB, "Largest HTTP request body.", name="limits_api_body_bytes", minimum=KIB
    )
    name_length: int = setting(
        64, "Characters in a participant's name.", name="limits_name_length", minimum=1
    )
    room_name_length: int = setting(
        64, "Characters in a room's name.", name="limits_room_name_length", minimum=1
    )
    rooms: int = setting(1000, "Rooms open at once.", name="limits_rooms", minimum=1)
    participants_per_room: int = setting(
        500, "Participants and viewers of one room.", name="limits_participants_per_room", minimum=1
    )
    publishers_per_room: int = setting(
        200, "Participants of one room that may send media.", name="limits_publishers_per_room", minimum=1
    )
    tracks_per_participant: int = setting(
        8, "Tracks that one participant may publish.", name="limits_tracks_per_participant", minimum=1
    )
    publisher_bitrate_bps: int = setting(
        20_000_000,
        "Bitrate that one participant may send, all its tracks together. Browsers keep to it; the video of "
        "whoever sends half as much again for some seconds is dropped until it sends less.",
        name="limits_publisher_bitrate_bps",
        minimum=50_000,
        maximum=10_000_000_000,
    )
    video_slots: int = setting(
        25, "Receive-only video m-lines of one offer that are served.", name="limits_video_slots", minimum=1
    )
    audio_slots: int = setting(
        8,
        "Audio slots that the loudest speakers of a room share.",
        name="limits_audio_slots",
        minimum=1,
        # The packet path numbers positions in one byte; an offer has no more m-lines than this by default.
        maximum=128,
    )
    resume_s: float = setting(
        30.0,
        "Seconds that a participant whose WebSocket was cut may take to come back.",
        name="limits_resume_s",
        minimum=0,
    )
    transports: int = setting(
        5000, "Media transports (peers) open at once.", name="limits_transports", minimum=1
    )
    half_open_joins: int = setting(
        256,
        "Joins of one address whose media has not come yet. Behind a busy proxy it should be higher.",
        name="limits_half_open_joins",
        minimum=1,
    )
    dtls_handshakes: int = setting(
        200, "DTLS handshakes under way at once.", name="limits_dtls_handshakes", minimum=1
    )
