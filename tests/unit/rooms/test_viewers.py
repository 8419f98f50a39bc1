"""Viewers by WHEP see the stage, or whom they asked for, from when it comes until it goes."""

import pytest

from sfu.rooms.audience import Viewer
from sfu.rooms.ports import SlotId, TransportId
from tests.unit.rooms.fakes import World


def _view(world: World, play: str | None = None, video: int = 1, audio: int = 1) -> Viewer:
    room, viewer = world.rooms.view("lobby", play)
    slots = [SlotId(world.number()) for _ in range(video + audio)]
    room.attach_viewer(viewer.id, TransportId(world.number()), slots[:video], slots[video:])
    return viewer


def _shown(world: World, viewer: Viewer, kind: str = "video") -> list[str | None]:
    by_source = {track.media: track.id for one in world.room.participants for track in one.tracks.values()}
    sources = [world.media.shown.get(slot) for slot in viewer.slots[kind]]  # type: ignore[index]
    return [None if source is None else by_source[source] for source in sources]


def test_viewer_is_counted_and_not_listed() -> None:
    world = World()
    viewer = _view(world)
    assert world.room.viewers == 1
    assert world.room.participants == ()
    world.room.leave_viewer(viewer.id, "left")
    world.rooms.find("lobby")
    assert len(world.rooms) == 0
    assert viewer.transport in world.media.closed


def test_empty_room_plays_when_someone_comes() -> None:
    world = World()
    viewer = _view(world)
    assert _shown(world, viewer) == [None]
    ada = world.join()
    camera, voice = world.publish(ada), world.publish(ada, "microphone")
    assert (_shown(world, viewer), _shown(world, viewer, "audio")) == ([camera], [voice])
    world.room.leave(ada.id, "left")
    assert _shown(world, viewer) == [None]
    assert world.room.viewers == 1


def test_stage_is_the_screen_else_the_speaker_else_the_earliest() -> None:
    world = World()
    viewer = _view(world)
    ada, bob = world.join(), world.join()
    first, second = world.publish(ada), world.publish(bob)
    assert _shown(world, viewer) == [first]
    voice = world.publish(bob, "microphone")
    world.listener().on_dominant(world.media_of(voice))
    assert _shown(world, viewer) == [second]
    screen = world.publish(ada, "screen")
    assert _shown(world, viewer) == [screen]
    world.room.set_live(ada.id, "screen", False)
    assert _shown(world, viewer) == [second]
    world.listener().on_dominant(None)
    assert _shown(world, viewer) == [first]


def test_several_lines_play_different_tracks_stage_first_then_by_joining() -> None:
    world = World()
    people = [world.join(f"P{index}") for index in range(4)]
    cameras = [world.publish(one) for one in people]
    voices = [world.publish(one, "microphone") for one in people]
    viewer = _view(world, video=3, audio=5)
    assert _shown(world, viewer) == cameras[:3]
    assert _shown(world, viewer, "audio") == [*voices, None]
    world.listener().on_dominant(world.media_of(voices[2]))
    assert _shown(world, viewer) == [cameras[2], cameras[0], cameras[1]]
    assert _shown(world, viewer, "audio") == [voices[2], voices[0], voices[1], voices[3], None]


def test_sharer_is_heard_with_the_screen() -> None:
    world = World()
    ada, bob = world.join(), world.join()
    first, second = world.publish(ada, "microphone"), world.publish(bob, "microphone")
    world.publish(bob, "screen")
    viewer = _view(world, audio=2)
    assert _shown(world, viewer, "audio") == [second, first]
    sound = world.publish(bob, "screen_audio")
    world.room.set_live(bob.id, "microphone", False)
    assert _shown(world, viewer, "audio") == [sound, first]


def test_each_picture_has_its_own_sound_at_its_index() -> None:
    world = World()
    ada, bob, cleo = world.join("Ada"), world.join("Bob"), world.join("Cleo")
    world.publish(ada)
    for one in (bob, cleo):
        world.publish(one, "microphone")
    world.publish(bob)
    viewer = _view(world, video=2, audio=3)
    assert _shown(world, viewer, "audio") == [f"{cleo.id}-microphone", f"{bob.id}-microphone", None]


def test_face_keeps_its_voice_beside_its_own_screen() -> None:
    world = World()
    ada = world.join()
    camera, voice = world.publish(ada), world.publish(ada, "microphone")
    screen, sound = world.publish(ada, "screen"), world.publish(ada, "screen_audio")
    viewer = _view(world, video=2, audio=2)
    assert _shown(world, viewer) == [screen, camera]
    assert _shown(world, viewer, "audio") == [sound, voice]
    assert [track.id for track in world.room.playing("video", None, most=9)] == [screen, camera]


@pytest.mark.parametrize("by_id", [True, False])
def test_named_participant_alone_is_played(by_id: bool) -> None:
    world = World()
    ada, bob, namesake = world.join("Ada"), world.join("Bob"), world.join("Bob")
    for one in (ada, namesake):
        world.publish(one)
    camera, screen = world.publish(bob), world.publish(bob, "screen")
    viewer = _view(world, play=bob.id if by_id else "Bob", video=3)
    assert _shown(world, viewer) == [camera, screen, None]


def test_absent_source_plays_when_it_comes() -> None:
    world = World()
    world.publish(world.join("Ada"))
    viewer = _view(world, play="Bob")
    assert _shown(world, viewer) == [None]
    camera = world.publish(world.join("Bob"))
    assert _shown(world, viewer) == [camera]


def test_two_viewers_may_wish_differently() -> None:
    world = World()
    first = world.publish(world.join("Ada"))
    second = world.publish(world.join("Bob"))
    assert [_shown(world, _view(world, play)) for play in (None, "Bob")] == [[first], [second]]


def test_nothing_is_shown_twice() -> None:
    world = World()
    world.publish(world.join("Ada"))
    _view(world)
    shows = len(world.media.shows)
    world.listener().on_dominant(None)
    world.join("Bob")
    assert len(world.media.shows) == shows


def test_leaving_twice_is_nothing() -> None:
    world = World()
    world.join()
    viewer = _view(world)
    world.room.leave_viewer(viewer.id, "left")
    world.room.leave_viewer(viewer.id, "left")
    assert world.room.viewers == 0
