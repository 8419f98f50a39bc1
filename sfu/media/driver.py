"""Carries the packet path's events and the DTLS work onto the event loop, in portions that let others run."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from sfu import _packets
from sfu.log import get_logger
from sfu.media.handshakes import TICK_S, Handshakes

log = get_logger(__name__)

# Events taken at once: some 10 µs each, so that the loop comes round to everyone else every few milliseconds.
EVENTS_AT_ONCE = 256


class EventSource(Protocol):
    @property
    def event_fd(self) -> int: ...

    def drain(self, limit: int = ...) -> Sequence[_packets.Event]: ...


class Driver:
    def __init__(
        self, events: EventSource, handle: Callable[[_packets.Event], None], handshakes: Handshakes
    ) -> None:
        self._events = events
        self._handle = handle
        self._handshakes = handshakes
        self._loop = asyncio.get_running_loop()
        self._working: asyncio.Handle | None = None
        self._ticking: asyncio.TimerHandle | None = None
        self._when_failed: Callable[[], None] | None = None
        self._has_failed = False

    @property
    def has_failed(self) -> bool:
        return self._has_failed

    def when_failed(self, then: Callable[[], None]) -> None:
        self._when_failed = then

    def attach(self) -> None:
        self._loop.add_reader(self._events.event_fd, self._drain)

    def detach(self) -> None:
        self._loop.remove_reader(self._events.event_fd)
        for handle in (self._working, self._ticking):
            if handle is not None:
                handle.cancel()

    def _drain(self) -> None:
        try:
            events = self._events.drain(EVENTS_AT_ONCE)
        except RuntimeError as error:
            self._fail(str(error))
            return
        for event in events:
            self._handle(event)
        self._handshakes.run()
        self._keep_working()

    def _fail(self, reason: str) -> None:
        """The packet path has died. Its descriptor stays readable, which would keep the loop busy."""
        log.error("the packet path has died", reason=reason)
        self.detach()
        self._has_failed = True
        if self._when_failed is not None:
            self._when_failed()

    def _work(self) -> None:
        """One budget of DTLS; the rest after the loop has been round."""
        self._working = None
        self._handshakes.run()
        self._keep_working()

    def _tick(self) -> None:
        self._ticking = None
        self._handshakes.tick()
        self._keep_working()

    def _keep_working(self) -> None:
        if self._working is None and self._handshakes.has_work:
            self._working = self._loop.call_soon(self._work)
        if self._ticking is None and self._handshakes.needs_ticks:
            self._ticking = self._loop.call_later(TICK_S, self._tick)
