//! How near a worker is to its limit, as one number from 0 to 1.
//!
//! In come the times at which it wakes and goes to sleep, how full its sockets are when it comes
//! to send more, and how long what it could not send has waited. A worker that never sleeps is
//! at its limit, and so is one whose socket is full, before anything waits for it. It knows
//! neither packets nor threads.

use std::time::{Duration, Instant};

/// Long enough to level out frames, short enough to tell before anybody is harmed.
const WINDOW: Duration = Duration::from_secs(1);

/// The share of time awake is told of so much of a window, before its end.
const SHORTEST: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(crate) struct Stress {
    began: Instant,
    busy: Duration,
    awake_since: Instant,
    /// The worst share of what may wait, in this window.
    waited: f64,
    last: f64,
}

impl Stress {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            began: now,
            busy: Duration::ZERO,
            awake_since: now,
            waited: 0.0,
            last: 0.0,
        }
    }

    pub(crate) fn wakes(&mut self, now: Instant) {
        self.awake_since = now;
        self.roll(now);
    }

    pub(crate) fn sleeps(&mut self, now: Instant) {
        self.busy += now.saturating_duration_since(self.awake_since);
        self.awake_since = now;
        self.roll(now);
    }

    /// The socket is full to this share, or what waits for it has waited for this share of what
    /// is allowed.
    pub(crate) fn waits(&mut self, share: f64) {
        self.waited = self.waited.max(share);
    }

    /// Of the last whole window, or of this one if it is worse already.
    pub(crate) fn level(&self, now: Instant) -> f64 {
        let elapsed = now.saturating_duration_since(self.began);
        let busy = match elapsed >= SHORTEST {
            true => self.busy.as_secs_f64() / elapsed.as_secs_f64(),
            false => 0.0,
        };
        self.last.max(busy).max(self.waited).min(1.0)
    }

    fn roll(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.began);
        if elapsed >= WINDOW {
            let busy = self.busy.as_secs_f64() / elapsed.as_secs_f64();
            self.last = busy.max(self.waited).min(1.0);
            self.began = now;
            self.busy = Duration::ZERO;
            self.waited = 0.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(busy_ms: u64, idle_ms: u64) -> f64 {
        let mut now = Instant::now();
        let mut stress = Stress::new(now);
        for _ in 0..3_000 / (busy_ms + idle_ms) {
            stress.wakes(now);
            now += Duration::from_millis(busy_ms);
            stress.sleeps(now);
            now += Duration::from_millis(idle_ms);
        }
        stress.level(now)
    }

    #[test]
    fn is_the_share_of_time_awake() {
        assert!(after(0, 10) < 0.01);
        assert!((after(2, 8) - 0.2).abs() < 0.02);
        assert!((after(9, 1) - 0.9).abs() < 0.02);
        assert!(after(10, 0) > 0.99);
    }

    #[test]
    fn what_waits_now_is_told_now() {
        let start = Instant::now();
        let mut stress = Stress::new(start);
        stress.wakes(start);
        stress.waits(0.81);
        assert!(stress.level(start) > 0.8);
    }

    #[test]
    fn a_worker_that_is_busy_from_now_on_is_seen_before_the_window_ends() {
        let start = Instant::now();
        let mut stress = Stress::new(start);
        for turn in 0..30 {
            stress.wakes(start + Duration::from_millis(10 * turn));
            stress.sleeps(start + Duration::from_millis(10 * turn + 9));
        }
        assert!(stress.level(start + Duration::from_millis(300)) > 0.8);
    }

    #[test]
    fn a_full_socket_counts_until_the_next_window_has_passed() {
        let start = Instant::now();
        let mut stress = Stress::new(start);
        stress.sleeps(start);
        stress.waits(0.85);
        stress.wakes(start + WINDOW);
        assert!((stress.level(start + WINDOW) - 0.85).abs() < 1e-9);
        stress.sleeps(start + WINDOW);
        stress.wakes(start + WINDOW * 2);
        assert!(stress.level(start + WINDOW * 2) < 0.01);
    }
}
