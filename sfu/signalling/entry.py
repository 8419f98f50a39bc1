"""Tells someone who prepared, and still decides, when a join would be refused from now on, or let in again.

A room is locked, fills up or opens meanwhile, a token expires, the server begins to shut down: all of it is
found by asking again what a join would be asked, which costs some microseconds. Knows no WebSocket.
"""

from collections.abc import Callable

from sfu.errors import SfuError
from sfu.signalling import messages, wire
from sfu.signalling.outlet import Outlet
from sfu.signalling.timers import Timer, Timers

# Soon enough for a person; a thousand who wait are five hundred looks a second.
EVERY_S = 2.0


class EntryWatch:
    def __init__(self, timers: Timers, outlet: Outlet, check: Callable[[], None]) -> None:
        """`check` raises what a join would be refused with now; it has just been let in."""
        self._timers = timers
        self._outlet = outlet
        self._check = check
        self._told: messages.ErrorCode | None = None
        self._timer: Timer = timers.call_later(EVERY_S, self._look)

    def stop(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        self._timer = self._timers.call_later(EVERY_S, self._look)
        refusal = self._refusal()
        if refusal != self._told:
            self._told = refusal
            self._outlet.send(wire.encode(messages.Entry(refusal=refusal)))

    def _refusal(self) -> messages.ErrorCode | None:
        try:
            self._check()
        except SfuError as error:
            code: messages.ErrorCode = error.code  # type: ignore[assignment]
            return code
        return None
