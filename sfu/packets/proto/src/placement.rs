//! Which shard of the send side has which subscriber: chosen when a transport comes, for
//! life.
//!
//! The first shard's worker receives as well, and takes all while they are few: a second one
//! would be woken for half of each burst. Beyond that the shard with the least load takes the
//! next transport; what a slot costs follows from what it shows, which nobody knows
//! beforehand. It sees commands and knows no media.

use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;

use crate::command::{Command, MediaKind, SourceParameters};
use crate::handover::{Down, ShardSet};
use crate::ids::{SlotId, SourceId, TransportId};

/// Video slots that the first shard takes before others get any, by default. At 100 slots a
/// second worker took a fifth more CPU time, and frames were complete no sooner.
pub(crate) const FIRST_TAKES: usize = 120;

/// The load of one stream, sent to a slot or received: 270 packets of video a second, in runs,
/// or 50 of audio. Who sees several pictures sees one large, and of the others the small layers.
const VIDEO: usize = 4;
const TILE: usize = 1;
const AUDIO: usize = 1;

#[derive(Debug)]
struct Place {
    shard: usize,
    slots: Vec<SlotId>,
    sources: Vec<SourceId>,
    has_picture: bool,
}

pub(crate) struct Placement {
    /// Of each shard.
    loads: Vec<Load>,
    /// What the first shard takes before any other takes something.
    first_takes: usize,
    transports: FxHashMap<TransportId, Place>,
    slots: FxHashMap<SlotId, (TransportId, usize)>,
    /// What receiving them costs.
    sources: FxHashMap<SourceId, (TransportId, usize)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Load {
    /// Its worker has died.
    is_closed: bool,
    streams: usize,
    transports: usize,
}

impl Placement {
    /// `first_takes`: video slots that the first shard takes before any other.
    pub(crate) fn new(shards: usize, first_takes: usize) -> Self {
        let shards = shards.clamp(1, ShardSet::MOST);
        Self {
            loads: vec![Load::default(); shards],
            first_takes: first_takes.saturating_mul(VIDEO),
            transports: FxHashMap::default(),
            slots: FxHashMap::default(),
            sources: FxHashMap::default(),
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
        transport.map_or(ShardSet::NONE, |&(transport, _)| {
            self.of_transport(transport)
        })
    }

    /// Keeps the books; which shards the command concerns.
    pub(crate) fn follow(&mut self, command: &Command) -> ShardSet {
        match command {
            Command::AddTransport { transport, .. } => self.place(*transport),
            Command::SetKeys { transport, .. }
            | Command::SetExtensions { transport, .. }
            | Command::SetHeadroom { transport, .. }
            | Command::SetCap { transport, .. } => self.of_transport(*transport),
            Command::RemoveTransport { transport } => self.remove_transport(*transport),
            Command::AddSlot { slot, parameters } => {
                self.add_slot(*slot, parameters.transport, parameters.kind)
            }
            Command::Show { slot, .. } | Command::SetStage { slot, .. } => self.of_slot(*slot),
            Command::RemoveSlot { slot } => self.remove_slot(*slot),
            Command::AddSource { source, parameters } => {
                self.add_source(*source, parameters);
                self.all()
            }
            Command::RemoveSource { source } => {
                self.remove_source(*source);
                self.all()
            }
            Command::SetWanted { .. } | Command::RemoveRoom { .. } => self.all(),
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
            let shard = self.next_shard();
            self.loads[shard].transports += 1;
            let place = Place {
                shard,
                slots: Vec::new(),
                sources: Vec::new(),
                has_picture: false,
            };
            self.transports.insert(transport, place);
        }
        self.of_transport(transport)
    }

    fn next_shard(&self) -> usize {
        let first = &self.loads[0];
        // Those who have come and show nothing yet will soon.
        let coming = first.streams.max(first.transports * VIDEO);
        if !first.is_closed && coming < self.first_takes {
            return 0;
        }
        let lightest = self.loads.iter().enumerate().min_by_key(|(_, load)| **load);
        lightest.map_or(0, |(shard, _)| shard)
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
        for slot in place.slots {
            if let Some((_, weight)) = self.slots.remove(&slot) {
                load.streams -= weight;
            }
        }
        for source in place.sources {
            self.remove_source(source);
        }
        ShardSet::one(place.shard)
    }

    /// Wherever its transport is: the first worker receives for all.
    fn add_source(&mut self, source: SourceId, parameters: &SourceParameters) {
        let Some(place) = self.transports.get_mut(&parameters.transport) else {
            return;
        };
        if let Entry::Vacant(vacant) = self.sources.entry(source) {
            let load = match parameters.kind {
                MediaKind::Audio => AUDIO,
                MediaKind::Video => VIDEO * parameters.rids.len().max(1),
            };
            vacant.insert((parameters.transport, load));
            place.sources.push(source);
            self.loads[0].streams += load;
        }
    }

    fn remove_source(&mut self, source: SourceId) {
        let Some((transport, load)) = self.sources.remove(&source) else {
            return;
        };
        self.loads[0].streams -= load;
        if let Some(place) = self.transports.get_mut(&transport) {
            place.sources.retain(|&held| held != source);
        }
    }

    fn add_slot(&mut self, slot: SlotId, transport: TransportId, kind: MediaKind) -> ShardSet {
        let Some(place) = self.transports.get_mut(&transport) else {
            return ShardSet::NONE;
        };
        let shard = place.shard;
        if let Entry::Vacant(vacant) = self.slots.entry(slot) {
            let load = match kind {
                MediaKind::Audio => AUDIO,
                MediaKind::Video if std::mem::replace(&mut place.has_picture, true) => TILE,
                MediaKind::Video => VIDEO,
            };
            vacant.insert((transport, load));
            place.slots.push(slot);
            self.loads[shard].streams += load;
        }
        self.of_slot(slot)
    }

    fn remove_slot(&mut self, slot: SlotId) -> ShardSet {
        let shards = self.of_slot(slot);
        if let Some((transport, load)) = self.slots.remove(&slot)
            && let Some(place) = self.transports.get_mut(&transport)
        {
            place.slots.retain(|&held| held != slot);
            place.has_picture &= load != VIDEO;
            self.loads[place.shard].streams -= load;
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
        let mut placement = Placement::new(2, 0);
        assert_eq!(add(&mut placement, 1), [0]);
        for slot in 0..3 {
            assert_eq!(add_slot(&mut placement, slot, 1), [0]);
        }
        assert_eq!(add(&mut placement, 2), [1]);
        assert_eq!(add_slot(&mut placement, 10, 2), [1]);
        assert_eq!(add(&mut placement, 3), [1]);
        assert_eq!(add(&mut placement, 1), [0], "known already");
    }

    fn add_source(placement: &mut Placement, source: u64, transport: u64) {
        let parameters = SourceParameters {
            transport: TransportId(transport),
            mid: String::new(),
            kind: MediaKind::Video,
            codecs: Vec::new(),
            rids: vec!["f".to_owned(), "q".to_owned()],
            announced: Vec::new(),
            room: None,
            is_screen: false,
        };
        let source = SourceId(source);
        follow(placement, Command::AddSource { source, parameters });
    }

    #[test]
    fn few_are_served_by_the_worker_that_receives() {
        let mut placement = Placement::new(2, 3);
        for transport in 0..3 {
            assert_eq!(add(&mut placement, transport), [0]);
            add_slot(&mut placement, transport, transport);
        }
        assert_eq!(add(&mut placement, 3), [1]);
        let transport = TransportId(0);
        follow(&mut placement, Command::RemoveTransport { transport });
        assert_eq!(add(&mut placement, 4), [0], "there is room again");
        placement.close(0);
        assert_eq!(add(&mut placement, 5), [1]);
    }

    #[test]
    fn what_is_received_weighs_on_the_first_shard() {
        let mut placement = Placement::new(2, 0);
        add(&mut placement, 1);
        assert_eq!(add(&mut placement, 2), [1]);
        add_source(&mut placement, 1, 2);
        add_source(&mut placement, 1, 2);
        add_slot(&mut placement, 1, 2);
        assert_eq!(add(&mut placement, 3), [1]);
        add_slot(&mut placement, 2, 3);
        add_slot(&mut placement, 3, 3);
        assert_eq!(add(&mut placement, 4), [0]);
        let removal = Command::RemoveTransport {
            transport: TransportId(2),
        };
        follow(&mut placement, removal);
        assert_eq!(placement.loads[0].streams, 0);
        assert!(placement.sources.is_empty());
    }

    #[test]
    fn what_has_gone_weighs_nothing() {
        let mut placement = Placement::new(2, 0);
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
        let mut placement = Placement::new(2, 0);
        add(&mut placement, 1);
        add_slot(&mut placement, 1, 1);
        assert_eq!(add(&mut placement, 2), [1]);
        assert_eq!(placement.close(1), [TransportId(2)]);
        assert_eq!(add(&mut placement, 3), [0]);
    }

    #[test]
    fn a_slot_is_found_where_its_transport_is() {
        let mut placement = Placement::new(3, 0);
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
