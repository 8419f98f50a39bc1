"""How a server ends: when it is asked to, and once its calls are over. Knows rooms and signals, no door."""

import asyncio
import signal

from sfu.log import get_logger
from sfu.rooms.events import RoomClosed, RoomEvent
from sfu.rooms.room import Room
from sfu.rooms.rooms import Rooms

log = get_logger(__name__)


class StopSignals:
    """The first SIGTERM or SIGINT asks for an end once calls are over, the second for one now."""

    def __init__(self) -> None:
        self.first = asyncio.Event()
        self.second = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._received)

    def at_once(self) -> None:
        """Nobody needs to ask: there is nothing left to wait for."""
        self.first.set()
        self.second.set()

    def _received(self) -> None:
        (self.second if self.first.is_set() else self.first).set()


async def drain(rooms: Rooms, timeout_s: float, now: asyncio.Event) -> None:
    """No new joins; running calls go on until the last has ended, the time is over or `now` is set."""
    rooms.drain(timeout_s)
    log.info("no new joins from now on", rooms=len(rooms), timeout_s=timeout_s)
    vacated = Vacated(rooms)
    waits = [asyncio.create_task(event.wait()) for event in (vacated.event, now)]
    await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


class Vacated:
    """Set once the last room has closed."""

    def __init__(self, rooms: Rooms) -> None:
        self.event = asyncio.Event()
        self._rooms = rooms
        rooms.add_observer(self)
        self._look()

    def on_room_event(self, _: Room, event: RoomEvent) -> None:
        if isinstance(event, RoomClosed):
            self._look()

    def _look(self) -> None:
        if len(self._rooms) == 0:
            self.event.set()
