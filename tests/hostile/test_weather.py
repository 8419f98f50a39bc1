"""Networks that fail and come back: a cut, an address that changes, a WebSocket that breaks, a server that ends."""

import asyncio
import signal
import time

import pytest

from tests.hostile.looking import metric, room
from tests.peers import Peer, Picture, Refused, Tone
from tests.relay import Relay
from tests.server import RunningServer, running_server
from tests.waiting import WaitedInVain, within

CUT_S = 10.0


async def test_media_comes_back_after_a_cut_of_ten_seconds(server: RunningServer) -> None:
    relay = await Relay.start(("127.0.0.1", server.media_port))
    async with (
        Peer.joined(server, "cut", "Ana", microphone=Tone(), camera=Picture(), video_slots=1) as ana,
        Peer.joined(
            server,
            "cut",
            "Biel",
            microphone=Tone(),
            camera=Picture(),
            video_slots=1,
            edit_answer=relay.edit_answer,
        ) as biel,
    ):
        await asyncio.gather(ana.sees(1), biel.sees(1), ana.hears(1))
        relay.cut()
        await asyncio.sleep(CUT_S)  # the length of the cut is the matter of this test
        relay.mend()
        await asyncio.gather(ana.sees(1), biel.sees(1), ana.hears(1), biel.hears(1))
    relay.close()
    assert not server.errors()


async def test_a_changed_client_address_goes_on(server: RunningServer) -> None:
    relay = await Relay.start(("127.0.0.1", server.media_port))
    async with (
        Peer.joined(server, "nat", "Ana", microphone=Tone(), camera=Picture(), video_slots=1) as ana,
        Peer.joined(
            server,
            "nat",
            "Biel",
            microphone=Tone(),
            camera=Picture(),
            video_slots=1,
            edit_answer=relay.edit_answer,
        ) as biel,
    ):
        await asyncio.gather(ana.sees(1), biel.sees(1))
        for _ in range(2):
            relay.rebind()
            # aiortc decodes again only when its buffer of 128 packets has run over, half a minute of these small
            # pictures; so packets are what tells of Biel's picture.
            try:
                await asyncio.gather(ana.sees(1), ana.hears(1), biel.hears(1), biel.receives_video(120))
            except WaitedInVain as missed:
                drops = {reason: n for reason, n in (await metric(server, "sfu_drops_total")).items() if n}
                raise WaitedInVain(f"{missed}; drops {drops}; {await room(server, 'nat')}") from missed
    relay.close()
    assert not server.errors()


async def test_sigterm_lets_calls_go_on_until_the_last_has_left_and_new_ones_not_in() -> None:
    async with running_server("--drain-timeout", "600") as server:
        async with (
            Peer.joined(server, "drain", "Ana", camera=Picture(), video_slots=1, audio_slots=1) as ana,
            Peer.joined(server, "drain", "Biel", camera=Picture(), video_slots=1, audio_slots=1) as biel,
        ):
            await asyncio.gather(ana.sees(1), biel.sees(1))
            server.process.send_signal(signal.SIGTERM)
            told = await asyncio.gather(*(one.signalling.event("draining") for one in (ana, biel)))
            assert all(0 < event["ends_at"] - time.time() < 610 for event in told)
            late = Peer(server, "drain", "Carla")
            with pytest.raises((Refused, OSError)) as refused:
                await late.join(video_slots=1, audio_slots=1)
            await late.close()
            if isinstance(refused.value, Refused):
                assert refused.value.code == "draining"
            await asyncio.gather(ana.sees(1), biel.sees(1))
        async with within("the end of the server"):
            assert await server.process.wait() == 0


async def test_calls_that_outlast_the_draining_are_told() -> None:
    async with (
        running_server("--drain-timeout", "3") as server,
        Peer.joined(server, "drain", "Ana", video_slots=1, audio_slots=1) as ana,
    ):
        server.process.send_signal(signal.SIGTERM)
        await ana.signalling.event("draining")
        assert (await ana.signalling.event("ended"))["reason"] == "server_stopped"
        async with within("the end of the server"):
            assert await server.process.wait() == 0


async def test_a_killed_browser_leaves_no_ghost_and_its_room_unharmed() -> None:
    """No leave, no closing handshake, no goodbye of DTLS: everything stops at once."""
    async with running_server("--limits-resume-s", "2") as server:
        relay = await Relay.start(("127.0.0.1", server.media_port))
        async with (
            Peer.joined(server, "kill", "Ana", camera=Picture(), video_slots=1, audio_slots=1) as ana,
            Peer.joined(server, "kill", "Biel", camera=Picture(), video_slots=1, audio_slots=1) as biel,
        ):
            killed = Peer(server, "kill", "Carla")
            await killed.join(camera=Picture(), video_slots=1, edit_answer=relay.edit_answer)
            await asyncio.gather(killed.sees(1), ana.sees(1), biel.sees(1))
            relay.cut()
            await killed.signalling.cut()
            await ana.signalling.event("participant_updated", participant=killed.id, reconnecting=True)
            await ana.signalling.event("participant_left", participant=killed.id, reason="lost")
            await asyncio.gather(ana.sees(1), biel.sees(1))
            await killed.close()
        relay.close()
        assert not server.errors()
