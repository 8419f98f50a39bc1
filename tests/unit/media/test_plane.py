"""What rooms and joining ask becomes commands, and what the packet path says reaches whom it concerns."""

import asyncio
import inspect
import os
from dataclasses import dataclass

import pytest

from sfu import _packets
from sfu.clock import ManualClock
from sfu.errors import BadOffer, ConfigError, NotFound, ServerFull
from sfu.limits import Limits
from sfu.media.binding import bind
from sfu.media.certificates import ROTATE_EVERY_S, Certificates
from sfu.media.config import MediaConfig
from sfu.media.dispatch import Dispatcher
from sfu.media.driver import EVENTS_AT_ONCE
from sfu.media.dtls import DtlsSession
from sfu.media.plane import MediaPlane
from sfu.media.specs import CodecSpec, RemoteTransport, SlotSpec, SourceSpec, Transport
from tests.unit.media import fake_packets as fake
from tests.unit.media.fake_packets import FakePackets
from tests.unit.media.waiting import until

VP8 = CodecSpec(codec="vp8", payload_type=96, clock_rate=90_000, rtx_payload_type=97, nack=True, pli=True)
OPUS = CodecSpec(codec="opus", payload_type=111, clock_rate=48_000)
CAMERA = SourceSpec(mid="1", kind="video", codecs=[VP8], rids=["f", "h", "q"])
VIDEO_SLOT = SlotSpec(mid="5", kind="video", codecs=[VP8], cname="c")


@dataclass(frozen=True)
class Tile:
    width: int = 320
    height: int = 180
    stage: bool = False


class Heard(list):
    """Every kind of listener at once: remembers what it was told."""

    def __getattr__(self, name: str):
        if not name.startswith("on_"):
            raise AttributeError(name)
        return lambda *told: self.append((name, *told))


class Broken:
    def __getattr__(self, name: str):
        def broken(*_: object) -> None:
            raise RuntimeError("listener")

        return broken


class Browser:
    """A peer's DTLS on the other side of the fake packet path."""

    def __init__(self, plane: MediaPlane, packets: FakePackets, clock: ManualClock, setup="actpass") -> None:
        self.certificate = Certificates(clock).current()
        self.heard = Heard()
        self.remote = RemoteTransport("ufrag", "password", [self.certificate.fingerprint], setup)
        self.transport: Transport = plane.open_transport(self.remote, extensions=[], listener=self.heard)
        self._packets = packets
        self._clock = clock
        self._read = 0
        role = "server" if self.transport.local.setup == "active" else "client"
        self.session = DtlsSession(self.certificate, role, [self.transport.local.fingerprint], 0.0)

    async def connect(self) -> None:
        self._packets.emit(fake.TransportConnected(self.transport.id))
        self._say(self.session.start(self._clock.monotonic()))
        await until(self._is_over)

    def leave(self) -> None:
        self._say(self.session.close())

    def _is_over(self) -> bool:
        sent = [
            datagram
            for (to, datagrams), _ in self._packets.of("send_dtls")
            if to == self.transport.id
            for datagram in datagrams
        ]
        fresh, self._read = sent[self._read :], len(sent)
        for datagram in fresh:
            self._say(self.session.feed(datagram, self._clock.monotonic()))
        return bool(self.heard) and not self.session.is_handshaking

    def _say(self, datagrams: list[bytes]) -> None:
        self._packets.emit(*(fake.DtlsReceived(self.transport.id, datagram) for datagram in datagrams))


@pytest.fixture
def browser(plane: MediaPlane, packets: FakePackets, clock: ManualClock) -> Browser:
    return Browser(plane, packets, clock)


# -- transports -------------------------------------------------------------------------------------


