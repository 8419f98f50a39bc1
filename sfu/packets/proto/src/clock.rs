//! The two clocks of the protocol: milliseconds since the start, and NTP time for reports.

use std::time::{Duration, Instant};

/// Seconds from 1900 to 1970 (RFC 5905 §6).
const NTP_UNIX_OFFSET_S: u64 = 2_208_988_800;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
    start_unix: Duration,
}

impl Clock {
    pub(crate) fn new(start: Instant, start_unix: Duration) -> Self {
        Self { start, start_unix }
    }

    pub(crate) fn ms(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.start).as_millis() as u64
    }

    pub(crate) fn us(&self, now: Instant) -> i64 {
        now.saturating_duration_since(self.start).as_micros() as i64
    }

    /// 32.32 fixed point seconds since 1900 (RFC 3550 §4).
    pub(crate) fn ntp(&self, now: Instant) -> u64 {
        duration_to_ntp(self.start_unix + now.saturating_duration_since(self.start))
    }

    /// Our time of a datagram less a peer's NTP time, to the nearest turn of 136 years.
    pub(crate) fn since_ntp_us(&self, came_at: Instant, ntp: u64) -> i64 {
        let apart = self.ntp(came_at).wrapping_sub(ntp) as i64;
        ((i128::from(apart) * 1_000_000) >> 32) as i64
    }

    /// Where the system's clock was slewed since the start.
    pub(crate) fn set_wall(&mut self, now: Instant, since_unix: Duration) {
        let since = now.saturating_duration_since(self.start);
        if let Some(start_unix) = since_unix.checked_sub(since) {
            self.start_unix = start_unix;
        }
    }

    /// abs-send-time: 6.18 fixed point seconds, 24 bits.
    pub(crate) fn absolute_send_time(&self, now: Instant) -> u32 {
        ((self.ntp(now) >> 14) & 0x00ff_ffff) as u32
    }
}

fn duration_to_ntp(since_unix: Duration) -> u64 {
    let seconds = (since_unix.as_secs() + NTP_UNIX_OFFSET_S) & 0xffff_ffff;
    let fraction = (u64::from(since_unix.subsec_nanos()) << 32) / 1_000_000_000;
    seconds << 32 | fraction
}

/// The middle 32 bits of an NTP time, as LSR has them (RFC 3550 §6.4.1).
pub(crate) fn ntp_middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

/// A round trip longer than this is a forged or stale report.
const LONGEST_ROUND_TRIP_S: u32 = 60;

/// From what the other side says it has got of ours, and how long it kept it (RFC 3550 §6.4.1);
/// all as 16.16 fixed point seconds.
pub(crate) fn round_trip(now: u32, last: u32, delay_since: u32) -> Option<Duration> {
    let round_trip = now.wrapping_sub(last).wrapping_sub(delay_since);
    let is_sound = last != 0 && round_trip >> 16 < LONGEST_ROUND_TRIP_S;
    is_sound.then(|| duration_from_16_16(round_trip))
}

/// 32.32 fixed point to microseconds.
pub(crate) fn ntp_to_us(ntp: u64) -> i64 {
    ((u128::from(ntp) * 1_000_000) >> 32) as i64
}

/// 16.16 fixed point seconds to a duration.
pub(crate) fn duration_from_16_16(value: u32) -> Duration {
    Duration::from_micros((u64::from(value) * 1_000_000) >> 16)
}

pub(crate) fn duration_to_16_16(duration: Duration) -> u32 {
    (((duration.as_micros() as u64) << 16) / 1_000_000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ntp_counts_from_1900() {
        let start = Instant::now();
        let clock = Clock::new(start, Duration::from_millis(1_500));
        let ntp = clock.ntp(start + Duration::from_millis(250));
        assert_eq!(ntp >> 32, NTP_UNIX_OFFSET_S + 1);
        assert_eq!(ntp as u32, 0xc000_0000);
    }

    #[test]
    fn fixed_point_round_trips() {
        let duration = Duration::from_millis(1_250);
        assert_eq!(duration_from_16_16(duration_to_16_16(duration)), duration);
    }
}
