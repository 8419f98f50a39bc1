"""Totals over all streams of one direction, by kind, that go on growing when streams end. Pure.

A snapshot tells what each stream has counted in its life, and nothing of those that are gone. What each has
counted more than when it was seen last is added here; so a stream's last seconds are not in the totals.
Counters that may take something back (a packet was late, not lost) count with the most they have had.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

Kind = Literal["audio", "camera", "screen"]
KINDS: Sequence[Kind] = ("audio", "camera", "screen")

Counts = tuple[float, ...]
Key = TypeVar("Key", bound=Hashable)


@dataclass(slots=True)
class Stream:
    """One layer of a source, or one slot."""

    counts: Counts
    """The most that each counter has had."""
    before: Counts
    """The same when it was sampled last."""
    kind: Kind
    loss: float | None = None
    """Share that was lost before repair, between the last two samples; None: nothing was expected."""
    unrepaired: float | None = None
    """The same after repair."""
    frames_per_s: float | None = None
    is_sampled: bool = False


class Tally(Generic[Key]):
    def __init__(self, fields: Sequence[str], read: Callable[[Any], Counts]) -> None:
        self._read = read
        self._zeros = (0.0,) * len(fields)
        self._fields = {name: index for index, name in enumerate(fields)}
        self._totals: dict[Kind, Counts] = dict.fromkeys(KINDS, self._zeros)
        self._streams: dict[Key, Stream] = {}
        self._following: dict[Key, Stream] = {}

    def begin(self) -> None:
        """A new look; whoever is not followed until :meth:`end` is gone."""
        self._following = {}

    def end(self) -> None:
        self._streams = self._following

    def knows(self, key: Key) -> bool:
        return key in self._streams

    def stream(self, key: Key) -> Stream | None:
        return self._streams.get(key)

    def follow(self, key: Key, kind: Kind, counted: object) -> Stream:
        counts = self._read(counted)
        stream = self._streams.get(key)
        if stream is None or counts[0] < stream.counts[0]:  # new, or the layer began anew with another SSRC
            stream = Stream(self._zeros, self._zeros, kind)
        stream.kind = kind
        if counts != stream.counts:
            most = tuple(map(max, counts, stream.counts))
            more = zip(self._totals[kind], most, stream.counts, strict=True)
            self._totals[kind] = tuple(total + new - old for total, new, old in more)
            stream.counts = most
        self._following[key] = stream
        return stream

    def total(self, kind: Kind, name: str) -> float:
        return self._totals[kind][self._fields[name]]

    def since(self, stream: Stream, name: str) -> float:
        """What the stream counted since it was sampled last."""
        index = self._fields[name]
        return stream.counts[index] - stream.before[index]
