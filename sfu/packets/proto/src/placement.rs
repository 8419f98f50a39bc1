//! Which shard of the send side has which subscriber: chosen when a transport comes, for
//! life.
//!
//! The shard with the fewest slots takes the next transport; what a slot costs follows from
//! what it shows, which nobody knows beforehand. It sees commands and knows no media.

use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;

use crate::command::Command;
use crate::handover::{Down, ShardSet};
use crate::ids::{SlotId, TransportId};

#[derive(Debug)]
struct Place {
    shard: usize,
    slots: Vec<SlotId>,
}

pub(crate) struct Placement {
    /// Of each shard.
    loads: Vec<Load>,
    transports: FxHashMap<TransportId, Place>,
    slots: FxHashMap<SlotId, TransportId>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Load {
    /// Its worker has died.
    is_closed: bool,
    slots: usize,
    transports: usize,
}

impl Placement {
    pub(crate) fn new(shards: usize) -> Self {
        let shards = shards.clamp(1, ShardSet::MOST);
        Self {
            loads: vec![Load::default(); shards],
            transports: FxHashMap::default(),
            slots: FxHashMap::default(),
        }
    }

    fn all(&self) -> ShardSet {
        ShardSet::first(self.loads.len())
    }

    /// Those that there are.
    pub(crate) fn among(&self, shards: ShardSet) -> ShardSet {
        shards.both(self.all())
    }

    fn of_transport(&self, transport: TransportId) -> ShardSet {
        let place = self.transports.get(&transport);
        place.map_or(ShardSet::NONE, |place| ShardSet::one(place.shard))
    }

    fn of_slot(&self, slot: SlotId) -> ShardSet {
        let transport = self.slots.get(&slot);
        transport.map_or(ShardSet::NONE, |&transport| self.of_transport(transport))
    }

    /// Keeps the books; which shards the command concerns.
    pub(crate) fn follow(&mut self, command: &Command) -> ShardSet {
        match command {
            Command::AddTransport { transport, .. } => self.place(*transport),
            Command::SetKeys { transport, .. }
            | Command::SetExtensions { transport, .. }
            | Command::SetHeadroom { transport, .. } => self.of_transport(*transport),
            Command::RemoveTransport { transport } => self.remove_transport(*transport),
            Command::AddSlot { slot, parameters } => self.add_slot(*slot, parameters.transport),
            Command::Show { slot, .. } | Command::SetStage { slot, .. } => self.of_slot(*slot),
            Command::RemoveSlot { slot } => self.remove_slot(*slot),
            Command::AddSource { .. }
            | Command::RemoveSource { .. }
            | Command::RemoveRoom { .. } => self.all(),
            Command::RestartIce { .. }
            | Command::SendDtls { .. }
            | Command::SetForwarding { .. }
            | Command::AddRoom { .. } => ShardSet::NONE,
        }
    }

    pub(crate) fn shards_for(&self, down: &Down) -> ShardSet {
        match down {
            Down::Control { transport, .. }
            | Down::Reported { transport, .. }
            | Down::Path { transport, .. } => self.of_transport(*transport),
            _ => self.all(),
        }
    }

    fn place(&mut self, transport: TransportId) -> ShardSet {
        if !self.transports.contains_key(&transport) {
            let lightest = self.loads.iter().enumerate().min_by_key(|(_, load)| **load);
            let shard = lightest.map_or(0, |(shard, _)| shard);
            self.loads[shard].transports += 1;
            let slots = Vec::new();
            self.transports.insert(transport, Place { shard, slots });
        }
        self.of_transport(transport)
    }

    /// No transport goes to the shard any more; those that it had.
    pub(crate) fn close(&mut self, shard: usize) -> Vec<TransportId> {
        self.loads[shard].is_closed = true;
        let places = self.transports.iter();
        let lost = places.filter(|(_, place)| place.shard == shard);
        lost.map(|(&transport, _)| transport).collect()
    }

    fn remove_transport(&mut self, transport: TransportId) -> ShardSet {
        let Some(place) = self.transports.remove(&transport) else {
            return ShardSet::NONE;
        };
        let load = &mut self.loads[place.shard];
        load.transports -= 1;
        load.slots -= place.slots.len();
        for slot in place.slots {
            self.slots.remove(&slot);
        }
        ShardSet::one(place.shard)
    }

