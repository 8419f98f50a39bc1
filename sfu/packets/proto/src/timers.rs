//! Deadlines of many things in one heap. Entries are never removed, only outlived: whoever
//! is woken looks at its own clock whether something is due.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

#[derive(Debug)]
pub(crate) struct Timers<K: Ord>(BinaryHeap<Reverse<(Instant, K)>>);

impl<K: Ord + Copy> Default for Timers<K> {
    fn default() -> Self {
        Self(BinaryHeap::new())
    }
}

impl<K: Ord + Copy> Timers<K> {
    pub(crate) fn set(&mut self, at: Instant, key: K) {
        self.0.push(Reverse((at, key)));
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(Instant, K)> {
        if self.next()? > now {
            return None;
        }
        self.0.pop().map(|Reverse(entry)| entry)
    }
}
