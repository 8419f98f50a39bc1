"""The pages: one built client for `/` and every room, and its files.

Files with a hash in their name are cached for ever; the page itself is asked for each time. Knows no room:
which one is shown is the client's business.
"""

from pathlib import Path

from aiohttp import web

from sfu.errors import NotFound

STATIC = Path(__file__).parent / "static"
_PAGE = "index.html"
_FOR_EVER = "public, max-age=31536000, immutable"
_NOT_BUILT = """<!doctype html><html lang="en"><title>sfu</title>
<h1>The client is not built</h1>
<p>The server runs, but its web page is missing. In a checkout, <code>make serve</code> builds it (it needs
Node 20 or newer); an installed package brings it along.</p></html>
"""


class Pages:
    def __init__(self, static: Path = STATIC) -> None:
        self._static = static

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self._page),
            web.get("/r/{room}", self._page),
            web.get(r"/assets/{file:[\w-][\w.-]*}", self._asset),
            web.get(r"/{file:[\w-][\w-]*\.[\w.-]+}", self._file),
        ]

    async def _page(self, _: web.Request) -> web.StreamResponse:
        path = self._static / _PAGE
        if not path.is_file():
            return web.Response(text=_NOT_BUILT, content_type="text/html", status=503)
        return web.FileResponse(path, headers={"Cache-Control": "no-cache"})

    async def _asset(self, request: web.Request) -> web.StreamResponse:
        return self._answer(self._static / "assets" / request.match_info["file"], _FOR_EVER)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        return self._answer(self._static / request.match_info["file"], "no-cache")

    def _answer(self, path: Path, caching: str) -> web.StreamResponse:
        if not path.is_file():
            raise NotFound(f"There is no file {path.name}.")
        return web.FileResponse(path, headers={"Cache-Control": caching})
