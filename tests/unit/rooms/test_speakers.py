"""Who is heard and who speaks, as media says it, in terms of tracks."""

from sfu.rooms import events
from sfu.rooms.ports import SourceId
from tests.unit.rooms.fakes import World


def test_sources_become_tracks() -> None:
    world = World()
    ada = world.join()
    track = world.publish(ada, "microphone")
    source = world.media_of(track)
    world.listener().on_audio_positions([None, source, 999])
    world.listener().on_speaking(source, True)
    world.listener().on_dominant(source)
    assert world.scribe.events[-1] == events.SpeakersChanged((None, track, None), (track,), track)
    assert world.room.speakers == world.scribe.events[-1]


def test_same_again_is_not_told() -> None:
    world = World()
    source = world.media_of(world.publish(world.join(), "microphone"))
    for _ in range(3):
        world.listener().on_speaking(source, True)
        world.listener().on_audio_positions([source])
    assert len(world.scribe.of(events.SpeakersChanged)) == 2


def test_packet_quicker_than_its_message_is_told_with_the_track() -> None:
    world = World()
    ada = world.join()
    track = world.room.publish(ada.id, "microphone", SourceId(7), False).id
    world.listener().on_audio_positions([7])
    assert world.room.speakers.audio == (None,)
    world.room.set_live(ada.id, "microphone", True)
    assert [type(event).__name__ for event in world.scribe.events[-2:]] == [
        "TrackPublished",
        "SpeakersChanged",
    ]
    assert world.room.speakers.audio == (track,)


def test_muted_track_does_not_speak() -> None:
    world = World()
    ada = world.join()
    source = world.media_of(world.publish(ada, "microphone"))
    world.listener().on_speaking(source, True)
    world.room.set_live(ada.id, "microphone", False)
    assert world.room.speakers.speaking == ()


def test_who_left_is_not_heard() -> None:
    world = World()
    world.join()
    bob = world.join()
    source = world.media_of(world.publish(bob, "microphone"))
    world.listener().on_audio_positions([source])
    world.listener().on_dominant(source)
    world.room.leave(bob.id, "left")
    assert world.scribe.events[-1] == events.SpeakersChanged((None,), (), None)


def test_who_lost_its_media_does_not_speak_on() -> None:
    world = World()
    ada = world.join()
    source = world.media_of(world.publish(ada, "microphone"))
    world.listener().on_speaking(source, True)
    world.room.media_lost(ada.id)
    assert world.room.speakers.speaking == ()
    assert len(world.scribe.of(events.SpeakersChanged)) == 2


def test_new_source_of_a_track_has_not_spoken_yet() -> None:
    world = World()
    ada = world.join()
    track = world.publish(ada, "microphone")
    world.listener().on_speaking(world.media_of(track), True)
    assert world.publish(ada, "microphone") == track
    assert world.room.speakers.speaking == ()
