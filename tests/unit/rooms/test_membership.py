"""Rooms come with the first and go with the last; someone moderates; limits have names."""

import pytest

from sfu.errors import BadName, Draining, NotFound, RoomFull, RoomLocked, ServerFull
from sfu.limits import Limits
from sfu.rooms import events
from sfu.rooms.ports import TransportId
from tests.unit.rooms.fakes import World


def test_room_comes_with_the_first_and_goes_with_the_last() -> None:
    world = World()
    ada = world.join("Ada")
    bob = world.join("Bob")
    assert len(world.rooms) == 1
    room = world.room
    room.leave(ada.id, "left")
    assert world.rooms.find("lobby") is room
    room.leave(bob.id, "left")
    assert world.rooms.find("lobby") is None
    assert not world.media.open_rooms
    assert [type(event).__name__ for event in world.scribe.events[-3:]] == [
        "ParticipantLeft",
        "RoomEmptied",
        "RoomClosed",
    ]


def test_leaving_closes_the_transport_and_leaving_twice_is_nothing() -> None:
    world = World()
    world.join("Ada")
    bob = world.join("Bob")
    world.room.leave(bob.id, "left")
    world.room.leave(bob.id, "left")
    assert world.media.closed == [bob.transport]
    assert world.scribe.of(events.ParticipantLeft) == [events.ParticipantLeft(bob.id, "left")]


def test_two_may_have_one_name() -> None:
    world = World()
    assert world.join("Ada").id != world.join("Ada").id


def test_refused_entry_leaves_no_room_behind() -> None:
    world = World()
    with pytest.raises(BadName):
        world.rooms.join("lobby", name="\r\n", role="publisher")
    with pytest.raises(BadName):
        world.rooms.join("no/room", name="Ada", role="publisher")
    assert len(world.rooms) == 0
    assert not world.media.open_rooms


def test_room_has_a_limit_that_counts_viewers() -> None:
    world = World(limits=Limits(participants_per_room=2))
    world.join()
    world.rooms.view("lobby", None)
    with pytest.raises(RoomFull):
        world.join()
    with pytest.raises(RoomFull):
        world.rooms.view("lobby", None)


def test_server_has_a_limit_of_rooms() -> None:
    world = World(limits=Limits(rooms=1))
    world.join()
    with pytest.raises(ServerFull):
        world.join(room="other")
    world.join()


def test_publishers_have_a_limit_of_their_own() -> None:
    world = World(limits=Limits(publishers_per_room=1))
    ada, bob = world.join(), world.join()
    world.publish(ada, "camera")
    world.publish(ada, "microphone")
    world.publish(bob, "camera", live=False)
    with pytest.raises(RoomFull):
        world.room.set_live(bob.id, "camera", True)
    world.room.leave(ada.id, "left")
    world.room.set_live(bob.id, "camera", True)


def test_draining_server_lets_nobody_in_and_keeps_those_inside() -> None:
    world = World()
    ada = world.join()
    world.rooms.drain(60)
    with pytest.raises(Draining):
        world.join()
    with pytest.raises(Draining):
        world.rooms.view("lobby", None)
    assert world.room.participants == (ada,)
    assert world.scribe.of(events.RoomDraining) == [events.RoomDraining(world.clock.unix() + 60)]


def test_earliest_moderates_in_open_mode_and_the_role_moves_on() -> None:
    world = World()
    ada, bob, cleo = world.join("Ada"), world.join("Bob"), world.join("Cleo")
    assert [one.role for one in (ada, bob, cleo)] == ["moderator", "publisher", "publisher"]
    world.scribe.clear()
    world.room.leave(ada.id, "left")
    assert world.scribe.of(events.ParticipantUpdated) == [
        events.ParticipantUpdated(bob.id, "Bob", "moderator", False)
    ]
    world.room.leave(cleo.id, "left")
    assert len(world.scribe.of(events.ParticipantUpdated)) == 1


def test_programs_and_subscribers_are_not_made_moderators() -> None:
    world = World()
    world.rooms.join("lobby", name="OBS", role="publisher", kind="whip")
    subscriber = world.join(role="subscriber")
    person = world.join()
    assert subscriber.role == "subscriber"
    assert person.role == "moderator"


def test_roles_stay_as_granted_in_token_mode() -> None:
    world = World(is_open=False)
    assert [world.join(role=role).role for role in ("publisher", "subscriber")] == ["publisher", "subscriber"]


def test_token_moderator_in_open_mode_moderates_beside_the_earliest() -> None:
    world = World()
    first, second = world.join(), world.join(role="moderator")
    assert (first.role, second.role) == ("moderator", "moderator")
    world.room.leave(first.id, "left")
    third = world.join()
    assert third.role == "publisher"


def test_locked_room_refuses_all_but_token_moderators_until_empty() -> None:
    world = World()
    ada = world.join()
    world.room.lock(ada.id, True)
    with pytest.raises(RoomLocked):
        world.join()
    with pytest.raises(RoomLocked):
        world.rooms.view("lobby", None)
    chief = world.join(role="moderator")
    world.room.leave(ada.id, "left")
    world.room.leave(chief.id, "left")
    world.join()
    assert not world.room.locked


