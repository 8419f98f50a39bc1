"""The load test's light peers are peers like any others: they connect, see and hear."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from loadtest._native import Generator, PeerSnapshot
from loadtest.driver import SIMULCAST, Camera, Driver, JoinRefused, Microphone, Peer
from tests.server import RunningServer
from tests.waiting import until

VIEWERS = 20
FRIENDS = 4


@pytest.fixture
async def driver(server: RunningServer) -> AsyncIterator[Driver]:
    generator = Generator()
    try:
        async with Driver(server.url, generator) as driver:
            yield driver
    finally:
        generator.close()
    assert not server.errors()


def seen(driver: Driver, peers: list[Peer]) -> list[PeerSnapshot]:
    """As far as the generator has them."""
    numbers = {peer.number for peer in peers}
    return [peer for peer in driver.generator.snapshot().peers if peer.number in numbers]


def sees_and_hears(peer: PeerSnapshot, others: int = 1) -> bool:
    return (
        peer.video.keyframes >= others
        and peer.video.frames > 10 * others
        and peer.audio.packets > 10 * others
    )


async def test_twenty_viewers_see_one_publisher(driver: Driver) -> None:
    publisher = await driver.publish("hall", "Ana", camera=Camera(), microphone=Microphone())
    viewers = await asyncio.gather(*(driver.play("hall", timed=True) for _ in range(VIEWERS)))

    def all_see() -> bool:
        peers = seen(driver, viewers)
        return len(peers) == VIEWERS and all(sees_and_hears(peer) for peer in peers)

    await until(all_see)
    snapshot = driver.generator.snapshot()
    # Not `refused`: whether a packet comes twice is up to the network.
    assert [(peer.number, peer.unknown) for peer in snapshot.peers if peer.unknown] == []
    assert snapshot.frame_delay.count > 0
    assert snapshot.frame_total.p50_ms >= snapshot.frame_delay.p50_ms

    await driver.leave(viewers[0])
    await until(lambda: len(seen(driver, viewers)) == VIEWERS - 1)
    assert seen(driver, [publisher])


async def test_everybody_sees_and_hears_everybody(driver: Driver) -> None:
    friends = [
        await driver.join(
            "mesh", f"Friend {index}", camera=Camera(encodings=SIMULCAST), microphone=Microphone(),
            video=FRIENDS - 1, audio=FRIENDS - 1,
        )
        for index in range(FRIENDS)
    ]  # fmt: skip

    def all_see() -> bool:
        return all(sees_and_hears(peer, FRIENDS - 1) for peer in seen(driver, friends))

    await until(all_see)
    assert len(seen(driver, friends)) == FRIENDS
    await driver.leave(friends[0])
    await until(lambda: len(seen(driver, friends)) == FRIENDS - 1)


async def test_a_refusal_is_told_in_the_servers_words(driver: Driver) -> None:
    with pytest.raises(JoinRefused, match="bad_name"):
        await driver.join("mesh", "", microphone=Microphone())
    with pytest.raises(JoinRefused, match="40"):
        await driver.publish("no room's name", "Ana", microphone=Microphone())
