"""Which layer a slot should get, from the size at which its picture is shown. Pure.

The packet path takes the nearest layer that carries packets; here is only said which one would be right, and
said again when the layers or their resolutions turn out different. Layers are indices into the source's rids,
or of a source that is one stream its spatial layers, 0 the highest. What a subscriber's network can take is
decided in the packet path (`docs/allocation.md`); from its word follows here only what senders may leave out.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

Resolution = tuple[int, int]
Change = tuple[int, int, int]
"""Slot, source, layer."""

# A picture enlarged by a third looks the same on a screen to most eyes; the next layer costs four times as
# much.
ENOUGH = 0.75
# What cameras send, by how many layers they offer, until a keyframe tells: a small picture has fewer.
ASSUMED: Mapping[int, Resolution] = {2: (640, 360)}
ASSUMED_OTHERWISE: Resolution = (1280, 720)
TOP = 0


class Size(Protocol):
    """As `sfu.rooms.ports.TileSize`."""

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def stage(self) -> bool: ...


@dataclass(slots=True)
class _Source:
    layers: int
    is_simulcast: bool
    is_screen: bool
    active: tuple[int, ...]
    measured: dict[int, Resolution] = field(default_factory=dict)
    wanted: Counter[int] = field(default_factory=Counter)
    """How many slots would take each layer if all were sent, as far as their ways let it through."""


@dataclass(slots=True)
class _Shown:
    source: int
    size: Size | None
    layer: int
    wanted: int
    """The layer if all were sent."""
    limit: int | None = None
    """The best layer that the subscriber's way lets through, where that is less."""

    @property
    def needed(self) -> int:
        return self.wanted if self.limit is None else max(self.wanted, self.limit)


def choose(size: Size | None, resolutions: Mapping[int, Resolution]) -> int:
    """The smallest layer that fills the tile well, the stage entirely; the top one where no size is known.

    Pictures cover their tile, so the side that is enlarged more decides.
    """
    if size is None or not resolutions:
        return min(resolutions, default=TOP)
    enough = 1.0 if size.stage else ENOUGH
    for layer in sorted(resolutions, key=lambda layer: resolutions[layer][0] * resolutions[layer][1]):
        width, height = resolutions[layer]
        if width >= enough * size.width and height >= enough * size.height:
            return layer
    return min(resolutions)


def resolutions_of(layers: int, measured: Mapping[int, Resolution]) -> dict[int, Resolution]:
    """Each layer halves the one above (f, h, q) where no keyframe has told better."""
    known = min(measured, default=0)
    width, height = measured.get(known, ASSUMED.get(layers, ASSUMED_OTHERWISE))
    guessed = {
        layer: (_halved(width, layer - known), _halved(height, layer - known)) for layer in range(layers)
    }
    return guessed | dict(measured)


class LayerPolicy:
    """Who is shown where and how large, and the layer that follows from it."""

    def __init__(self) -> None:
        self._sources: dict[int, _Source] = {}
        self._shown: dict[int, _Shown] = {}
        self._viewers: dict[int, set[int]] = {}

    @property
    def has_choices(self) -> bool:
        """Whether any source has layers to choose from."""
        return any(source.layers > 1 for source in self._sources.values())

    def add_source(self, source: int, layers: int, *, is_screen: bool) -> None:
        self._sources[source] = _Source(layers, layers > 1, is_screen, tuple(range(layers)))

    def remove_source(self, source: int) -> None:
        self._sources.pop(source, None)
        for slot in self._viewers.pop(source, set()):
            self._shown.pop(slot, None)

    def show(self, slot: int, source: int | None, size: Size | None) -> int:
        """The layer that the slot should get."""
        before = self._shown.get(slot)
        self.remove_slot(slot)
        known = None if source is None else self._sources.get(source)
        if source is None or known is None:
            return TOP
        limit = before.limit if before is not None and before.source == source else None
        shown = _Shown(source, size, _asked(known, size), _layer(known, size), limit)
        self._shown[slot] = shown
        self._viewers.setdefault(source, set()).add(slot)
        known.wanted[shown.needed] += 1
        return shown.layer

    def shown_by(self, slot: int) -> int | None:
        shown = self._shown.get(slot)
        return None if shown is None else shown.source

    def limit(self, slot: int, source: int, layer: int | None) -> bool:
        """The best layer that the slot's way lets through; False if that is nothing new."""
        shown, known = self._shown.get(slot), self._sources.get(source)
        if shown is None or known is None or shown.source != source or shown.limit == layer:
            return False
        known.wanted[shown.needed] -= 1
        shown.limit = None if layer is None else min(layer, known.layers - 1)
        known.wanted[shown.needed] += 1
        return True

    def remove_slot(self, slot: int) -> int | None:
        """The source that it showed."""
        shown = self._shown.pop(slot, None)
        if shown is None:
            return None
        self._viewers[shown.source].discard(slot)
        self._sources[shown.source].wanted[shown.needed] -= 1
        return shown.source

    def wanted(self, source: int) -> int | None:
        """The highest encoding that any slot would be sent if all were there; None: there is no choice."""
        known = self._sources.get(source)
        if known is None or known.is_screen or not known.is_simulcast:
            return None
        return min(+known.wanted, default=known.layers - 1)

    def layers_changed(self, source: int, active: Iterable[int]) -> list[Change]:
        """Other layers carry packets than before."""
        known = self._sources.get(source)
        if known is None:
            return []
        told = tuple(active)
        if told and not known.is_simulcast:
            # How many spatial layers one stream has only its packets tell; the lowest is always there.
            known.layers = max(told) + 1
            self._count_wanted(source, known)
        # A source that went silent keeps its choice: whatever comes back is likeliest what was there.
        known.active = tuple(layer for layer in told if layer < known.layers) or known.active
        return self._chosen_anew(source, known)

    def measured(self, source: int, resolutions: Mapping[int, Resolution]) -> list[Change]:
        """What the last keyframes say; zeros are layers that no keyframe has told about."""
        known = self._sources.get(source)
        told = {layer: size for layer, size in resolutions.items() if all(size)}
        if known is None or told == known.measured:
            return []
        known.measured = told
        self._count_wanted(source, known)
        return self._chosen_anew(source, known)

    def _count_wanted(self, source: int, known: _Source) -> None:
        known.wanted.clear()
        for slot in self._viewers.get(source, ()):
            shown = self._shown[slot]
            shown.wanted = _layer(known, shown.size)
            known.wanted[shown.needed] += 1

    def _chosen_anew(self, source: int, known: _Source) -> list[Change]:
        changes: list[Change] = []
        for slot in self._viewers.get(source, ()):
            shown = self._shown[slot]
            layer = _asked(known, shown.size)
            if layer != shown.layer:
                shown.layer = layer
                changes.append((slot, source, layer))
        return changes


def _asked(source: _Source, size: Size | None) -> int:
    """What is right, also where it is above all that is sent: the packet path takes the nearest, and knows
    that a better one would be welcome. Of a gap between those that are sent, the one above."""
    right = _layer(source, size)
    if right in source.active or right < min(source.active):
        return right
    return _layer(source, size, source.active)


def _layer(source: _Source, size: Size | None, among: Iterable[int] | None = None) -> int:
    """Of these layers, or of all."""
    if source.is_screen:
        # Text is read, not looked at.
        return TOP
    resolutions = resolutions_of(source.layers, source.measured)
    return choose(size, resolutions if among is None else {layer: resolutions[layer] for layer in among})


def _halved(length: int, times: int) -> int:
    return length >> times if times >= 0 else length << -times
