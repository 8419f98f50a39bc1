"""Whether media really works: a peer of our own that goes the whole way through the media port and back."""

from sfu.media.probe.probe import Probe, ProbeResult, Stage
from sfu.media.probe.watch import Watch

__all__ = ["Probe", "ProbeResult", "Stage", "Watch"]
