"""Is the process alive, do packets really flow, and what do the counters say.

`/healthz/media` makes a round trip through the media port as a peer would (ICE, DTLS, RTP), so it is dear:
one at a time, and its result holds for some seconds however many ask.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from aiohttp import web

from sfu.clock import Clock

_HOLDS_S = 5.0


class Probed(Protocol):
    """What a probe found; :class:`sfu.media.probe.ProbeResult`."""

    @property
    def ok(self) -> bool: ...
    @property
    def detail(self) -> str: ...
    @property
    def round_trip_s(self) -> float | None: ...


Probe = Callable[[], Awaitable[Probed]]


class Health:
    def __init__(
        self,
        *,
        probe: Probe,
        metrics: Callable[[], Awaitable[bytes]],
        draining: Callable[[], bool],
        clock: Clock,
    ) -> None:
        self._probe = probe
        self._metrics = metrics
        self._draining = draining
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._last: tuple[float, Probed] | None = None

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/healthz", self._process),
            web.get("/healthz/media", self._media),
            web.get("/metrics", self._exposition),
        ]

    async def _process(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "draining" if self._draining() else "ok"}, headers=_UNCACHED)

    async def _media(self, _: web.Request) -> web.Response:
        probed = await self._probed()
        body = {
            "status": "ok" if probed.ok else "failed",
            "detail": probed.detail,
            "round_trip_s": probed.round_trip_s,
        }
        return web.json_response(body, status=200 if probed.ok else 503, headers=_UNCACHED)

    async def _exposition(self, _: web.Request) -> web.Response:
        # The text format of Prometheus, version 0.0.4.
        headers = {**_UNCACHED, "Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        return web.Response(body=await self._metrics(), headers=headers)

    async def _probed(self) -> Probed:
        async with self._one_at_a_time:
            now = self._clock.monotonic()
            if self._last is None or now - self._last[0] >= _HOLDS_S:
                self._last = (now, await self._probe())
            return self._last[1]


_UNCACHED = {"Cache-Control": "no-store"}
