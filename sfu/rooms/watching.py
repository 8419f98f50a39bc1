"""Carries out what subscriptions decide: tells media, keeps each track's watchers, reports changed slots.

A track that goes away costs only those who watch it; the others learn it from its event alone.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from sfu.rooms.events import SlotsChanged, SlotShown
from sfu.rooms.participant import Participant
from sfu.rooms.ports import Media, Shortfall, SlotId
from sfu.rooms.speakers import Speakers
from sfu.rooms.subscription import Change, Slot, View
from sfu.rooms.track import Track, TrackId
from sfu.rooms.tracks import Tracks


class Watching:
    def __init__(
        self, media: Media, tracks: Tracks, speakers: Speakers, emit: Callable[[SlotsChanged], None]
    ) -> None:
        self._media = media
        self._tracks = tracks
        self._speakers = speakers
        self._emit = emit

    def attach(self, watcher: Participant, slots: Sequence[tuple[SlotId, str]]) -> None:
        for track in watcher.subscription.attach(slots):
            track.watchers.discard(watcher.id)
        self.fill(watcher)

    def set_view(self, watcher: Participant, view: Sequence[View]) -> None:
        changes = watcher.subscription.set_view(view, self._resolve(watcher), self._speakers.position_beside)
        self._carry_out(watcher, changes)

    def fill(self, watcher: Participant) -> None:
        changes = watcher.subscription.fill(self._resolve(watcher), self._speakers.position_beside)
        self._carry_out(watcher, changes)

    def replaced(self, track: Track, participants: Mapping[str, Participant]) -> None:
        """The track comes from another source of media now."""
        for watcher in _present(track.watchers, participants):
            for slot in watcher.subscription.slots:
                if slot.shown is track:
                    self._media.show(slot.id, track.media, slot.size)
                    # Media says anew what is amiss with the new one.
                    self.adapted(watcher, slot.id, track, off=False, reason=None)

    def gone(self, tracks: Iterable[Track], participants: Mapping[str, Participant]) -> None:
        """Tracks that are no more: their slots go to tiles that waited."""
        bereft = {id_: None for track in tracks for id_ in sorted(track.watchers)}
        for watcher in _present(bereft, participants):
            self.fill(watcher)

    def stop(self, watcher: Participant) -> None:
        """It has left, and its slots with it."""
        for slot in watcher.subscription.slots:
            if slot.shown is not None:
                slot.shown.watchers.discard(watcher.id)

    def undecodable(self, watcher: Participant, slot_id: SlotId, track: Track) -> None:
        slot = watcher.subscription.mark_undecodable(slot_id, track)
        if slot is not None:
            self._emit(SlotsChanged(watcher.id, (shown(slot),)))

    def adapted(
        self, watcher: Participant, slot_id: SlotId, track: Track, *, off: bool, reason: Shortfall | None
    ) -> None:
        slot = watcher.subscription.mark_adapted(slot_id, track, off=off, reason=reason)
        if slot is not None:
            self._emit(SlotsChanged(watcher.id, (shown(slot),)))

    def _resolve(self, watcher: Participant) -> Callable[[TrackId], Track | None]:
        return lambda id_: self._tracks.watchable(id_, watcher.id)

    def _carry_out(self, watcher: Participant, changes: Sequence[Change]) -> None:
        for change in changes:
            slot = change.slot
            self._media.show(slot.id, slot.shown.media if slot.shown else None, slot.size)
        # Two passes: a track that moves between slots must end up watched.
        others = [change for change in changes if change.is_other_track]
        for change in others:
            if change.before is not None:
                change.before.watchers.discard(watcher.id)
        for change in others:
            if change.slot.shown is not None:
                change.slot.shown.watchers.add(watcher.id)
        if others:
            self._emit(SlotsChanged(watcher.id, tuple(shown(change.slot) for change in others)))


def _present(ids: Iterable[str], participants: Mapping[str, Participant]) -> list[Participant]:
    return [participants[id_] for id_ in ids if id_ in participants]


def shown(slot: Slot) -> SlotShown:
    track = slot.shown.id if slot.shown else None
    return SlotShown(slot.mid, track, slot.undecodable, slot.off, slot.reason)
