//! Events that wait to be taken: of each kind about each thing only the newest.
//!
//! A peer can make its state change as often as it sends packets (BYE and media in turn, a
//! check from here and one from there). What counts is how things are, so that a newer word
//! takes the place of an older one that nobody has read: what waits is bounded by what there
//! is, and one peer's changes never push another's out.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::event::Event;
use crate::ids::{RoomId, SlotId, SourceId, TransportId};

#[derive(Debug, Default)]
pub(crate) struct EventQueue {
    /// By order of arrival.
    waiting: BTreeMap<u64, Event>,
    newest: FxHashMap<Topic, u64>,
    arrivals: u64,
}

/// What a newer event of makes an older one worthless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Topic {
    Address(TransportId),
    Layers(SourceId),
    Speaking(SourceId),
    Shown(SlotId),
    Undecodable(SlotId),
    Adapted(SlotId),
    Positions(RoomId),
    Dominant(RoomId),
}

impl EventQueue {
    pub(crate) fn push(&mut self, event: Event) {
        if let Some(topic) = topic(&event)
            && let Some(older) = self.newest.insert(topic, self.arrivals)
        {
            self.waiting.remove(&older);
        }
        self.waiting.insert(self.arrivals, event);
        self.arrivals += 1;
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// The one that has waited longest.
    pub(crate) fn pop_first(&mut self) -> Option<Event> {
        let (_, event) = self.waiting.pop_first()?;
        self.forget(&event);
        Some(event)
    }

    pub(crate) fn pop_last(&mut self) -> Option<Event> {
        let (_, event) = self.waiting.pop_last()?;
        self.forget(&event);
        Some(event)
    }

    fn forget(&mut self, event: &Event) {
        if let Some(topic) = topic(event) {
            self.newest.remove(&topic);
        }
    }
}

/// `None`: each one counts.
fn topic(event: &Event) -> Option<Topic> {
    match *event {
        Event::TransportConnected { .. }
        | Event::TransportLost { .. }
        | Event::DtlsReceived { .. }
        | Event::WorkerFailed { .. } => None,
        Event::TransportMoved { transport, .. } => Some(Topic::Address(transport)),
        Event::SourceLayersChanged { source, .. } => Some(Topic::Layers(source)),
        Event::SpeakingChanged { source, .. } => Some(Topic::Speaking(source)),
        Event::SlotSwitched { slot, .. } => Some(Topic::Shown(slot)),
        Event::SlotUndecodable { slot, .. } => Some(Topic::Undecodable(slot)),
        Event::SlotAdapted { slot, .. } => Some(Topic::Adapted(slot)),
        Event::AudioPositionsChanged { room, .. } => Some(Topic::Positions(room)),
        Event::DominantSpeakerChanged { room, .. } => Some(Topic::Dominant(room)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(slot: u64, source: u64) -> Event {
        Event::SlotSwitched {
            slot: SlotId(slot),
            source: Some(SourceId(source)),
        }
    }

    fn dtls(transport: u64) -> Event {
        Event::DtlsReceived {
            transport: TransportId(transport),
            datagram: Vec::new(),
        }
    }

    fn all(queue: &mut EventQueue) -> Vec<Event> {
        std::iter::from_fn(|| queue.pop_first()).collect()
    }

    #[test]
    fn the_newest_of_each_comes_in_its_own_order() {
        let mut queue = EventQueue::default();
        for event in [shown(1, 1), dtls(1), shown(2, 1), dtls(1), shown(1, 2)] {
            queue.push(event);
        }
        assert_eq!(
            all(&mut queue),
            [dtls(1), shown(2, 1), dtls(1), shown(1, 2)]
        );
        queue.push(shown(1, 3));
        assert_eq!(all(&mut queue), [shown(1, 3)]);
        assert!(queue.newest.is_empty());
    }

    #[test]
    fn what_one_thing_says_takes_one_place() {
        let mut queue = EventQueue::default();
        for source in 0..100 {
            queue.push(shown(1, source));
        }
        queue.push(shown(2, 7));
        assert_eq!(queue.len(), 2);
        assert_eq!(queue.pop_last(), Some(shown(2, 7)));
        queue.push(shown(1, 100));
        assert_eq!(all(&mut queue), [shown(1, 100)]);
    }
}
