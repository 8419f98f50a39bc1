//! A subscriber as a browser is one: tells what arrived, asks for what is missing, shows frames
//! that are whole, and asks for a keyframe where none comes any more.

use std::collections::BTreeMap;

use sfu_proto::command::Extension;
use sfu_proto::rtcp::{
    Packet, ReportBlock, packets, write_nack, write_pli, write_receiver_report,
    write_transport_feedback,
};

use super::record::Shown;
use crate::world::*;

/// Libwebrtc's default between two reports of arrivals (`remote_estimator_proxy.cc`).
const ARRIVALS_US: u64 = 100_000;
const REPORT_US: u64 = 1_000_000;
/// Libwebrtc's `nack_requester.cc`: looks every 20 ms, asks each packet at most ten times, a
/// round trip apart, and for nothing that is so far behind.
const NACK_US: u64 = 20_000;
const NACK_TRIES: u8 = 10;
const NACK_BEHIND: u64 = 1_000;
/// No frame could be shown for so long: a keyframe is asked for (`video_receive_stream2.cc`).
const STUCK_US: u64 = 300_000;
const SSRC: u32 = 4242;

pub struct Viewer {
    pub peer: Peer,
    pub shown: Vec<Shown>,
    round_trip_us: u64,
    clock_us: i64,
    video: Stream,
    voice: Stream,
    arrived: BTreeMap<u64, i64>,
    told_up_to: Option<u64>,
    feedback_count: u8,
    arrivals_at: u64,
    report_at: u64,
    nack_at: u64,
    pli_at: u64,
}

impl Viewer {
    pub fn new(world: &mut World, number: usize, delay_ms: u64, dice: &mut Dice) -> Self {
        let peer = world.peer();
        let (video, voice) = (number as u64 * 2 + 1, number as u64 * 2 + 2);
        world.video_slot(video, &peer);
        world.audio_slot(voice, &peer, None);
        world.show(video, 1);
        world.show(voice, 2);
        world.command(sfu_proto::command::Command::SetStage {
            slot: sfu_proto::ids::SlotId(video),
            is_stage: true,
        });
        let phase = |dice: &mut Dice, within: u64| dice.below(within);
        Self {
            peer,
            shown: Vec::new(),
            round_trip_us: 100_000 + delay_ms * 2000,
            clock_us: 1 << 40,
            video: Stream::new(slot_ssrc(video)),
            voice: Stream::new(slot_ssrc(voice)),
            arrived: BTreeMap::new(),
            told_up_to: None,
            feedback_count: 0,
            arrivals_at: phase(dice, ARRIVALS_US),
            report_at: phase(dice, REPORT_US),
            nack_at: phase(dice, NACK_US),
            pli_at: 0,
        }
    }

    pub fn take(&mut self, now_us: u64, datagram: Vec<u8>) {
        let mut mail = Mail::default();
        self.peer.open(datagram, &mut mail);
        for mut rtp in mail.rtp {
            self.note_arrival(now_us, &rtp);
            let ssrc = rtp.header.ssrc;
            if ssrc == self.voice.ssrc {
                self.voice.take(now_us, &rtp, rtp.index);
            } else if ssrc == self.video.ssrc {
                self.video.take(now_us, &rtp, rtp.index);
            } else if let Some(number) = rtp.payload.first_chunk::<2>() {
                // RFC 4588: what was sent again, behind its number.
                let number = u16::from_be_bytes(*number);
                rtp.payload.drain(..2);
                let index = self.video.extend(number);
                self.video.take(now_us, &rtp, index);
            }
        }
        for rtcp in mail.rtcp {
            for packet in packets(&rtcp) {
                if let Ok(Packet::SenderReport { ssrc, ntp, .. }) = packet {
                    let streams = [&mut self.video, &mut self.voice].into_iter();
                    for stream in streams.filter(|stream| stream.ssrc == ssrc) {
                        stream.reported = Some(((ntp >> 16) as u32, now_us));
                    }
                }
            }
        }
        self.video.show(now_us, &mut self.shown);
    }

