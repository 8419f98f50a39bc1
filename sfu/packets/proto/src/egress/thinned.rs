//! The numbers of a stream from which frames are left out.
//!
//! What is sent must be numbered without holes, or the receiver asks for them; VP8 pictures too,
//! since a receiver waits for those between. A late packet keeps the number that was left for it,
//! and what was sent is found again by its number. Knows no slot and no codec.

use std::collections::VecDeque;

/// Places where something was left out. Two frames of four left out of 30 a second make 15 a
/// second: who asks for something older than 8 s has given up on it.
const CUTS: usize = 128;

/// From this number on so many packets and pictures were left out before.
#[derive(Clone, Copy, Debug)]
struct Cut {
    first: i64,
    packets: i64,
    pictures: u16,
}

#[derive(Clone, Debug)]
pub(super) struct Thinned {
    /// By number; the first holds for all before, until it is forgotten.
    cuts: VecDeque<Cut>,
    /// The highest number, sent or left out.
    last: i64,
    last_picture: Option<u16>,
}

impl Thinned {
    /// Nothing was left out up to this number.
    pub(super) fn after(last: i64) -> Self {
        let none = Cut {
            first: i64::MIN / 2,
            packets: 0,
            pictures: 0,
        };
        Self {
            cuts: VecDeque::from([none]),
            last,
            last_picture: None,
        }
    }

    pub(super) fn last(&self) -> i64 {
        self.last
    }

    pub(super) fn sent(&mut self, number: i64) {
        self.last = self.last.max(number);
    }

    /// The packet that follows all that there was, of this picture, is left out.
    pub(super) fn remove(&mut self, number: i64, picture: Option<u16>) {
        self.last = number;
        let Some(&last) = self.cuts.back() else {
            return;
        };
        let is_other = picture.is_some() && picture != self.last_picture;
        self.last_picture = picture.or(self.last_picture);
        if last.first == number {
            self.cuts.pop_back();
        }
        self.cuts.push_back(Cut {
            first: number + 1,
            packets: last.packets + 1,
            pictures: last.pictures.wrapping_add(u16::from(is_other)),
        });
        if self.cuts.len() > CUTS {
            self.cuts.pop_front();
        }
    }

    /// What was left out before the packet: packets and pictures. `None`: too long ago to tell.
    pub(super) fn before(&self, number: i64) -> Option<(i64, u16)> {
        let cut = self.cuts.iter().rev().find(|cut| cut.first <= number)?;
        Some((cut.packets, cut.pictures))
    }

    /// The packet that has this number without those left out.
    pub(super) fn original(&self, closed: i64) -> Option<i64> {
        let mut cuts = self.cuts.iter().rev();
        let cut = cuts.find(|cut| cut.first - cut.packets <= closed)?;
        Some(closed + cut.packets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_closes_up_and_is_found_again() {
        let mut thinned = Thinned::after(-1);
        let is_kept = |number: i64| number % 4 < 2;
        let mut closed = Vec::new();
        for number in 1000..1100 {
            if is_kept(number) {
                let (packets, _) = thinned.before(number).expect("new");
                closed.push((number - packets, number));
            } else {
                thinned.remove(number, Some(number as u16 / 2));
            }
        }
        for (place, &(closed, number)) in closed.iter().enumerate() {
            assert_eq!(closed, 1000 + place as i64);
            assert_eq!(thinned.original(closed), Some(number));
        }
        assert_eq!(
            thinned.before(1100),
            Some((50, 25)),
            "two packets a picture"
        );
    }

    #[test]
    fn remembers_a_bounded_time() {
        let mut thinned = Thinned::after(-1);
        for number in (0..10_000).step_by(2) {
            thinned.remove(number, None);
        }
        assert!(thinned.cuts.len() <= CUTS);
        assert_eq!(thinned.before(9), None);
        assert_eq!(thinned.original(4), None);
        assert_eq!(thinned.before(9_999), Some((5000, 0)));
    }
}
