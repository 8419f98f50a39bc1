//! Audio slots that follow a room's positions: who is loudest is heard without a command.

use super::Egress;
use super::members::Members;
use crate::handover::Up;
use crate::ids::{RoomId, SourceId};

/// Of one room.
#[derive(Default)]
pub(super) struct Followers {
    positions: Vec<Option<SourceId>>,
    /// Slots of each position.
    pub(super) slots: Vec<Members>,
    /// Slots in all.
    count: usize,
}

impl Egress {
    /// What the position carries now.
    pub(super) fn add_follower(
        &mut self,
        id: RoomId,
        position: usize,
        slot: usize,
    ) -> Option<SourceId> {
        let room = self.rooms.entry(id).or_default();
        if room.slots.len() <= position {
            room.slots.resize_with(position + 1, Members::default);
        }
        room.slots[position].insert(slot);
        room.count += 1;
        if room.count == 1 {
            self.up.push(Up::Followed(id));
        }
        room.positions.get(position).copied().flatten()
    }

    pub(super) fn remove_follower(&mut self, id: RoomId, position: usize, slot: usize) {
        let Some(room) = self.rooms.get_mut(&id) else {
            return;
        };
        // The room may have been removed meanwhile, and another word of it have come.
        let members = room.slots.get_mut(position);
        if !members.is_some_and(|members| members.remove(slot)) {
            return;
        }
        room.count -= 1;
        if room.count == 0 {
            self.up.push(Up::Unfollowed(id));
        }
    }

    pub(super) fn take_positions(&mut self, room: RoomId, positions: Vec<Option<SourceId>>) {
        let room = self.rooms.entry(room).or_default();
        let previous = std::mem::replace(&mut room.positions, positions);
        let at = |positions: &[Option<SourceId>], position: usize| {
            positions.get(position).copied().flatten()
        };
        let slots = room.slots.iter().enumerate();
        let changed: Vec<_> = slots
            .map(|(position, slots)| (slots, position, at(&room.positions, position)))
            .filter(|&(_, position, source)| at(&previous, position) != source)
            .flat_map(|(slots, _, source)| slots.as_slice().iter().map(move |&slot| (slot, source)))
            .collect();
        for (slot, source) in changed {
            self.follow(slot, source);
        }
    }

    /// Nobody hears himself: a slot stays silent while its position is its own.
    pub(super) fn follow(&mut self, slot: usize, source: Option<SourceId>) {
        let own = self.slots[slot].parameters.transport;
        let source = source.filter(|source| {
            self.sources
                .get(source)
                .is_some_and(|source| source.transport != own)
        });
        self.set_shown(slot, source.map(|source| (source, 0)));
        self.choose(slot);
    }
}
