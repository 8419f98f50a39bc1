"""One stream of several picture sizes (SVC), as other pages and programs may publish it, costs a small tile little."""

from typing import Any

import pytest

from tests.interop.browsers.page import Page
from tests.interop.conftest import Cast

WIDTH, HEIGHT = 640, 360
FRAMES = 20


async def shows(page: Page, *, at_most: int, above: int = 0) -> None:
    """The one tile does, in such a width, and goes on to."""

    def is_it(tiles: list[dict[str, Any]], frames: int = 0) -> bool:
        return len(tiles) == 1 and above < tiles[0]["width"] <= at_most and tiles[0]["frames"] >= frames

    (tile,) = await page.until("tiles", "camera", accept=is_it)
    await page.until("tiles", "camera", accept=lambda tiles: is_it(tiles, tile["frames"] + FRAMES))


@pytest.mark.parametrize(("codec", "mode"), [("video/VP9", "L3T3_KEY"), ("video/AV1", "L2T2_KEY")])
async def test_a_small_tile_is_sent_the_small_picture_of_one_stream(
    generous_cast: Cast, codec: str, mode: str
) -> None:
    cast = generous_cast
    studio = await cast.chromium("studio")
    await studio.goto(cast.url())
    await studio.probe("publish", "/whip/scalable?name=studio", codec, WIDTH, HEIGHT, mode)
    ana = await cast.chromium("ana", viewport={"width": 300, "height": 300})
    await ana.join(cast.room("scalable"), "ana")
    await ana.sees(1)
    await ana.press("Stop camera")
    await shows(ana, at_most=WIDTH // 2)
    await ana.page.set_viewport_size({"width": 1280, "height": 800})
    await shows(ana, at_most=WIDTH, above=WIDTH // 2)
    await ana.page.set_viewport_size({"width": 300, "height": 300})
    await shows(ana, at_most=WIDTH // 2)
    assert not cast.server.errors()
