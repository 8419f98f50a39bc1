//! One stream of a peer: its packets, its frames, and what to say about them.

use sfu_proto::command::MediaKind;
use sfu_proto::rtcp::ReportBlock;

use super::decoding::{Decoding, Played};
use super::frames::Frames;
use super::red;
use super::sequence::{Arrival, SequenceLog};
use super::{StreamConfig, StreamCounts};
use crate::context::Measures;
use crate::stamp::Stamp;
use crate::time::{MILLISECOND, NEVER, Nanos, SECOND};

/// Browsers wait 200 ms for a keyframe before they ask, and ask again while none comes.
const KEYFRAME_PATIENCE: Nanos = 200 * MILLISECOND;
const KEYFRAME_RETRY: Nanos = 500 * MILLISECOND;

pub(super) struct Stream {
    kind: MediaKind,
    ssrc: u32,
    has_repair: bool,
    log: SequenceLog,
    frames: Frames,
    decoding: Decoding,
    counts: StreamCounts,
    /// What cannot be decoded waits for a keyframe; from when on it is asked for.
    keyframe_at: Nanos,
    last_at: Option<Nanos>,
    jitter: Jitter,
    reported: Reported,
}

/// What the last report said, and of which sender report it will tell.
#[derive(Debug, Default)]
struct Reported {
    expected: i64,
    lost: u64,
    sender_report: Option<(u32, Nanos)>,
}

impl Stream {
    pub(super) fn new(config: &StreamConfig) -> Self {
        Self {
            kind: config.kind,
            ssrc: config.ssrc,
            has_repair: config.rtx_ssrc.is_some(),
            log: SequenceLog::default(),
            frames: Frames::default(),
            decoding: Decoding::default(),
            counts: StreamCounts::default(),
            keyframe_at: NEVER,
            last_at: None,
            jitter: Jitter::new(config.kind),
            reported: Reported::default(),
        }
    }

    pub(super) fn kind(&self) -> MediaKind {
        self.kind
    }

    pub(super) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    pub(super) fn count_into(&self, total: &mut StreamCounts) {
        let one = &self.counts;
        total.packets += one.packets;
        total.bytes += one.bytes;
        total.duplicates += one.duplicates;
        total.reordered += one.reordered;
        total.repaired += one.repaired;
        total.lost += self.lost();
        total.frames += one.frames;
        total.keyframes += one.keyframes;
        total.broken_frames += self.frames.broken();
        total.nacks += one.nacks;
        total.keyframes_asked += one.keyframes_asked;
        total.longest_gap = total.longest_gap.max(one.longest_gap);
    }

    pub(super) fn reset_gap(&mut self, now: Nanos) {
        self.counts.longest_gap = 0;
        self.last_at = self.last_at.map(|_| now);
    }

    /// Whether the packet had not come before.
    pub(super) fn take_media(
        &mut self,
        now: Nanos,
        came_at: Nanos,
        number: u16,
        timestamp: u32,
    ) -> bool {
        if self.log.highest().is_none() && self.kind == MediaKind::Video {
            self.keyframe_at = now + KEYFRAME_PATIENCE;
        }
        match self.log.note(now, number) {
            Arrival::New => self.jitter.note(came_at, timestamp),
            Arrival::Reordered => self.counts.reordered += 1,
            Arrival::Duplicate => {
                self.counts.duplicates += 1;
                return false;
            }
        }
        true
    }

    /// Whether the packet, sent again, was missing.
    pub(super) fn take_repair(&mut self, number: u16) -> bool {
        let is_new = self.log.repair(number);
        match is_new {
            true => self.counts.repaired += 1,
            false => self.counts.duplicates += 1,
        }
        is_new
    }

    /// Whether a keyframe is whole now.
    pub(super) fn take_payload(
        &mut self,
        measures: &mut Measures,
        played: &mut Vec<Played>,
        came_at: Nanos,
        number: u16,
        payload: &[u8],
    ) -> bool {
        self.counts.packets += 1;
        self.counts.bytes += payload.len() as u64;
        let Some(stamp) = Stamp::read(payload) else {
            return false;
        };
        match self.kind {
            MediaKind::Audio => {
                measures
                    .audio_delay
                    .record(came_at.saturating_sub(stamp.sent_at));
                self.note_gap(came_at);
                played.push(sound(came_at, &stamp));
                false
            }
            MediaKind::Video => self.take_stamp(measures, played, came_at, number, &stamp),
        }
    }

