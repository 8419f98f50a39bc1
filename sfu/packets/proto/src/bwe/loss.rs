//! What losses say: a cap where they show congestion that no delay shows (policers, queues of
//! a few packets), and nothing where they are the link's own.
//!
//! Random loss is the same at any rate; congestion's follows the rate. So a loss that comes with
//! a higher rate, or takes a third of everything, is answered by a trial: down to what arrives.
//! Where that does not help the loss is inherent, and the cap goes (the idea of libwebrtc's
//! `loss_based_bwe_v2.cc`, whose inherent loss is found by likelihood; here by experiment).

/// A judgement is on so many packets and so much time at least: of 40 packets a 10 % loss is
/// within 1-19 % in 19 of 20 cases, so that [`noise`] must be counted in.
const WINDOW_PACKETS: u32 = 40;
const WINDOW_US: i64 = 500_000;
/// A window that audio alone fills slowly ends here, with what it has.
const LONGEST_US: i64 = 2_000_000;
const FEWEST_PACKETS: u32 = 10;
/// Below this, losses count as none (draft-ietf-rmcat-gcc-02 §6: under 2 % is free to grow).
const FREE: f64 = 0.03;
/// More than any link loses by itself and is still used (RFC 8836 §2 knows no such case).
const HEAVY: f64 = 0.35;
/// A higher rate: by so much.
const HIGHER: f64 = 1.1;
/// The trial has not helped where so much of the loss is still there.
const UNHELPED: f64 = 0.6;
/// How a cap rises while losses are as usual (draft-ietf-rmcat-gcc-02 §5.5, eta).
const RISE: f64 = 1.08;
/// How fast the inherent loss follows a calm window.
const FOLLOW: f64 = 0.3;

#[derive(Clone, Copy, Debug)]
struct Trial {
    at_us: i64,
    loss: f64,
}

#[derive(Debug, Default)]
pub(super) struct Loss {
    since_us: Option<i64>,
    received: u32,
    lost: u32,
    /// Of the last window.
    ratio: f64,
    inherent: f64,
    /// The highest rate that had no more than the inherent loss.
    calm_bps: Option<f64>,
    heavy_windows: u8,
    trial: Option<Trial>,
    cap_bps: Option<f64>,
}

impl Loss {
    pub(super) fn received(&mut self, was_lost: bool) {
        self.received += 1;
        if was_lost {
            self.lost = self.lost.saturating_sub(1);
        }
    }

    pub(super) fn lost(&mut self) {
        self.lost += 1;
    }

    pub(super) fn ratio(&self) -> f64 {
        self.ratio
    }

    /// Above what the link loses by itself.
    pub(super) fn has_excess(&self) -> bool {
        self.ratio > self.inherent + FREE
    }

    pub(super) fn cap_bps(&self) -> Option<f64> {
        self.cap_bps
    }

    /// A probe went through at this rate.
    pub(super) fn raise(&mut self, bps: f64) {
        self.cap_bps = self.cap_bps.filter(|&cap| cap > bps);
    }

    pub(super) fn update(
        &mut self,
        now_us: i64,
        sent_bps: f64,
        acknowledged_bps: f64,
        round_trip_us: i64,
    ) {
        let since = *self.since_us.get_or_insert(now_us);
        let passed = now_us - since;
        let count = self.received + self.lost;
        let is_whole = passed >= WINDOW_US && count >= WINDOW_PACKETS;
        if !is_whole && (passed < LONGEST_US || count < FEWEST_PACKETS) {
            return;
        }
        self.ratio = f64::from(self.lost) / f64::from(count);
        (self.received, self.lost) = (0, 0);
        self.since_us = Some(now_us);
        // After an outage nothing has arrived lately; of what is sent now the rest will.
        let arrives_bps = acknowledged_bps.max(sent_bps * (1.0 - self.ratio));
        if self.ratio <= self.inherent + FREE + noise(self.ratio, count) {
            self.calm(sent_bps, passed as f64 / 1e6);
        } else if let Some(trial) = self.trial {
            self.weigh(now_us, trial, arrives_bps, round_trip_us);
        } else {
            self.doubt(now_us, sent_bps, arrives_bps);
        }
    }

    fn calm(&mut self, sent_bps: f64, passed_s: f64) {
        self.inherent += (self.ratio - self.inherent) * FOLLOW;
        self.calm_bps = Some(sent_bps);
        self.heavy_windows = 0;
        self.trial = None;
        let cap = self.cap_bps.map(|cap| cap * RISE.powf(passed_s));
        self.cap_bps = cap.filter(|&cap| cap < sent_bps * 2.0);
    }

    fn doubt(&mut self, now_us: i64, sent_bps: f64, arrives_bps: f64) {
        let is_heavy = self.ratio > HEAVY;
        self.heavy_windows = match is_heavy {
            true => self.heavy_windows.saturating_add(1),
            false => 0,
        };
        let is_higher = self.calm_bps.is_some_and(|calm| sent_bps > calm * HIGHER);
        if self.heavy_windows >= 2 || is_higher {
            self.begin_trial(now_us, arrives_bps);
        } else if !is_heavy {
            self.inherent += (self.ratio - self.inherent) * 0.5;
        }
    }

    /// Down to what arrives.
    fn begin_trial(&mut self, now_us: i64, arrives_bps: f64) {
        self.trial = Some(Trial {
            at_us: now_us,
            loss: self.ratio,
        });
        self.cap_bps = Some(arrives_bps);
    }

    /// The loss goes on: has the trial helped?
    fn weigh(&mut self, now_us: i64, trial: Trial, arrives_bps: f64, round_trip_us: i64) {
        if now_us < trial.at_us + round_trip_us + WINDOW_US {
            return;
        }
        if self.ratio > trial.loss * UNHELPED {
            self.inherent = self.ratio;
            self.cap_bps = None;
            self.trial = None;
        } else {
            self.begin_trial(now_us, arrives_bps);
        }
    }
}

/// Two standard deviations of a share seen on so many packets.
fn noise(ratio: f64, count: u32) -> f64 {
    2.0 * (ratio * (1.0 - ratio) / f64::from(count.max(1))).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 0.6 s in which nothing arrived: the window of what did is empty when it is told.
    #[test]
    fn a_trial_after_an_outage_does_not_begin_at_the_floor() {
        let mut loss = Loss::default();
        for window in 0..4 {
            (0..60).for_each(|_| loss.received(false));
            loss.update(window * WINDOW_US, 800_000.0, 800_000.0, 100_000);
        }
        (0..10).for_each(|_| loss.received(false));
        (0..50).for_each(|_| loss.lost());
        loss.update(4 * WINDOW_US, 1_000_000.0, 0.0, 100_000);
        let cap_bps = loss.cap_bps().expect("a trial, for the rate is higher");
        assert!(cap_bps > 150_000.0 && cap_bps < 200_000.0, "{cap_bps}");
    }
}
