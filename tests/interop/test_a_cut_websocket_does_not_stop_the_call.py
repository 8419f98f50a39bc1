"""The signalling connection breaks and comes back: pictures and sound go on, and no message is lost."""

import yarl

from tests.interop.conftest import Cast
from tests.interop.tcp_relay import TcpRelay
from tests.peers import Picture, Tone


async def test_media_goes_on_and_what_was_written_arrives(cast: Cast) -> None:
    relay = await TcpRelay.start(yarl.URL(cast.server.url).port or 443)
    ana = await cast.chromium("ana")
    async with cast.peer("cut", "ben", microphone=Tone(), camera=Picture()) as ben:
        await ana.join(str(yarl.URL(cast.room("cut")).with_port(relay.port)), "ana")
        tile = (await ana.sees(1))[0]
        await ana.hears(1)
        await ben.sees(1)
        await ana.press("Chat")

        relay.cut()
        await ana.until("shows", "Reconnecting…")
        await ben.signalling.event("participant_updated", reconnecting=True)
        await ben.signalling.request("send_chat", key="1", text="written meanwhile")
        await ana.sees(1)
        await ana.hears(1)
        await ben.sees(1)

        relay.mend()
        await ben.signalling.event("participant_updated", reconnecting=False)
        await ana.until("shows", "written meanwhile")
        await ana.until("shows", "Reconnecting…", accept=lambda shown: not shown)
        after = (await ana.sees(1))[0]
        assert after["track"] == tile["track"]
        assert after["frames"] > tile["frames"], "the video element was never replaced"
        assert await ana.evaluate("__probes.connections.length") == 1
        assert not [event for event in ben.signalling.events if event["type"] == "participant_left"]
    await relay.close()
    assert not cast.server.errors()
