//! Closes the holes that dropped packets would leave in a layer's sequence numbers.
//!
//! Padding-only and undecodable packets must not cost the receivers a number: they would
//! NACK it for seconds. The numbers after such a packet move down by one, and a short list
//! of segments remembers where, so that late packets still map to their own number.

use std::collections::VecDeque;

/// Holes that reordered packets may still cross.
const SEGMENTS: usize = 32;

#[derive(Debug)]
struct Segment {
    first: i64,
    removed: i64,
}

#[derive(Debug)]
pub(crate) struct Numbering {
    segments: VecDeque<Segment>,
    highest: Option<i64>,
}

impl Default for Numbering {
    fn default() -> Self {
        let all = Segment {
            first: i64::MIN,
            removed: 0,
        };
        Self {
            segments: VecDeque::from([all]),
            highest: None,
        }
    }
}

impl Numbering {
    /// The closed number of a packet that goes on; `None`: older than all that we remember.
    pub(crate) fn assign(&mut self, number: i64) -> Option<i64> {
        self.highest = self.highest.max(Some(number));
        let segment = self
            .segments
            .iter()
            .rev()
            .find(|segment| segment.first <= number)?;
        Some(number - segment.removed)
    }

    /// Takes a number out. False: too late, packets after it have gone with the hole open.
    pub(crate) fn remove(&mut self, number: i64) -> bool {
        if self.highest.is_some_and(|highest| number <= highest) {
            return false;
        }
        self.highest = Some(number);
        let removed = self.segments.back().map_or(0, |segment| segment.removed) + 1;
        if self
            .segments
            .back()
            .is_some_and(|segment| segment.first == number)
        {
            self.segments.pop_back();
        }
        self.segments.push_back(Segment {
            first: number + 1,
            removed,
        });
        if self.segments.len() > SEGMENTS {
            self.segments.pop_front();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_numbers_leave_no_hole_and_late_packets_keep_theirs() {
        let mut numbering = Numbering::default();
        assert_eq!(numbering.assign(10), Some(10));
        assert_eq!(numbering.assign(12), Some(12));
        assert!(numbering.remove(13));
        assert!(numbering.remove(14));
        assert_eq!(numbering.assign(15), Some(13));
        assert_eq!(numbering.assign(11), Some(11));
        assert!(!numbering.remove(11));
        assert_eq!(numbering.assign(16), Some(14));
    }

    #[test]
    fn remembers_a_bounded_number_of_holes() {
        let mut numbering = Numbering::default();
        for number in 0..1000 {
            if number % 2 == 0 {
                numbering.assign(number);
            } else {
                numbering.remove(number);
            }
        }
        assert!(numbering.segments.len() <= SEGMENTS);
        assert_eq!(numbering.assign(2), None);
        assert_eq!(numbering.assign(1000), Some(500));
    }
}
