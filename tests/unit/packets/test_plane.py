"""The plane through its Python contract: real sockets, hand-made peers, no media."""

import asyncio
import contextlib
import errno
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sfu import _packets
from sfu._packets import (
    CodecParameters,
    DtlsReceived,
    Event,
    Plane,
    Snapshot,
    TransportConnected,
    TransportLost,
)
from tests.unit.packets.peer import PATIENCE_S, Peer, mapped_address

VP8 = CodecParameters(codec="vp8", payload_type=96, clock_rate=90000)
ALERT = bytes([21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0])
MEBIBYTE = 1 << 20


@pytest.fixture
def plane() -> Iterator[Plane]:
    plane = Plane([("127.0.0.1", 0)])
    yield plane
    plane.close()


def server_of(plane: Plane) -> tuple[str, int]:
    return plane.local_addresses[0]


def wait_for_events(plane: Plane, is_enough: Callable[[list[Event]], bool]) -> list[Event]:
    """Drains, whenever the descriptor says so, until it is enough."""
    events: list[Event] = []
    deadline = time.monotonic() + PATIENCE_S
    while not is_enough(events):
        readable, _, _ = select.select([plane.event_fd], [], [], max(0.0, deadline - time.monotonic()))
        assert readable, f"waited in vain, with {events}"
        events += plane.drain()
    return events


def wait_for_snapshot(plane: Plane, is_enough: Callable[[Snapshot], bool]) -> Snapshot:
    deadline = time.monotonic() + PATIENCE_S
    while not is_enough(snapshot := plane.snapshot()):
        assert time.monotonic() < deadline, snapshot.drops
    return snapshot


def is_readable(plane: Plane) -> bool:
    return bool(select.select([plane.event_fd], [], [], 0)[0])


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


# -- binding -------------------------------------------------------------------------------------


def test_port_zero_is_the_same_port_for_all() -> None:
    plane = Plane([("127.0.0.1", 0), ("127.0.0.2", 0), ("::1", 0)])
    hosts, ports = zip(*plane.local_addresses, strict=True)
    plane.close()
    assert hosts == ("127.0.0.1", "127.0.0.2", "::1")
    assert len(set(ports)) == 1
    assert ports[0] != 0


def test_a_taken_port_is_an_os_error_that_names_it(plane: Plane) -> None:
    host, port = server_of(plane)
    with pytest.raises(OSError) as raised:
        Plane([(host, port)])
    assert raised.value.errno == errno.EADDRINUSE
    assert raised.value.filename == f"{host}:{port}"


