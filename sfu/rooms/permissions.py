"""Who may do what: the one table."""

from collections.abc import Mapping
from typing import Literal

from sfu.errors import Forbidden

Role = Literal["moderator", "publisher", "subscriber"]
Action = Literal["chat", "publish", "mute_others", "remove_others", "lock", "cap_video", "end"]

PERMISSIONS: Mapping[Role, frozenset[Action]] = {
    "subscriber": frozenset({"chat"}),
    "publisher": frozenset({"chat", "publish"}),
    "moderator": frozenset({"chat", "publish", "mute_others", "remove_others", "lock", "cap_video", "end"}),
}

_REFUSALS: Mapping[Action, str] = {
    "chat": "Your role does not allow writing.",
    "publish": "Your role does not allow sending media.",
    "mute_others": "Only a moderator may mute others.",
    "remove_others": "Only a moderator may remove others.",
    "lock": "Only a moderator may lock the room.",
    "cap_video": "Only a moderator may limit the video.",
    "end": "Only a moderator may end the room.",
}


def may(role: Role, action: Action) -> bool:
    return action in PERMISSIONS[role]


def require(role: Role, action: Action) -> None:
    """Raises :class:`Forbidden`."""
    if not may(role, action):
        raise Forbidden(_REFUSALS[action])
