"""How good speech sounds, from delay and loss: the E-model (ITU-T G.107) as Cole and Rosenbluth shortened it.

Pure.

    R   = 93.2 - Id - Ie,eff
    Id  = 0.024 d + 0.11 (d - 177.3) where d > 177.3        d: mouth to ear, in ms
    Ie,eff = Ie + (95 - Ie) Ppl / (Ppl + Bpl)               Ppl: lost after repair, in percent
    MOS = 1 + 0.035 R + 7e-6 R (R - 60) (100 - R)           G.107 annex B

Assumptions: the default R0 - Is of 93.2, no echo, no advantage factor; losses are spread, not in bursts;
Ie 0 and Bpl 25.1 (G.711 with concealment, ITU-T G.113), which Opus with its own concealment does not do worse
than. It says what a network does to speech, not how a microphone sounds, and nothing of pictures.
"""

R_BEST = 93.2
IE = 0.0
BPL = 25.1
# Delay that conversation does not notice (G.107: turn-taking begins to suffer).
_KNEE_MS = 177.3
# One Opus frame, and what the encoder looks ahead (RFC 6716 §2.1.4 and libopus).
CODEC_S = 0.02 + 0.0065
# An adaptive jitter buffer holds about that many times RFC 3550's mean deviation.
_BUFFER_JITTERS = 2.0


def mos(delay_s: float, loss: float) -> float:
    """1 (bad) to 4.41, of a mouth-to-ear delay and a share of packets lost after repair."""
    delay_ms, percent = 1000 * max(0.0, delay_s), 100 * min(1.0, max(0.0, loss))
    delay_impairment = 0.024 * delay_ms + 0.11 * max(0.0, delay_ms - _KNEE_MS)
    equipment_impairment = IE + (95.0 - IE) * percent / (percent + BPL)
    return of_rating(R_BEST - delay_impairment - equipment_impairment)


def of_rating(rating: float) -> float:
    """Below R = 6.5 the polynomial dips under 1; nothing is worse than bad."""
    if rating <= 0:
        return 1.0
    return max(1.0, 1 + 0.035 * rating + 7e-6 * rating * (rating - 60) * (100 - rating))


def mouth_to_ear_s(way_s: float, jitter_s: float) -> float:
    """Of one way with its share of buffer and codec, as if the other way to the listener were perfect."""
    return way_s + _BUFFER_JITTERS * jitter_s + CODEC_S
