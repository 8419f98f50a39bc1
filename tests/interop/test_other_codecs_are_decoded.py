"""VP9, H.264 and AV1 from a real browser, as OBS would publish them, are decoded by real browsers."""

from tests.interop.browsers.page import Page
from tests.interop.conftest import Cast, together

CODECS = {"video/VP9", "video/H264", "video/AV1"}
TURNS = ["video/VP9", "video/VP8", "video/H264", "video/AV1", "video/VP8"]
"""What one slot shows, one after the other: there and back, and past what Firefox cannot decode."""
WIDTH, HEIGHT = 320, 240
FRAMES = 20


async def publish_all(cast: Cast) -> None:
    """One page, one WHIP publication a codec."""
    studio = await cast.chromium("studio")
    await studio.goto(cast.url())
    assert set(await studio.probe("codecs", "send")) >= CODECS
    for codec in sorted(CODECS):
        name = codec.removeprefix("video/")
        await studio.probe("publish", f"/whip/codecs?name={name}", codec, WIDTH, HEIGHT)


async def decodes(page: Page, codecs: set[str]) -> None:
    """New frames of each of these."""
    before = await page.probe("decoded")
    await page.until(
        "decoded",
        accept=lambda now: all(now.get(codec, 0) >= before.get(codec, 0) + FRAMES for codec in codecs),
    )


async def test_every_codec_is_seen_by_whoever_can_decode_it(cast: Cast) -> None:
    await publish_all(cast)
    ana = await cast.chromium("ana")
    await ana.join(cast.room("codecs"), "ana")
    await ana.press("Stop camera")
    dani = await cast.firefox("dani")
    await dani.join(cast.room("codecs"), "dani")
    await dani.press("Stop camera")

    able = CODECS & set(await dani.probe("codecs", "receive"))
    assert "video/VP9" in able
    await together(decodes(ana, CODECS), decodes(dani, able))
    for codec in CODECS - able:
        await dani.until("shows", "Your browser cannot play this video")
        tiles = await dani.probe("tiles", "camera")
        name = codec.removeprefix("video/")
        assert "cannot play" in next(tile["text"] for tile in tiles if name in tile["text"])
    assert not cast.server.errors()


async def shows(page: Page, codec: str) -> None:
    """The one slot does, with new frames."""
    await page.until("decoded", accept=lambda now: set(now) == {codec})
    await decodes(page, {codec})


async def test_one_slot_changes_from_codec_to_codec(cast: Cast) -> None:
    """The stage is the earliest publisher who is left; each has a codec of its own."""
    studio, ana, dani = await together(cast.chromium("studio"), cast.chromium("ana"), cast.firefox("dani"))
    await together(*(page.goto(cast.url()) for page in (studio, ana, dani)))
    paths = [f"/whip/turns?name={number}" for number in range(len(TURNS))]
    for path, codec in zip(paths, TURNS, strict=True):
        await studio.probe("publish", path, codec, WIDTH, HEIGHT)
    assert [await page.probe("play", "/whep/turns") for page in (ana, dani)] == [201, 201]
    able = set(await dani.probe("codecs", "receive"))
    for path, codec in zip(paths, TURNS, strict=True):
        await together(*(shows(page, codec) for page in (ana, dani) if page is ana or codec in able))
        assert await studio.probe("unpublish", path) == 200
    assert not cast.server.errors()
