"""How good the streams are: each is looked at every few seconds and counted into histograms that only grow.

One observation is one stream in one interval, so a quantile over time says how the streams fared, whoever has
come and gone. From the same look come the figures of each peer that the API tells. Knows no room.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sfu._packets import LayerSnapshot, SlotSnapshot, TransportSnapshot
from sfu.media import histograms
from sfu.media.histograms import Direction
from sfu.media.mos import mos, mouth_to_ear_s
from sfu.media.tally import Stream

# How often; long enough that a percent of a voice's packets is more than one.
SAMPLE_S = 5.0


@dataclass(frozen=True, slots=True)
class Since:
    """What a stream counted since it was sampled last."""

    expected: float
    unrepaired: float


@dataclass(slots=True)
class _Voices:
    """What one peer says or hears, all its audio together."""

    jitter_s: float = 0.0
    expected: float = 0.0
    unrepaired: float = 0.0

    def add(self, jitter_s: float, expected: float, unrepaired: float) -> None:
        self.jitter_s = max(self.jitter_s, jitter_s)
        self.expected += expected
        self.unrepaired += unrepaired


@dataclass(slots=True)
class _Look:
    """What is gathered while one look goes on."""

    voices: Mapping[Direction, dict[int, _Voices]] = field(default_factory=lambda: {"up": {}, "down": {}})
    mos: dict[int, dict[Direction, float]] = field(default_factory=dict)


class Quality:
    def __init__(self) -> None:
        self.histograms = histograms.of_streams()
        self._look = _Look()
        self._mos: Mapping[int, Mapping[Direction, float]] = {}

    def mos(self, transport: int) -> Mapping[Direction, float]:
        """By direction, where the peer says or hears something."""
        return self._mos.get(transport, {})

    def begin(self) -> None:
        self._look = _Look()

    def end(self) -> None:
        self._mos = self._look.mos

    def layer(self, layer: LayerSnapshot, stream: Stream, transport: int, since: Since) -> None:
        """A layer that comes in."""
        self._rate("up", stream, layer.bitrate_bps, layer.frames_per_second)
        self._stream("up", stream, transport, layer.jitter_s, since)
        if layer.capture_delay_s is not None:
            # An estimate may be off by more than it is; a histogram's sum must not fall.
            self._observe("sfu_capture_delay_seconds", max(0.0, layer.capture_delay_s), stream.kind)
        if stream.kind != "audio" and layer.height:
            self._observe("sfu_frame_height_pixels", layer.height, "up", stream.kind)

    def slot(
        self,
        slot: SlotSnapshot,
        stream: Stream,
        transport: TransportSnapshot | None,
        height: int,
        since: Since,
    ) -> None:
        """A slot that shows something, of that height."""
        if transport is None:
            return
        self._rate("down", stream, slot.bitrate_bps, stream.frames_per_s)
        self._stream("down", stream, transport.transport, _jitter_down(slot, transport, since), since)
        if stream.kind != "audio" and height:
            self._observe("sfu_frame_height_pixels", height, "down", stream.kind)

    def transport(self, transport: TransportSnapshot) -> None:
        """A peer, after its streams."""
        if transport.round_trip_time_s is not None:
            self._observe("sfu_round_trip_time_seconds", transport.round_trip_time_s)
        if transport.available_bps is not None:
            self._observe("sfu_estimated_bytes_per_second", transport.available_bps / 8)
        self._way("up", transport.transport, transport.delay_up_s, transport.round_trip_time_s)
        self._way("down", transport.transport, transport.delay_down_s, transport.round_trip_time_s)

    def _stream(
        self, way: Direction, stream: Stream, transport: int, jitter_s: float | None, since: Since
    ) -> None:
        kind = stream.kind
        if jitter_s is not None:
            self._observe("sfu_jitter_seconds", jitter_s, way, kind)
        if stream.loss is not None and stream.unrepaired is not None:
            self._observe("sfu_loss_ratio", stream.loss, way, kind)
            self._observe("sfu_unrepaired_loss_ratio", stream.unrepaired, way, kind)
        if kind == "audio":
            voices = self._look.voices[way].setdefault(transport, _Voices())
            voices.add(jitter_s or 0.0, since.expected, since.unrepaired)

    def _rate(self, way: Direction, stream: Stream, bitrate_bps: float, frames_per_s: float | None) -> None:
        self._observe("sfu_stream_bytes_per_second", bitrate_bps / 8, way, stream.kind)
        if stream.kind != "audio" and frames_per_s is not None:
            self._observe("sfu_frames_per_second", frames_per_s, way, stream.kind)

    def _way(self, way: Direction, transport: int, delay_s: float | None, trip_s: float | None) -> None:
        if delay_s is not None:
            self._observe("sfu_delay_seconds", max(0.0, delay_s), way)
        elif trip_s is not None:
            delay_s = trip_s / 2
        voices = self._look.voices[way].get(transport)
        if voices is None or not voices.expected or delay_s is None:
            return
        loss = min(1.0, voices.unrepaired / voices.expected)
        score = mos(mouth_to_ear_s(delay_s, voices.jitter_s), loss)
        self._look.mos.setdefault(transport, {})[way] = score
        self._observe("sfu_mos", score, way)

    def _observe(self, name: str, value: float, *labels: str) -> None:
        self.histograms[name].observe(value, *labels)


def _jitter_down(slot: SlotSnapshot, transport: TransportSnapshot, since: Since) -> float | None:
    """Of the way to the peer alone where its feedback tells, else as the receiver reports it, with the
    publisher's. Nothing is known before its first report."""
    if transport.jitter_down_s is not None:
        return transport.jitter_down_s
    return slot.jitter_s if since.expected else None
