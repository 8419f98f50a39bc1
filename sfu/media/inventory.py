"""What the plane has told the packet path to hold: transports with their sources and slots, by id.

Numbers come from here, SSRCs too. Nothing is sent and nobody is told. Knows no policy.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from sfu.ids import Numbers, SlotId
from sfu.media.certificates import Certificate
from sfu.media.dtls import Role
from sfu.media.specs import (
    LocalTransport,
    RemoteTransport,
    RoomMediaListener,
    Slot,
    SlotListener,
    SlotSpec,
    SourceListener,
    SourceSpec,
    TransportListener,
)


@dataclass(slots=True)
class TransportEntry:
    id: int
    remote: RemoteTransport
    local: LocalTransport
    certificate: Certificate
    role: Role
    listener: TransportListener
    sources: set[int] = field(default_factory=set)
    slots: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class SourceEntry:
    id: int
    transport: int
    spec: SourceSpec
    listener: SourceListener | None


@dataclass(slots=True)
class SlotEntry:
    slot: Slot
    transport: int
    spec: SlotSpec
    listener: SlotListener | None
    showing: tuple[int | None, int] = (None, 0)
    """Source and layer as last told to the packet path."""


class Inventory:
    def __init__(self) -> None:
        self.numbers = Numbers()
        self.transports: dict[int, TransportEntry] = {}
        self.sources: dict[int, SourceEntry] = {}
        self.slots: dict[int, SlotEntry] = {}
        self.rooms: dict[int, RoomMediaListener | None] = {}
        self._ssrcs: set[int] = set()

    def add_source(
        self, transport: TransportEntry, spec: SourceSpec, listener: SourceListener | None
    ) -> SourceEntry:
        entry = SourceEntry(self.numbers.take(), transport.id, spec, listener)
        self.sources[entry.id] = entry
        transport.sources.add(entry.id)
        return entry

    def add_slot(self, transport: TransportEntry, spec: SlotSpec, listener: SlotListener | None) -> SlotEntry:
        needs_rtx = any(codec.rtx_payload_type is not None for codec in spec.codecs)
        slot = Slot(SlotId(self.numbers.take()), self._take_ssrc(), self._take_ssrc() if needs_rtx else None)
        entry = SlotEntry(slot, transport.id, spec, listener)
        self.slots[slot.id] = entry
        transport.slots.add(slot.id)
        return entry

    def remove_source(self, source: int) -> SourceEntry | None:
        entry = self.sources.pop(source, None)
        if entry is None:
            return None
        if transport := self.transports.get(entry.transport):
            transport.sources.discard(source)
        return entry

    def remove_slot(self, slot: int) -> SlotEntry | None:
        entry = self.slots.pop(slot, None)
        if entry is None:
            return None
        self._ssrcs.difference_update(filter(None, (entry.slot.ssrc, entry.slot.rtx_ssrc)))
        if transport := self.transports.get(entry.transport):
            transport.slots.discard(slot)
        return entry

    def sources_of(self, transport: TransportEntry) -> Iterable[SourceEntry]:
        return (self.sources[source] for source in sorted(transport.sources))

    def slots_of(self, transport: TransportEntry) -> Iterable[SlotEntry]:
        return (self.slots[slot] for slot in sorted(transport.slots))

    def _take_ssrc(self) -> int:
        """Random (RFC 3550 §8.1), and no other slot's here."""
        while True:
            ssrc = secrets.randbits(32)
            if ssrc and ssrc not in self._ssrcs:
                self._ssrcs.add(ssrc)
                return ssrc
