"""What a joiner is told of those who are there, encoded once a person instead of once a person and joiner.

Follows the rooms' events: whatever changes what is told of somebody is one. Knows no session.
"""

from collections.abc import Sequence

import msgspec

from sfu.rooms import events
from sfu.rooms.events import RoomEvent
from sfu.rooms.room import Room
from sfu.signalling import translate
from sfu.signalling.wire import encode_part


class Roster:
    def __init__(self) -> None:
        self._encoded: dict[Room, dict[str, msgspec.Raw]] = {}

    def of(self, room: Room) -> Sequence[msgspec.Raw]:
        """In order of joining."""
        known = self._encoded.setdefault(room, {})
        for one in room.participants:
            if one.id not in known:
                known[one.id] = encode_part(translate.participant(one))
        return [known[one.id] for one in room.participants]

    def on_room_event(self, room: Room, event: RoomEvent) -> None:
        match event:
            case events.RoomClosed():
                self._encoded.pop(room, None)
            case (
                events.ParticipantUpdated(participant=id_)
                | events.ParticipantLeft(participant=id_)
                | events.TrackPublished(participant=id_)
                | events.TrackUpdated(participant=id_)
                | events.TrackUnpublished(participant=id_)
            ):
                self._encoded.get(room, {}).pop(id_, None)
