"""Time as a collaborator, so that tests can turn its hands."""

import time
from typing import Protocol


class Clock(Protocol):
    def monotonic(self) -> float:
        """Seconds that only grow; for intervals and deadlines."""
        ...

    def unix(self) -> float:
        """Seconds since 1970 (UTC); for what people and tokens read."""
        ...


class SystemClock:
    def monotonic(self) -> float:
        return time.monotonic()

    def unix(self) -> float:
        return time.time()


class ManualClock:
    """For tests: stands still until told to advance."""

    def __init__(self, unix: float = 1_800_000_000.0) -> None:
        self._monotonic = 0.0
        self._unix = unix

    def monotonic(self) -> float:
        return self._monotonic

    def unix(self) -> float:
        return self._unix

    def advance(self, seconds: float) -> None:
        self._monotonic += seconds
        self._unix += seconds
