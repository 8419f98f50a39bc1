"""What each message of someone in a room does: one function a message, found by its type.

A function returns the reply, or None for messages without one; to refuse it raises an SfuError.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sfu.chat.chat import Chat
from sfu.errors import BadMessage
from sfu.join.lobby import Preparation
from sfu.join.requests import Joined, JoinRequest, SessionHandle, TrackHint
from sfu.limits import FIXED
from sfu.rooms.ports import TileSize
from sfu.rooms.subscription import View
from sfu.signalling import messages, translate
from sfu.signalling.messages import ClientMessage
from sfu.signalling.session import Session

MOST_TILES = FIXED.view_tiles
# Of a tile's side, pixels: an 8K screen at twice the density.
LONGEST_SIDE = 16_384
# Beyond what any machine sends to one subscriber.
MOST_KBPS = 10_000_000
# What a tile of a small meeting has on most screens.
FIRST_SIZE = TileSize(640, 360)
_PICTURES: Sequence[messages.TrackSource] = ("screen", "camera")

Reply = messages.Ok | messages.Answer | messages.Pong


class Joining(Protocol):
    """What signalling asks of :class:`sfu.join.joiner.Joiner`."""

    def join(self, request: JoinRequest) -> Joined: ...

    def prepare(self, request: JoinRequest) -> Preparation: ...

    def enter(self, request: JoinRequest, preparation: Preparation) -> Joined: ...

    def drop(self, preparation: Preparation) -> None: ...

    def renegotiate(
        self, handle: SessionHandle, sdp: str, tracks: Sequence[TrackHint], reached_at: str | None = None
    ) -> Joined: ...


@dataclass(frozen=True, slots=True)
class Desk:
    """What the handlers work with."""

    joiner: Joining
    chat: Chat
    reached_at: str | None
    """Our address to which the client connected."""
    came_from: str | None = None
    """The client's, or its proxy's."""


def handle(desk: Desk, session: Session, message: ClientMessage) -> Reply | None:
    handler = _HANDLERS.get(type(message))
    if handler is None:
        raise BadMessage("This connection is in a room already.")
    return handler(desk, session, message)


def hints(tracks: Sequence[messages.OfferedTrack]) -> list[TrackHint]:
    return [TrackHint(track.mid, track.source, track.live) for track in tracks]


def show_first(handle: SessionHandle, pictures: int) -> None:
    """What a newcomer is likeliest to look at, a round trip before it can say so itself."""
    room = handle.room
    others = [one for one in room.participants if one.id != handle.id]
    tracks = [one.tracks.get(source) for one in others for source in _PICTURES]
    live = [View(track.id, FIRST_SIZE) for track in tracks if track is not None and track.live]
    room.set_view(handle.id, live[: max(0, min(pictures, MOST_TILES))])


def _offer(desk: Desk, session: Session, message: messages.Offer) -> Reply:
    joined = desk.joiner.renegotiate(session.handle, message.sdp, hints(message.tracks), desk.reached_at)
    participant = session.handle.room.participant(session.participant)
    return messages.Answer(
        id=message.id,
        sdp=joined.answer,
        audio_mids=list(joined.audio_mids),
        video_slots=translate.video_slots(participant),
    )


def _set_track(_: Desk, session: Session, message: messages.SetTrack) -> Reply:
    session.handle.room.set_live(session.participant, message.source, message.live)
    return messages.Ok(id=message.id)


def _set_view(_: Desk, session: Session, message: messages.SetView) -> None:
    if len(message.tiles) > MOST_TILES:
        raise BadMessage(f"A view has at most {MOST_TILES} tiles.")
    view = [View(tile.track, _size(tile)) for tile in message.tiles]
    session.handle.room.set_view(session.participant, view)


def _size(tile: messages.Tile) -> TileSize:
    width, height = (min(max(side, 0), LONGEST_SIDE) for side in (tile.width, tile.height))
    return TileSize(width, height, tile.stage)


def _send_chat(desk: Desk, session: Session, message: messages.SendChat) -> Reply:
    desk.chat.send(
        session.handle.room, session.participant, key=message.key, text=message.text, to=message.to
    )
    return messages.Ok(id=message.id)


def _mute_track(_: Desk, session: Session, message: messages.MuteTrack) -> Reply:
    session.handle.room.mute(session.participant, message.track)
    return messages.Ok(id=message.id)


def _remove_participant(_: Desk, session: Session, message: messages.RemoveParticipant) -> Reply:
    session.handle.room.remove(session.participant, message.participant)
    return messages.Ok(id=message.id)


def _lock_room(_: Desk, session: Session, message: messages.LockRoom) -> Reply:
    session.handle.room.lock(session.participant, message.locked)
    return messages.Ok(id=message.id)


def _cap_video(_: Desk, session: Session, message: messages.CapVideo) -> Reply:
    if message.kbps is not None and not 0 <= message.kbps <= MOST_KBPS:
        raise BadMessage(f"A cap is 0 to {MOST_KBPS} kbit/s.")
    session.handle.room.cap_video(session.participant, message.kbps)
    return messages.Ok(id=message.id)


def _end_room(_: Desk, session: Session, message: messages.EndRoom) -> Reply:
    session.handle.room.end(session.participant)
    return messages.Ok(id=message.id)


def _leave(_: Desk, session: Session, __: messages.Leave) -> None:
    session.handle.room.leave(session.participant, "left")


def _ping(_: Desk, __: Session, ___: messages.Ping) -> Reply:
    return messages.Pong()


_HANDLERS: Mapping[type, Callable[[Desk, Session, Any], Reply | None]] = {
    messages.Offer: _offer,
    messages.SetTrack: _set_track,
    messages.SetView: _set_view,
    messages.SendChat: _send_chat,
    messages.MuteTrack: _mute_track,
    messages.RemoveParticipant: _remove_participant,
    messages.LockRoom: _lock_room,
    messages.CapVideo: _cap_video,
    messages.EndRoom: _end_room,
    messages.Leave: _leave,
    messages.Ping: _ping,
}
