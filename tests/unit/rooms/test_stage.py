"""What viewers are shown follows from who plays now, whatever came and went before; told against a plain rule."""

import random

import pytest

from sfu.rooms.ports import SourceId
from sfu.rooms.room import Room
from sfu.rooms.track import MediaKind, Track, TrackSource
from tests.unit.rooms.fakes import World

ORDER: dict[MediaKind, tuple[TrackSource, TrackSource]] = {
    "video": ("camera", "screen"),
    "audio": ("microphone", "screen_audio"),
}
SOURCES: tuple[TrackSource, ...] = ("camera", "screen", "microphone", "screen_audio")
STEPS = 300


def expected(room: Room, kind: MediaKind, play: str | None) -> list[Track]:
    """By looking at everybody."""
    if play is not None:
        named = [one for one in room.participants if one.id == play]
        named += [one for one in room.participants if one.name == play]
        return [track for source in ORDER[kind] for one in named[:1] for track in playing(one, source)]
    tracks = [track for one in room.participants for source in ORDER[kind] for track in playing(one, source)]
    sharers = [one for one in room.participants if playing(one, "screen")]
    dominant = room._speakers.dominant
    wanted = [
        track
        for source in ("screen", "microphone", "screen_audio")
        for track in tracks
        if sharers and (track.participant, track.source) == (sharers[0].id, source)
    ]
    wanted += [track for track in tracks if dominant and track.participant == dominant.participant]
    return wanted[:1] + [track for track in tracks if track is not (wanted or [None])[0]]


def playing(one, source: TrackSource) -> list[Track]:
    track = one.tracks.get(source)
    return [track] if track is not None and track.published and track.live else []


def change(world: World, chance: random.Random) -> None:
    room = world.room
    one, source = chance.choice(room.participants), chance.choice(SOURCES)
    match chance.choice(("come", "go", "publish", "publish", "publish", "live", "drop", "speak")):
        case "come" if len(room.participants) < 8:
            world.join(chance.choice(("Ada", "Bob", "Cleo")))
        case "go" if len(room.participants) > 1:
            room.leave(one.id, "left")
        case "publish":
            room.publish(one.id, source, SourceId(world.number()), live=chance.random() < 0.8)
        case "live" if source in one.tracks:
            room.set_live(one.id, source, chance.random() < 0.5)
        case "drop":
            room.unpublish(one.id, source)
        case "speak":
            voice = one.tracks.get("microphone")
            world.listener().on_dominant(voice.media if voice else None)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_is_that_of_the_rule(seed: int) -> None:
    world, chance = World(), random.Random(seed)
    world.join()
    for _ in range(STEPS):
        change(world, chance)
        asked = [None, "Ada", "Bob", "nobody", chance.choice(world.room.participants).id]
        for kind in ORDER:
            for play in asked:
                whole = expected(world.room, kind, play)
                for most in (0, 1, 2, 50):
                    told = world.room.playing(kind, play, most=most)
                    assert [track.id for track in told] == [track.id for track in whole[:most]], (kind, play)


def test_nothing_stays_of_those_who_left() -> None:
    world = World()
    people = [world.join() for _ in range(3)]
    for one in people:
        world.publish(one)
        world.publish(one, "microphone")
    stage = world.room._stage
    for one in people:
        world.room.leave(one.id, "left")
    assert not any((stage._turn, stage._named, *stage._playing.values()))


def test_a_viewer_in_a_large_room_is_seated_without_a_look_at_everybody() -> None:
    world = World()
    for _ in range(20):
        one = world.join()
        world.publish(one)
        world.publish(one, "microphone")
    looked = []

    class Counted(dict):
        def __getitem__(self, key):
            looked.append(key)
            return super().__getitem__(key)

    stage = world.room._stage
    stage._participants = Counted(stage._participants)
    assert len(stage.playlist(None, "video", most=2)) == 2
    assert len(looked) == 2
