"""One room: who is in it, what they send, who moderates.

Doors and media call in, events go out (:mod:`sfu.rooms.events`). What each participant sends is kept in
:mod:`sfu.rooms.publishing`, what it sees in :mod:`sfu.rooms.watching`, who is heard in
:mod:`sfu.rooms.speakers`, viewers without signalling in :mod:`sfu.rooms.audience`. Methods raise
:class:`sfu.errors.SfuError` before they change anything.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from sfu.clock import Clock
from sfu.errors import NotFound, RoomFull, RoomLocked
from sfu.limits import Limits
from sfu.rooms import events
from sfu.rooms.audience import Audience, Viewer
from sfu.rooms.cap import VideoCap
from sfu.rooms.descriptions import RoomDescription, describe_participant
from sfu.rooms.events import LeaveReason, RoomEvent
from sfu.rooms.names import checked_person_name
from sfu.rooms.participant import Participant, ParticipantKind
from sfu.rooms.permissions import Role
from sfu.rooms.ports import Media, MediaRoomId, Shortfall, SlotId, SourceId, TransportId
from sfu.rooms.publishing import Publishing
from sfu.rooms.speakers import Speakers
from sfu.rooms.stage import Stage
from sfu.rooms.subscription import View
from sfu.rooms.track import MediaKind, Track, TrackId, TrackSource
from sfu.rooms.tracks import Tracks
from sfu.rooms.watching import Watching


class House(Protocol):
    """What a room asks of those who keep the rooms."""

    def tell(self, room: "Room", event: RoomEvent) -> None:
        """Pass it to the observers, after what is being told already."""
        ...

    def room_vacated(self, room: "Room") -> None:
        """Neither participants nor viewers."""
        ...


class Room:
    def __init__(
        self,
        name: str,
        *,
        media: Media,
        limits: Limits,
        clock: Clock,
        new_id: Callable[[], str],
        is_open: bool,
        house: House,
    ) -> None:
        self.name = name
        self.locked = False
        self.opened_at = clock.unix()
        self.media_room = MediaRoomId(media.open_room())
        self._media = media
        self._limits = limits
        self._clock = clock
        self._new_id = new_id
        self._is_open = is_open
        self._house = house
        self._participants: dict[str, Participant] = {}
        self._tracks = Tracks()
        self._speakers = Speakers(self._tracks, self._emit, self._follow_stage)
        self._watching = Watching(media, self._tracks, self._speakers, self._emit)
        self._cap = VideoCap(media)
        self._stage = Stage(self._participants)
        self._audience = Audience(media, self._stage)
        self._publishing = Publishing(
            media,
            limits,
            participants=self._participants,
            tracks=self._tracks,
            stage=self._stage,
            speakers=self._speakers,
            watching=self._watching,
            emit=self._emit,
            follow_stage=self._follow_stage,
        )
        media.set_room_listener(self.media_room, self._speakers)

    # -- reading ---------------------------------------------------------------------------------

    @property
    def participants(self) -> tuple[Participant, ...]:
        """In order of joining."""
        return tuple(self._participants.values())

    @property
    def viewers(self) -> int:
        return len(self._audience)

    @property
    def video_cap_kbps(self) -> int | None:
        """What each subscriber is sent of pictures at most; None: no cap."""
        return self._cap.kbps

    @property
    def is_vacant(self) -> bool:
        return not self._participants and not len(self._audience)

    @property
    def speakers(self) -> events.SpeakersChanged:
        """As the last event told it."""
        return self._speakers.now()

    def find(self, participant_id: str) -> Participant | None:
        return self._participants.get(participant_id)

    def participant(self, participant_id: str) -> Participant:
        """Raises :class:`NotFound`."""
        participant = self._participants.get(participant_id)
        if participant is None:
            raise NotFound("No such participant.")
        return participant

    def playing(self, kind: MediaKind, play: str | None, *, most: int) -> list[Track]:
        """What a viewer would be shown now, the most wanted first; see :mod:`sfu.rooms.stage`."""
        return self._stage.playlist(self._speakers.dominant, kind, play, most=most)

    def describe(self) -> RoomDescription:
        speakers = self._speakers.now()
        return RoomDescription(
            name=self.name,
            locked=self.locked,
            video_cap_kbps=self.video_cap_kbps,
            opened_at=self.opened_at,
            participants=tuple(describe_participant(one) for one in self._participants.values()),
            viewers=self.viewers,
            audio=speakers.audio,
            speaking=speakers.speaking,
            dominant=speakers.dominant,
        )

    # -- coming and going ------------------------------------------------------------------------

    def join(
        self, name: str, role: Role, kind: ParticipantKind = "participant", *, publishing: bool = False
    ) -> Participant:
        """Raises BadName, RoomLocked, RoomFull. A moderator by token may enter a locked room.

        `publishing`: will publish at once, so that whoever may not is refused before others see it come.
        """
        name = checked_person_name(name, self._limits.name_length)
        self._admit(past_lock=role == "moderator")
        if publishing:
            self._publishing.check_publishers()
        participant = Participant(
            id=self._new_id(), name=name, kind=kind, granted=role, role=role, joined_at=self._clock.unix()
        )
        self._participants[participant.id] = participant
        self._stage.entered(participant)
        self._appoint(newcomer=participant)
        self._emit(events.ParticipantJoined(participant.id, name, participant.role))
        return participant

    def check_entry(self, role: Role) -> None:
        """Raises RoomLocked and RoomFull, as :meth:`join` would now."""
        self._admit(past_lock=role == "moderator")

    def leave(self, participant_id: str, reason: LeaveReason) -> None:
        """Media, too, forgets the participant. Nothing happens if it has left before."""
        participant = self._participants.pop(participant_id, None)
        if participant is None:
            return
        tracks = self._take_out(participant)
        self._emit(events.ParticipantLeft(participant.id, reason))
        self._publishing.tracks_gone(tracks)
        self._appoint()
        self._close_if_empty()

    def set_reconnecting(self, participant_id: str, reconnecting: bool) -> None:
        """Its signalling was cut, or is back. With media lost too, nothing is left of it."""
        participant = self._participants.get(participant_id)
        if participant is None or participant.reconnecting == reconnecting:
            return
        participant.reconnecting = reconnecting
        if reconnecting and participant.media_lost:
            self.leave(participant_id, "lost")
        else:
            self._emit_updated(participant)

    def media_lost(self, participant_id: str) -> None:
        """Its media path is gone. Without signalling (WHIP, or cut) nothing is left of it."""
        participant = self._participants.get(participant_id)
        if participant is None or participant.media_lost:
            return
        participant.media_lost = True
        if participant.reconnecting or participant.kind == "whip":
            self.leave(participant_id, "lost")
        else:
            self._emit(events.MediaLost(participant_id))
            for track in participant.tracks.values():
                self._speakers.hush(track)

    def media_restored(self, participant_id: str) -> None:
        participant = self._participants.get(participant_id)
        if participant is not None and participant.media_lost:
            participant.media_lost = False
            self._emit(events.MediaRestored(participant_id))

    def attach_transport(self, participant_id: str, transport: TransportId) -> None:
        """Closed when the participant leaves."""
        self.participant(participant_id).transport = transport
        self._cap.hold_for(transport)

    # -- sending ---------------------------------------------------------------------------------

    def publish(self, participant_id: str, source: TrackSource, media: SourceId, live: bool) -> Track:
        """Negotiated: others are told when it is first live. Again for a known one: its new source."""
        return self._publishing.publish(self.participant(participant_id), source, media, live)

    def unpublish(self, participant_id: str, source: TrackSource) -> None:
        """No longer negotiated."""
        self._publishing.unpublish(self.participant(participant_id), source)

    def set_live(self, participant_id: str, source: TrackSource, live: bool) -> None:
        """Its owner says so; that also ends a moderator's mute."""
        self._publishing.set_live(self.participant(participant_id), source, live)

    def layers_wanted(self, participant_id: str, source: TrackSource, rids: Sequence[str]) -> None:
        """Media found which simulcast layers of the track anybody needs; its owner may spare the others."""
        participant = self._participants.get(participant_id)
        if participant is not None:
            self._publishing.layers_wanted(participant, source, rids)

    # -- watching --------------------------------------------------------------------------------

    def attach_slots(
        self, participant_id: str, video: Sequence[tuple[SlotId, str]], audio_mids: Sequence[str]
    ) -> None:
        """All receive m-lines as negotiated now, by index; slots that were there keep what they show."""
        participant = self.participant(participant_id)
        participant.audio_mids = tuple(audio_mids)
        self._watching.attach(participant, video)

    def set_view(self, participant_id: str, tiles: Sequence[View]) -> None:
        """What is on its screen, most important first."""
        self._watching.set_view(self.participant(participant_id), tiles)

    def slot_undecodable(self, participant_id: str, slot: SlotId, source: SourceId) -> None:
        """Media found that the participant has no codec for what the slot shows."""
        watcher, track = self._participants.get(participant_id), self._tracks.of_media(source)
        if watcher is not None and track is not None:
            self._watching.undecodable(watcher, slot, track)

    def slot_adapted(
        self, participant_id: str, slot: SlotId, source: SourceId, *, off: bool, reason: Shortfall | None
    ) -> None:
        """Media found why what the slot shows is not better, or not there, or that nothing is amiss."""
        watcher, track = self._participants.get(participant_id), self._tracks.of_media(source)
        if watcher is not None and track is not None:
            self._watching.adapted(watcher, slot, track, off=off, reason=reason)

    # -- moderation ------------------------------------------------------------------------------

    def mute(self, moderator_id: str, track_id: TrackId) -> None:
        """Silent until its owner sets it live again."""
        self.participant(moderator_id).require("mute_others")
        self._publishing.mute(track_id)

    def remove(self, moderator_id: str, participant_id: str) -> None:
        self.participant(moderator_id).require("remove_others")
        self.leave(self.participant(participant_id).id, "removed")

    def lock(self, moderator_id: str, locked: bool) -> None:
        self.participant(moderator_id).require("lock")
        if self.locked != locked:
            self.locked = locked
            self._emit(events.RoomLocked(locked))

    def cap_video(self, moderator_id: str, kbps: int | None) -> None:
        """What each is sent of pictures at most, from now on and whoever comes later. None: no cap."""
        self.participant(moderator_id).require("cap_video")
        if self._set_cap(kbps):
            self._emit(events.VideoCapped(kbps))

    def end(self, moderator_id: str) -> None:
        """Everybody leaves."""
        self.participant(moderator_id).require("end")
        self._emit(events.RoomEnded())
        leaving = list(self._participants.values())
        self._participants.clear()
        for participant in leaving:
            self._take_out(participant)
            self._emit(events.ParticipantLeft(participant.id, "room_ended"))
        for viewer_id in self._audience.ids():
            self._take_out_viewer(viewer_id, "room_ended")
        self._close_if_empty()

    # -- viewers ---------------------------------------------------------------------------------

    def view(self, play: str | None) -> Viewer:
        """Someone who only looks on, without signalling. Raises RoomLocked, RoomFull."""
        self._admit(past_lock=False)
        viewer = Viewer(id=self._new_id(), play=play)
        self._audience.add(viewer)
        self._emit(events.ViewerJoined(viewer.id))
        return viewer

    def attach_viewer(
        self, viewer_id: str, transport: TransportId, video: Sequence[SlotId], audio: Sequence[SlotId]
    ) -> None:
        self._cap.hold_for(transport)
        self._audience.attach(viewer_id, transport, {"video": tuple(video), "audio": tuple(audio)})
        self._audience.seat(viewer_id, self._speakers.dominant)

    def leave_viewer(self, viewer_id: str, reason: LeaveReason) -> None:
        self._take_out_viewer(viewer_id, reason)
        if self.is_vacant:
            self._house.room_vacated(self)

    # -- inside ----------------------------------------------------------------------------------

    def _emit(self, event: RoomEvent) -> None:
        self._house.tell(self, event)

    def _emit_updated(self, who: Participant) -> None:
        self._emit(events.ParticipantUpdated(who.id, who.name, who.role, who.reconnecting))

    def _admit(self, *, past_lock: bool) -> None:
        if self.locked and not past_lock:
            raise RoomLocked("The room is locked.")
        if len(self._participants) + self.viewers >= self._limits.participants_per_room:
            raise RoomFull("The room is full.")

    def _appoint(self, newcomer: Participant | None = None) -> None:
        """Open mode: the earliest person present moderates. Programs (WHIP) cannot."""
        if not self._is_open or any(one.role == "moderator" for one in self._participants.values()):
            return
        for participant in self._participants.values():
            if participant.kind == "participant" and participant.granted == "publisher":
                participant.role = "moderator"
                if participant is not newcomer:
                    self._emit_updated(participant)
                return

    def _take_out(self, participant: Participant) -> list[Track]:
        """Returns the tracks that went with it."""
        self._watching.stop(participant)
        tracks = self._publishing.take_out(participant)
        self._stage.left(participant)
        if participant.transport is not None:
            self._media.close_transport(participant.transport)
        return tracks

    def _take_out_viewer(self, viewer_id: str, reason: LeaveReason) -> None:
        if self._audience.remove(viewer_id):
            self._emit(events.ViewerLeft(viewer_id, reason))

    def _set_cap(self, kbps: int | None) -> bool:
        participants = (one.transport for one in self._participants.values() if one.transport is not None)
        return self._cap.set(kbps, [*participants, *self._audience.transports()])

    def _follow_stage(self) -> None:
        if len(self._audience):
            self._audience.follow(self._speakers.dominant)

    def _close_if_empty(self) -> None:
        if self._participants:
            return
        self.locked = False
        self._set_cap(None)
        self._emit(events.RoomEmptied())
        if self.is_vacant:
            self._house.room_vacated(self)
