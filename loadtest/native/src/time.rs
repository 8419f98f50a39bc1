//! Time as the whole crate counts it: nanoseconds of the host's monotonic clock, so that a stamp
//! written by one process of this machine can be read by another.

use std::time::{Duration, Instant};

pub(crate) type Nanos = u64;

pub(crate) const MICROSECOND: Nanos = 1_000;
pub(crate) const MILLISECOND: Nanos = 1_000_000;
pub(crate) const SECOND: Nanos = 1_000_000_000;
/// A deadline that never comes.
pub(crate) const NEVER: Nanos = Nanos::MAX;

/// Where the monotonic clock meets the two others: `Instant`, which DTLS counts in, and the
/// wall clock of reports and kernel time stamps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epoch {
    instant: Instant,
    at: Nanos,
    since_unix: Nanos,
}

impl Epoch {
    pub(crate) fn new(instant: Instant, at: Nanos, since_unix: Nanos) -> Self {
        Self {
            instant,
            at,
            since_unix,
        }
    }

    pub(crate) fn instant(&self, at: Nanos) -> Instant {
        self.instant + Duration::from_nanos(at.saturating_sub(self.at))
    }

    pub(crate) fn nanos(&self, instant: Instant) -> Nanos {
        self.at + instant.saturating_duration_since(self.instant).as_nanos() as Nanos
    }

    /// A wall clock reading on the monotonic clock.
    pub(crate) fn at_unix(&self, since_unix: Nanos) -> Nanos {
        (self.at + since_unix).saturating_sub(self.since_unix)
    }

    /// 32.32 fixed point seconds since 1900 (RFC 3550 §4).
    pub(crate) fn ntp(&self, at: Nanos) -> u64 {
        /// From 1900 to 1970 (RFC 5905 §6).
        const OFFSET_S: u64 = 2_208_988_800;
        let unix = self.since_unix + at.saturating_sub(self.at);
        let fraction = (u128::from(unix % SECOND) << 32) / u128::from(SECOND);
        ((unix / SECOND + OFFSET_S) << 32) | fraction as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ntp_counts_from_1900() {
        let epoch = Epoch::new(Instant::now(), 10 * SECOND, 1_500 * MILLISECOND);
        let ntp = epoch.ntp(10 * SECOND + 250 * MILLISECOND);
        assert_eq!((ntp >> 32, ntp as u32), (2_208_988_801, 0xc000_0000));
    }

    #[test]
    fn the_wall_clock_is_read_on_the_monotonic_one() {
        let epoch = Epoch::new(Instant::now(), 10 * SECOND, 1_000 * SECOND);
        assert_eq!(epoch.at_unix(1_001 * SECOND), 11 * SECOND);
        assert_eq!(epoch.nanos(epoch.instant(12 * SECOND)), 12 * SECOND);
    }
}
