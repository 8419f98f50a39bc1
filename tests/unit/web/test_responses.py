import pytest
from aiohttp import web

from sfu import errors
from sfu.errors import SfuError


def failing(error: BaseException) -> list[web.RouteDef]:
    async def handler(_: web.Request) -> web.Response:
        raise error

    return [web.get("/api/v1/thing", handler)]


@pytest.mark.parametrize("error", [errors.NotFound, errors.Forbidden, errors.BadOffer, errors.RoomLocked])
async def test_an_expected_error_has_its_status_code_and_words(serve, error: type[SfuError]):
    client = await serve(failing(error("In words.")))
    response = await client.get("/api/v1/thing")
    assert response.status == error.http_status
    assert await response.json() == {"error": {"code": error.code, "message": "In words."}}


async def test_a_missing_token_is_asked_for(serve):
    response = await (await serve(failing(errors.Unauthorized("No.")))).get("/api/v1/thing")
    assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_a_draining_server_says_when_to_come_back(serve):
    response = await (await serve(failing(errors.Draining("Later.")))).get("/api/v1/thing")
    assert int(response.headers["Retry-After"]) > 0


async def test_an_unexpected_error_tells_nothing_of_the_inside(serve):
    response = await (await serve(failing(ValueError("secret detail")))).get("/api/v1/thing")
    assert response.status == 500
    assert "secret" not in await response.text()
    assert (await response.json())["error"]["code"] == "internal"


async def test_unknown_paths_and_methods_answer_in_json(serve):
    client = await serve(failing(ValueError()))
    missing = await client.get("/api/v1/nothing")
    assert (missing.status, (await missing.json())["error"]["code"]) == (404, "not_found")
    refused = await client.delete("/api/v1/thing")
    assert (refused.status, refused.content_type) == (405, "application/json")
    assert "GET" in refused.headers["Allow"]


async def test_a_body_beyond_the_limit_is_refused_by_name(serve):
    async def read(request: web.Request) -> web.Response:
        await request.read()
        return web.Response()

    client = await serve([web.post("/", read)])
    assert (await client.post("/", data=b"x" * 1000)).status == 200
    refused = await client.post("/", data=b"x" * 1001)
    assert (refused.status, (await refused.json())["error"]["code"]) == (413, "too_large")


async def test_redirects_keep_their_target(serve):
    client = await serve(failing(web.HTTPFound("/r/lobby")))
    response = await client.get("/api/v1/thing", allow_redirects=False)
    assert (response.status, response.headers["Location"]) == (302, "/r/lobby")


async def test_every_answer_is_hardened_and_nothing_may_come_from_elsewhere(serve):
    client = await serve(failing(errors.NotFound("No.")))
    for path in ("/api/v1/thing", "/elsewhere"):
        headers = (await client.get(path)).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Server"] == "sfu"
