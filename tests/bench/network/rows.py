"""What a run left behind: the link's rows and what the peers could play, on one clock that begins with the case."""

import csv
from bisect import bisect_left
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

VP8, VP8_RTX, OPUS = "96", "97", "111"
NEVER_S = float("inf")
FORGETS = 0.02
"""Seconds that the playout buffer becomes shorter in a second."""
MOST_WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Packet:
    """Towards the subscribers, or from the publisher if it is behind the link."""

    came_s: float
    size: int
    fate: str
    queued_ms: float
    kind: str
    key: tuple[str, str]
    """SSRC and sequence number."""
    payload_type: str


@dataclass(frozen=True, slots=True)
class Played:
    at_s: float
    sent_s: float
    stream: int
    number: int
    is_keyframe: bool

    @property
    def layer(self) -> int:
        """0 is the lowest."""
        return self.stream & 7


@dataclass
class Run:
    packets: list[Packet]
    frames: list[list[Played]] = field(default_factory=list)
    """Of each subscriber."""
    sound: list[list[Played]] = field(default_factory=list)
    told: list[dict] = field(default_factory=list)
    own_losses: int = 0
    observed: list[tuple[float, dict[str, dict]]] = field(default_factory=list)
    """What the server tells of each participant, by name; see `observe`."""

    @cached_property
    def repairing_share(self) -> float:
        """Of the retransmissions that came, those of packets that had not; only the peers can read which."""
        came = sum(one.payload_type == VP8_RTX and one.fate == "delivered" for one in self.packets)
        return min(1.0, sum(one["repaired"] for one in self.told) / came) if came else 0.0

    def between(self, since_s: float, until_s: float) -> list[Packet]:
        first = bisect_left(self.packets, since_s, key=lambda packet: packet.came_s)
        last = bisect_left(self.packets, until_s, key=lambda packet: packet.came_s)
        return self.packets[first:last]


def read_packets(path: Path, zero_s: float, direction: str) -> list[Packet]:
    with path.open() as file:
        rows = [row for row in csv.DictReader(file) if row["direction"] == direction]
    packets = [
        Packet(
            came_s=float(row["in_s"]) - zero_s,
            size=int(row["size"]),
            fate=row["fate"],
            queued_ms=float(row["queued_ms"]),
            kind=row["kind"],
            key=(row["ssrc"], row["sequence_number"]),
            payload_type=row["payload_type"],
        )
        for row in rows
        if row["fate"] != "duplicated"
    ]
    # Rows are in the order in which packets left.
    packets.sort(key=lambda packet: packet.came_s)
    return packets


def played_out(frames: list[Played]) -> list[Played]:
    """When they are shown: a playout buffer waits for as long as the slowest took, and forgets slowly.

    libwebrtc's grows at once, with a frame that is late, and shrinks over seconds.
    """
    wait_s, shown, last_s = 0.0, [], -NEVER_S
    for frame in frames:
        forgotten_s = FORGETS * max(0.0, frame.sent_s - shown[-1].sent_s) if shown else 0.0
        last_s = max(last_s, frame.at_s, frame.sent_s + wait_s - forgotten_s)
        wait_s = min(MOST_WAIT_S, max(wait_s - forgotten_s, frame.at_s - frame.sent_s))
        shown.append(replace(frame, at_s=last_s))
    return shown


def split_played(rows: list[list], zero_s: float) -> tuple[list[Played], list[Played]]:
    """Frames and sound."""
    frames, sound = [], []
    for at, sent, stream, number, is_keyframe, is_video in rows:
        played = Played(at - zero_s, sent - zero_s, stream, number, is_keyframe)
        (frames if is_video else sound).append(played)
    return played_out(frames), sound
