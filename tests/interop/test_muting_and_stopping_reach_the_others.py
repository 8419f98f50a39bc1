"""Who mutes is not heard, who stops the camera is not seen, and both come back at a press."""

from typing import Any

from tests.interop.conftest import Cast, together

Tiles = list[dict[str, Any]]


def shows_muted(tiles: Tiles) -> bool:
    return len(tiles) == 1 and "Microphone off" in tiles[0]["marks"]


def shows_sound(tiles: Tiles) -> bool:
    return len(tiles) == 1 and "Microphone off" not in tiles[0]["marks"]


def shows_a_face(tiles: Tiles) -> bool:
    """The initial of the name stands where the picture was."""
    return len(tiles) == 1 and tiles[0]["text"].split() == ["A", "ana"]


def shows_a_picture(tiles: Tiles) -> bool:
    return len(tiles) == 1 and tiles[0]["text"].split() == ["ana"]


async def test_microphone_and_camera_stop_and_return(cast: Cast) -> None:
    ana, ben = await together(cast.chromium("ana"), cast.chromium("ben"))
    for page in (ana, ben):
        await page.join(cast.room("quiet"), page.name)
    await ben.sees(1)
    await ben.hears(1)
    await ben.until("tiles", "camera", accept=shows_sound)

    await ana.press("Mute microphone")
    await ben.until("tiles", "camera", accept=shows_muted)
    await ben.settles("audioEnergy")
    await ana.press("Unmute microphone")
    await ben.until("tiles", "camera", accept=shows_sound)
    await ben.hears(1)

    await ana.press("Stop camera")
    await ben.until("tiles", "camera", accept=shows_a_face)
    await ben.settles("frames", "camera", for_s=1.5)
    await ana.until("openDevices", accept=lambda kinds: kinds == ["audio"])
    await ana.press("Start camera")
    await ben.sees(1)
    await ben.until("tiles", "camera", accept=shows_a_picture)
    assert not cast.server.errors()
