"""Chromium from the system, driven by Playwright."""

from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Playwright, async_playwright
from playwright.async_api import Page as PlaywrightPage

from tests.interop.browsers.page import DEADLINE_S, PROBES, Page

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--auto-accept-this-tab-capture",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--autoplay-policy=no-user-gesture-required",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class ChromiumPage(Page):
    def __init__(self, name: str, playwright: Playwright, browser: Browser, page: PlaywrightPage) -> None:
        super().__init__(name)
        self._playwright = playwright
        self._browser = browser
        self.page = page
        page.set_default_timeout(DEADLINE_S * 1000)

    @classmethod
    async def launch(
        cls, name: str, *, executable: str, flags: tuple[str, ...] = (), **context: Any
    ) -> "ChromiumPage":
        """A browser process of its own, with a fresh profile; `context` goes to Playwright's `new_context`."""
        playwright = await async_playwright().start()
        browser = await playwright.chromium.launch(executable_path=executable, args=[*FLAGS, *flags])
        options = {"ignore_https_errors": True, "locale": "en-US", **context}
        page = await (await browser.new_context(**options)).new_page()
        await page.add_init_script(PROBES)
        return cls(name, playwright, browser, page)

    async def goto(self, url: str) -> None:
        await self.page.goto(url)

    async def evaluate(self, expression: str) -> Any:
        return await self.page.evaluate(expression)

    async def press(self, button: str) -> None:
        await self.page.get_by_role("button", name=button, exact=True).click()

    async def fill(self, label: str, text: str) -> None:
        await self.page.get_by_role("textbox", name=label, exact=True).fill(text)

    async def screenshot(self, path: Path) -> None:
        await self.page.screenshot(path=path)

    async def close(self) -> None:
        await self._browser.close()
        await self._playwright.stop()

    async def kill(self) -> None:
        session = await self._browser.new_browser_cdp_session()
        try:
            await session.send("Browser.crash")
        except Exception:
            pass  # the crash takes the answer with it
        await self._playwright.stop()
