"""What a participant sees: stable slots, the most important first, nobody's own picture."""

from sfu.rooms import events
from sfu.rooms.ports import SlotId, TileSize
from tests.unit.rooms.fakes import SIZE, World


def _crowd(world: World, size: int) -> list[str]:
    return [world.publish(world.join(f"P{index}")) for index in range(size)]


def test_tiles_take_the_slots_in_order() -> None:
    world = World()
    ada = world.join(slots=3)
    tracks = _crowd(world, 2)
    world.look(ada, *tracks)
    assert world.seen(ada) == [*tracks, None]
    assert world.scribe.events[-1] == events.SlotsChanged(
        ada.id,
        (events.SlotShown("v0", tracks[0], False), events.SlotShown("v1", tracks[1], False)),
    )


def test_shown_track_keeps_its_slot() -> None:
    world = World()
    ada = world.join(slots=3)
    a, b, c, d = _crowd(world, 4)
    world.look(ada, a, b, c)
    world.look(ada, d, c, a)
    assert world.seen(ada) == [a, d, c]


def test_same_view_again_asks_nothing() -> None:
    world = World()
    ada = world.join(slots=2)
    tracks = _crowd(world, 2)
    world.look(ada, *tracks)
    shows, told = len(world.media.shows), len(world.scribe.events)
    world.look(ada, *reversed(tracks))
    assert (len(world.media.shows), len(world.scribe.events)) == (shows, told)


def test_other_size_is_for_media_alone() -> None:
    world = World()
    ada = world.join(slots=1)
    (track,) = _crowd(world, 1)
    world.look(ada, track)
    world.scribe.clear()
    world.look(ada, track, size=TileSize(1280, 720, stage=True))
    assert world.media.sizes[ada.subscription.slots[0].id] == TileSize(1280, 720, stage=True)
    assert not world.scribe.events


def test_most_important_win_and_waiting_tiles_move_up() -> None:
    world = World()
    ada = world.join(slots=2)
    a, b, c = _crowd(world, 3)
    world.look(ada, a, b, c)
    assert world.seen(ada) == [a, b]
    owner = a.split("-")[0]
    world.scribe.clear()
    world.room.leave(owner, "left")
    assert world.seen(ada) == [c, b]
    assert world.scribe.of(events.SlotsChanged) == [
        events.SlotsChanged(ada.id, (events.SlotShown("v0", c, False),))
    ]


def test_unneeded_slots_are_cleared_after_the_others() -> None:
    world = World()
    ada = world.join(slots=3)
    a, b, c, d = _crowd(world, 4)
    world.look(ada, a, b, c)
    before = len(world.media.shows)
    world.look(ada, d)
    sources = [source for _, source in world.media.shows[before:]]
    assert sources == [world.media_of(d), None, None]
    assert world.seen(ada) == [d, None, None]


def test_one_track_in_two_tiles_takes_one_slot() -> None:
    world = World()
    ada = world.join(slots=2)
    a, b = _crowd(world, 2)
    world.look(ada, a, a, b)
    assert world.seen(ada) == [a, b]


def test_own_unpublished_unknown_and_audio_tracks_are_not_shown() -> None:
    world = World()
    ada, bob = world.join(slots=4), world.join()
    own = world.publish(ada)
    asleep = world.publish(bob, live=False)
    voice = world.publish(bob, "microphone")
    world.join(room="other")
    world.look(ada, own, asleep, voice, "nothing", "")
    assert world.seen(ada) == [None] * 4
    assert not world.media.shows


def test_track_of_another_room_is_not_shown() -> None:
    world = World()
    ada = world.join(slots=1)
    spy = world.join(room="other", slots=1)
    track = world.publish(ada)
    other = world.rooms.find("other")
    assert other is not None
    other.set_view(spy.id, [])
    from sfu.rooms.subscription import View

    other.set_view(spy.id, [View(track, SIZE)])
    assert world.seen(spy) == [None]


def test_newcomer_sits_beside_its_voice() -> None:
    world = World()
    ada = world.join(slots=4)
    speakers = [world.join(f"P{index}") for index in range(3)]
    voices = [world.media_of(world.publish(one, "microphone")) for one in speakers]
    cameras = [world.publish(one) for one in speakers]
    world.listener().on_audio_positions([voices[2], None, None, voices[0]])
    world.look(ada, *cameras)
    assert world.seen(ada) == [cameras[2], cameras[1], None, cameras[0]]


