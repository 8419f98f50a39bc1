//! Reception statistics of one stream (RFC 3550 A.3, A.8), and which packets it brought.

use std::time::{Duration, Instant};

use crate::clock::{duration_to_16_16, ntp_middle};
use crate::rtcp::ReportBlock;

/// Numbers behind the highest in which duplicates are told.
const WINDOW: i64 = 1024;

#[derive(Debug, Default)]
pub(crate) struct Reception {
    first: Option<i64>,
    highest: i64,
    received: u64,
    expected_prior: i64,
    received_prior: u64,
    /// In sixteenths of a timestamp unit (RFC 3550 A.8).
    jitter_16: i64,
    transit: Option<i64>,
    report: Option<(u64, Instant)>,
    seen: Seen,
}

impl Reception {
    /// Counts a packet that came on the stream itself, not by retransmission.
    pub(crate) fn count(&mut self, number: i64) {
        self.first = Some(self.first.map_or(number, |first| first.min(number)));
        self.highest = self.highest.max(number);
        self.received += 1;
    }

    /// `arrival_us` on our clock.
    pub(crate) fn measure_jitter(&mut self, timestamp: u32, arrival_us: i64, clock_rate: u32) {
        let arrival = (i128::from(arrival_us) * i128::from(clock_rate) / 1_000_000) as u32;
        let transit = i64::from(arrival.wrapping_sub(timestamp) as i32);
        if let Some(previous) = self.transit.replace(transit) {
            let difference = i64::from((transit as i32).wrapping_sub(previous as i32)).abs();
            self.jitter_16 += difference - ((self.jitter_16 + 8) >> 4);
        }
    }

    /// False: it is here already, or too old to tell.
    pub(crate) fn is_new(&mut self, number: i64) -> bool {
        self.seen.insert(number)
    }

    pub(crate) fn highest(&self) -> Option<i64> {
        self.first.map(|_| self.highest)
    }

    pub(crate) fn lost(&self) -> i64 {
        self.expected() - self.received as i64
    }

    pub(crate) fn jitter(&self, clock_rate: u32) -> Duration {
        let units = (self.jitter_16 >> 4).max(0) as f64;
        Duration::from_secs_f64(units / f64::from(clock_rate.max(1)))
    }

    pub(crate) fn sender_report(&mut self, ntp: u64, now: Instant) {
        self.report = Some((ntp, now));
    }

    fn expected(&self) -> i64 {
        self.first.map_or(0, |first| self.highest - first + 1)
    }

    /// The block since the last one.
    pub(crate) fn report_block(&mut self, ssrc: u32, now: Instant) -> ReportBlock {
        let expected = self.expected() - self.expected_prior;
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
            jitter: (self.jitter_16 >> 4) as u32,
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

    #[test]
    fn loss_is_counted_as_rfc_3550_a3() {
        let now = Instant::now();
        let mut reception = Reception::default();
        for number in (65530..65550).filter(|number| number % 4 != 1) {
            reception.count(number);
        }
        let block = reception.report_block(1, now);
        assert_eq!((block.lost, block.highest_sequence), (4, 65548));
        assert_eq!(block.fraction_lost, (4 * 256 / 19) as u8);
        reception.count(65549);
        let block = reception.report_block(1, now);
        assert_eq!((block.lost, block.fraction_lost), (4, 0));
    }

    #[test]
    fn even_arrivals_have_no_jitter_and_uneven_ones_have() {
        let mut even = Reception::default();
        let mut uneven = Reception::default();
        for packet in 0..100u32 {
            let arrival = i64::from(packet) * 20_000;
            even.measure_jitter(packet * 960, arrival, 48_000);
            uneven.measure_jitter(
                packet * 960,
                arrival + i64::from(packet % 2) * 5_000,
                48_000,
            );
        }
        assert_eq!(even.jitter(48_000), Duration::ZERO);
        let jitter = uneven.jitter(48_000).as_secs_f64();
        assert!((0.004..0.0055).contains(&jitter), "{jitter}");
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
