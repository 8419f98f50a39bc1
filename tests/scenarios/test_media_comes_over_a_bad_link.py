"""Behind a link that is slow to answer and loses packets, the picture and the sound come as they are sent."""

import csv
from pathlib import Path

from loadtest.network import Network
from tests.bench.network.runs import Peers, serving
from tests.waiting import until

TOP = 2


async def test_the_best_picture_comes_in_spite_of_loss(tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    frames, sound = [], []
    with Network("delay=30,loss=3,down:rate=8000", csv=rows) as network, serving(network, tmp_path) as url:
        Peers(network, "server", "peer", "publish", url)
        watching = Peers(network, "client", "peer", "watch", url)

        def comes() -> bool:
            for played in watching.tell()[0]["played"]:
                (frames if played[5] else sound).append(played)
            return sum(stream & 7 == TOP for _, _, stream, *_ in frames) > 100 and len(sound) > 100

        await until(comes)
        watching.finish()
    with rows.open() as file:
        told = [row for row in csv.DictReader(file) if row["kind"] == "rtp" and row["direction"] == "down"]
    assert any(row["fate"] == "lost" for row in told)
    assert network.own_losses == 0
