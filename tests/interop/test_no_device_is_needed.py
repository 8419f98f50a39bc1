"""Who has no camera and no microphone, or does not give them, still sees, hears and is seen to be there."""

import pytest
import yarl

from tests.interop.browsers.chromium import DENIED, NO_DEVICES, NOT_ASKED
from tests.interop.browsers.page import Page
from tests.interop.conftest import Cast
from tests.peers import Peer, Picture, Tone


async def join_to_see_and_hear(ana: Page, ben: Peer) -> None:
    await ana.fill("Your name", "ana")
    await ana.press("Join")
    await ana.sees(1)
    await ana.hears(1)
    joined = await ben.signalling.event("participant_joined")
    assert (joined["participant"]["name"], joined["participant"]["tracks"]) == ("ana", [])


@pytest.mark.parametrize(
    ("devices", "explanation"),
    [
        pytest.param(NO_DEVICES, "No camera and no microphone were found.", id="none"),
        pytest.param(DENIED, "not allowed to use your camera and microphone", id="denied"),
    ],
)
async def test_joining_without_a_device(cast: Cast, devices: tuple[str, ...], explanation: str) -> None:
    ana = await cast.chromium("ana", devices=devices)
    async with cast.peer("bare", "ben", microphone=Tone(), camera=Picture()) as ben:
        await ana.goto(cast.room("bare"))
        await ana.until("shows", explanation)
        await join_to_see_and_hear(ana, ben)
    assert not cast.server.errors()


async def test_permission_that_was_denied_to_devices_that_are_there(cast: Cast) -> None:
    ana = await cast.chromium("ana", devices=NOT_ASKED)
    room = cast.room("denied")
    await ana.deny(str(yarl.URL(room).origin()), "camera", "microphone")
    await ana.goto(room)
    await ana.until("shows", "not allowed to use your camera and microphone")
    labels = "navigator.mediaDevices.enumerateDevices().then((all) => all.map(({kind}) => kind))"
    assert {"audioinput", "videoinput"} <= set(await ana.evaluate(labels))
    async with cast.peer("denied", "ben", microphone=Tone(), camera=Picture()) as ben:
        await join_to_see_and_hear(ana, ben)
    assert not cast.server.errors()


async def test_the_address_alone_can_join(cast: Cast) -> None:
    ana = await cast.chromium("ana")
    async with cast.peer("direct", "ben", microphone=Tone(), camera=Picture()) as ben:
        await ana.goto(f"{cast.room('direct')}?join=1&name=Ana%20Direct")
        joined = await ben.signalling.event("participant_joined")
        assert joined["participant"]["name"] == "Ana Direct"
        await ana.sees(1)
        await ben.sees(1)