@pytest.mark.parametrize("setup", ["actpass", "active", "passive"])
async def test_keys_follow_the_handshake_in_either_role(plane, packets, clock, setup) -> None:
    browser = Browser(plane, packets, clock, setup)
    assert browser.transport.local.setup == ("active" if setup == "passive" else "passive")
    await browser.connect()
    assert browser.heard == [("on_connected",)]
    [((transport,), keys)] = packets.of("set_keys")
    assert transport == browser.transport.id
    assert browser.session.keys is not None
    assert keys["remote_key"] == browser.session.keys.local_key
    assert keys["local_salt"] == browser.session.keys.remote_salt
    assert keys["profile"] == "SRTP_AEAD_AES_128_GCM"


async def test_a_stranger_gets_no_keys(plane, packets, clock, browser) -> None:
    stranger = Certificates(clock).current()
    browser.session = DtlsSession(stranger, "client", [browser.transport.local.fingerprint], 0.0)
    await browser.connect()
    assert browser.heard == [("on_lost", "fingerprint_mismatch")]
    assert packets.of("set_keys") == []
    assert [arguments for arguments, _ in packets.of("remove_transport")] == [(browser.transport.id,)]


async def test_dtls_before_nomination_is_not_lost(packets, browser) -> None:
    """A check may validate a tuple before another nominates it."""
    browser._say(browser.session.start(0.0))
    await until(browser._is_over)
    assert browser.heard == [("on_connected",)]


async def test_the_death_of_the_packet_path_is_told_once_and_leaves_the_loop_alone(plane, packets) -> None:
    told: list[str] = []
    plane.when_failed(lambda: told.append("failed"))
    packets.die("the packet worker panicked")
    await until(lambda: told)
    drains = packets.drains
    for _ in range(20):
        await asyncio.sleep(0)
    assert packets.drains == drains
    assert told == ["failed"]
    assert plane.has_failed


async def test_a_dead_worker_fails_the_probe_and_loses_only_its_transports(plane, packets, browser) -> None:
    await browser.connect()
    packets.emit(fake.WorkerFailed(1, "it panicked"))
    packets.emit(fake.TransportLost(browser.transport.id, "worker_failed"))
    await until(lambda: ("on_lost", "worker_failed") in browser.heard)
    probed = await plane.probe()
    assert not probed.ok
    assert "workers" in probed.detail
    assert plane.failed_workers == 1
    assert not plane.has_failed


async def test_a_goodbye_loses_the_transport_once(packets, browser) -> None:
    await browser.connect()
    browser.leave()
    await until(lambda: len(browser.heard) > 1)
    packets.emit(fake.TransportLost(browser.transport.id, "consent_expired"))
    packets.emit(fake.TransportMoved(browser.transport.id))
    await until(lambda: not packets.drain())
    assert browser.heard == [("on_connected",), ("on_lost", "closed")]


@pytest.mark.parametrize("reason", ["consent_expired", "never_connected"])
async def test_a_lost_transport_is_forgotten_with_all_it_held(plane, packets, browser, reason) -> None:
    transport = browser.transport.id
    source = plane.add_source(transport, CAMERA)
    slot = plane.add_slot(transport, VIDEO_SLOT)
    packets.emit(fake.TransportLost(transport, reason))
    await until(lambda: browser.heard)
    assert browser.heard == [("on_lost", reason)]
    assert not plane.inventory.transports
    assert not plane.inventory.sources
    assert not plane.inventory.slots
    packets.commands.clear()
    plane.close_transport(transport)
    plane.remove_source(source)
    plane.remove_slot(slot.id)
    plane.show(slot.id, source, Tile())
    assert packets.commands == []
    with pytest.raises(NotFound):
        plane.add_source(transport, CAMERA)
    with pytest.raises(NotFound):
        plane.add_slot(transport, VIDEO_SLOT)


async def test_closing_says_goodbye_first_and_tells_nobody(plane, packets, browser) -> None:
    await browser.connect()
    before = len(packets.of("send_dtls"))
    plane.close_transport(browser.transport.id)
    assert [name for name, *_ in packets.commands][-2:] == ["send_dtls", "remove_transport"]
    assert len(packets.of("send_dtls")) == before + 1
    assert browser.heard == [("on_connected",)]


