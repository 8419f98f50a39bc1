//! Interarrival jitter (RFC 3550 A.8) of whatever has a time of sending and one of arrival, on
//! two clocks that may be set differently.

/// Over a longer pause nothing is measured: timestamps need not go on through it, and what was
/// kept from us for so long is an outage.
pub(crate) const PAUSE_US: i64 = 1_000_000;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Jitter {
    us: f64,
    previous: Option<(i64, i64)>,
}

impl Jitter {
    pub(crate) fn add(&mut self, sent_us: i64, came_us: i64) {
        let Some((sent, came)) = self.previous.replace((sent_us, came_us)) else {
            return;
        };
        let (on_the_way, apart) = (sent_us.wrapping_sub(sent), came_us.wrapping_sub(came));
        let difference = apart.wrapping_sub(on_the_way).saturating_abs();
        if difference <= PAUSE_US && apart <= PAUSE_US {
            self.us += (difference as f64 - self.us) / 16.0;
        }
    }

    /// What comes next has other clocks.
    pub(crate) fn begin_anew(&mut self) {
        self.previous = None;
    }

    pub(crate) fn us(&self) -> f64 {
        self.us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_mean_difference_of_transits_smoothed() {
        let mut jitter = Jitter::default();
        let mut truth = 0.0;
        for packet in 0..200i64 {
            let late = packet % 2 * 5_000;
            jitter.add(packet * 20_000, 7_000_000 + packet * 20_000 + late);
            truth += if packet > 0 {
                (5_000.0 - truth) / 16.0
            } else {
                0.0
            };
        }
        assert!((jitter.us() - truth).abs() < 1e-6);
    }

    #[test]
    fn a_pause_and_a_clock_that_was_set_are_none() {
        let mut jitter = Jitter::default();
        jitter.add(0, 0);
        jitter.add(20_000, 30_020_000);
        jitter.add(40_000, 30_040_000);
        jitter.add(-5_000_000, 30_060_000);
        jitter.add(i64::MAX, 30_080_000);
        assert_eq!(jitter.us(), 0.0);
    }
}
