"""Who speaks changes many times a second; a room tells it at most ten times, always with the latest state.

A large room tells it less often, so that it costs no more messages a second than one of 200.
"""

from collections.abc import Callable

from sfu.rooms.room import Room
from sfu.signalling.timers import Timer, Timers

# Ten a second look live; more only costs each of a large room's participants.
INTERVAL_S = 0.1
# 2000 messages a second take some 2 % of a core.
SECONDS_A_LISTENER = 0.0005


class SpeakerNews:
    def __init__(self, timers: Timers, tell: Callable[[Room], int]) -> None:
        """`tell` returns how many it told."""
        self._timers = timers
        self._tell = tell
        self._resting: dict[Room, Timer] = {}
        """Rooms that told something less than the interval ago."""
        self._changed: set[Room] = set()
        """Those of them that have news since."""

    def changed(self, room: Room) -> None:
        if room in self._resting:
            self._changed.add(room)
        else:
            self._say(room)

    def forget(self, room: Room) -> None:
        self._changed.discard(room)
        timer = self._resting.pop(room, None)
        if timer is not None:
            timer.cancel()

    def _say(self, room: Room) -> None:
        rest_s = max(INTERVAL_S, self._tell(room) * SECONDS_A_LISTENER)
        self._resting[room] = self._timers.call_later(rest_s, lambda: self._rested(room))

    def _rested(self, room: Room) -> None:
        del self._resting[room]
        if room in self._changed:
            self._changed.remove(room)
            self._say(room)
