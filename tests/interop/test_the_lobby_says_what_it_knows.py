"""Whoever waits before a room is told what stands in the way, and whoever is in it when the server stops."""

import signal

from tests.interop.conftest import Cast
from tests.peers import Picture

SIZES = [(360, 740), (960, 640)]
# In one piece: the words about the copy stand for some seconds only.
COPIED_AND_COVERED = """(async () => {
  document.querySelector(".alone button").click();
  while (!document.querySelector(".toast")) await new Promise(requestAnimationFrame);
  return __probes.overlap(".toast", ".alone");
})()"""


async def test_a_bad_name_is_told_with_the_way_to_a_good_one(cast: Cast) -> None:
    ana = await cast.chromium("ana")
    await ana.goto(cast.room("Team sync!"))
    await ana.until("shows", "No meeting can have the name in this link.")
    await ana.until("canPress", "Join", accept=lambda can: can is False)
    await ana.page.get_by_role("link", name="Go to team-sync instead").click()
    await ana.fill("Your name", "ana")
    await ana.press("Join")
    await ana.until("shows", "You are the first one here")


async def test_a_locked_room_is_told_until_it_opens(cast: Cast) -> None:
    ana, late = await cast.chromium("ana"), await cast.chromium("late")
    async with cast.peer("hall", "ben", camera=Picture()) as ben:
        await ana.goto(cast.room("hall"))
        await ana.fill("Your name", "ana")
        await ben.signalling.request("lock_room", locked=True)
        await late.goto(cast.room("hall"))
        for page in (ana, late):
            await page.until("shows", "The room is locked.")
            await page.until("canPress", "Join", accept=lambda can: can is False)
        await ben.signalling.request("lock_room", locked=False)
        for page in (ana, late):
            await page.until("canPress", "Join")
        await ana.press("Join")
        await ana.sees(1)


async def test_what_just_happened_does_not_cover_the_link_to_send(cast: Cast) -> None:
    ana = await cast.chromium("ana")
    await ana.join(cast.room("alone"), "ana")
    await ana.until("shows", "You are the first one here")
    for width, height in SIZES:
        await ana.page.set_viewport_size({"width": width, "height": height})
        assert await ana.evaluate(COPIED_AND_COVERED) is False


async def test_who_is_in_a_call_and_who_waits_are_told_that_the_server_stops(
    patient_cast: Cast,
) -> None:
    ana, late = await patient_cast.chromium("ana"), await patient_cast.chromium("late")
    await ana.join(patient_cast.room("drain"), "ana")
    await ana.until("shows", "You are the first one here")
    await late.goto(patient_cast.room("drain"))
    await late.until("canPress", "Join")
    patient_cast.server.process.send_signal(signal.SIGTERM)
    await ana.until("shows", "The server is shutting down. This call may go on until")
    await late.until("shows", "The server is shutting down and lets nobody new in.")
    await late.until("canPress", "Join", accept=lambda can: can is False)
    await ana.press("Leave")