async def test_stopping_closes_every_transport(packets, clock) -> None:
    plane = MediaPlane(packets, MediaConfig(), clock=clock, limits=Limits())
    plane.attach()
    browsers = [Browser(plane, packets, clock) for _ in range(3)]
    await browsers[0].connect()
    await plane.close()
    closed = {arguments[0] for arguments, _ in packets.of("remove_transport")}
    assert closed == {browser.transport.id for browser in browsers}
    assert packets.is_closed
    await plane.close()


async def test_a_full_server_says_so(plane, packets, clock) -> None:
    browsers = [Browser(plane, packets, clock) for _ in range(3)]
    with pytest.raises(ServerFull):
        Browser(plane, packets, clock)
    plane.close_transport(browsers[0].transport.id)
    Browser(plane, packets, clock)


async def test_what_the_packet_path_refuses_leaves_nothing(plane, packets, clock) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ValueError("extension id")

    packets.add_transport = refuse
    with pytest.raises(ValueError):
        Browser(plane, packets, clock)
    assert not plane.inventory.transports


async def test_a_refused_source_slot_or_room_leaves_nothing_either(plane, packets, browser) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("the packet worker is stuck")

    transport, before = browser.transport.id, browser.transport.local
    packets.add_source = packets.add_slot = packets.add_room = packets.restart_ice = refuse
    with pytest.raises(RuntimeError):
        plane.add_source(transport, CAMERA)
    with pytest.raises(RuntimeError):
        plane.add_slot(transport, VIDEO_SLOT)
    with pytest.raises(RuntimeError):
        plane.open_room()
    with pytest.raises(RuntimeError):
        plane.restart_ice(transport, browser.remote)
    held = plane.inventory
    assert (held.sources, held.slots, held.rooms) == ({}, {}, {})
    entry = held.transports[transport]
    assert (entry.sources, entry.slots, entry.local) == (set(), set(), before)


async def test_credentials_differ_and_satisfy_ice(plane, packets, clock) -> None:
    """RFC 8445 §5.3: at least 4 and 22 ice-chars."""
    locals_ = [Browser(plane, packets, clock).transport.local for _ in range(3)]
    assert len({local.ufrag for local in locals_}) == len({local.password for local in locals_}) == 3
    for local in locals_:
        assert len(local.ufrag) >= 4
        assert len(local.password) >= 22
        assert (local.ufrag + local.password).isalnum()
        assert local.password not in repr(local)


async def test_an_ice_restart_keeps_the_association(plane, packets, browser) -> None:
    await browser.connect()
    fingerprints = browser.remote.fingerprints
    before = browser.transport.local
    after = plane.restart_ice(browser.transport.id, RemoteTransport("new", "word", fingerprints, "actpass"))
    assert after.ufrag != before.ufrag
    assert after.password != before.password
    assert (after.fingerprint, after.setup) == (before.fingerprint, before.setup)
    [(_, told)] = packets.of("restart_ice")
    assert (told["remote_ufrag"], told["local_ufrag"]) == ("new", after.ufrag)
    assert browser.heard == [("on_connected",)]


async def test_an_ice_restart_cannot_bring_another_certificate(plane, packets, browser) -> None:
    other = RemoteTransport("new", "word", [("sha-256", "AA")], "actpass")
    with pytest.raises(BadOffer):
        plane.restart_ice(browser.transport.id, other)
    with pytest.raises(NotFound):
        plane.restart_ice(999, other)
    assert packets.of("restart_ice") == []


async def test_certificates_rotate_under_running_transports(plane, packets, clock) -> None:
    old = Browser(plane, packets, clock)
    clock.advance(ROTATE_EVERY_S)
    new = Browser(plane, packets, clock)
    assert old.transport.local.fingerprint != new.transport.local.fingerprint
    # The first still answers with the certificate that its SDP named.
    await old.connect()
    assert old.heard == [("on_connected",)]


