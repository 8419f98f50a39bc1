"""Real browsers for interoperability tests, and a server that they reach by one of this host's own addresses.

Firefox gathers no loopback candidate while another interface is up, so loopback alone would not do.
"""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import ifaddr
import pytest
import yarl

from tests.interop.browsers.chromium import DEVICES, Chromium, ChromiumPage
from tests.interop.browsers.display import Display
from tests.interop.browsers.firefox import FirefoxPage
from tests.interop.browsers.page import Page
from tests.peers import Peer
from tests.server import RunningServer, running_server

ARTIFACTS = Path(__file__).parents[1] / "artifacts"


def own_address() -> str:
    """An IPv4 address of this host, not the loopback's where there is another."""
    addresses = [ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips if isinstance(ip.ip, str)]
    return next((a for a in addresses if not a.startswith(("127.", "169.254."))), "127.0.0.1")


def executable(*names: str) -> str:
    """The installed browser; its absence is a failure, since a skipped browser test proves nothing."""
    for name in names:
        if path := shutil.which(name):
            return path
    pytest.fail(f"none of {names} is installed: `make test` installs it")


@dataclass
class Cast:
    """Opens browsers and closes them all; takes a picture of each when the test has failed."""

    server: RunningServer
    pages: list[Page] = field(default_factory=list)
    display: Display | None = None
    browsers: dict[object, Chromium] = field(default_factory=dict)
    launching: asyncio.Lock = field(default_factory=asyncio.Lock)

    def url(self, path: str = "/") -> str:
        return str(yarl.URL(self.server.url).with_host(own_address()).with_path(path))

    def room(self, name: str) -> str:
        return self.url(f"/r/{name}")

    async def chromium(
        self, name: str, *, alone: bool = False, devices: tuple[str, ...] = DEVICES, **context: Any
    ) -> ChromiumPage:
        """A page that shares its browser with the test's others, or is `alone` in a process of its own."""
        key: object = name if alone else devices
        async with self.launching:
            if key not in self.browsers:
                path = executable("chromium", "chromium-browser", "google-chrome")
                self.browsers[key] = await Chromium.launch(path, devices)
        page = await self.browsers[key].page(name, **context)
        self.pages.append(page)
        return page

    def peer(self, room: str, name: str, **options: Any) -> contextlib.AbstractAsyncContextManager[Peer]:
        """A participant without a browser, which costs a tenth of one."""
        return Peer.joined(replace(self.server, url=self.url()), room, name, **options)

    async def firefox(self, name: str) -> FirefoxPage:
        self.display = self.display or await Display.start()
        path = executable("firefox-esr", "firefox")
        page = await FirefoxPage.launch(name, executable=path, display=self.display.name)
        self.pages.append(page)
        return page

    async def close(self) -> None:
        for closing in (
            *(page for page in self.pages if isinstance(page, FirefoxPage)),
            *self.browsers.values(),
        ):
            with contextlib.suppress(Exception):
                await asyncio.wait_for(closing.close(), 20)
        if self.display:
            await self.display.stop()

    async def picture(self, test: str) -> None:
        ARTIFACTS.mkdir(exist_ok=True)
        for page in self.pages:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(page.screenshot(ARTIFACTS / f"{test}-{page.name}.png"), 10)


@pytest.fixture
async def cast(request: pytest.FixtureRequest) -> AsyncIterator[Cast]:
    async with acting_before(request) as cast:
        yield cast


@pytest.fixture
async def hasty_cast(request: pytest.FixtureRequest) -> AsyncIterator[Cast]:
    """The server waits five seconds, not thirty, for those who were cut."""
    async with acting_before(request, "--limits-resume-s", "5") as cast:
        yield cast


@pytest.fixture
async def patient_cast(request: pytest.FixtureRequest) -> AsyncIterator[Cast]:
    """The server lets running calls go on for ten minutes once it is to stop."""
    async with acting_before(request, "--drain-timeout", "600") as cast:
        yield cast


@pytest.fixture
async def generous_cast(request: pytest.FixtureRequest) -> AsyncIterator[Cast]:
    """Everybody is sent what the layout asks for: a machine that stalls looks like a narrow link for a while."""
    async with acting_before(request, "--media-adaptation", "false") as cast:
        yield cast


@contextlib.asynccontextmanager
async def acting_before(request: pytest.FixtureRequest, *options: str) -> AsyncIterator[Cast]:
    """HTTPS on all addresses, as `make serve` starts it: browsers give cameras to secure pages only."""
    async with (
        running_server(*options, tls="auto", host="0.0.0.0") as server,
        acting(server, request) as cast,
    ):
        yield cast


@contextlib.asynccontextmanager
async def acting(server: RunningServer, request: pytest.FixtureRequest) -> AsyncIterator[Cast]:
    cast = Cast(server)
    try:
        yield cast
        report = getattr(request.node, "call_report", None)
        if report is None or report.failed:
            await cast.picture(request.node.name)
    finally:
        await cast.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    report = (yield).get_result()
    if report.when == "call":
        item.call_report = report  # type: ignore[attr-defined]


async def together(*steps: Awaitable[Any]) -> list[Any]:
    """All at once, as people do; the first failure is raised."""
    return list(await asyncio.gather(*steps))
