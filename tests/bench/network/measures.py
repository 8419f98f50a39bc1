"""What each kind of case is measured by: a run in, figures by name out."""

from tests.bench.network import figures as f
from tests.bench.network.cameras import CAMERAS, FRAMES_PER_SECOND, best_bps
from tests.bench.network.case import Case
from tests.bench.network.rows import OPUS, VP8, VP8_RTX, Run

SETTLES_S = 5.0
"""After each step the first seconds do not count."""
DOWN_SETTLES_S = 3.0
"""After a step down a full queue is forgiven so long."""


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


def steps(case: Case, run: Run, camera: str) -> dict[str, float]:
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


def step_down(case: Case, run: Run, camera: str) -> dict[str, float]:
    (_, _, before), (step, until, after) = case.spans()
    return common(case, run, camera) | {
        "under capacity after s": f.under_capacity_after(run, step, after, until),
        "queue < 100 ms after s": f.queue_short_after(run, step, until),
        "queue loss %": 100 * f.queue_loss(run.between(step, until)),
        "peak of old rate": f.peak_second_bps(run, step, until) / before,
        "freezes > 500 ms": f.freezes(run.frames[0], step, until, 0.5),
    }


def comes_back(case: Case, run: Run, camera: str) -> dict[str, float]:
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


def cold_start(case: Case, run: Run, camera: str) -> dict[str, float]:
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


def steady(case: Case, run: Run, camera: str) -> dict[str, float]:
    [(since, until, best)] = settled(case, camera)
    spans = [(since, until, best)]
    return common(case, run, camera, since) | {
        "util": f.utilisation(run, spans),
        "estimate of capacity": f.estimate_of_capacity(run, case.spans()),
        "util of what was shown": shown_utilisation(run, camera, spans),
    }


def feedback(case: Case, run: Run, camera: str) -> dict[str, float]:
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


def repair(case: Case, run: Run, camera: str) -> dict[str, float]:
    """What of the loss is left after repair, and what the repair costs."""
    since, until = SETTLES_S, case.lasts_s - 1
    packets = [packet for packet in run.between(since, until) if packet.kind == "rtp"]
    lost = sum(packet.fate == "lost" and packet.payload_type != OPUS for packet in packets)
    again = sum(packet.payload_type == VP8_RTX for packet in packets)
    return common(case, run, camera, since) | {
        "frames lost %": 100 * f.frames_missing(run.frames[0], since, until),
        "retransmissions of losses": again / lost if lost else f.NEVER,
    }


def shares(case: Case, run: Run, camera: str) -> dict[str, float]:
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


def beside_tcp(case: Case, run: Run, camera: str) -> dict[str, float]:
    assert case.tcp_s is not None
    since, until = case.tcp_s[0] + SETTLES_S, case.tcp_s[1]
    [(_, _, capacity)] = case.spans()
    came = [packet for packet in run.between(since, until) if packet.fate == "delivered"]
    bits = {kind: 8 * sum(packet.size for packet in came if packet.kind == kind) for kind in ("rtp", "other")}
    return common(case, run, camera) | {
        "media's share": bits["rtp"] / (until - since) / capacity,
        "TCP's share": bits["other"] / (until - since) / capacity,
    }


def uplink(case: Case, run: Run, camera: str) -> dict[str, float]:
    """What a browser sends when its uplink gets narrow."""
    _, (step, until, after) = case.spans()
    settled_s = step + SETTLES_S
    came = [one for one in run.between(settled_s, until) if one.fate == "delivered" and one.kind == "rtp"]
    sent_bps = 8 * sum(packet.size for packet in came) / (until - settled_s)
    again_bps = 8 * sum(one.size for one in came if one.payload_type == VP8_RTX) / (until - settled_s)
    return {
        "under capacity after s": f.under_capacity_after(run, step, after, until),
        "util": sent_bps / after,
        "util without what is sent again": (sent_bps - again_bps) / after,
        "queue loss %": 100 * f.queue_loss(run.between(step, until)),
        "queueing p95 ms": f.queueing_ms(run.between(step + SETTLES_S, until)),
        "before kbit/s": f.offered_bps(run, step - 5, step) / 1000,
        "freezes": f.freezes(run.frames[0], step + SETTLES_S, until),
    }


def layer_switch(case: Case, run: Run, camera: str) -> dict[str, float]:
    """A browser's window gets larger and smaller; better layers are what it waits for."""
    delays = f.switched_after(run.told[0]["views"], run.frames[0])
    first, *_, last = run.told[0]["pictures"]
    return common(case, run, camera, SETTLES_S) | {
        "first frame after ms, p95": 1000 * f.percentile(delays, 0.95),
        "first frame after ms, median": 1000 * f.percentile(delays, 0.5),
        "switches to a better layer": float(len(delays)),
        "decode errors": last["pliCount"] - first["pliCount"],
        "freezes by Chromium": last["freezeCount"] - first["freezeCount"],
    }


def sound(case: Case, run: Run, camera: str) -> dict[str, float]:
    since = SETTLES_S
    packets, until = run.between(since, case.lasts_s), case.lasts_s - 1
    figures = {
        "audio lost %": 100 * f.sound_missing(run.sound[0], since, until),
        "audio playable %": 100 * (1 - f.sound_unplayable(run.sound[0], since, until)),
        "audio lost on the link %": 100 * f.audio_lost_on_the_link(packets),
        "queue loss %": 100 * f.queue_loss(packets),
        "queueing p95 ms": f.queueing_ms(packets),
    }
    if case.has_video:
        off, said = f.time_off(run, since, until)
        figures |= {"video off, share of time": off, "of it said so": said}
        figures["video frames"] = float(len(run.frames[0]))
    return figures
