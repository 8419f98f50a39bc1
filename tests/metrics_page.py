"""`docs/metrics.md`, made of what the collectors tell of themselves: `python -m tests.metrics_page` writes it.

A test compares, so that no metric is without words, and no words without a metric.
"""

import asyncio
from pathlib import Path

from prometheus_client.metrics_core import Metric

from sfu.app import _metrics
from sfu.clock import ManualClock
from sfu.limits import Limits
from sfu.media.config import MediaConfig
from sfu.media.plane import MediaPlane
from tests.unit.media.fake_packets import FakePackets
from tests.unit.rooms.fakes import World

PAGE = Path(__file__).parent.parent / "docs" / "metrics.md"

HEAD = """# Metrics

What `/metrics` tells, made from the server itself by `python -m tests.metrics_page`; a test compares.

- **Directions** are seen from people: `up` from a publisher to the server, `down` from the server to a receiver. Each
  is that way alone: what was lost on the way up is never counted as lost on the way down.
- **Kinds** are `audio` (voices, and a screen's sound), `camera` and `screen`. No label comes from a user, so there are as
  many series, some 800, in an empty server as in a full one; `/api/v1/rooms/{room}` tells of each room and person.
- **Histograms** of streams (jitter, loss, rate, height) get one observation of each stream every 5 s, those of
  peers (round trip, delay, voice) one of each peer. So `histogram_quantile(0.95, sum by (le) (rate(…_bucket[5m])))` is
  what the worst twentieth of streams had in these 5 minutes, whoever has left since.
- **Totals** of streams go on growing when streams end. Of the last seconds before its end, up to 5, a stream's counts
  are not in them. A packet that was only late may stay in `sfu_lost_packets_total`, one or two of a stream's life; its
  share of loss in an interval is of the same counts.
- **Freshness**: the packet path is read when somebody asks and the last reading is a second old, on a server with
  thousands of people up to 5 s; `sfu_snapshot_age_seconds` tells. After 5 s at the latest who has left is gone.
- **Voice** (`sfu_mos`) is the E-model of ITU-T G.107 as Cole and Rosenbluth shortened it. Its assumptions are in
  `sfu/media/mos.py`: loss after repair and spread, Ie 0, Bpl 25.1, and of delay that way's own, twice its jitter for the
  buffer and 26.5 ms for Opus; the way from the server on (up) or to it (down) is taken as perfect. 4.41 is best, below 3.6
  many are dissatisfied, below 3.1 nearly all. It says what the network does, not how a microphone sounds.
- **Delays** of one way (`sfu_delay_seconds`) are measured where a peer shares the server's clock, and estimates
  elsewhere; the API tells by how much they may be off.

`grafana/` has dashboards and alert rules for all of this.

| metric | type | labels | what it says |
|---|---|---|---|
"""

TAIL = """
`sfu_drops_total` has the reasons of the packet path (`sfu/packets/proto/src/drop.rs` says what each means) and of DTLS;
`process_*` are the Prometheus client's own: CPU time, memory and descriptors of the process.
"""


async def families() -> list[Metric]:
    """Of a server that nobody has come to."""
    packets = FakePackets()
    plane = MediaPlane(packets, MediaConfig(), clock=ManualClock(), limits=Limits())
    try:
        await plane.snapshot()
        return list(_metrics(plane, World().rooms, Limits()).registry.collect())
    finally:
        packets.dispose()


def row(family: Metric) -> str:
    name = family.name + ("_total" if family.type == "counter" else "")
    labels = sorted({label for sample in family.samples for label in sample.labels} - {"le"})
    if "drops" in name and "sfu_drops" in name:
        labels = ["reason"]
    told = ", ".join(f"`{label}`" for label in labels)
    return f"| `{name}` | {family.type} | {told} | {family.documentation} |\n"


async def text() -> str:
    rows = [row(family) for family in await families() if family.name.startswith("sfu_")]
    return HEAD + "".join(sorted(rows)) + TAIL


if __name__ == "__main__":
    PAGE.write_text(asyncio.run(text()))