    fn add_slot(&mut self, slot: SlotId, transport: TransportId) -> ShardSet {
        let Some(place) = self.transports.get_mut(&transport) else {
            return ShardSet::NONE;
        };
        let shard = place.shard;
        if let Entry::Vacant(vacant) = self.slots.entry(slot) {
            vacant.insert(transport);
            place.slots.push(slot);
            self.loads[shard].slots += 1;
        }
        self.of_slot(slot)
    }

    fn remove_slot(&mut self, slot: SlotId) -> ShardSet {
        let shards = self.of_slot(slot);
        if let Some(transport) = self.slots.remove(&slot)
            && let Some(place) = self.transports.get_mut(&transport)
        {
            place.slots.retain(|&held| held != slot);
            self.loads[place.shard].slots -= 1;
        }
        shards
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{IceCredentials, MediaKind, SlotParameters};

    fn add(placement: &mut Placement, transport: u64) -> Vec<usize> {
        let ice = IceCredentials {
            local_ufrag: String::new(),
            local_password: String::new(),
            remote_ufrag: String::new(),
            remote_password: String::new(),
        };
        let command = Command::AddTransport {
            transport: TransportId(transport),
            ice,
            extensions: Vec::new(),
        };
        placement.follow(&command).iter().collect()
    }

    fn add_slot(placement: &mut Placement, slot: u64, transport: u64) -> Vec<usize> {
        let parameters = SlotParameters {
            transport: TransportId(transport),
            mid: String::new(),
            kind: MediaKind::Video,
            codecs: Vec::new(),
            ssrc: 1,
            rtx_ssrc: None,
            cname: String::new(),
            follows: None,
        };
        let slot = SlotId(slot);
        let command = Command::AddSlot { slot, parameters };
        placement.follow(&command).iter().collect()
    }

    fn follow(placement: &mut Placement, command: Command) -> Vec<usize> {
        placement.follow(&command).iter().collect()
    }

    #[test]
    fn the_shard_with_the_fewest_slots_takes_the_next() {
        let mut placement = Placement::new(2);
        assert_eq!(add(&mut placement, 1), [0]);
        for slot in 0..3 {
            assert_eq!(add_slot(&mut placement, slot, 1), [0]);
        }
        assert_eq!(add(&mut placement, 2), [1]);
        assert_eq!(add_slot(&mut placement, 10, 2), [1]);
        assert_eq!(add(&mut placement, 3), [1]);
        assert_eq!(add(&mut placement, 1), [0], "known already");
    }

    #[test]
    fn what_has_gone_weighs_nothing() {
        let mut placement = Placement::new(2);
        let transport = TransportId(1);
        add(&mut placement, 1);
        add_slot(&mut placement, 1, 1);
        add_slot(&mut placement, 2, 1);
        add_slot(&mut placement, 2, 1);
        let slot = SlotId(1);
        assert_eq!(follow(&mut placement, Command::RemoveSlot { slot }), [0]);
        assert_eq!(follow(&mut placement, Command::RemoveSlot { slot }), []);
        let removal = Command::RemoveTransport { transport };
        assert_eq!(follow(&mut placement, removal.clone()), [0]);
        assert_eq!(follow(&mut placement, removal), []);
        assert_eq!(placement.loads, [Load::default(); 2]);
        assert!(placement.slots.is_empty());
    }

    #[test]
    fn a_closed_shard_gets_nobody() {
        let mut placement = Placement::new(2);
        add(&mut placement, 1);
        add_slot(&mut placement, 1, 1);
        assert_eq!(add(&mut placement, 2), [1]);
        assert_eq!(placement.close(1), [TransportId(2)]);
        assert_eq!(add(&mut placement, 3), [0]);
    }

    #[test]
    fn a_slot_is_found_where_its_transport_is() {
        let mut placement = Placement::new(3);
        for transport in 0..3 {
            add(&mut placement, transport);
            add_slot(&mut placement, 10 + transport, transport);
        }
        let show = |slot| Command::Show {
            slot: SlotId(slot),
            source: None,
            layer: 0,
        };
        assert_eq!(follow(&mut placement, show(11)), [1]);
        assert_eq!(follow(&mut placement, show(99)), []);
        let source = crate::ids::SourceId(1);
        let removal = Command::RemoveSource { source };
        assert_eq!(follow(&mut placement, removal), [0, 1, 2]);
    }
}
