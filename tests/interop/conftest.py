"""Real browsers for interoperability tests, and a server that they reach by one of this host's own addresses.

Firefox gathers no loopback candidate while another interface is up, so loopback alone would not do.
"""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ifaddr
import pytest
import yarl

from tests.interop.browsers.chromium import ChromiumPage
from tests.interop.browsers.display import Display
from tests.interop.browsers.firefox import FirefoxPage
from tests.interop.browsers.page import Page
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

    def room(self, name: str) -> str:
        return str(yarl.URL(self.server.url).with_host(own_address()) / "r" / name)

    async def chromium(self, name: str, *, flags: tuple[str, ...] = (), **context: Any) -> ChromiumPage:
        path = executable("chromium", "chromium-browser", "google-chrome")
        page = await ChromiumPage.launch(name, executable=path, flags=flags, **context)
        self.pages.append(page)
        return page

    async def firefox(self, name: str) -> FirefoxPage:
        self.display = self.display or await Display.start()
        path = executable("firefox-esr", "firefox")
        page = await FirefoxPage.launch(name, executable=path, display=self.display.name)
        self.pages.append(page)
        return page

    async def close(self) -> None:
        for page in self.pages:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(page.close(), 20)
        if self.display:
            await self.display.stop()

    async def picture(self, test: str) -> None:
        ARTIFACTS.mkdir(exist_ok=True)
        for page in self.pages:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(page.screenshot(ARTIFACTS / f"{test}-{page.name}.png"), 10)


@pytest.fixture
async def host_server() -> AsyncIterator[RunningServer]:
    """HTTPS on all addresses, as `make serve` starts it: browsers give cameras to secure pages only."""
    async with running_server(tls="auto", host="0.0.0.0") as running:
        yield running


@pytest.fixture
async def cast(host_server: RunningServer, request: pytest.FixtureRequest) -> AsyncIterator[Cast]:
    cast = Cast(host_server)
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


Launch = Callable[[str], Awaitable[Page]]
