"""Brings native peers into rooms: WHIP to publish, WHEP to play, `/ws` to take part.

    async with Driver(url, Generator()) as driver:
        await driver.publish("hall", "Ana", video=Camera())
        viewer = await driver.play("hall")
        driver.generator.snapshot()

Knows signalling; media is the generator's.
"""

import asyncio
import secrets
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlsplit

import aiohttp
import yarl

from loadtest._native import Generator
from loadtest.offers import EXTENSIONS, OPUS, VP8, VP8_RTX, Answer, Line, Offer, UnusableAnswer, read_answer
from loadtest.participant import JoinRefused, Participant
from loadtest.session import Audio, Candidate, Encoding, Layer, Session, Video

REQUEST_S = 60.0
_SDP = {"Content-Type": "application/sdp"}


SIMULCAST = (
    Encoding(rid="f", packets=6, keyframe_packets=18, payload=1000, width=1280, height=720),
    Encoding(rid="h", packets=2, keyframe_packets=6, payload=900, width=640, height=360),
    Encoding(rid="q", packets=1, keyframe_packets=2, payload=600, width=320, height=180),
)
"""Three layers, high to low as offers list them: about 1.5, 0.45 and 0.15 Mbit/s at 30 frames a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    encodings: Sequence[Encoding] = (Encoding(),)
    frames_per_second: int = 30
    spread: float = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Microphone:
    payload: int = 80
    packet_ms: int = 20
    """More than browsers' 20 is less to forward; the rest of a room stays as it is."""
    is_speaking: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A peer that was let in: its number in the generator's snapshot, and where to say goodbye."""

    number: int
    answered_after_s: float
    """From the request to the answer; times of the snapshot begin then."""
    session_url: str | None = None
    participant: Participant | None = None


class Driver:
    def __init__(
        self,
        url: str,
        generator: Generator,
        *,
        token: str | None = None,
        offers_are_full: bool = False,
        takes_runs: bool = False,
    ) -> None:
        """`offers_are_full`: with all the codecs that a browser lists; `takes_runs`: see the generator."""
        self._offers_are_full, self._takes_runs = offers_are_full, takes_runs
        self.url = url.rstrip("/")
        self.generator = generator
        self._token = token
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._stack = AsyncExitStack()
        self._participants: dict[int, Participant] = {}
        self._http: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        # A server under test shows a certificate that nobody has signed.
        connector = aiohttp.TCPConnector(limit=0, ssl=False)
        timeout = aiohttp.ClientTimeout(total=REQUEST_S)
        session = aiohttp.ClientSession(connector=connector, timeout=timeout, headers=self._headers)
        self._http = await self._stack.enter_async_context(session)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(participant.close() for participant in self._participants.values()))
        await self._stack.aclose()

    async def play(
        self, room: str, *, source: str | None = None, video: int = 1, audio: int = 1, timed: bool = False
    ) -> Peer:
        """A viewer by WHEP; `timed`: the kernel tells when its packets came."""
        path = f"/whep/{quote(room, safe='')}" + (f"?source={quote(source)}" if source else "")
        return await self._exchange(path, self._joining(video=video, audio=audio), timed=timed)

    async def publish(
        self, room: str, name: str, *, camera: Camera | None = None, microphone: Microphone | None = None
    ) -> Peer:
        """A publisher by WHIP."""
        path = f"/whip/{quote(room, safe='')}?name={quote(name)}"
        return await self._exchange(path, self._joining(camera=camera, microphone=microphone))

    async def join(
        self,
        room: str,
        name: str,
        *,
        camera: Camera | None = None,
        microphone: Microphone | None = None,
        video: int = 9,
        audio: int = 8,
        tile: tuple[int, int] = (640, 360),
        watches: bool = True,
        timed: bool = False,
    ) -> Peer:
        """A participant by `/ws`, with that many slots.

        If it watches, the first cameras that it is told of are in view, each in a tile of that size.
        """
        joining = self._joining(camera=camera, microphone=microphone, video=video, audio=audio)
        asked_at = time.monotonic()
        socket = await self._http.ws_connect(f"{self.url}/ws", max_msg_size=8 << 20)
        participant = Participant(socket, tiles=video if watches else 0, size=tile)
        try:
            answer = await participant.join(room, name, joining.offer.text(), joining.tracks, self._token)
        except BaseException:
            await participant.close()
            raise
        answered_after_s = time.monotonic() - asked_at
        joining.enter(answer, self.url, timed=timed, takes_runs=self._takes_runs)
        self._participants[joining.number] = participant
        return Peer(number=joining.number, answered_after_s=answered_after_s, participant=participant)

    async def leave(self, peer: Peer) -> None:
        if peer.participant is not None:
            del self._participants[peer.number]
            await peer.participant.leave()
        if peer.session_url is not None:
            async with self._http.delete(peer.session_url) as response:
                await response.read()
        self.generator.remove_peer(peer.number)

    def _joining(
        self,
        *,
        camera: Camera | None = None,
        microphone: Microphone | None = None,
        video: int = 0,
        audio: int = 0,
    ) -> "Joining":
        """With so many lines to receive on."""
        receives = [Line(kind="video", direction="recvonly")] * video
        receives += [Line(kind="audio", direction="recvonly")] * audio
        return Joining(
            self.generator, receives, camera=camera, microphone=microphone, is_full=self._offers_are_full
        )

    async def _exchange(self, path: str, joining: "Joining", *, timed: bool = False) -> Peer:
        asked_at = time.monotonic()
        async with self._http.post(self.url + path, data=joining.offer.text(), headers=_SDP) as response:
            text = await response.text()
            if response.status != 201:
                raise JoinRefused(f"{response.status} {text[:200]}")
            session_url = str(response.url.join(_location(response)))
        answered_after_s = time.monotonic() - asked_at
        joining.enter(text, self.url, timed=timed, takes_runs=self._takes_runs)
        return Peer(number=joining.number, answered_after_s=answered_after_s, session_url=session_url)


