"""How large a picture is taken, and which layers may be sent, follows from the machine and from who looks."""

import asyncio
from collections.abc import Callable
from typing import Any

from tests.interop.browsers.chromium import ChromiumPage
from tests.interop.conftest import Cast

MODEST_WIDTH = 640


async def with_cores(cast: Cast, name: str, cores: int) -> ChromiumPage:
    # Pages of one browser share its camera, in the size that whoever came first has asked for.
    page = await cast.chromium(name, alone=True, viewport={"width": 1500, "height": 1000})
    await page.page.add_init_script(
        f"Object.defineProperty(navigator, 'hardwareConcurrency', {{value: {cores}}})"
    )
    return page


async def test_a_large_tile_gets_the_large_picture_of_a_strong_machine(cast: Cast) -> None:
    strong, modest = await with_cores(cast, "ana", 8), await with_cores(cast, "ben", 2)
    room = cast.room("machines")
    await asyncio.gather(strong.join(room, "Ana"), modest.join(room, "Ben"))

    def is_large(cameras: list[dict[str, Any]]) -> bool:
        # What is let through: how much of it the encoder makes while the machine is short of time is the browser's.
        return [(c["width"], c["rids"], "f" in c["active"]) for c in cameras] == [
            (1280, ["f", "h", "q"], True)
        ]

    await strong.until("cameras", accept=is_large)
    await asyncio.gather(strong.sees(1), modest.sees(1))
    (camera,) = await modest.probe("cameras")
    assert (camera["width"], camera["rids"]) == (MODEST_WIDTH, ["f", "h"])
    (tile,) = await strong.probe("tiles", "camera")
    assert tile["width"] <= MODEST_WIDTH
    assert not cast.server.errors()


async def test_a_picture_that_nobody_may_be_sent_is_not_made(cast: Cast) -> None:
    async with cast.peer("machines", "ben") as ben:
        ana = await with_cores(cast, "ana", 8)
        await ana.join(cast.room("machines"), "Ana")

        def sends(rids: set[str]) -> Callable[[list[dict[str, Any]]], bool]:
            return lambda cameras: [set(camera["active"]) for camera in cameras] == [rids]

        await ben.sees(1)
        # Ana's page begins with the smaller ones, until somebody looks.
        (camera,) = (track for track in ben.tracks_in_room().values() if track["source"] == "camera")
        tile = {"track": camera["id"], "width": 1280, "height": 720, "stage": True}
        await ben.signalling.tell("set_view", tiles=[tile])
        await ana.until("cameras", accept=sends({"f", "h", "q"}))
        await ben.signalling.request("cap_video", kbps=0)
        await ana.until("cameras", accept=sends({"q"}))
        await ben.signalling.request("cap_video")
        await ana.until("cameras", accept=sends({"f", "h", "q"}))
    assert not cast.server.errors()
