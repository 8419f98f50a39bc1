"""Forged DTLS from anybody's socket, before, during and after ICE, keeps nobody from connecting."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.hostile.floods import FORGED_DTLS
from tests.hostile.strangers import Stranger, connected_sessions
from tests.peers import Peer, Picture
from tests.relay import Relay
from tests.server import RunningServer

SESSIONS = 30


@pytest.fixture
async def stranger(server: RunningServer) -> AsyncIterator[Stranger]:
    stranger = Stranger(server.media_port)
    yield stranger
    stranger.stop()


@pytest.mark.timeout(900)
async def test_all_sessions_connect_under_forged_dtls(server: RunningServer, stranger: Stranger) -> None:
    assert await connected_sessions(server, SESSIONS) == SESSIONS
    assert stranger.sent > SESSIONS
    assert not server.errors()


async def test_a_call_survives_dtls_forged_in_its_own_name(server: RunningServer) -> None:
    """From the very address that the peer is known by, once the handshake is over."""
    relay = await Relay.start(("127.0.0.1", server.media_port))
    async with (
        Peer.joined(server, "call", "Ana", camera=Picture(), video_slots=1, audio_slots=1) as ana,
        Peer.joined(
            server,
            "call",
            "Biel",
            camera=Picture(),
            video_slots=1,
            audio_slots=1,
            edit_answer=relay.edit_answer,
        ) as biel,
    ):
        await asyncio.gather(ana.sees(1), biel.sees(1))
        for _ in range(20):
            for datagram in FORGED_DTLS:
                relay.inject(datagram)
            await asyncio.gather(ana.sees(1), biel.sees(1))
        assert not [e for e in biel.signalling.events if e["type"] == "media_restart_needed"]
    relay.close()
    assert not server.errors()
