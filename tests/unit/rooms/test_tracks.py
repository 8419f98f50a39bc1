"""Tracks are published when first live, muted by owners and moderators, and gone with their participant."""

import pytest

from sfu.errors import Forbidden, NotFound
from sfu.rooms import events
from sfu.rooms.permissions import PERMISSIONS
from sfu.rooms.ports import SourceId
from tests.unit.rooms.fakes import World


def test_track_is_published_when_first_live() -> None:
    world = World()
    ada = world.join()
    track = world.publish(ada, "microphone", live=False)
    assert not world.scribe.of(events.TrackPublished)
    world.room.set_live(ada.id, "microphone", True)
    world.room.set_live(ada.id, "microphone", True)
    world.room.set_live(ada.id, "microphone", False)
    assert world.scribe.events[-2:] == [
        events.TrackPublished(ada.id, track, "microphone", True),
        events.TrackUpdated(ada.id, track, "microphone", False, False),
    ]


def test_what_was_never_published_is_not_forwarded() -> None:
    world = World()
    ada = world.join()
    world.publish(ada, "microphone", live=False)
    assert world.media.gated == {ada.tracks["microphone"].media}
    world.room.set_live(ada.id, "microphone", True)
    assert not world.media.gated


def test_owners_mute_gates_nothing() -> None:
    world = World()
    ada = world.join()
    world.publish(ada, "microphone")
    world.room.set_live(ada.id, "microphone", False)
    assert not world.media.gated


def test_moderators_mute_holds_until_the_owner_goes_live() -> None:
    world = World()
    ada, bob = world.join(), world.join()
    track = world.publish(bob, "microphone")
    source = world.media_of(track)
    world.room.mute(ada.id, track)
    assert world.media.gated == {source}
    assert world.scribe.events[-1] == events.TrackUpdated(bob.id, track, "microphone", False, True)
    world.room.mute(ada.id, track)
    world.room.set_live(bob.id, "microphone", False)
    assert world.media.gated == {source}
    assert len(world.scribe.of(events.TrackUpdated)) == 1
    world.room.set_live(bob.id, "microphone", True)
    assert not world.media.gated
    assert world.scribe.events[-1] == events.TrackUpdated(bob.id, track, "microphone", True, False)


def test_moderators_mute_outlives_renegotiation() -> None:
    world = World()
    ada, bob = world.join(), world.join()
    track = world.publish(bob, "microphone")
    world.room.mute(ada.id, track)
    world.room.publish(bob.id, "microphone", SourceId(7), True)
    assert 7 in world.media.gated
    assert not world.room.participant(bob.id).tracks["microphone"].live


def test_unpublished_track_cannot_be_muted() -> None:
    world = World()
    ada = world.join()
    track = world.publish(ada, live=False)
    with pytest.raises(NotFound):
        world.room.mute(ada.id, track)


def test_new_source_of_a_known_track_is_shown_to_its_watchers() -> None:
    world = World()
    ada, bob = world.join(slots=1), world.join()
    track = world.publish(bob)
    world.look(ada, track)
    world.scribe.clear()
    world.room.publish(bob.id, "camera", SourceId(7), True)
    assert world.media.shows[-1] == (ada.subscription.slots[0].id, 7)
    assert not world.scribe.events


def test_unpublishing_is_told_and_frees_the_slot() -> None:
    world = World()
    ada, bob = world.join(slots=1), world.join()
    track = world.publish(bob)
    world.look(ada, track)
    world.scribe.clear()
    world.room.unpublish(bob.id, "camera")
    world.room.unpublish(bob.id, "camera")
    assert world.scribe.events == [
        events.TrackUnpublished(bob.id, track),
        events.SlotsChanged(ada.id, (events.SlotShown("v0", None, False),)),
    ]


def test_wanted_layers_are_told_when_they_change() -> None:
    world = World()
    ada = world.join()
    world.publish(ada)
    world.scribe.clear()
    for rids in (["h", "q"], ["h", "q"], ["f", "h", "q"]):
        world.room.layers_wanted(ada.id, "camera", rids)
    assert world.scribe.events == [
        events.LayersWanted(ada.id, "camera", ("h", "q")),
        events.LayersWanted(ada.id, "camera", ("f", "h", "q")),
    ]


def test_wanted_layers_of_what_is_gone_are_nobodys() -> None:
    world = World()
    ada = world.join()
    world.scribe.clear()
    world.room.layers_wanted(ada.id, "camera", ["q"])
    world.room.layers_wanted("nobody", "camera", ["q"])
    assert not world.scribe.events


def test_subscriber_may_not_send() -> None:
    world = World(is_open=False)
    ada = world.join(role="subscriber")
    with pytest.raises(Forbidden):
        world.publish(ada)


@pytest.mark.parametrize("role", ["publisher", "subscriber"])
def test_only_moderators_moderate(role: str) -> None:
    world = World(is_open=False)
    chief, other = world.join(role="moderator"), world.join(role=role)
    track = world.publish(chief)
    room = world.room
    for call in (
        lambda: room.mute(other.id, track),
        lambda: room.remove(other.id, chief.id),
        lambda: room.lock(other.id, True),
        lambda: room.end(other.id),
    ):
        with pytest.raises(Forbidden):
            call()
    assert room.find(chief.id) is chief
    assert not room.locked


def test_permissions_grow_with_the_role() -> None:
    assert PERMISSIONS["subscriber"] < PERMISSIONS["publisher"] < PERMISSIONS["moderator"]


def test_removed_participant_is_gone() -> None:
    world = World()
    ada, bob = world.join(), world.join()
    world.room.remove(ada.id, bob.id)
    assert world.scribe.events[-1] == events.ParticipantLeft(bob.id, "removed")
    assert world.media.closed == [bob.transport]


def test_ended_room_is_empty_and_gone() -> None:
    world = World()
    ada = world.join()
    world.join()
    room = world.room
    _, viewer = world.rooms.view("lobby", None)
    room.attach_viewer(viewer.id, 77, [], [])
    world.scribe.clear()
    room.end(ada.id)
    assert [type(event).__name__ for event in world.scribe.events] == [
        "RoomEnded",
        "ParticipantLeft",
        "ParticipantLeft",
        "ViewerLeft",
        "RoomEmptied",
        "RoomClosed",
    ]
    assert {event.reason for event in world.scribe.of(events.ParticipantLeft)} == {"room_ended"}
    assert 77 in world.media.closed
    assert len(world.rooms) == 0
