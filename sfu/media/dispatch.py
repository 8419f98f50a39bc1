"""Events of the packet path, each to whom it concerns. What fails on one is logged and spares the next."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from sfu import _packets
from sfu.log import get_logger
from sfu.media.inventory import Inventory
from sfu.media.specs import AdaptReason, LostReason
from sfu.sdp import CodecName

log = get_logger(__name__)


class PlaneEvents(Protocol):
    """What the plane itself does about an event, before listeners hear of it."""

    def peer_connected(self, transport: int) -> None: ...

    def dtls_received(self, transport: int, datagram: bytes) -> None: ...

    def transport_lost(self, transport: int, reason: LostReason) -> None: ...

    def layers_changed(self, source: int, layers: Sequence[int]) -> None: ...

    def slot_adapted(self, slot: int, source: int, layer: int | None) -> None: ...

    def worker_failed(self, worker: int, reason: str) -> None: ...


def tell(listener: Callable[..., None], *arguments: object) -> None:
    """Call a listener; what it breaks stays with it."""
    try:
        listener(*arguments)
    except Exception:
        log.exception("a media listener failed", listener=getattr(listener, "__qualname__", listener))


def _guarded(handler: Callable[[Any], None], event: _packets.Event) -> None:
    try:
        handler(event)
    except Exception:
        log.exception("an event of the packet path could not be handled", event=type(event).__name__)


class Dispatcher:
    def __init__(self, inventory: Inventory, plane: PlaneEvents) -> None:
        self._inventory = inventory
        self._plane = plane
        # By name: the packet path's classes cannot be made in Python, so tests bring their own.
        self.handlers: dict[str, Callable[[Any], None]] = {
            "TransportConnected": self._connected,
            "TransportMoved": self._moved,
            "TransportLost": self._lost,
            "DtlsReceived": self._dtls,
            "SourceLayersChanged": self._layers,
            "SlotSwitched": self._switched,
            "SlotUndecodable": self._undecodable,
            "SlotAdapted": self._adapted,
            "AudioPositionsChanged": self._positions,
            "DominantSpeakerChanged": self._dominant,
            "SpeakingChanged": self._speaking,
            "WorkerFailed": self._worker_failed,
        }

    def handle(self, event: _packets.Event) -> None:
        handler = self.handlers.get(type(event).__name__)
        if handler is None:
            log.error("unknown event of the packet path", event=type(event).__name__)
        else:
            _guarded(handler, event)

    def _connected(self, event: _packets.TransportConnected) -> None:
        self._plane.peer_connected(event.transport)

    def _moved(self, event: _packets.TransportMoved) -> None:
        if entry := self._inventory.transports.get(event.transport):
            tell(entry.listener.on_moved)

    def _lost(self, event: _packets.TransportLost) -> None:
        self._plane.transport_lost(event.transport, event.reason)

    def _dtls(self, event: _packets.DtlsReceived) -> None:
        self._plane.dtls_received(event.transport, event.datagram)

    def _layers(self, event: _packets.SourceLayersChanged) -> None:
        self._plane.layers_changed(event.source, event.layers)
        entry = self._inventory.sources.get(event.source)
        if entry is not None and entry.listener is not None:
            codec: CodecName = event.codec
            tell(entry.listener.on_layers, codec, event.layers)

    def _switched(self, event: _packets.SlotSwitched) -> None:
        entry = self._inventory.slots.get(event.slot)
        if entry is not None and entry.listener is not None:
            tell(entry.listener.on_switched, event.source)

    def _undecodable(self, event: _packets.SlotUndecodable) -> None:
        entry = self._inventory.slots.get(event.slot)
        if entry is not None and entry.listener is not None:
            tell(entry.listener.on_undecodable, event.source, event.codec)

    def _adapted(self, event: _packets.SlotAdapted) -> None:
        self._plane.slot_adapted(event.slot, event.source, event.layer)
        entry = self._inventory.slots.get(event.slot)
        if entry is not None and entry.listener is not None:
            reason: AdaptReason | None = event.reason
            tell(entry.listener.on_adapted, event.source, event.is_off, reason)

    def _positions(self, event: _packets.AudioPositionsChanged) -> None:
        if listener := self._inventory.rooms.get(event.room):
            tell(listener.on_audio_positions, list(event.positions))

    def _dominant(self, event: _packets.DominantSpeakerChanged) -> None:
        if listener := self._inventory.rooms.get(event.room):
            tell(listener.on_dominant, event.source)

    def _speaking(self, event: _packets.SpeakingChanged) -> None:
        source = self._inventory.sources.get(event.source)
        room = None if source is None else source.spec.room
        listener = None if room is None else self._inventory.rooms.get(room)
        if listener is not None:
            tell(listener.on_speaking, event.source, event.speaking)

    def _worker_failed(self, event: _packets.WorkerFailed) -> None:
        self._plane.worker_failed(event.worker, event.reason)
