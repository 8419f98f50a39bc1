//! How often the receiving worker looks at its sockets.
//!
//! While little comes, whoever comes wakes the worker. While much comes, being woken for each
//! datagram is the dearest part of a small one, so the worker looks by the clock instead, and
//! takes what has gathered. What counts is not how many datagrams come but how often: a
//! hundred at once wake it once. In come the times of looks and whether they found anything;
//! it knows no socket.

use std::time::{Duration, Instant};

/// Wakings a tick that make the clock the cheaper way: a look by the clock costs one and a bit.
const WORTH_IT: f64 = 1.5;

/// The share of looks by the clock that must find something: what so many wakings a tick find,
/// if they come at random, is 0.78; less than that, lest it goes to and fro.
const STILL_WORTH_IT: f64 = 0.7;

/// Over which is averaged: some video frames.
const MEMORY: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(crate) struct Pace {
    /// Longest that a datagram waits; zero: none does.
    tick: Duration,
    looked: Instant,
    /// Looks that found something, a second.
    finds: f64,
    is_by_clock: bool,
}

impl Pace {
    pub(crate) fn new(tick: Duration, now: Instant) -> Self {
        Self {
            tick,
            looked: now,
            finds: 0.0,
            is_by_clock: false,
        }
    }

    /// All that had come was taken.
    pub(crate) fn looked(&mut self, now: Instant, has_found: bool) {
        if self.tick.is_zero() {
            return;
        }
        let elapsed = now.saturating_duration_since(self.looked).as_secs_f64();
        let found = f64::from(u8::from(has_found));
        self.finds *= (-elapsed / MEMORY.as_secs_f64()).exp();
        self.finds += found / MEMORY.as_secs_f64();
        self.looked = now;
        let finds_a_tick = self.finds * self.tick.as_secs_f64();
        self.is_by_clock = match self.is_by_clock {
            true => finds_a_tick >= STILL_WORTH_IT,
            false => finds_a_tick >= WORTH_IT,
        };
    }

    /// When to look next; never: whoever comes wakes.
    pub(crate) fn next_look(&self) -> Option<Instant> {
        self.is_by_clock.then(|| self.looked + self.tick)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(2);

    /// Woken so often a second, for a second.
    fn woken(rate: u32, tick: Duration) -> (Pace, Instant) {
        let mut now = Instant::now();
        let mut pace = Pace::new(tick, now);
        for _ in 0..rate {
            now += Duration::from_secs(1) / rate;
            pace.looked(now, true);
        }
        (pace, now)
    }

    /// Looks by the clock, of which some find something; how many until it ends, a second at
    /// most.
    fn looks(pace: &mut Pace, mut has_found: impl FnMut(u32) -> bool) -> u32 {
        let mut looks = 0;
        while let Some(next) = pace.next_look().filter(|_| looks < 500) {
            pace.looked(next, has_found(looks));
            looks += 1;
        }
        looks
    }

    #[test]
    fn who_is_woken_often_looks_by_the_clock() {
        let (mut pace, now) = woken(1_500, TICK);
        assert_eq!(pace.next_look(), Some(now + TICK));
        // Four of five find something.
        assert_eq!(looks(&mut pace, |look| look % 5 > 0), 500);
    }

    #[test]
    fn who_is_woken_seldom_sleeps() {
        assert_eq!(woken(600, TICK).0.next_look(), None);
        assert_eq!(woken(50_000, Duration::ZERO).0.next_look(), None);
    }

    #[test]
    fn looks_that_find_little_end() {
        let (mut pace, _) = woken(5_000, TICK);
        assert!(looks(&mut pace, |_| false) < 300);
        assert_eq!(pace.next_look(), None);
        let (mut pace, _) = woken(5_000, TICK);
        assert!(looks(&mut pace, |look| look % 2 == 0) < 300);
    }
}
