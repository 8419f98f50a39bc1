import pytest
from aiohttp.test_utils import TestClient

from sfu.auth.authenticator import Authenticator
from sfu.auth.config import Mode
from sfu.auth.grants import EVERY_ROOM, Grant
from sfu.auth.tokens import Tokens
from sfu.clock import ManualClock
from sfu.media.stats import LayerReport, Recent, SlotReport, SourceReport, TransportReport
from sfu.rooms.participant import Participant
from sfu.web.api import Api
from tests.unit.rooms.fakes import World
from tests.unit.web.schema import mismatches

LAYER = LayerReport(
    layer=0,
    active=True,
    width=1280,
    height=720,
    bitrate_bps=2_500_000,
    packets=1000,
    lost=10,
    repaired=8,
    loss=0.002,
    jitter_s=0.004,
    keyframes=3,
    expected=1002,
    lost_after_repair=2,
    duplicates=1,
    reordered=4,
    frames_per_s=29.9,
    freezes=1,
    frozen_s=0.4,
    nacks=9,
    keyframe_requests=2,
    capture_delay_s=0.03,
    recent=Recent(0.01, 0.002),
)


class Reports:
    """What media would say of each transport."""

    def __init__(self):
        self.by_transport = {}

    async def report(self, transport: int) -> TransportReport | None:
        return self.by_transport.get(transport)


class Site:
    def __init__(self, mode: Mode, clock: ManualClock):
        self.world = World(is_open=mode == "open")
        self.reports = Reports()
        self.tokens = Tokens(b"s" * 32, clock=clock)
        api = Api(rooms=self.world.rooms, media=self.reports, authenticator=Authenticator(mode, self.tokens))
        self.routes = api.routes()

    def bearer(self, room: str, role: str = "moderator") -> dict[str, str]:
        return {"Authorization": "Bearer " + self.tokens.mint(Grant(room, role), ttl_s=60)}

    def report_of(self, participant: Participant) -> None:
        """The participant sends its camera and receives in all its slots."""
        sources = [
            SourceReport(track.media, "1", "video", "vp8", True, [LAYER])
            for track in participant.tracks.values()
        ]
        slots = [
            SlotReport(
                id=slot.id,
                mid=slot.mid,
                kind="video",
                source=None,
                wanted=None,
                layer=1,
                temporal=1,
                is_off=False,
                reason="your_downlink",
                bitrate_bps=500_000,
                packets=300,
                retransmitted=2,
                lost=1,
                loss=0.004,
                jitter_s=0.003,
                expected=300,
                lost_after_repair=0,
                lost_up=1,
                frames=60,
                keyframes=1,
                nacks=2,
                keyframe_requests=1,
                switches=1,
                width=640,
                height=360,
                recent=Recent(0.004, 0.0),
            )
            for slot in participant.subscription.slots
        ]
        self.reports.by_transport[participant.transport] = TransportReport(
            id=participant.transport,
            remote=("192.0.2.1", 5000),
            delay_s=0.02,
            delay_up_s=0.012,
            delay_down_s=0.008,
            delay_error_s=0.004,
            jitter_down_s=0.001,
            mos_up=4.3,
            mos_down=None,
            estimate_bps=3_000_000,
            bytes_received=1_000_000,
            bytes_sent=400_000,
            sources=sources,
            slots=slots,
        )


@pytest.fixture
def site(clock: ManualClock) -> Site:
    return Site("open", clock)


@pytest.fixture
def token_site(clock: ManualClock) -> Site:
    return Site("token", clock)


async def schema_of(client: TestClient, path: str) -> tuple[dict, dict]:
    document = await (await client.get("/api/v1/openapi.json")).json()
    return document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"][
        "schema"
    ], document


async def test_rooms_are_listed(serve, site: Site):
    client = await serve(site.routes)
    assert await (await client.get("/api/v1/rooms")).json() == {"rooms": []}
    site.world.join("Ada")
    body = await (await client.get("/api/v1/rooms")).json()
    assert [(room["name"], room["participants"], room["viewers"]) for room in body["rooms"]] == [
        ("lobby", 1, 0)
    ]
    assert mismatches(body, *await schema_of(client, "/api/v1/rooms")) == []


