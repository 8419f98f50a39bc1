"""The cases: how the link changes, what is measured of it and what is to be reached."""

from collections.abc import Mapping

from tests.bench.network import measures as m
from tests.bench.network.case import Case, Goal


def _recovery(name: str, title: str, bad: str, bad_s: float) -> Case:
    return Case(
        name=name,
        title=title,
        steps=((0, "down:rate=5000"), (6, bad), (6 + bad_s, "down:rate=5000,loss=0")),
        lasts_s=6 + bad_s + 14,
        measure=m.comes_back,
        goals={"top layer after s": Goal(most=8)},
    )


def _cold_start(rate_mbit: float, goals: Mapping[str, Goal]) -> Case:
    return Case(
        name=f"cold_start_{rate_mbit:g}",
        title=f"cold start at {rate_mbit:g} Mbit/s",
        steps=((0, f"down:rate={rate_mbit * 1000:g}"),),
        lasts_s=42,
        measure=m.cold_start,
        goals=goals,
    )


def _random_loss(percent: int, goals: Mapping[str, Goal]) -> Case:
    return Case(
        name=f"loss_{percent}",
        title=f"{percent} % random loss at 5 Mbit/s",
        steps=((0, f"down:rate=5000,loss={percent}"),),
        lasts_s=45,
        measure=m.steady,
        goals={"switches a minute": Goal(most=2), **goals},
    )


def _sound(name: str, title: str, items: str, goals: Mapping[str, Goal], *, has_video: bool = True) -> Case:
    return Case(
        name=name,
        title=title,
        steps=((0, items),),
        # What chance leaves of three packets in a row takes a while to be told.
        lasts_s=45 if has_video else 126,
        measure=m.sound,
        goals=goals,
        has_video=has_video,
    )


