"""Keeps every slot on the layer that fits its tile, while tiles, cameras and layers change."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from sfu.log import get_logger
from sfu.media.demand import Later, LayerDemand
from sfu.media.dispatch import tell
from sfu.media.inventory import Inventory
from sfu.media.policy import Change, LayerPolicy, Size
from sfu.media.specs import SourceSpec
from sfu.media.stats import Indexed

log = get_logger(__name__)

# How soon a layer follows a camera that changed its resolution without changing its layers.
REFRESH_S = 2.0


class ShowsSlots(Protocol):
    def show(self, slot: int, source: int | None, layer: int = ...) -> None: ...
    def set_stage(self, slot: int, is_stage: bool) -> None: ...
    def set_wanted(self, source: int, top: int) -> None: ...


class Showing:
    def __init__(
        self,
        inventory: Inventory,
        packets: ShowsSlots,
        snapshot: Callable[[], Awaitable[Indexed]],
        later: Later,
    ) -> None:
        self._inventory = inventory
        self._packets = packets
        self._snapshot = snapshot
        self._policy = LayerPolicy()
        self._demand = LayerDemand(later, self._tell_sender)

    def add_source(self, source: int, spec: SourceSpec) -> None:
        self._policy.add_source(source, max(1, len(spec.rids)), is_screen=spec.is_screen)

    def remove_source(self, source: int) -> None:
        self._policy.remove_source(source)
        self._demand.remove(source)

    def remove_slot(self, slot: int) -> None:
        before = self._policy.remove_slot(slot)
        self._demanded(before)

    def show(self, slot: int, source: int | None, size: Size | None) -> None:
        if slot not in self._inventory.slots:
            return
        known = source if source in self._inventory.sources else None
        before = self._policy.shown_by(slot)
        self._tell(slot, known, self._policy.show(slot, known, size))
        self._tell_stage(slot, known is not None and (size is None or size.stage))
        self._demanded(known)
        if before != known:
            self._demanded(before)

    def layers_changed(self, source: int, layers: Sequence[int]) -> None:
        self._apply(self._policy.layers_changed(source, layers))

    def adapted(self, slot: int, source: int, layer: int | None) -> None:
        """The packet path found that the subscriber's way lets no better layer through."""
        if self._policy.limit(slot, source, layer):
            self._demanded(source)

    async def refresh(self) -> None:
        """Look at the resolutions now and then, until cancelled."""
        while True:
            await asyncio.sleep(REFRESH_S)
            if not self._policy.has_choices:
                continue
            try:
                self.measure(await self._snapshot())
            except Exception:
                log.exception("layers could not be refreshed")

    def measure(self, indexed: Indexed) -> None:
        for source in indexed.whole.sources:
            sizes = {layer.layer: (layer.width, layer.height) for layer in source.layers}
            self._apply(self._policy.measured(source.source, sizes))
            self._demanded(source.source)

    def _apply(self, changes: Sequence[Change]) -> None:
        for slot, source, layer in changes:
            self._tell(slot, source, layer)

    def _demanded(self, source: int | None) -> None:
        """Who sees the source, or how large, may have changed."""
        if source is None:
            return
        top = self._policy.wanted(source)
        if top is not None:
            self._demand.update(source, top)

    def _tell_sender(self, source: int, top: int) -> None:
        self._packets.set_wanted(source, top)
        entry = self._inventory.sources.get(source)
        if entry is not None and entry.listener is not None:
            tell(entry.listener.on_wanted, entry.spec.rids[top:])

    def _tell_stage(self, slot: int, is_stage: bool) -> None:
        """A picture of no known size is the only one that somebody plays."""
        entry = self._inventory.slots[slot]
        if entry.spec.kind == "video" and entry.is_stage != is_stage:
            entry.is_stage = is_stage
            self._packets.set_stage(slot, is_stage)

    def _tell(self, slot: int, source: int | None, layer: int) -> None:
        """Only what is new: asked again, the packet path would ask the publisher for a keyframe."""
        entry = self._inventory.slots[slot]
        if entry.showing != (source, layer):
            entry.showing = (source, layer)
            self._packets.show(slot, source, layer)