async def test_a_room_tells_sources_slots_and_layers_with_delay_jitter_and_loss(serve, site: Site):
    client = await serve(site.routes)
    ada, bo = site.world.join("Ada"), site.world.join("Bo", slots=1)
    track = site.world.publish(ada)
    site.world.look(bo, track)
    site.report_of(ada)
    site.report_of(bo)
    body = await (await client.get("/api/v1/rooms/lobby")).json()
    assert mismatches(body, *await schema_of(client, "/api/v1/rooms/{room}")) == []
    first, second = body["participants"]
    assert (first["name"], first["role"], first["round_trip_s"], first["estimate_bps"]) == (
        "Ada",
        "moderator",
        0.02,
        3_000_000,
    )
    (source,) = first["sources"]
    assert (source["track"], source["source"], source["live"], source["codec"]) == (
        track,
        "camera",
        True,
        "vp8",
    )
    assert (source["layers"][0]["jitter_s"], source["layers"][0]["loss"]) == (0.004, 0.002)
    assert (first["delay_up_s"], first["delay_down_s"], first["delay_error_s"]) == (0.012, 0.008, 0.004)
    assert first["mos"] == {"up": 4.3, "down": None}
    layer = source["layers"][0]
    assert (layer["recent_loss"], layer["recent_loss_after_repair"]) == (0.01, 0.002)
    (slot,) = second["slots"]
    assert (slot["width"], slot["height"], slot["reason"]) == (640, 360, "your_downlink")
    assert (slot["recent_loss"], slot["lost_up"]) == (0.004, 1)
    assert (slot["track"], slot["jitter_s"], slot["loss"], slot["layer"]) == (track, 0.003, 0.004, 1)


async def test_a_participant_without_media_is_listed_without_figures(serve, site: Site):
    client = await serve(site.routes)
    site.world.publish(site.world.join("Ada"))
    body = await (await client.get("/api/v1/rooms/lobby")).json()
    assert mismatches(body, *await schema_of(client, "/api/v1/rooms/{room}")) == []
    assert body["participants"][0]["round_trip_s"] is None
    assert body["participants"][0]["sources"][0]["layers"] == []


@pytest.mark.parametrize(
    ("room", "status", "code"), [("nowhere", 404, "not_found"), ("a%20b", 400, "bad_name")]
)
async def test_rooms_that_are_not_there_are_said(serve, site: Site, room: str, status: int, code: str):
    response = await (await serve(site.routes)).get(f"/api/v1/rooms/{room}")
    assert (response.status, (await response.json())["error"]["code"]) == (status, code)


async def test_token_mode_tells_moderators_only_and_of_their_rooms(serve, token_site: Site):
    site = token_site
    client = await serve(site.routes)
    site.world.join("Ada", room="lobby", role="publisher")
    site.world.join("Bo", room="attic", role="publisher")
    for path in ("/api/v1/rooms", "/api/v1/rooms/lobby"):
        assert (await client.get(path)).status == 401
        assert (await client.get(path, headers=site.bearer("lobby", "publisher"))).status == 403
        assert (await client.get(path, headers=site.bearer("lobby"))).status == 200
    assert (await client.get("/api/v1/rooms/attic", headers=site.bearer("lobby"))).status == 401
    seen = await (await client.get("/api/v1/rooms", headers=site.bearer("lobby"))).json()
    assert [room["name"] for room in seen["rooms"]] == ["lobby"]
    seen = await (await client.get("/api/v1/rooms", headers=site.bearer(EVERY_ROOM))).json()
    assert {room["name"] for room in seen["rooms"]} == {"lobby", "attic"}


async def test_token_mode_does_not_tell_strangers_which_rooms_there_are(serve, token_site: Site):
    client = await serve(token_site.routes)
    token_site.world.join("Ada", role="publisher")
    here, nowhere = [await client.get(f"/api/v1/rooms/{room}") for room in ("lobby", "nowhere")]
    assert (here.status, await here.text()) == (nowhere.status, await nowhere.text())


async def test_every_route_is_described_and_every_description_is_a_route(serve, site: Site):
    document = await (await (await serve(site.routes)).get("/api/v1/openapi.json")).json()
    assert set(document["paths"]) == {route.path for route in site.routes}