async def test_a_move_is_told(packets, browser) -> None:
    packets.emit(fake.TransportMoved(browser.transport.id))
    await until(lambda: browser.heard)
    assert browser.heard == [("on_moved",)]


# -- sources and slots ------------------------------------------------------------------------------


async def test_slots_get_ssrcs_of_their_own(plane, packets, browser) -> None:
    slots = [plane.add_slot(browser.transport.id, VIDEO_SLOT) for _ in range(50)]
    ssrcs = [ssrc for slot in slots for ssrc in (slot.ssrc, slot.rtx_ssrc)]
    assert len(set(ssrcs)) == 100
    assert all(ssrc is not None and 0 < ssrc < 2**32 for ssrc in ssrcs)
    audio = plane.add_slot(
        browser.transport.id, SlotSpec(mid="9", kind="audio", codecs=[OPUS], cname="c", follows=(7, 2))
    )
    assert audio.rtx_ssrc is None
    (_, told) = packets.of("add_slot")[-1]
    assert told["follows"] == (7, 2)
    assert told["ssrc"] == audio.ssrc


async def test_reserved_numbers_go_to_the_slot_that_comes(plane, packets, browser) -> None:
    transport = browser.transport.id
    reserved = plane.reserve_slot(transport, VIDEO_SLOT.mid, needs_rtx=True)
    assert packets.of("add_slot") == []
    assert plane.add_slot(transport, VIDEO_SLOT) == reserved
    assert plane.add_slot(transport, VIDEO_SLOT).ssrc != reserved.ssrc
    assert packets.of("add_slot")[0][1]["ssrc"] == reserved.ssrc


async def test_reserved_numbers_are_free_again_with_their_transport(plane, browser) -> None:
    plane.reserve_slot(browser.transport.id, VIDEO_SLOT.mid, needs_rtx=True)
    plane.close_transport(browser.transport.id)
    assert plane.inventory._ssrcs == set()


async def test_codecs_reach_the_packet_path_whole(plane, packets, browser) -> None:
    plane.add_source(browser.transport.id, CAMERA)
    [(_, told)] = packets.of("add_source")
    assert [type(codec) for codec in told["codecs"]] == [_packets.CodecParameters]
    assert told["rids"] == ["f", "h", "q"]
    bad = CodecSpec(codec="vp8", payload_type=300, clock_rate=90_000)
    with pytest.raises((ValueError, OverflowError)):
        plane.add_source(browser.transport.id, SourceSpec(mid="1", kind="video", codecs=[bad]))
    assert len(plane.inventory.sources) == 1


async def test_showing_chooses_the_layer_and_says_it_once(plane, packets, browser) -> None:
    source = plane.add_source(browser.transport.id, CAMERA)
    slot = plane.add_slot(browser.transport.id, VIDEO_SLOT).id
    for size in (Tile(), Tile(), Tile(330, 190), Tile(640, 360), None):
        plane.show(slot, source, size)
    plane.show(slot, None)
    plane.show(slot, None)
    assert [told for told, _ in packets.of("show")] == [
        (slot, source, 2),
        (slot, source, 1),
        (slot, source, 0),
        (slot, None, 0),
    ]


async def test_the_packet_path_hears_once_which_slots_show_the_stage(plane, packets, browser) -> None:
    """A tile that says so, or the one picture of somebody who plays without sizes."""
    source = plane.add_source(browser.transport.id, CAMERA)
    slot = plane.add_slot(browser.transport.id, VIDEO_SLOT).id
    for size in (Tile(), Tile(stage=True), Tile(640, 360, stage=True), Tile(), None, None):
        plane.show(slot, source, size)
    plane.show(slot, None)
    assert [told for told, _ in packets.of("set_stage")] == [
        (slot, True),
        (slot, False),
        (slot, True),
        (slot, False),
    ]


