//! Numbers towards a subscriber for which nothing has come from the publisher.
//!
//! They stay open, that what comes late finds its place; the subscriber reports them as lost, as
//! nobody told it otherwise. What was lost on its own way is what it reports less these.

use std::collections::VecDeque;
use std::ops::Range;

/// Open ones that are known by number: NACKs upstream end long before so many more are lost.
const KNOWN: usize = 512;
/// Numbers behind the highest reported at which nothing comes any more.
const PAST: i64 = 4096;

#[derive(Clone, Copy, Debug)]
struct Hole {
    number: i64,
    /// It was sent after this number, which is the highest that went before it.
    filled_after: Option<i64>,
}

#[derive(Debug, Default)]
pub(crate) struct Holes {
    /// In order.
    open: VecDeque<Hole>,
    /// Open for good.
    older: u64,
}

impl Holes {
    #[cold]
    pub(super) fn open(&mut self, numbers: Range<i64>) {
        let known = numbers.end - (KNOWN as i64).min(numbers.end - numbers.start);
        self.older += (known - numbers.start) as u64;
        self.open.extend((known..numbers.end).map(|number| Hole {
            number,
            filled_after: None,
        }));
        while self.open.len() > KNOWN {
            self.retire();
        }
    }

    #[cold]
    pub(super) fn fill(&mut self, number: i64, highest: i64) {
        let found = self.open.binary_search_by_key(&number, |hole| hole.number);
        if let Some(hole) = found.ok().and_then(|index| self.open.get_mut(index)) {
            hole.filled_after.get_or_insert(highest);
        }
    }

    /// As whoever has got `highest` sees them: what was filled after that is open to it.
    pub(crate) fn up_to(&self, highest: i64) -> u64 {
        let seen = self.open.iter().take_while(|hole| hole.number <= highest);
        let is_open = |hole: &&Hole| hole.filled_after.is_none_or(|after| after >= highest);
        self.older + seen.filter(is_open).count() as u64
    }

    /// All that are open now.
    pub(crate) fn count(&self) -> u64 {
        let open = self.open.iter().filter(|hole| hole.filled_after.is_none());
        self.older + open.count() as u64
    }

    /// Whoever is served has got `highest`.
    pub(crate) fn settle(&mut self, highest: i64) {
        while self
            .open
            .front()
            .is_some_and(|hole| hole.number < highest - PAST)
        {
            self.retire();
        }
    }

    fn retire(&mut self) {
        if let Some(hole) = self.open.pop_front() {
            self.older += u64::from(hole.filled_after.is_none());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_late_is_open_until_the_receiver_can_have_it() {
        let mut holes = Holes::default();
        holes.open(10..13);
        holes.open(20..21);
        assert_eq!(
            [9, 10, 15, 20].map(|highest| holes.up_to(highest)),
            [0, 1, 3, 4]
        );
        holes.fill(11, 25);
        assert_eq!(holes.up_to(25), 4, "it was sent after 25");
        assert_eq!(holes.up_to(26), 3);
        assert_eq!(holes.count(), 3);
        holes.fill(11, 90);
        holes.fill(14, 90);
        assert_eq!(holes.up_to(30), 3);
    }

    #[test]
    fn memory_is_bounded_and_nothing_is_forgotten() {
        let mut holes = Holes::default();
        for number in 0..10_000 {
            holes.open(number * 2..number * 2 + 1);
        }
        assert_eq!(holes.open.len(), KNOWN);
        assert_eq!(holes.up_to(20_000), 10_000);
        holes.open(20_000..1_020_000);
        assert_eq!(holes.open.len(), KNOWN);
        assert_eq!(
            (holes.up_to(1_020_000), holes.count()),
            (1_010_000, 1_010_000)
        );
        holes.settle(2_000_000);
        assert_eq!((holes.open.len(), holes.count()), (0, 1_010_000));
    }
}
