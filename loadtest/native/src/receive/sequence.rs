//! Which packets of a stream are missing, and when to ask for them again.

use std::collections::VecDeque;

use sfu_proto::rtp::extend_sequence;

use crate::time::{MILLISECOND, NEVER, Nanos};

/// A packet that did not come is asked for at once, and again after each of these: a round trip
/// as browsers take it while they know none.
const RETRY: Nanos = 100 * MILLISECOND;
/// As browsers do; then it is lost.
const TRIES: u8 = 10;
/// A hole this large cannot be repaired in time.
const LARGEST_HOLE: i64 = 512;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    New,
    Reordered,
    Duplicate,
}

#[derive(Debug)]
struct Missing {
    number: i64,
    tries: u8,
    ask_at: Nanos,
}

/// Sequence numbers extended to 64 bits.
#[derive(Debug, Default)]
pub(super) struct SequenceLog {
    first: i64,
    highest: Option<i64>,
    /// In rising order.
    missing: VecDeque<Missing>,
    lost: u64,
}

impl SequenceLog {
    pub(super) fn highest(&self) -> Option<i64> {
        self.highest
    }

    /// Packets from the first to the highest.
    pub(super) fn expected(&self) -> i64 {
        self.highest.map_or(0, |highest| highest - self.first + 1)
    }

    /// Of a packet that was noted, or one near it.
    pub(super) fn extended(&self, number: u16) -> i64 {
        extend_sequence(self.highest.unwrap_or_default(), number)
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    pub(super) fn missing(&self) -> usize {
        self.missing.len()
    }

    pub(super) fn note(&mut self, now: Nanos, number: u16) -> Arrival {
        let Some(highest) = self.highest else {
            self.first = i64::from(number);
            self.highest = Some(self.first);
            return Arrival::New;
        };
        let number = extend_sequence(highest, number);
        if number <= highest {
            return match self.recover(number) {
                true => Arrival::Reordered,
                false => Arrival::Duplicate,
            };
        }
        self.highest = Some(number);
        self.miss(now, highest + 1, number);
        Arrival::New
    }

    /// Whether the packet, sent again, was still missing.
    pub(super) fn repair(&mut self, number: u16) -> bool {
        self.highest
            .is_some_and(|highest| self.recover(extend_sequence(highest, number)))
    }

    /// When to ask next.
    pub(super) fn next_at(&self) -> Nanos {
        let times = self.missing.iter().map(|missing| missing.ask_at);
        times.min().unwrap_or(NEVER)
    }

    /// The numbers to ask for now; those asked for often enough are given up and counted lost.
    pub(super) fn due(&mut self, now: Nanos) -> Vec<u16> {
        let mut due = Vec::new();
        let before = self.missing.len();
        self.missing
            .retain(|missing| missing.ask_at > now || missing.tries < TRIES);
        self.lost += (before - self.missing.len()) as u64;
        for missing in self.missing.iter_mut().filter(|each| each.ask_at <= now) {
            missing.tries += 1;
            missing.ask_at = now + RETRY;
            due.push(missing.number as u16);
        }
        due
    }

    fn miss(&mut self, now: Nanos, from: i64, to: i64) {
        if to - from > LARGEST_HOLE {
            self.lost += (to - from) as u64;
            return;
        }
        self.missing.extend((from..to).map(|number| Missing {
            number,
            tries: 0,
            ask_at: now,
        }));
    }

    fn recover(&mut self, number: i64) -> bool {
        let found = self
            .missing
            .binary_search_by_key(&number, |missing| missing.number);
        found.is_ok_and(|index| self.missing.remove(index).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_asked_for_until_it_comes() {
        let mut log = SequenceLog::default();
        assert_eq!(log.note(0, 65_534), Arrival::New);
        assert_eq!(log.note(0, 2), Arrival::New);
        assert_eq!(log.due(0), [65_535, 0, 1]);
        assert_eq!(log.due(0), [] as [u16; 0]);
        assert!(log.repair(0));
        assert!(!log.repair(0));
        assert_eq!(log.note(1, 65_535), Arrival::Reordered);
        assert_eq!(log.note(1, 65_535), Arrival::Duplicate);
        assert_eq!(log.next_at(), RETRY);
        assert_eq!(log.due(RETRY), [1]);
        assert_eq!((log.expected(), log.missing(), log.lost()), (5, 1, 0));
    }

    #[test]
    fn what_never_comes_is_lost() {
        let mut log = SequenceLog::default();
        log.note(0, 1);
        log.note(0, 3);
        let asked = (0..20)
            .map(|turn| log.due(turn * RETRY).len())
            .sum::<usize>();
        assert_eq!((asked, log.lost(), log.next_at()), (TRIES.into(), 1, NEVER));
        log.note(0, 3 + 600);
        assert_eq!((log.lost(), log.missing()), (1 + 599, 0));
    }
}
