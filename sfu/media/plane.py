"""The media plane: what rooms and joining ask of media, turned into commands to the packet path.

Commands go down at once, events come up in bounded batches on the event loop (:mod:`sfu.media.dispatch`),
DTLS is worked off in between (:mod:`sfu.media.handshakes`), peers' connections are kept in
:mod:`sfu.media.transports`. What the packet path refuses is not held here either; an id that is no longer
known is ignored. Knows no room, participant or SDP.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Self

from sfu import _packets
from sfu.clock import Clock
from sfu.errors import ServerFull
from sfu.ids import MediaRoomId, SourceId
from sfu.limits import Limits
from sfu.log import get_logger
from sfu.media import stats
from sfu.media.binding import bind
from sfu.media.candidates import InterfaceAddresses, host_candidates
from sfu.media.certificates import Certificates
from sfu.media.codecs import CodecLists
from sfu.media.config import MediaConfig
from sfu.media.dispatch import Dispatcher, tell
from sfu.media.driver import Driver
from sfu.media.dtls import SrtpKeys
from sfu.media.handshakes import Handshakes
from sfu.media.inventory import Inventory, SlotEntry, SourceEntry
from sfu.media.policy import Size
from sfu.media.probe import Probe, ProbeResult, Watch
from sfu.media.showing import Showing
from sfu.media.specs import (
    Extensions,
    LocalTransport,
    LostReason,
    RemoteTransport,
    RoomMediaListener,
    Slot,
    SlotListener,
    SlotSpec,
    SourceListener,
    SourceSpec,
    Transport,
    TransportListener,
)
from sfu.media.survey import Survey
from sfu.media.transports import Transports
from sfu.sdp.model import Candidate

log = get_logger(__name__)


class MediaPlane:
    """Implements `sfu.rooms.ports.Media`."""

    @classmethod
    async def start(cls, config: MediaConfig, *, clock: Clock, limits: Limits | None = None) -> Self:
        """Bind the media port and begin. :class:`~sfu.errors.ConfigError` if it cannot be bound."""
        limits = limits or Limits()
        plane = cls(bind(config, limits), config, clock=clock, limits=limits)
        plane.attach()
        return plane

    def __init__(self, packets: _packets.Plane, config: MediaConfig, *, clock: Clock, limits: Limits) -> None:
        self._packets = packets
        self._config = config
        self._limits = limits
        self._interfaces = InterfaceAddresses(clock.monotonic)
        self._inventory = Inventory()
        self._codecs = CodecLists()
        self._handshakes = Handshakes(clock, self, at_once=limits.dtls_handshakes)
        self._survey = Survey(self._inventory, clock)
        self._snapshots = stats.SnapshotCache(clock, packets.snapshot, self._survey.take)
        self._showing = Showing(self._inventory, packets, self._snapshots.get, _later)
        self._transports = Transports(
            packets,
            self._inventory,
            handshakes=self._handshakes,
            certificates=Certificates(clock),
            showing=self._showing,
            max_video_bps=config.max_video_kbps * 1000 or None,
        )
        self._probe = Probe(self, clock)
        self._watch = Watch(self.probe, clock)
        self._driver = Driver(packets, Dispatcher(self._inventory, self).handle, self._handshakes)
        self._refreshing: asyncio.Task[None] | None = None
        self._surveying: asyncio.Task[None] | None = None
        self._failed_workers: set[int] = set()

    def attach(self) -> None:
        """Begin to listen to the packet path."""
        self._driver.attach()
        self._refreshing = asyncio.create_task(self._showing.refresh(), name="media: refresh layers")
        self._surveying = asyncio.create_task(self._snapshots.keep_fresh(), name="media: survey")

    async def close(self) -> None:
        """Say goodbye to every peer (DTLS close_notify, RTCP BYE), then stop."""
        if self._refreshing is None:
            return
        tasks = [task for task in (self._refreshing, self._surveying) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._refreshing = self._surveying = None
        for transport in list(self._inventory.transports):
            self.close_transport(transport)
        self._driver.detach()
        # Joins the worker's thread.
        await asyncio.to_thread(self._packets.close)

    # -- transports -----------------------------------------------------------------------------

    def open_transport(
        self, remote: RemoteTransport, *, extensions: Extensions, listener: TransportListener
    ) -> Transport:
        if self._inventory.peers() >= self._limits.transports:
            raise ServerFull("this server has no room for another connection")
        return self._transports.open(remote, extensions=extensions, listener=listener)

    def open_for_probe(
        self, remote: RemoteTransport, *, extensions: Extensions, listener: TransportListener
    ) -> Transport:
        """Beyond the limit, since a full server is not an unhealthy one; and left out of what is counted."""
        return self._transports.open(remote, extensions=extensions, listener=listener, is_probe=True)

    def restart_ice(self, transport: int, remote: RemoteTransport) -> LocalTransport:
        return self._transports.restart_ice(transport, remote)

    def set_extensions(self, transport: int, extensions: Extensions) -> None:
        self._packets.set_extensions(transport, extensions)

    def cap_video(self, transport: int, bitrate_bps: int | None) -> None:
        """What the peer is sent of pictures at most; the server's own cap holds besides."""
        self._transports.cap_video(transport, bitrate_bps)

    def close_transport(self, transport: int) -> None:
        self._transports.close(transport)

    def candidates(self, *, reached_at: str | None) -> list[Candidate]:
        """Ours, best first, for a peer whose HTTP request reached us at the local address `reached_at`."""
        return host_candidates(
            self.port,
            interfaces=self._interfaces(),
            public=self._config.public_address,
            reached_at=reached_at,
            bound_to=self._config.hosts,
        )

    @property
    def port(self) -> int:
        return self._packets.local_addresses[0][1]

    @property
    def local_addresses(self) -> list[tuple[str, int]]:
        return self._packets.local_addresses

    # -- sources and slots ------------------------------------------------------------------------

    def add_source(
        self, transport: int, spec: SourceSpec, listener: SourceListener | None = None
    ) -> SourceId:
        codecs = self._codecs.of(spec.codecs)
        holder, source = self._transports.entry(transport), self._inventory.numbers.take()
        self._packets.add_source(
            source,
            transport=transport,
            mid=spec.mid,
            kind=spec.kind,
            codecs=codecs,
            rids=spec.rids,
            announced=spec.announced,
            room=spec.room,
            is_screen=spec.is_screen,
        )
        self._inventory.hold_source(holder, SourceEntry(source, transport, spec, listener))
        self._showing.add_source(source, spec)
        return SourceId(source)

    def set_forwarding(self, source: int, forwarding: bool) -> None:
        self._packets.set_forwarding(source, forwarding)

    def remove_source(self, source: int) -> None:
        if self._inventory.remove_source(source) is not None:
            self._showing.remove_source(source)
            self._packets.remove_source(source)

    def reserve_slot(self, transport: int, mid: str, *, needs_rtx: bool) -> Slot:
        """Numbers to announce for a slot that is added later, if at all: by its mid it gets them then."""
        return self._inventory.reserve_slot(self._transports.entry(transport), mid, needs_rtx=needs_rtx)

    def add_slot(self, transport: int, spec: SlotSpec, listener: SlotListener | None = None) -> Slot:
        codecs = self._codecs.of(spec.codecs)
        holder = self._transports.entry(transport)
        slot = holder.reserved.get(spec.mid) or self._inventory.new_slot(spec)
        self._packets.add_slot(
            slot.id,
            transport=transport,
            mid=spec.mid,
            kind=spec.kind,
            codecs=codecs,
            ssrc=slot.ssrc,
            rtx_ssrc=slot.rtx_ssrc,
            cname=spec.cname,
            follows=spec.follows,
        )
        self._inventory.hold_slot(holder, SlotEntry(slot, transport, spec, listener))
        return slot

    def show(self, slot: int, source: int | None, size: Size | None = None) -> None:
        """From the source's next keyframe on, the slot shows it, in the layer that fits the size."""
        self._showing.show(slot, source, size)

    def remove_slot(self, slot: int) -> None:
        if self._inventory.remove_slot(slot) is not None:
            self._showing.remove_slot(slot)
            self._packets.remove_slot(slot)

    # -- rooms ------------------------------------------------------------------------------------

    def open_room(self) -> MediaRoomId:
        """A new competition of audio sources for :attr:`Limits.audio_slots` positions."""
        room = MediaRoomId(self._inventory.numbers.take())
        self._packets.add_room(room, self._limits.audio_slots)
        self._inventory.rooms[room] = None
        return room

    def set_room_listener(self, room: int, listener: RoomMediaListener) -> None:
        if room in self._inventory.rooms:
            self._inventory.rooms[room] = listener

    def close_room(self, room: int) -> None:
        if room in self._inventory.rooms:
            del self._inventory.rooms[room]
            self._packets.remove_room(room)

    # -- its own end ------------------------------------------------------------------------------

    def when_failed(self, then: Callable[[], None]) -> None:
        """Called once if the packet path dies: no packet moves any more, and nothing here can mend it."""
        self._driver.when_failed(then)

    @property
    def has_failed(self) -> bool:
        return self._driver.has_failed

    # -- what is going on -------------------------------------------------------------------------

    async def snapshot(self) -> _packets.Snapshot:
        """At most a second old. ``TimeoutError`` if the packet path does not answer."""
        return (await self._snapshots.get()).whole

    async def report(self, transport: int) -> stats.TransportReport | None:
        """What one peer sends and receives, with delay, jitter and loss."""
        indexed = await self._snapshots.get()
        entry = self._inventory.transports.get(transport)
        counted = indexed.transports.get(transport)
        if entry is None or counted is None:
            return None
        mos = self._survey.quality.mos(transport)
        return stats.transport_report(
            counted,
            (mos.get("up"), mos.get("down")),
            [
                self._source_report(source, indexed.sources[source.id])
                for source in self._inventory.sources_of(entry)
                if source.id in indexed.sources
            ],
            [
                self._slot_report(slot, indexed)
                for slot in self._inventory.slots_of(entry)
                if slot.slot.id in indexed.slots
            ],
        )

    def _source_report(self, entry: SourceEntry, counted: _packets.SourceSnapshot) -> stats.SourceReport:
        def recent(layer: int) -> stats.Recent:
            return self._survey.recent_of_layer(entry.id, layer)

        return stats.source_report(entry.spec.mid, entry.spec.kind, counted, recent)

    def _slot_report(self, entry: SlotEntry, indexed: stats.Indexed) -> stats.SlotReport:
        counted = indexed.slots[entry.slot.id]
        recent = self._survey.recent_of_slot(entry.slot.id)
        spec = entry.spec
        return stats.slot_report(spec.mid, spec.kind, counted, indexed.resolution(counted), recent)

    async def probe(self) -> ProbeResult:
        """A real ICE, DTLS and RTP round trip through the media port, if all workers live and answer."""
        if self._failed_workers or not await self._snapshots.answers():
            return ProbeResult("workers")
        return await self._probe.run()

    @property
    def watch(self) -> Watch:
        """Probes again and again while somebody runs it."""
        return self._watch

    @property
    def inventory(self) -> Inventory:
        """For the collector of metrics: to count, not to change."""
        return self._inventory

    @property
    def handshakes(self) -> Handshakes:
        """For the collector of metrics: to count, not to change."""
        return self._handshakes

    @property
    def survey(self) -> Survey:
        """For the collector of metrics."""
        return self._survey

    @property
    def snapshots(self) -> stats.SnapshotCache:
        """For the collector of metrics."""
        return self._snapshots

    @property
    def failed_workers(self) -> int:
        return len(self._failed_workers)

    # -- events (sfu.media.dispatch.PlaneEvents) ----------------------------------------------------

    def peer_connected(self, transport: int) -> None:
        if entry := self._inventory.transports.get(transport):
            self._handshakes.open(transport, entry.certificate, entry.role, entry.remote.fingerprints)

    def dtls_received(self, transport: int, datagram: bytes) -> None:
        if transport in self._inventory.transports:
            # A check may validate a tuple before one nominates it, and peers do not wait.
            self.peer_connected(transport)
            self._handshakes.receive(transport, datagram)

    def transport_lost(self, transport: int, reason: LostReason) -> None:
        self._handshakes.close(transport)
        self._transports.lose(transport, reason)

    def worker_failed(self, worker: int, reason: str) -> None:
        """The others go on; whoever it served is told that the transport is lost."""
        log.error("a packet worker has died", worker=worker, reason=reason)
        self._failed_workers.add(worker)

    def layers_changed(self, source: int, layers: Sequence[int]) -> None:
        self._showing.layers_changed(source, layers)

    def slot_adapted(self, slot: int, source: int, layer: int | None) -> None:
        self._showing.adapted(slot, source, layer)

    # -- DTLS (sfu.media.handshakes.HandshakeListener) ----------------------------------------------

    def send(self, transport: int, datagrams: Sequence[bytes]) -> None:
        self._packets.send_dtls(transport, datagrams)

    def handshake_finished(self, transport: int, keys: SrtpKeys) -> None:
        self._packets.set_keys(
            transport,
            profile=keys.profile,
            local_key=keys.local_key,
            local_salt=keys.local_salt,
            remote_key=keys.remote_key,
            remote_salt=keys.remote_salt,
        )
        if entry := self._inventory.transports.get(transport):
            tell(entry.listener.on_connected)

    def handshake_lost(self, transport: int, reason: LostReason) -> None:
        self._transports.lose(transport, reason)


def _later(delay_s: float, then: Callable[[], None]) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(delay_s, then)
