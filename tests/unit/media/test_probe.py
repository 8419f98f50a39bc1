"""The probe says at which stage media fails, and leaves nothing behind."""

import pytest

from sfu.clock import ManualClock, SystemClock
from sfu.errors import ServerFull
from sfu.media.plane import MediaPlane
from sfu.media.probe.probe import Probe
from tests.unit.media.fake_packets import FakePackets


async def test_a_mute_port_fails_at_ice(plane: MediaPlane, packets: FakePackets, clock: ManualClock) -> None:
    result = await Probe(plane, clock, deadline_s=0.05).run()
    assert not result.ok
    assert result.failed_at == "ice"
    assert result.round_trip_s is None
    assert "ice" in result.detail


async def test_it_leaves_nothing_behind(plane: MediaPlane, packets: FakePackets, clock: ManualClock) -> None:
    await Probe(plane, clock, deadline_s=0.05).run()
    assert not plane.inventory.transports
    assert not plane.inventory.sources
    assert not plane.inventory.slots
    assert [name for name, *_ in packets.commands] == [
        "add_transport",
        "add_source",
        "add_slot",
        "show",
        "remove_transport",
    ]


class Refusing:
    local_addresses = (("127.0.0.1", 9),)

    def open_for_probe(self, *_: object, **__: object):
        raise ServerFull("refused")


async def test_a_refusal_is_a_result() -> None:
    result = await Probe(Refusing(), SystemClock(), deadline_s=5).run()
    assert result.failed_at == "open"


class Unreachable(Refusing):
    local_addresses = (("256.0.0.1", 9),)


async def test_what_nobody_foresaw_is_raised() -> None:
    with pytest.raises(ValueError, match=r"256\.0\.0\.1"):
        await Probe(Unreachable(), SystemClock(), deadline_s=5).run()
