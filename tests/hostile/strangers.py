"""Forged DTLS from ever new sockets, and sessions that connect meanwhile or do not."""

import asyncio
import contextlib
import socket

from tests.hostile.floods import FORGED_DTLS, stun_request
from tests.peers import Peer, Picture
from tests.server import RunningServer
from tests.waiting import WaitedInVain


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


async def connected_sessions(server: RunningServer, count: int) -> int:
    """One after the other joins and waits for a picture; how many have seen one."""
    seen = 0
    async with Peer.joined(server, "forged", "source", camera=Picture(), video_slots=1, audio_slots=1):
        for number in range(count):
            name = f"viewer {number}"
            async with Peer.joined(server, "forged", name, video_slots=1, audio_slots=1) as viewer:
                with contextlib.suppress(WaitedInVain):
                    await viewer.sees(1)
                    seen += 1
    return seen
