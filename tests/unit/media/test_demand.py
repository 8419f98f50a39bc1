"""Which layers a sender is told that anybody needs, and when."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from sfu.media.demand import LayerDemand

F, H, Q = 0, 1, 2


@dataclass
class Alarm:
    ring: Callable[[], None]
    is_cancelled: bool = False

    def cancel(self) -> None:
        self.is_cancelled = True


@dataclass
class Setting:
    told: list[tuple[int, int]] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.demand = LayerDemand(self.later, lambda source, top: self.told.append((source, top)))

    def later(self, delay_s: float, then: Callable[[], None]) -> Alarm:
        assert delay_s > 0
        self.alarms.append(Alarm(then))
        return self.alarms[-1]

    def time_passes(self) -> None:
        alarms, self.alarms = self.alarms, []
        for alarm in alarms:
            if not alarm.is_cancelled:
                alarm.ring()


@pytest.fixture
def setting() -> Setting:
    return Setting()


def test_the_first_need_is_told_at_once_and_once(setting: Setting) -> None:
    setting.demand.update(1, Q)
    setting.demand.update(1, Q)
    assert setting.told == [(1, Q)]


def test_more_is_told_at_once(setting: Setting) -> None:
    for top in (Q, H, F):
        setting.demand.update(1, top)
    assert setting.told == [(1, Q), (1, H), (1, F)]
    assert not setting.alarms


def test_less_is_told_when_it_has_lasted(setting: Setting) -> None:
    setting.demand.update(1, F)
    setting.demand.update(1, H)
    setting.demand.update(1, Q)
    assert setting.told == [(1, F)]
    assert len(setting.alarms) == 1
    setting.time_passes()
    assert setting.told == [(1, F), (1, Q)]


def test_a_page_turned_back_and_forth_is_not_told(setting: Setting) -> None:
    setting.demand.update(1, F)
    setting.demand.update(1, Q)
    setting.demand.update(1, F)
    setting.time_passes()
    assert setting.told == [(1, F)]
    setting.demand.update(1, Q)
    setting.time_passes()
    assert setting.told == [(1, F), (1, Q)]


def test_a_source_that_is_gone_is_not_told_about(setting: Setting) -> None:
    setting.demand.update(1, F)
    setting.demand.update(1, Q)
    setting.demand.remove(1)
    setting.demand.remove(1)
    setting.time_passes()
    assert setting.told == [(1, F)]


def test_sources_are_apart(setting: Setting) -> None:
    setting.demand.update(1, Q)
    setting.demand.update(2, F)
    assert setting.told == [(1, Q), (2, F)]
