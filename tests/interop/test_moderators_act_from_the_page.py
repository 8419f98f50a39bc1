"""The first in the room removes, locks and ends; the others' pages say what happened."""

import pytest

from tests.interop.browsers.chromium import ChromiumPage
from tests.interop.conftest import Cast, together
from tests.peers import Refused, Tone


async def choose(page: ChromiumPage, item: str) -> None:
    await page.press("More options")
    await page.page.get_by_role("menuitem", name=item, exact=True).click()


async def confirm(page: ChromiumPage, button: str) -> None:
    await page.page.get_by_role("dialog").get_by_role("button", name=button, exact=True).click()


async def test_mute_remove_lock_and_end(cast: Cast) -> None:
    ana, ben = await together(cast.chromium("ana"), cast.chromium("ben"))
    for page in (ana, ben):
        await page.join(cast.room("order"), page.name)
        await page.press("Participants")
    async with cast.peer("order", "cleo", microphone=Tone()) as cleo:
        await ana.press("Mute cleo")
        await cleo.signalling.event("track_updated", participant=cleo.id, by_moderator=True)
        await ana.press("Remove cleo")
        await confirm(ana, "Remove")
        assert (await cleo.signalling.event("ended"))["reason"] == "removed"
        await ben.until("tiles", "camera", accept=lambda tiles: [t["text"] for t in tiles] == ["ana"])
    assert await ben.page.get_by_role("button", name="Remove ana").count() == 0

    await ana.press("Mute ben")
    await ben.until("shows", "A moderator muted your microphone")
    await ben.press("Unmute microphone")

    await choose(ana, "Lock the room")
    await ben.until("shows", "The room is locked")
    with pytest.raises(Refused, match="room_locked"):
        async with cast.peer("order", "dora"):
            pass

    await choose(ana, "End for everyone")
    await confirm(ana, "End for everyone")
    for page in (ana, ben):
        await page.until("shows", "The meeting has ended")
    assert not cast.server.errors()