class Joining:
    """One peer between its offer and its answer."""

    def __init__(
        self,
        generator: Generator,
        receives: Sequence[Line],
        *,
        camera: Camera | None = None,
        microphone: Microphone | None = None,
        is_full: bool = False,
    ) -> None:
        self.number = generator.reserve()
        self._generator = generator
        self._camera, self._microphone = camera, microphone
        self.tracks: list[dict[str, object]] = []
        sends: list[Line] = []
        if microphone is not None:
            self._audio = self._audio_track(str(len(sends)), microphone)
            self.tracks.append({"mid": self._audio.mid, "source": "microphone", "live": True})
            sends.append(Line(kind="audio", direction="sendonly", ssrcs=[self._audio.ssrc]))
        if camera is not None:
            self._video = self._video_track(str(len(sends)), camera)
            self.tracks.append({"mid": self._video.mid, "source": "camera", "live": True})
            sends.append(self._video_line(camera))
        self.offer = Offer(
            ufrag=secrets.token_hex(4),
            password=secrets.token_hex(12),
            fingerprint=generator.fingerprint,
            cname=f"peer-{self.number}",
            session_id=self.number + 1,
            lines=[*sends, *receives],
            is_full=is_full,
        )

    def enter(self, answer_text: str, url: str, *, timed: bool = False, takes_runs: bool = False) -> Answer:
        """The answer is there: the peer begins to check."""
        answer = read_answer(answer_text)
        session = Session(
            candidate=_reachable(answer.candidates, url),
            local_ufrag=self.offer.ufrag,
            local_password=self.offer.password,
            remote_ufrag=answer.ufrag,
            remote_password=answer.password,
            is_dtls_client=answer.is_passive,
            remote_fingerprint=answer.fingerprint,
            cname=self.offer.cname,
            extensions=EXTENSIONS,
            streams=answer.streams,
            video=self._video if self._camera else None,
            audio=self._audio if self._microphone else None,
        )
        self._generator.add_peer(self.number, session, has_timestamps=timed, takes_runs=takes_runs)
        return answer

    def _ssrc(self, place: int) -> int:
        """16 for each peer; the upper half is for feedback."""
        return self.number << 4 | place

    def _audio_track(self, mid: str, microphone: Microphone) -> Audio:
        return Audio(
            mid=mid,
            ssrc=self._ssrc(15),
            payload_type=OPUS,
            payload=microphone.payload,
            packet_ms=microphone.packet_ms,
            is_speaking=microphone.is_speaking,
        )

    def _video_track(self, mid: str, camera: Camera) -> Video:
        layers = [
            Layer(ssrc=self._ssrc(2 * place + 1), rtx_ssrc=self._ssrc(2 * place + 2), **asdict(encoding))
            for place, encoding in enumerate(camera.encodings)
        ]
        return Video(
            mid=mid,
            payload_type=VP8,
            rtx_payload_type=VP8_RTX,
            # The lowest layer leaves first, as it is encoded first.
            layers=layers[::-1],
            frames_per_second=camera.frames_per_second,
            spread=camera.spread,
        )

    def _video_line(self, camera: Camera) -> Line:
        rids = [encoding.rid for encoding in camera.encodings if encoding.rid is not None]
        if rids:
            return Line(kind="video", direction="sendonly", rids=rids)
        return Line(kind="video", direction="sendonly", ssrcs=[self._ssrc(1), self._ssrc(2)])


def _reachable(candidates: Sequence[Candidate], url: str) -> Candidate:
    """The address that signalling reached too, if it is one of them; else the server's first choice."""
    if not candidates:
        raise UnusableAnswer("the answer has no UDP candidate")
    host = urlsplit(url).hostname
    same = (candidate for candidate in candidates if candidate.address == host)
    return next(same, candidates[0])


def _location(response: aiohttp.ClientResponse) -> yarl.URL:
    location = response.headers.get("Location")
    if location is None:
        raise UnusableAnswer("the answer has no Location")
    return yarl.URL(location)
