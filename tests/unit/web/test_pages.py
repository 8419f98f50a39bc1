import pytest

from sfu.web.pages import Pages


@pytest.fixture
def static(tmp_path):
    (tmp_path / "static" / "assets").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("classified")
    (tmp_path / "static" / "index.html").write_text("<title>the client</title>")
    (tmp_path / "static" / "favicon.svg").write_text("<svg/>")
    (tmp_path / "static" / "assets" / "index-BX3k_9a.js").write_text("run()")
    return tmp_path / "static"


async def test_the_client_is_at_the_root_and_in_every_room(serve, static):
    client = await serve(Pages(static).routes())
    for path in ("/", "/r/lobby", "/r/sala%20d'actes", "/r/lobby?token=x&name=Ada&join=1"):
        response = await client.get(path)
        assert (response.status, response.content_type) == (200, "text/html")
        assert "the client" in await response.text()
        assert response.headers["Cache-Control"] == "no-cache"


async def test_hashed_files_are_cached_for_ever_and_others_are_asked_for(serve, static):
    client = await serve(Pages(static).routes())
    script = await client.get("/assets/index-BX3k_9a.js")
    assert await script.text() == "run()"
    assert script.content_type in ("text/javascript", "application/javascript")
    assert "immutable" in script.headers["Cache-Control"]
    icon = await client.get("/favicon.svg")
    assert (icon.status, icon.headers["Cache-Control"]) == (200, "no-cache")


@pytest.mark.parametrize(
    "path",
    [
        "/assets/none.js",
        "/none.svg",
        "/assets/..%2f..%2fsecret.txt",
        "/assets/%2e%2e/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/assets/.hidden",
        "/assets/",
        "/assets",
        "/r/",
        "/r/a/b",
        "/assets/x%00.js",
    ],
)
async def test_nothing_else_is_served(serve, static, path: str):
    response = await (await serve(Pages(static).routes())).get(path)
    assert response.status == 404
    assert "classified" not in await response.text()


async def test_a_missing_build_is_explained(serve, tmp_path):
    response = await (await serve(Pages(tmp_path).routes())).get("/")
    assert response.status == 503
    assert "make serve" in await response.text()
