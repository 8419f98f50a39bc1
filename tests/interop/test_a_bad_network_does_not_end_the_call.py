"""A real browser on a network that changes under it: another address, and none at all for ten seconds."""

import asyncio

import yarl

from tests.interop.browsers.page import Page
from tests.interop.conftest import Cast, own_address, together
from tests.interop.tcp_relay import TcpRelay
from tests.peers import Peer, Picture, Tone
from tests.relay import Relay
from tests.waiting import until

CUT_S = 10
"""How long the network is gone: what the test is about, not what it waits for."""
FRAMES = 30


async def goes_on_seeing(peer: Peer) -> None:
    """More frames than could have been on their way."""
    before = {mid: received.frames for mid, received in peer.received.items() if received.kind == "video"}
    await until(lambda: any(peer.received[m].frames >= n + FRAMES for m, n in before.items()))


async def see_and_hear_each_other(ana: Page, ben: Peer) -> None:
    await together(ana.goes_on_seeing(FRAMES), goes_on_seeing(ben))
    await together(ana.hears(1), ben.hears(1))


def written(ben: Peer) -> list[str]:
    return [each["message"]["text"] for each in ben.signalling.events if each["type"] == "chat_received"]


def nobody_left(ben: Peer) -> bool:
    return not [event for event in ben.signalling.events if event["type"] == "participant_left"]


async def test_media_follows_the_browser_to_another_address(cast: Cast) -> None:
    relay = await Relay.start((own_address(), cast.server.media_port), own_address())
    ana = await cast.chromium("ana")
    async with cast.peer("moving", "ben", microphone=Tone(), camera=Picture()) as ben:
        await ana.join(cast.room("moving"), "ana", relay.address)
        await together(ana.sees(1), ben.sees(1))
        for _ in range(2):
            relay.rebind()
            forwarded = relay.forwarded
            await see_and_hear_each_other(ana, ben)
            assert relay.forwarded > forwarded, "media does not pass the relay"
        assert nobody_left(ben)
        assert await ana.evaluate("__probes.connections.length") == 1, "the connection was replaced"
    relay.close()
    assert not cast.server.errors()


async def test_everything_comes_back_after_ten_seconds_without_network(cast: Cast) -> None:
    udp = await Relay.start((own_address(), cast.server.media_port), own_address())
    tcp = await TcpRelay.start(yarl.URL(cast.server.url).port or 443)
    ana = await cast.chromium("ana")
    async with cast.peer("gone", "ben", microphone=Tone(), camera=Picture()) as ben:
        await ana.join(str(yarl.URL(cast.room("gone")).with_port(tcp.port)), "ana", udp.address)
        await together(ana.sees(1), ben.sees(1))
        await ana.press("Chat")

        udp.cut()
        tcp.cut()
        await together(asyncio.sleep(CUT_S), ana.until("shows", "Reconnecting…"))
        await ben.signalling.request("send_chat", key="1", text="written meanwhile")
        udp.mend()
        tcp.mend()

        await ana.until("shows", "written meanwhile")
        await see_and_hear_each_other(ana, ben)
        await ana.until("shows", "Reconnecting…", accept=lambda shown: not shown)
        await ana.fill("Message", "here again")
        await ana.press("Send")
        await until(lambda: "here again" in written(ben))
        assert nobody_left(ben)
        assert len({track["participant"] for track in ben.tracks_in_room().values()}) == 1, "a ghost"
        assert len(await ana.probe("tiles", "camera")) == 1
    udp.close()
    await tcp.close()
    assert not cast.server.errors()
