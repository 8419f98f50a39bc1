"""The signalling messages: one definition, from which PROTOCOL.md and the client's types follow.

Every message is one JSON object with a `type`. A request carries an `id` chosen by the client;
the server answers it with exactly one reply of the same `id` (`prepared`, `joined`, `answer`, `ok`, `error`).
Events carry `seq`, which grows by one for each event of a session, so that a resumed session
misses and repeats none. Knows no WebSocket, room or storage.
"""

from typing import Literal

import msgspec

Role = Literal["moderator", "publisher", "subscriber"]
TrackSource = Literal["microphone", "camera", "screen", "screen_audio"]
ErrorCode = Literal[
    "bad_message",  # not JSON, unknown type, wrong field
    "too_large",
    "rate_limited",
    "bad_offer",  # the SDP cannot be parsed or lacks what it must have
    "unsupported_media",
    "unauthorized",  # token missing, malformed, wrong signature, expired, of another room
    "too_early",  # a good token, whose `nbf` lies ahead
    "forbidden",  # the role does not allow it
    "room_locked",
    "room_full",
    "server_full",  # no more rooms or connections on this server
    "bad_name",  # of the room or the participant: empty, too long, control characters
    "draining",  # the server is shutting down
    "not_found",  # participant or track
    "not_joined",
    "session_expired",  # resume came too late, or a join after a preparation that has ended
    "internal",
]


Shortfall = Literal[
    "your_downlink",  # the way to this client does not carry more
    "senders_uplink",  # what the sender sends gets lost on its way
    "senders_camera",  # the sender's camera or processor gives no more
    "moderators_cap",  # more is not allowed
    "server_is_busy",
]


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all messages."""


# -- things -----------------------------------------------------------------------------------


class Track(Message, frozen=True):
    """One published track. The id is stable for (participant, source) while the session lives."""

    id: str
    source: TrackSource
    live: bool
    """False: muted microphone, stopped camera, ended share."""


class Participant(Message, frozen=True):
    id: str
    name: str
    role: Role
    tracks: list[Track]
    reconnecting: bool = False


class ChatMessage(Message, frozen=True):
    id: str
    sender: str
    """Participant id."""
    name: str
    """The sender's name when it wrote, so that history outlives the sender."""
    text: str
    sent_at: float
    """Unix time, seconds."""
    to: str | None = None
    """Recipient's participant id of a private message."""


class OfferedTrack(Message, frozen=True):
    """What a send m-line of the offer is for."""

    mid: str
    source: TrackSource
    live: bool


class WantedLayers(Message, frozen=True):
    """Of an own track: the simulcast layers that anybody needs now. The others may be left out."""

    source: TrackSource
    rids: list[str]
    """Highest first."""


class Tile(Message, frozen=True):
    """A video track that the client shows, most important first in :class:`SetView`."""

    track: str
    width: int
    """CSS pixels times device pixel ratio."""
    height: int
    stage: bool = False


class SlotAssignment(Message, frozen=True):
    """The receive m-line `mid` shows `track` (or nothing)."""

    mid: str
    track: str | None = None
    undecodable: bool = False
    """This browser lacks the codec that the track is sent in."""
    off: bool = False
    """Nothing is sent, for `reason`: it comes back by itself."""
    reason: Shortfall | None = None
    """Why the picture is not better than it is; absent where nothing is amiss."""


# -- client to server --------------------------------------------------------------------------


class Prepare(Message, frozen=True, tag="prepare"):
    """Before `join`, on the same connection: negotiate and connect while the person still decides.

    Nobody is told and nothing is sent or shown. Ends with the connection, at the latest after 3 minutes.
    """

    id: int
    room: str
    sdp: str
    tracks: list[OfferedTrack]
    """What the send m-lines are for; none is live yet."""
    token: str | None = None


class Join(Message, frozen=True, tag="join"):
    """Enter a room: with the one offer, or over what :class:`Prepare` has connected."""

    id: int
    room: str
    name: str
    tracks: list[OfferedTrack]
    sdp: str | None = None
    """The offer; absent after `prepare`."""
    token: str | None = None
    pictures: int = 0
    """So many of the others' pictures are shown at first, until :class:`SetView` says which."""


class Resume(Message, frozen=True, tag="resume"):
    """First message of a connection that continues a session (within 30 s of the cut).

    The server first sends the events after `last_seq` as far as it still has them, then
    :class:`Joined` with the whole state; the session's older connection is closed.
    """

    id: int
    session: str
    """The secret from :class:`Joined`."""
    last_seq: int
    """`seq` of the last event that the client has seen."""


class Offer(Message, frozen=True, tag="offer"):
    """Renegotiation: more slots, an ICE restart, or a new `RTCPeerConnection` for one that was lost."""

    id: int
    sdp: str
    tracks: list[OfferedTrack]


class SetTrack(Message, frozen=True, tag="set_track"):
    """Own track goes live or stops: mute, camera off, share started or stopped."""

    id: int
    source: TrackSource
    live: bool


class SetView(Message, frozen=True, tag="set_view"):
    """The video tracks on screen now. The server fills slots and tells :class:`Slots`."""

    tiles: list[Tile]


class SendChat(Message, frozen=True, tag="send_chat"):
    id: int
    key: str
    """Chosen by the client, so that a repeat after a reconnect is not a second message."""
    text: str
    to: str | None = None


class MuteTrack(Message, frozen=True, tag="mute_track"):
    """Moderator: stop someone's track (it may be started again by its owner, microphones too)."""

    id: int
    track: str


class RemoveParticipant(Message, frozen=True, tag="remove_participant"):
    id: int
    participant: str