    fn note_arrival(&mut self, now_us: u64, rtp: &Rtp) {
        let number = rtp.extension(Extension::TransportSequenceNumber);
        let number = u16::from_be_bytes(number.unwrap().try_into().unwrap());
        let last = self.arrived.last_key_value().map(|(&last, _)| last);
        let last = last.or(self.told_up_to).unwrap_or(1 << 16);
        let ahead = number.wrapping_sub(last as u16) as i16;
        let number = last.wrapping_add_signed(i64::from(ahead));
        self.arrived.insert(number, now_us as i64 + self.clock_us);
    }

    /// What it sends now.
    pub fn speak(&mut self, now_us: u64) -> Vec<Vec<u8>> {
        let mut spoken = Vec::new();
        if now_us >= self.arrivals_at {
            self.arrivals_at = now_us + ARRIVALS_US;
            spoken.extend(self.tell_arrivals());
        }
        if now_us >= self.report_at {
            self.report_at = now_us + REPORT_US;
            let blocks = [&mut self.video, &mut self.voice];
            let blocks = blocks.map(|stream| stream.report(now_us));
            let blocks: Vec<_> = blocks.into_iter().flatten().collect();
            let mut rtcp = Vec::new();
            write_receiver_report(&mut rtcp, SSRC, &blocks);
            spoken.push(rtcp);
        }
        if now_us >= self.nack_at {
            self.nack_at = now_us + NACK_US;
            let lost = self.video.missing(now_us, self.round_trip_us);
            if !lost.is_empty() {
                let mut rtcp = Vec::new();
                write_nack(&mut rtcp, SSRC, self.video.ssrc, &lost);
                spoken.push(rtcp);
            }
            let wants_keyframe = self.video.is_stuck(now_us) && now_us >= self.pli_at;
            if wants_keyframe {
                self.pli_at = now_us + STUCK_US;
                let mut rtcp = Vec::new();
                write_pli(&mut rtcp, SSRC, self.video.ssrc);
                spoken.push(rtcp);
            }
        }
        spoken
    }

    fn tell_arrivals(&mut self) -> Option<Vec<u8>> {
        let (&first, _) = self.arrived.first_key_value()?;
        let (&last, _) = self.arrived.last_key_value()?;
        let base = self.told_up_to.map_or(first, |told| (told + 1).min(first));
        let times: Vec<_> = (base..=last)
            .map(|number| self.arrived.remove(&number))
            .collect();
        self.told_up_to = self.told_up_to.max(Some(last));
        let mut rtcp = Vec::new();
        let ssrcs = (SSRC, self.video.ssrc);
        write_transport_feedback(&mut rtcp, ssrcs, base as u16, self.feedback_count, &times);
        self.feedback_count = self.feedback_count.wrapping_add(1);
        Some(rtcp)
    }
}

/// A packet that was not shown yet.
struct Held {
    is_keyframe: bool,
    is_end: bool,
    /// SSRC of the camera's encoding; none: fills a number that was left open.
    layer: Option<u32>,
}

impl Held {
    fn of(rtp: &Rtp) -> Self {
        if rtp.payload.is_empty() {
            return Self {
                is_keyframe: false,
                is_end: true,
                layer: None,
            };
        }
        let vp8 = rtp.vp8();
        Self {
            is_keyframe: vp8.is_keyframe,
            is_end: rtp.header.marker,
            layer: Some(u32::from_be_bytes(vp8.tag[..4].try_into().unwrap())),
        }
    }
}

struct Stream {
    ssrc: u32,
    first: Option<u64>,
    highest: u64,
    received: u64,
    /// Expected and received at the last report.
    before: (u64, u64),
    /// Middle of the time of its last sender report, and when that came.
    reported: Option<(u32, u64)>,
    missing: BTreeMap<u64, (u8, u64)>,
    held: BTreeMap<u64, Held>,
    /// The next to be shown begins here; none: a keyframe has to come.
    cursor: Option<u64>,
    progress_us: u64,
}

