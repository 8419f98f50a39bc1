//! Durations counted in fixed buckets, so that parts of several workers add up.
//!
//! Up to 64 µs a bucket is 8 µs wide, above that an eighth of its power of two: a quantile read
//! from it is off by a sixteenth at most. What takes a second and more is counted in the last.

use std::time::Duration;

/// Of which a power of two is made, and linear ones below [`LINEAR_US`].
const STEPS: u64 = 8;
const LINEAR_US: u64 = 64;
/// 2^6 to 2^20 µs.
const OCTAVES: usize = 14;
const BUCKETS: usize = STEPS as usize * (OCTAVES + 1) + 1;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    counts: Box<[u64; BUCKETS]>,
    sum_us: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: Box::new([0; BUCKETS]),
            sum_us: 0,
        }
    }
}

impl Histogram {
    pub fn add(&mut self, us: u64, count: u64) {
        self.counts[bucket(us)] += count;
        self.sum_us = self.sum_us.saturating_add(us.saturating_mul(count));
    }

    pub fn absorb(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts[..]) {
            *count += more;
        }
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
    }

    /// One for each of [`Histogram::bounds`], and one for what is above the last.
    pub fn counts(&self) -> &[u64] {
        &self.counts[..]
    }

    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.sum_us)
    }

    /// What each bucket but the last is below.
    pub fn bounds() -> impl Iterator<Item = Duration> {
        (1..BUCKETS as u64).map(|bucket| Duration::from_micros(begin(bucket)))
    }

    /// Within its bucket evenly; `None` while nothing is counted.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let mut left = share.clamp(0.0, 1.0) * self.count() as f64;
        for (bucket, &count) in (0u64..).zip(&self.counts[..]) {
            if count > 0 && left <= count as f64 {
                let (from, to) = (begin(bucket) as f64, begin(bucket + 1) as f64);
                let us = from + (to - from) * left / count as f64;
                return Some(Duration::from_secs_f64(us / 1e6));
            }
            left -= count as f64;
        }
        None
    }
}

#[inline]
fn bucket(us: u64) -> usize {
    if us < LINEAR_US {
        return (us / STEPS) as usize;
    }
    let octave = us.ilog2();
    let step = us >> (octave - STEPS.ilog2()) & (STEPS - 1);
    let octaves = u64::from(octave - LINEAR_US.ilog2());
    ((STEPS + octaves * STEPS + step) as usize).min(BUCKETS - 1)
}

/// Where a bucket begins, in microseconds.
fn begin(bucket: u64) -> u64 {
    match bucket.checked_sub(STEPS) {
        None => bucket * STEPS,
        Some(above) => ((STEPS + above % STEPS) * STEPS) << (above / STEPS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_between_the_bounds_of_its_bucket() {
        for us in (0..5_000).chain((5_000..1_040_000).step_by(977)) {
            let bucket = bucket(us) as u64;
            assert!(
                (begin(bucket)..begin(bucket + 1)).contains(&us),
                "{us} in {bucket}"
            );
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
        assert_eq!(bucket(1 << 20), BUCKETS - 1);
        assert_eq!(bucket((1 << 20) - 1), BUCKETS - 2);
    }

    #[test]
    fn there_is_one_bound_less_than_buckets() {
        let bounds: Vec<_> = Histogram::bounds().collect();
        assert_eq!(bounds.len() + 1, Histogram::default().counts().len());
        assert_eq!(bounds[0], Duration::from_micros(8));
        assert_eq!(bounds.last(), Some(&Duration::from_micros(1 << 20)));
        assert!(bounds.is_sorted());
    }

    #[test]
    fn quantiles_are_off_by_a_sixteenth_at_most() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        for us in 1..=100_000 {
            histogram.add(us, 1);
        }
        for share in [0.01, 0.5, 0.9, 0.99] {
            let us = histogram.quantile(share).expect("counted").as_micros() as f64;
            let truth = share * 100_000.0;
            assert!((us - truth).abs() < truth / 16.0, "{share}: {us}");
        }
        assert_eq!(histogram.sum(), Duration::from_micros(5_000_050_000));
    }

    #[test]
    fn parts_add_up() {
        let (mut one, mut other) = (Histogram::default(), Histogram::default());
        one.add(100, 3);
        other.add(100, 1);
        other.add(2_000_000, 2);
        one.absorb(&other);
        assert_eq!((one.count(), one.sum().as_micros()), (6, 4_000_400));
        assert_eq!(one.counts().last(), Some(&2));
    }
}
