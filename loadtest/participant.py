"""One participant's signalling session: `join`, what is in view, `leave`. Knows no media.

Sees the first of the others' cameras that it is told of, as many as it has slots, as a page with a full
screen would.
"""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from typing import Any

import aiohttp

# A page asks again for its view when the layout has settled, not with each event of a storm of joins.
VIEW_SETTLES_S = 0.1


class JoinRefused(Exception):
    """The server did not let a peer in; its words."""


class Participant:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse, *, tiles: int, size: tuple[int, int]) -> None:
        self._socket = socket
        self._tiles, self._size = tiles, size
        self._id = ""
        self._cameras: dict[str, str] = {}
        """Others' live cameras by track, with their owner."""
        self._shown: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_settling = False

    async def join(
        self, room: str, name: str, offer: str, tracks: Sequence[dict[str, object]], token: str | None
    ) -> str:
        """The answer."""
        credentials = {"token": token} if token else {}
        await self._socket.send_json(
            {
                "type": "join",
                "id": 1,
                "room": room,
                "name": name,
                "sdp": offer,
                "tracks": tracks,
                **credentials,
            }
        )
        reply = await self._reply()
        self._id = reply["participant"]
        for person in reply["participants"]:
            for track in person["tracks"]:
                self._note(person["id"], track)
        self._start(self._read())
        self._settle()
        answer: str = reply["sdp"]
        return answer

    async def leave(self) -> None:
        with contextlib.suppress(ConnectionError):
            await self._socket.send_json({"type": "leave"})
        await self.close()

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await self._socket.close()

    async def _reply(self) -> dict[str, Any]:
        """The first answer; events that come before it are in the state that it tells."""
        async for message in self._socket:
            body: dict[str, Any] = json.loads(message.data)
            if body["type"] == "error":
                raise JoinRefused(f"{body['code']}: {body['message']}")
            if body["type"] == "joined":
                return body
        raise JoinRefused(f"the server closed the connection ({self._socket.close_code})")

    async def _read(self) -> None:
        async for message in self._socket:
            # Most events of a large room say nothing of cameras, and parsing them is our cost alone.
            is_text = message.type is aiohttp.WSMsgType.TEXT
            if is_text and ('"track' in message.data or '"participant_left"' in message.data):
                self._take(json.loads(message.data))

    def _take(self, event: dict[str, Any]) -> None:
        before = list(self._cameras)
        match event["type"]:
            case "participant_joined":
                person = event["participant"]
                for track in person["tracks"]:
                    self._note(person["id"], track)
            case "track_published" | "track_updated":
                self._note(event["participant"], event["track"])
            case "participant_left":
                gone = event["participant"]
                self._cameras = {track: owner for track, owner in self._cameras.items() if owner != gone}
        if list(self._cameras) != before:
            self._settle()

    def _note(self, owner: str, track: dict[str, Any]) -> None:
        if track["source"] != "camera" or owner == self._id:
            return
        if track["live"]:
            self._cameras[track["id"]] = owner
        else:
            self._cameras.pop(track["id"], None)

    def _settle(self) -> None:
        if not self._is_settling and self._tiles:
            self._is_settling = True
            self._start(self._view())

    async def _view(self) -> None:
        await asyncio.sleep(VIEW_SETTLES_S)
        self._is_settling = False
        wanted = list(self._cameras)[: self._tiles]
        if wanted == self._shown:
            return
        self._shown = wanted
        width, height = self._size
        tiles = [{"track": track, "width": width, "height": height} for track in wanted]
        with contextlib.suppress(ConnectionError):
            await self._socket.send_json({"type": "set_view", "tiles": tiles})

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
