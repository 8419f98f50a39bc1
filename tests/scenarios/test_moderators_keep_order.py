"""Mute, remove, lock, end: by moderators, with effect on media, and by nobody else."""

import asyncio
from unittest.mock import ANY

import pytest

from tests.peers import Peer, Picture, Refused, Tone
from tests.server import RunningServer
from tests.waiting import within

# No sound for this long is silence: twenty-five of the packets that would have come.
SILENCE_S = 0.5


async def falls_silent(peer: Peer) -> None:
    """Wait until no audio slot brings another frame."""
    async with within("silence"):
        heard = None
        while heard != (heard := sum(r.frames for r in peer.received.values() if r.kind == "audio")):  # noqa: ASYNC110 - silence is no event
            await asyncio.sleep(SILENCE_S)  # the length of the silence is the matter


async def test_muted_microphone_is_silent_until_its_owner_speaks_again(server: RunningServer) -> None:
    async with (
        Peer.joined(server, "kitchen", "Ana") as ana,
        Peer.joined(server, "kitchen", "Ben", microphone=Tone()) as ben,
    ):
        await ana.hears(1)
        await ana.signalling.request("mute_track", track=f"{ben.id}-microphone")
        told = await ben.signalling.event("track_updated")
        assert (told["by_moderator"], told["track"]["live"]) == (True, False)
        await falls_silent(ana)
        await ben.signalling.request("set_track", source="microphone", live=True)
        await ana.hears(1)
    assert not server.errors()


async def test_removed_participant_is_out(server: RunningServer) -> None:
    async with (
        Peer.joined(server, "kitchen", "Ana") as ana,
        Peer.joined(server, "kitchen", "Ben", camera=Picture()) as ben,
    ):
        await ana.sees(1)
        await ana.signalling.request("remove_participant", participant=ben.id)
        assert (await ben.signalling.event("ended"))["reason"] == "removed"
        assert (await ana.signalling.event("participant_left"))["reason"] == "removed"
        async with within("the connection to end"):
            await ben.signalling._reader
        assert ben.signalling.socket.close_code == 1000


async def test_locked_room_lets_nobody_in_until_unlocked(server: RunningServer) -> None:
    async with Peer.joined(server, "kitchen", "Ana") as ana:
        await ana.signalling.request("lock_room", locked=True)
        late = Peer(server, "kitchen", "Ben")
        with pytest.raises(Refused, match="room_locked"):
            await late.join()
        await late.close()
        await ana.signalling.request("lock_room", locked=False)
        async with Peer.joined(server, "kitchen", "Ben") as ben:
            assert not ben.joined_reply["locked"]


async def test_video_is_capped_for_everyone_and_voices_go_on(server: RunningServer) -> None:
    async with (
        Peer.joined(server, "kitchen", "Ana") as ana,
        Peer.joined(server, "kitchen", "Ben", camera=Picture(), microphone=Tone()) as ben,
    ):
        await ana.sees(1)
        await ana.signalling.request("cap_video", kbps=0)
        assert (await ben.signalling.event("video_capped"))["kbps"] == 0
        off = [{"mid": ANY, "track": f"{ben.id}-camera", "off": True, "reason": "moderators_cap"}]
        await ana.signalling.event("slots", slots=off)
        await ana.hears(1)
        async with Peer.joined(server, "kitchen", "Cleo") as cleo:
            assert cleo.joined_reply["video_cap_kbps"] == 0
            await cleo.view_all()
            await cleo.signalling.event("slots", slots=off)
        await ana.signalling.request("cap_video")
        await ana.sees(1)
    assert not server.errors()


async def test_ended_room_ends_for_all(server: RunningServer) -> None:
    async with (
        Peer.joined(server, "kitchen", "Ana") as ana,
        Peer.joined(server, "kitchen", "Ben") as ben,
    ):
        await ana.signalling.request("end_room")
        for peer in (ana, ben):
            assert (await peer.signalling.event("ended"))["reason"] == "room_ended"
        async with Peer.joined(server, "kitchen", "Cleo") as cleo:
            assert cleo.joined_reply["role"] == "moderator"
            assert len(cleo.joined_reply["participants"]) == 1


async def test_role_moves_on_with_the_earliest(server: RunningServer) -> None:
    async with Peer.joined(server, "kitchen", "Ana") as ana, Peer.joined(server, "kitchen", "Ben") as ben:
        with pytest.raises(Refused, match="forbidden"):
            await ben.signalling.request("end_room")
        await ana.signalling.tell("leave")
        await ben.signalling.event("participant_updated", participant=ben.id, role="moderator")
        await ben.signalling.request("lock_room", locked=True)


async def test_token_says_what_one_may(token_server: RunningServer) -> None:
    chief = await token_server.token("kitchen", "moderator")
    guest = await token_server.token("kitchen", "subscriber", "--name", "Sam")
    async with (
        Peer.joined(token_server, "kitchen", "Ana", token=chief, camera=Picture()) as ana,
        Peer.joined(token_server, "kitchen", "Nobody", token=guest) as sam,
    ):
        assert (sam.joined_reply["role"], sam.joined_reply["participants"][1]["name"]) == (
            "subscriber",
            "Sam",
        )
        await sam.sees(1)
        for kind, fields in {
            "set_track": {"source": "camera", "live": True},
            "mute_track": {"track": f"{ana.id}-camera"},
            "end_room": {},
        }.items():
            with pytest.raises(Refused, match="forbidden"):
                await sam.signalling.request(kind, **fields)
        stranger = Peer(token_server, "kitchen", "Eve")
        with pytest.raises(Refused, match="unauthorized"):
            await stranger.join()
        await stranger.close()
