//! How often one packet may be sent again to one subscriber.

use std::time::Duration;

use crate::limits::{CACHE_PACKETS, DEFAULT_ROUND_TRIP, NACK_SPACING, NACK_TRIES};

pub(crate) fn round_trip_or_default(measured: Option<Duration>) -> Duration {
    measured.unwrap_or(DEFAULT_ROUND_TRIP)
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
pub(crate) struct Retransmissions(Vec<Option<Sent>>);

impl Retransmissions {
    /// True: may be sent (and is counted as sent).
    pub(crate) fn allow(&mut self, sequence: i64, now_ms: u64, round_trip: Duration) -> bool {
        if self.0.is_empty() {
            self.0.resize(CACHE_PACKETS, None);
        }
        let place = &mut self.0[sequence.rem_euclid(CACHE_PACKETS as i64) as usize];
        let tries = match place {
            Some(sent) if sent.sequence == sequence => {
                let spacing = round_trip.max(NACK_SPACING).as_millis() as u64;
                let is_too_soon = now_ms < sent.at_ms + spacing;
                if is_too_soon || sent.tries == NACK_TRIES {
                    return false;
                }
                sent.tries + 1
            }
            _ => 1,
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
        if self.0.iter().all(is_old) {
            self.0 = Vec::new();
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
    fn memory_is_given_back() {
        let mut sent = Retransmissions::default();
        sent.allow(7, 0, Duration::ZERO);
        sent.forget(5_000);
        assert!(!sent.0.is_empty());
        sent.forget(10_001);
        assert!(sent.0.is_empty());
    }
}
