"""aiortc connects to the media port in either DTLS role, is heard and hears, and is refused when it lies."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import aiortc.rtcdtlstransport
import pytest

from sfu.clock import SystemClock
from sfu.media.config import MediaConfig
from sfu.media.plane import MediaPlane
from tests.scenarios.media_peer import MediaPeer, media_peer, until
from tests.waiting import within

PROFILES = {
    "SRTP_AEAD_AES_128_GCM": aiortc.rtcdtlstransport.SRTP_AEAD_AES_128_GCM,
    "SRTP_AES128_CM_SHA1_80": aiortc.rtcdtlstransport.SRTP_AES128_CM_SHA1_80,
}


@pytest.fixture
async def plane() -> AsyncIterator[MediaPlane]:
    plane = await MediaPlane.start(MediaConfig(port=0), clock=SystemClock())
    yield plane
    await plane.close()


async def assert_heard(speaker: MediaPeer, listener: MediaPeer) -> None:
    payload = secrets.token_bytes(40)
    slot = listener.listen(speaker.publish())

    def has_arrived() -> bool:
        return any(
            packet[8:12] == slot.ssrc.to_bytes(4) and packet[12:].startswith(payload)
            for packet in listener.packets.arrived
        )

    await until(has_arrived, meanwhile=lambda: speaker.say(payload))


@pytest.mark.parametrize("setup", ["actpass", "active", "passive"])
@pytest.mark.parametrize("profile", PROFILES)
async def test_sound_crosses_in_either_role_and_with_either_protection(plane, setup, profile) -> None:
    async with media_peer(plane, setup=setup) as speaker, media_peer(plane) as listener:
        speaker.dtls._srtp_profiles = [PROFILES[profile]]
        await asyncio.gather(speaker.connect(), listener.connect())
        assert speaker.dtls.state == listener.dtls.state == "connected"
        async with within("both to be connected"):
            await speaker.heard.is_connected.wait()
            await listener.heard.is_connected.wait()
        await assert_heard(speaker, listener)
        await assert_heard(listener, speaker)


async def test_a_peer_with_another_certificate_gets_nothing(plane) -> None:
    async with media_peer(plane) as honest, media_peer(plane, announced="AA:" * 31 + "AA") as liar:
        await honest.connect()
        await liar.connect()
        async with within("the liar to be lost"):
            await liar.heard.is_lost.wait()
        assert liar.heard.lost == ["fingerprint_mismatch"]
        assert not liar.heard.is_connected.is_set()
        assert liar.dtls.state == "failed"
        await assert_heard(honest, honest)


async def test_a_goodbye_is_heard_at_once(plane) -> None:
    async with media_peer(plane) as peer:
        await peer.connect()
        await peer.dtls.stop()
        async with within("the peer to be lost"):
            await peer.heard.is_lost.wait()
        assert peer.heard.lost == ["closed"]
        assert not plane.inventory.transports


async def test_closing_tells_the_peer(plane) -> None:
    async with media_peer(plane) as peer:
        await peer.connect()
        plane.close_transport(peer.transport.id)
        await until(lambda: peer.dtls.state == "closed")
        assert peer.heard.lost == []


async def test_stopping_the_plane_tells_every_peer(plane) -> None:
    async with media_peer(plane) as one, media_peer(plane) as other:
        await asyncio.gather(one.connect(), other.connect())
        await plane.close()
        await until(lambda: one.dtls.state == other.dtls.state == "closed")


async def test_the_probe_goes_the_whole_way_and_leaves_nothing(plane) -> None:
    result = await plane.probe()
    assert result.ok, result.detail
    assert set(result.took_s) == {"open", "ice", "dtls", "rtp"}
    assert result.round_trip_s is not None
    assert not plane.inventory.transports
    snapshot = await plane.snapshot()
    assert snapshot.events_dropped == 0


async def test_many_handshakes_at_once_all_finish(plane) -> None:
    async with AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(media_peer(plane)) for _ in range(12)]
        await asyncio.gather(*(peer.connect() for peer in peers))
        await until(lambda: plane.handshakes.results["connected"] == len(peers))
        assert plane.handshakes.under_way == plane.handshakes.waiting == 0
