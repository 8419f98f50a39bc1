"""What four people in real browsers wait for: three Chromium and one Firefox in one room.

Prints how long a page takes to be ready to join, the time from the press of Join to the first decoded remote
frame and the steps on its way, of those who look into the mirror first and of those who press at once, the
time from asking for another camera to its first frame, and the packets lost meanwhile; asserts nothing.
"""

import argparse
import asyncio
import statistics
import sys
from typing import Any

from tests.interop.browsers.page import Page
from tests.interop.conftest import Cast
from tests.server import running_server

STEPS = ("ready", "tile", "answer", "answerSet", "connecting", "connected", "frame")
CHROMIUM_GREEN = (0, 135, 0)
"""Background of Chromium's made-up camera; Firefox's changes its colour, and is no green for most of the time."""


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def line(name: str, values: list[float]) -> str:
    return (
        f"{name:<22} {len(values):>4} {min(values):>8.0f} {statistics.median(values):>8.0f}"
        f" {percentile(values, 0.95):>8.0f} {max(values):>8.0f}"
    )


async def timed_join(page: Page, room: str, *, is_hasty: bool) -> dict[str, float]:
    """One join, as a person does it who looks into the mirror first, or presses once the devices are open.

    Milliseconds by step.
    """
    await page.goto(room)
    await page.fill("Your name", page.name)
    await page.until("openDevices", accept=lambda kinds: len(kinds) == 2)
    lobby = {} if is_hasty else {"ready": await page.until("lobby")}
    await page.probe("watchFirstFrame")
    await page.press("Join")
    marks: dict[str, float] = await page.until("joinMarks")
    return {**marks, **lobby}


async def joins(pages: list[Page], room: str, count: int, *, is_hasty: bool) -> list[dict[str, float]]:
    """Each in turn leaves and joins again, the others staying; prints the steps by browser."""
    taken: dict[str, list[dict[str, float]]] = {}
    for number in range(count):
        page = pages[number % len(pages)]
        browser = "Firefox" if page is pages[-1] else "Chromium"
        taken.setdefault(browser, []).append(await timed_join(page, room, is_hasty=is_hasty))
        await page.sees(len(pages) - 1)
    for browser, marks in sorted(taken.items()):
        for step in STEPS:
            if values := [of_one[step] for of_one in marks if step in of_one]:
                print(line(f"{browser} {'hasty' if is_hasty else 'join'}: {step}", values))
    return [of_one for marks in taken.values() for of_one in marks]


async def switches(page: Page, chromium: str, firefox: str, count: int) -> dict[str, list[dict[str, float]]]:
    """To Firefox's camera and back to a Chromium's, in one slot; by whose camera it is."""
    times: dict[str, list[dict[str, float]]] = {}
    for _ in range(count):
        for track, is_chromium in ((firefox, False), (chromium, True)):
            taken = await page.probe("switchTo", track, CHROMIUM_GREEN, is_chromium)
            assert taken is not None, f"{track} never came"
            times.setdefault("Chromium" if is_chromium else "Firefox", []).append(taken)
            await asyncio.sleep(1.5)  # a person looks at what was asked for
    return times


async def received(pages: list[Page]) -> dict[str, Any]:
    total = {"packets": 0, "lost": 0, "freezes": 0}
    for page in pages:
        for kind in ("audio", "video"):
            counts = await page.probe("received", kind)
            for key in total:
                total[key] += counts[key]
    return total


async def meet(cast: Cast, join_count: int, hasty_count: int, switch_count: int) -> None:
    names = ("ana", "biel", "carla")
    chromiums = [await cast.chromium(name, alone=True) for name in names]
    dani = await cast.firefox("dani")
    everyone: list[Page] = [*chromiums, dani]
    room = cast.room("bench")
    for page in everyone:
        await page.join(room, page.name)
    for page in everyone:
        await page.sees(3)

    print(f"{'milliseconds':<22} {'n':>4} {'min':>8} {'p50':>8} {'p95':>8} {'max':>8}")
    taken = await joins(everyone, room, join_count, is_hasty=False)
    hasty = await joins(everyone, room, hasty_count, is_hasty=True)
    print(line("page to ready", [marks["ready"] for marks in taken]))
    print(line("join to first frame", [marks["frame"] for marks in taken]))
    print(line("at once", [marks["frame"] for marks in hasty]))

    tracks = {
        tile["text"].split("\n")[-1]: tile["track"] for tile in await everyone[0].probe("tiles", "camera")
    }
    switched = await switches(everyone[0], tracks["biel"], tracks["dani"], switch_count)
    for browser, times in switched.items():
        for step in ("assigned", "frame", "shown"):
            if values := [marks[step] for marks in times if step in marks]:
                print(line(f"to {browser}: {step}", values))
    print(line("slot switch", [marks["shown"] for times in switched.values() for marks in times]))
    total = await received(everyone)
    print(f"packets {total['packets']}, lost {total['lost']}, freezes {total['freezes']}")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--joins", type=int, default=12)
    parser.add_argument("--hasty", type=int, default=8, help="joins that do not wait for the lobby")
    parser.add_argument("--switches", type=int, default=10, help="pairs, there and back")
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # what was measured stands, even if the rest is cut short
    async with running_server(tls="auto", host="0.0.0.0") as server:
        cast = Cast(server)
        try:
            await meet(cast, options.joins, options.hasty, options.switches)
        finally:
            await cast.close()


if __name__ == "__main__":
    asyncio.run(main())
