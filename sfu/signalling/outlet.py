"""Where a session's messages go: a connection, as those see it that know no WebSocket."""

from enum import IntEnum
from typing import Protocol


class CloseCode(IntEnum):
    """RFC 6455 §7.4, and our own from 4000 on."""

    NORMAL = 1000
    GOING_AWAY = 1001
    """The server stops."""
    UNSUPPORTED_DATA = 1003
    """A binary frame."""
    POLICY = 1008
    """No `join` in time, or far too many messages."""
    TOO_BIG = 1009
    """A message of more than 1 MiB."""
    REPLACED = 4000
    """The session goes on in another connection."""


class Outlet(Protocol):
    def send(self, frame: bytes) -> None:
        """Queue a text frame; never blocks. A client that reads too slowly is cut."""
        ...

    def close(self, code: CloseCode) -> None:
        """Behind what is queued until the end of this turn of the loop, such as a reply."""
        ...
