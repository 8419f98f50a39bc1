"""Junk at the media port: the running call goes on, memory stays, every datagram is a counted drop."""

from tests.hostile.floods import flood
from tests.hostile.looking import dropped
from tests.peers import Peer, Picture, Tone
from tests.server import RunningServer

MEMORY_BOUND = 32 << 20
"""Asserted bound; the figure itself (10 MiB) is printed by `make bench-hostile`."""


async def test_the_call_goes_on_and_memory_stays(server: RunningServer) -> None:
    async with (
        Peer.joined(server, "calm", "Ana", microphone=Tone(), camera=Picture()) as ana,
        Peer.joined(server, "calm", "Biel", microphone=Tone(), camera=Picture()) as biel,
    ):
        await ana.sees(1)
        await biel.hears(1)
        before, drops = server.resident_bytes, await dropped(server)

        sent = await flood(server.media_port, rate=20_000, duration_s=3.0)

        await ana.sees(1)
        await biel.hears(1)
        assert server.resident_bytes - before < MEMORY_BOUND
        assert await dropped(server) > drops
        assert sent > 0
    assert not server.errors()
