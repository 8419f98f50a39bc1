//! Whose queue it is. Flows that fill every queue until it drops (TCP) would starve one that
//! gives way to delay; beside them only losses tell how much to send.
//!
//! A queue of ours gets shorter by all that we send less than it lets through. So where that
//! would have emptied it and it still stands, it is somebody else's.

/// What was let through before is the link's rate, or was, so long after the queue appeared.
const KNOWN_US: i64 = 1_000_000;
/// A queue was there: as [`super::delay`] takes one for full, and as empty.
const STANDS_US: i64 = 50_000;
const EMPTY_US: i64 = 25_000;
/// By so many times its length an own queue would have been shortened, and less than this share
/// of it would be left.
const CREDIT: f64 = 2.0;
const STILL: f64 = 0.5;
/// So much of theirs may be left when they are gone: clocks drift.
const EMPTY: f64 = 0.2;
/// What moves less is a longer way ([`super::delay::Delay::rebase`]).
const MOVES_US: i64 = 15_000;
/// While an own queue runs empty, more arrives than is sent.
const DRAINS: f64 = 1.15;
/// More lost: no queue of anybody's is an excuse (draft-ietf-rmcat-gcc-02 §6), nor is there
/// growth above the lower bound.
const HEAVY: f64 = 0.1;
const CALM: f64 = 0.02;
const LOSS_OVER_US: f64 = 2_000_000.0;
/// At first half of what was carried before the queue: two share.
const SHARE: f64 = 0.5;
/// Up to it by doubling each second, on by as much as elsewhere.
const BACK: f64 = 2.0;
const INCREASE: f64 = 1.08;
const ABOVE_ACKNOWLEDGED: f64 = 1.5;
/// Then it is tried again whether it has become ours, twice as long after it each time.
const AGAIN_US: (i64, i64) = (30_000_000, 120_000_000);

#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) now_us: i64,
    pub(super) standing_us: i64,
    pub(super) sent_bps: f64,
    pub(super) acknowledged_bps: f64,
    pub(super) loss: f64,
    pub(super) target: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    /// Ours, as far as is known.
    Ours,
    /// Somebody else's, from now on.
    Others,
    /// It still is; send so much.
    Send(f64),
    /// No longer.
    Gone,
}

/// Since the queue appeared.
#[derive(Clone, Copy, Debug)]
struct Evidence {
    since_us: i64,
    /// What it let through, and how long it was, when that was known.
    known: Option<(f64, i64)>,
    range_us: (i64, i64),
    credit_us: f64,
}

#[derive(Clone, Copy, Debug)]
struct Sharing {
    goal_bps: f64,
    standing_us: i64,
    again_us: i64,
    cut_us: i64,
}

#[derive(Debug)]
pub(super) struct Beside {
    evidence: Option<Evidence>,
    sharing: Option<Sharing>,
    /// When the queue was empty last.
    carried_bps: f64,
    /// Where it was found to be others' already: what we had beside them.
    had_bps: Option<f64>,
    patience_us: i64,
    /// Of the last two seconds.
    loss: f64,
    seen_us: Option<i64>,
}

impl Beside {
    pub(super) fn new() -> Self {
        Self {
            evidence: None,
            sharing: None,
            carried_bps: 0.0,
            had_bps: None,
            patience_us: AGAIN_US.0,
            loss: 0.0,
            seen_us: None,
        }
    }

    pub(super) fn is_sharing(&self) -> bool {
        self.sharing.is_some()
    }

    pub(super) fn see(&mut self, seen: &Seen) -> Verdict {
        let before_us = self.seen_us.replace(seen.now_us).unwrap_or(seen.now_us);
        let passed_us = (seen.now_us - before_us).clamp(0, 500_000) as f64;
        self.loss += (seen.loss - self.loss) * (passed_us / LOSS_OVER_US).min(1.0);
        match self.sharing {
            Some(sharing) => self.share(seen, sharing, passed_us),
            None => self.weigh(seen, passed_us),
        }
    }

    fn weigh(&mut self, seen: &Seen, passed_us: f64) -> Verdict {
        if seen.standing_us < EMPTY_US {
            let has_ended = self.had_bps.is_some();
            self.forget(seen.acknowledged_bps);
            return match has_ended {
                true => Verdict::Gone,
                false => Verdict::Ours,
            };
        }
        let before_bps = self.carried_bps;
        let evidence = match &mut self.evidence {
            Some(evidence) => evidence,
            None if seen.standing_us < STANDS_US => return Verdict::Ours,
            none => none.insert(Evidence {
                since_us: seen.now_us,
                known: None,
                range_us: (0, 0),
                credit_us: 0.0,
            }),
        };
        if !evidence.excludes_us(seen, passed_us) || self.loss > HEAVY {
            return Verdict::Ours;
        }
        self.evidence = None;
        self.sharing = Some(Sharing {
            goal_bps: self.had_bps.unwrap_or(before_bps * SHARE),
            standing_us: seen.standing_us,
            again_us: seen.now_us + self.patience_us,
            cut_us: seen.now_us,
        });
        Verdict::Others
    }

    fn forget(&mut self, carried_bps: f64) {
        self.carried_bps = carried_bps;
        (self.evidence, self.had_bps) = (None, None);
        self.patience_us = AGAIN_US.0;
    }

