//! The delay-based rate: up while nothing queues, down to what arrives when something does
//! (draft-ietf-rmcat-gcc-02 §5.5, with what probes find as shortcuts).

use super::delay::Usage;

/// A second of increase while the capacity is unknown (draft-ietf-rmcat-gcc-02 §5.5, eta).
const INCREASE: f64 = 1.08;
/// Near a known capacity: a packet of so many bits each response time, which is the round trip
/// and as long as feedback and decision take (same place).
const INCREASE_BITS: f64 = 1200.0 * 8.0;
const RESPONSE_US: i64 = 100_000;
/// No higher than this of what arrives, or an idle hour would make a boundless estimate
/// (libwebrtc `aimd_rate_control.cc`: 1.5 times and 10 kbit/s).
const ABOVE_ACKNOWLEDGED: (f64, f64) = (1.5, 10_000.0);
/// Down to what arrives, less a share that lets the queue run empty in a second: a full queue of
/// 300 ms needs the lower bound, 0.85 (draft-ietf-rmcat-gcc-02 §5.5, beta) is one of 150 ms.
const DECREASE: (f64, f64) = (0.7, 0.92);
/// Where it was once the queue is empty: just under the capacity that over-use has shown.
const REGAIN: f64 = 0.92;
/// Beyond this the known capacity is outdated, below its inverse it is not near.
const NEAR: f64 = 1.1;
/// The queue counts as empty; growth waits for it.
const EMPTY_US: i64 = 25_000;
/// A queue that has shrunk to this share since the last decrease is running empty by itself.
const SHRINKS: f64 = 0.75;
/// After so many decreases that moved nothing the queue is not ours.
const TRIES: u8 = 3;
const UNMOVED: f64 = 0.8;
/// How long a decrease is waited for beyond the round trip: an interval of feedback (50-250 ms
/// in browsers, libwebrtc `remote_estimator_proxy.cc`).
const SETTLE_US: i64 = 150_000;
/// A shorter queue must be there in the next feedback too: a busy receiver's is gone by then.
const CERTAIN_US: i64 = 120_000;
/// No wait for an empty queue is longer.
const LONGEST_HOLD_US: i64 = 3_000_000;

#[derive(Clone, Copy, Debug)]
pub(super) struct Observed {
    pub(super) now_us: i64,
    pub(super) usage: Usage,
    pub(super) standing_us: i64,
    /// What arrives.
    pub(super) acknowledged_bps: f64,
    /// What arrives while a queue is always there: the capacity.
    pub(super) throughput_bps: f64,
    pub(super) has_loss: bool,
    pub(super) round_trip_us: i64,
}

/// From over-use until the queue is empty again.
#[derive(Clone, Copy, Debug)]
struct Squeeze {
    target_before: f64,
    standing_at_first: i64,
    standing_us: i64,
    at_us: i64,
    times: u8,
}

#[derive(Debug)]
pub(super) struct Rate {
    target: f64,
    bounds: (f64, f64),
    capacity: Option<f64>,
    squeeze: Option<Squeeze>,
    updated_us: Option<i64>,
    pub(super) decreased_us: Option<i64>,
}

impl Rate {
    pub(super) fn new(start_bps: f64, bounds: (f64, f64)) -> Self {
        Self {
            target: start_bps,
            bounds,
            capacity: None,
            squeeze: None,
            updated_us: None,
            decreased_us: None,
        }
    }

    pub(super) fn target(&self) -> f64 {
        self.target
    }

    /// No higher for now, for a reason outside.
    pub(super) fn limit(&mut self, bps: f64) {
        self.set(self.target.min(bps));
    }

    /// A probe, or feedback come late, has shown that so much goes through.
    pub(super) fn raise(&mut self, bps: f64) {
        self.set(self.target.max(bps));
        self.capacity = self.capacity.filter(|&capacity| capacity > bps);
    }

    /// Beside flows that fill the queue: no delay counts.
    pub(super) fn share(&mut self, now_us: i64, bps: f64) {
        self.set(bps);
        (self.squeeze, self.capacity) = (None, None);
        self.updated_us = Some(now_us);
        self.decreased_us = Some(now_us);
    }

    fn set(&mut self, bps: f64) {
        self.target = bps.clamp(self.bounds.0, self.bounds.1);
    }

