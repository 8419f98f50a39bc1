"""Programs that publish by WHIP and play by WHEP: aiortc on either side, and ffmpeg as publisher.

async with Publisher.started(server, "kitchen", name="OBS", video=Picture(luma=180)): ...
async with Player.started(server, "kitchen", source="OBS") as player:
    await player.sees()
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import imageio_ffmpeg
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.rtcrtpsender import RTCRtpSender
from yarl import URL

from tests.peers import Received
from tests.server import RunningServer
from tests.waiting import until

SDP = {"Content-Type": "application/sdp"}


class Program:
    """One peer connection that was opened by one HTTP request."""

    def __init__(self, server: RunningServer, path: str, token: str | None) -> None:
        self.server = server
        self.url = server.url.removesuffix("/") + path
        self.headers = SDP | ({"Authorization": f"Bearer {token}"} if token else {})
        self.connection = RTCPeerConnection(
            RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        self.status = 0
        self.answer = ""
        self.session_url: str | None = None

    async def offer(self) -> None:
        """Post the offer, and take the answer if there is one."""
        await self.connection.setLocalDescription(await self.connection.createOffer())
        async with self._request("POST", self.url, data=self.connection.localDescription.sdp) as response:
            self.status, self.answer = response.status, await response.text()
            if location := response.headers.get("Location"):
                self.session_url = str(response.url.join(URL(location)))
        if self.status == 201:
            await self.connection.setRemoteDescription(RTCSessionDescription(self.answer, "answer"))

    async def delete(self) -> int:
        assert self.session_url is not None
        async with self._request("DELETE", self.session_url) as response:
            return response.status

    async def connected(self) -> None:
        await until(
            lambda: self.connection.connectionState == "connected",
            what=lambda: f"connected, not {self.connection.connectionState}",
        )

    async def close(self) -> None:
        await self.connection.close()

    @contextlib.asynccontextmanager
    async def _request(self, method: str, url: str, **more: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        async with (
            aiohttp.ClientSession() as http,
            http.request(method, url, headers=self.headers, **more) as response,
        ):
            yield response


class Publisher(Program):
    @classmethod
    @contextlib.asynccontextmanager
    async def started(
        cls,
        server: RunningServer,
        room: str,
        *,
        name: str = "Program",
        video: MediaStreamTrack | None = None,
        audio: MediaStreamTrack | None = None,
        codec: str | None = None,
        token: str | None = None,
    ) -> AsyncIterator["Publisher"]:
        """Sends until the block ends; `codec` like "video/H264" if not the first that aiortc has."""
        program = cls(server, f"/whip/{room}?name={name}", token)
        for track in filter(None, (video, audio)):
            transceiver = program.connection.addTransceiver(track, direction="sendonly")
            if codec is not None and track.kind == "video":
                capabilities = RTCRtpSender.getCapabilities("video").codecs
                transceiver.setCodecPreferences([one for one in capabilities if one.mimeType == codec])
        try:
            await program.offer()
            yield program
        finally:
            await program.close()


class Player(Program):
    def __init__(self, server: RunningServer, path: str, token: str | None) -> None:
        super().__init__(server, path, token)
        self.pictures: list[Received] = []
        self.sounds: list[Received] = []

    @classmethod
    @contextlib.asynccontextmanager
    async def started(
        cls,
        server: RunningServer,
        room: str,
        *,
        source: str | None = None,
        video: int = 1,
        audio: int = 1,
        token: str | None = None,
    ) -> AsyncIterator["Player"]:
        program = cls(server, f"/whep/{room}" + (f"?source={source}" if source else ""), token)
        for kind, count in (("video", video), ("audio", audio)):
            for _ in range(count):
                program.connection.addTransceiver(kind, direction="recvonly")
        try:
            await program.offer()
            if program.status == 201:
                program._listen()
            yield program
        finally:
            for received in (*program.pictures, *program.sounds):
                received.stop()
            await program.close()

    def _listen(self) -> None:
        for transceiver in self.connection.getTransceivers():
            kept = self.pictures if transceiver.kind == "video" else self.sounds
            kept.append(Received(transceiver.receiver.track))

    async def sees(self, index: int = 0, luma: float | None = None) -> None:
        """New frames are decoded on that video line, of about that brightness if one is given."""
        received = self.pictures[index]
        before = received.frames

        def is_seen() -> bool:
            fits = luma is None or (received.luma is not None and abs(received.luma - luma) < 20)
            return received.frames >= before + 3 and fits

        await until(is_seen, what=lambda: f"a picture of {luma}, not {received.luma} on line {index}")

    async def hears(self, index: int = 0) -> None:
        received = self.sounds[index]
        before = received.energy
        await until(lambda: received.energy > before, what=f"sound on line {index}")


@contextlib.asynccontextmanager
async def ffmpeg_publishing(
    server: RunningServer, room: str, *options: str, name: str = "ffmpeg", seconds: int = 60
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Colour bars and a tone by ffmpeg's own WHIP; `options` go before the URL."""
    process = await asyncio.create_subprocess_exec(
        imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-loglevel", "warning", "-re",
        "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=15", "-f", "lavfi", "-i", "sine=frequency=440",
        "-t", str(seconds), "-c:v", "libx264", "-profile:v", "baseline", "-pix_fmt", "yuv420p", "-bf", "0",
        "-tune", "zerolatency", "-preset", "ultrafast", "-g", "15", "-c:a", "libopus", "-ar", "48000",
        "-ac", "2", "-f", "whip", *options, f"{server.url}whip/{room}?name={name}",
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        _, said = await process.communicate()
        print(said.decode(errors="replace"))
