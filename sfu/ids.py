"""Names for things: numbers for the packet path, short texts for people's programs, secrets.

Knows nothing of what it names.
"""

import itertools
import secrets
from typing import NewType

# Of the packet path: media makes them, rooms and joining hold them.
TransportId = NewType("TransportId", int)
SourceId = NewType("SourceId", int)
SlotId = NewType("SlotId", int)
MediaRoomId = NewType("MediaRoomId", int)

# 12 characters of base 32 are 60 bits: among a million ids the chance of two alike is below 10^-6.
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_LENGTH = 12


class Numbers:
    """Unsigned 64-bit ids for the packet path: from 1 up, none twice."""

    def __init__(self) -> None:
        self._next = itertools.count(1)

    def take(self) -> int:
        return next(self._next)


def public_id() -> str:
    """Id of a participant, track or message: safe in URLs, HTML attributes and logs; no secret."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def secret() -> str:
    """192 random bits in URL-safe text: whoever holds it may act; never log it."""
    return secrets.token_urlsafe(24)