CASES = {
    case.name: case
    for case in (
        Case(
            name="rfc8867_5_1",
            title="RFC 8867 5.1: 1 / 2.5 / 0.6 / 1 Mbit/s",
            steps=(
                (0, "down:rate=1000"),
                (40, "down:rate=2500"),
                (60, "down:rate=600"),
                (80, "down:rate=1000"),
            ),
            lasts_s=100,
            measure=m.steps,
            goals={
                "util": Goal(least=0.85),
                "calm queueing p95 ms": Goal(most=60),
                "queue loss %": Goal(most=1),
            },
        ),
        Case(
            name="step_down",
            title="step down 2.5 → 0.6 Mbit/s",
            steps=((0, "down:rate=2500"), (20, "down:rate=600")),
            lasts_s=40,
            measure=m.step_down,
            goals={
                "under capacity after s": Goal(most=1),
                "queue < 100 ms after s": Goal(most=2.5),
                "queue loss %": Goal(most=3),
                "peak of old rate": Goal(most=1.3),
                "freezes > 500 ms": Goal(most=1),
            },
        ),
        Case(
            name="step_up",
            title="step up 0.6 → 2.5 Mbit/s",
            steps=((0, "down:rate=600"), (15, "down:rate=2500")),
            lasts_s=30,
            measure=m.comes_back,
            goals={"top layer after s": Goal(most=5)},
        ),
        _cold_start(5, {"top layer after s": Goal(most=2)}),
        _cold_start(1, {"queue loss %": Goal(most=1)}),
        _cold_start(
            0.3,
            {"first frame after s": Goal(most=2), "audio unplayable %, first second on": Goal(most=0.5)},
        ),
        _random_loss(5, {"util": Goal(least=0.95)}),
        _random_loss(
            10, {"util": Goal(least=0.9), "freezes": Goal(most=6), "audio unplayable %": Goal(most=0.7)}
        ),
        _recovery("after_loss", "20 % loss for 60 s, then none", "loss=20", 60),
        _recovery("after_50", "50 kbit/s for 30 s, then 5 Mbit/s", "down:rate=50", 30),
        _recovery("after_150", "150 kbit/s for 40 s, then 5 Mbit/s", "down:rate=150", 40),
        Case(
            name="no_feedback",
            title="all feedback lost for 10 s while saturated, at 1 Mbit/s",
            steps=((0, "down:rate=1000"), (20, "up:loss=100"), (30, "up:loss=0")),
            lasts_s=50,
            measure=m.feedback,
            goals={"rate halves after s": Goal(most=2), "peak after of capacity": Goal(most=1.3)},
        ),
        Case(
            name="rfc8867_5_4",
            title="RFC 8867 5.4: three subscribers share 3.5 Mbit/s",
            steps=((0, "down:rate=3500"),),
            lasts_s=70,
            measure=m.shares,
            goals={"Jain's fairness": Goal(least=0.95)},
            starts_s=(0, 10, 20),
        ),
        Case(
            name="rfc8867_5_5",
            title="RFC 8867 5.5: five subscribers of 10 to 150 ms share 4 Mbit/s",
            steps=((0, "down:rate=4000"),),
            lasts_s=74,
            measure=m.shares,
            goals={"Jain's fairness": Goal(least=0.85)},
            starts_s=(0, 6, 12, 18, 24),
            delay_ms=10,
            further_ms=(0, 15, 40, 90, 140),
        ),
        Case(
            name="rfc8867_5_6",
            title="RFC 8867 5.6: beside a TCP download at 2 Mbit/s",
            steps=((0, "down:rate=2000"),),
            lasts_s=70,
            measure=m.beside_tcp,
            goals={"media's share": Goal(least=0.25), "TCP's share": Goal(least=0.25)},
            tcp_s=(10, 68),
        ),
        Case(
            name="repair",
            title="video at 5 % loss, round trip 100 ms",
            steps=((0, "down:rate=10000,down:loss=5"),),
            # Of the frames of a shorter one, one alone is a tenth of a percent.
            lasts_s=126,
            measure=m.repair,
            goals={"frames lost %": Goal(most=0.1), "retransmissions of losses": Goal(most=1.3)},
        ),
        Case(
            name="uplink",
            title="uplink step 3 → 1 Mbit/s (Chromium publishes)",
            steps=((0, "up:rate=3000"), (20, "up:rate=1000")),
            lasts_s=45,
            measure=m.uplink,
            goals={"under capacity after s": Goal(most=2), "util": Goal(least=0.8)},
            direction="up",
            peers="browser",
        ),
        *(
            Case(
                name=name,
                title=f"layer switches at a round trip of 50 ms, {says} (Chromium)",
                steps=((0, "down:rate=10000"),),
                lasts_s=25,
                measure=m.layer_switch,
                goals={
                    "first frame after ms, p95": Goal(most=400),
                    "decode errors": Goal(most=0),
                    "freezes by Chromium": Goal(most=0),
                },
                delay_ms=25,
                is_held=is_held,
                turns_s=2.8,
                # Two browsers that encode and show 720 lines are more than a small machine can do in time.
                cores=2,
                peers="browser",
            )
            for name, says, is_held in (
                ("layer_switch", "both layers are sent", True),
                ("layer_return", "the better one stopped at its source", False),
            )
        ),
        _sound(
            "speaker_150",
            "a speaker of 32 kbit/s and a camera at 150 kbit/s",
            "down:rate=150",
            {"audio lost %": Goal(most=0.5)},
        ),
        _sound(
            "speaker_60",
            "a speaker of 32 kbit/s and a camera at 60 kbit/s with 5 % loss",
            "down:rate=60,loss=5",
            {
                "audio playable %": Goal(least=98),
                "video off, share of time": Goal(least=0.9),
                "of it said so": Goal(least=1),
            },
        ),
        *(
            _sound(
                f"audio_loss_{percent}",
                f"audio alone at {percent} % random loss",
                f"down:rate=5000,down:loss={percent}",
                {"audio playable %": Goal(least=least)},
                has_video=False,
            )
            for percent, least in ((10, 99.8), (20, 99.0), (30, 97.0))
        ),
    )
}
