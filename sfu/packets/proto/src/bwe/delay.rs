//! What the one-way delay says of the queue at the bottleneck.
//!
//! In go send and arrival times, out comes whether the way is over-used. Two signals have to
//! agree: the trend of the delay (draft-ietf-rmcat-gcc-02 §5.3, as a line through the last
//! groups of packets) and a *standing queue*, the least delay of the last moments above the
//! least of the last half minute. A loaded receiver delays some packets by much; a queue
//! delays all of them. Only differences of the two clocks matter.

use std::collections::VecDeque;

/// Packets sent within it are one group (libwebrtc `inter_arrival.cc`, kBurstDeltaThresholdMs).
const GROUP_US: i64 = 5_000;
/// Groups in the trend (libwebrtc `trendline_estimator.cc`: window 20, smoothing 0.9, gain 4,
/// at most 60 deltas count).
const TREND_GROUPS: usize = 20;
const SMOOTHING: f64 = 0.9;
const GAIN: f64 = 4.0;
const MOST_DELTAS: u32 = 60;
/// The trend's threshold in ms and how it follows (draft-ietf-rmcat-gcc-02 §5.4; the gains are
/// libwebrtc's).
const THRESHOLD_MS: f64 = 12.5;
const THRESHOLD_RANGE_MS: (f64, f64) = (6.0, 600.0);
const THRESHOLD_UP: f64 = 0.0087;
const THRESHOLD_DOWN: f64 = 0.039;
/// A trend so far above is an outlier that must not lift it (same place).
const THRESHOLD_OUTLIER_MS: f64 = 15.0;
/// Over-use must last (same place, overuse_time_th).
const OVERUSE_US: i64 = 10_000;
/// The least delay is of the last 30 s, in parts of 5 s: two clocks drift apart by 6 ms at
/// 200 ppm in that time, which is less than [`STANDING_US`].
const BASE_PART_US: i64 = 5_000_000;
const BASE_PARTS: usize = 6;
/// A queue stands if all of the last moments waited in it; so long a moment has groups of
/// audio (20 ms) and video (33 ms) in it, and most stalls of a loaded receiver end within it.
const MOMENT_US: i64 = 150_000;
/// Where the trend rises too: two frames and what is between.
const RISING_US: i64 = 60_000;
const MOMENT_GROUPS: usize = 3;
/// Trend and queue together are over-use from this queue on: below it is noise of sockets and
/// schedulers (browsers on two busy cores: 5-10 ms), above it the goal of 60 ms is near.
const STANDING_US: i64 = 15_000;
/// And this queue alone: a full queue has no trend.
const FULL_US: i64 = 50_000;
/// So far apart from the last no two delays are: a clock was set.
const JUMP_US: i64 = 10_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    Normal,
    /// A queue builds up.
    Over,
    /// A queue neither grows nor is gone.
    Standing,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    sent_us: i64,
    /// Of its luckiest packet: what comes after waits for its own frame.
    delay_us: i64,
}

#[derive(Debug)]
pub(super) struct Delay {
    open: Option<Group>,
    groups: VecDeque<(Group, f64)>,
    deltas: u32,
    base: VecDeque<(i64, i64)>,
    /// The least delay of a time before others filled the queue.
    held: Option<i64>,
    threshold_ms: f64,
    trend_ms: f64,
    over_since: Option<i64>,
    is_rising: bool,
    last_delay_us: Option<i64>,
}

impl Delay {
    pub(super) fn new() -> Self {
        Self {
            open: None,
            groups: VecDeque::with_capacity(TREND_GROUPS),
            deltas: 0,
            base: VecDeque::with_capacity(BASE_PARTS),
            held: None,
            threshold_ms: THRESHOLD_MS,
            trend_ms: 0.0,
            over_since: None,
            is_rising: false,
            last_delay_us: None,
        }
    }

    /// True where the clocks jumped, and all begins anew.
    pub(super) fn add(&mut self, sent_us: i64, arrived_us: i64) -> bool {
        let delay_us = arrived_us.saturating_sub(sent_us);
        let last = self.last_delay_us.replace(delay_us);
        if last.is_some_and(|last| last.abs_diff(delay_us) > JUMP_US as u64) {
            *self = Self::new();
            return true;
        }
        self.lower_base(sent_us, delay_us);
        match &mut self.open {
            Some(group) if sent_us - group.sent_us <= GROUP_US => {
                group.delay_us = group.delay_us.min(delay_us);
            }
            _ => {
                let next = Group { sent_us, delay_us };
                if let Some(group) = self.open.replace(next) {
                    self.close(group);
                }
            }
        }
        false
    }

    fn lower_base(&mut self, sent_us: i64, delay_us: i64) {
        match self.base.back_mut() {
            Some((since, least)) if sent_us < *since + BASE_PART_US => {
                *least = (*least).min(delay_us);
            }
            _ => {
                if self.base.len() == BASE_PARTS {
                    self.base.pop_front();
                }
                self.base.push_back((sent_us, delay_us));
            }
        }
    }

