"""How much a client may say: a token bucket, and when too much becomes abuse. The clock is injected.

Long messages weigh more: an offer of 512 KiB keeps the event loop busy for 20 ms, so that 50 of them a
second, 2 % of that on the wire once compressed, would leave no time for anybody else.
"""

from sfu.clock import Clock
from sfu.limits import FIXED

# One message, and one more for each of these: Chromium's offer with 25 + 8 slots weighs 10.
WEIGHED_BYTES = 16 * 1024

ABUSE = FIXED.messages_abused


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

    def take(self, size: int = 0) -> bool:
        """Whether one more message, of `size` bytes, is within the limit."""
        weight = 1 + size // WEIGHED_BYTES
        self._fill()
        # What a rested client may say at once includes the largest of messages, whatever the burst is.
        if self._tokens < min(weight, self._burst):
            self._excess += weight
            return False
        self._tokens -= weight
        return True

    def _fill(self) -> None:
        now = self._clock.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._per_s)
        self._filled_at = now
        if self._tokens >= self._burst:
            self._excess = 0
