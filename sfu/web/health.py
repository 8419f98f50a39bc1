"""Is the process alive, do packets really flow, and what do the counters say.

`/healthz/media` tells of the last round trip through the media port as a peer would make it (ICE, DTLS, RTP);
somebody else makes one every few seconds, so answers are cheap, however many ask.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from aiohttp import web


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
    ) -> None:
        self._probe = probe
        self._metrics = metrics
        self._draining = draining

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/healthz", self._process),
            web.get("/healthz/media", self._media),
            web.get("/metrics", self._exposition),
        ]

    async def _process(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "draining" if self._draining() else "ok"}, headers=_UNCACHED)

    async def _media(self, _: web.Request) -> web.Response:
        probed = await self._probe()
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


_UNCACHED = {"Cache-Control": "no-store"}
