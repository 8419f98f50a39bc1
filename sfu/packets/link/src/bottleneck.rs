//! A rate, and the queue of those that wait for it: first in, first out, the tail dropped.

use std::collections::VecDeque;
use std::time::Duration;

const BITS: u128 = 8;
const NANOS: u128 = 1_000_000_000;

#[derive(Debug)]
pub(crate) struct Waiting<T> {
    pub(crate) packet: T,
    pub(crate) size: usize,
    pub(crate) entered: Duration,
    /// When its first bit left the queue; its turn has not come before that.
    pub(crate) began: Option<Duration>,
}

/// Work is counted in bits times 10⁹, so that a rate in bits a second and a time in nanoseconds
/// multiply to it without rounding.
#[derive(Debug)]
pub(crate) struct Bottleneck<T> {
    waiting: VecDeque<Waiting<T>>,
    /// Of all that wait, the first one's rest among it.
    work: u128,
    /// Of the first one.
    first_work: u128,
    /// Until when the work has been done.
    at: Duration,
    rate_bps: Option<u64>,
}

impl<T> Bottleneck<T> {
    pub(crate) fn new(rate_bps: Option<u64>) -> Self {
        Self {
            waiting: VecDeque::new(),
            work: 0,
            first_work: 0,
            at: Duration::ZERO,
            rate_bps,
        }
    }

    /// How long a packet that comes now would wait.
    pub(crate) fn wait(&self) -> Duration {
        self.time_for(self.work)
    }

    pub(crate) fn set_rate(&mut self, at: Duration, rate_bps: Option<u64>) {
        self.work_until(at);
        self.rate_bps = rate_bps;
    }

    pub(crate) fn enter(&mut self, at: Duration, size: usize, packet: T) {
        self.work_until(at);
        let work = work(size);
        let is_first = self.waiting.is_empty();
        if is_first {
            self.first_work = work;
        }
        self.work += work;
        self.waiting.push_back(Waiting {
            packet,
            size,
            entered: at,
            began: is_first.then_some(at),
        });
    }

    /// When the first has passed.
    pub(crate) fn next_exit(&self) -> Option<Duration> {
        let is_there = !self.waiting.is_empty();
        is_there.then(|| self.at + self.time_for(self.first_work))
    }

    /// The first, whose time to leave is `at`.
    pub(crate) fn leave(&mut self, at: Duration) -> Option<Waiting<T>> {
        let first = self.waiting.pop_front()?;
        self.work -= self.first_work;
        self.at = at;
        self.first_work = 0;
        if let Some(next) = self.waiting.front_mut() {
            self.first_work = work(next.size);
            next.began = Some(at);
        }
        Some(first)
    }

    pub(crate) fn into_waiting(self) -> impl Iterator<Item = Waiting<T>> {
        self.waiting.into_iter()
    }

    fn work_until(&mut self, at: Duration) {
        let elapsed = at.saturating_sub(self.at).as_nanos();
        let done = match self.rate_bps {
            Some(rate) => (elapsed * u128::from(rate)).min(self.first_work),
            None => self.first_work,
        };
        self.first_work -= done;
        self.work -= done;
        self.at = self.at.max(at);
    }

    fn time_for(&self, work: u128) -> Duration {
        let Some(rate) = self.rate_bps else {
            return Duration::ZERO;
        };
        let nanos = work.div_ceil(u128::from(rate).max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

fn work(size: usize) -> u128 {
    size as u128 * BITS * NANOS
}
