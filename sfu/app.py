"""The composition root: builds every object once, mounts the doors, starts and stops. No more than that."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aiohttp import web

from sfu import config as configuration
from sfu import ids
from sfu.auth import secrets
from sfu.auth.authenticator import Authenticator
from sfu.auth.origin import OriginPolicy
from sfu.auth.tokens import Tokens
from sfu.chat.chat import Chat
from sfu.clock import Clock, SystemClock
from sfu.config import Config
from sfu.join import Joiner
from sfu.limits import Limits
from sfu.log import get_logger
from sfu.media.collector import MediaCollector
from sfu.media.plane import MediaPlane
from sfu.media.socket_drops import SocketDrops
from sfu.metrics import Metrics
from sfu.rooms.events import ParticipantJoined, RoomEvent, ViewerJoined
from sfu.rooms.room import Room
from sfu.rooms.rooms import Rooms
from sfu.signalling.door import SignallingDoor
from sfu.signalling.sessions import Sessions
from sfu.stopping import StopSignals, drain
from sfu.turns import Turns
from sfu.web import addresses, listen, responses, strangers, tls
from sfu.web.api import Api
from sfu.web.health import Health
from sfu.web.pages import Pages
from sfu.whip.door import WhipDoor

log = get_logger(__name__)

# HTTP connections that are still open once all calls have ended get this long.
_CLOSE_S = 2.0
# For a connection that has not said its first request, and between requests; aiohttp's own is an hour. Longer
# than proxies keep theirs (60 s), so that it is the proxy who hangs up and loses no request by it.
_IDLE_S = 75.0


def run(config: Config) -> int:
    """Serve until told to stop; the process's exit code."""
    factory = None
    if sys.platform != "win32":
        import uvloop

        factory = uvloop.new_event_loop
        _raise_descriptor_limit()
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(_serve(config, SystemClock()))


