"""Waiting with a deadline that says what it waited for.

Deadlines are for broken builds alone: so generous that a machine with other things to do meets them.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

DEADLINE_S = 60.0


class WaitedInVain(AssertionError):
    """What was waited for did not happen in time."""


@contextlib.asynccontextmanager
async def within(what: str | Callable[[], str], deadline_s: float = DEADLINE_S) -> AsyncIterator[None]:
    """The block ends in time, or :class:`WaitedInVain` tells `what` did not happen."""
    try:
        async with asyncio.timeout(deadline_s):
            yield
    except TimeoutError as error:
        missed = what if isinstance(what, str) else what()
        raise WaitedInVain(f"{missed}: not within {deadline_s:g} s") from error


async def until(
    condition: Callable[[], object], deadline_s: float = DEADLINE_S, what: str | Callable[[], str] = ""
) -> None:
    """For what tells nobody that it has happened: a look every 20 ms."""
    async with within(what or f"{condition.__qualname__}()", deadline_s):
        while not condition():  # noqa: ASYNC110 - any condition, on code that knows no event
            await asyncio.sleep(0.02)
