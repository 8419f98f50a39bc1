"""What `make bench-network` computes of a run, on runs made up by hand."""

from itertools import pairwise

import pytest

from tests.bench.network import figures as f
from tests.bench.network.cameras import AUDIO_BPS, PLAIN, THREE, best_bps
from tests.bench.network.case import Goal
from tests.bench.network.cases import CASES
from tests.bench.network.rows import OPUS, VP8, VP8_RTX, Packet, Played, Run, played_out


def packet(
    came_s: float,
    *,
    fate: str = "delivered",
    queued_ms: float = 0.0,
    payload_type: str = VP8,
    number: int = 0,
):
    return Packet(came_s, 1000, fate, queued_ms, "rtp", ("1", str(number)), payload_type)


def frames(*times: float, layer: int = 2) -> list[Played]:
    return [Played(at, at, layer, number, False) for number, at in enumerate(times)]


def steady(since: float, until: float) -> list[float]:
    return [since + number / 30 for number in range(round((until - since) * 30))]


def test_the_best_that_fits_counts_temporal_layers() -> None:
    top = THREE[0].wire_bps
    assert best_bps("three", top + AUDIO_BPS, has_audio=True) == top
    assert best_bps("three", top + AUDIO_BPS - 1, has_audio=True) == top // 2
    assert best_bps("plain", top, has_audio=True) == PLAIN[1].wire_bps
    assert best_bps("plain", 100_000, has_audio=True) == 0


def test_media_counts_once() -> None:
    packets = [packet(at / 10, number=at) for at in range(10)]
    packets += [packet(0.95, number=9), packet(0.96, fate="lost", number=10)]
    run = Run([*packets, packet(0.97, payload_type=VP8_RTX), packet(0.98, payload_type=VP8_RTX)])
    run.told = [{"repaired": 1}]
    assert f.media_bps(run, 0, 1) == 11 * 8000
    assert f.utilisation(run, [(0, 1, 22 * 8000)]) == 0.5
    assert f.offered_bps(run, 0, 1) == 14 * 8000


def test_the_queue_is_told_by_its_packets() -> None:
    packets = [packet(at / 100, queued_ms=at) for at in range(100)]
    packets += [packet(1.0, fate="queue_dropped")] * 25
    run = Run(packets)
    assert f.queue_loss(packets) == 0.2
    assert f.queueing_ms(packets) == 95
    assert f.queue_short_after(run, 0.5, 2, 90) == pytest.approx(0.5)
    assert f.queue_short_after(run, 0, 0.5, 90) == 0
    assert f.audio_lost_on_the_link([packet(0, payload_type=OPUS, fate="lost"), packet(1)]) == 1


def test_under_capacity_is_the_first_half_second_that_fits() -> None:
    run = Run([packet(at / 100) for at in range(200)] + [packet(2 + at / 10) for at in range(30)])
    assert f.under_capacity_after(run, 0, 100_000, 5) == pytest.approx(2.0, abs=0.11)
    assert f.under_capacity_after(run, 0, 1000, 5) == f.NEVER
    assert f.peak_second_bps(run, 0, 5) == pytest.approx(800_000, rel=0.02)


def test_a_pause_is_a_freeze_and_silence_too() -> None:
    paused = frames(*steady(0, 2), *steady(2.4, 5))
    assert f.freezes(paused, 0, 5) == 1
    assert f.freezes(paused, 0, 5, 0.5) == 0
    assert f.freezes(frames(*steady(0, 2)), 0, 5) == 1
    assert f.freezes([], 0, 5) == 1
    assert f.freezes(frames(*steady(0, 5)), 0, 5) == 0
    assert f.frozen_s(paused, 0, 5) == pytest.approx(0.4 + 1 / 30 - 0.15, abs=0.01)


def test_the_full_layer_begins_where_a_second_is_full() -> None:
    shown = (
        frames(*steady(0, 3), layer=1) + frames(*(3 + at / 15 for at in range(30))) + frames(*steady(5, 8))
    )
    assert f.full_layer_after(shown, 1, 2, 30) == pytest.approx(4, abs=0.3)
    assert f.full_layer_after(shown, 1, 0, 30) == f.NEVER
    assert f.switches_a_minute(shown, 0, 6) == 10


def test_sound_is_missing_late_or_there() -> None:
    sound = [Played(n / 50 + 0.05, n / 50, 7, n, False) for n in range(500)]
    assert f.sound_missing(sound, 0, 10) == 0
    assert f.sound_missing(sound[::2], 0, 10) == 0.5
    late = [Played(s.at_s + (0.5 if s.number % 50 == 0 else 0), s.sent_s, 7, s.number, False) for s in sound]
    assert f.sound_unplayable(late, 0.1, 9.9) == pytest.approx(0.02, abs=0.005)
    repeated = late + [Played(s.at_s + 0.02, s.sent_s, 7, s.number, False) for s in sound]
    assert f.sound_unplayable(repeated, 0.1, 9.9) == 0


def test_a_playout_buffer_grows_with_what_is_late_and_shrinks_slowly() -> None:
    sent = steady(0, 10)
    arrived = [
        Played(at + (0.3 if number == 60 else 0.05), at, 2, number, False) for number, at in enumerate(sent)
    ]
    waits = [shown.at_s - shown.sent_s for shown in played_out(arrived)]
    assert waits[59] == pytest.approx(0.05)
    assert waits[61] == pytest.approx(0.3, abs=0.01)
    assert 0.05 < waits[-1] < 0.25
    assert all(later <= earlier + 1e-9 for earlier, later in pairwise(waits[61:]))


def test_fairness_is_jains() -> None:
    assert f.fairness([5, 5, 5]) == pytest.approx(1)
    assert f.fairness([1, 0, 0]) == pytest.approx(1 / 3)


def test_a_switch_lasts_from_the_larger_tile_to_the_better_picture() -> None:
    shown = [*frames(1.0, 2.0, 3.1, 3.3, layer=1), *frames(3.4, 5.0, layer=2), *frames(8.0, layer=1)]
    views = [(0.5, 720), (2.5, 240), (3.0, 720), (7.0, 240), (9.0, 720)]
    assert f.switched_after(views, shown) == [pytest.approx(0.4), f.NEVER]
    assert f.percentile([0.1, 0.2, 0.3], 0.5) == 0.2 and f.percentile([], 0.5) == f.NEVER


def test_a_picture_that_is_off_has_a_reason() -> None:
    def look(reason: str | None) -> dict:
        return {"Viewer 0": {"estimate_bps": 1, "off": reason is not None, "reason": reason}}

    observed = [(1.0, look(None)), (2.0, look("your_downlink")), (3.0, look("server_is_busy")), (4.0, {})]
    assert f.time_off(Run([], observed=observed), 0, 9) == (pytest.approx(2 / 3), 0.5)
    assert f.time_off(Run([], observed=observed[:1]), 0, 9) == (0.0, 0.0)


def test_cases_say_what_the_link_is_told() -> None:
    case = CASES["rfc8867_5_1"]
    assert case.spec().startswith("delay=50,queue=300,down:rate=1000; at=40,down:rate=2500")
    assert case.spans()[1] == (40, 60, 2_500_000)
    assert CASES["after_loss"].spans()[1] == (6, 66, 5_000_000)
    assert CASES["rfc8867_5_5"].first() == "delay=10,queue=300,down:rate=4000"
    assert CASES["uplink"].spans()[1][2] == 1_000_000
    assert not Goal(most=1).is_met(f.NEVER) and Goal(least=0.9).is_met(0.9)
