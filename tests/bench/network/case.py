"""A case: how the link changes, who comes when, how it is measured and what is to be reached."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from tests.bench.network.rows import Run


@dataclass(frozen=True, slots=True)
class Goal:
    least: float | None = None
    most: float | None = None

    def is_met(self, value: float) -> bool:
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def __str__(self) -> str:
        return f"≥ {self.least:g}" if self.least is not None else f"≤ {self.most:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    name: str
    title: str
    steps: tuple[tuple[float, str], ...]
    """From each time on; `down:rate` in kbit/s, beside the delay and queue that all have."""
    lasts_s: float
    measure: Callable[["Case", Run, str], dict[str, float]]
    goals: Mapping[str, Goal]
    has_video: bool = True
    starts_s: tuple[float, ...] = (0,)
    """When each subscriber comes."""
    further_ms: tuple[float, ...] = ()
    """What the own way of each adds to the delay, there and back."""
    delay_ms: float = 50
    is_held: bool = False
    """Somebody beside the server watches too, so that what the subscriber leaves does not stop at its source."""
    cores: int = 8
    """That a browser believes to have; with two it sends a smaller picture, in two layers."""
    turns_s: float | None = None
    """So often the subscriber's window gets smaller, or larger again."""
    direction: Literal["down", "up"] = "down"
    """Up: it is the publisher who is behind the link."""
    peers: Literal["peer", "browser"] | None = None
    """Where only one kind will do."""
    tcp_s: tuple[float, float] | None = None
    """From when until when somebody downloads through the same link."""

    def spec(self) -> str:
        return self.first() + "".join(f"; at={at:g},{items}" for at, items in self.steps[1:])

    def first(self) -> str:
        """As it is while the peers join."""
        return f"delay={self.delay_ms:g},queue=300,{self.steps[0][1]}"

    def spans(self) -> list[tuple[float, float, float]]:
        """Since, until, capacity in bit/s, of each time with one rate."""
        times = [at for at, _ in self.steps] + [self.lasts_s]
        capacity, spans = 0.0, []
        for (since, until), (_, items) in zip(pairwise(times), self.steps, strict=True):
            for item in items.split(","):
                if item.startswith(f"{self.direction}:rate="):
                    capacity = float(item.partition("=")[2]) * 1000
            spans.append((since, until, capacity))
        return spans
