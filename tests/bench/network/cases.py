"""The cases: how the link changes, what is measured of it and what is to be reached."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from tests.bench.network import figures as f
from tests.bench.network.cameras import CAMERAS, FRAMES_PER_SECOND, best_bps
from tests.bench.network.rows import OPUS, VP8, VP8_RTX, Run

LINK = "delay=50,queue=300"
SETTLES_S = 5.0
"""After each step the first seconds do not count."""
DOWN_SETTLES_S = 3.0
"""After a step down a full queue is forgiven so long."""


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
    direction: Literal["down", "up"] = "down"
    """Up: it is the publisher who is behind the link."""
    peers: Literal["peer", "browser"] | None = None
    """Where only one kind will do."""
    tcp_s: tuple[float, float] | None = None
    """From when until when somebody downloads through the same link."""

    def spec(self) -> str:
        first, *later = self.steps
        return f"{LINK},{first[1]}" + "".join(f"; at={at:g},{items}" for at, items in later)

    def first(self) -> str:
        """As it is while the peers join."""
        return f"{LINK},{self.steps[0][1]}"

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


def settled(case: Case, camera: str) -> list[tuple[float, float, float]]:
    """Since, until and the best that fits, without the first seconds of each."""
    return [
        (since + SETTLES_S, until, best_bps(camera, capacity, has_audio=True))
        for since, until, capacity in case.spans()
    ]


def shown_utilisation(run: Run, camera: str, spans: list[tuple[float, float, float]]) -> float:
    """Packets of frames that nobody can decode fill a link as well."""
    shown = [f.shown_bps(run.frames[0], CAMERAS[camera], since, until) for since, until, _ in spans]
    best = sum(best * (until - since) for since, until, best in spans)
    came = sum(bps * (until - since) for bps, (since, until, _) in zip(shown, spans, strict=True))
    return came / best if best else f.NEVER


def common(case: Case, run: Run, camera: str, since_s: float = 0.0) -> dict[str, float]:
    """What every case tells beside its goals."""
    packets = run.between(since_s, case.lasts_s)
    frames, sound = run.frames[0], run.sound[0]
    return {
        "queue loss %": 100 * f.queue_loss(packets),
        "queueing p95 ms": f.queueing_ms(packets),
        "retransmissions %": 100 * f.retransmission_share(packets),
        "freezes": f.freezes(frames, since_s, case.lasts_s),
        "frozen s": f.frozen_s(frames, since_s, case.lasts_s),
        "switches a minute": f.switches_a_minute(frames, since_s, case.lasts_s),
        "audio lost %": 100 * f.sound_missing(sound, since_s, case.lasts_s - 1),
        "audio unplayable %": 100 * f.sound_unplayable(sound, since_s, case.lasts_s - 1),
    }


def measure_steps(case: Case, run: Run, camera: str) -> dict[str, float]:
    spans = settled(case, camera)
    calm = []
    for (since, until, capacity), (_, _, before) in zip(case.spans()[1:], case.spans(), strict=False):
        calm += run.between(since + DOWN_SETTLES_S * (capacity < before), until)
    first_until = case.spans()[0][1]
    return common(case, run, camera) | {
        "util": f.utilisation(run, spans),
        "estimate of capacity": f.estimate_of_capacity(run, case.spans()),
        "util of what was shown": shown_utilisation(run, camera, spans),
        "worst second util": f.worst_second(run, spans),
        "calm queueing p95 ms": f.queueing_ms(run.between(SETTLES_S, first_until) + calm),
    }


def measure_step_down(case: Case, run: Run, camera: str) -> dict[str, float]:
    (_, _, before), (step, until, after) = case.spans()
    return common(case, run, camera) | {
        "under capacity after s": f.under_capacity_after(run, step, after, until),
        "queue < 100 ms after s": f.queue_short_after(run, step, until),
        "queue loss %": 100 * f.queue_loss(run.between(step, until)),
        "peak of old rate": f.peak_second_bps(run, step, until) / before,
        "freezes > 500 ms": f.freezes(run.frames[0], step, until, 0.5),
    }


def measure_return(case: Case, run: Run, camera: str) -> dict[str, float]:
    """How long the top layer takes to come when the last step allows it."""
    since, until, _ = case.spans()[-1]
    top = len(CAMERAS[camera]) - 1
    frames, sound = run.frames[0], run.sound[0]
    bad = case.spans()[-2]
    return common(case, run, camera) | {
        "top layer after s": f.full_layer_after(frames, since, top, FRAMES_PER_SECOND),
        "audio lost % before": 100 * f.sound_missing(sound, bad[0], bad[1]),
        "freezes after": f.freezes(frames, since + SETTLES_S, until),
    }


def measure_cold_start(case: Case, run: Run, camera: str) -> dict[str, float]:
    """From the first packet of video on."""
    video = (packet.came_s for packet in run.packets if packet.kind == "rtp" and packet.payload_type == VP8)
    sound = (one.at_s for one in run.sound[0])
    began = min(next(video, 0.0), next(sound, 0.0))
    top = len(CAMERAS[camera]) - 1
    until = min(began + 40, case.lasts_s)
    return common(case, run, camera, began) | {
        "top layer after s": f.full_layer_after(run.frames[0], began, top, FRAMES_PER_SECOND),
        "first frame after s": f.first_frame_after(run.frames[0], began),
        "queue loss %": 100 * f.queue_loss(run.between(began, until)),
        "audio unplayable %, first second on": 100 * f.sound_unplayable(run.sound[0], began + 1, until),
    }


def measure_steady(case: Case, run: Run, camera: str) -> dict[str, float]:
    [(since, until, best)] = settled(case, camera)
    spans = [(since, until, best)]
    return common(case, run, camera, since) | {
        "util": f.utilisation(run, spans),
        "estimate of capacity": f.estimate_of_capacity(run, case.spans()),
        "util of what was shown": shown_utilisation(run, camera, spans),
    }


def measure_feedback(case: Case, run: Run, camera: str) -> dict[str, float]:
    _, (lost, again, capacity), (_, until, _) = case.spans()
    before = f.offered_bps(run, lost - 3, lost)
    seconds = range(int((again - lost) * 10) - 5)
    halved = next(
        (
            tenth / 10
            for tenth in seconds
            if f.offered_bps(run, lost + tenth / 10, lost + tenth / 10 + 0.5) <= before / 2
        ),
        f.NEVER,
    )
    return common(case, run, camera) | {
        "rate halves after s": halved,
        "peak after of capacity": f.peak_second_bps(run, again, until) / capacity,
    }


def measure_repair(case: Case, run: Run, camera: str) -> dict[str, float]:
    """What of the loss is left after repair, and what the repair costs."""
    since, until = SETTLES_S, case.lasts_s - 1
    packets = [packet for packet in run.between(since, until) if packet.kind == "rtp"]
    lost = sum(packet.fate == "lost" and packet.payload_type != OPUS for packet in packets)
    again = sum(packet.payload_type == VP8_RTX for packet in packets)
    return common(case, run, camera, since) | {
        "frames lost %": 100 * f.frames_missing(run.frames[0], since, until),
        "retransmissions of losses": again / lost if lost else f.NEVER,
    }


def measure_shares(case: Case, run: Run, camera: str) -> dict[str, float]:
    """Of what each subscriber was shown, while all are there."""
    since, until = max(case.starts_s) + 2 * SETTLES_S, case.lasts_s
    shown = [f.shown_bps(frames, CAMERAS[camera], since, until) for frames in run.frames]
    packets = run.between(since, until)
    return {
        "Jain's fairness": f.fairness(f.mean_estimates(run, since, until)),
        "of what was shown": f.fairness(shown),
        "least kbit/s": min(shown) / 1000,
        "most kbit/s": max(shown) / 1000,
        "queue loss %": 100 * f.queue_loss(packets),
        "queueing p95 ms": f.queueing_ms(packets),
    }


def measure_beside_tcp(case: Case, run: Run, camera: str) -> dict[str, float]:
    assert case.tcp_s is not None
    since, until = case.tcp_s[0] + SETTLES_S, case.tcp_s[1]
    [(_, _, capacity)] = case.spans()
    came = [packet for packet in run.between(since, until) if packet.fate == "delivered"]
    bits = {kind: 8 * sum(packet.size for packet in came if packet.kind == kind) for kind in ("rtp", "other")}
    return common(case, run, camera) | {
        "media's share": bits["rtp"] / (until - since) / capacity,
        "TCP's share": bits["other"] / (until - since) / capacity,
    }


def measure_uplink(case: Case, run: Run, camera: str) -> dict[str, float]:
    """What a browser sends when its uplink gets narrow."""
    _, (step, until, after) = case.spans()
    came = [packet for packet in run.between(step + SETTLES_S, until) if packet.fate == "delivered"]
    sent_bps = 8 * sum(packet.size for packet in came if packet.kind == "rtp") / (until - step - SETTLES_S)
    return {
        "under capacity after s": f.under_capacity_after(run, step, after, until),
        "util": sent_bps / after,
        "queue loss %": 100 * f.queue_loss(run.between(step, until)),
        "queueing p95 ms": f.queueing_ms(run.between(step + SETTLES_S, until)),
        "before kbit/s": f.offered_bps(run, step - 5, step) / 1000,
        "freezes": f.freezes(run.frames[0], step + SETTLES_S, until),
    }


def measure_sound(case: Case, run: Run, camera: str) -> dict[str, float]:
    since = SETTLES_S
    packets, until = run.between(since, case.lasts_s), case.lasts_s - 1
    return {
        "audio lost %": 100 * f.sound_missing(run.sound[0], since, until),
        "audio playable %": 100 * (1 - f.sound_unplayable(run.sound[0], since, until)),
        "queue loss %": 100 * f.queue_loss(packets),
        "queueing p95 ms": f.queueing_ms(packets),
        "video frames": float(len(run.frames[0])) if case.has_video else 0.0,
    }


def _recovery(name: str, title: str, bad: str, bad_s: float) -> Case:
    return Case(
        name=name,
        title=title,
        steps=((0, "down:rate=5000"), (10, bad), (10 + bad_s, "down:rate=5000,loss=0")),
        lasts_s=10 + bad_s + 25,
        measure=measure_return,
        goals={"top layer after s": Goal(most=8)},
    )


def _cold_start(rate_mbit: float, goals: Mapping[str, Goal]) -> Case:
    return Case(
        name=f"cold_start_{rate_mbit:g}",
        title=f"cold start at {rate_mbit:g} Mbit/s",
        steps=((0, f"down:rate={rate_mbit * 1000:g}"),),
        lasts_s=42,
        measure=measure_cold_start,
        goals=goals,
    )


def _random_loss(percent: int, goals: Mapping[str, Goal]) -> Case:
    return Case(
        name=f"loss_{percent}",
        title=f"{percent} % random loss at 5 Mbit/s",
        steps=((0, f"down:rate=5000,loss={percent}"),),
        lasts_s=45,
        measure=measure_steady,
        goals={"switches a minute": Goal(most=2), **goals},
    )


def _sound(name: str, title: str, items: str, goals: Mapping[str, Goal], *, has_video: bool = True) -> Case:
    return Case(
        name=name,
        title=title,
        steps=((0, items),),
        lasts_s=45,
        measure=measure_sound,
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
            measure=measure_steps,
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
            measure=measure_step_down,
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
            steps=((0, "down:rate=600"), (20, "down:rate=2500")),
            lasts_s=45,
            measure=measure_return,
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
            measure=measure_feedback,
            goals={"rate halves after s": Goal(most=2), "peak after of capacity": Goal(most=1.3)},
        ),
        Case(
            name="rfc8867_5_4",
            title="RFC 8867 5.4: three subscribers share 3.5 Mbit/s",
            steps=((0, "down:rate=3500"),),
            lasts_s=120,
            measure=measure_shares,
            goals={"Jain's fairness": Goal(least=0.95)},
            starts_s=(0, 20, 40),
        ),
        Case(
            name="rfc8867_5_6",
            title="RFC 8867 5.6: beside a TCP download at 2 Mbit/s",
            steps=((0, "down:rate=2000"),),
            lasts_s=70,
            measure=measure_beside_tcp,
            goals={"media's share": Goal(least=0.25), "TCP's share": Goal(least=0.25)},
            tcp_s=(10, 68),
        ),
        Case(
            name="repair",
            title="video at 5 % loss, round trip 100 ms",
            steps=((0, "down:rate=10000,down:loss=5"),),
            lasts_s=45,
            measure=measure_repair,
            goals={"frames lost %": Goal(most=0.1), "retransmissions of losses": Goal(most=1.3)},
        ),
        Case(
            name="uplink",
            title="uplink step 3 → 1 Mbit/s (Chromium publishes)",
            steps=((0, "up:rate=3000"), (30, "up:rate=1000")),
            lasts_s=60,
            measure=measure_uplink,
            goals={"under capacity after s": Goal(most=2), "util": Goal(least=0.8)},
            direction="up",
            peers="browser",
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
            {"audio playable %": Goal(least=98)},
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
