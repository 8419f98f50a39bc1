"""Whether the other end still speaks: asks every ten seconds, gives up after 25 of silence."""

from collections.abc import Callable

from sfu.clock import Clock
from sfu.limits import FIXED
from sfu.signalling.timers import Timer, Timers

PING_S = 10.0
SILENCE_S = FIXED.silence_s


class Liveness:
    def __init__(
        self, clock: Clock, timers: Timers, *, ping: Callable[[], None], give_up: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._timers = timers
        self._ping = ping
        self._give_up = give_up
        self._heard_at = clock.monotonic()
        self._timer: Timer | None = timers.call_later(PING_S, self._ask)

    def heard(self) -> None:
        self._heard_at = self._clock.monotonic()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ask(self) -> None:
        silent_s = self._clock.monotonic() - self._heard_at
        if silent_s >= SILENCE_S:
            self._timer = None
            self._give_up()
            return
        self._timer = self._timers.call_later(min(PING_S, SILENCE_S - silent_s), self._ask)
        self._ping()