    fn share(&mut self, seen: &Seen, mut sharing: Sharing, passed_us: f64) -> Verdict {
        if seen.standing_us < EMPTY_US.max((sharing.standing_us as f64 * EMPTY) as i64) {
            self.sharing = None;
            self.forget(seen.acknowledged_bps);
            return Verdict::Gone;
        }
        if seen.now_us >= sharing.again_us {
            self.sharing = None;
            self.had_bps = Some(seen.target);
            self.patience_us = (self.patience_us * 2).min(AGAIN_US.1);
            return Verdict::Ours;
        }
        let passed_s = passed_us / 1e6;
        let mut target = seen.target;
        if self.loss > HEAVY {
            if (seen.now_us - sharing.cut_us) as f64 >= LOSS_OVER_US {
                target *= 1.0 - self.loss / 2.0;
                sharing.cut_us = seen.now_us;
            }
        } else if target < sharing.goal_bps {
            target = (target * BACK.powf(passed_s)).min(sharing.goal_bps);
        } else if self.loss < CALM {
            let most = (seen.acknowledged_bps * ABOVE_ACKNOWLEDGED).max(target);
            target = (target * INCREASE.powf(passed_s)).min(most);
        }
        self.sharing = Some(sharing);
        Verdict::Send(target)
    }
}

impl Evidence {
    /// That we send less would have emptied it by now, were it ours.
    fn excludes_us(&mut self, seen: &Seen, passed_us: f64) -> bool {
        if seen.now_us - self.since_us < KNOWN_US {
            return false;
        }
        let now = (seen.acknowledged_bps, seen.standing_us);
        let (link_bps, first_us) = *self.known.get_or_insert_with(|| {
            self.range_us = (now.1, now.1);
            now
        });
        self.credit_us += passed_us * (1.0 - seen.sent_bps / link_bps.max(1.0));
        let is_moved = (seen.standing_us as f64) < first_us as f64 * STILL;
        if is_moved || self.credit_us < 0.0 {
            (self.known, self.credit_us) = (Some(now), 0.0);
            self.range_us = (now.1, now.1);
            return false;
        }
        self.range_us.0 = self.range_us.0.min(now.1);
        self.range_us.1 = self.range_us.1.max(now.1);
        let is_still = self.range_us.1 - self.range_us.0 < MOVES_US;
        let drains = seen.acknowledged_bps > seen.sent_bps * DRAINS;
        self.credit_us >= first_us as f64 * CREDIT && !drains && !is_still
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP_US: i64 = 50_000;

    /// Half a second at 1 Mbit/s without a queue, then `seconds` of one as `queue` has it: what
    /// is let through, and how long it is. How it was judged each time.
    fn judge(
        beside: &mut Beside,
        seconds: i64,
        sent_bps: f64,
        queue: impl Fn(i64) -> (f64, i64),
    ) -> Vec<Verdict> {
        let seen = |now_us, sent_bps, (acknowledged_bps, standing_us)| Seen {
            now_us,
            standing_us,
            sent_bps,
            acknowledged_bps,
            loss: 0.0,
            target: sent_bps,
        };
        for step in 0..10 {
            beside.see(&seen(step * STEP_US, 1e6, (1e6, 0)));
        }
        let steps = 0..seconds * 1_000_000 / STEP_US;
        let each = steps.map(|step| {
            let since_us = step * STEP_US;
            beside.see(&seen(500_000 + since_us, sent_bps, queue(since_us)))
        });
        each.collect()
    }

    /// A second of overload, as what was known of the link still comes through.
    fn beside_others(since_us: i64) -> (f64, i64) {
        let length_us = 250_000 + since_us / 50 % 20_000;
        match since_us < 1_200_000 {
            true => (1e6, length_us),
            false => (300_000.0, length_us),
        }
    }

    #[test]
    fn a_longer_way_is_no_queue_of_others() {
        let all = judge(&mut Beside::new(), 20, 300_000.0, |since_us| {
            (beside_others(since_us).0, 250_000)
        });
        assert!(all.iter().all(|&verdict| verdict == Verdict::Ours));
    }

    #[test]
    fn a_queue_that_stays_while_we_send_little_is_others() {
        let mut beside = Beside::new();
        let all = judge(&mut beside, 4, 300_000.0, beside_others);
        let found = all.iter().position(|&verdict| verdict == Verdict::Others);
        let after_us = found.expect("found") as i64 * STEP_US;
        assert!((1_300_000..2_500_000).contains(&after_us), "{after_us}");
        assert!(matches!(all.last(), Some(Verdict::Send(bps)) if *bps > 300_000.0));
    }

    #[test]
    fn it_is_tried_again_and_ends_with_the_queue() {
        let mut beside = Beside::new();
        let all = judge(&mut beside, 40, 300_000.0, beside_others);
        let others = all.iter().filter(|&&verdict| verdict == Verdict::Others);
        assert_eq!(
            others.count(),
            1,
            "nothing less was sent when it was tried again"
        );
        let mut beside = Beside::new();
        let all = judge(&mut beside, 20, 300_000.0, |since_us| match since_us {
            ..10_000_000 => beside_others(since_us),
            _ => (300_000.0, 0),
        });
        assert!(all.contains(&Verdict::Gone) && !beside.is_sharing());
    }

    #[test]
    fn a_full_link_is_nobody_elses() {
        let mut beside = Beside::new();
        // It lets through just what is sent.
        let all = judge(&mut beside, 60, 300_000.0, |_| (300_000.0, 250_000));
        assert!(all.iter().all(|&verdict| verdict == Verdict::Ours));
        // And here the queue runs empty.
        let all = judge(&mut beside, 60, 200_000.0, |since_us| {
            let left_us = 300_000 - (since_us - 1_000_000).max(0) / 3;
            let through_bps = if left_us > 0 { 300_000.0 } else { 200_000.0 };
            (through_bps, left_us.max(0))
        });
        assert!(all.iter().all(|&verdict| verdict == Verdict::Ours));
    }
}