@pytest.mark.parametrize(
    ("bind", "options"),
    [
        ([], {}),
        ([("localhost", 0)], {}),
        ([("127.0.0.1", 65536)], {}),
        ([("127.0.0.1", -1)], {}),
        ([("127.0.0.1", 0)], {"workers": 0}),
        ([("127.0.0.1", 0)], {"event_capacity": 0}),
        ([("127.0.0.1", 0)], {"frame_hold_s": -0.001}),
        ([("127.0.0.1", 0)], {"frame_hold_s": float("nan")}),
        ([("127.0.0.1", 0)], {"join_s": 1.5}),
    ],
)
def test_what_cannot_be_bound_is_a_value_error(bind: list[tuple[str, int]], options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Plane(bind, **options)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_as_many_workers_as_asked_for(workers: int) -> None:
    plane = Plane([("127.0.0.1", 0)], workers=workers)
    snapshot = plane.snapshot()
    assert len(snapshot.workers_cpu_s) == workers
    assert snapshot.worker_cpu_s == pytest.approx(sum(snapshot.workers_cpu_s))
    plane.close()


# -- arguments -----------------------------------------------------------------------------------

CREDENTIALS = {
    "local_ufrag": "aaaa", "local_password": "b" * 22, "remote_ufrag": "cccc", "remote_password": "d" * 22,
}  # fmt: skip
KEYS = {"local_key": bytes(16), "local_salt": bytes(12), "remote_key": bytes(16), "remote_salt": bytes(12)}
SLOT = {
    "transport": 1,
    "mid": "1",
    "kind": "video",
    "codecs": [VP8],
    "ssrc": 7,
    "rtx_ssrc": None,
    "cname": "c",
}
SOURCE = {"transport": 1, "mid": "0", "kind": "video", "codecs": [VP8]}


@pytest.mark.parametrize(
    "call",
    [
        lambda plane: plane.remove_slot(-1),
        lambda plane: plane.remove_slot(1 << 64),
        lambda plane: plane.add_transport(1, **{**CREDENTIALS, "local_ufrag": ""}, extensions=[]),
        lambda plane: plane.add_transport(1, **{**CREDENTIALS, "remote_password": "p" * 257}, extensions=[]),
        lambda plane: plane.add_transport(1, **CREDENTIALS, extensions=[(0, "mid")]),
        lambda plane: plane.add_transport(1, **CREDENTIALS, extensions=[(1, "middle")]),
        lambda plane: plane.set_extensions(1, [(256, "mid")]),
        lambda plane: plane.set_keys(1, profile="SRTP_NULL", **KEYS),
        lambda plane: plane.set_keys(1, profile="SRTP_AES128_CM_SHA1_80", **KEYS),
        lambda plane: plane.set_keys(1, profile="SRTP_AEAD_AES_128_GCM", **{**KEYS, "local_key": b""}),
        lambda plane: plane.add_slot(1, **{**SLOT, "ssrc": 1 << 32}),
        lambda plane: plane.add_slot(1, **{**SLOT, "kind": "data"}),
        lambda plane: plane.add_slot(1, **{**SLOT, "cname": "c" * 256}),
        lambda plane: plane.add_slot(1, **SLOT, follows=(1, 256)),
        lambda plane: plane.add_source(1, **SOURCE, rids=["f"] * 17),
        lambda plane: plane.add_source(1, **SOURCE, rids=[""]),
        lambda plane: plane.add_source(1, **SOURCE, announced=[(-1, None)]),
        lambda plane: plane.show(1, 1, 256),
        lambda plane: plane.add_room(1, -1),
        lambda plane: plane.drain(-1),
        lambda plane: plane.snapshot(-1.0),
        lambda plane: plane.snapshot(float("nan")),
        lambda _: CodecParameters(codec="vp8", payload_type=128, clock_rate=90000),
        lambda _: CodecParameters(codec="vp8", payload_type=96, clock_rate=0),
        lambda _: CodecParameters(codec="theora", payload_type=96, clock_rate=90000),
    ],
)
def test_an_argument_of_the_wrong_form_is_a_value_error(
    plane: Plane, call: Callable[[Plane], object]
) -> None:
    with pytest.raises(ValueError):
        call(plane)


def test_commands_that_name_nothing_known_are_ignored(plane: Plane) -> None:
    plane.set_keys(1, profile="SRTP_AEAD_AES_128_GCM", **KEYS)
    plane.set_keys(
        1, profile="SRTP_AES128_CM_SHA1_80", **{**KEYS, "local_salt": bytes(14), "remote_salt": bytes(14)}
    )
    plane.restart_ice(1, **CREDENTIALS)
    plane.set_extensions(1, [(1, "mid"), (14, "transport_sequence_number")])
    plane.send_dtls(1, [ALERT, ALERT])
    plane.add_source(2, **SOURCE, rids=("f", "h", "q"), announced=[(1, 2), (3, None)], room=5)
    plane.set_forwarding(2, False)
    plane.set_headroom(1, False)
    plane.add_slot(3, **SLOT, follows=(5, 0))
    plane.show(3, 2, 1)
    plane.show(3, None)
    plane.remove_slot((1 << 64) - 1)
    plane.remove_source(2)
    plane.remove_room(5)
    plane.remove_transport(1)
    snapshot = plane.snapshot()
    assert (snapshot.transports, snapshot.sources, snapshot.slots) == ([], [], [])
    assert plane.drain() == []


def test_the_names_of_the_contract_can_be_imported() -> None:
    assert _packets.Event == Event
    assert TransportConnected.__match_args__ == ("transport", "remote")


# -- datagrams -----------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_peer_is_let_in_by_its_check(host: str) -> None:
    plane = Plane([("0.0.0.0", 0), ("::", 0)])
    server = (host, server_of(plane)[1])
    with Peer(7, host=host) as peer:
        peer.announce_to(plane)
        answer = peer.connect(server)
        events = wait_for_events(plane, bool)
        if host == "127.0.0.1":
            assert mapped_address(answer) == peer.address
        match events:
            case [TransportConnected(transport, remote)]:
                assert (transport, remote) == (7, peer.address)
            case _:
                pytest.fail(repr(events))
        [snapshot] = plane.snapshot().transports
        assert (snapshot.transport, snapshot.remote, snapshot.has_keys) == (7, peer.address, False)
    plane.close()


def test_a_wildcard_answers_from_the_address_that_was_asked() -> None:
    plane = Plane([("0.0.0.0", 0)])
    with Peer(1) as peer:
        peer.announce_to(plane)
        # `connect` asserts where the answer came from.
        peer.connect(("127.0.0.2", server_of(plane)[1]))
    plane.close()


def test_dtls_goes_both_ways_once_the_peer_is_let_in(plane: Plane) -> None:
    with Peer(1) as peer:
        peer.announce_to(plane)
        peer.connect(server_of(plane))
        peer.udp.sendto(ALERT, server_of(plane))
        events = wait_for_events(plane, lambda events: len(events) >= 2)
        match events[1]:
            case DtlsReceived(transport=1, datagram=datagram):
                assert datagram == ALERT
            case other:
                pytest.fail(repr(other))
        plane.send_dtls(1, [ALERT + b"1", ALERT + b"2"])
        assert [peer.udp.recv(2048) for _ in range(2)] == [ALERT + b"1", ALERT + b"2"]


def test_dtls_from_elsewhere_is_a_counted_drop(plane: Plane) -> None:
    with Peer(1) as peer, Peer(1) as stranger:
        peer.announce_to(plane)
        peer.connect(server_of(plane))
        stranger.udp.sendto(ALERT, server_of(plane))
        wait_for_snapshot(plane, lambda snapshot: snapshot.drops["unknown_tuple"] == 1)
        assert not any(isinstance(event, DtlsReceived) for event in plane.drain())


def test_one_peers_dtls_flood_is_dropped_and_counted(plane: Plane) -> None:
    with Peer(1) as peer, Peer(2) as other:
        peer.announce_to(plane)
        other.announce_to(plane)
        peer.connect(server_of(plane))
        for _ in range(500):
            peer.udp.sendto(ALERT, server_of(plane))
        # The kernel may drop some of a flood as well.
        wait_for_snapshot(plane, lambda snapshot: snapshot.drops["dtls_queue_full"] >= 100)
        other.connect(server_of(plane))
        events = wait_for_events(
            plane, lambda events: sum(isinstance(event, TransportConnected) for event in events) == 2
        )
        queued = sum(isinstance(event, DtlsReceived) for event in events)
        assert 1 <= queued <= 128

        def all_counted(snapshot: Snapshot) -> bool:
            """Every datagram that came is a check, an event or a drop; some may still be on their way."""
            events.extend(plane.drain())
            queued = sum(isinstance(event, DtlsReceived) for event in events)
            checks = snapshot.datagrams_received - snapshot.drops["dtls_queue_full"] - queued
            return 2 <= checks <= peer.checks + other.checks

        wait_for_snapshot(plane, all_counted)


# -- events --------------------------------------------------------------------------------------


def test_events_beyond_the_capacity_are_counted() -> None:
    plane = Plane([("127.0.0.1", 0)], event_capacity=4)
    with contextlib.ExitStack() as stack:
        for transport in range(10):
            peer = stack.enter_context(Peer(transport))
            peer.announce_to(plane)
            peer.connect(server_of(plane))
        # Four are handed over, and as many wait for their turn.
        snapshot = wait_for_snapshot(plane, lambda snapshot: snapshot.events_dropped >= 2)
        assert snapshot.events_dropped == 2
        events = plane.drain()
        assert [event.transport for event in events if isinstance(event, TransportConnected)] == [0, 1, 2, 3]
    plane.close()


def test_the_descriptor_stays_readable_while_events_are_left(plane: Plane) -> None:
    assert not is_readable(plane)
    with contextlib.ExitStack() as stack:
        for transport in range(5):
            peer = stack.enter_context(Peer(transport))
            peer.announce_to(plane)
            peer.connect(server_of(plane))
        # A snapshot is taken after the turn that brought the last event up.
        wait_for_snapshot(plane, lambda snapshot: all(each.remote for each in snapshot.transports))
        drained = 0
        while drained < 5:
            assert is_readable(plane)
            drained += len(plane.drain(limit=2))
        assert not is_readable(plane)


async def test_an_event_loop_can_wait_for_events(plane: Plane) -> None:
    loop = asyncio.get_running_loop()
    arrived: asyncio.Future[list[Event]] = loop.create_future()

    def on_readable() -> None:
        if not arrived.done():
            arrived.set_result(plane.drain())

    loop.add_reader(plane.event_fd, on_readable)
    with Peer(3) as peer:
        peer.announce_to(plane)
        peer.check(server_of(plane))
        [event] = await asyncio.wait_for(arrived, PATIENCE_S)
    loop.remove_reader(plane.event_fd)
    assert isinstance(event, TransportConnected)
    assert event.transport == 3


# -- bad weather ---------------------------------------------------------------------------------


def test_a_junk_flood_starves_nobody_and_fills_nothing(plane: Plane) -> None:
    server = server_of(plane)
    junk = [bytes([first]) * 200 for first in (0, 1, 22, 128, 200, 255)]
    is_over = threading.Event()

    def flood() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flooder:
            while not is_over.is_set():
                for datagram in junk:
                    flooder.sendto(datagram, server)

    flooder = threading.Thread(target=flood)
    flooder.start()
    try:
        # The buffers of the receiver are touched first: they are its own, not the flood's.
        wait_for_snapshot(plane, lambda snapshot: snapshot.datagrams_received > 10_000)
        before = resident_bytes()
        checks = 0
        for transport in range(20):
            with Peer(transport) as peer:
                peer.announce_to(plane)
                peer.connect(server)
                checks += peer.checks
        snapshot = wait_for_snapshot(plane, lambda snapshot: snapshot.datagrams_received > 100_000)
    finally:
        is_over.set()
        flooder.join()
    assert resident_bytes() - before < 10 * MEBIBYTE
    assert snapshot.events_dropped == 0
    connected = [event for event in plane.drain() if isinstance(event, TransportConnected)]
    assert [event.transport for event in connected] == list(range(20))
    dropped = sum(snapshot.drops.values())
    assert dropped >= snapshot.datagrams_received - checks, "every junk datagram has its counter"


def test_an_empty_datagram_is_a_counted_drop(plane: Plane) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for _ in range(10):
            stranger.sendto(b"", server_of(plane))
    snapshot = wait_for_snapshot(plane, lambda snapshot: snapshot.datagrams_received >= 10)
    assert snapshot.drops["not_demultiplexed"] == 10


# -- the end -------------------------------------------------------------------------------------


def test_a_closed_plane_does_nothing_more() -> None:
    # An address of its own: nobody else takes its port once it is free.
    plane = Plane([("127.0.0.78", 0)])
    server = server_of(plane)
    with Peer(1) as peer:
        peer.announce_to(plane)
        peer.connect(server)
        wait_for_snapshot(plane, lambda snapshot: snapshot.transports[0].remote is not None)
        plane.close()
        assert [type(event) for event in plane.drain()] == [TransportConnected]
        peer.announce_to(plane)
        plane.remove_transport(1)
        assert plane.drain() == []
        with pytest.raises(RuntimeError):
            plane.snapshot()
        plane.close()
    again = Plane([server])
    assert again.local_addresses == [server]
    again.close()


def test_a_removed_transport_is_unknown(plane: Plane) -> None:
    with Peer(1) as peer:
        peer.announce_to(plane)
        peer.connect(server_of(plane))
        wait_for_events(plane, bool)
        plane.remove_transport(1)
        assert plane.snapshot().transports == []
        peer.udp.sendto(ALERT, server_of(plane))
        wait_for_snapshot(plane, lambda snapshot: snapshot.drops["unknown_tuple"] == 1)
        assert not any(isinstance(event, (DtlsReceived, TransportLost)) for event in plane.drain())