def test_lock_is_told_once() -> None:
    world = World()
    ada = world.join()
    for locked in (True, True, False):
        world.room.lock(ada.id, locked)
    assert world.scribe.of(events.RoomLocked) == [events.RoomLocked(True), events.RoomLocked(False)]


def test_a_cap_holds_for_all_and_for_who_comes_later_until_the_room_is_empty() -> None:
    world = World()
    ada, bob = world.join(), world.join("Bob")
    viewer = world.room.view(None)
    world.room.attach_viewer(viewer.id, TransportId(900), (), ())
    for kbps in (500, 500):
        world.room.cap_video(ada.id, kbps)
    assert world.scribe.of(events.VideoCapped) == [events.VideoCapped(500)]
    cleo = world.join("Cleo")
    capped = [one.transport for one in (ada, bob, cleo)]
    assert world.media.caps == dict.fromkeys([*capped, 900], 500_000)
    late = world.room.view(None)
    world.room.attach_viewer(late.id, TransportId(901), (), ())
    assert world.media.caps[901] == 500_000
    for one in (ada, bob, cleo):
        world.room.leave(one.id, "left")
    assert (world.media.caps[900], world.room.video_cap_kbps) == (None, None)


def test_cut_signalling_keeps_the_participant_and_is_told() -> None:
    world = World()
    ada = world.join("Ada")
    for reconnecting in (True, True, False):
        world.room.set_reconnecting(ada.id, reconnecting)
    assert [event.reconnecting for event in world.scribe.of(events.ParticipantUpdated)] == [True, False]
    assert world.room.find(ada.id) is ada


@pytest.mark.parametrize("media_first", [True, False])
def test_nothing_is_left_without_signalling_and_media(media_first: bool) -> None:
    world = World()
    world.join()
    bob = world.join()
    steps = [lambda: world.room.media_lost(bob.id), lambda: world.room.set_reconnecting(bob.id, True)]
    for step in steps if media_first else reversed(steps):
        step()
    assert world.room.find(bob.id) is None
    assert world.scribe.of(events.ParticipantLeft) == [events.ParticipantLeft(bob.id, "lost")]


def test_lost_media_with_signalling_alive_is_told_and_can_come_back() -> None:
    world = World()
    ada = world.join()
    world.room.media_lost(ada.id)
    world.room.media_lost(ada.id)
    world.room.media_restored(ada.id)
    world.room.media_restored(ada.id)
    assert world.scribe.events[-2:] == [events.MediaLost(ada.id), events.MediaRestored(ada.id)]
    world.room.set_reconnecting(ada.id, True)
    assert world.room.find(ada.id) is ada


def test_program_without_media_is_gone() -> None:
    world = World()
    world.join()
    _, program = world.rooms.join("lobby", name="OBS", role="publisher", kind="whip")
    world.room.media_lost(program.id)
    assert world.room.find(program.id) is None


def test_unknown_ids_have_a_name_or_no_effect() -> None:
    world = World()
    ada = world.join()
    room = world.room
    room.set_reconnecting("nobody", True)
    room.media_lost("nobody")
    room.media_restored("nobody")
    for call in (
        lambda: room.remove(ada.id, "nobody"),
        lambda: room.mute(ada.id, "nothing"),
        lambda: room.set_view("nobody", []),
        lambda: room.attach_viewer("nobody", 1, [], []),
        lambda: room.set_live(ada.id, "camera", True),
    ):
        with pytest.raises(NotFound):
            call()


def test_observer_that_acts_on_an_event_does_not_mix_the_order() -> None:
    world = World()
    seen: list[str] = []

    class Echo:
        def on_room_event(self, room: object, event: object) -> None:
            seen.append(type(event).__name__)
            if isinstance(event, events.ParticipantJoined) and len(world.room.participants) == 2:
                world.room.lock(event.participant, False) if world.room.locked else None
                world.room.leave(event.participant, "removed")

    class Late:
        def on_room_event(self, room: object, event: object) -> None:
            seen.append(f"late {type(event).__name__}")

    world.join()
    world.rooms.add_observer(Echo())
    world.rooms.add_observer(Late())
    world.rooms.join("lobby", name="Bob", role="publisher")
    assert seen == [
        "ParticipantJoined",
        "late ParticipantJoined",
        "ParticipantLeft",
        "late ParticipantLeft",
    ]


def test_describe_tells_participants_tracks_and_slots() -> None:
    world = World()
    ada, bob = world.join("Ada", slots=1), world.join("Bob")
    track = world.publish(bob)
    world.look(ada, track)
    world.rooms.view("lobby", None)
    description = world.room.describe()
    assert (description.name, description.locked, description.viewers) == ("lobby", False, 1)
    assert [one.name for one in description.participants] == ["Ada", "Bob"]
    assert description.participants[0].slots[0].track == track
    assert description.participants[0].transport == ada.transport
    assert description.participants[1].tracks[0].live
