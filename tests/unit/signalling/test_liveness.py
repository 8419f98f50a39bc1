"""A silent peer is asked every ten seconds and given up after 25."""

from sfu.clock import ManualClock
from sfu.signalling.liveness import Liveness
from tests.unit.signalling.fakes import FakeTimers


class Line:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.timers = FakeTimers(self.clock)
        self.pings: list[float] = []
        self.given_up: list[float] = []
        self.liveness = Liveness(
            self.clock,
            self.timers,
            ping=lambda: self.pings.append(self.clock.monotonic()),
            give_up=lambda: self.given_up.append(self.clock.monotonic()),
        )


def test_silence_is_given_up_after_25_seconds() -> None:
    line = Line()
    line.timers.advance(100)
    assert line.pings == [10, 20]
    assert line.given_up == [25]
    assert line.timers.waiting == 0


def test_whoever_answers_stays() -> None:
    line = Line()
    for _ in range(100):
        line.timers.advance(9)
        line.liveness.heard()
    assert not line.given_up
    assert len(line.pings) == 90


def test_stopped_it_asks_nobody() -> None:
    line = Line()
    line.liveness.stop()
    line.liveness.stop()
    line.timers.advance(100)
    assert not line.pings
