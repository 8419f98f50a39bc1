"""Wait for a condition, not for a time."""

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object]) -> None:
    """The event loop goes round until it holds."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - any condition, on code that knows no event
            await asyncio.sleep(0)
