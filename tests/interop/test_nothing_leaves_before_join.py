"""The page connects while its person looks into the mirror: nothing of them leaves before Join, in any engine."""

import asyncio
from typing import Any

import pytest

from tests.interop.browsers.page import Page
from tests.interop.conftest import Cast
from tests.peers import Picture


async def wait_in_lobby(page: Page, room: str) -> None:
    """Mirror and meter run, the path is connected."""
    await page.goto(room)
    await page.until("openDevices", accept=lambda kinds: len(kinds) == 2)
    await page.until("lobby")


@pytest.mark.parametrize("engine", ["chromium", "firefox"])
async def test_nothing_is_sent_or_shown_before_join(cast: Cast, engine: str) -> None:
    page = await getattr(cast, engine)("ana")
    async with cast.peer("quiet", "Ben", camera=Picture()) as ben:
        await wait_in_lobby(page, cast.room("quiet"))
        await page.fill("Your name", "Ana")
        # Seconds of both cameras running, in which something would have come.
        frames = await page.probe("mirrorFrames")
        await page.until("mirrorFrames", accept=lambda now: now > frames + 30)

        assert await page.probe("sent") == 0
        received: dict[str, Any] = await page.probe("received", "video")
        assert (received["packets"], len(ben.tracks_in_room())) == (0, 0)
        assert not [event for event in ben.signalling.events if event["type"] == "participant_joined"]

        await page.press("Join")
        await asyncio.gather(page.sees(1), ben.sees(1), ben.hears(1))
        assert await page.evaluate("__probes.connections.length") == 1
    assert not cast.server.errors()


async def test_who_waited_too_long_joins_all_the_same(cast: Cast) -> None:
    page = await cast.chromium("ana")
    async with cast.peer("late", "Ben", camera=Picture()) as ben:
        await wait_in_lobby(page, cast.room("late"))
        await page.fill("Your name", "Ana")
        # As the server ends it.
        await page.probe("closeSockets")
        await page.until("lobby", accept=lambda connected: connected is None)
        await page.press("Join")
        await asyncio.gather(page.sees(1), ben.sees(1))
    assert not cast.server.errors()


async def test_who_changes_devices_in_the_lobby_is_seen_as_they_left_it(cast: Cast) -> None:
    page = await cast.chromium("ana")
    async with cast.peer("mirror", "Ben", camera=Picture()) as ben:
        await wait_in_lobby(page, cast.room("mirror"))
        await page.fill("Your name", "Ana")
        await page.press("Stop camera")
        await page.press("Mute microphone")
        await page.press("Join")
        await page.sees(1)
        tracks = {track["source"]: track["live"] for track in ben.tracks_in_room().values()}
        assert not any(tracks.values())
        await page.press("Start camera")
        await ben.sees(1)
    assert not cast.server.errors()
