"""What the plane has told the packet path to hold: transports with their sources and slots, by id.

Numbers come from here, SSRCs too. Nothing is sent and nobody is told. Knows no policy.
"""

import secrets
from collections import Counter
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
from sfu.media.tally import Kind


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
    reserved: dict[str, Slot] = field(default_factory=dict)
    """By mid: numbers of slots that were announced and come later."""
    is_probe: bool = False
    """The server's own, to see whether packets flow: nobody's, so not counted."""


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
    is_stage: bool = False
    """As last told."""


class Inventory:
    def __init__(self) -> None:
        self.numbers = Numbers()
        self.transports: dict[int, TransportEntry] = {}
        self.sources: dict[int, SourceEntry] = {}
        self.slots: dict[int, SlotEntry] = {}
        self.rooms: dict[int, RoomMediaListener | None] = {}
        self._ssrcs: set[int] = set()
        self._probes = 0

    def new_slot(self, spec: SlotSpec) -> Slot:
        """Numbers for a slot that is not held yet."""
        return self._new_slot(any(codec.rtx_payload_type is not None for codec in spec.codecs))

    def _new_slot(self, needs_rtx: bool) -> Slot:
        ssrc = self._new_ssrc()
        return Slot(SlotId(self.numbers.take()), ssrc, self._new_ssrc(but=ssrc) if needs_rtx else None)

    def reserve_slot(self, transport: TransportEntry, mid: str, *, needs_rtx: bool) -> Slot:
        slot = transport.reserved[mid] = self._new_slot(needs_rtx)
        self._ssrcs.update(_ssrcs(slot))
        return slot

    def hold_source(self, transport: TransportEntry, entry: SourceEntry) -> None:
        self.sources[entry.id] = entry
        transport.sources.add(entry.id)

    def hold_slot(self, transport: TransportEntry, entry: SlotEntry) -> None:
        slot = entry.slot
        self._ssrcs.update(_ssrcs(slot))
        transport.reserved.pop(entry.spec.mid, None)
        self.slots[slot.id] = entry
        transport.slots.add(slot.id)

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
        self._ssrcs.difference_update(_ssrcs(entry.slot))
        if transport := self.transports.get(entry.transport):
            transport.slots.discard(slot)
        return entry

    def release_reserved(self, transport: TransportEntry) -> None:
        for slot in transport.reserved.values():
            self._ssrcs.difference_update(_ssrcs(slot))
        transport.reserved.clear()

    def kind_of(self, source: int) -> Kind | None:
        """None: it is gone."""
        entry = self.sources.get(source)
        if entry is None:
            return None
        if entry.spec.kind == "audio":
            return "audio"
        return "screen" if entry.spec.is_screen else "camera"

    def sources_by_kind(self) -> Counter[Kind | None]:
        return Counter(
            self.kind_of(source.id)
            for source in self.sources.values()
            if not self.transports[source.transport].is_probe
        )

    def peers(self) -> int:
        """How many transports people have."""
        return len(self.transports) - self._probes

    def hold_transport(self, entry: TransportEntry) -> None:
        self.transports[entry.id] = entry
        self._probes += entry.is_probe

    def remove_transport(self, transport: int) -> None:
        self._probes -= self.transports.pop(transport).is_probe

    def sources_of(self, transport: TransportEntry) -> Iterable[SourceEntry]:
        return (self.sources[source] for source in sorted(transport.sources))

    def slots_of(self, transport: TransportEntry) -> Iterable[SlotEntry]:
        return (self.slots[slot] for slot in sorted(transport.slots))

    def _new_ssrc(self, *, but: int = 0) -> int:
        """Random (RFC 3550 §8.1), and no other slot's here."""
        while True:
            ssrc = secrets.randbits(32)
            if ssrc not in (0, but) and ssrc not in self._ssrcs:
                return ssrc


def _ssrcs(slot: Slot) -> Iterable[int]:
    return filter(None, (slot.ssrc, slot.rtx_ssrc))
