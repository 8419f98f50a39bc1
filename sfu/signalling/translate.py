"""From the model's words to the protocol's: room events, and the state that a joiner is told."""

from collections.abc import Sequence
from typing import cast

import msgspec

from sfu.chat.history import ChatMessage
from sfu.rooms import events
from sfu.rooms.events import RoomEvent
from sfu.rooms.participant import Participant
from sfu.rooms.room import Room
from sfu.rooms.track import Track
from sfu.rooms.watching import shown
from sfu.signalling import messages


def to_all(event: RoomEvent) -> messages.Event | None:
    """What everyone in the room is told; None if it is not for all."""
    match event:
        case events.ParticipantJoined(id_, name, role):
            person = messages.Participant(id=id_, name=name, role=role, tracks=[])
            return messages.ParticipantJoined(seq=0, participant=person)
        case events.ParticipantUpdated(id_, name, role, reconnecting):
            return messages.ParticipantUpdated(
                seq=0, participant=id_, name=name, role=role, reconnecting=reconnecting
            )
        case events.TrackPublished(id_, track, source, live):
            told = messages.Track(id=track, source=source, live=live)
            return messages.TrackPublished(seq=0, participant=id_, track=told)
        case events.TrackUpdated(id_, track, source, live, by_moderator):
            told = messages.Track(id=track, source=source, live=live)
            return messages.TrackUpdated(seq=0, participant=id_, track=told, by_moderator=by_moderator)
        case events.TrackUnpublished(id_, track):
            return messages.TrackUnpublished(seq=0, participant=id_, track=track)
        case events.RoomLocked(locked):
            return messages.RoomUpdated(seq=0, locked=locked)
        case events.VideoCapped(kbps):
            return messages.VideoCapped(seq=0, kbps=kbps)
        case events.RoomDraining(ends_at):
            return messages.Draining(seq=0, ends_at=ends_at)
        case _:
            return None


def left(event: events.ParticipantLeft) -> messages.ParticipantLeft | None:
    """What those who stay are told; when the room has ended nobody stays."""
    if event.reason == "room_ended":
        return None
    return messages.ParticipantLeft(seq=0, participant=event.participant, reason=event.reason)


def ended(event: events.ParticipantLeft) -> messages.Ended | None:
    """What the one who left is told; nothing if it knows."""
    match event.reason:
        case "left":
            return None
        case "lost":
            return messages.Ended(seq=0, reason="media_lost")
        case reason:
            return messages.Ended(seq=0, reason=reason)


def slots(event: events.SlotsChanged) -> messages.Slots:
    changed = [_assignment(slot) for slot in event.slots]
    return messages.Slots(seq=0, slots=changed)


def layers_wanted(event: events.LayersWanted) -> messages.LayersWanted:
    wanted = messages.WantedLayers(source=event.source, rids=list(event.rids))
    return messages.LayersWanted(seq=0, layers=wanted)


def speakers(now: events.SpeakersChanged) -> messages.Speakers:
    return messages.Speakers(seq=0, audio=list(now.audio), speaking=list(now.speaking), dominant=now.dominant)


def chat_message(message: ChatMessage) -> messages.ChatMessage:
    return messages.ChatMessage(
        id=message.id,
        sender=message.sender,
        name=message.name,
        text=message.text,
        sent_at=message.sent_at,
        to=message.to,
    )


def video_slots(participant: Participant) -> list[messages.SlotAssignment]:
    return [_assignment(shown(slot)) for slot in participant.subscription.slots]


def joined(
    *,
    id_: int,
    secret: str,
    seq: int,
    room: Room,
    whose: Participant,
    others: Sequence[msgspec.Raw],
    chat: list[ChatMessage],
    ends_at: float | None,
    sdp: str | None,
) -> messages.Joined:
    """`others`: those present, as :func:`participant` has them, encoded."""
    heard = room.speakers
    return messages.Joined(
        id=id_,
        session=secret,
        participant=whose.id,
        role=whose.role,
        room=room.name,
        locked=room.locked,
        video_cap_kbps=room.video_cap_kbps,
        # What is encoded already passes the encoder as it is.
        participants=cast("list[messages.Participant]", others),
        chat=[chat_message(message) for message in chat],
        seq=seq,
        video_slots=video_slots(whose),
        audio_mids=list(whose.audio_mids),
        audio=list(heard.audio),
        speaking=list(heard.speaking),
        dominant=heard.dominant,
        wanted=_wanted(whose),
        ends_at=ends_at,
        sdp=sdp,
    )


def _wanted(participant: Participant) -> list[messages.WantedLayers]:
    return [
        messages.WantedLayers(source=track.source, rids=list(track.wanted_rids))
        for track in participant.tracks.values()
        if track.wanted_rids is not None
    ]


def participant(one: Participant) -> messages.Participant:
    return messages.Participant(
        id=one.id,
        name=one.name,
        role=one.role,
        tracks=[_track(track) for track in one.published],
        reconnecting=one.reconnecting,
    )


def _track(track: Track) -> messages.Track:
    return messages.Track(id=track.id, source=track.source, live=track.live)


def _assignment(slot: events.SlotShown) -> messages.SlotAssignment:
    return messages.SlotAssignment(
        mid=slot.mid, track=slot.track, undecodable=slot.undecodable, off=slot.off, reason=slot.reason
    )
