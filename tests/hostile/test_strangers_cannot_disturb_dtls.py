"""Forged DTLS from anybody's socket, before, during and after ICE, keeps nobody from connecting."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from tests.hostile.floods import FORGED_DTLS, stun_request
from tests.peers import Peer, Picture
from tests.server import RunningServer

SESSIONS = 30


class Stranger:
    """Keeps sending forged datagrams from ever new sockets until it is stopped."""

    def __init__(self, port: int) -> None:
        self._address = ("127.0.0.1", port)
        self.sent = 0
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                for datagram in (*FORGED_DTLS, stun_request("nobody:nobody")):
                    stranger.sendto(datagram, self._address)
                    self.sent += 1
            await asyncio.sleep(0.005)

    def stop(self) -> None:
        self._task.cancel()


@pytest.fixture
async def stranger(server: RunningServer) -> AsyncIterator[Stranger]:
    stranger = Stranger(server.media_port)
    yield stranger
    stranger.stop()


@pytest.mark.timeout(180)
async def test_all_sessions_connect_under_forged_dtls(server: RunningServer, stranger: Stranger) -> None:
    async with Peer.joined(server, "forged", "source", camera=Picture(), video_slots=1, audio_slots=1):
        for number in range(SESSIONS):
            async with Peer.joined(
                server, "forged", f"viewer {number}", video_slots=1, audio_slots=1
            ) as viewer:
                await viewer.sees(1)
    assert stranger.sent > SESSIONS
    assert not server.errors()
