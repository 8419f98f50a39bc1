//! Which transport-wide numbers arrived when, reported in short intervals.

use std::collections::VecDeque;
use std::time::Instant;

use crate::limits::{TRANSPORT_FEEDBACK_INTERVAL, TRANSPORT_FEEDBACK_PACKETS};
use crate::rtcp::write_transport_feedback;
use crate::rtp::extend_sequence;

#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    /// Number of the first entry of `window`.
    base: i64,
    /// Arrival in µs, or missing so far; the first and the last are never missing.
    window: VecDeque<Option<i64>>,
    next: Option<Instant>,
    feedback_count: u8,
    has_started: bool,
}

impl Arrivals {
    pub(crate) fn record(&mut self, number: u16, arrival_us: i64, now: Instant) {
        let end = self.base + self.window.len() as i64;
        let number = match self.has_started {
            true => extend_sequence((end - 1).max(0), number),
            // Off zero, so that a first reordered packet stays positive.
            false => i64::from(number) + 0x1_0000,
        };
        self.has_started = true;
        if self.window.is_empty() {
            if number < self.base {
                return;
            }
            self.base = number;
        }
        if number < self.base || number >= self.base + TRANSPORT_FEEDBACK_PACKETS as i64 {
            return self.restart(number, arrival_us, now);
        }
        let index = (number - self.base) as usize;
        if index >= self.window.len() {
            self.window.resize(index + 1, None);
        }
        self.window[index].get_or_insert(arrival_us);
        self.next.get_or_insert(now + TRANSPORT_FEEDBACK_INTERVAL);
    }

    /// Out of the window: an old packet was reported lost already; a far one begins anew.
    fn restart(&mut self, number: i64, arrival_us: i64, now: Instant) {
        if number < self.base {
            return;
        }
        self.window.clear();
        self.base = number;
        self.window.push_back(Some(arrival_us));
        self.next.get_or_insert(now + TRANSPORT_FEEDBACK_INTERVAL);
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Appends feedback for all that arrived since the last.
    pub(crate) fn report(&mut self, now: Instant, ssrcs: (u32, u32), out: &mut Vec<u8>) {
        if self.next.is_none_or(|next| next > now) {
            return;
        }
        self.next = None;
        while !self.window.is_empty() {
            let window = self.window.make_contiguous();
            let count = self.feedback_count;
            let written = write_transport_feedback(out, ssrcs, self.base as u16, count, window);
            self.feedback_count = count.wrapping_add(1);
            // What follows a gap too long for a delta begins its own feedback.
            self.drop_front(written.max(1));
        }
    }

    fn drop_front(&mut self, count: usize) {
        self.window.drain(..count.min(self.window.len()));
        self.base += count as i64;
        while self.window.front().is_some_and(Option::is_none) {
            self.window.pop_front();
            self.base += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtcp::{Packet, packets};

    fn report(arrivals: &mut Arrivals, now: Instant) -> Vec<(u16, Vec<Option<i64>>)> {
        let mut out = Vec::new();
        arrivals.report(now + TRANSPORT_FEEDBACK_INTERVAL, (1, 2), &mut out);
        packets(&out)
            .map(|packet| match packet {
                Ok(Packet::TransportFeedback(feedback)) => (
                    feedback.base_sequence,
                    feedback.arrivals().expect("well-formed"),
                ),
                other => panic!("not feedback: {other:?}"),
            })
            .collect()
    }

    #[test]
    fn reports_every_number_once_across_the_wrap() {
        let now = Instant::now();
        let mut arrivals = Arrivals::default();
        for (number, at) in [(65534, 0), (0, 2000), (65535, 2500), (2, 5000)] {
            arrivals.record(number, at, now);
        }
        let expected = vec![Some(0), Some(2500), Some(2000), None, Some(5000)];
        assert_eq!(report(&mut arrivals, now), [(65534, expected)]);
        arrivals.record(1, 6000, now);
        assert_eq!(report(&mut arrivals, now), [], "was reported lost");
        arrivals.record(3, 7000, now);
        assert_eq!(report(&mut arrivals, now), [(3, vec![Some(7000)])]);
    }

    #[test]
    fn a_jump_of_numbers_is_bounded() {
        let now = Instant::now();
        let mut arrivals = Arrivals::default();
        for jump in 0..100u16 {
            arrivals.record(jump.wrapping_mul(20_000), 0, now);
            assert!(arrivals.window.len() <= TRANSPORT_FEEDBACK_PACKETS);
        }
    }
}
