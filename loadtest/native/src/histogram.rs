//! Delays by their logarithm: constant memory, 3 % of error, quick to add up.

use crate::time::{MICROSECOND, Nanos};

/// Buckets a power of two; their width bounds the error.
const PARTS_LOG2: u32 = 5;
const PARTS: u64 = 1 << PARTS_LOG2;
/// 2^26 µs are 67 s; what is longer counts as that.
const POWERS: u32 = 26;
const BUCKETS: usize = ((POWERS - PARTS_LOG2 + 1) as usize) << PARTS_LOG2;

#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    counts: Box<[u64; BUCKETS]>,
    count: u64,
    most_us: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: Box::new([0; BUCKETS]),
            count: 0,
            most_us: 0,
        }
    }
}

impl Histogram {
    pub(crate) fn record(&mut self, delay: Nanos) {
        let us = delay / MICROSECOND;
        self.counts[bucket(us)] += 1;
        self.count += 1;
        self.most_us = self.most_us.max(us);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts.iter()) {
            *count += more;
        }
        self.count += other.count;
        self.most_us = self.most_us.max(other.most_us);
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn most_us(&self) -> u64 {
        self.most_us
    }

    /// The delay that this share of the recorded ones does not pass.
    pub(crate) fn percentile_us(&self, share: f64) -> u64 {
        let rank = ((self.count as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return upper_us(index).min(self.most_us);
            }
        }
        self.most_us
    }
}

/// Values below `PARTS` have a bucket each; above, each power of two has `PARTS` of them.
fn bucket(us: u64) -> usize {
    let power = us.max(1).ilog2();
    if power < PARTS_LOG2 {
        return us as usize;
    }
    let shift = power - PARTS_LOG2;
    let index = (u64::from(shift) << PARTS_LOG2) + (us >> shift);
    (index as usize).min(BUCKETS - 1)
}

/// The largest value that falls into the bucket.
fn upper_us(index: usize) -> u64 {
    let index = index as u64;
    if index < 2 * PARTS {
        return index;
    }
    let shift = (index >> PARTS_LOG2) - 1;
    (((index & (PARTS - 1)) + PARTS + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_falls_into_a_bucket_that_ends_at_or_just_above_it() {
        for us in (0..5000).chain([65_535, 65_536, 1_000_000, 40_000_000]) {
            let upper = upper_us(bucket(us));
            assert!(upper >= us, "{us} above {upper}");
            assert!(upper - us <= us / PARTS, "{us} far below {upper}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_of_a_known_distribution() {
        let mut histogram = Histogram::default();
        for us in 1..=1000 {
            histogram.record(us * MICROSECOND);
        }
        let median = histogram.percentile_us(0.5);
        assert!((500..=516).contains(&median), "{median}");
        assert_eq!(histogram.percentile_us(1.0), 1000);
        assert_eq!((histogram.count(), histogram.most_us()), (1000, 1000));
        assert_eq!(Histogram::default().percentile_us(0.5), 0);
    }
}
