"""How large a picture is taken and sent follows from what the machine can bear, and from who looks at it."""

import asyncio
from typing import Any

from tests.interop.browsers.chromium import ChromiumPage
from tests.interop.conftest import Cast

MODEST_WIDTH = 640


async def with_cores(cast: Cast, name: str, cores: int) -> ChromiumPage:
    page = await cast.chromium(name, viewport={"width": 1500, "height": 1000})
    await page.page.add_init_script(
        f"Object.defineProperty(navigator, 'hardwareConcurrency', {{value: {cores}}})"
    )
    return page


async def test_a_large_tile_gets_the_large_picture_of_a_strong_machine(cast: Cast) -> None:
    strong, modest = await with_cores(cast, "ana", 8), await with_cores(cast, "ben", 2)
    room = cast.room("machines")
    await asyncio.gather(strong.join(room, "Ana"), modest.join(room, "Ben"))

    def is_large(tiles: list[dict[str, Any]]) -> bool:
        # Not 1280 to the pixel: a browser that is short of time sends less.
        return [tile["width"] > MODEST_WIDTH for tile in tiles] == [True]

    await modest.until("tiles", "camera", accept=is_large)
    await strong.sees(1)
    (tile,) = await strong.probe("tiles", "camera")
    assert tile["width"] <= MODEST_WIDTH
    assert {layer["rid"] for layer in await modest.probe("sentLayers")} <= {"f", "h"}
    assert not cast.server.errors()
