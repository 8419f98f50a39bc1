//! Bytes over the last moments, on whichever clock the caller counts.

/// 32 buckets of 20 ms: long enough for two intervals of feedback, short enough to follow a
/// link that changes (libwebrtc measures over 150-500 ms, `bitrate_estimator.cc`).
const BUCKETS: i64 = 32;
const BUCKET_US: i64 = 20_000;

#[derive(Clone, Debug)]
pub(super) struct Window {
    buckets: [u32; BUCKETS as usize],
    /// Index of the newest bucket since the clock's zero.
    newest: Option<i64>,
    first: i64,
}

impl Window {
    pub(super) fn new() -> Self {
        Self {
            buckets: [0; BUCKETS as usize],
            newest: None,
            first: 0,
        }
    }

    pub(super) fn add(&mut self, at_us: i64, bytes: usize) {
        let bucket = at_us.div_euclid(BUCKET_US);
        let newest = *self.newest.get_or_insert_with(|| {
            self.first = bucket;
            bucket
        });
        if bucket > newest {
            let stale = (bucket - newest).min(BUCKETS);
            for stale in bucket - stale + 1..=bucket {
                self.buckets[stale.rem_euclid(BUCKETS) as usize] = 0;
            }
            self.newest = Some(bucket);
        } else if bucket <= newest - BUCKETS {
            return;
        }
        let held = &mut self.buckets[bucket.rem_euclid(BUCKETS) as usize];
        *held = held.saturating_add(bytes as u32);
    }

    /// Bits a second over whole buckets that end before the one of `at_us`.
    pub(super) fn bps(&self, at_us: i64, over_us: i64) -> f64 {
        let end = at_us.div_euclid(BUCKET_US);
        let count = (over_us / BUCKET_US).clamp(1, BUCKETS - 1);
        // What began lately is not divided by the time before it.
        let count = count.min((end - self.first).max(2));
        self.sum(end - count, end) * 8e6 / (count * BUCKET_US) as f64
    }

    /// The highest rate over any `over_us` of the last `within_us`, the bucket of `at_us` among
    /// them.
    pub(super) fn peak_bps(&self, at_us: i64, over_us: i64, within_us: i64) -> f64 {
        let end = at_us.div_euclid(BUCKET_US).saturating_add(1);
        let count = (over_us / BUCKET_US).clamp(1, BUCKETS - 1);
        let starts = (within_us / BUCKET_US).clamp(count, BUCKETS - 1) - count;
        let most = (0..=starts)
            .map(|back| self.sum(end - back - count, end - back))
            .fold(0.0, f64::max);
        most * 8e6 / (count * BUCKET_US) as f64
    }

    pub(super) fn newest_us(&self) -> i64 {
        self.newest.map_or(0, |newest| newest * BUCKET_US)
    }

    fn sum(&self, from: i64, to: i64) -> f64 {
        let Some(newest) = self.newest else {
            return 0.0;
        };
        (from.max(newest - BUCKETS + 1)..to.min(newest + 1))
            .map(|bucket| f64::from(self.buckets[bucket.rem_euclid(BUCKETS) as usize]))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_over_the_last_moments_alone() {
        let mut window = Window::new();
        for at in (0..400).step_by(5) {
            window.add(at * 1000, 625);
        }
        assert_eq!(window.bps(400_000, 200_000), 1e6);
        assert_eq!(window.bps(2_000_000, 200_000), 0.0);
        for at in (400..500).step_by(5) {
            window.add(at * 1000, 2500);
        }
        assert_eq!(window.peak_bps(600_000, 100_000, 300_000), 4e6);
        assert!(window.bps(500_000, 200_000) < 2.6e6);
    }

    #[test]
    fn clocks_that_jump_do_no_harm() {
        let mut window = Window::new();
        for at in [0, i64::MAX / 2, -5, i64::MIN / 2, 77] {
            window.add(at, usize::MAX);
            window.bps(at, i64::MAX);
            window.peak_bps(at, i64::MAX, i64::MAX);
        }
    }
}
