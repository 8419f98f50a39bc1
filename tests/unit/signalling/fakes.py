"""Everything around a dialogue, without a socket, a loop or media."""

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sfu.auth.authenticator import Authenticator
from sfu.auth.tokens import Tokens
from sfu.chat.chat import Chat
from sfu.clock import ManualClock
from sfu.errors import BadOffer
from sfu.join.lobby import Preparation
from sfu.join.requests import Joined, JoinRequest, SessionHandle, TrackHint
from sfu.limits import Limits
from sfu.rooms.ports import SlotId, SourceId, TransportId
from sfu.signalling.dialogue import Dialogue, Entrance
from sfu.signalling.handlers import Desk
from sfu.signalling.outlet import CloseCode
from sfu.signalling.rate import RateLimit
from sfu.signalling.sessions import Sessions
from tests.unit.rooms.fakes import World

SECRET = b"a secret of at least thirty-two bytes"


@dataclass(eq=False)
class FakeTimer:
    at: float
    callback: Callable[[], None]
    is_cancelled: bool = False

    def cancel(self) -> None:
        self.is_cancelled = True


class FakeTimers:
    """Fire when the test turns the clock."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._timers: list[FakeTimer] = []

    def call_later(self, delay: float, callback: Callable[[], None]) -> FakeTimer:
        timer = FakeTimer(self._clock.monotonic() + delay, callback)
        self._timers.append(timer)
        return timer

    @property
    def waiting(self) -> int:
        return sum(not timer.is_cancelled for timer in self._timers)

    def advance(self, seconds: float) -> None:
        end = self._clock.monotonic() + seconds
        while due := [t for t in self._timers if not t.is_cancelled and t.at <= end]:
            timer = min(due, key=lambda one: one.at)
            self._timers.remove(timer)
            self._clock.advance(max(0.0, timer.at - self._clock.monotonic()))
            timer.callback()
        self._clock.advance(end - self._clock.monotonic())


class FakeOutlet:
    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.code: CloseCode | None = None

    def send(self, frame: bytes) -> None:
        self.frames.append(json.loads(frame))

    def close(self, code: CloseCode) -> None:
        self.code = self.code or code

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["type"] == kind]


@dataclass(eq=False)
class FakePreparation:
    answer: str
    is_over: bool = False


class FakeJoiner:
    """Joins without SDP: a source for each track, three video slots. `bad` is a bad offer."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.requests: list[JoinRequest] = []
        self.prepared: list[FakePreparation] = []

    def join(self, request: JoinRequest) -> Joined:
        self.requests.append(request)
        if request.sdp == "bad":
            raise BadOffer("That is no offer.")
        room, participant = self._world.rooms.join(
            request.room, name=request.grant.name or request.name, role=request.grant.role
        )
        room.attach_transport(participant.id, TransportId(self._world.number()))
        return self._filled(SessionHandle(participant.id, "participant", room), request.tracks, 3)

    def prepare(self, request: JoinRequest) -> Preparation:
        self.requests.append(request)
        if request.sdp == "bad":
            raise BadOffer("That is no offer.")
        self._world.rooms.check_entry(request.room, request.grant.role)
        preparation = FakePreparation(answer=f"answer to {request.sdp}")
        self.prepared.append(preparation)
        return preparation  # type: ignore[return-value]

    def enter(self, request: JoinRequest, preparation: Preparation) -> Joined:
        assert not preparation.is_over
        preparation.is_over = True
        return self.join(request)

    def drop(self, preparation: Preparation) -> None:
        assert not preparation.is_over
        preparation.is_over = True

    def renegotiate(
        self, handle: SessionHandle, sdp: str, tracks: Sequence[TrackHint], reached_at: str | None = None
    ) -> Joined:
        if sdp == "bad":
            raise BadOffer("That is no offer.")
        return self._filled(handle, tracks, 5)

    def _filled(self, handle: SessionHandle, tracks: Sequence[TrackHint], slots: int) -> Joined:
        for track in tracks:
            handle.room.publish(handle.id, track.source, SourceId(self._world.number()), track.live)
        mids = tuple(f"v{index}" for index in range(slots))
        handle.room.attach_slots(handle.id, [(SlotId(self._world.number()), mid) for mid in mids], ["a0"])
        return Joined(session=handle, answer="answer", audio_mids=("a0",), video_mids=mids)


class Person:
    """A client: talks through a dialogue, reads its outlet."""

    def __init__(self, house: "House") -> None:
        self.house = house
        self.outlet = FakeOutlet()
        desk = Desk(house.joiner, house.chat, "127.0.0.1")
        limit = RateLimit(house.world.clock, per_s=50, burst=100)
        self.dialogue = Dialogue(self.outlet, house.entrance, desk, limit, house.timers)
        self._ids = itertools.count(1)
        self.joined: dict[str, Any] = {}

    @property
    def id(self) -> str:
        return str(self.joined["participant"])

    @property
    def events(self) -> list[dict[str, Any]]:
        return [frame for frame in self.outlet.frames if "seq" in frame and "id" not in frame]

    def say(self, kind: str, **fields: Any) -> None:
        self.dialogue.on_text(json.dumps({"type": kind, **fields}))

    def ask(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The one reply."""
        id_ = next(self._ids)
        self.say(kind, id=id_, **fields)
        replies = [frame for frame in self.outlet.frames if frame.get("id") == id_]
        assert len(replies) == 1, replies
        return replies[0]

    def join(self, name: str = "Ada", *live: str, **fields: Any) -> dict[str, Any]:
        tracks = [{"mid": str(i), "source": source, "live": True} for i, source in enumerate(live)]
        reply = self.ask(
            "join", **{"room": "lobby", "name": name, "sdp": "offer", "tracks": tracks, **fields}
        )
        self.joined = reply
        return reply

    def resume(self, before: "Person", last_seq: int) -> dict[str, Any]:
        reply = self.ask("resume", session=before.joined["session"], last_seq=last_seq)
        self.joined = reply
        return reply


class House:
    def __init__(self, *, mode: str = "open", limits: Limits | None = None) -> None:
        limits = limits or Limits()
        self.world = World(is_open=mode == "open", limits=limits)
        self.timers = FakeTimers(self.world.clock)
        ids, secrets = itertools.count(1), itertools.count(1)
        self.chat = Chat(limits, clock=self.world.clock, new_id=lambda: f"m{next(ids)}")
        self.sessions = Sessions(
            self.timers, new_secret=lambda: f"secret-{next(secrets)}", resume_s=limits.resume_s
        )
        self.tokens = Tokens(SECRET, clock=self.world.clock)
        authenticator = Authenticator(mode, self.tokens)  # type: ignore[arg-type]
        self.joiner = FakeJoiner(self.world)
        self.entrance = Entrance(self.world.rooms, authenticator, self.sessions)
        self.world.rooms.add_observer(self.sessions)
        self.world.rooms.add_observer(self.chat)
        self.chat.add_listener(self.sessions)

    def person(self) -> Person:
        return Person(self)

    def joined(self, name: str = "Ada", *live: str, **fields: Any) -> Person:
        person = self.person()
        assert person.join(name, *live, **fields)["type"] == "joined", person.outlet.frames
        return person
