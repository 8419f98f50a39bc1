//! The bitrate that a publisher is told it may send (REMB).
//!
//! Without transport-wide feedback: the cap of each video, less where its packets get lost.
//! With it the publisher estimates for itself, and is only told of the ceiling, once it comes
//! near: in its first seconds libwebrtc would take a REMB for an estimate and start that high.

use std::time::{Duration, Instant};

use crate::meter::Meter;

/// Loss below which the rate grows and above which it shrinks, in 1/256: the thresholds of
/// draft-ietf-rmcat-gcc-02 §6.
const LOSS_LOW: u8 = 5;
const LOSS_HIGH: u8 = 26;
const FLOOR_BPS: u64 = 100_000;
/// Until the first report interval is over.
const INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Bandwidth {
    cap_bps: u64,
    allowed_bps: u64,
    received: Meter,
    next: Option<Instant>,
}

impl Bandwidth {
    pub(crate) fn new(cap_bps: u64) -> Self {
        Self {
            cap_bps,
            allowed_bps: cap_bps,
            received: Meter::default(),
            next: None,
        }
    }

    pub(crate) fn received(&mut self, now: Instant, now_ms: u64, bytes: usize) {
        self.received.add(now_ms, bytes);
        // At once, so that the publisher's start is not held back.
        self.next.get_or_insert(now);
    }

    /// The worst loss of the transport's streams in the last interval.
    pub(crate) fn lost(&mut self, fraction_lost: u8, now_ms: u64) {
        if fraction_lost > LOSS_HIGH {
            let kept = 512 - u64::from(fraction_lost);
            let received = self.received.bits_per_second(now_ms);
            self.allowed_bps = (received.max(FLOOR_BPS) * kept / 512).max(FLOOR_BPS);
        } else if fraction_lost < LOSS_LOW {
            self.allowed_bps += self.allowed_bps * 8 / 100;
        }
        self.allowed_bps = self.allowed_bps.min(self.cap_bps);
    }

    /// Whether the ceiling is worth a word to a publisher that estimates for itself.
    pub(crate) fn is_near(&self, ceiling_bps: u64, now_ms: u64) -> bool {
        self.received.bits_per_second(now_ms) > ceiling_bps / 4 * 3
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// The bitrate to tell, when one is due.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<u64> {
        if self.next? > now {
            return None;
        }
        self.next = Some(now + INTERVAL);
        Some(self.allowed_bps)
    }

    /// No packets: nothing to tell.
    pub(crate) fn rest(&mut self) {
        self.next = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_cap_at_once_and_less_under_loss() {
        let start = Instant::now();
        let mut bandwidth = Bandwidth::new(5_000_000);
        assert_eq!(bandwidth.take_due(start), None);
        for ms in 0..1000 {
            bandwidth.received(start, ms, 250);
        }
        assert_eq!(bandwidth.take_due(start), Some(5_000_000));
        assert_eq!(bandwidth.take_due(start), None);
        bandwidth.lost(51, 1000);
        let told = bandwidth.take_due(start + INTERVAL).expect("due");
        assert!((1_700_000..1_900_000).contains(&told), "{told}");
        for _ in 0..100 {
            bandwidth.lost(0, 1000);
        }
        assert_eq!(bandwidth.take_due(start + INTERVAL * 2), Some(5_000_000));
    }
}
