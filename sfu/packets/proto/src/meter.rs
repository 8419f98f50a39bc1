//! Bytes over the last second, for snapshots.

/// Ten whole ones for a second, and the one that is being filled.
const BUCKETS: usize = 11;
const BUCKET_MS: u64 = 100;

/// Buckets of 100 ms; time is milliseconds since the router's start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter {
    buckets: [u32; BUCKETS],
    newest: u64,
}

impl Meter {
    pub(crate) fn add(&mut self, now_ms: u64, bytes: usize) {
        let bucket = now_ms / BUCKET_MS;
        if bucket > self.newest {
            for stale in self.newest + 1..=bucket.min(self.newest + BUCKETS as u64) {
                self.buckets[stale as usize % BUCKETS] = 0;
            }
            self.newest = bucket;
        }
        let slot = &mut self.buckets[self.newest as usize % BUCKETS];
        *slot = slot.saturating_add(bytes as u32);
    }

    pub(crate) fn bits_per_second(&self, now_ms: u64) -> u64 {
        let now = now_ms / BUCKET_MS;
        let oldest = now.saturating_sub(BUCKETS as u64 - 1);
        let first_held = self.newest.saturating_sub(BUCKETS as u64 - 1);
        (oldest.max(first_held)..now.min(self.newest + 1))
            .map(|bucket| u64::from(self.buckets[bucket as usize % BUCKETS]))
            .sum::<u64>()
            * 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_last_second_only() {
        let mut meter = Meter::default();
        for now in (0..3000).step_by(100) {
            meter.add(now, 125);
        }
        assert_eq!(meter.bits_per_second(2950), 10_000);
        assert_eq!(meter.bits_per_second(3450), 6_000);
        assert_eq!(meter.bits_per_second(9000), 0);
    }
}