class LockRoom(Message, frozen=True, tag="lock_room"):
    id: int
    locked: bool


class CapVideo(Message, frozen=True, tag="cap_video"):
    """Moderator: what each in the room is sent of pictures at most. Voices are not counted."""

    id: int
    kbps: int | None = None
    """Kilobits a second; absent: no cap, 0: no pictures."""


class EndRoom(Message, frozen=True, tag="end_room"):
    id: int


class Leave(Message, frozen=True, tag="leave"):
    """The session ends now, without the 30 s of grace."""


class Ping(Message, frozen=True, tag="ping"):
    """Browsers cannot send WebSocket pings; answered by :class:`Pong`."""


ClientMessage = (
    Prepare
    | Join
    | Resume
    | Offer
    | SetTrack
    | SetView
    | SendChat
    | MuteTrack
    | RemoveParticipant
    | LockRoom
    | CapVideo
    | EndRoom
    | Leave
    | Ping
)


# -- server to client: replies ------------------------------------------------------------------


class Prepared(Message, frozen=True, tag="prepared"):
    id: int
    sdp: str
    """The answer."""


class Entry(Message, frozen=True, tag="entry"):
    """After `prepared`, while the join has not come: whether it would be let in has changed."""

    refusal: ErrorCode | None = None
    """What it would be refused with now; absent once it would be let in again."""


class Joined(Message, frozen=True, tag="joined"):
    """Reply to `join` and `resume`: the whole state of the room as this participant may see it."""

    id: int
    session: str
    """Secret for :class:`Resume`."""
    participant: str
    """Own id."""
    role: Role
    room: str
    locked: bool
    participants: list[Participant]
    """The others and oneself, in order of joining."""
    chat: list[ChatMessage]
    seq: int
    """`seq` of the last event already included here."""
    video_slots: list[SlotAssignment]
    audio_mids: list[str]
    """Receive m-lines of audio by position, "" where a position has none; see :class:`Speakers`."""
    audio: list[str | None]
    """Track on each audio position."""
    speaking: list[str]
    dominant: str | None = None
    video_cap_kbps: int | None = None
    """As in :class:`VideoCapped`."""
    wanted: list[WantedLayers] = []
    ends_at: float | None = None
    """As in :class:`Draining`, once the server is shutting down."""
    sdp: str | None = None
    """The answer; absent after `resume` and `prepare`."""


class Answer(Message, frozen=True, tag="answer"):
    id: int
    sdp: str
    audio_mids: list[str]
    video_slots: list[SlotAssignment]


class Ok(Message, frozen=True, tag="ok"):
    id: int


class Error(Message, frozen=True, tag="error"):
    code: ErrorCode
    message: str
    """For people, in English."""
    id: int | None = None
    """The request; absent where the message could not be read."""


class Pong(Message, frozen=True, tag="pong"):
    pass


# -- server to client: events -------------------------------------------------------------------


class Event(Message, frozen=True):
    seq: int


class ParticipantJoined(Event, frozen=True, tag="participant_joined"):
    participant: Participant


class ParticipantUpdated(Event, frozen=True, tag="participant_updated"):
    """Role, name or connection state changed; tracks have events of their own."""

    participant: str
    role: Role
    name: str
    reconnecting: bool


class ParticipantLeft(Event, frozen=True, tag="participant_left"):
    participant: str
    reason: Literal["left", "removed", "lost"]


class TrackPublished(Event, frozen=True, tag="track_published"):
    participant: str
    track: Track


class TrackUpdated(Event, frozen=True, tag="track_updated"):
    participant: str
    track: Track
    by_moderator: bool = False
    """The owner is told that a moderator did it."""


class TrackUnpublished(Event, frozen=True, tag="track_unpublished"):
    participant: str
    track: str


class Slots(Event, frozen=True, tag="slots"):
    """The video slots that changed."""

    slots: list[SlotAssignment]


class LayersWanted(Event, frozen=True, tag="layers_wanted"):
    """Other layers of an own track are needed than before."""

    layers: WantedLayers


class Speakers(Event, frozen=True, tag="speakers"):
    """Track on each audio position, who speaks, and who dominates."""

    audio: list[str | None]
    speaking: list[str]
    """Microphone track ids with voice activity."""
    dominant: str | None = None
    """Track id."""


class ChatReceived(Event, frozen=True, tag="chat_received"):
    message: ChatMessage


class RoomUpdated(Event, frozen=True, tag="room_updated"):
    locked: bool


class VideoCapped(Event, frozen=True, tag="video_capped"):
    kbps: int | None = None
    """What each is sent of pictures at most; absent: no cap any more."""


class Draining(Event, frozen=True, tag="draining"):
    """The server is shutting down: nobody new comes in, and calls go on until `ends_at` at the latest."""

    ends_at: float
    """Unix time, seconds."""


class MediaRestartNeeded(Event, frozen=True, tag="media_restart_needed"):
    """The server lost the media path: send :class:`Offer` from a new `RTCPeerConnection` within 30 s."""


class Ended(Event, frozen=True, tag="ended"):
    """The session is over; the connection closes behind it."""

    reason: Literal["removed", "room_ended", "server_stopped", "media_lost"]


ServerMessage = (
    Prepared
    | Entry
    | Joined
    | Answer
    | Ok
    | Error
    | Pong
    | ParticipantJoined
    | ParticipantUpdated
    | ParticipantLeft
    | TrackPublished
    | TrackUpdated
    | TrackUnpublished
    | Slots
    | LayersWanted
    | Speakers
    | ChatReceived
    | RoomUpdated
    | VideoCapped
    | Draining
    | MediaRestartNeeded
    | Ended
)
