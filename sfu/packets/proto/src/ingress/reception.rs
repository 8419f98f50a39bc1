//! Which packets of one stream came, by themselves or by repair (RFC 3550 A.3).
//!
//! `expected`, `received` and `present` never fall, so that whoever looks twice can tell what was
//! lost between, before repair and after.

use std::time::{Duration, Instant};

use crate::clock::{duration_to_16_16, ntp_middle};
use crate::rtcp::ReportBlock;

/// Numbers behind the highest in which duplicates are told.
const WINDOW: i64 = 1024;

#[derive(Debug, Default)]
pub(crate) struct Reception {
    first: Option<i64>,
    highest: i64,
    /// Before the stream's numbers began anew.
    expected_before: u64,
    /// By themselves.
    received: u64,
    /// In whatever way.
    present: u64,
    reordered: u64,
    expected_prior: u64,
    received_prior: u64,
    report: Option<(u64, Instant)>,
    seen: Seen,
}

impl Reception {
    /// A packet of the stream itself. False: it is here already, or too old to tell.
    pub(crate) fn take(&mut self, number: i64) -> bool {
        self.expect(number);
        self.is_new(number)
    }

    /// Counts a packet that came by itself, not by retransmission.
    pub(crate) fn count(&mut self, number: i64) {
        self.received += 1;
        self.reordered += u64::from(number < self.highest);
    }

    /// It was sent, whether it came or not.
    fn expect(&mut self, number: i64) {
        let first = self.first.get_or_insert(number);
        *first = number.min(*first);
        self.highest = self.highest.max(number);
    }

    /// False: it is here already, or too old to tell.
    pub(crate) fn is_new(&mut self, number: i64) -> bool {
        let is_new = self.seen.insert(number);
        self.present += u64::from(is_new && self.is_counted(number));
        is_new
    }

    /// From the first packet on. What is brought back from before it was not missed.
    pub(crate) fn is_counted(&self, number: i64) -> bool {
        self.first.is_some_and(|first| number >= first)
    }

    pub(crate) fn highest(&self) -> Option<i64> {
        self.first.map(|_| self.highest)
    }

    pub(crate) fn expected(&self) -> u64 {
        let now = self.first.map_or(0, |first| self.highest - first + 1);
        self.expected_before + now as u64
    }

    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    pub(crate) fn reordered(&self) -> u64 {
        self.reordered
    }

    pub(crate) fn lost(&self) -> i64 {
        self.expected() as i64 - self.received as i64
    }

    pub(crate) fn lost_after_repair(&self) -> u64 {
        self.expected().saturating_sub(self.present)
    }

    /// Other numbers follow; what was counted stays.
    pub(crate) fn begin_anew(&mut self) {
        *self = Self {
            expected_before: self.expected(),
            received: self.received,
            present: self.present,
            reordered: self.reordered,
            expected_prior: self.expected_prior,
            received_prior: self.received_prior,
            ..Self::default()
        };
    }

    pub(crate) fn sender_report(&mut self, ntp: u64, now: Instant) {
        self.report = Some((ntp, now));
    }

    /// The block since the last one. `jitter` in units of the clock rate.
    pub(crate) fn report_block(&mut self, ssrc: u32, jitter: u32, now: Instant) -> ReportBlock {
        let expected = (self.expected() - self.expected_prior) as i64;
        let lost = expected - (self.received - self.received_prior) as i64;
        self.expected_prior = self.expected();
        self.received_prior = self.received;
        let fraction = if expected > 0 && lost > 0 {
            (lost << 8) / expected
        } else {
            0
        };
        let (last, delay) = self.report.map_or((0, 0), |(ntp, at)| {
            let delay = now.saturating_duration_since(at);
            (
                ntp_middle(ntp),
                duration_to_16_16(delay.min(Duration::from_secs(3600))),
            )
        });
        ReportBlock {
            ssrc,
            fraction_lost: fraction.min(255) as u8,
            lost: self.lost().clamp(-0x80_0000, 0x7f_ffff) as i32,
            highest_sequence: self.highest as u32,
            jitter,
            last_sender_report: last,
            delay_since: delay,
        }
    }
}

/// A bitmap over the last [`WINDOW`] numbers.
#[derive(Debug, Default)]
struct Seen {
    highest: Option<i64>,
    bits: [u64; (WINDOW / 64) as usize],
}

impl Seen {
    fn insert(&mut self, number: i64) -> bool {
        let highest = *self.highest.get_or_insert(number);
        if number <= highest - WINDOW {
            return false;
        }
        if number > highest {
            self.forget(highest + 1, number);
            self.highest = Some(number);
        }
        let (word, bit) = Self::place(number);
        let is_new = self.bits[word] & bit == 0;
        self.bits[word] |= bit;
        is_new
    }

    fn forget(&mut self, from: i64, to: i64) {
        if to - from >= WINDOW {
            self.bits = Default::default();
            return;
        }
        for number in from..=to {
            let (word, bit) = Self::place(number);
            self.bits[word] &= !bit;
        }
    }

    fn place(number: i64) -> (usize, u64) {
        let index = number.rem_euclid(WINDOW);
        ((index / 64) as usize, 1 << (index % 64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn come(reception: &mut Reception, number: i64) -> bool {
        let is_new = reception.take(number);
        reception.count(number);
        is_new
    }

    #[test]
    fn loss_is_counted_as_rfc_3550_a3() {
        let now = Instant::now();
        let mut reception = Reception::default();
        for number in (65530..65550).filter(|number| number % 4 != 1) {
            come(&mut reception, number);
        }
        let block = reception.report_block(1, 0, now);
        assert_eq!((block.lost, block.highest_sequence), (4, 65548));
        assert_eq!(block.fraction_lost, (4 * 256 / 19) as u8);
        come(&mut reception, 65549);
        let block = reception.report_block(1, 0, now);
        assert_eq!((block.lost, block.fraction_lost), (4, 0));
    }

    #[test]
    fn loss_before_and_after_repair_are_told_apart() {
        let mut reception = Reception::default();
        for number in (10..110).filter(|number| number % 10 != 5) {
            assert!(come(&mut reception, number));
        }
        assert_eq!((reception.expected(), reception.lost()), (100, 10));
        assert_eq!(reception.lost_after_repair(), 10);
        for repaired in [15, 25, 35] {
            assert!(reception.is_new(repaired));
        }
        assert!(
            reception.is_new(3),
            "nobody missed what was before the first"
        );
        assert_eq!((reception.lost(), reception.lost_after_repair()), (10, 7));
        // What was repaired comes by itself: late, and not lost.
        assert!(!come(&mut reception, 25));
        assert_eq!((reception.lost(), reception.lost_after_repair()), (9, 7));
        assert_eq!(reception.reordered(), 1);
    }

    #[test]
    fn what_was_counted_stays_when_numbers_begin_anew() {
        let mut reception = Reception::default();
        for number in [70_000, 70_001, 70_003] {
            come(&mut reception, number);
        }
        reception.begin_anew();
        for number in 5..9 {
            come(&mut reception, number);
        }
        assert_eq!((reception.expected(), reception.received()), (8, 7));
        assert_eq!((reception.lost(), reception.lost_after_repair()), (1, 1));
    }

    #[test]
    fn duplicates_are_told_within_the_window() {
        let mut reception = Reception::default();
        assert!(reception.is_new(100));
        assert!(!reception.is_new(100));
        assert!(reception.is_new(99));
        assert!(reception.is_new(100 + WINDOW));
        assert!(!reception.is_new(100), "too old to tell");
        assert!(reception.is_new(101 + WINDOW / 2));
    }
}
