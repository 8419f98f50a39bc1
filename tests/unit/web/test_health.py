import asyncio
from dataclasses import dataclass

from sfu.web.health import Health


@dataclass
class Probed:
    ok: bool
    detail: str = ""
    round_trip_s: float | None = None


class Plane:
    """Counts the probes and answers as told."""

    def __init__(self):
        self.probes = 0
        self.result = Probed(True, round_trip_s=0.01)

    async def probe(self) -> Probed:
        self.probes += 1
        await asyncio.sleep(0)
        return self.result


async def no_metrics() -> bytes:
    return b"sfu_rooms 0\n"


def routes(plane: Plane, *, draining: bool = False):
    return Health(probe=plane.probe, metrics=no_metrics, draining=lambda: draining).routes()


async def test_the_process_is_well_and_says_when_it_drains(serve):
    assert await (await (await serve(routes(Plane()))).get("/healthz")).json() == {"status": "ok"}
    draining = await serve(routes(Plane(), draining=True))
    assert await (await draining.get("/healthz")).json() == {"status": "draining"}


async def test_a_failed_probe_is_503_with_its_reason(serve):
    plane = Plane()
    plane.result = Probed(False, "No answer to STUN within 2 s.")
    client = await serve(routes(plane))
    red = await client.get("/healthz/media")
    assert (red.status, (await red.json())["detail"]) == (503, "No answer to STUN within 2 s.")
    plane.result = Probed(True)
    assert (await client.get("/healthz/media")).status == 200


async def test_metrics_are_in_prometheus_text(serve):
    response = await (await serve(routes(Plane()))).get("/metrics")
    assert response.content_type == "text/plain"
    assert "version=0.0.4" in response.headers["Content-Type"]
    assert await response.read() == b"sfu_rooms 0\n"
