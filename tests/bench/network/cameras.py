"""What the publisher shows: simulcast layers, their rates on the wire and those of their temporal layers."""

from dataclasses import dataclass

FRAMES_PER_SECOND = 30
HEADERS = 12 + 16 + 16 + 28
"""RTP, its extensions, the tag of SRTP's GCM, UDP over IPv4."""
VARIES = 20
"""Frames differ in size; so much is a packet's mean above what is asked for."""
AUDIO_BPS = (80 + HEADERS) * 50 * 8


@dataclass(frozen=True, slots=True)
class Layer:
    rid: str
    packets: int
    payload: int
    width: int
    temporal_layers: int = 3

    @property
    def wire_bps(self) -> int:
        return self.packets * (self.payload + VARIES + HEADERS) * FRAMES_PER_SECOND * 8

    def rates_bps(self) -> list[int]:
        """With fewer and with all temporal layers: frames are of one size, so each layer doubles the rate."""
        return [self.wire_bps >> fewer for fewer in reversed(range(self.temporal_layers))]


THREE = (
    Layer("f", 6, 950, 1280),
    Layer("h", 2, 950, 640),
    Layer("q", 1, 533, 320),
)
"""1500, 500 and 150 kbit/s, three temporal layers each, as Chromium sends VP8."""
FOUR = (
    Layer("f", 6, 950, 1280, 1),
    Layer("t", 4, 846, 960, 1),
    Layer("h", 2, 846, 640, 1),
    Layer("q", 1, 533, 320, 1),
)
"""1500, 900, 450 and 150 kbit/s, without temporal layers."""
PLAIN = tuple(Layer(layer.rid, layer.packets, layer.payload, layer.width, 1) for layer in THREE)
CAMERAS = {"three": THREE, "four": FOUR, "plain": PLAIN}
"""By the name that `--camera` has; layers high to low."""


def best_bps(camera: str, capacity_bps: float, *, has_audio: bool) -> float:
    """The rate of the best set of layers that fits beside the sound; 0 if none does."""
    left = capacity_bps - AUDIO_BPS * has_audio
    rates = (rate for layer in CAMERAS[camera] for rate in layer.rates_bps())
    return max((rate for rate in rates if rate <= left), default=0)
