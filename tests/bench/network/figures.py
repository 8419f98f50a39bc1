"""What a run was worth, in the words of the goals. Pure: packets and played frames in, numbers out.

Times are seconds since the case began. A figure that never came is `NEVER`, which meets no goal.
"""

import statistics
from collections import Counter, deque
from collections.abc import Sequence
from itertools import groupby, pairwise

from tests.bench.network.cameras import FRAMES_PER_SECOND, Layer
from tests.bench.network.rows import OPUS, VP8, VP8_RTX, Packet, Played, Run

NEVER = float("inf")
WINDOW_S = 0.5
FULL_SHARE = 0.93
"""28 of 30 frames: a second of full frame rate, whose edges cut frames."""


def media_bps(run: Run, since_s: float, until_s: float) -> float:
    """Of video that came for the first time: itself, or sent again for one that was lost; no second copy."""
    came = [p for p in run.between(since_s, until_s) if p.kind == "rtp" and p.fate == "delivered"]
    first = sum({p.key: p.size for p in came if p.payload_type == VP8}.values())
    again = sum(p.size for p in came if p.payload_type == VP8_RTX)
    return (first + again * run.repairing_share) * 8 / (until_s - since_s)


def offered_bps(run: Run, since_s: float, until_s: float) -> float:
    return sum(packet.size for packet in run.between(since_s, until_s)) * 8 / (until_s - since_s)


def utilisation(run: Run, spans: Sequence[tuple[float, float, float]]) -> float:
    """Of media against the best that fits, over spans of (since, until, best)."""
    came = sum(media_bps(run, since, until) * (until - since) for since, until, _ in spans)
    best = sum(best * (until - since) for since, until, best in spans)
    return came / best if best else NEVER


def worst_second(run: Run, spans: Sequence[tuple[float, float, float]]) -> float:
    shares = [
        media_bps(run, second, second + 1) / best
        for since, until, best in spans
        for second in range(int(since), int(until))
    ]
    return min(shares, default=NEVER)


def queueing_ms(packets: Sequence[Packet], share: float = 0.95) -> float:
    queued = sorted(packet.queued_ms for packet in packets if packet.fate in ("delivered", "lost"))
    return queued[min(len(queued) - 1, int(len(queued) * share))] if queued else NEVER


def queue_loss(packets: Sequence[Packet]) -> float:
    media = [packet for packet in packets if packet.kind == "rtp"]
    return sum(packet.fate == "queue_dropped" for packet in media) / len(media) if media else NEVER


def retransmission_share(packets: Sequence[Packet]) -> float:
    media = [packet for packet in packets if packet.kind == "rtp"]
    again = sum(packet.size for packet in media if packet.payload_type == VP8_RTX)
    return again / sum(packet.size for packet in media) if media else NEVER


def audio_lost_on_the_link(packets: Sequence[Packet]) -> float:
    sound = [packet for packet in packets if packet.payload_type == OPUS and packet.kind == "rtp"]
    return sum(packet.fate != "delivered" for packet in sound) / len(sound) if sound else NEVER


def peak_second_bps(run: Run, since_s: float, until_s: float) -> float:
    steps = range(int((until_s - since_s - 1) * 10) + 1)
    return max(
        (offered_bps(run, since_s + step / 10, since_s + step / 10 + 1) for step in steps), default=0.0
    )


def under_capacity_after(run: Run, step_s: float, capacity_bps: float, until_s: float) -> float:
    """From the step to the first half second in which no more is offered than fits."""
    for tenth in range(int((until_s - step_s - WINDOW_S) * 10)):
        since = step_s + tenth / 10
        if offered_bps(run, since, since + WINDOW_S) <= capacity_bps:
            return tenth / 10
    return NEVER


def queue_short_after(run: Run, step_s: float, until_s: float, short_ms: float = 100.0) -> float:
    """From the step to the last packet that waited longer, or found no room."""
    long = [
        packet.came_s
        for packet in run.between(step_s, until_s)
        if packet.queued_ms > short_ms or packet.fate == "queue_dropped"
    ]
    return max(long) - step_s if long else 0.0


def full_layer_after(frames: Sequence[Played], since_s: float, layer: int, frames_per_second: int) -> float:
    """To the beginning of the first second that shows this layer at its full frame rate."""
    times = [frame.at_s for frame in frames if frame.layer == layer and frame.at_s >= since_s]
    count = int(frames_per_second * FULL_SHARE)
    for first, last in zip(times, times[count - 1 :], strict=False):
        if last - first <= 1:
            return first - since_s
    return NEVER


def first_frame_after(frames: Sequence[Played], since_s: float) -> float:
    return next((frame.at_s - since_s for frame in frames if frame.at_s >= since_s), NEVER)


def freezes(
    frames: Sequence[Played], since_s: float, until_s: float, longest_s: float | None = None
) -> float:
    """Pauses longer than `longest_s`; without it as the W3C's statistics count them: above three times the mean of
    the last 30 intervals, and at least 150 ms more than it. Silence to the end is one too."""
    times = [since_s, *(frame.at_s for frame in frames if since_s <= frame.at_s <= until_s), until_s]
    count, recent = 0, [1 / 30]
    for before, after in pairwise(times):
        gap, mean = after - before, sum(recent) / len(recent)
        is_freeze = gap > longest_s if longest_s is not None else gap > max(3 * mean, mean + 0.15)
        count += is_freeze
        recent = [*recent[-29:], gap]
    return float(count)


