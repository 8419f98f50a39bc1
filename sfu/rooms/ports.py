"""What the room model asks of media: the whole of the border between policy and packets.

Rooms decide *what* is shown to whom; media decides *how* (layer, keyframe, bandwidth).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from sfu.ids import MediaRoomId as MediaRoomId
from sfu.ids import SlotId as SlotId
from sfu.ids import SourceId as SourceId
from sfu.ids import TransportId as TransportId

Shortfall = Literal["your_downlink", "senders_uplink", "senders_camera", "moderators_cap", "server_is_busy"]
"""Why a picture is not better than it should be."""


@dataclass(frozen=True, slots=True)
class TileSize:
    """Pixels that the subscriber gives to a picture; `stage` marks the one it looks at."""

    width: int
    height: int
    stage: bool = False


class RoomMediaListener(Protocol):
    """What media tells of a room; ids are plain ints there."""

    def on_audio_positions(self, sources: Sequence[int | None]) -> None:
        """Which source each audio position forwards now."""
        ...

    def on_dominant(self, source: int | None) -> None: ...

    def on_speaking(self, source: int, speaking: bool) -> None: ...


class Media(Protocol):
    """Implemented by :class:`sfu.media.plane.MediaPlane`; faked in the rooms' tests.

    No call blocks or fails: an id that media has already lost is ignored there.
    """

    def open_room(self) -> int:
        """A new competition for audio positions (loudest speakers)."""
        ...

    def set_room_listener(self, room: MediaRoomId, listener: RoomMediaListener) -> None: ...

    def close_room(self, room: MediaRoomId) -> None: ...

    def show(self, slot: SlotId, source: SourceId | None, size: TileSize | None = None) -> None:
        """From the source's next keyframe on, the slot shows it."""
        ...

    def set_forwarding(self, source: SourceId, forwarding: bool) -> None:
        """Whether the source's packets reach subscribers."""
        ...

    def cap_video(self, transport: TransportId, bitrate_bps: int | None) -> None:
        """What the peer is sent of pictures at most. None: no cap but the server's own."""
        ...

    def close_transport(self, transport: TransportId) -> None:
        """Forget the peer with all its sources and slots."""
        ...
