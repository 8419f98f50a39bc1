"""What programs publish by WHIP plays by WHEP: frames and sound arrive decoded."""

import asyncio

import aiohttp

from tests.peers import Picture, Tone
from tests.programs import Player, Publisher, ffmpeg_publishing
from tests.server import RunningServer
from tests.waiting import within


async def test_picture_and_sound_of_a_publisher_play(server: RunningServer) -> None:
    async with (
        Publisher.started(server, "r", video=Picture(luma=180), audio=Tone()) as publisher,
        Player.started(server, "r") as player,
    ):
        assert (publisher.status, player.status) == (201, 201)
        await asyncio.gather(player.sees(luma=180), player.hears())
    assert server.errors() == []


async def test_a_player_that_came_first_plays_what_comes(server: RunningServer) -> None:
    async with Player.started(server, "r", source="Studio") as player:
        assert player.status == 201
        await player.connected()
        async with (
            Publisher.started(server, "r", name="Other", video=Picture(luma=60)),
            Publisher.started(server, "r", name="Studio", video=Picture(luma=200), audio=Tone()),
        ):
            await asyncio.gather(player.sees(luma=200), player.hears())
    assert server.errors() == []


async def test_each_line_of_a_player_shows_somebody_else(server: RunningServer) -> None:
    async with (
        Publisher.started(server, "r", name="First", video=Picture(luma=60)),
        Publisher.started(server, "r", name="Second", video=Picture(luma=190)),
        Player.started(server, "r", video=3, audio=0) as player,
    ):
        await asyncio.gather(player.sees(0), player.sees(1))
        assert sorted(round(one.luma or 0, -1) // 100 for one in player.pictures[:2]) == [0, 1]
        assert player.pictures[2].frames == 0


async def test_ffmpeg_publishes(server: RunningServer) -> None:
    async with ffmpeg_publishing(server, "r"), Player.started(server, "r", source="ffmpeg") as player:
        assert player.status == 201
        await asyncio.gather(player.sees(), player.hears())
    assert server.errors() == []


async def test_ffmpeg_publishes_as_the_dtls_client(server: RunningServer) -> None:
    async with (
        ffmpeg_publishing(server, "r", "-whip_flags", "dtls_active"),
        Player.started(server, "r", source="ffmpeg") as player,
    ):
        await player.sees()


async def test_h264_plays_where_it_can_be_decoded_and_is_406_elsewhere(server: RunningServer) -> None:
    async with Publisher.started(server, "r", name="H", video=Picture(), codec="video/H264") as publisher:
        await publisher.connected()
        async with Player.started(server, "r", source="H") as player:
            await player.sees()
        vp8 = "\r\n".join(_without_h264(player.connection.localDescription.sdp.split("\r\n")))
        async with aiohttp.ClientSession() as http:
            url = f"{server.url}whep/r?source=H"
            async with http.post(url, data=vp8, headers={"Content-Type": "application/sdp"}) as response:
                assert response.status == 406
                assert (await response.json())["error"]["code"] == "unsupported_media"


def _without_h264(lines: list[str]) -> list[str]:
    gone = {
        line.split(":")[1].split(" ")[0] for line in lines if line.startswith("a=rtpmap:") and "H264" in line
    }
    gone |= {
        line.split(":")[1].split(" ")[0]
        for line in lines
        if line.startswith("a=fmtp:") and line.rpartition("apt=")[2] in gone
    }
    names = ("rtpmap", "fmtp", "rtcp-fb")
    attributes = tuple(f"a={name}:{number} " for number in gone for name in names)
    kept = [line for line in lines if not line.startswith(attributes)]
    return [
        " ".join(word for word in line.split(" ") if word not in gone) if line.startswith("m=video") else line
        for line in kept
    ]


async def test_deleting_ends_publishing_for_everyone(server: RunningServer) -> None:
    async with (
        Publisher.started(server, "r", video=Picture()) as publisher,
        Player.started(server, "r") as player,
    ):
        await player.sees()
        assert await publisher.delete() == 200
        assert await publisher.delete() == 404
        assert await _participants(server, "r") == []
        assert await player.delete() == 200
        await _until_no_room(server)


async def test_a_publisher_that_closes_its_connection_is_gone(server: RunningServer) -> None:
    async with Publisher.started(server, "r", video=Picture()) as publisher:
        await publisher.connected()
        assert len(await _participants(server, "r")) == 1
        await publisher.close()
        await _until_no_room(server)
        assert await publisher.delete() == 404


async def test_tokens_open_the_doors(token_server: RunningServer) -> None:
    async with Publisher.started(token_server, "r", video=Picture()) as stranger:
        assert stranger.status == 401
    subscriber = await token_server.token("r", "subscriber")
    publisher = await token_server.token("r", "publisher", "--name", "Studio")
    async with Publisher.started(token_server, "r", video=Picture(), token=subscriber) as refused:
        assert refused.status == 403
    async with (
        Publisher.started(token_server, "r", video=Picture(luma=170), token=publisher),
        Player.started(token_server, "r", source="Studio", token=subscriber) as player,
    ):
        await player.sees(luma=170)


async def _room(server: RunningServer, room: str) -> dict | None:
    async with aiohttp.ClientSession() as http, http.get(f"{server.url}api/v1/rooms/{room}") as response:
        return await response.json() if response.status == 200 else None


async def _participants(server: RunningServer, room: str) -> list[dict]:
    described = await _room(server, room)
    return described["participants"] if described else []


async def _until_no_room(server: RunningServer) -> None:
    async with within("no room"):
        while True:
            if await _room(server, "r") is None:
                return
            await asyncio.sleep(0.05)
