//! Transport-wide feedback: which of the numbered packets came, and when.

use sfu_proto::rtcp::write_transport_feedback;
use sfu_proto::rtp::extend_sequence;

use crate::time::{MICROSECOND, MILLISECOND, NEVER, Nanos};

/// Browsers wait 50 to 250 ms, by bitrate; Pion, in whose clients servers are mostly measured,
/// 100 ms.
const INTERVAL: Nanos = 100 * MILLISECOND;
/// A hole this large is another stream's numbers, or a restart.
const LARGEST_HOLE: i64 = 1000;

#[derive(Debug)]
pub(super) struct ArrivalLog {
    /// Number of the first entry; the entries before it have been told.
    base: i64,
    arrivals: Vec<Option<i64>>,
    media_ssrc: u32,
    feedbacks: u8,
    next_at: Nanos,
}

impl Default for ArrivalLog {
    fn default() -> Self {
        Self {
            base: -1,
            arrivals: Vec::new(),
            media_ssrc: 0,
            feedbacks: 0,
            next_at: NEVER,
        }
    }
}

impl ArrivalLog {
    pub(super) fn next_feedback_at(&self) -> Nanos {
        self.next_at
    }

    pub(super) fn note(&mut self, now: Nanos, came_at: Nanos, number: u16, media_ssrc: u32) {
        if self.base < 0 {
            self.base = i64::from(number);
        }
        let next = self.base + self.arrivals.len() as i64;
        let number = extend_sequence(next, number);
        if number - next > LARGEST_HOLE {
            self.base = number;
            self.arrivals.clear();
        }
        // What comes behind the last feedback was told as missing.
        let Ok(index) = usize::try_from(number - self.base) else {
            return;
        };
        if index >= self.arrivals.len() {
            self.arrivals.resize(index + 1, None);
        }
        self.arrivals[index] = Some((came_at / MICROSECOND) as i64);
        self.media_ssrc = media_ssrc;
        self.next_at = self.next_at.min(now + INTERVAL);
    }

    /// Appends one packet with all that came since the last.
    pub(super) fn write(&mut self, out: &mut Vec<u8>, sender_ssrc: u32) {
        // What does not fit would be late for any estimate.
        write_transport_feedback(
            out,
            (sender_ssrc, self.media_ssrc),
            self.base as u16,
            self.feedbacks,
            &self.arrivals,
        );
        self.feedbacks = self.feedbacks.wrapping_add(1);
        self.base += self.arrivals.len() as i64;
        self.arrivals.clear();
        self.next_at = NEVER;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sfu_proto::rtcp::{Packet, packets};

    fn written(log: &mut ArrivalLog) -> (u16, Vec<Option<i64>>) {
        let mut out = Vec::new();
        log.write(&mut out, 1);
        match packets(&out).next() {
            Some(Ok(Packet::TransportFeedback(feedback))) => (
                feedback.base_sequence,
                feedback.arrivals().expect("well-formed"),
            ),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn tells_what_came_and_what_did_not() {
        let mut log = ArrivalLog::default();
        assert_eq!(log.next_feedback_at(), NEVER);
        for number in [65_534, 65_535, 1] {
            log.note(SECOND, SECOND, number, 9);
        }
        assert_eq!(log.next_feedback_at(), SECOND + INTERVAL);
        let (base, arrivals) = written(&mut log);
        assert_eq!(base, 65_534);
        let came = Some((SECOND / MICROSECOND) as i64);
        assert_eq!(arrivals, [came, came, None, came]);
        log.note(2 * SECOND, 2 * SECOND, 0, 9);
        assert_eq!(log.next_feedback_at(), NEVER, "told as missing already");
        log.note(2 * SECOND, 2 * SECOND, 2, 9);
        assert_eq!(written(&mut log).0, 2);
    }

    const SECOND: Nanos = 1_000_000_000;
}
