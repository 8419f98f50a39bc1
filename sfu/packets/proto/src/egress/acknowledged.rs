//! A subscriber that tells of packets by SSRC and sequence number (RFC 8888) instead of by
//! transport-wide numbers: which packet is which in our own count of what it was sent.
//!
//! The count is that of transport-wide numbers, only that it is not on the wire; the estimator
//! knows no difference. Nobody pays for it who has the extension.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::handover::Acknowledgements;
use crate::rtcp::Acknowledgement;

/// As many as the estimator remembers.
const MOST: usize = 4096;

#[derive(Debug, Default)]
pub(crate) struct Acknowledged {
    numbers: FxHashMap<(u32, u16), u64>,
    /// The same, oldest first.
    sent: VecDeque<(u32, u16, u64)>,
    /// The last report's timestamp, and what it is on a clock that does not wrap.
    reported: Option<(u32, i64)>,
}

impl Acknowledged {
    pub(super) fn sent(&mut self, ssrc: u32, sequence: u16, number: u64) {
        if self.sent.len() == MOST
            && let Some((ssrc, sequence, oldest)) = self.sent.pop_front()
            && self.numbers.get(&(ssrc, sequence)) == Some(&oldest)
        {
            self.numbers.remove(&(ssrc, sequence));
        }
        self.sent.push_back((ssrc, sequence, number));
        self.numbers.insert((ssrc, sequence), number);
    }

    /// What is told by our count, rising; of what was never sent nothing is told. Arrivals are µs of the
    /// subscriber's clock.
    pub(super) fn told(&mut self, told: &Acknowledgements) -> Vec<(u16, Option<i64>)> {
        let reported_us = self.report_time_us(told.timestamp);
        let known = told.packets.iter().filter_map(|&(ssrc, sequence, fate)| {
            let number = *self.numbers.get(&(ssrc, sequence))?;
            let time_us = match fate {
                Acknowledgement::Lost => None,
                // RFC 8888 §3.1: in 1/1024 s.
                Acknowledgement::Received(ago) => {
                    Some(reported_us - i64::from(ago) * 1_000_000 / 1024)
                }
                // It was not lost, and says nothing of a queue.
                Acknowledgement::ReceivedSometime => return None,
            };
            Some((number, time_us))
        });
        let mut known: Vec<_> = known.collect();
        known.sort_unstable_by_key(|&(number, _)| number);
        let told = known.into_iter();
        told.map(|(number, time_us)| (number as u16, time_us))
            .collect()
    }

    /// Timestamps are 16.16 seconds, and wrap each 18 hours.
    fn report_time_us(&mut self, timestamp: u32) -> i64 {
        let (last, last_us) = *self.reported.get_or_insert((timestamp, 0));
        let elapsed = i64::from(timestamp.wrapping_sub(last) as i32);
        let time_us = last_us + ((elapsed * 1_000_000) >> 16);
        self.reported = Some((timestamp, time_us));
        time_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Acknowledgement::{Lost, Received, ReceivedSometime};

    fn told(timestamp: u32, packets: &[(u32, u16, Acknowledgement)]) -> Acknowledgements {
        Acknowledgements {
            timestamp,
            packets: packets.to_vec(),
        }
    }

    #[test]
    fn streams_are_told_of_in_the_order_in_which_they_were_sent() {
        let mut acknowledged = Acknowledged::default();
        let sent = [(7, 65_535), (9, 3), (7, 0), (9, 4)];
        for (number, (ssrc, sequence)) in (70_000..).zip(sent) {
            acknowledged.sent(ssrc, sequence, number);
        }
        let report = [
            (7, 65_535, Received(1024)),
            (7, 0, Lost),
            (7, 1, Received(0)),
            (9, 3, Received(512)),
            (9, 4, ReceivedSometime),
        ];
        let base = 70_000u64 as u16;
        let expected = [
            (base, Some(-1_000_000)),
            (base + 1, Some(-500_000)),
            (base + 2, None),
        ];
        assert_eq!(
            acknowledged.told(&told(u32::MAX - 0x7fff, &report)),
            expected
        );
        let next = acknowledged.told(&told(0x8000, &[(9, 4, Received(0))]));
        assert_eq!(next, [(base + 3, Some(1_000_000))], "over the wrap");
    }

    #[test]
    fn it_remembers_so_many_and_the_last_of_one_number() {
        let mut acknowledged = Acknowledged::default();
        acknowledged.sent(7, 1, 0);
        acknowledged.sent(7, 1, 1);
        for number in 2..3 * MOST as u64 {
            let sequence = number as u16;
            acknowledged.sent(8, sequence, number);
            assert!(acknowledged.numbers.len() <= MOST);
            let first = acknowledged.told(&told(0, &[(7, 1, Lost)]));
            let is_kept = number <= MOST as u64;
            assert_eq!(first, Vec::from_iter(is_kept.then_some((1, None))));
        }
    }
}
