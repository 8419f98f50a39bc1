"""What one join, and one leave, costs where 10, 100 or 1000 are there already.

`room`: the model's time for a person with camera and microphone who looks at nine others, and for a viewer (WHEP),
with media that does nothing and one observer; telling each member is signalling's work, one write to each. `packet
path`: CPU time of all workers for the commands of such a person: transport, keys, two sources, nine video slots and
eight audio slots. Neither may grow with the room.
"""

import argparse
import itertools
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from sfu import _packets
from sfu._packets import Plane
from sfu.limits import Limits
from sfu.rooms.participant import Participant
from sfu.rooms.room import Room
from sfu.rooms.subscription import View
from sfu.rooms.track import TrackId
from tests.bench.forwarding import add_transport, codecs_of
from tests.unit.rooms.fakes import SIZE, World

MEMBERS = (10, 100, 1000)
VIDEO_SLOTS, AUDIO_SLOTS = 9, 8
JOINS = 200
ROOM = 1


def microseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e6


def median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


class People:
    """Joins people and viewers to a room of the model."""

    def __init__(self, members: int, viewers: int) -> None:
        limits = Limits(participants_per_room=10**6, publishers_per_room=10**6)
        self._world = World(limits=limits)
        self._ids = itertools.count(1)
        self._world.join("the first")
        self.room: Room = self._world.room
        self.cameras: list[TrackId] = []
        for _ in range(members):
            self.join()
        for _ in range(viewers):
            self.view()
        self._world.scribe.clear()

    def join(self) -> Participant:
        person = self.room.join(f"person {next(self._ids)}", "publisher")
        camera = self.room.publish(person.id, "camera", self._number(), live=True)
        self.room.publish(person.id, "microphone", self._number(), live=True)
        slots = [(self._number(), f"v{index}") for index in range(VIDEO_SLOTS)]
        self.room.attach_slots(person.id, slots, [f"a{index}" for index in range(AUDIO_SLOTS)])
        self.room.set_view(person.id, [View(track, SIZE) for track in self.cameras[:VIDEO_SLOTS]])
        self.cameras.append(camera.id)
        return person

    def view(self) -> str:
        viewer = self.room.view(None)
        self.room.attach_viewer(viewer.id, self._number(), [self._number()], [self._number()])
        return viewer.id

    def _number(self) -> Any:
        return next(self._ids)


def room_costs(members: int, viewers: int) -> list[float]:
    people = People(members, viewers)
    joins, leaves, views, parts = [], [], [], []
    for _ in range(JOINS):
        joined: list[Participant] = []
        joins.append(microseconds(lambda joined=joined: joined.append(people.join())))
        leaves.append(microseconds(lambda joined=joined: people.room.leave(joined[0].id, "left")))
        people.cameras.pop()
        viewer: list[str] = []
        views.append(microseconds(lambda viewer=viewer: viewer.append(people.view())))
        parts.append(microseconds(lambda viewer=viewer: people.room.leave_viewer(viewer[0], "left")))
    return [median(joins), median(leaves), median(views), median(parts)]


def packet_costs(members: int, workers: int) -> list[float]:
    plane = Plane([("127.0.0.1", 0)], workers=workers)
    try:
        plane.add_room(ROOM, AUDIO_SLOTS)
        for number in range(members):
            add_member(plane, number)
        idle = -cpu_s(plane) + cpu_s(plane)
        before = cpu_s(plane)
        for number in range(members, members + JOINS):
            add_member(plane, number)
        between = cpu_s(plane)
        for number in range(members, members + JOINS):
            plane.remove_transport(number)
        after = cpu_s(plane)
    finally:
        plane.close()
    return [(took - idle) / JOINS * 1e6 for took in (between - before, after - between)]


def cpu_s(plane: Plane) -> float:
    """Once all commands are carried out; with the cost of one snapshot, which grows with what there is."""
    plane.snapshot(timeout_s=30)
    return plane.snapshot(timeout_s=30).worker_cpu_s


def add_member(plane: Plane, number: int) -> None:
    add_transport(plane, number)
    audio, video = codecs_of(_packets, "audio"), codecs_of(_packets, "video")
    plane.add_source(2 * number, transport=number, mid="0", kind="video", codecs=video)
    plane.add_source(2 * number + 1, transport=number, mid="1", kind="audio", codecs=audio, room=ROOM)
    for index in range(VIDEO_SLOTS + AUDIO_SLOTS):
        is_video = index < VIDEO_SLOTS
        slot = number * 100 + index
        plane.add_slot(
            slot, transport=number, mid=str(2 + index), kind="video" if is_video else "audio",
            codecs=video if is_video else audio, ssrc=2 * slot + 1, rtx_ssrc=2 * slot + 2 if is_video else None,
            cname="bench", follows=None if is_video else (ROOM, index - VIDEO_SLOTS),
        )  # fmt: skip
        if is_video:
            plane.show(slot, 2 * index)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--members", type=int, nargs="+", default=MEMBERS)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    sys.stdout.write("members  viewers   room, µs: join    leave   viewer comes    goes\n")
    for members, viewers in [(count, also) for count in options.members for also in (0, count)]:
        join, leave, comes, goes = room_costs(members, viewers)
        sys.stdout.write(f"{members:7} {viewers:8} {join:16.0f} {leave:8.0f} {comes:14.0f} {goes:7.0f}\n")
    sys.stdout.write("members  workers   packet path, CPU µs: join    leave\n")
    for members, workers in itertools.product(options.members, options.workers):
        join, leave = packet_costs(members, workers)
        sys.stdout.write(f"{members:7} {workers:8} {join:27.0f} {leave:8.0f}\n")


if __name__ == "__main__":
    main()
