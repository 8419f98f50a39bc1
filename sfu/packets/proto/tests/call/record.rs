//! What became of each packet on the link and of each frame, and the figures made of them.

use sfu_link::{Fate, Passed};

use super::{Parcel, Plan};
use crate::world::{OPUS, VP8, VP8_RTX};

/// A figure that did not happen.
pub const NEVER: f64 = f64::INFINITY;
const WINDOW_S: f64 = 0.5;
/// Frames of 30 in a second that are its full rate.
const FULL: usize = 27;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// For the first time.
    Video,
    Voice,
    Again,
    Padding,
    Report,
    Tcp,
}

#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub entered_s: f64,
    pub queued_ms: f64,
    pub fate: Fate,
    pub kind: Kind,
    pub viewer: usize,
    pub bytes: usize,
}

impl Row {
    pub(super) fn of(passed: &Passed<Parcel>) -> Self {
        let (kind, viewer) = match &passed.packet {
            Parcel::Segment(_) => (Kind::Tcp, usize::MAX),
            Parcel::Datagram { viewer, data } => (kind(data), *viewer),
        };
        Self {
            entered_s: passed.entered.as_secs_f64(),
            queued_ms: passed.queued.as_secs_f64() * 1000.0,
            fate: passed.fate,
            kind,
            viewer,
            bytes: passed.size,
        }
    }

    fn is_ours(&self) -> bool {
        self.kind != Kind::Tcp
    }
}

/// By what SRTP leaves readable.
fn kind(data: &[u8]) -> Kind {
    let is_padded = data[0] & 0x20 != 0;
    match data[1] & 0x7f {
        VP8 => Kind::Video,
        OPUS => Kind::Voice,
        VP8_RTX if is_padded => Kind::Padding,
        VP8_RTX => Kind::Again,
        _ => Kind::Report,
    }
}

/// A frame that could be shown.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    pub at_s: f64,
    /// SSRC of its encoding, 1001 being the best.
    pub layer: u32,
}

#[derive(Default)]
pub struct Record {
    pub rows: Vec<Row>,
    /// Of each viewer.
    pub shown: Vec<Vec<Shown>>,
    /// Time, and of each viewer what its way is taken to carry.
    pub estimates: Vec<(f64, Vec<Option<u64>>)>,
}

impl Record {
    fn between(&self, since: f64, until: f64) -> impl Iterator<Item = &Row> {
        let rows = self.rows.iter();
        rows.filter(move |row| row.is_ours() && (since..until).contains(&row.entered_s))
    }

    /// Of the first viewer.
    pub fn utilisation(&self, plan: &Plan, settles_s: f64) -> f64 {
        let (mut came, mut best) = (0.0, 0.0);
        for (since, until, capacity) in plan.spans() {
            let since = since + settles_s;
            best += plan.layers.best_bps(capacity) as f64 * (until - since);
            let loss = plan.steps.iter().rfind(|step| step.at_s <= since);
            best -= plan.layers.best_bps(capacity) as f64
                * (until - since)
                * loss.map_or(0.0, |step| step.down.loss);
            let video = self.between(since, until).filter(|row| {
                row.kind == Kind::Video && row.viewer == 0 && row.fate == Fate::Delivered
            });
            came += video.map(|row| row.bytes as f64 * 8.0).sum::<f64>();
        }
        came / best.max(1.0)
    }

    /// 95th percentile in ms over several times.
    pub fn queueing_ms(&self, times: &[(f64, f64)]) -> f64 {
        let rows = times
            .iter()
            .flat_map(|&(since, until)| self.between(since, until));
        let passed = rows.filter(|row| row.fate != Fate::QueueDropped);
        let mut queued: Vec<_> = passed.map(|row| row.queued_ms).collect();
        queued.sort_by(f64::total_cmp);
        queued.get(queued.len() * 95 / 100).copied().unwrap_or(0.0)
    }

    /// In percent.
    pub fn queue_loss(&self, since: f64, until: f64) -> f64 {
        let (mut all, mut dropped) = (0, 0);
        for row in self.between(since, until) {
            all += 1;
            dropped += u32::from(row.fate == Fate::QueueDropped);
        }
        100.0 * f64::from(dropped) / f64::from(all.max(1))
    }

    pub fn offered_bps(&self, since: f64, until: f64) -> f64 {
        let bytes: usize = self.between(since, until).map(|row| row.bytes).sum();
        bytes as f64 * 8.0 / (until - since)
    }

    pub fn peak_second_bps(&self, since: f64, until: f64) -> f64 {
        let starts = (0..((until - since - 1.0) * 10.0) as u32 + 1)
            .map(|tenth| since + f64::from(tenth) / 10.0);
        let rates = starts.map(|since| self.offered_bps(since, since + 1.0));
        rates.fold(0.0, f64::max)
    }

    /// To the first half second in which no more is offered than so much.
    pub fn under_after(&self, step: f64, bps: f64, until: f64) -> f64 {
        let tenths = 0..((until - step - WINDOW_S) * 10.0) as u32;
        let mut starts = tenths.map(|tenth| f64::from(tenth) / 10.0);
        let is_under = |&after: &f64| {
            let since = step + after;
            self.offered_bps(since, since + WINDOW_S) <= bps
        };
        starts.find(is_under).unwrap_or(NEVER)
    }

    /// To the last packet that waited longer than 100 ms, or found no room.
    pub fn queue_short_after(&self, step: f64, until: f64) -> f64 {
        let long = self
            .between(step, until)
            .filter(|row| row.queued_ms > 100.0 || row.fate == Fate::QueueDropped);
        long.map(|row| row.entered_s - step).fold(0.0, f64::max)
    }

