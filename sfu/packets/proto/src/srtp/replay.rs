//! Which packet indices of a stream have been seen (RFC 3711 §3.3.2).

/// The last `WORDS * 64` indices, one bit each, as a ring.
#[derive(Clone, Debug)]
pub(super) struct ReplayWindow<const WORDS: usize> {
    highest: u64,
    seen: [u64; WORDS],
}

impl<const WORDS: usize> ReplayWindow<WORDS> {
    const SIZE: u64 = WORDS as u64 * 64;

    pub(super) fn starting_at(index: u64) -> Self {
        let mut window = Self {
            highest: index,
            seen: [0; WORDS],
        };
        window.set(index, true);
        window
    }

    pub(super) fn highest(&self) -> u64 {
        self.highest
    }

    /// Neither seen before nor too old to tell.
    pub(super) fn is_fresh(&self, index: u64) -> bool {
        if index > self.highest {
            return true;
        }
        self.highest - index < Self::SIZE && !self.get(index)
    }

    /// Marks as seen; only for an index that is fresh and whose packet authenticated.
    pub(super) fn insert(&mut self, index: u64) {
        if index > self.highest {
            if index - self.highest >= Self::SIZE {
                self.seen = [0; WORDS];
            } else {
                (self.highest + 1..index).for_each(|skipped| self.set(skipped, false));
            }
            self.highest = index;
        }
        self.set(index, true);
    }

    fn get(&self, index: u64) -> bool {
        let (word, bit) = Self::place(index);
        self.seen.get(word).is_some_and(|seen| seen & bit != 0)
    }

    fn set(&mut self, index: u64, value: bool) {
        let (word, bit) = Self::place(index);
        if let Some(seen) = self.seen.get_mut(word) {
            *seen = if value { *seen | bit } else { *seen & !bit };
        }
    }

    fn place(index: u64) -> (usize, u64) {
        let position = index % Self::SIZE;
        ((position / 64) as usize, 1 << (position % 64))
    }
}

/// A replay window for each SSRC that has authenticated, up to a limit.
///
/// A peer has a handful of SSRCs; the whole array of them is one or two cache lines, so
/// that looking through it is faster than hashing.
#[derive(Debug)]
pub(super) struct Streams<const WORDS: usize> {
    limit: usize,
    ssrcs: Vec<u32>,
    windows: Vec<ReplayWindow<WORDS>>,
}

impl<const WORDS: usize> Streams<WORDS> {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            ssrcs: Vec::new(),
            windows: Vec::new(),
        }
    }

    pub(super) fn get(&self, ssrc: u32) -> Option<&ReplayWindow<WORDS>> {
        self.windows.get(self.position(ssrc)?)
    }

    pub(super) fn has_room(&self) -> bool {
        self.ssrcs.len() < self.limit
    }

    /// The packet authenticated: its SSRC is real, and its index is spent.
    pub(super) fn insert(&mut self, ssrc: u32, index: u64) {
        let position = self.position(ssrc);
        match position.and_then(|position| self.windows.get_mut(position)) {
            Some(window) => window.insert(index),
            None => {
                self.ssrcs.push(ssrc);
                self.windows.push(ReplayWindow::starting_at(index));
            }
        }
    }

    fn position(&self, ssrc: u32) -> Option<usize> {
        self.ssrcs.iter().position(|&known| known == ssrc)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn each_index_is_fresh_once() {
        let mut window = ReplayWindow::<16>::starting_at(5000);
        assert!(!window.is_fresh(5000));
        for index in [5001, 4500, 5003, 5002, 5500] {
            assert!(window.is_fresh(index));
            window.insert(index);
            assert!(!window.is_fresh(index));
        }
        assert_eq!(window.highest(), 5500);
    }

    #[test]
    fn older_than_1024_packets_is_never_fresh() {
        let window = ReplayWindow::<16>::starting_at(5000);
        assert!(window.is_fresh(5000 - 1023));
        assert!(!window.is_fresh(5000 - 1024));
        assert!(!window.is_fresh(0));
    }

    #[test]
    fn agrees_with_a_set_over_random_walks() {
        let mut window = ReplayWindow::<2>::starting_at(1000);
        let mut seen = HashSet::from([1000u64]);
        let mut random = 0x9e37_79b9_7f4a_7c15u64;
        for _ in 0..20_000 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let step = (random >> 33) % 300;
            let index = (window.highest() + 40).saturating_sub(step);
            let is_fresh = index + 128 > window.highest() && !seen.contains(&index);
            assert_eq!(window.is_fresh(index), is_fresh, "index {index}");
            if is_fresh {
                window.insert(index);
                seen.insert(index);
            }
        }
    }
}
