//! A hash for keys of a few words: one multiplication a word, seeded.
//!
//! The tables are asked for every datagram; SipHash costs as much as half of an AES-GCM tag.
//! Only authenticated peers insert, with addresses that they own, so a seed that they do not
//! know is defence enough.

use std::hash::{BuildHasher, Hasher};

#[derive(Clone, Copy, Debug)]
pub(super) struct SeededState(u64);

pub(super) struct SeededHasher(u64);

/// Odd, bits well mixed: the golden ratio.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

impl SeededState {
    pub(super) fn new(seed: u64) -> Self {
        Self(fold(seed ^ MULTIPLIER, MULTIPLIER))
    }
}

impl BuildHasher for SeededState {
    type Hasher = SeededHasher;

    fn build_hasher(&self) -> SeededHasher {
        SeededHasher(self.0)
    }
}

impl SeededHasher {
    fn mix(&mut self, word: u64) {
        self.0 = fold(self.0 ^ word, MULTIPLIER).wrapping_add(word);
    }
}

impl Hasher for SeededHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(chunk) {
                *to = *from;
            }
            self.mix(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.mix(value.into());
    }

    fn write_u16(&mut self, value: u16) {
        self.mix(value.into());
    }

    fn write_u32(&mut self, value: u32) {
        self.mix(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        self.mix(value);
    }

    fn write_usize(&mut self, value: usize) {
        self.mix(value as u64);
    }

    fn finish(&self) -> u64 {
        fold(self.0, MULTIPLIER)
    }
}

/// Both halves of the 128-bit product.
fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    (product as u64) ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn neighbouring_keys_do_not_collide() {
        let state = SeededState::new(7);
        let hashes: HashSet<u64> = (0..100u32)
            .flat_map(|ip| (0..1000u16).map(move |port| (ip, port)))
            .map(|key| state.hash_one(key))
            .collect();
        assert_eq!(hashes.len(), 100_000);
    }

    #[test]
    fn seeds_change_the_hash() {
        assert_ne!(
            SeededState::new(1).hash_one(5u64),
            SeededState::new(2).hash_one(5u64)
        );
    }
}
