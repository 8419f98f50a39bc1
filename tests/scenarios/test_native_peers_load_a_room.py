"""The load test's light peers are peers like any others: they connect, see and hear."""

import asyncio

from loadtest._native import Generator, PeerSnapshot
from loadtest.driver import Camera, Driver, Microphone
from tests.programs import until
from tests.server import RunningServer

VIEWERS = 20


def sees_and_hears(peer: PeerSnapshot) -> bool:
    return peer.video.keyframes > 0 and peer.video.frames > 10 and peer.audio.packets > 10


async def test_twenty_viewers_see_one_publisher(server: RunningServer) -> None:
    generator = Generator()
    try:
        async with Driver(server.url, generator) as driver:
            publisher = await driver.publish("hall", "Ana", camera=Camera(), microphone=Microphone())
            viewers = await asyncio.gather(*(driver.play("hall", timed=True) for _ in range(VIEWERS)))
            numbers = {viewer.number for viewer in viewers}

            def peers() -> list[PeerSnapshot]:
                return [peer for peer in generator.snapshot().peers if peer.number in numbers]

            await until(lambda: len(peers()) == VIEWERS and all(sees_and_hears(peer) for peer in peers()))
            snapshot = generator.snapshot()
            assert all(peer.refused == peer.unknown == 0 for peer in peers())
            assert snapshot.frame_delay.count > 0
            assert snapshot.frame_total.p50_ms >= snapshot.frame_delay.p50_ms

            await driver.leave(viewers[0])
            await until(lambda: len(peers()) == VIEWERS - 1)
            assert publisher.number not in numbers
    finally:
        generator.close()
    assert not server.errors()
