"""A media plane on a packet path that only remembers."""

from collections.abc import AsyncIterator, Iterator

import pytest

from sfu.clock import ManualClock
from sfu.limits import Limits
from sfu.media.config import MediaConfig
from sfu.media.plane import MediaPlane
from tests.unit.media.fake_packets import FakePackets


@pytest.fixture
def packets() -> Iterator[FakePackets]:
    packets = FakePackets()
    yield packets
    packets.dispose()


@pytest.fixture
async def plane(packets: FakePackets, clock: ManualClock) -> AsyncIterator[MediaPlane]:
    plane = MediaPlane(packets, MediaConfig(), clock=clock, limits=Limits(transports=3))
    plane.attach()
    yield plane
    await plane.close()
