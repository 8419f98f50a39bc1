//! What share of its packets a subscriber loses now, by its own word.
//!
//! In go transport-wide feedback and, of those who send none, receiver reports; out comes how much
//! redundancy its sound needs ([`Losses::distance`]). Time is microseconds of our clock. It knows
//! no packet, slot or budget.

/// What was told so long ago counts a third. Of one voice that is a hundred packets: an onset of
/// 10 % is seen within a second, and two losses by chance are no two percent.
const WINDOW_US: f64 = 2_000_000.0;
/// Fewer losses than this are none: the first packets of a call would else be a share.
const LEAST_LOST: f64 = 2.5;
/// What a receiver report counts: a second of sound.
const REPORTED: f64 = 50.0;
/// From so much loss on each packet goes along with the next, and with the next two: what is left
/// is below 0.3 % up to here, which Opus conceals unheard. Less of it must last for long.
const ON: [f64; 2] = [0.02, 0.055];
const OFF: [f64; 2] = [0.01, 0.03];
/// Loss comes in bursts, of radio seconds long.
const HOLD_US: i64 = 10_000_000;

#[derive(Debug, Default)]
pub(crate) struct Losses {
    expected: f64,
    lost: f64,
    at_us: i64,
    /// The highest number that was told of, and which of it and those before were lost.
    told: Option<u64>,
    missing: u128,
    distance: u8,
    /// When it was last needed.
    needed_us: i64,
}

impl Losses {
    /// By how many packets sound should reach back.
    pub(crate) fn distance(&self) -> u8 {
        self.distance
    }

    /// Numbers, rising, and when they arrived, if they did.
    pub(crate) fn take_arrivals(
        &mut self,
        now_us: i64,
        told: impl Iterator<Item = (u16, Option<i64>)>,
    ) {
        self.fade(now_us);
        for (number, time) in told {
            self.take_number(number, time.is_some());
        }
        self.judge(now_us);
    }

    /// Reports and feedback tell of the same packets.
    pub(crate) fn take_report(&mut self, now_us: i64, fraction_lost: u8) {
        if self.told.is_none() {
            self.fade(now_us);
            self.expected += REPORTED;
            self.lost += REPORTED * f64::from(fraction_lost) / 256.0;
            self.judge(now_us);
        }
    }

    /// Late packets are told of twice: first as lost.
    fn take_number(&mut self, number: u16, has_come: bool) {
        let told = *self.told.get_or_insert(u64::from(number) + (1 << 16) - 1);
        let ahead = i64::from(number.wrapping_sub(told as u16) as i16);
        if ahead <= 0 {
            let bit = 1u128.checked_shl((-ahead) as u32).unwrap_or(0);
            if has_come && self.missing & bit != 0 {
                self.missing &= !bit;
                self.lost = (self.lost - 1.0).max(0.0);
            }
            return;
        }
        // What no feedback told of, as it was lost itself, may have come.
        self.told = Some(told + ahead as u64);
        self.missing = self.missing.checked_shl(ahead as u32).unwrap_or(0);
        self.missing |= u128::from(!has_come);
        self.expected += 1.0;
        self.lost += f64::from(u8::from(!has_come));
    }

    fn fade(&mut self, now_us: i64) {
        let elapsed = (now_us - self.at_us).max(0) as f64;
        let kept = (-elapsed / WINDOW_US).exp();
        self.at_us = now_us;
        self.expected *= kept;
        self.lost *= kept;
    }

    fn judge(&mut self, now_us: i64) {
        let ratio = match self.lost >= LEAST_LOST {
            true => self.lost / self.expected,
            false => 0.0,
        };
        let above = |bounds: [f64; 2]| bounds.iter().filter(|&&bound| ratio >= bound).count() as u8;
        let (needed, kept) = (above(ON), above(OFF).min(self.distance));
        let least = needed.max(kept);
        if least >= self.distance || now_us - self.needed_us >= HOLD_US {
            self.needed_us = now_us;
            self.distance = least;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bwe::Arrivals;

    const FEEDBACK_US: i64 = 100_000;

    /// Five packets each tenth of a second; those lost by their number.
    fn tell(
        losses: &mut Losses,
        from: u64,
        feedbacks: u64,
        is_lost: impl Fn(u64) -> bool,
    ) -> Vec<u8> {
        let told = (from..from + feedbacks).map(|feedback| {
            let numbers = feedback * 5..feedback * 5 + 5;
            let times_us = numbers.map(|number| (!is_lost(number)).then_some(0));
            let arrivals = Arrivals {
                base_sequence: (feedback * 5) as u16,
                times_us: times_us.collect(),
            };
            losses.take_arrivals(feedback as i64 * FEEDBACK_US, arrivals.iter());
            losses.distance()
        });
        told.collect()
    }

    #[test]
    fn more_loss_needs_more_and_less_of_it_must_last() {
        let mut losses = Losses::default();
        let clean = tell(&mut losses, 0, 100, |number| number % 200 == 0);
        assert_eq!(clean, [0; 100], "half a percent");
        let some = tell(&mut losses, 100, 50, |number| number % 28 == 0);
        assert_eq!(some.last(), Some(&1), "3.6 %");
        let much = tell(&mut losses, 150, 30, |number| number % 5 == 0);
        assert!(much[9..].iter().all(|&distance| distance == 2), "{much:?}");
        let after = tell(&mut losses, 180, 400, |_| false);
        assert!(after[..100].iter().all(|&distance| distance == 2));
        assert_eq!(after.last(), Some(&0));
    }

    #[test]
    fn what_is_between_two_bounds_stays() {
        let mut losses = Losses::default();
        tell(&mut losses, 0, 60, |number| number % 10 == 0);
        let between = tell(&mut losses, 60, 600, |number| number % 23 == 0);
        assert_eq!(between, [2; 600], "4.3 %");
    }

    #[test]
    fn a_single_loss_is_none_and_nothing_told_is_nothing() {
        let mut losses = Losses::default();
        let first = tell(&mut losses, 0, 3, |number| number == 2 || number == 5);
        assert_eq!(first, [0; 3]);
        losses.take_arrivals(1_000_000, std::iter::empty());
        assert_eq!(losses.distance(), 0);
    }

    #[test]
    fn late_packets_were_not_lost_however_often_they_are_told_of() {
        let mut losses = Losses::default();
        for feedback in 0..100u64 {
            let of = |base: u64, times: &[bool]| Arrivals {
                base_sequence: base as u16,
                times_us: times.iter().map(|come| come.then_some(0)).collect(),
            };
            let (base, now_us) = (65_000 + feedback * 5, feedback as i64 * FEEDBACK_US);
            losses.take_arrivals(now_us, of(base, &[true, false, true, false, true]).iter());
            losses.take_arrivals(now_us, of(base + 1, &[true, true, true]).iter());
            losses.take_arrivals(now_us, of(base + 1, &[true, true, true]).iter());
        }
        assert_eq!(losses.distance(), 0);
        assert!(losses.lost < 0.1 && losses.expected > 50.0);
    }

    #[test]
    fn reports_count_where_there_is_no_feedback() {
        let mut losses = Losses::default();
        for second in 0..4 {
            losses.take_report(second * 1_000_000, 26);
        }
        assert_eq!(losses.distance(), 2);
        let mut told = Losses::default();
        tell(&mut told, 0, 1, |_| false);
        for second in 0..4 {
            told.take_report(second * 1_000_000, 26);
        }
        assert_eq!(told.distance(), 0);
    }
}
