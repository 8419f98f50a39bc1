"""How much a client may say: a token bucket, and when too much becomes abuse. The clock is injected."""

from sfu.clock import Clock

# Messages over the limit, before the client has once come to rest, that end its connection: two seconds of
# 1000 messages a second leave nobody in doubt.
ABUSE = 2000


class RateLimit:
    def __init__(self, clock: Clock, *, per_s: float, burst: int) -> None:
        self._clock = clock
        self._per_s = per_s
        self._burst = burst
        self._tokens = float(burst)
        self._filled_at = clock.monotonic()
        self._excess = 0

    @property
    def is_abused(self) -> bool:
        return self._excess > ABUSE

    def take(self) -> bool:
        """Whether one more message is within the limit."""
        self._fill()
        if self._tokens < 1:
            self._excess += 1
            return False
        self._tokens -= 1
        return True

    def _fill(self) -> None:
        now = self._clock.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._per_s)
        self._filled_at = now
        if self._tokens >= self._burst:
            self._excess = 0