def test_kept_track_is_not_moved_for_a_newcomers_voice() -> None:
    world = World()
    ada, bob, cleo = world.join(slots=2), world.join(), world.join()
    first, second = world.publish(bob), world.publish(cleo)
    voice = world.media_of(world.publish(cleo, "microphone"))
    world.look(ada, first)
    world.listener().on_audio_positions([voice])
    world.look(ada, first, second)
    assert world.seen(ada) == [first, second]


def test_screen_sits_beside_its_own_sound_not_the_voice() -> None:
    world = World()
    ada, bob = world.join(slots=3), world.join()
    voice = world.media_of(world.publish(bob, "microphone"))
    sound = world.media_of(world.publish(bob, "screen_audio"))
    screen, camera = world.publish(bob, "screen"), world.publish(bob)
    world.listener().on_audio_positions([None, voice, sound])
    world.look(ada, screen, camera)
    assert world.seen(ada) == [None, camera, screen]


def test_more_slots_after_renegotiation_fill_and_keep() -> None:
    world = World()
    ada = world.join(slots=1)
    a, b = _crowd(world, 2)
    world.look(ada, a, b)
    slot = ada.subscription.slots[0]
    world.room.attach_slots(ada.id, [(slot.id, slot.mid), (SlotId(9000), "v9")], ["a0", "a1"])
    assert world.seen(ada) == [a, b]
    assert ada.audio_mids == ("a0", "a1")
    world.room.attach_slots(ada.id, [(SlotId(9000), "v9")], [])
    assert world.seen(ada) == [a]
    assert not world.room._tracks.published(b).watchers


def test_undecodable_is_told_once_and_ends_with_the_track() -> None:
    world = World()
    ada = world.join(slots=1)
    a, b = _crowd(world, 2)
    world.look(ada, a)
    slot, source = ada.subscription.slots[0].id, world.media_of(a)
    world.scribe.clear()
    world.room.slot_undecodable(ada.id, slot, source)
    world.room.slot_undecodable(ada.id, slot, source)
    world.room.slot_undecodable(ada.id, slot, world.media_of(b))
    world.room.slot_undecodable("nobody", slot, source)
    assert world.scribe.events == [events.SlotsChanged(ada.id, (events.SlotShown("v0", a, True),))]
    world.look(ada, b)
    assert not ada.subscription.slots[0].undecodable


def test_why_a_picture_is_not_better_is_told_once_and_goes_away() -> None:
    world = World()
    ada = world.join(slots=1)
    a, b = _crowd(world, 2)
    world.look(ada, a)
    slot, source = ada.subscription.slots[0].id, world.media_of(a)
    world.scribe.clear()
    world.room.slot_adapted(ada.id, slot, source, off=True, reason="your_downlink")
    world.room.slot_adapted(ada.id, slot, source, off=True, reason="your_downlink")
    world.room.slot_adapted(ada.id, SlotId(9000), source, off=True, reason="your_downlink")
    world.room.slot_adapted(ada.id, slot, world.media_of(b), off=True, reason="senders_camera")
    world.room.slot_adapted("nobody", slot, source, off=True, reason="your_downlink")
    world.room.slot_adapted(ada.id, slot, source, off=False, reason=None)
    assert world.scribe.events == [
        events.SlotsChanged(ada.id, (events.SlotShown("v0", a, False, off=True, reason="your_downlink"),)),
        events.SlotsChanged(ada.id, (events.SlotShown("v0", a, False),)),
    ]


def test_what_was_amiss_with_another_track_is_not_said_of_the_next() -> None:
    world = World()
    ada = world.join(slots=1)
    a, b = _crowd(world, 2)
    world.look(ada, a)
    slot, before = ada.subscription.slots[0].id, world.media_of(a)
    world.room.slot_adapted(ada.id, slot, before, off=True, reason="your_downlink")
    world.scribe.clear()
    world.look(ada, b)
    # Still under way when the slot changed.
    world.room.slot_adapted(ada.id, slot, before, off=True, reason="senders_uplink")
    assert world.scribe.events == [events.SlotsChanged(ada.id, (events.SlotShown("v0", b, False),))]


def test_join_and_leave_cost_those_who_do_not_watch_nothing() -> None:
    world = World()
    for index in range(20):
        world.join(f"P{index}", slots=2)
    guest = world.join()
    world.publish(guest)
    world.scribe.clear()
    world.media.shows.clear()
    world.room.leave(guest.id, "left")
    assert not world.media.shows
    assert world.scribe.events == [events.ParticipantLeft(guest.id, "left")]
