"""A media plane that keeps books like the real one, and can be told to fail at any step."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sfu.auth.grants import Grant, Role
from sfu.clock import ManualClock
from sfu.errors import ServerFull
from sfu.join import Joiner, JoinRequest, TrackHint
from sfu.limits import Limits
from sfu.media.specs import (
    Extensions,
    LocalTransport,
    RemoteTransport,
    Slot,
    SlotListener,
    SlotSpec,
    SourceListener,
    SourceSpec,
    Transport,
    TransportListener,
)
from sfu.rooms.events import RoomEvent
from sfu.rooms.ports import MediaRoomId, RoomMediaListener, SlotId, SourceId, TileSize, TransportId
from sfu.rooms.room import Room
from sfu.rooms.rooms import Rooms
from sfu.sdp import Candidate
from tests.unit.sdp.offers import OPUS, VP8, offer, section


class Broken(Exception):
    """What the fake raises where it was told to."""


@dataclass
class FakeTransport:
    remote: RemoteTransport
    extensions: Extensions
    listener: TransportListener
    restarts: int = 0


@dataclass
class FakeMedia:
    fails_at: str = ""
    transports: dict[int, FakeTransport] = field(default_factory=dict)
    sources: dict[int, tuple[int, SourceSpec, SourceListener | None]] = field(default_factory=dict)
    slots: dict[int, tuple[int, SlotSpec, SlotListener | None]] = field(default_factory=dict)
    rooms: set[int] = field(default_factory=set)
    shown: dict[int, int | None] = field(default_factory=dict)
    gated: set[int] = field(default_factory=set)
    reached: list[str | None] = field(default_factory=list)
    limit: int = 100
    reserved: dict[tuple[int, str], Slot] = field(default_factory=dict)
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def _step(self, name: str) -> int:
        if name == self.fails_at:
            raise Broken(name)
        return next(self.numbers)

    @property
    def is_empty(self) -> bool:
        return not (self.transports or self.sources or self.slots or self.rooms or self.reserved)

    def open_transport(
        self, remote: RemoteTransport, *, extensions: Extensions, listener: TransportListener
    ) -> Transport:
        if len(self.transports) >= self.limit:
            raise ServerFull("full")
        number = self._step("open_transport")
        self.transports[number] = FakeTransport(remote, extensions, listener)
        setup = "active" if remote.setup == "passive" else "passive"
        return Transport(number, LocalTransport(f"ufrag{number}", "p" * 24, ("sha-256", "AA"), setup))

    def restart_ice(self, transport: int, remote: RemoteTransport) -> LocalTransport:
        self._step("restart_ice")
        self.transports[transport].restarts += 1
        self.transports[transport].remote = remote
        return LocalTransport(f"again{transport}", "q" * 24, ("sha-256", "AA"), "passive")

    def set_extensions(self, transport: int, extensions: Extensions) -> None:
        self.transports[transport].extensions = extensions

    def cap_video(self, transport: TransportId | int, bitrate_bps: int | None) -> None:
        assert transport in self.transports

    def close_transport(self, transport: TransportId | int) -> None:
        self.transports.pop(transport, None)
        self.sources = {id_: entry for id_, entry in self.sources.items() if entry[0] != transport}
        self.slots = {id_: entry for id_, entry in self.slots.items() if entry[0] != transport}
        self.reserved = {key: slot for key, slot in self.reserved.items() if key[0] != transport}

    def lose(self, transport: int) -> None:
        """As the plane does it: all is forgotten before the listener hears of it."""
        listener = self.transports[transport].listener
        self.close_transport(transport)
        listener.on_lost("consent_expired")

    def add_source(self, transport: int, spec: SourceSpec, listener: SourceListener | None = None) -> int:
        number = self._step("add_source")
        self.sources[number] = (transport, spec, listener)
        return number

    def remove_source(self, source: int) -> None:
        self.sources.pop(source, None)

    def reserve_slot(self, transport: int, mid: str, *, needs_rtx: bool) -> Slot:
        number = self._step("reserve_slot")
        slot = Slot(number, 10_000 + number, 20_000 + number if needs_rtx else None)
        self.reserved[transport, mid] = slot
        return slot

    def add_slot(self, transport: int, spec: SlotSpec, listener: SlotListener | None = None) -> Slot:
        number = self._step("add_slot")
        slot = self.reserved.pop((transport, spec.mid), None) or Slot(
            number, 10_000 + number, 20_000 + number if spec.kind == "video" else None
        )
        self.slots[slot.id] = (transport, spec, listener)
        return slot

    def remove_slot(self, slot: int) -> None:
        self.slots.pop(slot, None)

    def candidates(self, *, reached_at: str | None) -> Sequence[Candidate]:
        self._step("candidates")
        self.reached.append(reached_at)
        return [Candidate("192.0.2.9", 8443, 2130706431)]

    def open_room(self) -> MediaRoomId:
        number = next(self.numbers)
        self.rooms.add(number)
        return MediaRoomId(number)

    def set_room_listener(self, room: MediaRoomId, listener: RoomMediaListener) -> None:
        assert room in self.rooms

    def close_room(self, room: MediaRoomId) -> None:
        self.rooms.remove(room)

    def show(self, slot: SlotId, source: SourceId | None, size: TileSize | None = None) -> None:
        self.shown[slot] = source

    def set_forwarding(self, source: SourceId, forwarding: bool) -> None:
        (self.gated.discard if forwarding else self.gated.add)(source)

    # -- reading -----------------------------------------------------------------------------------

    def source(self, mid: str) -> tuple[int, SourceSpec]:
        (found,) = [(id_, spec) for id_, (_, spec, _) in self.sources.items() if spec.mid == mid]
        return found

    def slot(self, mid: str) -> tuple[int, SlotSpec]:
        (found,) = [(id_, spec) for id_, (_, spec, _) in self.slots.items() if spec.mid == mid]
        return found

    def books(self) -> tuple[set[int], set[int], set[int], set[int]]:
        return set(self.transports), set(self.sources), set(self.slots), set(self.rooms)


class Setting:
    """Rooms and a joiner on a fake media plane."""

    def __init__(self, *, is_open: bool = True, limits: Limits | None = None) -> None:
        self.media = FakeMedia()
        limits = limits or Limits()
        names = (f"id{number}" for number in itertools.count(1))
        self.rooms = Rooms(self.media, limits, clock=ManualClock(), new_id=names.__next__, is_open=is_open)
        self.joiner = Joiner(self.rooms, self.media, limits)
        self.events: list[RoomEvent] = []
        self.rooms.add_observer(self)

    def on_room_event(self, room: Room, event: RoomEvent) -> None:
        self.events.append(event)

    def request(self, **changes: Any) -> JoinRequest:
        kind = changes.get("kind", "participant")
        values = {
            "kind": kind,
            "room": "lobby",
            "grant": Grant("lobby", changes.pop("role", "publisher")),
            "sdp": PARTICIPANT if kind == "participant" else PROGRAM if kind == "whip" else VIEWER,
            "name": "Ada",
            "tracks": HINTS if kind == "participant" else (),
            **changes,
        }
        return JoinRequest(**values)

    def room(self) -> Room:
        room = self.rooms.find("lobby")
        assert room is not None
        return room


def grant(role: Role = "publisher", name: str | None = None) -> Grant:
    return Grant("lobby", role, name)


def audio(mid: str, direction: str) -> list[str]:
    return section(mid, "audio", direction, OPUS, "111")


def video(mid: str, direction: str, lines: Sequence[str] = VP8, formats: str = "96") -> list[str]:
    return section(mid, "video", direction, lines, formats)


SENT = (audio("mic", "sendonly"), video("cam", "sendonly"), video("screen", "sendonly"))
RECEIVED = (
    video("v0", "recvonly"), video("v1", "recvonly"), audio("a0", "recvonly"), audio("a1", "recvonly"),
)  # fmt: skip
PARTICIPANT = offer(*SENT, *RECEIVED)
HINTS = (
    TrackHint("mic", "microphone", live=True),
    TrackHint("cam", "camera", live=True),
    TrackHint("screen", "screen", live=False),
)
PROGRAM = offer(video("0", "sendonly"), audio("1", "sendonly"))
VIEWER = offer(video("0", "recvonly"), audio("1", "recvonly"))
H264 = ("a=rtpmap:102 H264/90000", "a=fmtp:102 packetization-mode=1;profile-level-id=42e01f")
