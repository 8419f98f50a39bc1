"""Which simulcast layers of a source anybody needs, so that its sender can leave out the others.

The largest picture costs its sender three quarters of its encoder and of its uplink, and in a grid of small
tiles nobody looks at it. What is needed more is told at once, what is needed less only when that has lasted:
tiles change often, and starting a layer costs a keyframe. Layers below the highest one needed are kept: they
cost little, and a weak network falls back to them. Pure but for its timer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

# Longer than a page is turned back and forth; with the way to the sender less than two seconds, after which
# nobody pays for what nobody sees.
HOLD_S = 1.5


class Timer(Protocol):
    def cancel(self) -> None: ...


Later = Callable[[float, Callable[[], None]], Timer]
"""As `asyncio.AbstractEventLoop.call_later`."""


@dataclass(slots=True)
class _Demand:
    top: int
    """The highest layer needed, 0 being the highest there is."""
    told: int | None = None
    timer: Timer | None = None


class LayerDemand:
    def __init__(self, later: Later, tell: Callable[[int, int], None]) -> None:
        """`tell` is called with a source and the highest of its layers that anybody needs."""
        self._later = later
        self._tell = tell
        self._sources: dict[int, _Demand] = {}

    def update(self, source: int, top: int) -> None:
        demand = self._sources.setdefault(source, _Demand(top))
        demand.top = top
        if demand.told is None or top <= demand.told:
            self._stop(demand)
            self._say(source, demand)
        elif demand.timer is None:
            demand.timer = self._later(HOLD_S, lambda: self._lasted(source))

    def remove(self, source: int) -> None:
        demand = self._sources.pop(source, None)
        if demand is not None:
            self._stop(demand)

    def _lasted(self, source: int) -> None:
        demand = self._sources.get(source)
        if demand is not None:
            demand.timer = None
            self._say(source, demand)

    def _say(self, source: int, demand: _Demand) -> None:
        if demand.told != demand.top:
            demand.told = demand.top
            self._tell(source, demand.top)

    @staticmethod
    def _stop(demand: _Demand) -> None:
        if demand.timer is not None:
            demand.timer.cancel()
            demand.timer = None
