"""A participant without a browser: aiortc for media, the signalling of sfu/signalling/PROTOCOL.md for the rest.

    async with Peer.joined(server, room="kitchen", name="Ana") as ana:
        await ana.sees(1)

It decodes what it receives, so that "sees" and "hears" mean frames and sound, not connection states.
"""

import asyncio
import contextlib
import fractions
import itertools
import json
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import av
import numpy
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError

from tests.server import RunningServer
from tests.waiting import DEADLINE_S, within

SAMPLE_RATE = 48_000


class Picture(MediaStreamTrack):
    """A small moving picture of one colour, 15 frames a second."""

    kind = "video"

    def __init__(self, luma: int = 120, width: int = 160, height: int = 120, frame_rate: int = 15) -> None:
        super().__init__()
        self._luma, self._size, self._frame_rate = luma, (height * 3 // 2, width), frame_rate
        self._numbers = itertools.count()
        self._started: float | None = None

    async def recv(self) -> av.VideoFrame:
        number = next(self._numbers)
        await self._wait_for(number / self._frame_rate)
        planes = numpy.full(self._size, 128, numpy.uint8)
        planes[: self._size[0] * 2 // 3] = self._luma
        planes[:8, (number * 4) % self._size[1] :][:, :8] = 255
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts, frame.time_base = number * 90_000 // self._frame_rate, fractions.Fraction(1, 90_000)
        return frame

    async def _wait_for(self, offset_s: float) -> None:
        now = asyncio.get_running_loop().time()
        self._started = self._started if self._started is not None else now
        await asyncio.sleep(max(0.0, self._started + offset_s - now))


class Tone(MediaStreamTrack):
    """A sine wave in frames of 20 ms."""

    kind = "audio"

    def __init__(self, frequency: float = 440.0) -> None:
        super().__init__()
        self._step = 2 * numpy.pi * frequency / SAMPLE_RATE
        self._numbers = itertools.count()
        self._started: float | None = None

    async def recv(self) -> av.AudioFrame:
        number = next(self._numbers)
        now = asyncio.get_running_loop().time()
        self._started = self._started if self._started is not None else now
        await asyncio.sleep(max(0.0, self._started + number * 0.02 - now))
        times = numpy.arange(number * 960, (number + 1) * 960)
        samples = (numpy.sin(times * self._step) * 12_000).astype(numpy.int16).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = (
            SAMPLE_RATE,
            number * 960,
            fractions.Fraction(1, SAMPLE_RATE),
        )
        return frame


class Received:
    """Counts what one receive m-line brings."""

    def __init__(self, track: MediaStreamTrack) -> None:
        self.kind = track.kind
        self.frames = 0
        self.energy = 0.0
        self.luma: float | None = None
        self._task = asyncio.create_task(self._consume(track))

    async def _consume(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                self.frames += 1
                samples = frame.to_ndarray().astype(numpy.float32)
                if self.kind == "video":
                    self.luma = float(samples[: frame.height].mean())
                else:
                    self.energy += float((samples**2).mean())

    def stop(self) -> None:
        self._task.cancel()


class Refused(Exception):
    """The server answered a request with an error; `code` is one of ErrorCode."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Signalling:
    """The WebSocket: numbered requests, their replies, and events in order."""

    def __init__(self, http: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._http, self.socket = http, socket
        self._ids = itertools.count(1)
        self._replies: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.events: list[dict[str, Any]] = []
        self.errors: list[dict[str, Any]] = []
        self._changed = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, server: RunningServer, **options: Any) -> "Signalling":
        http = aiohttp.ClientSession()
        try:
            tls = server.client_tls if server.url.startswith("https") else True
            return cls(
                http, await http.ws_connect(server.websocket_url, ssl=tls, max_msg_size=8 << 20, **options)
            )
        except BaseException:
            await http.close()
            raise

    async def _read(self) -> None:
        async for message in self.socket:
            body = json.loads(message.data)
            future = self._replies.pop(body.get("id"), None)
            if future is not None and not future.done():
                future.set_result(body)
            elif body["type"] == "error":
                self.errors.append(body)
            else:
                self.events.append(body)
            self._wake()
        for future in self._replies.values():
            future.cancel()
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def request(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The reply; :class:`Refused` if it is an error."""
        number = next(self._ids)
        self._replies[number] = asyncio.get_running_loop().create_future()
        await self.tell(kind, id=number, **fields)
        async with within(f"the reply to {kind}"):
            reply = await self._replies[number]
        if reply["type"] == "error":
            raise Refused(reply["code"], reply["message"])
        return reply

    async def tell(self, kind: str, **fields: Any) -> None:
        await self.socket.send_json({"type": kind, **fields})

    async def event(self, kind: str, *, deadline_s: float = DEADLINE_S, **fields: Any) -> dict[str, Any]:
        """The first event of this type with these fields, past or to come."""

        def found() -> dict[str, Any] | None:
            return next((e for e in self.events if e["type"] == kind and fields.items() <= e.items()), None)

        def missed() -> str:
            return f"{kind} {fields} among {[e['type'] for e in self.events]}"

        async with within(missed, deadline_s):
            while (event := found()) is None:
                await self._changed.wait()
        return event

    async def close(self) -> None:
        await self.socket.close()
        await self.cut()

    def stop_reading(self) -> None:
        """The connection stays open, and whatever comes stays in the network."""
        transport = self.socket._writer.transport
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        transport.pause_reading()

    async def cut(self) -> None:
        """The connection is lost without a closing handshake."""
        self._reader.cancel()
        transport = self.socket._writer.transport  # the public accessor answers None
        if transport is not None:
            transport.abort()
        await self._http.close()


class Peer:
    """One participant; make it with :meth:`joined`."""

    def __init__(self, server: RunningServer, room: str, name: str) -> None:
        self.server, self.room, self.name = server, room, name
        configuration = RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        self.connection = RTCPeerConnection(configuration)
        self.signalling: Signalling
        self.joined_reply: dict[str, Any] = {}
        self.received: dict[str, Received] = {}
        self._sources: list[tuple[Any, str]] = []

    @classmethod
    @contextlib.asynccontextmanager
    async def joined(
        cls, server: RunningServer, room: str, name: str, **options: Any
    ) -> AsyncIterator["Peer"]:
        peer = cls(server, room, name)
        try:
            await peer.join(**options)
            yield peer
        finally:
            await peer.close()

    @property
    def id(self) -> str:
        return self.joined_reply["participant"]

    async def join(
        self,
        *,
        microphone: MediaStreamTrack | None = None,
        camera: MediaStreamTrack | None = None,
        video_slots: int = 4,
        audio_slots: int = 4,
        token: str | None = None,
        edit_offer: Callable[[str], str] = lambda sdp: sdp,
        edit_answer: Callable[[str], str] = lambda sdp: sdp,
    ) -> None:
        """The one offer, the answer, and all pictures of the room in view."""
        await self._offer(microphone, camera, video_slots, audio_slots)
        self.joined_reply = await self.signalling.request(
            "join",
            room=self.room,
            name=self.name,
            sdp=edit_offer(self.connection.localDescription.sdp),
            tracks=self._offered(),
            **({"token": token} if token else {}),
        )
        await self._accept(edit_answer(self.joined_reply["sdp"]))
        await self.view_all()

    async def prepare(self) -> None:
        """As a page before the press of Join: connects, and sends nothing."""
        await self._offer(None, None, 4, 4)
        reply = await self.signalling.request(
            "prepare", room=self.room, sdp=self.connection.localDescription.sdp, tracks=self._offered()
        )
        await self._accept(reply["sdp"])
        await self.path_is("connected")

    async def path_is(self, *states: str) -> None:
        """Wait until the connection is in one of these states."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                if self.connection.connectionState in states:
                    return
                await asyncio.sleep(0.05)

    async def enter(
        self, *, microphone: MediaStreamTrack | None = None, camera: MediaStreamTrack | None = None
    ) -> None:
        """Join over what was prepared."""
        tracks = {"microphone": microphone, "camera": camera}
        for transceiver, source in self._sources:
            transceiver.sender.replaceTrack(tracks[source])
        self.joined_reply = await self.signalling.request(
            "join", room=self.room, name=self.name, tracks=self._offered()
        )
        await self.view_all()

    async def _offer(
        self,
        microphone: MediaStreamTrack | None,
        camera: MediaStreamTrack | None,
        video_slots: int,
        audio_slots: int,
    ) -> None:
        self._publish("microphone", "audio", microphone)
        self._publish("camera", "video", camera)
        for kind, count in (("video", video_slots), ("audio", audio_slots)):
            for _ in range(count):
                self.connection.addTransceiver(kind, direction="recvonly")
        await self.connection.setLocalDescription(await self.connection.createOffer())
        self.signalling = await Signalling.connect(self.server)

    def _offered(self) -> list[dict[str, Any]]:
        return [
            {"mid": transceiver.mid, "source": source, "live": transceiver.sender.track is not None}
            for transceiver, source in self._sources
        ]

    async def _accept(self, answer: str) -> None:
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        for transceiver in self.connection.getTransceivers():
            if transceiver.direction == "recvonly":
                self.received[transceiver.mid] = Received(transceiver.receiver.track)

    def _publish(self, source: str, kind: str, track: MediaStreamTrack | None) -> None:
        transceiver = self.connection.addTransceiver(track or kind, direction="sendonly")
        self._sources.append((transceiver, source))

    def tracks_in_room(self) -> dict[str, dict[str, Any]]:  # noqa: C901 - one arm an event
        """Others' tracks as the events so far tell them."""
        tracks: dict[str, dict[str, Any]] = {}

        def add(participant: str, track: dict[str, Any]) -> None:
            if participant != self.id:
                tracks[track["id"]] = {**track, "participant": participant}

        for person in self.joined_reply["participants"]:
            for track in person["tracks"]:
                add(person["id"], track)
        for event in self.signalling.events:
            match event["type"]:
                case "participant_joined":
                    for track in event["participant"]["tracks"]:
                        add(event["participant"]["id"], track)
                case "track_published" | "track_updated":
                    add(event["participant"], event["track"])
                case "track_unpublished":
                    tracks.pop(event["track"], None)
                case "participant_left":
                    gone = event["participant"]
                    tracks = {k: v for k, v in tracks.items() if v["participant"] != gone}
        return tracks

    async def view_all(self) -> None:
        pictures = [
            t for t in self.tracks_in_room().values() if t["source"] in ("camera", "screen") and t["live"]
        ]
        tiles = [{"track": track["id"], "width": 640, "height": 360} for track in pictures]
        await self.signalling.tell("set_view", tiles=tiles)

    async def sees(self, count: int, deadline_s: float = DEADLINE_S) -> None:
        """Wait until `count` video slots decode new frames, keeping everybody in view."""
        await self._gains("video", count, lambda r: r.frames, deadline_s)

    async def hears(self, count: int, deadline_s: float = DEADLINE_S) -> None:
        """Wait until `count` audio slots bring new sound."""
        await self._gains("audio", count, lambda r: r.energy, deadline_s)

    async def receives_video(self, deadline_s: float = DEADLINE_S) -> None:
        """Wait until more packets of pictures come, whether they can be decoded or not."""
        before = self._video_packets()
        async with within(f"packets of pictures at {self.name}'s", deadline_s):
            while True:
                if self._video_packets() > before + 10:
                    return
                await asyncio.sleep(0.1)

    def _video_packets(self) -> int:
        # Not by getStats: it names all streams of a receiver alike, so that the last, once anything was sent
        # again that of retransmissions, stands for the pictures too.
        receivers = (one.receiver for one in self.connection.getTransceivers() if one.kind == "video")
        streams = (stream for one in receivers for stream in one._RTCRtpReceiver__remote_streams.values())
        return sum(stream.packets_received for stream in streams)

    async def _gains(
        self, kind: str, count: int, measure: Callable[[Received], float], deadline_s: float
    ) -> None:
        before = {mid: measure(r) for mid, r in self.received.items() if r.kind == kind}
        viewed: set[str] = set()

        def missed() -> str:
            gained = {mid: measure(self.received[mid]) - value for mid, value in before.items()}
            return f"{count} {kind} slots that gain at {self.name}'s, not {gained}"

        async with within(missed, deadline_s):
            while sum(measure(self.received[mid]) > value for mid, value in before.items()) < count:
                if (tracks := set(self.tracks_in_room())) != viewed:
                    viewed = tracks
                    await self.view_all()
                await asyncio.sleep(0.05)

    async def close(self) -> None:
        """As a closed tab: the WebSocket ends with `leave`, the media without a word."""
        with contextlib.suppress(Exception):
            await self.signalling.tell("leave")
            await self.signalling.close()
        for received in self.received.values():
            received.stop()
        await self.connection.close()
