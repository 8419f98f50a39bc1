//! How often an unauthenticated request is answered at all: 10 a second and source.

use std::hash::BuildHasher;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::hash::SeededState;
use super::source_of;
use crate::limits::STUN_ANSWERS;

const PERIOD: Duration = Duration::from_secs(1);
/// 24 KiB. Sources that fall into one bucket share its answers, so the sum is bounded too.
const BUCKETS: usize = 1024;

#[derive(Debug)]
pub(super) struct Limiter {
    state: SeededState,
    buckets: Vec<Bucket>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    period_start: Option<Instant>,
    answers: u8,
}

impl Limiter {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            state: SeededState::new(seed),
            buckets: vec![Bucket::default(); BUCKETS],
        }
    }

    pub(super) fn allows(&mut self, now: Instant, source: IpAddr) -> bool {
        let position = self.state.hash_one(source_of(source)) as usize % BUCKETS;
        self.buckets
            .get_mut(position)
            .is_some_and(|bucket| bucket.take(now))
    }
}

impl Bucket {
    fn take(&mut self, now: Instant) -> bool {
        let is_over = |start| now.saturating_duration_since(start) >= PERIOD;
        if self.period_start.is_none_or(is_over) {
            *self = Bucket {
                period_start: Some(now),
                answers: 0,
            };
        }
        let allowed = self.answers < STUN_ANSWERS;
        self.answers += u8::from(allowed);
        allowed
    }
}
