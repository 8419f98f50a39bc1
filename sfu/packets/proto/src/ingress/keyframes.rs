//! Keyframe requests to one layer's publisher: however many viewers ask, the encoder is
//! asked within a token bucket, and asked again until its keyframe is here.

use std::time::{Duration, Instant};

use crate::handover::ShardSet;
use crate::limits::{KEYFRAME_BURST, KEYFRAME_DISTANCE, KEYFRAME_REFILL, KEYFRAME_SHARED};

/// A keyframe takes a round trip, an encoding and its own sending; asking sooner than this
/// would get two.
const REPEAT: Duration = Duration::from_millis(500);

#[derive(Debug, Default)]
pub(crate) struct KeyframeRequests {
    /// Shards where slots wait for one, to begin with it.
    awaited_by: ShardSet,
    /// A picture broke: a viewer asked, or our own reception has a gap.
    is_asked: bool,
    last: Option<Instant>,
    /// When the bucket is full again (the theoretical arrival time of a GCRA).
    full_at: Option<Instant>,
    /// Asked since the last keyframe.
    is_repeat: bool,
}

impl KeyframeRequests {
    /// To begin with.
    pub(crate) fn wait(&mut self, shard: usize) {
        self.awaited_by.insert(shard);
    }

    /// To mend a picture.
    pub(crate) fn ask(&mut self) {
        self.is_asked = true;
    }

    /// No slot of the shard waits any longer; whoever asked still needs it.
    pub(crate) fn stop_waiting(&mut self, shard: usize) {
        self.awaited_by.remove(shard);
        self.is_repeat &= self.is_wanted();
    }

    fn is_wanted(&self) -> bool {
        self.is_asked || !self.awaited_by.is_empty()
    }

    /// The keyframe came.
    pub(crate) fn settle(&mut self) {
        self.awaited_by = ShardSet::NONE;
        self.is_asked = false;
        self.is_repeat = false;
    }

    /// When to ask next, if anybody wants a keyframe.
    pub(crate) fn next(&self, now: Instant) -> Option<Instant> {
        if !self.is_wanted() {
            return None;
        }
        let distance = if self.is_repeat {
            REPEAT
        } else {
            KEYFRAME_DISTANCE
        };
        let spaced = self.last.map_or(now, |last| last + distance);
        let burst = KEYFRAME_REFILL * (KEYFRAME_BURST - 1);
        let token = self
            .full_at
            .and_then(|full| full.checked_sub(burst))
            .unwrap_or(now);
        Some(spaced.max(token).max(now))
    }

    /// True: ask now; the token is spent.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        if self.next(now) != Some(now) {
            return false;
        }
        self.last = Some(now);
        self.is_repeat = true;
        let cost = if self.is_asked {
            KEYFRAME_REFILL
        } else {
            KEYFRAME_SHARED
        };
        self.full_at = Some(self.full_at.map_or(now, |full| full.max(now)) + cost);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests at every millisecond of `duration` while viewers never stop asking.
    fn asked(duration: Duration, keyframes_come: bool) -> Vec<u128> {
        let start = Instant::now();
        let mut requests = KeyframeRequests::default();
        let mut times = Vec::new();
        for ms in 0..duration.as_millis() {
            requests.ask();
            if requests.take(start + Duration::from_millis(ms as u64)) {
                times.push(ms);
                if keyframes_come {
                    requests.settle();
                }
            }
        }
        times
    }

    #[test]
    fn a_burst_of_three_then_one_a_second() {
        assert_eq!(
            asked(Duration::from_secs(4), true),
            [0, 300, 600, 1000, 2000, 3000]
        );
    }

    #[test]
    fn ten_seconds_of_newcomers_take_ten_keyframes_and_nobody_waits_much_longer_than_one() {
        let start = Instant::now();
        let mut requests = KeyframeRequests::default();
        let mut times = Vec::new();
        for ms in 0..10_900 {
            requests.wait(0);
            if requests.take(start + Duration::from_millis(ms)) {
                times.push(ms);
                requests.settle();
            }
        }
        assert!(times.len() <= 10, "{times:?}");
        assert_eq!(times[..3], [0, 300, 600], "the first few wait for nothing");
        assert!(
            times.windows(2).all(|pair| pair[1] - pair[0] <= 1300),
            "{times:?}"
        );
    }

    #[test]
    fn repeats_until_the_keyframe_comes() {
        assert_eq!(
            asked(Duration::from_millis(2500), false),
            [0, 500, 1000, 1500, 2000]
        );
    }

    #[test]
    fn nobody_asks_once_settled() {
        let now = Instant::now();
        let mut requests = KeyframeRequests::default();
        assert_eq!(requests.next(now), None);
        requests.wait(0);
        requests.settle();
        assert!(!requests.take(now));
    }

    #[test]
    fn who_asked_is_served_though_nobody_waits_any_longer() {
        let now = Instant::now();
        let mut requests = KeyframeRequests::default();
        requests.ask();
        requests.wait(0);
        requests.stop_waiting(0);
        assert!(requests.take(now));
        requests.settle();
        requests.wait(0);
        requests.stop_waiting(0);
        assert_eq!(requests.next(now), None);
    }

    #[test]
    fn one_shard_waits_on_when_another_stops() {
        let now = Instant::now();
        let mut requests = KeyframeRequests::default();
        requests.wait(0);
        requests.wait(1);
        requests.stop_waiting(0);
        assert!(requests.take(now));
        requests.stop_waiting(1);
        assert_eq!(requests.next(now), None);
    }
}