    /// Notes the older packets that a redundant one repeats; the newest.
    pub(super) fn take_redundant<'a>(
        &self,
        played: &mut Vec<Played>,
        came_at: Nanos,
        payload: &'a [u8],
    ) -> &'a [u8] {
        let mut blocks = red::blocks(payload);
        let newest = blocks.pop().unwrap_or_default();
        let older = blocks.into_iter().filter_map(Stamp::read);
        played.extend(older.map(|stamp| sound(came_at, &stamp)));
        newest
    }

    fn take_stamp(
        &mut self,
        measures: &mut Measures,
        played: &mut Vec<Played>,
        came_at: Nanos,
        number: u16,
        stamp: &Stamp,
    ) -> bool {
        let number = self.log.extended(number);
        let Some(frame) = self.frames.take(number, stamp) else {
            return false;
        };
        let since = |sent_at| came_at.saturating_sub(sent_at);
        measures.frame_delay.record(since(frame.last_sent_at));
        measures.frame_total.record(since(frame.first_sent_at));
        self.counts.frames += 1;
        self.decoding.take(came_at, frame, played);
        self.note_gap(came_at);
        if frame.is_keyframe {
            self.counts.keyframes += 1;
            self.keyframe_at = NEVER;
        }
        frame.is_keyframe
    }

    fn note_gap(&mut self, came_at: Nanos) {
        if let Some(last_at) = self.last_at {
            let gap = came_at.saturating_sub(last_at);
            self.counts.longest_gap = self.counts.longest_gap.max(gap);
        }
        self.last_at = Some(came_at);
    }

    pub(super) fn take_sender_report(&mut self, came_at: Nanos, ntp: u64) {
        self.reported.sender_report = Some(((ntp >> 16) as u32, came_at));
    }

    pub(super) fn next_request_at(&self) -> Nanos {
        self.log.next_at().min(self.keyframe_at)
    }

    /// The packets to ask for, and whether to ask for a keyframe.
    pub(super) fn requests(&mut self, now: Nanos) -> (Vec<u16>, bool) {
        let lost_before = self.log.lost();
        let mut due = self.log.due(now);
        if !self.has_repair {
            due.clear();
        }
        if self.log.lost() > lost_before && self.kind == MediaKind::Video {
            // Nothing behind it can be decoded.
            self.keyframe_at = self.keyframe_at.min(now);
        }
        let needs_keyframe = now >= self.keyframe_at;
        if needs_keyframe {
            self.keyframe_at = now + KEYFRAME_RETRY;
            self.counts.keyframes_asked += 1;
        }
        self.counts.nacks += u64::from(!due.is_empty());
        (due, needs_keyframe)
    }

    fn lost(&self) -> u64 {
        self.log.lost() + self.log.missing() as u64
    }

    /// What a receiver report says of it (RFC 3550 §6.4.1), if anything has come.
    pub(super) fn report(&mut self, now: Nanos) -> Option<ReportBlock> {
        let highest = self.log.highest()?;
        let (expected, lost) = (self.log.expected(), self.lost());
        let expected_since = (expected - self.reported.expected).max(1);
        let lost_since = lost.saturating_sub(self.reported.lost) as i64;
        self.reported.expected = expected;
        self.reported.lost = lost;
        let (last_sender_report, delay) = match self.reported.sender_report {
            Some((middle, at)) => (middle, (now.saturating_sub(at) << 16) / SECOND),
            None => (0, 0),
        };
        Some(ReportBlock {
            ssrc: self.ssrc,
            fraction_lost: (lost_since * 256 / expected_since).min(255) as u8,
            lost: lost as i32,
            highest_sequence: highest as u32,
            jitter: self.jitter.value(),
            last_sender_report,
            delay_since: delay as u32,
        })
    }
}

fn sound(at: Nanos, stamp: &Stamp) -> Played {
    Played {
        at,
        sent_at: stamp.sent_at,
        stream: stamp.stream,
        number: stamp.frame,
        is_keyframe: false,
        is_video: false,
    }
}

/// RFC 3550 §6.4.1, in units of the clock rate, times 16.
#[derive(Debug)]
struct Jitter {
    clock_rate: u64,
    transit: Option<i64>,
    sixteenfold: i64,
}

impl Jitter {
    fn new(kind: MediaKind) -> Self {
        let clock_rate = match kind {
            MediaKind::Video => 90_000,
            MediaKind::Audio => 48_000,
        };
        Self {
            clock_rate,
            transit: None,
            sixteenfold: 0,
        }
    }

    fn note(&mut self, came_at: Nanos, timestamp: u32) {
        let ticks = (u128::from(came_at) * u128::from(self.clock_rate) / u128::from(SECOND)) as u32;
        let transit = i64::from(ticks.wrapping_sub(timestamp));
        if let Some(last) = self.transit.replace(transit) {
            let difference = i64::from((transit - last) as i32).abs();
            self.sixteenfold += difference - ((self.sixteenfold + 8) >> 4);
        }
    }

    fn value(&self) -> u32 {
        (self.sixteenfold >> 4) as u32
    }
}
