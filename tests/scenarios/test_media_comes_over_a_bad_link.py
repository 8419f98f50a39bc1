"""Behind a link that is slow to answer, loses packets or is narrow, the picture and the sound come."""

import csv
from pathlib import Path

import pytest

from loadtest.network import Network
from tests.bench.network.runs import Peers, serving
from tests.waiting import until

TOP, SOUND = 2, 7


async def plays(watching: Peers, layers: set[int], frames: int = 100, sound: int = 100) -> None:
    """Wait until so many frames of these layers could be shown, and so many packets of sound heard."""
    left = {"frames": frames, "sound": sound}

    def is_enough() -> bool:
        for _, _, stream, *_ in watching.tell()[0]["played"]:
            left["frames"] -= stream & 7 in layers
            left["sound"] -= stream & 7 == SOUND
        return max(left.values()) <= 0

    await until(is_enough, what=lambda: f"still to be played: {left}")


async def test_the_best_picture_comes_in_spite_of_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # This is about repair; a machine that stalls would look like a narrow link for half a minute.
    monkeypatch.setenv("SFU_MEDIA_ADAPTATION", "false")
    rows = tmp_path / "rows.csv"
    with Network("delay=30,loss=3,down:rate=8000", csv=rows) as network, serving(network, tmp_path) as url:
        Peers(network, "server", "peer", "publish", url)
        watching = Peers(network, "client", "peer", "watch", url)
        await plays(watching, {TOP})
        watching.finish()
    with rows.open() as file:
        told = [row for row in csv.DictReader(file) if row["kind"] == "rtp" and row["direction"] == "down"]
    assert any(row["fate"] == "lost" for row in told)
    assert network.own_losses == 0


async def test_a_picture_that_fits_comes_over_a_narrow_link(tmp_path: Path) -> None:
    with Network("delay=30,down:rate=700") as network, serving(network, tmp_path) as url:
        Peers(network, "server", "peer", "publish", url)
        watching = Peers(network, "client", "peer", "watch", url)
        await plays(watching, set(range(TOP)))
        watching.finish()
