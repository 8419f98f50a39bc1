"""Whatever people do in whatever order, the model holds together."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from sfu.errors import SfuError
from sfu.limits import Limits
from sfu.rooms.audience import Viewer
from sfu.rooms.participant import Participant
from sfu.rooms.ports import SlotId, SourceId, TileSize, TransportId
from sfu.rooms.room import Room
from sfu.rooms.subscription import View
from sfu.rooms.track import track_id
from tests.unit.rooms.fakes import World

ROOMS = st.sampled_from(["lobby", "attic"])
SOURCES = st.sampled_from(["microphone", "camera", "screen", "screen_audio"])
Member = tuple[Room, Participant]


class RoomsMachine(RuleBasedStateMachine):
    members = Bundle("members")
    viewers = Bundle("viewers")

    def __init__(self) -> None:
        super().__init__()
        self.world = World(limits=Limits(participants_per_room=6, publishers_per_room=4))

    @rule(target=members, room=ROOMS, role=st.sampled_from(["publisher", "subscriber", "moderator"]))
    def join(self, room: str, role: str) -> object:
        try:
            participant = self.world.join("Ada", room=room, role=role, slots=3)  # type: ignore[arg-type]
        except SfuError:
            return multiple()
        there = self.world.rooms.find(room)
        assert there is not None
        return (there, participant)

    @rule(target=viewers, room=ROOMS, play=st.sampled_from([None, "Ada", "p1"]))
    def view(self, room: str, play: str | None) -> object:
        try:
            there, viewer = self.world.rooms.view(room, play)
        except SfuError:
            return multiple()
        slots = [SlotId(self.world.number()) for _ in range(3)]
        there.attach_viewer(viewer.id, TransportId(self.world.number()), slots[:2], slots[2:])
        return (there, viewer)

    @rule(viewer=consumes(viewers))
    def leave_viewer(self, viewer: tuple[Room, Viewer]) -> None:
        viewer[0].leave_viewer(viewer[1].id, "left")

    @rule(member=members, reason=st.sampled_from(["left", "lost"]))
    def leave(self, member: Member, reason: str) -> None:
        member[0].leave(member[1].id, reason)  # type: ignore[arg-type]

    @rule(member=members, source=SOURCES, live=st.booleans())
    def publish(self, member: Member, source: str, live: bool) -> None:
        media = SourceId(self.world.number())
        self._try(lambda: member[0].publish(member[1].id, source, media, live))  # type: ignore[arg-type]

    @rule(member=members, source=SOURCES, live=st.booleans())
    def set_live(self, member: Member, source: str, live: bool) -> None:
        self._try(lambda: member[0].set_live(member[1].id, source, live))  # type: ignore[arg-type]

    @rule(member=members, source=SOURCES)
    def unpublish(self, member: Member, source: str) -> None:
        self._try(lambda: member[0].unpublish(member[1].id, source))  # type: ignore[arg-type]

    @rule(
        member=members,
        others=st.lists(members, max_size=5),
        source=st.sampled_from(["camera", "screen", "microphone"]),
        width=st.integers(1, 3),
    )
    def look(self, member: Member, others: list[Member], source: str, width: int) -> None:
        size = TileSize(width, 1)
        view = [View(track_id(other.id, source), size) for _, other in others]  # type: ignore[arg-type]
        self._try(lambda: member[0].set_view(member[1].id, view))

    @rule(member=members, other=members, source=SOURCES)
    def mute(self, member: Member, other: Member, source: str) -> None:
        self._try(lambda: member[0].mute(member[1].id, track_id(other[1].id, source)))  # type: ignore[arg-type]

    @rule(member=members, other=members)
    def remove(self, member: Member, other: Member) -> None:
        self._try(lambda: member[0].remove(member[1].id, other[1].id))

    @rule(member=members, locked=st.booleans())
    def lock(self, member: Member, locked: bool) -> None:
        self._try(lambda: member[0].lock(member[1].id, locked))

    @rule(member=members)
    def end(self, member: Member) -> None:
        self._try(lambda: member[0].end(member[1].id))

    @rule(member=members, reconnecting=st.booleans(), lost=st.booleans())
    def cut(self, member: Member, reconnecting: bool, lost: bool) -> None:
        member[0].set_reconnecting(member[1].id, reconnecting)
        (member[0].media_lost if lost else member[0].media_restored)(member[1].id)

    @rule(member=members, other=members)
    def speak(self, member: Member, other: Member) -> None:
        if self.world.rooms.find(member[0].name) is not member[0]:
            return
        voices = [one[1].tracks.get("microphone") for one in (member, other)]
        listener = self.world.media.listeners[member[0].media_room]
        listener.on_audio_positions([voice.media if voice else None for voice in voices])
        listener.on_dominant(voices[0].media if voices[0] else None)

    @staticmethod
    def _try(action: object) -> None:
        try:
            action()  # type: ignore[operator]
        except SfuError:
            pass

    @invariant()
    def slots_show_published_foreign_tracks_of_the_room_once(self) -> None:
        for room in self.world.rooms:
            for watcher in room.participants:
                shown = [slot.shown for slot in watcher.subscription.slots if slot.shown]
                assert len({track.id for track in shown}) == len(shown)
                for track in shown:
                    owner = room.participant(track.participant)
                    assert owner is not watcher
                    assert owner.tracks[track.source] is track
                    assert track.published
                    assert track.kind == "video"
                    assert watcher.id in track.watchers

    @invariant()
    def media_shows_what_the_model_says(self) -> None:
        for room in self.world.rooms:
            for watcher in room.participants:
                for slot in watcher.subscription.slots:
                    shown = slot.shown.media if slot.shown else None
                    assert self.world.media.shown.get(slot.id) == shown
                    assert self.world.media.sizes.get(slot.id) == slot.size

    @invariant()
    def watchers_watch(self) -> None:
        for room in self.world.rooms:
            for owner in room.participants:
                for track in owner.tracks.values():
                    for id_ in track.watchers:
                        slots = room.participant(id_).subscription.slots
                        assert any(slot.shown is track for slot in slots)

    @invariant()
    def viewers_see_playing_tracks_once(self) -> None:
        for room in self.world.rooms:
            playing = {t.media for p in room.participants for t in p.tracks.values() if t.is_playing}
            for viewer in room._audience._viewers.values():
                assert set(viewer.shown.values()) <= playing
                assert len(set(viewer.shown.values())) == len(viewer.shown)
                for slots in viewer.slots.values():
                    for slot in slots:
                        assert self.world.media.shown.get(slot) == viewer.shown.get(slot)

    @invariant()
    def rooms_are_inhabited_and_moderated(self) -> None:
        for room in self.world.rooms:
            assert not room.is_vacant
            assert len(room.participants) + room.viewers <= 6
            if any(one.granted == "publisher" for one in room.participants):
                assert any(one.role == "moderator" for one in room.participants)
        assert {room.media_room for room in self.world.rooms} == self.world.media.open_rooms

    @invariant()
    def gated_is_what_a_moderator_muted_or_nobody_has_published(self) -> None:
        for room in self.world.rooms:
            for owner in room.participants:
                for track in owner.tracks.values():
                    is_gated = track.media in self.world.media.gated
                    assert is_gated == (track.muted_by_moderator or not track.published)
                    assert not (track.muted_by_moderator and track.live)

    @invariant()
    def publishers_are_counted(self) -> None:
        for room in self.world.rooms:
            publishing = {one.id for one in room.participants if one.published}
            assert set(room._tracks.publishers()) == publishing
            assert len(publishing) <= 4

    @invariant()
    def speakers_are_present(self) -> None:
        for room in self.world.rooms:
            published = {track.id for one in room.participants for track in one.published}
            told = room.speakers
            heard = {*told.audio, *told.speaking, told.dominant} - {None}
            assert heard <= published


RoomsMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestRooms = RoomsMachine.TestCase
