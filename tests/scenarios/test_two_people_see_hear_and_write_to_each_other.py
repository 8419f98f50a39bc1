"""What the product is for, through the real doors: decoded pictures, sound and words in both directions."""

import asyncio

import pytest

from tests.peers import Peer, Picture, Refused, Tone
from tests.server import RunningServer


async def test_pictures_and_sound_cross(server: RunningServer) -> None:
    async with (
        Peer.joined(server, "kitchen", "Ana", microphone=Tone(), camera=Picture(luma=60)) as ana,
        Peer.joined(server, "kitchen", "Ben", microphone=Tone(), camera=Picture(luma=200)) as ben,
    ):
        await asyncio.gather(ana.sees(1), ana.hears(1), ben.sees(1), ben.hears(1))
        seen = [received.luma for received in ana.received.values() if received.luma is not None]
        assert seen == [pytest.approx(200, abs=25)]
        assert (await ana.signalling.event("participant_joined"))["participant"]["name"] == "Ben"
    assert not server.errors()


async def test_camera_that_starts_later_is_seen(server: RunningServer) -> None:
    async with (
        Peer.joined(server, "kitchen", "Ana") as ana,
        Peer.joined(server, "kitchen", "Ben") as ben,
    ):
        camera = next(transceiver for transceiver, source in ben._sources if source == "camera")
        camera.sender.replaceTrack(Picture())
        await ben.signalling.request("set_track", source="camera", live=True)
        published = await ana.signalling.event("track_published", participant=ben.id)
        assert published["track"]["live"]
        await ana.sees(1)
        await ben.signalling.request("set_track", source="camera", live=False)
        assert not (await ana.signalling.event("track_updated"))["track"]["live"]


async def test_words_reach_whom_they_are_for_and_wait_for_late_joiners(server: RunningServer) -> None:
    async with (
        Peer.joined(server, "kitchen", "Ana") as ana,
        Peer.joined(server, "kitchen", "Ben") as ben,
    ):
        await ana.signalling.request("send_chat", key="1", text="<b>hello</b>")
        await ana.signalling.request("send_chat", key="2", text="psst", to=ben.id)
        texts = [(await ben.signalling.event("chat_received"))["message"]["text"]]
        assert texts == ["<b>hello</b>"]
        async with Peer.joined(server, "kitchen", "Cleo") as cleo:
            assert [message["text"] for message in cleo.joined_reply["chat"]] == ["<b>hello</b>"]
            assert [one["name"] for one in cleo.joined_reply["participants"]] == ["Ana", "Ben", "Cleo"]
            await cleo.signalling.request("send_chat", key="1", text="me too")
            last = await ana.signalling.event("chat_received", seq=ana.signalling.events[-1]["seq"])
            assert last["message"]["text"] == "me too"


async def test_rooms_hear_nothing_of_each_other(server: RunningServer) -> None:
    async with (
        Peer.joined(server, "kitchen", "Ana") as ana,
        Peer.joined(server, "attic", "Ben", camera=Picture()) as ben,
    ):
        await ana.signalling.tell(
            "set_view", tiles=[{"track": f"{ben.id}-camera", "width": 640, "height": 360}]
        )
        with pytest.raises(Refused, match="not_found"):
            await ana.signalling.request("send_chat", key="1", text="hello", to=ben.id)
        assert not [event for event in ana.signalling.events if event["type"] == "slots"]
        assert len(ana.joined_reply["participants"]) == 1
