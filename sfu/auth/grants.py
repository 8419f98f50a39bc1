"""What a person or program may do once its token is believed."""

from dataclasses import dataclass
from typing import Literal

from sfu.rooms.names import in_one_spelling

Role = Literal["moderator", "publisher", "subscriber"]
ROLES: tuple[Role, ...] = ("moderator", "publisher", "subscriber")

EVERY_ROOM = "*"
"""As a token's room: holds in all rooms; for monitoring and administration."""


@dataclass(frozen=True, slots=True)
class Grant:
    room: str
    role: Role
    name: str | None = None
    """What its bearer is called; if the token says so, it cannot choose another."""

    @property
    def may_moderate(self) -> bool:
        return self.role == "moderator"

    @property
    def may_publish(self) -> bool:
        return self.role != "subscriber"

    def covers(self, room: str) -> bool:
        """However either spells it: rooms are called by their names in NFC."""
        return self.room == EVERY_ROOM or in_one_spelling(self.room) == in_one_spelling(room)