    /// To the beginning of the first second that shows the best layer at its full frame rate.
    pub fn top_layer_after(&self, since: f64) -> f64 {
        let shown = self.shown[0].iter();
        let times = shown.filter(|frame| frame.layer == 1001 && frame.at_s >= since);
        let times: Vec<f64> = times.map(|frame| frame.at_s).collect();
        let whole = times
            .windows(FULL)
            .find(|times| times[FULL - 1] - times[0] <= 1.0);
        whole.map_or(NEVER, |times| times[0] - since)
    }

    pub fn first_frame_after(&self, since: f64) -> f64 {
        let mut shown = self.shown[0].iter();
        let first = shown.find(|frame| frame.at_s >= since);
        first.map_or(NEVER, |frame| frame.at_s - since)
    }

    /// Pauses of more than half a second.
    pub fn freezes(&self, since: f64, until: f64) -> f64 {
        let shown = self.shown[0].iter().map(|frame| frame.at_s);
        let inside = shown.filter(|&at| (since..until).contains(&at));
        let times: Vec<f64> = [since].into_iter().chain(inside).chain([until]).collect();
        let long = times.windows(2).filter(|pair| pair[1] - pair[0] > 0.5);
        long.count() as f64
    }

    pub fn switches_a_minute(&self, since: f64, until: f64) -> f64 {
        let frames = self.shown[0].iter();
        let inside = frames.filter(|frame| (since..until).contains(&frame.at_s));
        let layers: Vec<u32> = inside.map(|frame| frame.layer).collect();
        let switches = layers.windows(2).filter(|pair| pair[0] != pair[1]);
        switches.count() as f64 * 60.0 / (until - since)
    }

    /// Share of voices' packets that did not arrive, in percent.
    pub fn voice_loss(&self, since: f64, until: f64) -> f64 {
        let (mut all, mut gone) = (0, 0);
        for row in self.between(since, until) {
            if row.kind == Kind::Voice {
                all += 1;
                gone += u32::from(row.fate != Fate::Delivered);
            }
        }
        100.0 * f64::from(gone) / f64::from(all.max(1))
    }

    /// Share of what was sent that was sent again, or padding, in percent.
    pub fn share(&self, kind: Kind, since: f64, until: f64) -> f64 {
        let (mut all, mut these) = (0, 0);
        for row in self.between(since, until) {
            all += row.bytes;
            these += if row.kind == kind { row.bytes } else { 0 };
        }
        100.0 * these as f64 / all.max(1) as f64
    }

    /// Jain's index over the viewers' mean estimates.
    pub fn fairness(&self, since: f64, until: f64) -> f64 {
        let viewers = self.shown.len();
        let means: Vec<f64> = (0..viewers)
            .map(|viewer| self.mean_estimate(viewer, since, until))
            .collect();
        jain(&means)
    }

    /// Jain's index over what each viewer got.
    pub fn fairness_of_rates(&self, since: f64, until: f64) -> f64 {
        let mut rates = vec![0.0; self.shown.len()];
        let rows = self.between(since, until);
        for row in rows.filter(|row| row.fate == Fate::Delivered) {
            rates[row.viewer] += row.bytes as f64;
        }
        jain(&rates)
    }

    pub fn mean_estimate(&self, viewer: usize, since: f64, until: f64) -> f64 {
        let inside = self
            .estimates
            .iter()
            .filter(|(at, _)| (since..until).contains(at));
        let known = inside.filter_map(|(_, each)| each.get(viewer).copied().flatten());
        let (count, sum) = known.fold((0.0, 0.0), |(count, sum), bps| {
            (count + 1.0, sum + bps as f64)
        });
        sum / f64::max(count, 1.0)
    }

    /// Share of the link that TCP, or all else, has carried.
    pub fn share_of_link(&self, is_tcp: bool, since: f64, until: f64, capacity: f64) -> f64 {
        let rows = self.rows.iter();
        let inside = rows.filter(|row| {
            (since..until).contains(&row.entered_s)
                && row.fate == Fate::Delivered
                && (row.kind == Kind::Tcp) == is_tcp
        });
        let bits: usize = inside.map(|row| row.bytes * 8).sum();
        bits as f64 / (until - since) / capacity
    }

    /// Each half second: what is estimated, offered and shown.
    pub fn print(&self, capacity_at: impl Fn(f64) -> u64) {
        let last = self.estimates.last().map_or(0.0, |(at, _)| *at);
        let mut since = 0.0;
        while since < last {
            let until = since + 0.5;
            let frames = self.shown[0].iter();
            let inside = frames.filter(|frame| (since..until).contains(&frame.at_s));
            let layers: Vec<u32> = inside.map(|frame| frame.layer - 1000).collect();
            println!(
                "{since:6.1} capacity {:5} estimate {:5.0} offered {:5.0} again {:3.0} % padding {:3.0} % queue {:4.0} ms lost {:4.1} % frames {:2} of layer {:?}",
                capacity_at(since) / 1000,
                self.mean_estimate(0, since, until) / 1000.0,
                self.offered_bps(since, until) / 1000.0,
                self.share(Kind::Again, since, until),
                self.share(Kind::Padding, since, until),
                self.queueing_ms(&[(since, until)]),
                self.queue_loss(since, until),
                layers.len(),
                layers.iter().min(),
            );
            since = until;
        }
    }
}

fn jain(rates: &[f64]) -> f64 {
    let sum: f64 = rates.iter().sum();
    let squares: f64 = rates.iter().map(|rate| rate * rate).sum();
    sum * sum / (rates.len() as f64 * squares).max(1.0)
}
