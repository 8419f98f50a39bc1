"""Stock Firefox from the system, driven by WebDriver BiDi over its own WebSocket.

Playwright needs a patched Firefox; the BiDi that the stock one speaks is small enough to be spoken directly
(https://w3c.github.io/webdriver-bidi/).
"""

import asyncio
import base64
import contextlib
import itertools
import json
import os
import re
import tempfile
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from typing import Any

import aiohttp

from tests.interop.browsers.page import PROBES, START_S, Page
from tests.waiting import DEADLINE_S, WaitedInVain, within

PREFERENCES: dict[str, object] = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "media.autoplay.default": 0,
    "intl.accept_languages": "en-US",
    "app.update.disabledForTesting": True,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
    "remote.prefs.recommended": True,
}


class BidiError(Exception):
    """The browser answered a command with an error."""


class FirefoxPage(Page):
    def __init__(self, name: str, process: Process, profile: tempfile.TemporaryDirectory[str]) -> None:
        super().__init__(name)
        self._process = process
        self._profile = profile
        self._http = aiohttp.ClientSession()
        self._ids = itertools.count(1)
        self._replies: dict[int, asyncio.Future[Any]] = {}
        self._drains: list[asyncio.Task[None]] = []
        self._context = ""

    @classmethod
    async def launch(cls, name: str, *, executable: str, display: str) -> "FirefoxPage":
        """A browser process of its own on an X display (headless Firefox finds no screen to share)."""
        profile = tempfile.TemporaryDirectory(prefix="firefox-")
        lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in PREFERENCES.items()]
        (Path(profile.name) / "user.js").write_text("\n".join(lines))
        process = await asyncio.create_subprocess_exec(
            executable, "--no-remote", "--profile", profile.name, "--remote-debugging-port", "0", "about:blank",
            stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE,
            env={**os.environ, "DISPLAY": display, "MOZ_CRASHREPORTER_DISABLE": "1"},
        )  # fmt: skip
        page = cls(name, process, profile)
        try:
            async with within("Firefox to listen", START_S):
                address = await page._address()
            await page._connect(address)
        except BaseException:
            await page.kill()
            raise
        return page

    async def _address(self) -> str:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            if found := re.search(rb"WebDriver BiDi listening on (ws://\S+)", line):
                self._drains.append(asyncio.create_task(self._discard_stderr()))
                return found[1].decode()
        raise BidiError("Firefox ended before it listened")

    async def _discard_stderr(self) -> None:
        assert self._process.stderr is not None
        while await self._process.stderr.read(65536):
            pass

    async def _connect(self, address: str) -> None:
        self._socket = await self._http.ws_connect(f"{address}/session", max_msg_size=64 << 20)
        self._drains.append(asyncio.create_task(self._read()))
        await self._send("session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})
        tree = await self._send("browsingContext.getTree")
        self._context = tree["contexts"][0]["context"]
        await self._send("script.addPreloadScript", functionDeclaration=f"() => {{ {PROBES} }}")

    async def _read(self) -> None:
        async for message in self._socket:
            reply = json.loads(message.data)
            future = self._replies.pop(reply.get("id"), None)
            if future is None or future.done():
                continue
            if reply["type"] == "error":
                future.set_exception(BidiError(f"{reply['error']}: {reply['message']}"))
            else:
                future.set_result(reply["result"])
        for future in self._replies.values():
            future.cancel()

    async def _send(self, method: str, **parameters: object) -> Any:
        number = next(self._ids)
        self._replies[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with within(f"{self.name}: Firefox's reply to {method}"):
            return await self._replies[number]

    async def goto(self, url: str) -> None:
        await self._send("browsingContext.navigate", context=self._context, url=url, wait="complete")

    async def evaluate(self, expression: str) -> Any:
        wrapped = f"(async () => JSON.stringify((await ({expression})) ?? null))()"
        answer = await self._send(
            "script.evaluate",
            expression=wrapped, awaitPromise=True, target={"context": self._context}, userActivation=True,
        )  # fmt: skip
        if answer["type"] == "exception":
            raise BidiError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    async def _locate(self, role: str, name: str) -> dict[str, Any]:
        """The first enabled node with this role and accessible name; waits for it."""
        started = time.monotonic()
        while time.monotonic() - started < DEADLINE_S:
            found = await self._send(
                "browsingContext.locateNodes",
                context=self._context,
                locator={"type": "accessibility", "value": {"role": role, "name": name}},
            )
            for node in found["nodes"]:
                if await self._call(node, "(e) => !e.disabled && e.getClientRects().length > 0"):
                    return dict(node)
            await asyncio.sleep(0.1)
        raise WaitedInVain(f"{self.name}: no {role} named {name!r} after {DEADLINE_S} s")

    async def _call(self, node: dict[str, Any], function: str, *arguments: str) -> Any:
        answer = await self._send(
            "script.callFunction",
            functionDeclaration=function, awaitPromise=True, target={"context": self._context}, userActivation=True,
            arguments=[{"sharedId": node["sharedId"]}, *({"type": "string", "value": a} for a in arguments)],
        )  # fmt: skip
        if answer["type"] == "exception":
            raise BidiError(answer["exceptionDetails"]["text"])
        return answer["result"].get("value")

    async def press(self, button: str) -> None:
        node = await self._locate("button", button)
        await self._call(node, "(e) => e.scrollIntoView({block: 'nearest'})")
        target = {"type": "element", "element": {"sharedId": node["sharedId"]}}
        actions = [
            {"type": "pointerMove", "x": 0, "y": 0, "origin": target},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        await self._send(
            "input.performActions",
            context=self._context, actions=[{"type": "pointer", "id": "mouse", "actions": actions}],
        )  # fmt: skip

    async def fill(self, label: str, text: str) -> None:
        await self._call(
            await self._locate("textbox", label),
            "(e, text) => { e.focus(); e.value = text; e.dispatchEvent(new InputEvent('input',"
            " {bubbles: true, composed: true})); e.dispatchEvent(new Event('change', {bubbles: true})); }",
            text,
        )

    async def screenshot(self, path: Path) -> None:
        shot = await self._send("browsingContext.captureScreenshot", context=self._context)
        path.write_bytes(base64.b64decode(shot["data"]))

    async def close(self) -> None:
        with contextlib.suppress(Exception):
            await self._send("browser.close")
        await self.kill()

    async def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self._process.returncode is None:
                self._process.kill()
        await self._process.wait()
        for task in self._drains:
            task.cancel()
        await asyncio.gather(*self._drains, return_exceptions=True)
        await self._http.close()
        with contextlib.suppress(OSError):
            self._profile.cleanup()