async def test_the_sender_hears_which_layers_anybody_needs(plane, browser) -> None:
    heard = Heard()
    source = plane.add_source(browser.transport.id, CAMERA, heard)
    slot = plane.add_slot(browser.transport.id, VIDEO_SLOT).id
    plane.show(slot, source, Tile(640, 360))
    plane.show(slot, source, Tile(1280, 720))
    assert heard == [("on_wanted", ["h", "q"]), ("on_wanted", ["f", "h", "q"])]


async def a_large_tile_behind_a_narrow_way(plane, packets, browser) -> tuple[Heard, int, int]:
    """What the sender hears, the source and the slot; the sender was told to leave out the largest layer."""
    heard = Heard()
    source = plane.add_source(browser.transport.id, CAMERA, heard)
    slot = plane.add_slot(browser.transport.id, VIDEO_SLOT).id
    plane.show(slot, source, Tile(1280, 720))
    packets.emit(fake.SlotAdapted(slot, source, False, "your_downlink", 1))
    await until(lambda: heard[-1] == ("on_wanted", ["h", "q"]))
    return heard, source, slot


async def test_the_sender_hears_which_layers_no_way_lets_through(plane, packets, browser) -> None:
    heard, source, slot = await a_large_tile_behind_a_narrow_way(plane, packets, browser)
    packets.emit(fake.SlotAdapted(slot, source, False, None, None))
    await until(lambda: heard[-1] == ("on_wanted", ["f", "h", "q"]))
    assert [told for told, _ in packets.of("set_wanted")] == [(source, 0), (source, 1), (source, 0)]


async def test_what_a_way_lets_through_outlives_another_size_of_the_tile(plane, packets, browser) -> None:
    heard, source, slot = await a_large_tile_behind_a_narrow_way(plane, packets, browser)
    told = len(heard)
    plane.show(slot, source, Tile(1270, 714))
    assert heard[told:] == []


async def test_layers_that_stop_move_the_slot(plane, packets, browser) -> None:
    heard = Heard()
    source = plane.add_source(browser.transport.id, CAMERA, heard)
    slot = plane.add_slot(browser.transport.id, VIDEO_SLOT).id
    plane.show(slot, source, Tile())
    packets.emit(fake.SourceLayersChanged(source, "vp8", (0, 1)))
    await until(lambda: heard[-1] == ("on_layers", "vp8", (0, 1)))
    assert [told for told, _ in packets.of("show")][-1] == (slot, source, 1)


async def test_a_removed_source_is_no_longer_shown(plane, packets, browser) -> None:
    source = plane.add_source(browser.transport.id, CAMERA)
    slot = plane.add_slot(browser.transport.id, VIDEO_SLOT).id
    plane.show(slot, source, Tile())
    plane.remove_source(source)
    plane.show(slot, source, Tile())
    assert [told for told, _ in packets.of("show")] == [(slot, source, 2), (slot, None, 0)]


async def test_slots_hear_of_switches(plane, packets, browser) -> None:
    heard = Heard()
    slot = plane.add_slot(browser.transport.id, VIDEO_SLOT, heard).id
    packets.emit(fake.SlotSwitched(slot, 8), fake.SlotUndecodable(slot, 8, "av1"))
    packets.emit(fake.SlotSwitched(slot, None), fake.SlotSwitched(12345, None))
    await until(lambda: len(heard) == 3)
    assert heard == [("on_switched", 8), ("on_undecodable", 8, "av1"), ("on_switched", None)]


async def test_slots_hear_what_they_were_fitted_to(plane, packets, browser) -> None:
    heard = Heard()
    slot = plane.add_slot(browser.transport.id, VIDEO_SLOT, heard).id
    packets.emit(fake.SlotAdapted(slot, 8, True, "your_downlink"), fake.SlotAdapted(12345, 8, True, None))
    packets.emit(fake.SlotAdapted(slot, 8, False, None))
    await until(lambda: len(heard) == 2)
    assert heard == [("on_adapted", 8, True, "your_downlink"), ("on_adapted", 8, False, None)]