    /// True: the queue is none of ours, and its delay shall count as the way's.
    pub(super) fn update(&mut self, observed: &Observed) -> bool {
        let passed_us = self
            .updated_us
            .replace(observed.now_us)
            .map_or(0, |before| (observed.now_us - before).clamp(0, 1_000_000));
        match observed.usage {
            Usage::Over | Usage::Standing => return self.squeeze(observed),
            Usage::Normal => self.relax(observed, passed_us),
        }
        false
    }

    fn squeeze(&mut self, observed: &Observed) -> bool {
        let Some(squeeze) = self.squeeze else {
            self.squeeze = Some(Squeeze {
                target_before: self.target,
                standing_at_first: observed.standing_us,
                standing_us: observed.standing_us,
                at_us: observed.now_us,
                times: 0,
            });
            if observed.standing_us >= CERTAIN_US || observed.has_loss {
                self.decrease(observed);
            }
            return false;
        };
        let settled = squeeze.at_us + observed.round_trip_us + observed.standing_us + SETTLE_US;
        if observed.now_us < settled {
            // What a queue lets through is the link's rate, not ours: it may be known better now.
            self.decrease(observed);
            return false;
        }
        let before = squeeze.standing_us as f64;
        if (observed.standing_us as f64) < before * SHRINKS {
            self.squeeze = Some(Squeeze {
                standing_us: observed.standing_us,
                at_us: observed.now_us,
                ..squeeze
            });
            return false;
        }
        let unmoved = squeeze.standing_at_first as f64 * UNMOVED;
        let is_unmoved = (unmoved..=squeeze.standing_at_first as f64 / UNMOVED)
            .contains(&(observed.standing_us as f64));
        if squeeze.times >= TRIES && is_unmoved && !observed.has_loss {
            self.squeeze = None;
            self.set(squeeze.target_before * DECREASE.1);
            return true;
        }
        self.squeeze = Some(Squeeze {
            standing_us: observed.standing_us,
            at_us: observed.now_us,
            times: squeeze.times.saturating_add(1),
            ..squeeze
        });
        self.decrease(observed);
        false
    }

    fn decrease(&mut self, observed: &Observed) {
        let standing_s = observed.standing_us as f64 / 1e6;
        let share = (1.0 - standing_s).clamp(DECREASE.0, DECREASE.1);
        let target = observed.throughput_bps * share;
        if target < self.target {
            self.set(target);
            self.capacity = Some(observed.throughput_bps);
            self.decreased_us = Some(observed.now_us);
        }
    }

    fn relax(&mut self, observed: &Observed, passed_us: i64) {
        if observed.standing_us > EMPTY_US {
            let since = self.squeeze.map(|squeeze| squeeze.at_us);
            if since.is_none_or(|at| observed.now_us - at < LONGEST_HOLD_US) {
                return;
            }
        }
        if let Some(squeeze) = self.squeeze.take() {
            return self.regain(observed, &squeeze);
        }
        self.increase(observed, passed_us as f64 / 1e6);
    }

    /// A queue that is gone before the decrease can have been felt was none, or not ours.
    fn regain(&mut self, observed: &Observed, squeeze: &Squeeze) {
        let felt_us = observed.round_trip_us + squeeze.standing_us;
        let is_false_alarm = squeeze.times == 0 && observed.now_us - squeeze.at_us <= felt_us;
        let known = self.capacity.map_or(self.target, |known| known * REGAIN);
        let back = match is_false_alarm && !observed.has_loss {
            true => squeeze.target_before,
            false => known,
        };
        self.set(self.target.max(back));
    }

    fn increase(&mut self, observed: &Observed, passed_s: f64) {
        if self
            .capacity
            .is_some_and(|known| self.target > known * NEAR)
        {
            self.capacity = None;
        }
        let is_near = self
            .capacity
            .is_some_and(|known| self.target > known / NEAR);
        let next = if is_near {
            let response_s = (observed.round_trip_us + RESPONSE_US) as f64 / 1e6;
            self.target + INCREASE_BITS / response_s * passed_s
        } else {
            self.target * INCREASE.powf(passed_s)
        };
        let most = observed.acknowledged_bps * ABOVE_ACKNOWLEDGED.0 + ABOVE_ACKNOWLEDGED.1;
        self.set(self.target.max(next.min(most)));
    }
}
