//! Asks a publisher for packets that did not come (RFC 4585 §6.2.1).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::handover::earlier;
use crate::limits::{MISSING_PACKETS, NACK_DELAY, NACK_GAP, NACK_SPACING, NACK_TRIES};

#[derive(Debug)]
struct Missing {
    number: i64,
    tries: u8,
    next: Instant,
}

/// What a packet meant for the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    InOrder,
    /// It was missing.
    Filled {
        was_asked: bool,
    },
    /// So much is missing that asking is pointless.
    Outage,
}

/// The missing packets of one stream, oldest first.
#[derive(Debug, Default)]
pub(crate) struct NackList {
    missing: VecDeque<Missing>,
    highest: Option<i64>,
    /// No later than when the first of them is due: each arrival asks.
    next: Option<Instant>,
}

impl NackList {
    pub(crate) fn arrived(&mut self, number: i64, now: Instant) -> Arrival {
        let highest = *self.highest.get_or_insert(number);
        if number <= highest {
            return self.fill(number);
        }
        self.highest = Some(number);
        let gap = number - highest - 1;
        if gap > NACK_GAP || self.missing.len() + gap as usize > MISSING_PACKETS {
            self.missing.clear();
            self.next = None;
            return Arrival::Outage;
        }
        if gap == 0 {
            return Arrival::InOrder;
        }
        let next = now + NACK_DELAY;
        self.next = earlier(self.next, Some(next));
        let lost = highest + 1..number;
        self.missing.extend(lost.map(|number| Missing {
            number,
            tries: 0,
            next,
        }));
        Arrival::InOrder
    }

    /// It is there by some other way, if it was missing.
    pub(crate) fn fill(&mut self, number: i64) -> Arrival {
        let found = self
            .missing
            .binary_search_by_key(&number, |missing| missing.number);
        let Some(filled) = found.ok().and_then(|index| self.missing.remove(index)) else {
            return Arrival::InOrder;
        };
        if self.missing.is_empty() {
            self.next = None;
        }
        Arrival::Filled {
            was_asked: filled.tries > 0,
        }
    }

    /// Appends what is due, in rising order; each is asked again after a round trip.
    pub(crate) fn take_due(&mut self, now: Instant, round_trip: Duration, due: &mut Vec<u16>) {
        self.missing.retain_mut(|missing| {
            if missing.next > now {
                return true;
            }
            if missing.tries == NACK_TRIES {
                return false;
            }
            missing.tries += 1;
            missing.next = now + round_trip.max(NACK_SPACING);
            due.push(missing.number as u16);
            true
        });
        self.next = self.missing.iter().map(|missing| missing.next).min();
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND_TRIP: Duration = Duration::from_millis(50);

    fn due(list: &mut NackList, now: Instant) -> Vec<u16> {
        let mut due = Vec::new();
        list.take_due(now, ROUND_TRIP, &mut due);
        due
    }

    #[test]
    fn asks_once_a_round_trip_until_the_packet_comes() {
        let start = Instant::now();
        let mut list = NackList::default();
        list.arrived(1, start);
        list.arrived(4, start);
        assert_eq!(due(&mut list, start), [], "reordering gets its chance");
        assert_eq!(due(&mut list, start + NACK_DELAY), [2, 3]);
        assert_eq!(list.next(), Some(start + NACK_DELAY + ROUND_TRIP));
        assert_eq!(list.arrived(3, start), Arrival::Filled { was_asked: true });
        assert_eq!(due(&mut list, start + NACK_DELAY), []);
        assert_eq!(due(&mut list, start + NACK_DELAY + ROUND_TRIP), [2]);
    }

    #[test]
    fn gives_up_after_ten_tries() {
        let start = Instant::now();
        let mut list = NackList::default();
        list.arrived(1, start);
        list.arrived(3, start);
        let asked: usize = (1..100)
            .map(|round| due(&mut list, start + ROUND_TRIP * round).len())
            .sum();
        assert_eq!(asked, usize::from(NACK_TRIES));
        assert_eq!(list.next(), None);
    }

    #[test]
    fn an_outage_is_not_asked_for() {
        let start = Instant::now();
        let mut list = NackList::default();
        list.arrived(1, start);
        assert_eq!(list.arrived(1 + NACK_GAP + 2, start), Arrival::Outage);
        assert_eq!(list.next(), None);
        for number in 0..10_000 {
            list.arrived(1000 + number * 3, start);
        }
        assert!(list.missing.len() <= MISSING_PACKETS);
    }
}