impl Stream {
    fn new(ssrc: u32) -> Self {
        Self {
            ssrc,
            first: None,
            highest: 0,
            received: 0,
            before: (0, 0),
            reported: None,
            missing: BTreeMap::new(),
            held: BTreeMap::new(),
            cursor: None,
            progress_us: 0,
        }
    }

    fn extend(&self, number: u16) -> u64 {
        let behind = (self.highest as u16).wrapping_sub(number) as i16;
        self.highest.wrapping_add_signed(-i64::from(behind))
    }

    fn take(&mut self, now_us: u64, rtp: &Rtp, index: u64) {
        let first = *self.first.get_or_insert(index);
        if index > self.highest && index > first {
            for missing in self.highest.max(first) + 1..index {
                self.missing.insert(missing, (0, now_us));
            }
        }
        self.highest = self.highest.max(index);
        self.missing.remove(&index);
        self.received += 1;
        if self.cursor.is_none_or(|cursor| index >= cursor) && rtp.header.payload_type != OPUS {
            self.held.insert(index, Held::of(rtp));
        }
    }

    /// All frames that are whole, in order; where one never gets whole, on from a keyframe.
    fn show(&mut self, now_us: u64, shown: &mut Vec<Shown>) {
        let next = self
            .cursor
            .and_then(|start| Some((start, self.end(start)?)));
        let mut next = next.or_else(|| self.keyframe());
        while let Some((start, end)) = next {
            shown.extend(self.held[&start].layer.map(|layer| Shown {
                at_s: now_us as f64 / 1e6,
                layer,
            }));
            self.cursor = Some(end + 1);
            self.progress_us = now_us;
            self.held = self.held.split_off(&(end + 1));
            next = self.end(end + 1).map(|last| (end + 1, last));
        }
    }

    /// The last packet of the frame that begins there, if it is whole.
    fn end(&self, start: u64) -> Option<u64> {
        let mut end = start;
        while !self.held.get(&end)?.is_end {
            end += 1;
        }
        Some(end)
    }

    /// A whole keyframe beyond what is missing.
    fn keyframe(&self) -> Option<(u64, u64)> {
        let mut starts = self.held.iter().filter(|(_, held)| held.is_keyframe);
        starts.find_map(|(&start, _)| Some((start, self.end(start)?)))
    }

    fn is_stuck(&self, now_us: u64) -> bool {
        !self.held.is_empty() && now_us > self.progress_us + STUCK_US
    }

    fn missing(&mut self, now_us: u64, round_trip_us: u64) -> Vec<u16> {
        let behind = self.highest.saturating_sub(NACK_BEHIND);
        self.missing = self.missing.split_off(&behind);
        self.missing.retain(|_, (tries, _)| *tries < NACK_TRIES);
        let due = self.missing.iter_mut().filter(|(_, (_, at))| *at <= now_us);
        let asked = due.map(|(&number, (tries, at))| {
            *tries += 1;
            *at = now_us + round_trip_us;
            number as u16
        });
        asked.collect()
    }

    fn report(&mut self, now_us: u64) -> Option<ReportBlock> {
        let first = self.first?;
        let (middle, came_us) = self.reported?;
        let expected = self.highest - first + 1;
        let (new, got) = (expected - self.before.0, self.received - self.before.1);
        self.before = (expected, self.received);
        let lost = new.saturating_sub(got);
        Some(ReportBlock {
            ssrc: self.ssrc,
            fraction_lost: (lost * 256 / new.max(1)).min(255) as u8,
            lost: expected as i32 - self.received as i32,
            highest_sequence: self.highest as u32,
            jitter: 0,
            last_sender_report: middle,
            delay_since: ((now_us - came_us) * 65_536 / 1_000_000) as u32,
        })
    }
}
