"""Heavy work in turns, whoever asks for it: the event loop sees to all else that waits between two pieces.

An offer takes some 10 ms to read and to answer. Twenty that arrive at once would hold up everybody's messages
for 200 ms; in turns they delay each other. Knows nothing of the work.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

# A smaller message is done in less than a millisecond.
HEAVY_BYTES = 16 * 1024


class Turns:
    def __init__(self) -> None:
        self._one = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def turn(self, size: int) -> AsyncIterator[None]:
        """For work on `size` bytes of input; first come, first served."""
        if size < HEAVY_BYTES:
            yield
            return
        async with self._one:
            yield
            # Twice: once for what became ready meanwhile, once for what that wakes.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
