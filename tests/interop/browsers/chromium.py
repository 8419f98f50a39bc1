"""Chromium from the system, driven by Playwright."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, CDPSession, Playwright, async_playwright
from playwright.async_api import Page as PlaywrightPage

from tests.interop.browsers.page import PROBES, START_S, Page
from tests.waiting import DEADLINE_S

# 15 frames a second halve what the tests' cameras cost; two cores carry four browsers.
DEVICES = ("--use-fake-device-for-media-stream=fps=15", "--use-fake-ui-for-media-stream")
NO_DEVICES = ("--use-fake-ui-for-media-stream",)
NOT_ASKED = ("--use-fake-device-for-media-stream=fps=15",)
"""Devices are there, and permission is a matter between the browser and the page: see `deny`."""
DENIED = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream=deny")

VIEWPORT = {"width": 960, "height": 600}

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--auto-accept-this-tab-capture",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--autoplay-policy=no-user-gesture-required",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Chromium:
    """One browser process; its pages share nothing but the process."""

    def __init__(self, playwright: Playwright, browser: Browser) -> None:
        self._playwright = playwright
        self._browser = browser

    @classmethod
    async def launch(cls, executable: str, devices: tuple[str, ...] = DEVICES) -> "Chromium":
        playwright = await async_playwright().start()
        browser = await playwright.chromium.launch(
            executable_path=executable, args=[*FLAGS, *devices], timeout=START_S * 1000
        )
        return cls(playwright, browser)

    async def page(self, name: str, **context: Any) -> "ChromiumPage":
        """A page with a fresh profile; `context` goes to Playwright's `new_context`."""
        options = {"ignore_https_errors": True, "locale": "en-US", "viewport": VIEWPORT, **context}
        page = await (await self._browser.new_context(**options)).new_page()
        await page.add_init_script(PROBES)
        return ChromiumPage(name, self, page)

    async def session(self) -> CDPSession:
        return await self._browser.new_browser_cdp_session()

    async def close(self) -> None:
        await self._browser.close()
        await self._playwright.stop()

    async def kill(self) -> None:
        """The process ends at once: its pages can tell nobody."""
        session = await self.session()
        with contextlib.suppress(Exception):  # the crash takes the answer with it
            await asyncio.wait_for(session.send("Browser.crash"), 5)
        await self._playwright.stop()


class ChromiumPage(Page):
    def __init__(self, name: str, browser: Chromium, page: PlaywrightPage) -> None:
        super().__init__(name)
        self._browser = browser
        self.page = page
        page.set_default_timeout(DEADLINE_S * 1000)

    async def goto(self, url: str) -> None:
        await self.page.goto(url)

    async def deny(self, origin: str, *permissions: str) -> None:
        """As a person who has said no, once and for all, to what this page asks for."""
        own = await self.page.context.new_cdp_session(self.page)
        context = (await own.send("Target.getTargetInfo"))["targetInfo"]["browserContextId"]
        session = await self._browser.session()
        for name in permissions:
            denied = {"permission": {"name": name}, "setting": "denied"}
            where = {"origin": origin, "browserContextId": context}
            await session.send("Browser.setPermission", denied | where)

    async def evaluate(self, expression: str) -> Any:
        return await self.page.evaluate(expression)

    async def press(self, button: str) -> None:
        await self.page.get_by_role("button", name=button, exact=True).click()

    async def fill(self, label: str, text: str) -> None:
        await self.page.get_by_role("textbox", name=label, exact=True).fill(text)

    async def screenshot(self, path: Path) -> None:
        await self.page.screenshot(path=path)

    async def close(self) -> None:
        await self.page.context.close()

    async def kill(self) -> None:
        await self._browser.kill()
