"""Prints what forwarding costs (`forwarding`); asserts that it was forwarding, never how fast."""

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.bench.forwarding import PATTERNS, PEOPLE, SLOTS, Cost, Pattern, build_load, measure, table

SECONDS = 2.0
ROWS = [
    (pattern, slots) for pattern in PATTERNS for slots in (PEOPLE if pattern in ("mesh", "voices") else SLOTS)
]


@pytest.fixture(scope="module")
def load() -> Path:
    return build_load()


@pytest.mark.parametrize(("pattern", "slots"), ROWS)
def test_forwarding(
    benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str], load: Path, pattern: Pattern, slots: int
) -> None:
    cost: Cost = benchmark.pedantic(measure, args=(load, slots, pattern, SECONDS), rounds=1)
    benchmark.extra_info["cpu_us_a_packet"] = round(cost.cpu_us_a_packet, 2)
    with capsys.disabled():
        print(f"\n{table([cost])}")
    assert cost.decrypted > 0
    assert cost.undecryptable == 0