async def test_the_lower_of_two_caps_holds(packets, clock) -> None:
    plane = MediaPlane(packets, MediaConfig(max_video_kbps=1000), clock=clock, limits=Limits())
    transport = Browser(plane, packets, clock).transport.id
    for cap in (500_000, 2_000_000, None):
        plane.cap_video(transport, cap)
    plane.cap_video(12345, 1)
    assert [cap for (_, cap), _ in packets.of("set_cap")] == [1_000_000, 500_000, 1_000_000, 1_000_000]


async def test_without_a_cap_of_the_servers_none_is_set(plane, packets, browser) -> None:
    assert packets.of("set_cap") == []
    for cap in (0, None):
        plane.cap_video(browser.transport.id, cap)
    assert [cap for (_, cap), _ in packets.of("set_cap")] == [0, None]


# -- rooms ------------------------------------------------------------------------------------------


async def test_rooms_hear_of_speakers(plane, packets, browser) -> None:
    room, heard = plane.open_room(), Heard()
    plane.set_room_listener(room, heard)
    spec = SourceSpec(mid="0", kind="audio", codecs=[OPUS], room=room)
    source = plane.add_source(browser.transport.id, spec)
    roomless = plane.add_source(browser.transport.id, SourceSpec(mid="2", kind="audio", codecs=[OPUS]))
    packets.emit(
        fake.SpeakingChanged(roomless, True),
        fake.SpeakingChanged(999, True),
        fake.SpeakingChanged(source, True),
        fake.AudioPositionsChanged(room, (source, None)),
        fake.DominantSpeakerChanged(room, source),
        fake.DominantSpeakerChanged(999, source),
    )
    await until(lambda: len(heard) == 3)
    assert heard == [
        ("on_speaking", source, True),
        ("on_audio_positions", [source, None]),
        ("on_dominant", source),
    ]
    plane.close_room(room)
    plane.close_room(room)
    assert len(packets.of("remove_room")) == 1


# -- events -----------------------------------------------------------------------------------------


async def test_a_broken_listener_harms_nobody(plane, packets, browser) -> None:
    heard = Heard()
    broken = plane.add_slot(browser.transport.id, VIDEO_SLOT, Broken()).id
    slot = plane.add_slot(browser.transport.id, VIDEO_SLOT, heard).id
    packets.emit(fake.SlotSwitched(broken, None), fake.SlotSwitched(slot, None))
    await until(lambda: heard)
    assert heard == [("on_switched", None)]


async def test_a_failing_event_does_not_take_the_next_with_it(plane, packets, browser, monkeypatch) -> None:
    heard = Heard()
    slot = plane.add_slot(browser.transport.id, VIDEO_SLOT, heard).id

    def broken(*_: object) -> None:
        raise RuntimeError("policy")

    monkeypatch.setattr(plane, "layers_changed", broken)
    packets.emit(fake.SourceLayersChanged(1, "vp8", (0,)), fake.SlotSwitched(slot, None))
    await until(lambda: heard)


async def test_events_come_in_bounded_batches_and_in_order(plane, packets, browser) -> None:
    heard = Heard()
    slot = plane.add_slot(browser.transport.id, VIDEO_SLOT, heard).id
    count = 3 * EVENTS_AT_ONCE + 7
    packets.emit(*(fake.SlotSwitched(slot, number) for number in range(count)))
    await until(lambda: heard)
    assert len(heard) <= EVENTS_AT_ONCE
    await until(lambda: len(heard) == count)
    assert [source for _, source in heard] == list(range(count))


def test_every_event_of_the_contract_has_a_handler() -> None:
    named = {kind.__name__ for kind in _packets.Event.__args__}
    handled = set(Dispatcher(None, None).handlers)
    assert handled == named
    assert handled <= {name for name, _ in inspect.getmembers(fake, inspect.isclass)}


# -- figures ----------------------------------------------------------------------------------------


