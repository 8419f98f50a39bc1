"""What a scrape of a full server takes: `python -m tests.bench.scrape --rooms 500 --people 4`.

A real packet path holds the rooms' transports, sources and slots, and their counters move from look to look; no
packet flows, which changes nothing of what is read. Prints times of the parts, and how many series there are.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

from sfu import _packets
from sfu.clock import SystemClock
from sfu.limits import Limits
from sfu.media.collector import MediaCollector
from sfu.media.config import MediaConfig
from sfu.media.plane import MediaPlane
from sfu.media.specs import CodecSpec, RemoteTransport, SlotSpec, SourceSpec
from sfu.media.stats import Indexed
from sfu.metrics import Metrics

OPUS = CodecSpec(codec="opus", payload_type=111, clock_rate=48_000)
VP8 = CodecSpec(codec="vp8", payload_type=96, clock_rate=90_000, rtx_payload_type=97, nack=True, pli=True)
RUNS = 20


class Deaf:
    def on_connected(self) -> None: ...

    def on_lost(self, reason: str) -> None: ...

    def on_moved(self) -> None: ...


def fill(plane: MediaPlane, rooms: int, people: int) -> None:
    """Each sends voice and simulcast, and sees and hears all others."""
    for _ in range(rooms):
        transports, cameras = [], []
        for _ in range(people):
            remote = RemoteTransport("u" * 4, "p" * 22, [("sha-256", "AA")], "active")
            transport = plane.open_transport(remote, extensions=[], listener=Deaf()).id
            transports.append(transport)
            plane.add_source(transport, SourceSpec(mid="0", kind="audio", codecs=[OPUS]))
            cameras.append(
                plane.add_source(
                    transport, SourceSpec(mid="1", kind="video", codecs=[VP8], rids=["f", "h", "q"])
                )
            )
        for index, transport in enumerate(transports):
            for mid in range(2 * (people - 1)):
                kind, codec = ("audio", OPUS) if mid % 2 else ("video", VP8)
                spec = SlotSpec(mid=str(2 + mid), kind=kind, codecs=[codec], cname="c")
                slot = plane.add_slot(transport, spec).id
                if kind == "video":
                    plane.show(slot, cameras[(index + 1 + mid // 2) % people])


def moving(taken: _packets.Snapshot, look: int) -> SimpleNamespace:
    """The snapshot as if packets flowed: every stream has counted more than at the look before."""
    for_all = {"packets": 1000 * look, "expected": 1010 * look, "lost": 10 * look, "bytes": 900_000 * look}
    sources = [
        SimpleNamespace(
            source=source.source,
            layers=[_filled(_LAYER, layer=layer, active=True, height=360, **for_all) for layer in range(3)],
        )
        for source in taken.sources
    ]
    shown = [source.source for source in taken.sources]
    slots = [
        _filled(_SLOT, slot=slot.slot, source=shown[index % len(shown)], is_off=False, reason=None, **for_all)
        for index, slot in enumerate(taken.slots)
    ]
    fields = {name: getattr(taken, name) for name in dir(taken) if not name.startswith("_")}
    return SimpleNamespace(**fields | {"sources": sources, "slots": slots})


def _names(of: type) -> list[str]:
    return [name for name in dir(of) if not name.startswith("_")]


_LAYER, _SLOT = _names(_packets.LayerSnapshot), _names(_packets.SlotSnapshot)


def _filled(names: list[str], **values: object) -> SimpleNamespace:
    return SimpleNamespace(**dict.fromkeys(names, 0) | {"capture_delay_s": None} | values)


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await work()
    return 1000 * (time.perf_counter() - began)


async def run(rooms: int, people: int) -> None:
    limits = Limits(transports=rooms * people + 1)
    plane = await MediaPlane.start(
        MediaConfig(hosts=("127.0.0.1",), port=0), clock=SystemClock(), limits=limits
    )
    metrics = Metrics()
    metrics.add_collector(MediaCollector(plane))
    metrics.before_scrape(plane.snapshot)
    try:
        fill(plane, rooms, people)
        native = [await timed(lambda: asyncio.to_thread(plane._packets.snapshot)) for _ in range(RUNS)]
        surveys = []
        for look in range(RUNS):
            taken = plane.snapshots._take()
            indexed = Indexed.of(moving(taken, look))
            began = time.perf_counter()
            plane.survey.take(indexed)
            surveys.append(1000 * (time.perf_counter() - began))
        scrapes = []
        for _ in range(RUNS):
            scrapes.append(await timed(metrics.render))
            await asyncio.sleep(0.7)
        text = (await metrics.render()).decode()
    finally:
        await plane.close()
    inventory = (
        f"{rooms * people} people, {2 * rooms * people} sources, {2 * rooms * people * (people - 1)} slots"
    )
    series = sum(1 for line in text.splitlines() if line and not line.startswith("#"))
    print(f"{rooms} rooms: {inventory}")
    for what, times in (
        ("scrape, as Prometheus waits for it", scrapes),
        ("snapshot (in a thread, 5 s apart)", native),
        ("totals and samples, all streams moving (in a thread)", surveys),
    ):
        print(f"  {what:54} median {statistics.median(times):6.1f} ms, most {max(times):6.1f} ms")
    print(f"  series {series}, {len(text) / 1024:.0f} KiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rooms", type=int, default=500)
    parser.add_argument("--people", type=int, default=4)
    told = parser.parse_args()
    asyncio.run(run(told.rooms, told.people))


if __name__ == "__main__":
    main()
