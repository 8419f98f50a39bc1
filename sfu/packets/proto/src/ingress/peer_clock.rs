//! One peer's NTP clock against ours, and what it says of the way from it and to it.
//!
//! In go the times of its reports, as it says them and as the kernel stamped them. Their
//! difference is the way's delay and the clocks' offset in one; only the round trip bounds how
//! much is which. Times are microseconds.

use std::time::Duration;

/// Of the newest report.
const WEIGHT: f64 = 0.25;
/// Reports further apart than this: a clock was set.
const CLOCK_STEP_US: f64 = 500_000.0;
/// A shared clock is read on another core, and the round trip measured at another time.
const SHARED_SLACK_US: (f64, f64) = (1_000.0, 20_000.0);

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PeerClock {
    /// Arrival on our clock less sending on the peer's.
    apart_us: Option<f64>,
    /// The peer is on our host, whose clock it has.
    pub(crate) is_ours: bool,
}

/// How long a packet is on its way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct OneWay {
    pub(crate) up_us: f64,
    pub(crate) down_us: f64,
    /// What they may be off by; none where they are measured.
    pub(crate) error_us: Option<f64>,
}

impl PeerClock {
    pub(crate) fn take(&mut self, apart_us: i64) {
        let apart_us = apart_us as f64;
        let known = self
            .apart_us
            .filter(|known| (apart_us - known).abs() < CLOCK_STEP_US);
        let known = known.map_or(apart_us, |known| known + (apart_us - known) * WEIGHT);
        self.apart_us = Some(known);
    }

    /// Where the peer is on our host, what its reports took is the way. So it is, as far as
    /// anybody can tell, where it lies within the round trip: clocks that are set by one standard
    /// agree well enough. Otherwise half of the round trip is as near as it gets.
    pub(crate) fn one_way(&self, round_trip: Option<Duration>) -> Option<OneWay> {
        let round_trip_us = round_trip.map(|round_trip| round_trip.as_secs_f64() * 1e6);
        if let Some(way) = self.measured(round_trip_us) {
            return Some(way);
        }
        let whole = round_trip_us?;
        let within = self.apart_us.filter(|apart| (0.0..=whole).contains(apart));
        let up_us = within.unwrap_or(whole / 2.0);
        let down_us = whole - up_us;
        Some(OneWay {
            up_us,
            down_us,
            error_us: Some(up_us.max(down_us)),
        })
    }

    fn measured(&self, round_trip_us: Option<f64>) -> Option<OneWay> {
        let apart_us = self.apart_us.filter(|_| self.is_ours)?;
        let (least, beyond) = (-SHARED_SLACK_US.0, SHARED_SLACK_US.1);
        let most = round_trip_us.map_or(CLOCK_STEP_US, |round_trip| round_trip + beyond);
        let up_us = apart_us.max(0.0);
        (least..=most).contains(&apart_us).then(|| OneWay {
            up_us,
            down_us: round_trip_us.map_or(up_us, |round_trip| (round_trip - up_us).max(0.0)),
            error_us: None,
        })
    }

    /// Our clock less the peer's.
    pub(crate) fn offset_us(&self, round_trip: Option<Duration>) -> Option<f64> {
        Some(self.apart_us? - self.one_way(round_trip)?.up_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND_TRIP: Option<Duration> = Some(Duration::from_millis(120));

    fn clock(apart_ms: i64, is_ours: bool) -> PeerClock {
        let mut clock = PeerClock {
            is_ours,
            ..PeerClock::default()
        };
        for _ in 0..50 {
            clock.take(apart_ms * 1000);
        }
        clock
    }

    fn ways(clock: PeerClock) -> [Option<f64>; 3] {
        let way = clock.one_way(ROUND_TRIP);
        let ms = |us: f64| us / 1000.0;
        [
            way.map(|way| ms(way.up_us)),
            way.map(|way| ms(way.down_us)),
            way.and_then(|way| way.error_us).map(ms),
        ]
    }

    #[test]
    fn a_peer_of_our_clock_is_measured_either_way() {
        assert_eq!(ways(clock(100, true)), [Some(100.0), Some(20.0), None]);
        assert_eq!(clock(100, true).offset_us(ROUND_TRIP), Some(0.0));
    }

    #[test]
    fn of_others_the_error_is_told() {
        let [up, down, error] = ways(clock(100, false));
        assert_eq!((up, down, error), (Some(100.0), Some(20.0), Some(100.0)));
        let halves = [Some(60.0), Some(60.0), Some(60.0)];
        assert_eq!(ways(clock(3_600_000, false)), halves, "an hour late");
        assert_eq!(ways(clock(-50, true)), halves, "from the future");
        assert_eq!(ways(PeerClock::default()), halves, "no report");
        let offset = clock(3_600_000, false).offset_us(ROUND_TRIP);
        assert_eq!(offset, Some(3_600_000_000.0 - 60_000.0));
        assert_eq!(clock(100, false).one_way(None), None);
    }

    #[test]
    fn a_clock_that_is_set_is_followed_at_once() {
        let mut clock = clock(100, true);
        clock.take(40_100_000);
        assert_eq!(clock.offset_us(ROUND_TRIP), Some(40_100_000.0 - 60_000.0));
    }
}