async def test_a_snapshot_is_kept_for_a_moment(plane, packets, clock) -> None:
    first = await plane.snapshot()
    assert await plane.snapshot() is first
    assert packets.snapshots_taken == 1
    clock.advance(1.0)
    await plane.snapshot()
    assert packets.snapshots_taken == 2


async def test_resolutions_from_keyframes_move_slots(plane, packets, browser) -> None:
    source = plane.add_source(browser.transport.id, CAMERA)
    slot = plane.add_slot(browser.transport.id, VIDEO_SLOT).id
    plane.show(slot, source, Tile())
    sizes = [(640, 360), (320, 180), (160, 90)]
    layers = [fake.layer(number, width=w, height=h) for number, (w, h) in enumerate(sizes)]
    packets.counted.sources = [fake.source(source, *layers)]
    plane._showing.measure(await plane._snapshots.get())
    assert [told for told, _ in packets.of("show")][-1] == (slot, source, 1)


async def test_a_report_tells_one_peer_from_another(plane, packets, clock) -> None:
    one, two = (Browser(plane, packets, clock) for _ in range(2))
    source = plane.add_source(one.transport.id, CAMERA)
    slot = plane.add_slot(two.transport.id, VIDEO_SLOT).id
    packets.counted.transports = [
        fake.transport(one.transport.id, round_trip_time_s=0.04, remote=("192.0.2.7", 9)),
        fake.transport(two.transport.id),
    ]
    packets.counted.sources = [
        fake.source(source, fake.layer(0, expected=100, lost=12, lost_after_repair=10, jitter_s=0.003))
    ]
    packets.counted.slots = [fake.slot(slot, source=source, fraction_lost=0.25, jitter_s=0.01)]
    report = await plane.report(one.transport.id)
    assert report is not None
    assert (report.delay_s, report.remote, list(report.slots)) == (0.04, ("192.0.2.7", 9), [])
    [told] = report.sources
    assert (told.id, told.mid, told.kind) == (source, "1", "video")
    assert told.layers[0].loss == pytest.approx(0.1)
    assert told.layers[0].jitter_s == 0.003
    other = await plane.report(two.transport.id)
    assert other is not None
    assert [(each.source, each.loss, each.jitter_s) for each in other.slots] == [(source, 0.25, 0.01)]
    assert await plane.report(999) is None


# -- the socket -------------------------------------------------------------------------------------


def test_a_taken_port_is_said_in_words() -> None:
    first = bind(MediaConfig(port=0, hosts=("127.0.0.1",)), Limits())
    try:
        port = first.local_addresses[0][1]
        with pytest.raises(ConfigError, match=f"^UDP port {port} is taken .*--media-port"):
            bind(MediaConfig(port=port, hosts=("127.0.0.1",)), Limits())
    finally:
        first.close()


def test_an_address_of_another_machine_is_said_in_words() -> None:
    with pytest.raises(ConfigError, match=r"^198\.51\.100\.7 is no address of this machine.*--media-hosts"):
        bind(MediaConfig(port=0, hosts=("127.0.0.1", "198.51.100.7")), Limits())


@pytest.mark.parametrize("field", ["hosts", "public_address"])
@pytest.mark.parametrize("text", ["example.org", "", "1.2.3", "10.0.0.1:443"])
def test_names_are_no_addresses(field: str, text: str) -> None:
    option = "--media-hosts" if field == "hosts" else "--public-address"
    with pytest.raises(ConfigError, match=f"^{option} is '{text}', but must be an IP address"):
        MediaConfig(**{field: (text,)})


def test_the_fake_wakes_like_the_real_one() -> None:
    """An eventfd that is readable while events wait."""
    packets = FakePackets()
    packets.emit(fake.SlotSwitched(1, None), fake.SlotSwitched(2, None))
    assert len(packets.drain(1)) == 1
    assert os.eventfd_read(packets.event_fd) == 1
    packets.dispose()
