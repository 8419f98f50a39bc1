"""Leaving, reloading and dying: each takes the tile away, the last after the time to come back."""

import asyncio

from tests.interop.browsers.page import Page
from tests.interop.conftest import Cast
from tests.peers import Picture
from tests.waiting import DEADLINE_S

GRACE_S = 30


async def sees_nobody(page: Page) -> None:
    await page.until("tiles", "camera", accept=lambda tiles: not tiles)


async def test_leaving_and_reloading_take_the_tile_away_at_once(cast: Cast) -> None:
    ana, ben = await asyncio.gather(cast.chromium("ana"), cast.chromium("ben"))
    room = cast.room("leavers")
    for page in (ana, ben):
        await page.join(room, page.name)
    await ben.sees(1)

    await ana.goto(room)
    await sees_nobody(ben)
    await ana.fill("Your name", "ana")
    await ana.press("Join")
    await ben.sees(1)

    await ana.press("Leave")
    await sees_nobody(ben)
    await ana.until("shows", "You left the meeting")
    await ana.until("openDevices", accept=lambda kinds: not kinds)
    await ana.press("Join again")
    await ana.press("Join")
    await ben.sees(1)
    assert not cast.server.errors()


async def test_a_killed_browser_is_gone_after_the_time_to_come_back(cast: Cast) -> None:
    ana = await cast.chromium("ana", alone=True)
    async with cast.peer("killed", "ben", camera=Picture()) as ben:
        await ana.join(cast.room("killed"), "ana")
        await ben.sees(1)
        await ana.kill()
        lost = await ben.signalling.event("participant_updated", reconnecting=True)
        left = await ben.signalling.event("participant_left", deadline_s=GRACE_S + DEADLINE_S)
        assert (left["participant"], left["reason"]) == (lost["participant"], "lost")
        assert not ben.tracks_in_room()


async def test_others_see_who_lost_the_connection_until_the_time_is_over(hasty_cast: Cast) -> None:
    ana = await hasty_cast.chromium("ana", alone=True)
    ben = await hasty_cast.chromium("ben", alone=True)
    for page in (ben, ana):
        await page.join(hasty_cast.room("killed"), page.name)
    await ben.sees(1)
    await ana.kill()
    await ben.until("tiles", "camera", accept=lambda tiles: tiles and "Reconnecting" in tiles[0]["text"])
    await sees_nobody(ben)
