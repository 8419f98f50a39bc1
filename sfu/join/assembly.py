"""Puts what was planned onto a transport and into a room, step by step, each step with its undoing."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from sfu.join.plan import Plan
from sfu.join.requests import TrackHint
from sfu.join.session import Link, ReceivedSlot, SentTrack, Session
from sfu.join.specs import JoinMedia, codec_specs, remote_transport, slot_spec, source_spec
from sfu.join.watchers import SlotWatcher, TransportWatcher
from sfu.media.specs import CodecSpec
from sfu.rooms.ports import SlotId, SourceId, TransportId
from sfu.sdp import NegotiatedSection


def open_link(media: JoinMedia, plan: Plan, watcher: TransportWatcher, undo: ExitStack) -> Link:
    offer = plan.offer
    transport = media.open_transport(
        remote_transport(offer), extensions=plan.negotiated.extensions, listener=watcher
    )
    undo.callback(media.close_transport, transport.id)
    return Link(
        transport=transport.id,
        local=transport.local,
        origin=offer.origin,
        remote_ice=offer.ice,
        extensions=plan.negotiated.extensions,
        mids=plan.mids,
    )


class Assembly:
    def __init__(self, media: JoinMedia, session: Session, link: Link, undo: ExitStack) -> None:
        self._media = media
        self._session = session
        self._room = session.room
        self._link = link
        self._undo = undo
        self._specs: dict[int, Sequence[CodecSpec]] = {}
        """By the list that sections share, which the plan holds: one of theirs for each of ours."""

    def carry_out(self, plan: Plan) -> None:
        """Adds what the link has not yet, and leaves alone what it has."""
        for section, hint in plan.sources:
            known = self._link.sources.get(section.mid)
            if known is None:
                self._add_source(section, hint)
            else:
                self._set_live(known, hint)
        for section in plan.slots:
            if section.mid not in self._link.slots:
                self._add_slot(section)

    def attach_slots(self, instead_of: Link | None) -> None:
        if instead_of is not None:
            self._undo.callback(_attach_slots, self._session, instead_of)
        _attach_slots(self._session, self._link)

    def _add_source(self, section: NegotiatedSection, hint: TrackHint) -> None:
        sent = SentTrack(hint, section.codecs)
        sent.tell_wanted = partial(self._room.layers_wanted, self._session.id, hint.source)
        spec = source_spec(section, self._codecs(section), hint.source, self._room.media_room)
        sent.id = self._media.add_source(self._link.transport, spec, sent)
        self._undo.callback(self._media.remove_source, sent.id)
        self._publish(sent)
        self._link.sources[section.mid] = sent

    def _publish(self, sent: SentTrack) -> None:
        room, id_, source = self._room, self._session.id, sent.hint.source
        known = room.participant(id_).tracks.get(source)
        if known is None:
            self._undo.callback(room.unpublish, id_, source)
        else:
            self._undo.callback(room.publish, id_, source, known.media, known.live)
        room.publish(id_, source, SourceId(sent.id), sent.hint.live)

    def _set_live(self, known: SentTrack, hint: TrackHint) -> None:
        track = self._room.participant(self._session.id).tracks[hint.source]
        # A moderator's mute ends by the owner's word alone, not by an offer made before it was heard of.
        if track.live != hint.live and not track.muted_by_moderator:
            self._undo.callback(self._room.set_live, self._session.id, hint.source, track.live)
            self._room.set_live(self._session.id, hint.source, hint.live)
        known.hint = hint

    def _add_slot(self, section: NegotiatedSection) -> None:
        position = self._link.free_position(section.kind)
        # A viewer has no voice to be spared, and wants one participant's sound: its room fills its slots.
        follows = section.kind == "audio" and self._session.kind == "participant"
        listener = SlotWatcher(self._session)
        spec = slot_spec(
            section,
            self._codecs(section),
            self._session.cname,
            (self._room.media_room, position) if follows else None,
        )
        slot = self._media.add_slot(self._link.transport, spec, listener)
        self._undo.callback(self._media.remove_slot, slot.id)
        listener.slot = SlotId(slot.id)
        self._link.slots[section.mid] = ReceivedSlot(slot, section.mid, section.kind, position)

    def _codecs(self, section: NegotiatedSection) -> Sequence[CodecSpec]:
        known = self._specs.get(id(section.codecs))
        if known is None:
            known = self._specs[id(section.codecs)] = codec_specs(section.codecs)
        return known


def _attach_slots(session: Session, link: Link) -> None:
    video = [(SlotId(slot.media.id), slot.mid) for slot in link.slots_of("video")]
    if session.kind == "participant":
        session.room.attach_slots(session.id, video, link.audio_mids())
    elif session.kind == "whep":
        audio = [SlotId(slot.media.id) for slot in link.slots_of("audio")]
        session.room.attach_viewer(
            session.id, TransportId(link.transport), [slot for slot, _ in video], audio
        )
