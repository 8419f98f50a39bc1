"""One browser window, whatever engine is behind it.

The engines give `goto`, `evaluate`, `press`, `fill`, `screenshot`; everything else is written once, upon these.
Roles and accessible names are the page's contract, so that a test finds things as a screen reader does.
Knows no signalling message and no server.
"""

import asyncio
import json
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from tests.waiting import DEADLINE_S, WaitedInVain

PROBES = (Path(__file__).parent / "probes.js").read_text()

# As long as everything else may take here; one browser that starts beside others takes its time.
START_S = 120.0


class Page(ABC):
    """A window with one page; `name` is for messages of failed waits."""

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    async def goto(self, url: str) -> None:
        """Open `url` and wait for its load event."""

    @abstractmethod
    async def evaluate(self, expression: str) -> Any:
        """The JSON value of a JavaScript expression; promises are awaited."""

    @abstractmethod
    async def press(self, button: str) -> None:
        """Click the button with exactly this accessible name, once it is there."""

    @abstractmethod
    async def fill(self, label: str, text: str) -> None:
        """Replace the content of the text box with exactly this accessible name."""

    @abstractmethod
    async def screenshot(self, path: Path) -> None: ...

    @abstractmethod
    async def close(self) -> None: ...

    @abstractmethod
    async def kill(self) -> None:
        """End the browser's process without a word to anybody."""

    async def probe(self, function: str, *arguments: object) -> Any:
        """Call a function of probes.js."""
        return await self.evaluate(f"__probes.{function}({','.join(map(json.dumps, arguments))})")

    async def until(
        self, function: str, *arguments: object, accept: Any = bool, deadline_s: float = DEADLINE_S
    ) -> Any:
        """Wait until a probe's value satisfies `accept`; the last value is in the failure's message."""
        started = time.monotonic()
        while True:
            value = await self.probe(function, *arguments)
            if accept(value):
                return value
            if time.monotonic() - started > deadline_s:
                raise WaitedInVain(
                    f"{self.name}: {function}{arguments} is still {value!r} after {deadline_s} s"
                )
            await asyncio.sleep(0.1)

    async def settles(self, function: str, *arguments: object, for_s: float = 2.5) -> Any:
        """Wait until a probe's value has stayed the same for `for_s`; that value."""
        started = since = time.monotonic()
        before = await self.probe(function, *arguments)
        while time.monotonic() - since < for_s:
            if time.monotonic() - started > DEADLINE_S:
                raise WaitedInVain(f"{self.name}: {function}{arguments} still changes after {DEADLINE_S} s")
            await asyncio.sleep(0.2)
            if (value := await self.probe(function, *arguments)) != before:
                before, since = value, time.monotonic()
        return before

    async def join(self, room_url: str, name: str, relay: tuple[str, int] | None = None) -> None:
        """As a person: open the room's page, write one's name, press Join.

        Media goes to the address of the `relay`, if there is one.
        """
        await self.goto(room_url if relay is None else f"{room_url}#detour={relay[0]}:{relay[1]}")
        await self.fill("Your name", name)
        await self.press("Join")

    async def sees(
        self, count: int, source: str = "camera", deadline_s: float = DEADLINE_S
    ) -> list[dict[str, Any]]:
        """Wait until `count` remote tiles of this source each show new decoded frames; the tiles."""
        await self.until("tiles", source, accept=lambda tiles: len(tiles) >= count, deadline_s=deadline_s)
        await self.until(
            "progress",
            source,
            accept=lambda tiles: sum(t["moving"] for t in tiles) >= count,
            deadline_s=deadline_s,
        )
        tiles: list[dict[str, Any]] = await self.probe("tiles", source)
        return tiles

    async def goes_on_seeing(self, frames: int = 30, source: str = "camera") -> None:
        """Wait until every tile has shown this many more frames than now: more than were on their way."""
        before: list[int] = await self.probe("frames", source)

        def is_on(now: list[int]) -> bool:
            return len(now) == len(before) and all(n >= b + frames for n, b in zip(now, before, strict=True))

        await self.until("frames", source, accept=is_on)

    async def hears(self, count: int, deadline_s: float = DEADLINE_S) -> None:
        """Wait until `count` received audio streams have gained energy since this call."""
        before = await self.probe("audioEnergy")

        def gained(now: dict[str, float]) -> bool:
            return sum(energy > before.get(key, 0.0) + 1e-6 for key, energy in now.items()) >= count

        await self.until("audioEnergy", accept=gained, deadline_s=deadline_s)
