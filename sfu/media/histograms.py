"""The histograms that streams are sampled into: names, words, bounds, labels. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sfu.media.tally import KINDS
from sfu.metrics import Buckets

Direction = Literal["up", "down"]
DIRECTIONS: Sequence[Direction] = ("up", "down")

# From one LAN to the worst line on which people still talk.
_RTT_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0)
_WAY_BOUNDS_S = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0)
_JITTER_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5)
# The lowest is "none": a share is never negative.
_LOSS_BOUNDS = (0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
# From a voice at rest to a page of tiles.
_RATE_BOUNDS = (2e3, 5e3, 10e3, 25e3, 50e3, 100e3, 250e3, 500e3, 1e6, 2.5e6)
_FRAME_BOUNDS = (1.0, 5.0, 10.0, 14.0, 19.0, 24.0, 29.0, 45.0)
_HEIGHT_BOUNDS = (90, 180, 360, 540, 720, 1080)
# G.107 annex B: below 3.1 nearly all, below 3.6 many, below 4.0 some are dissatisfied; above 4.3 none.
_MOS_BOUNDS = (1.5, 2.0, 2.6, 3.1, 3.6, 4.0, 4.2, 4.3, 4.4)

By = tuple[str, ...]


@dataclass(slots=True)
class Histogram:
    """One metric: help, names of labels, and the buckets of every combination of their values."""

    help: str
    labels: tuple[str, ...]
    rows: dict[By, Buckets]

    @classmethod
    def of(cls, help_text: str, bounds: Sequence[float], values: Mapping[str, Sequence[str]]) -> "Histogram":
        rows: list[By] = [()]
        for choices in values.values():
            rows = [(*row, choice) for row in rows for choice in choices]
        return cls(help_text, tuple(values), {row: Buckets(bounds) for row in rows})

    def observe(self, value: float, *labels: str) -> None:
        self.rows[labels].observe(value)


def of_streams() -> dict[str, Histogram]:
    """All of them, empty."""
    return {name: Histogram.of(*metric) for name, metric in _OF_STREAMS.items()}


_WAYS = {"direction": DIRECTIONS}
_ALL = _WAYS | {"kind": KINDS}
_PICTURES = _WAYS | {"kind": KINDS[1:]}

_Metric = tuple[str, Sequence[float], Mapping[str, Sequence[str]]]

_OF_STREAMS: Mapping[str, _Metric] = {
    "sfu_jitter_seconds": (
        (
            "Interarrival jitter (RFC 3550) of each stream, every 5 s: up as it comes to the server, down of "
            "the way to the receiver alone where its feedback tells, else as it reports it."
        ),
        _JITTER_BOUNDS_S,
        _ALL,
    ),
    "sfu_loss_ratio": (
        (
            "Share of each stream's packets lost in 5 s on that way alone, before repair; down by receivers' "
            "reports."
        ),
        _LOSS_BOUNDS,
        _ALL,
    ),
    "sfu_unrepaired_loss_ratio": (
        (
            "Share of each stream's packets lost in 5 s on that way alone that nothing brought back; down an "
            "estimate."
        ),
        _LOSS_BOUNDS,
        _ALL,
    ),
    "sfu_stream_bytes_per_second": ("Bytes of each stream, every 5 s.", _RATE_BOUNDS, _ALL),
    "sfu_frames_per_second": (
        "Frame rate of each stream of pictures, every 5 s.",
        _FRAME_BOUNDS,
        _PICTURES,
    ),
    "sfu_frame_height_pixels": (
        "Height of the pictures of each stream, every 5 s, where the codec tells.",
        _HEIGHT_BOUNDS,
        _PICTURES,
    ),
    "sfu_capture_delay_seconds": (
        "From capture until a frame or a word came to the server, every 5 s, where publishers tell.",
        _WAY_BOUNDS_S,
        {"kind": KINDS},
    ),
    "sfu_mos": (
        (
            "Mean opinion score of what each peer says (up) or hears (down), every 5 s, by the E-model: 1 "
            "bad, 4.4 best."
        ),
        _MOS_BOUNDS,
        _WAYS,
    ),
    "sfu_round_trip_time_seconds": (
        "Round trip between the server and each peer, every 5 s, by RTCP.",
        _RTT_BOUNDS_S,
        {},
    ),
    "sfu_delay_seconds": (
        (
            "One way between each peer and the server, every 5 s: measured where they share a clock, else an "
            "estimate."
        ),
        _WAY_BOUNDS_S,
        _WAYS,
    ),
    "sfu_estimated_bytes_per_second": (
        "What the way to each subscriber carries, every 5 s, where it is estimated.",
        _RATE_BOUNDS,
        {},
    ),
}
