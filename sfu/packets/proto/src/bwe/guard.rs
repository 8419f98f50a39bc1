//! Whether feedback comes at all, and the limit above which no flow may stay (RFC 8083).

/// Nothing heard of what was sent for so long: what leaves is halved, and again each time (the
/// way back may be what is broken, RFC 8083 §4.1). Browsers tell every 50-250 ms; twice their
/// worst pause on a busy machine is waited for, and the goal is 2 s, of which the allocator, the
/// frame that is being sent and a half second's window take the rest.
const SILENCE_US: i64 = 1_300_000;
/// Fewer packets than this need no answer.
const FEWEST: u64 = 10;
/// Late feedback that tells of so many of the packets shows that nothing was wrong.
const TOLD: f64 = 0.8;
/// Else back by doubling each second.
const BACK: f64 = 2.0;

/// RFC 8083 §4.3: ten times what TCP would get, judged over three intervals, here of 1 s.
const TCP_TIMES: f64 = 10.0;
const TCP_INTERVALS: u8 = 3;
const INTERVAL_US: i64 = 1_000_000;
const TCP_PACKET_BITS: f64 = 1200.0 * 8.0;
/// Loss that the breaker looks at; below it TCP's rate is high enough for any call.
const TCP_LOSS: f64 = 0.05;

#[derive(Debug, Default)]
pub(super) struct Guard {
    heard_us: Option<i64>,
    sent: u64,
    /// Something was sent since the last answer.
    awaits: bool,
    received: u64,
    /// While silent, and until it is made up for.
    before_bps: Option<f64>,
    halved_us: i64,
    broken_intervals: u8,
    judged_us: i64,
}

impl Guard {
    pub(super) fn sent(&mut self, now_us: i64, packets: u64) {
        self.heard_us.get_or_insert(now_us);
        self.sent += packets;
        self.awaits = true;
    }

    pub(super) fn is_silent(&self) -> bool {
        self.before_bps.is_some()
    }

    /// When to look again.
    pub(super) fn next_us(&self) -> Option<i64> {
        let since = self.heard_us?.max(self.halved_us);
        (self.awaits && self.sent >= FEWEST).then_some(since + SILENCE_US)
    }

    /// The new target, where nothing was heard for too long. Of who uses most of it, what leaves
    /// is halved: half of a target that is not used up would change little.
    pub(super) fn silence(&mut self, now_us: i64, target: f64, sent_bps: f64) -> Option<f64> {
        if self.next_us().is_none_or(|at| at > now_us) {
            return None;
        }
        self.before_bps.get_or_insert(target);
        self.halved_us = now_us;
        let is_used = sent_bps > target / 2.0;
        let most = if is_used { sent_bps } else { target };
        Some(target.min(most) / 2.0)
    }

    /// Feedback told of packets; what may be returned to, and at once.
    pub(super) fn heard(&mut self, now_us: i64, received: u64, target: f64) -> Option<f64> {
        let passed_us = self.heard_us.map_or(0, |before| now_us - before);
        self.heard_us = Some(now_us);
        self.awaits = false;
        let Some(before) = self.before_bps else {
            self.sent = 0;
            return None;
        };
        self.received += received;
        let is_told = self.received as f64 >= self.sent as f64 * TOLD;
        let passed_s = (passed_us as f64 / 1e6).clamp(0.0, 0.5);
        let next = if is_told {
            before
        } else {
            target * BACK.powf(passed_s)
        };
        if next >= before {
            self.recovered();
        }
        Some(next.min(before))
    }

    /// Nothing to make up for any longer.
    pub(super) fn recovered(&mut self) {
        self.before_bps = None;
        (self.sent, self.received) = (0, 0);
    }

    /// What no flow may exceed on a way that loses so much.
    pub(super) fn breaker(
        &mut self,
        now_us: i64,
        sent_bps: f64,
        loss: f64,
        round_trip_us: i64,
    ) -> Option<f64> {
        if now_us - self.judged_us < INTERVAL_US {
            return None;
        }
        self.judged_us = now_us;
        let most = TCP_TIMES * tcp_bps(loss, round_trip_us);
        if loss < TCP_LOSS || sent_bps <= most {
            self.broken_intervals = 0;
            return None;
        }
        self.broken_intervals = self.broken_intervals.saturating_add(1);
        (self.broken_intervals >= TCP_INTERVALS).then_some(most)
    }
}

/// The simplified throughput equation of RFC 8083 §4.3.
fn tcp_bps(loss: f64, round_trip_us: i64) -> f64 {
    let round_trip_s = round_trip_us.max(1_000) as f64 / 1e6;
    TCP_PACKET_BITS / (round_trip_s * (2.0 * loss / 3.0).sqrt().max(1e-6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_is_halved_and_an_unused_target_is_not_thrown_away() {
        for (sent_bps, next) in [(1e6, 0.5e6), (0.75e6, 0.375e6), (0.4e6, 0.5e6)] {
            let mut guard = Guard::default();
            guard.sent(0, FEWEST);
            assert_eq!(guard.silence(SILENCE_US - 1, 1e6, sent_bps), None);
            assert_eq!(guard.silence(SILENCE_US, 1e6, sent_bps), Some(next));
            assert!(guard.is_silent());
        }
    }
}
