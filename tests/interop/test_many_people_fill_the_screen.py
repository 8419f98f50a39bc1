"""Rooms of 9 and 25 people, and of more pictures than a call begins with slots for."""

from collections.abc import AsyncIterator

import pytest

from loadtest._native import Generator
from loadtest.driver import Driver, Microphone
from tests.interop.browsers.page import Page
from tests.interop.conftest import Cast

DESKTOP = {"width": 1366, "height": 768}
PHONE = {"width": 360, "height": 740}
PICTURES = 11


@pytest.fixture
async def crowd(cast: Cast) -> AsyncIterator[Driver]:
    """People without a camera, of whom a hundred cost less than a browser."""
    generator = Generator()
    try:
        async with Driver(cast.url(), generator) as driver:
            yield driver
    finally:
        generator.close()


async def fill(crowd: Driver, room: str, people: range) -> None:
    for number in people:
        microphone = Microphone(is_speaking=number == 2)
        await crowd.join(room, f"Person {number}", microphone=microphone, video=0, audio=1, watches=False)


async def tiles(page: Page, count: int) -> set[str]:
    """Wait until this many others are on screen; who they are."""
    await page.until("tiles", "camera", accept=lambda tiles: len(tiles) == count)
    return {tile["participant"] for tile in await page.probe("tiles", "camera")}


async def overlaps(page: Page) -> int:
    """Pairs of tiles that cover each other, and tiles that stand out of the window."""
    return int(
        await page.evaluate(
            "(() => { const all = [...document.querySelectorAll('meet-tile:not(.place-floating)')]"
            ".map((e) => e.getBoundingClientRect());"
            " const crossing = (a, b) => a.left < b.right - 1 && b.left < a.right - 1"
            " && a.top < b.bottom - 1 && b.top < a.bottom - 1;"
            " return all.filter((a, i) => a.left < 0 || a.top < 0 || a.right > innerWidth || a.bottom > innerHeight"
            " || a.width < 60 || all.some((b, j) => j < i && crossing(a, b))).length; })()"
        )
    )


async def test_nine_and_twenty_five_people_have_a_tile_each(cast: Cast, crowd: Driver) -> None:
    ana = await cast.chromium("ana", viewport=DESKTOP)
    await ana.join(cast.room("many"), "ana")
    await fill(crowd, "many", range(2, 10))
    await tiles(ana, 8)
    await ana.settles("tiles", "camera", for_s=1)
    assert await overlaps(ana) == 0

    await fill(crowd, "many", range(10, 26))
    await tiles(ana, 24)
    await ana.settles("tiles", "camera", for_s=1)
    assert await overlaps(ana) == 0


async def test_a_phone_shows_everybody_page_by_page(cast: Cast, crowd: Driver) -> None:
    await fill(crowd, "pages", range(2, 26))
    ana = await cast.chromium("ana", viewport=PHONE)
    await ana.join(cast.room("pages"), "ana")
    await ana.until("tiles", "camera")
    seen: set[str] = set()
    for _ in range(10):
        await ana.settles("tiles", "camera", for_s=1)
        assert await overlaps(ana) == 0
        seen |= {tile["participant"] for tile in await ana.probe("tiles", "camera")}
        if len(seen) == 24:
            break
        await ana.press("Next page")
    assert len(seen) == 24


async def test_more_pictures_than_slots_get_more_slots(cast: Cast) -> None:
    studio = await cast.chromium("studio")
    await studio.goto(cast.url())
    ana = await cast.chromium("ana", viewport=DESKTOP)
    await ana.join(cast.room("growing"), "ana")
    for number in range(9):
        await studio.probe("publish", f"/whip/growing?name=Camera%20{number}", "video/VP8", 160, 120)
    await ana.sees(9)
    for number in range(9, PICTURES):
        await studio.probe("publish", f"/whip/growing?name=Camera%20{number}", "video/VP8", 160, 120)
    shown = await ana.sees(PICTURES)
    assert len({tile["track"] for tile in shown}) == PICTURES
    assert await ana.evaluate("__probes.connections.length") == 1
    await ana.goes_on_seeing()
    assert not cast.server.errors()
