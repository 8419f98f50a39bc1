"""Every page can be used by ear and by keyboard: axe finds nothing, and Tab and Enter suffice to join."""

from pathlib import Path
from typing import Any

from tests.interop.browsers.chromium import ChromiumPage
from tests.interop.conftest import Cast
from tests.peers import Picture, Tone

AXE = Path(__file__).parents[2] / "client/node_modules/axe-core/axe.min.js"
LOOKS = [(360, "dark"), (360, "light"), (960, "dark"), (960, "light")]
FOCUSED = (
    "(e => e.getAttribute('aria-label') ?? e.labels?.[0]?.innerText ?? e.innerText)(document.activeElement)"
)


async def violations(page: ChromiumPage) -> list[str]:
    """In every look. The page's CSP forbids foreign scripts, so axe comes by the debugger."""
    await page.evaluate(f"{AXE.read_text()}; 0")
    found: list[str] = []
    for width, scheme in LOOKS:
        await page.page.set_viewport_size({"width": width, "height": 640})
        await page.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        report: list[dict[str, Any]] = await page.evaluate(
            "axe.run().then(({violations}) => violations.map(({id, nodes}) =>"
            " ({id, nodes: nodes.map(({html, failureSummary}) => html.slice(0, 200) + ' ' + failureSummary)})))"
        )
        found += [f"{width} px, {scheme}: {each['id']}: {node}" for each in report for node in each["nodes"]]
    return found


async def test_axe_finds_nothing(cast: Cast) -> None:
    ana = await cast.chromium("ana")
    found: dict[str, list[str]] = {}
    await ana.goto(cast.url())
    found["landing"] = await violations(ana)
    async with cast.peer("axe", "ben", microphone=Tone(), camera=Picture()) as ben:
        await ana.goto(cast.room("axe"))
        await ana.until("openDevices", accept=lambda kinds: len(kinds) == 2)
        found["pre-join"] = await violations(ana)
        await ana.fill("Your name", "ana")
        await ana.press("Join")
        await ana.sees(1)
        found["in the room"] = await violations(ana)
        await ana.press("Chat")
        await ben.signalling.request("send_chat", key="1", text="see https://example.org")
        await ana.until("shows", "https://example.org")
        found["chat"] = await violations(ana)
        await ana.press("Participants")
        found["participants"] = await violations(ana)
    await ana.press("Leave")
    await ana.until("shows", "You left the meeting")
    found["ended"] = await violations(ana)
    assert {page: list_ for page, list_ in found.items() if list_} == {}


async def tab_to(page: ChromiumPage, name: str, most: int = 40) -> None:
    for _ in range(most):
        if ((await page.evaluate(FOCUSED)) or "").strip() == name:
            return
        await page.page.keyboard.press("Tab")
    raise AssertionError(f"{name!r} is not reached by Tab")


async def test_keys_alone_join_mute_write_and_leave(cast: Cast) -> None:
    ana = await cast.chromium("ana")
    keys = ana.page.keyboard
    async with cast.peer("keys", "ben", camera=Picture()) as ben:
        await ana.goto(cast.room("keys"))
        await tab_to(ana, "Your name")
        await keys.type("ana")
        await keys.press("Enter")
        await ana.sees(1)
        person = (await ben.signalling.event("participant_joined"))["participant"]
        await ben.sees(1)

        await tab_to(ana, "Mute microphone")
        await keys.press("Enter")
        muted = {"id": f"{person['id']}-microphone", "source": "microphone", "live": False}
        await ben.signalling.event("track_updated", track=muted)

        await tab_to(ana, "Chat")
        await keys.press("Enter")
        await tab_to(ana, "Message")
        await keys.type("by keys alone")
        await keys.press("Enter")
        await ben.signalling.event("chat_received")
        await tab_to(ana, "Leave")
        await keys.press("Enter")
        await ben.signalling.event("participant_left", reason="left")
