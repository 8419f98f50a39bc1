//! How often one packet may be sent again to one subscriber, and how much in all.

use std::time::Duration;

use crate::limits::{
    CACHE_PACKETS, DEFAULT_ROUND_TRIP, NACK_SPACING, NACK_TRIES, RESENT_BURST, RESENT_PERCENT,
};

pub(crate) fn round_trip_or_default(measured: Option<Duration>) -> Duration {
    measured.unwrap_or(DEFAULT_ROUND_TRIP)
}

/// What one subscriber may still have sent again, over all its slots. It grows with what is
/// sent, so that whoever NACKs everything gets a fixed share more, not ten times as much.
#[derive(Debug)]
pub(crate) struct Budget {
    /// In hundredths of a byte: the share of one byte is no whole one.
    left: u64,
    full: u64,
}

impl Budget {
    const FULL: u64 = RESENT_BURST * 100;
    /// Some packets, however narrow the way.
    const LEAST: u64 = 5 * 1200 * 100;

    pub(crate) fn new() -> Self {
        let full = Self::FULL;
        Self { left: full, full }
    }

    /// A way that carries so much takes no more at once than its share of a second.
    pub(crate) fn limit(&mut self, available_bps: Option<u64>) {
        let share = available_bps.map(|bps| bps / 8 * RESENT_PERCENT);
        self.full = share.map_or(Self::FULL, |share| share.clamp(Self::LEAST, Self::FULL));
        self.left = self.left.min(self.full);
    }

    /// Media went out for the first time.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.left = (self.left + bytes as u64 * RESENT_PERCENT).min(self.full);
    }

    /// True: the packet may be sent again (and is paid for).
    pub(crate) fn spend(&mut self, bytes: usize) -> bool {
        let left = self.left.checked_sub(bytes as u64 * 100);
        self.left = left.unwrap_or(self.left);
        left.is_some()
    }
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    sequence: i64,
    at_ms: u64,
    tries: u8,
}

/// What was sent again lately, by number modulo the size of the store: two numbers that
/// share a place are never in the store together. Made at the first NACK only.
#[derive(Debug, Default)]
pub(crate) struct Retransmissions {
    places: Vec<Option<Sent>>,
    /// Packets that were sent again, once each.
    pub(crate) packets: u64,
}

impl Retransmissions {
    /// True: may be sent (and is counted as sent).
    pub(crate) fn allow(&mut self, sequence: i64, now_ms: u64, round_trip: Duration) -> bool {
        if self.places.is_empty() {
            self.places.resize(CACHE_PACKETS, None);
        }
        let place = &mut self.places[sequence.rem_euclid(CACHE_PACKETS as i64) as usize];
        let tries = match place {
            Some(sent) if sent.sequence == sequence => {
                let spacing = round_trip.max(NACK_SPACING).as_millis() as u64;
                let is_too_soon = now_ms < sent.at_ms + spacing;
                if is_too_soon || sent.tries == NACK_TRIES {
                    return false;
                }
                sent.tries + 1
            }
            _ => {
                self.packets += 1;
                1
            }
        };
        *place = Some(Sent {
            sequence,
            at_ms: now_ms,
            tries,
        });
        true
    }

    /// Nobody asks for what is a second old: give the memory back.
    pub(crate) fn forget(&mut self, now_ms: u64) {
        let is_old = |sent: &Option<Sent>| sent.is_none_or(|sent| sent.at_ms + 10_000 < now_ms);
        if self.places.iter().all(is_old) {
            self.places = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_tries_a_round_trip_apart() {
        let mut sent = Retransmissions::default();
        let round_trip = Duration::from_millis(50);
        let answered = (0..2000)
            .filter(|&ms| sent.allow(7, ms, round_trip))
            .count();
        assert_eq!(answered, usize::from(NACK_TRIES));
        assert!(sent.allow(8, 0, round_trip));
        assert!(!sent.allow(8, 49, round_trip));
        assert!(sent.allow(8, 50, round_trip));
    }

    /// Whoever reports no delay at all would else get the whole store ten times for one datagram.
    #[test]
    fn a_round_trip_of_nothing_is_not_believed() {
        let mut sent = Retransmissions::default();
        let answered = |sent: &mut Retransmissions, ms| {
            (0..10)
                .filter(|_| sent.allow(7, ms, Duration::ZERO))
                .count()
        };
        assert_eq!(answered(&mut sent, 0), 1);
        assert_eq!(answered(&mut sent, 19), 0);
        assert_eq!(answered(&mut sent, 20), 1);
    }

    #[test]
    fn a_burst_is_repaired_whole_and_then_the_share_holds() {
        let mut budget = Budget::new();
        let mut resent = 0;
        while budget.spend(1000) {
            resent += 1000;
        }
        assert!((RESENT_BURST - 1000..=RESENT_BURST).contains(&resent));
        let resent = (0..10_000).filter(|_| {
            budget.sent(1000);
            budget.spend(1000)
        });
        assert!((1499..=1501).contains(&resent.count()));
    }

    #[test]
    fn memory_is_given_back() {
        let mut sent = Retransmissions::default();
        sent.allow(7, 0, Duration::ZERO);
        sent.forget(5_000);
        assert!(!sent.places.is_empty());
        sent.forget(10_001);
        assert!(sent.places.is_empty());
        assert_eq!(sent.packets, 1);
    }
}
