"""The composition root: builds every object once, mounts the doors, starts and stops. No more than that."""

import asyncio
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import prometheus_client
from aiohttp import web

from sfu import config as configuration
from sfu.auth import secrets
from sfu.auth.authenticator import Authenticator
from sfu.auth.origin import OriginPolicy
from sfu.auth.tokens import Tokens
from sfu.clock import Clock, SystemClock
from sfu.config import Config
from sfu.log import get_logger
from sfu.web import listen, responses, tls
from sfu.web.health import Health, Probed
from sfu.web.pages import Pages

log = get_logger(__name__)

# Connections that are still open once all calls have ended get this long.
_CLOSE_S = 2.0


def run(config: Config) -> int:
    """Serve until told to stop; the process's exit code."""
    factory = None
    if sys.platform != "win32":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_serve(config))
    return 0


async def _serve(config: Config) -> None:
    stop = StopSignals()
    server = await Server.start(config, SystemClock())
    try:
        print(f"Ready: {server.url}", flush=True)  # noqa: T201 - the contract with whoever starts us
        await stop.first.wait()
        await server.drain(stop.second)
    finally:
        await server.close()


class StopSignals:
    """The first SIGTERM or SIGINT asks for an end once calls are over, the second for one now."""

    def __init__(self) -> None:
        self.first = asyncio.Event()
        self.second = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._received)

    def _received(self) -> None:
        (self.second if self.first.is_set() else self.first).set()


@dataclass(slots=True)
class Server:
    url: str
    runner: web.AppRunner
    drain_timeout_s: float

    @classmethod
    async def start(cls, config: Config, clock: Clock) -> "Server":
        data_dir = configuration.data_dir(config.process)
        application = _application(config, data_dir, clock)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=_CLOSE_S)
        await runner.setup()
        url = await _listen(config, data_dir, runner)
        return cls(url, runner, config.process.drain_timeout)

    async def drain(self, now: asyncio.Event) -> None:
        """No new joins; running calls go on until the last has ended, the time is over or `now`."""

    async def close(self) -> None:
        await self.runner.cleanup()


def _application(config: Config, data_dir: Path, clock: Clock) -> web.Application:
    tokens = Tokens(secrets.load_or_create(data_dir), clock=clock)
    _authenticator = Authenticator(config.auth.mode, tokens)
    _origins = OriginPolicy(config.auth.origins)
    health = Health(probe=_no_media, metrics=_metrics, draining=lambda: False, clock=clock)
    application = web.Application(
        middlewares=[responses.errors_as_json], client_max_size=config.limits.api_body_bytes
    )
    application.on_response_prepare.append(responses.add_security_headers)
    doors: Sequence[list[web.RouteDef]] = [Pages().routes(), health.routes()]
    for routes in doors:
        application.add_routes(routes)
    return application


@dataclass(frozen=True, slots=True)
class _NoMedia:
    ok: bool = False
    detail: str = "The media plane is not built in yet."
    round_trip_s: float | None = None


async def _no_media() -> Probed:
    return _NoMedia()


async def _metrics() -> bytes:
    return prometheus_client.generate_latest()


async def _listen(config: Config, data_dir: Path, runner: web.AppRunner) -> str:
    context = tls.context(config.web, data_dir, config.media.public_address)
    sockets = listen.listen(config.web.host, config.web.port)
    for each in sockets:
        await web.SockSite(runner, each, ssl_context=context).start()
    port = sockets[0].getsockname()[1]
    return listen.url(config.web.host, port, secure=context is not None)
