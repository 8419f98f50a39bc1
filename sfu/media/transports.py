"""The connections to peers: opened, restarted, closed, lost; each with all that it holds.

A transport that is lost is forgotten with its sources and slots, and its listener is told once. Knows no room
and no DTLS beyond its goodbye.
"""

import dataclasses
from typing import Protocol

from sfu import _packets
from sfu.errors import BadOffer, NotFound
from sfu.ids import TransportId
from sfu.log import get_logger
from sfu.media.certificates import Certificates
from sfu.media.credentials import new_password, new_ufrag
from sfu.media.dispatch import tell
from sfu.media.handshakes import Handshakes
from sfu.media.inventory import Inventory, TransportEntry
from sfu.media.specs import (
    Extensions,
    LocalSetup,
    LocalTransport,
    LostReason,
    RemoteTransport,
    Transport,
    TransportListener,
)

log = get_logger(__name__)


class Forgets(Protocol):
    """What is kept of a transport's sources and slots beside the inventory."""

    def remove_source(self, source: int) -> None: ...

    def remove_slot(self, slot: int) -> None: ...


class Transports:
    def __init__(
        self,
        packets: _packets.Plane,
        inventory: Inventory,
        *,
        handshakes: Handshakes,
        certificates: Certificates,
        showing: Forgets,
        max_video_bps: int | None = None,
    ) -> None:
        self._packets = packets
        self._inventory = inventory
        self._handshakes = handshakes
        self._certificates = certificates
        self._showing = showing
        self._max_video_bps = max_video_bps

    def open(
        self,
        remote: RemoteTransport,
        *,
        extensions: Extensions,
        listener: TransportListener,
        is_probe: bool = False,
    ) -> Transport:
        certificate = self._certificates.current()
        is_client = remote.setup == "passive"
        setup: LocalSetup = "active" if is_client else "passive"
        local = LocalTransport(new_ufrag(), new_password(), certificate.fingerprint, setup)
        entry = TransportEntry(
            self._inventory.numbers.take(),
            remote,
            local,
            certificate,
            "client" if is_client else "server",
            listener,
            is_probe=is_probe,
        )
        self._packets.add_transport(entry.id, **_credentials(local, remote), extensions=extensions)
        self._inventory.hold_transport(entry)
        if self._max_video_bps is not None:
            self._packets.set_cap(entry.id, self._max_video_bps)
        return Transport(TransportId(entry.id), local)

    def restart_ice(self, transport: int, remote: RemoteTransport) -> LocalTransport:
        """New credentials, same DTLS association (RFC 8842 §4: its fingerprints may not change)."""
        entry = self.entry(transport)
        if set(remote.fingerprints) != set(entry.remote.fingerprints):
            raise BadOffer("an ICE restart cannot change the DTLS fingerprint; join again instead")
        local = dataclasses.replace(entry.local, ufrag=new_ufrag(), password=new_password())
        self._packets.restart_ice(transport, **_credentials(local, remote))
        entry.local = local
        return local

    def cap_video(self, transport: int, bitrate_bps: int | None) -> None:
        caps = [cap for cap in (bitrate_bps, self._max_video_bps) if cap is not None]
        if transport in self._inventory.transports:
            self._packets.set_cap(transport, min(caps, default=None))

    def entry(self, transport: int) -> TransportEntry:
        """Raises :class:`NotFound`."""
        entry = self._inventory.transports.get(transport)
        if entry is None:
            raise NotFound("the media connection is gone")
        return entry

    def close(self, transport: int) -> None:
        if goodbye := self._handshakes.close(transport):
            self._packets.send_dtls(transport, goodbye)
        self._forget(transport)

    def lose(self, transport: int, reason: LostReason) -> None:
        entry = self._inventory.transports.get(transport)
        if entry is not None:
            self._forget(transport)
            log.info("transport lost", transport=transport, reason=reason)
            tell(entry.listener.on_lost, reason)

    def _forget(self, transport: int) -> None:
        entry = self._inventory.transports.get(transport)
        if entry is None:
            return
        for source in list(entry.sources):
            self._inventory.remove_source(source)
            self._showing.remove_source(source)
        for slot in list(entry.slots):
            self._inventory.remove_slot(slot)
            self._showing.remove_slot(slot)
        self._inventory.release_reserved(entry)
        self._inventory.remove_transport(transport)
        self._packets.remove_transport(transport)


def _credentials(local: LocalTransport, remote: RemoteTransport) -> dict[str, str]:
    return {
        "local_ufrag": local.ufrag,
        "local_password": local.password,
        "remote_ufrag": remote.ufrag,
        "remote_password": remote.password,
    }
