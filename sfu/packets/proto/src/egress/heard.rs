//! What a receiver reports of one slot, parted from what its publisher's way lost.

use super::rewrite::Rewrite;
use crate::rtcp::ReportBlock;
use crate::rtp::extend_sequence;

/// By the receiver's last report.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Heard {
    /// The highest number that it has got, and numbers up to there for which nothing had come.
    upto: Option<(i64, u64)>,
    /// That it should have.
    pub(crate) expected: u64,
    pub(crate) lost: i64,
    pub(crate) fraction_lost: f64,
    pub(crate) jitter_s: f64,
}

impl Heard {
    /// The block without the publisher's losses. One that was overtaken by a newer has no share.
    pub(crate) fn take(&mut self, block: ReportBlock, rewrite: &mut Rewrite) -> ReportBlock {
        let highest = extend_sequence(rewrite.highest(), block.highest_sequence as u16);
        let highest = highest.min(rewrite.highest());
        let open = rewrite.holes.up_to(highest);
        self.lost = i64::from(block.lost) - open as i64;
        let before = self.upto.unwrap_or((rewrite.start(), 0));
        let mut fraction_lost = block.fraction_lost;
        if highest > before.0 {
            let numbers = (highest - before.0) as u64;
            fraction_lost = own_share(fraction_lost, numbers, open.saturating_sub(before.1));
            rewrite.holes.settle(highest);
            self.upto = Some((highest, open));
            self.expected = ((highest - rewrite.start()) as u64).saturating_sub(open);
        }
        self.fraction_lost = f64::from(fraction_lost) / 256.0;
        ReportBlock {
            fraction_lost,
            ..block
        }
    }
}

/// Of a share of so many numbers, in 1/256, what is left without those that were never sent.
fn own_share(share: u8, numbers: u64, open: u64) -> u8 {
    if open == 0 {
        return share;
    }
    let sent = numbers.saturating_sub(open);
    // The share is rounded down: half of its last bit is as near as it can be.
    let lost = (u64::from(share) * 2 + 1) * numbers / 2;
    let own = lost.saturating_sub(open * 256).checked_div(sent);
    own.unwrap_or(0).min(255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_publishers_losses_are_taken_out_of_a_share() {
        assert_eq!(own_share(77, 100, 0), 77);
        // Ten of a hundred are the publisher's: of 90 nothing was lost.
        let reported = |lost: u64| (lost * 256 / 100) as u8;
        assert_eq!(own_share(reported(10), 100, 10), 0);
        let half = own_share(reported(10 + 45), 100, 10);
        assert!((126..=130).contains(&half), "{half}");
        assert_eq!(own_share(255, 10, 10), 0);
        assert_eq!(own_share(255, 0, 10), 0);
    }
}
