"""The E-model's values, and that nothing worse is ever rated better."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfu.media.mos import CODEC_S, mos, mouth_to_ear_s

delays = st.floats(0, 5)
losses = st.floats(0, 1)


@pytest.mark.parametrize(
    ("delay_ms", "percent", "expected"), [(0, 0, 4.41), (150, 1, 4.23), (300, 0, 3.71), (50, 10, 3.35)]
)
def test_values_of_the_formula(delay_ms: float, percent: float, expected: float) -> None:
    assert mos(delay_ms / 1000, percent / 100) == pytest.approx(expected, abs=0.01)


@given(delays, delays, losses)
def test_more_delay_is_never_better(one: float, other: float, loss: float) -> None:
    assert mos(max(one, other), loss) <= mos(min(one, other), loss) + 1e-9


@given(delays, losses, losses)
def test_more_loss_is_never_better(delay: float, one: float, other: float) -> None:
    assert mos(delay, max(one, other)) <= mos(delay, min(one, other)) + 1e-9


@given(st.floats(-1, 1000), st.floats(-1, 2))
def test_it_stays_on_its_scale(delay: float, loss: float) -> None:
    assert 1 <= mos(delay, loss) <= 4.41


def test_a_way_adds_its_jitter_and_the_codec() -> None:
    assert mouth_to_ear_s(0.1, 0.02) == pytest.approx(0.14 + CODEC_S)
