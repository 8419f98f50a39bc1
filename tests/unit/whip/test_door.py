"""WHIP and WHEP as HTTP: what each request is answered, and what ends a session."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from sfu.limits import Limits
from sfu.whip import http as whip_http
from tests.unit.join.fakes import H264, PROGRAM, VIEWER, video
from tests.unit.sdp.offers import SESSION, offer
from tests.unit.whip.conftest import Program, Start


async def test_publishing(program: Program) -> None:
    response = await program.post("/whip/lobby?name=OBS")
    assert response.status == 201
    assert response.content_type == "application/sdp"
    assert (await response.text()).startswith("v=0\r\n")
    assert response.headers["Location"].startswith("/whip/lobby/")
    assert response.headers["ETag"].startswith('"')
    (publisher,) = program.setting.room().participants
    assert (publisher.name, publisher.kind, publisher.role) == ("OBS", "whip", "publisher")


async def test_playing(program: Program) -> None:
    response = await program.post("/whep/lobby?source=OBS")
    assert response.status == 201
    assert response.headers["Location"].startswith("/whep/lobby/")
    assert program.setting.room().viewers == 1


async def test_an_unnamed_publisher_gets_a_name(program: Program) -> None:
    await program.post()
    assert [one.name for one in program.setting.room().participants] == ["Stream"]


async def test_candidates_begin_with_the_address_that_was_asked(program: Program) -> None:
    await program.post()
    assert program.setting.media.reached == ["127.0.0.1"]


@pytest.mark.parametrize("path", ["/whip/lobby", "/whep/lobby"])
async def test_deleting_ends_the_session_once(program: Program, path: str) -> None:
    location = (await program.post(path)).headers["Location"]
    assert (await program.http.delete(location)).status == 200
    assert program.setting.media.is_empty
    assert (await program.http.delete(location)).status == 404


@pytest.mark.parametrize("path", ["/whip/lobby", "/whep/lobby"])
async def test_a_session_ends_with_its_media(program: Program, path: str) -> None:
    location = (await program.post(path)).headers["Location"]
    (transport,) = program.setting.media.transports
    program.setting.media.lose(transport)
    assert (await program.http.delete(location)).status == 404


async def test_a_removed_publisher_has_no_session(program: Program) -> None:
    location = (await program.post()).headers["Location"]
    (publisher,) = program.setting.room().participants
    program.setting.room().leave(publisher.id, "removed")
    assert (await program.http.delete(location)).status == 404


async def test_the_other_doors_url_is_none(program: Program) -> None:
    location = (await program.post()).headers["Location"]
    assert (await program.http.delete(location.replace("whip", "whep"))).status == 404
    assert len(program.setting.room().participants) == 1


async def test_another_rooms_url_is_none(program: Program) -> None:
    """Or a token for one room would end sessions in another."""
    location = (await program.post()).headers["Location"]
    assert (await program.http.delete(location.replace("lobby", "other"))).status == 404
    assert len(program.setting.room().participants) == 1


async def test_rooms_of_any_script_have_a_location(program: Program) -> None:
    response = await program.post("/whip/caf%C3%A9")
    location = response.headers["Location"]
    assert location.startswith("/whip/caf%C3%A9/")
    assert (await program.http.delete(location)).status == 200


REFUSED = {
    "no sdp": (400, "bad_offer", {"body": "hello"}),
    "not UTF-8": (400, "bad_offer", {"body": b"v=0\r\n\xff"}),
    "ten thousand lines": (400, "bad_offer", {"body": "v=0\r\n" + "m=audio 9 X 0\r\n" * 10_000}),
    "CRLF in the name": (400, "bad_name", {"path": "/whip/lobby?name=a%0D%0Ab"}),
    "a room that cannot be": (400, "bad_name", {"path": "/whip/a%20b"}),
    "nothing to send": (406, "unsupported_media", {"body": VIEWER}),
    "nothing to receive": (406, "unsupported_media", {"path": "/whep/lobby", "body": PROGRAM}),
    "unknown codecs": (
        406,
        "unsupported_media",
        {"body": offer(video("0", "sendonly", ["a=rtpmap:96 theora/90000"]))},
    ),
    "too large": (413, "too_large", {"body": "v=0\r\n" + "a" * 600_000}),
    "no fingerprint": (
        422,
        "bad_offer",
        {"body": offer(video("0", "sendonly"), session=[line for line in SESSION if "finger" not in line])},
    ),
}


@pytest.mark.parametrize(("status", "code", "request_"), REFUSED.values(), ids=list(REFUSED))
async def test_refusals(program: Program, status: int, code: str, request_: dict[str, str]) -> None:
    response = await program.post(**request_)
    assert response.status == status
    error = (await response.json())["error"]
    assert error["code"] == code
    assert error["message"]
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert program.setting.media.is_empty


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/sdpx", "application/json"])
async def test_the_body_must_be_sdp(program: Program, content_type: str) -> None:
    assert (await program.post(Content_Type=content_type)).status == 415


async def test_the_content_type_may_have_parameters(program: Program) -> None:
    assert (await program.post(Content_Type="Application/SDP; charset=utf-8")).status == 201


async def test_a_source_that_cannot_be_decoded(program: Program) -> None:
    await program.post("/whip/lobby?name=OBS")
    h264 = offer(video("0", "recvonly", H264, "102"))
    assert (await program.post("/whep/lobby?source=OBS", h264)).status == 406
    assert (await program.post("/whep/lobby?source=Nobody", h264)).status == 201


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b"a" * 4096


async def test_an_endless_body_is_cut_off(start: Start) -> None:
    program = await start(limits=Limits(sdp_bytes=64 * 1024))
    response = await program.post(body=endless())
    assert response.status == 413


async def test_a_slow_body_is_given_up(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whip_http, "BODY_TIMEOUT_S", 0.01)

    async def stalled() -> AsyncIterator[bytes]:
        yield b"v=0\r\n"
        await asyncio.Event().wait()

    assert (await program.post(body=stalled())).status == 408


async def test_a_draining_server_says_when_to_come_back(program: Program) -> None:
    program.setting.rooms.drain(60)
    response = await program.post()
    assert response.status == 503
    assert int(response.headers["Retry-After"]) > 0


async def test_a_full_room(start: Start) -> None:
    program = await start(limits=Limits(participants_per_room=1))
    assert (await program.post()).status == 201
    response = await program.post("/whep/lobby")
    assert (response.status, "Retry-After" in response.headers) == (503, True)


class TestTokens:
    @pytest.fixture
    async def program(self, start: Start) -> Program:
        return await start(mode="token")

    @pytest.mark.parametrize("path", ["/whip/lobby", "/whep/lobby"])
    @pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer nonsense", "Basic YTpi"])
    async def test_without_a_good_token(self, program: Program, path: str, authorization: str) -> None:
        response = await program.post(path, Authorization=authorization)
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert response.headers["Access-Control-Allow-Origin"] == "*"

    async def test_of_another_room(self, program: Program) -> None:
        response = await program.post(Authorization=program.bearer("publisher", room="other"))
        assert response.status == 401

    @pytest.mark.parametrize("spelling", ["caf%C3%A9", "cafe%CC%81"])
    @pytest.mark.parametrize("room", ["café", "cafe\u0301"])
    async def test_the_room_may_be_spelt_either_way(self, program: Program, spelling: str, room: str) -> None:
        token = program.bearer("publisher", room=room)
        response = await program.post(f"/whip/{spelling}", Authorization=token)
        assert (response.status, response.headers["Location"][:16]) == (201, "/whip/caf%C3%A9/")
        session = response.headers["Location"].rpartition("/")[2]
        ended = await program.http.delete(f"/whip/{spelling}/{session}", headers={"Authorization": token})
        assert ended.status == 200

    async def test_a_subscriber_plays_and_does_not_publish(self, program: Program) -> None:
        token = program.bearer("subscriber")
        assert (await program.post("/whip/lobby", Authorization=token)).status == 403
        assert (await program.post("/whep/lobby", Authorization=token)).status == 201

    async def test_a_name_in_the_token_wins(self, program: Program) -> None:
        token = program.bearer("publisher", name="Studio")
        assert (await program.post("/whip/lobby?name=Other", Authorization=token)).status == 201
        assert [one.name for one in program.setting.room().participants] == ["Studio"]

    async def test_the_end_needs_a_token_too(self, program: Program) -> None:
        token = program.bearer("publisher")
        location = (await program.post(Authorization=token)).headers["Location"]
        assert (await program.http.delete(location)).status == 401
        assert (await program.http.delete(location, headers={"Authorization": token})).status == 200

    async def test_who_is_refused_costs_no_body(self, program: Program) -> None:
        """The token is looked at first, so that strangers cannot make the server read half a megabyte."""
        assert (await program.post(body="v=0\r\n" + "a" * 600_000)).status == 401


@pytest.mark.parametrize("path", ["/whip/lobby", "/whep/lobby"])
async def test_options_tell_what_may_be_posted(program: Program, path: str) -> None:
    response = await program.http.options(path)
    assert response.status == 204
    assert response.headers["Accept-Post"] == "application/sdp"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in response.headers["Access-Control-Allow-Headers"]


async def test_a_page_may_end_its_session(program: Program) -> None:
    location = (await program.post()).headers["Location"]
    response = await program.http.options(location)
    assert "DELETE" in response.headers["Access-Control-Allow-Methods"]


async def test_a_page_may_read_where_its_session_is(program: Program) -> None:
    exposed = (await program.post()).headers["Access-Control-Expose-Headers"]
    assert {"Location", "ETag"} <= set(exposed.split(", "))


@pytest.mark.parametrize(
    ("method", "allowed"), [("GET", "DELETE"), ("PUT", "DELETE"), ("PATCH", "DELETE"), ("POST", "DELETE")]
)
async def test_other_methods_on_a_session(program: Program, method: str, allowed: str) -> None:
    location = (await program.post()).headers["Location"]
    response = await program.http.request(method, location)
    assert response.status == 405
    assert allowed in response.headers["Allow"]


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_other_methods_on_an_endpoint(program: Program, method: str) -> None:
    response = await program.http.request(method, "/whip/lobby")
    assert response.status == 405
    assert "POST" in response.headers["Allow"]
