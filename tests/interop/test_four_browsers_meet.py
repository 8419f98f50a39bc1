"""Three Chromium and one Firefox in one room: all see, hear, write to and share screens with each other."""

from tests.interop.browsers.page import Page
from tests.interop.conftest import Cast, together


async def share_and_be_seen(sharer: Page, others: list[Page]) -> None:
    await sharer.press("Share screen")
    await together(*(other.sees(1, "screen") for other in others))
    await sharer.press("Stop sharing")
    for other in others:
        await other.until("tiles", "screen", accept=lambda tiles: not tiles)


async def write(sender: Page, text: str) -> None:
    await sender.fill("Message", text)
    await sender.press("Send")


async def test_all_see_hear_write_and_share(cast: Cast) -> None:
    ana, biel, carla = await together(*(cast.chromium(name, alone=True) for name in ("ana", "biel", "carla")))
    dani = await cast.firefox("dani")
    everyone: list[Page] = [ana, biel, carla, dani]
    room = cast.room("four")

    for page in everyone:
        await page.join(room, page.name)

    tiles = await together(*(page.sees(3) for page in everyone))
    for seen in tiles:
        assert len({tile["participant"] for tile in seen}) == 3
        assert all(tile["track"] for tile in seen)
    await together(*(page.hears(3) for page in everyone))

    for page in everyone:
        await page.press("Chat")
    for sender in (ana, dani):
        await write(sender, f"greetings from {sender.name}")
        await together(*(page.until("shows", f"greetings from {sender.name}") for page in everyone))

    await share_and_be_seen(biel, [ana, carla, dani])
    await share_and_be_seen(dani, [ana, biel, carla])

    await together(*(page.sees(3) for page in everyone))
    await carla.press("Leave")
    for page in (ana, biel, dani):
        await page.until("tiles", "camera", accept=lambda seen: len(seen) == 2)
    assert not cast.server.errors()


async def test_firefox_publishes_all_simulcast_layers(cast: Cast) -> None:
    dani = await cast.firefox("dani")
    ana = await cast.chromium("ana")
    await dani.join(cast.room("layers"), "dani")
    await ana.join(cast.room("layers"), "ana")
    for page in (dani, ana):
        await page.until("sentLayers", accept=lambda layers: len({layer["rid"] for layer in layers}) >= 2)
    await together(dani.sees(1), ana.sees(1))
