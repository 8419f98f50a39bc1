//! The configured ceiling of what one publisher may send, and when it has gone grossly beyond.
//!
//! A leaky bucket: what comes fills it, half as much again as the ceiling runs out of it. A
//! publisher that heeds feedback never fills it; at twice the ceiling it is full after two
//! seconds. Then the publisher's video is dropped until the bucket is empty again, so that a
//! picture does not come and go with every packet. Audio has a bucket of its own.

/// A keyframe of a large screen, above the second's worth that any ceiling leaves.
const GRACE_BITS: u64 = 2_000_000;

#[derive(Debug)]
pub(crate) struct Ceiling {
    bps: u64,
    level_bits: u64,
    at_ms: u64,
    is_exceeded: bool,
}

impl Ceiling {
    pub(crate) fn new(bps: u64) -> Self {
        Self {
            bps,
            level_bits: 0,
            at_ms: 0,
            is_exceeded: false,
        }
    }

    pub(crate) fn bps(&self) -> u64 {
        self.bps
    }

    pub(crate) fn is_exceeded(&self) -> bool {
        self.is_exceeded
    }

    /// True: it is exceeded from now on.
    pub(crate) fn received(&mut self, now_ms: u64, bytes: usize) -> bool {
        let gone_ms = now_ms.saturating_sub(self.at_ms);
        self.at_ms = self.at_ms.max(now_ms);
        let leaked = self.bps.saturating_mul(gone_ms) / 1000 * 3 / 2;
        let left = self.level_bits.saturating_sub(leaked);
        let depth = self.bps.saturating_add(GRACE_BITS);
        let level = left + bytes as u64 * 8;
        self.level_bits = level.min(depth);
        let was_exceeded = self.is_exceeded;
        self.is_exceeded = level > depth || was_exceeded && left > 0;
        self.is_exceeded && !was_exceeded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Milliseconds in which it is exceeded, of ten seconds at a share of the ceiling.
    fn exceeded(ceiling: &mut Ceiling, from_ms: u64, percent: u64) -> Vec<u64> {
        let bytes = (ceiling.bps / 8000 * percent / 100) as usize;
        let all = from_ms..from_ms + 10_000;
        all.filter(|&ms| {
            ceiling.received(ms, bytes);
            ceiling.is_exceeded()
        })
        .collect()
    }

    #[test]
    fn who_keeps_near_the_ceiling_is_left_alone() {
        let mut ceiling = Ceiling::new(8_000_000);
        assert_eq!(exceeded(&mut ceiling, 0, 145), []);
    }

    #[test]
    fn twice_the_ceiling_for_two_seconds_is_too_much_until_it_ends() {
        let mut ceiling = Ceiling::new(8_000_000);
        let times = exceeded(&mut ceiling, 0, 200);
        assert!((2000..3000).contains(&times[0]), "{}", times[0]);
        assert_eq!(times.len() as u64, 10_000 - times[0], "and stays");
        let times = exceeded(&mut ceiling, 10_000, 100);
        let end = times.last().expect("not at once");
        assert!((12_000..13_000).contains(end), "{end}");
    }
}