def _raise_descriptor_limit() -> None:
    """Every WebSocket is one descriptor, and systems begin with 1024 for the sake of select()."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS says "unlimited" and does not mean it
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _serve(config: Config, clock: Clock) -> int:
    stop = StopSignals()
    data_dir = configuration.data_dir(config.process)
    async with contextlib.AsyncExitStack() as stack:
        core = await Core.start(config, data_dir, clock, stack)
        core.media.when_failed(stop.at_once)
        url = await _listen(config, data_dir, core, stack)
        print(f"Ready: {url}", flush=True)  # noqa: T201 - the contract with whoever starts us
        await stop.first.wait()
        await drain(core.rooms, config.process.drain_timeout, stop.second)
    log.info("stopped")
    # Whoever started us can tell a crash from an end, and start us anew.
    return 1 if core.media.has_failed else 0


# -- building -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Core:
    """What the doors share."""

    config: Config
    clock: Clock
    authenticator: Authenticator
    media: MediaPlane
    rooms: Rooms
    joiner: Joiner
    metrics: Metrics

    @classmethod
    async def start(
        cls, config: Config, data_dir: Path, clock: Clock, stack: contextlib.AsyncExitStack
    ) -> "Core":
        """`stack` takes what must be stopped, in the reverse order of its start."""
        tokens = Tokens(secrets.load_or_create(data_dir), clock=clock)
        media = await MediaPlane.start(config.media, clock=clock, limits=config.limits)
        stack.push_async_callback(media.close)
        is_open = config.auth.mode == "open"
        rooms = Rooms(media, config.limits, clock=clock, new_id=ids.public_id, is_open=is_open)
        metrics = _metrics(media, rooms, config.limits)
        await stack.enter_async_context(_running(metrics.watch_event_loop()))
        await stack.enter_async_context(_running(media.watch.run()))
        return cls(
            config=config,
            clock=clock,
            authenticator=Authenticator(config.auth.mode, tokens),
            media=media,
            rooms=rooms,
            joiner=Joiner(rooms, media, config.limits),
            metrics=metrics,
        )


class Door(Protocol):
    def routes(self) -> list[web.RouteDef]: ...


def _doors(core: Core, sessions: Sessions, chat: Chat) -> list[Door]:
    rooms, limits, authenticator = core.rooms, core.config.limits, core.authenticator
    turns = Turns()
    return [
        Pages(),
        Api(rooms=rooms, media=core.media, authenticator=authenticator),
        Health(
            probe=core.media.watch.verdict,
            metrics=core.metrics.render,
            draining=lambda: rooms.is_draining,
        ),
        SignallingDoor(
            rooms=rooms,
            joiner=core.joiner,
            chat=chat,
            sessions=sessions,
            authenticator=authenticator,
            origins=OriginPolicy(core.config.auth.origins),
            limits=limits,
            clock=core.clock,
            turns=turns,
        ),
        WhipDoor(joiner=core.joiner, authenticator=authenticator, sdp_limit=limits.sdp_bytes, turns=turns),
    ]


def _talking(core: Core) -> tuple[Sessions, Chat]:
    """Who is connected and what they write; both follow the rooms."""
    limits = core.config.limits
    sessions = Sessions(asyncio.get_running_loop(), new_secret=ids.secret, resume_s=limits.resume_s)
    chat = Chat(limits, clock=core.clock, new_id=ids.public_id)
    chat.add_listener(sessions)
    core.rooms.add_observer(chat)
    core.rooms.add_observer(sessions)
    return sessions, chat


def _metrics(media: MediaPlane, rooms: Rooms, limits: Limits) -> Metrics:
    metrics = Metrics()
    metrics.add_collector(MediaCollector(media, SocketDrops(media.port)))
    metrics.before_scrape(media.snapshot)
    metrics.add_gauge("sfu_rooms", "Open rooms.", lambda: len(rooms))
    metrics.add_gauge(
        "sfu_participants", "In all rooms.", lambda: sum(len(each.participants) for each in rooms)
    )
    metrics.add_gauge("sfu_viewers", "By WHEP, in all rooms.", lambda: sum(each.viewers for each in rooms))
    metrics.add_gauge("sfu_rooms_limit", "Rooms that may be open at once.", lambda: limits.rooms)
    metrics.add_gauge(
        "sfu_transports_limit", "Media connections that may be open at once.", lambda: limits.transports
    )
    metrics.add_gauge("sfu_draining", "1: no more joins; ends with the last call.", lambda: rooms.is_draining)
    rooms.add_observer(JoinCounter(metrics))
    return metrics


class JoinCounter:
    """Counts who came in by which door."""

    def __init__(self, metrics: Metrics) -> None:
        self._joins = metrics.joins

    def on_room_event(self, room: Room, event: RoomEvent) -> None:
        match event:
            case ParticipantJoined(participant):
                joined = room.find(participant)
                is_whip = joined is not None and joined.kind == "whip"
                self._joins["whip" if is_whip else "signalling"] += 1
            case ViewerJoined():
                self._joins["whep"] += 1


# -- serving --------------------------------------------------------------------------------------


async def _listen(config: Config, data_dir: Path, core: Core, stack: contextlib.AsyncExitStack) -> str:
    """Opens the doors; the URL for a person on this machine."""
    context = tls.context(config.web, data_dir, config.media.public_address)
    strangers.keep_out_of_log()
    sockets = listen.listen(config.web.host, config.web.port)
    sessions, chat = _talking(core)
    runner = web.AppRunner(
        _application(config.limits.api_body_bytes, _doors(core, sessions, chat)),
        access_log=None,
        keepalive_timeout=_IDLE_S,
        shutdown_timeout=_CLOSE_S,
    )
    stack.push_async_callback(runner.cleanup)
    # Before the connections end, those on them are told why.
    stack.callback(sessions.stop)
    await runner.setup()
    for each in sockets:
        await web.SockSite(runner, each, ssl_context=context).start()
    return _told(config, sockets[0].getsockname()[1], secure=context is not None)


def _application(body_bytes: int, doors: list[Door]) -> web.Application:
    application = web.Application(middlewares=[responses.errors_as_json], client_max_size=body_bytes)
    application.on_response_prepare.append(responses.add_security_headers)
    for door in doors:
        application.add_routes(door.routes())
    return application


def _told(config: Config, port: int, *, secure: bool) -> str:
    for url in addresses.urls(config.web.host, port, secure=secure, public=config.media.public_address):
        log.info("can be opened", url=url)
    return addresses.ready_url(config.web.host, port, secure=secure)


@contextlib.asynccontextmanager
async def _running(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """`work` goes on in the background until the context ends."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