    fn close(&mut self, group: Group) {
        if self.groups.len() == TREND_GROUPS {
            self.groups.pop_front();
        }
        let smooth = match self.groups.back() {
            Some((_, smooth)) => SMOOTHING * smooth + (1.0 - SMOOTHING) * group.delay_us as f64,
            None => group.delay_us as f64,
        };
        let before = self.groups.back().map(|(group, _)| group.sent_us);
        self.groups.push_back((group, smooth));
        self.deltas = (self.deltas + 1).min(MOST_DELTAS);
        let trend_ms = match self.groups.len() {
            TREND_GROUPS => self.slope() * f64::from(self.deltas) * GAIN,
            _ => 0.0,
        };
        let since = before.unwrap_or(group.sent_us);
        self.judge(trend_ms, since, group.sent_us);
        self.follow(trend_ms, group.sent_us - since);
    }

    /// Least squares through the smoothed delays, in ms of delay a ms.
    fn slope(&self) -> f64 {
        let (first, base) = match self.groups.front() {
            Some((group, smooth)) => (group.sent_us, *smooth),
            None => return 0.0,
        };
        let points = self
            .groups
            .iter()
            .map(|(group, smooth)| ((group.sent_us - first) as f64, smooth - base));
        let count = self.groups.len() as f64;
        let (sum_x, sum_y) = points
            .clone()
            .fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
        let (mean_x, mean_y) = (sum_x / count, sum_y / count);
        let (over, under) = points.fold((0.0, 0.0), |(over, under), (x, y)| {
            let off = x - mean_x;
            (over + off * (y - mean_y), under + off * off)
        });
        if under > 0.0 { over / under } else { 0.0 }
    }

    fn judge(&mut self, trend_ms: f64, since: i64, now_us: i64) {
        if trend_ms > self.threshold_ms {
            let over_since = *self.over_since.get_or_insert(since);
            self.is_rising = now_us - over_since > OVERUSE_US && trend_ms >= self.trend_ms;
        } else {
            self.over_since = None;
            self.is_rising = false;
        }
        self.trend_ms = trend_ms;
    }

    /// The threshold follows the trends there are, so that noise is not taken for over-use and
    /// flows beside that fill the queue do not starve us (draft-ietf-rmcat-gcc-02 §5.4).
    fn follow(&mut self, trend_ms: f64, passed_us: i64) {
        let size = trend_ms.abs();
        if size > self.threshold_ms + THRESHOLD_OUTLIER_MS {
            return;
        }
        let gain = match size < self.threshold_ms {
            true => THRESHOLD_DOWN,
            false => THRESHOLD_UP,
        };
        let passed_ms = (passed_us as f64 / 1000.0).clamp(0.0, 100.0);
        let next = self.threshold_ms + gain * (size - self.threshold_ms) * passed_ms;
        self.threshold_ms = next.clamp(THRESHOLD_RANGE_MS.0, THRESHOLD_RANGE_MS.1);
    }

    /// How long all of the last moments waited.
    pub(super) fn standing_us(&self) -> i64 {
        match self.is_rising {
            true => self.standing_for_us(RISING_US),
            false => self.standing_for_us(MOMENT_US),
        }
    }

    fn standing_for_us(&self, moment_us: i64) -> i64 {
        let Some((base, open)) = self.base_us().zip(self.open) else {
            return 0;
        };
        let closed = self.groups.iter().rev().map(|(group, _)| group);
        let recent = closed.enumerate().take_while(|(index, group)| {
            *index < MOMENT_GROUPS || open.sent_us - group.sent_us <= moment_us
        });
        let least = recent.fold(open.delay_us, |least, (_, group)| least.min(group.delay_us));
        match self.groups.len() < MOMENT_GROUPS {
            true => 0,
            false => least - base,
        }
    }

    fn base_us(&self) -> Option<i64> {
        let parts = self.base.iter().map(|&(_, least)| least);
        parts.chain(self.held).min()
    }

    /// Others fill the queue: what was the least stays known.
    pub(super) fn hold(&mut self) {
        self.held = self.base_us();
    }

    /// They do no longer, or the way has become another.
    pub(super) fn release(&mut self) {
        self.held = None;
    }

    pub(super) fn usage(&self) -> Usage {
        let standing = self.standing_us();
        match self.is_rising && standing >= STANDING_US {
            true => Usage::Over,
            false if standing >= FULL_US => Usage::Standing,
            false => Usage::Normal,
        }
    }

    /// What stands now is no queue of ours: a longer way, or flows that we cannot move.
    pub(super) fn rebase(&mut self) {
        let standing = self.standing_us();
        for (_, least) in &mut self.base {
            *least += standing;
        }
    }
}
