"""One participant's signalling, which outlives a connection: its numbered events, the last of them kept.

Knows neither sockets nor what the events say.
"""

from collections import deque
from dataclasses import dataclass, field

from sfu.join.requests import SessionHandle
from sfu.limits import FIXED
from sfu.signalling.outlet import Outlet
from sfu.signalling.timers import Timer
from sfu.signalling.wire import EncodedEvent

# A cut lasts at most 30 s. Whoever missed more still gets the whole state, so the bounds only save memory.
KEPT_EVENTS = FIXED.kept_events
KEPT_BYTES = FIXED.kept_bytes


@dataclass(slots=True, eq=False)
class Session:
    secret: str = field(repr=False)
    handle: SessionHandle
    outlet: Outlet | None
    """None while cut."""
    seq: int = 0
    """Of the last event."""
    has_ended: bool = False
    cut_timer: Timer | None = None
    media_timer: Timer | None = None
    _kept: deque[EncodedEvent] = field(default_factory=deque, repr=False)
    _kept_bytes: int = 0

    @property
    def participant(self) -> str:
        return self.handle.id

    def tell(self, event: EncodedEvent) -> None:
        """Numbers it, keeps it for a resumption and sends it if there is a connection."""
        self.seq += 1
        self._keep(event)
        if self.outlet is not None:
            self.outlet.send(event.numbered(self.seq))

    def missed(self, last_seq: int) -> list[bytes]:
        """Events after `last_seq`, as far back as they are kept."""
        count = min(max(self.seq - last_seq, 0), len(self._kept))
        first = len(self._kept) - count
        oldest_seq = self.seq - len(self._kept) + 1
        return [self._kept[index].numbered(oldest_seq + index) for index in range(first, len(self._kept))]

    def stop_timers(self) -> None:
        for timer in (self.cut_timer, self.media_timer):
            if timer is not None:
                timer.cancel()
        self.cut_timer = self.media_timer = None

    def _keep(self, event: EncodedEvent) -> None:
        self._kept.append(event)
        self._kept_bytes += len(event)
        while len(self._kept) > KEPT_EVENTS or self._kept_bytes > KEPT_BYTES:
            self._kept_bytes -= len(self._kept.popleft())