def frozen_s(frames: Sequence[Played], since_s: float, until_s: float) -> float:
    """Time beyond 150 ms in which no frame was new."""
    times = [since_s, *(frame.at_s for frame in frames if since_s <= frame.at_s <= until_s), until_s]
    return sum(max(0.0, after - before - 0.15) for before, after in pairwise(times))


def frames_missing(frames: Sequence[Played], since_s: float, until_s: float) -> float:
    """Between the first and the last that were shown of each layer, by their numbers."""
    shown, expected = 0, 0
    mine = [frame for frame in frames if since_s <= frame.sent_s <= until_s]
    for _, run in groupby(mine, key=lambda frame: frame.stream):
        numbers = [frame.number for frame in run]
        shown += len(numbers)
        expected += numbers[-1] - numbers[0] + 1
    return 1 - shown / expected if expected else 1.0


def shown_bps(frames: Sequence[Played], layers: Sequence[Layer], since_s: float, until_s: float) -> float:
    """What the frames that were shown had on the wire."""
    per_frame = [layer.wire_bps / FRAMES_PER_SECOND for layer in reversed(layers)]
    shown = sum(per_frame[frame.layer] for frame in frames if since_s <= frame.at_s <= until_s)
    return shown / (until_s - since_s)


def fairness(rates: Sequence[float]) -> float:
    """Jain's index: 1 is equal shares, 1/n is all to one."""
    squares = sum(rate * rate for rate in rates)
    return sum(rates) ** 2 / (len(rates) * squares) if squares else 0.0


def mean_estimates(run: Run, since_s: float, until_s: float) -> list[float]:
    """Of each subscriber that had one; who publishes has none."""
    estimates: dict[str, list[int]] = {}
    for at, by_name in run.observed:
        for name, one in by_name.items():
            if since_s <= at <= until_s and one["estimate_bps"] is not None and name.startswith("Viewer"):
                estimates.setdefault(name, []).append(one["estimate_bps"])
    return [statistics.fmean(each) for each in estimates.values()]


def time_off(run: Run, since_s: float, until_s: float) -> tuple[float, float]:
    """Of the looks at the first subscriber's picture: how many found it off, and how many of these `your_downlink`."""
    looks = [
        by_name["Viewer 0"]
        for at, by_name in run.observed
        if since_s <= at <= until_s
        if "Viewer 0" in by_name
    ]
    off = [look for look in looks if look.get("off")]
    said = sum(look["reason"] == "your_downlink" for look in off)
    return len(off) / len(looks) if looks else NEVER, said / len(off) if off else 0.0


def estimate_of_capacity(run: Run, spans: Sequence[tuple[float, float, float]]) -> float:
    """The server's mean estimate against the mean capacity, each time's first seconds left out."""
    settles_s = 5.0
    each = [(mean_estimates(run, since + settles_s, until), capacity) for since, until, capacity in spans]
    shares = [mean[0] / capacity for mean, capacity in each if mean and capacity]
    return statistics.fmean(shares) if shares else NEVER


def switched_after(views: Sequence[tuple[float, int]], frames: Sequence[Played]) -> list[float]:
    """From each word that a larger tile is shown to the first frame of a better layer; by the heights of tiles."""
    delays = []
    for (_, before), (at, height) in pairwise(views):
        shown = [frame.layer for frame in frames if frame.at_s < at]
        if height <= before or not shown:
            continue
        better = (frame.at_s - at for frame in frames if frame.at_s >= at and frame.layer > shown[-1])
        delays.append(next(better, NEVER))
    return delays


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else NEVER


def switches_a_minute(frames: Sequence[Played], since_s: float, until_s: float) -> float:
    shown = [frame.layer for frame in frames if since_s <= frame.at_s <= until_s]
    return sum(before != after for before, after in pairwise(shown)) * 60 / (until_s - since_s)


def sound_missing(sound: Sequence[Played], since_s: float, until_s: float) -> float:
    """Of the packets sent in that time, those that never came; from first to last of the stream that was heard."""
    numbers = Counter(one.stream for one in sound)
    if not numbers:
        return 1.0
    stream = numbers.most_common(1)[0][0]
    mine = sorted(one.number for one in sound if one.stream == stream and since_s <= one.sent_s <= until_s)
    expected = round((until_s - since_s) * 50)
    return max(0.0, 1 - len(set(mine)) / expected) if expected else NEVER


def sound_unplayable(sound: Sequence[Played], since_s: float, until_s: float) -> float:
    """Missing, or too late for a playout buffer that keeps what 95 % of the last two seconds needed, and 40 ms."""
    recent: deque[float] = deque(maxlen=100)
    punctual = []
    # By redundancy a packet may come twice: the first counts.
    first = {one.number: one for one in sorted(sound, key=lambda one: -one.at_s)}
    for one in sorted(first.values(), key=lambda one: one.number):
        delay = one.at_s - one.sent_s
        if not recent or delay <= sorted(recent)[int(len(recent) * 0.95)] + 0.04:
            punctual.append(one)
        recent.append(delay)
    return sound_missing(punctual, since_s, until_s)
