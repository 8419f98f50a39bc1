//! What a peer gets: packets counted and missed, frames completed, feedback given.
//!
//! `stream` follows one SSRC, `sequence` what is missing of it, `frames` what is whole, `decoding`
//! what of it can be shown,
//! `feedback` what the sender is told of all of them.

mod decoding;
mod feedback;
mod frames;
mod red;
mod sequence;
mod stream;

use rustc_hash::FxHashMap;
use sfu_proto::command::{Extension, MediaKind};
use sfu_proto::rtcp::{self, Packet};
use sfu_proto::rtp::{Elements, ExtensionMap, Header, split_rtx, strip_padding};
use sfu_proto::srtp::{SrtpReceiver, SrtpSender};

use crate::context::Context;
use crate::time::{NEVER, Nanos, SECOND};
pub(crate) use decoding::Played;
use feedback::ArrivalLog;
use stream::Stream;

/// Receiver reports, as browsers send them for video; audio comes along.
const REPORT_INTERVAL: Nanos = SECOND;

/// Kept for whoever asks for them: an hour of 80 each second.
const MOST_PLAYED: usize = 300_000;

/// A receive line of the answer, by the SSRCs that it announced.
pub(crate) struct StreamConfig {
    pub(crate) kind: MediaKind,
    pub(crate) ssrc: u32,
    pub(crate) rtx_ssrc: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReceiveCounts {
    pub(crate) video: StreamCounts,
    pub(crate) audio: StreamCounts,
    /// Packets on SSRCs that the answer did not announce.
    pub(crate) unknown: u64,
    pub(crate) first_media_at: Option<Nanos>,
    pub(crate) first_keyframe_at: Option<Nanos>,
}

/// Of all streams of one kind.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StreamCounts {
    /// With the repaired ones, without duplicates.
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) duplicates: u64,
    /// Came behind a later packet, without having been sent again.
    pub(crate) reordered: u64,
    pub(crate) repaired: u64,
    /// Never came.
    pub(crate) lost: u64,
    pub(crate) frames: u64,
    pub(crate) keyframes: u64,
    /// Frames of which a packet came but not all.
    pub(crate) broken_frames: u64,
    pub(crate) nacks: u64,
    pub(crate) keyframes_asked: u64,
    /// The longest time without a complete frame, or without an audio packet.
    pub(crate) longest_gap: Nanos,
}

pub(crate) struct Receiver {
    /// Our own SSRC in feedback.
    ssrc: u32,
    cname: String,
    /// Only what we read: the packet's number for its sender's estimate.
    extensions: ExtensionMap,
    streams: Vec<Stream>,
    by_ssrc: FxHashMap<u32, (usize, Line)>,
    arrivals: ArrivalLog,
    next_report_at: Nanos,
    counts: ReceiveCounts,
    /// When a stream next has something to ask for; the earliest of all.
    next_request_at: Nanos,
    /// What could be played, if that is to be told.
    played: Option<Vec<Played>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Media,
    Repair,
}

impl Receiver {
    pub(crate) fn new(
        number: u32,
        streams: &[StreamConfig],
        extensions: &ExtensionMap,
        cname: &str,
    ) -> Self {
        let id = extensions.id(Extension::TransportSequenceNumber);
        let numbered = id.map(|id| (id, Extension::TransportSequenceNumber));
        let mut by_ssrc = FxHashMap::default();
        for (index, stream) in streams.iter().enumerate() {
            by_ssrc.insert(stream.ssrc, (index, Line::Media));
            if let Some(rtx_ssrc) = stream.rtx_ssrc {
                by_ssrc.insert(rtx_ssrc, (index, Line::Repair));
            }
        }
        Self {
            ssrc: feedback_ssrc(number),
            cname: cname.to_owned(),
            extensions: ExtensionMap::new(numbered.as_slice()),
            streams: streams.iter().map(Stream::new).collect(),
            by_ssrc,
            arrivals: ArrivalLog::default(),
            next_report_at: NEVER,
            counts: ReceiveCounts::default(),
            next_request_at: NEVER,
            played: None,
        }
    }

    pub(crate) fn counts(&self) -> ReceiveCounts {
        let mut counts = self.counts;
        for stream in &self.streams {
            match stream.kind() {
                MediaKind::Video => stream.count_into(&mut counts.video),
                MediaKind::Audio => stream.count_into(&mut counts.audio),
            }
        }
        counts
    }

    /// All that could be played since the last call; it is kept from the first call on.
    pub(crate) fn take_played(&mut self) -> Vec<Played> {
        self.played.replace(Vec::new()).unwrap_or_default()
    }

    pub(crate) fn reset_gaps(&mut self, now: Nanos) {
        for stream in &mut self.streams {
            stream.reset_gap(now);
        }
    }

    pub(crate) fn next_timeout(&self) -> Nanos {
        self.next_report_at
            .min(self.next_request_at)
            .min(self.arrivals.next_feedback_at())
    }

    /// Whether it was an authentic packet of a known stream.
    pub(crate) fn handle_rtp(
        &mut self,
        context: &mut Context<'_>,
        came_at: Nanos,
        packet: &mut [u8],
        srtp: &mut SrtpReceiver,
        sender: &mut SrtpSender,
    ) -> bool {
        let Ok(header) = Header::parse(packet) else {
            return false;
        };
        let Ok(unprotected) = srtp.unprotect_rtp(packet, header.len) else {
            return false;
        };
        let packet = &packet[..unprotected.len];
        self.note_arrival(context.now, came_at, packet, &header);
        let Some(&(index, line)) = self.by_ssrc.get(&header.ssrc) else {
            self.counts.unknown += 1;
            return true;
        };
        let payload = match header.has_padding {
            true => strip_padding(&packet[header.len..]).unwrap_or_default(),
            false => &packet[header.len..],
        };
        self.take(context, came_at, index, line, &header, payload);
        self.request(context, index, sender);
        true
    }

    fn take(
        &mut self,
        context: &mut Context<'_>,
        came_at: Nanos,
        index: usize,
        line: Line,
        header: &Header,
        payload: &[u8],
    ) {
        let stream = &mut self.streams[index];
        let (number, payload) = match line {
            Line::Media => (header.sequence_number, payload),
            Line::Repair => match split_rtx(payload) {
                Some(original) => original,
                None => return,
            },
        };
        let is_new = match line {
            Line::Media => stream.take_media(context.now, came_at, number, header.timestamp),
            Line::Repair => stream.take_repair(number),
        };
        if !is_new {
            return;
        }
        if self.counts.first_media_at.is_none() {
            self.counts.first_media_at = Some(came_at);
            self.next_report_at = context.now + REPORT_INTERVAL;
        }
        let mut played = Vec::new();
        let payload = match header.payload_type {
            red::PAYLOAD_TYPE => stream.take_redundant(&mut played, came_at, payload),
            _ => payload,
        };
        let has_keyframe =
            stream.take_payload(context.measures, &mut played, came_at, number, payload);
        if let Some(kept) = &mut self.played
            && kept.len() < MOST_PLAYED
        {
            kept.append(&mut played);
        }
        if has_keyframe && self.counts.first_keyframe_at.is_none() {
            self.counts.first_keyframe_at = Some(came_at);
        }
    }

    pub(crate) fn handle_rtcp(&mut self, came_at: Nanos, packet: &Packet<'_>) {
        if let Packet::SenderReport { ssrc, ntp, .. } = packet
            && let Some(&(index, Line::Media)) = self.by_ssrc.get(ssrc)
        {
            self.streams[index].take_sender_report(came_at, *ntp);
        }
    }

    pub(crate) fn handle_timeout(&mut self, context: &mut Context<'_>, sender: &mut SrtpSender) {
        if context.now >= self.next_request_at {
            self.next_request_at = NEVER;
            for index in 0..self.streams.len() {
                self.request(context, index, sender);
            }
        }
        if context.now >= self.next_report_at {
            self.next_report_at = context.now + REPORT_INTERVAL;
            self.report(context, sender);
        }
        if context.now >= self.arrivals.next_feedback_at() {
            self.tell_arrivals(context, sender);
        }
    }

    fn note_arrival(&mut self, now: Nanos, came_at: Nanos, packet: &[u8], header: &Header) {
        let elements = Elements::parse(packet, &header.extension, &self.extensions);
        let number = elements.get(Extension::TransportSequenceNumber, packet);
        if let Some(&[high, low]) = number {
            let media_ssrc = header.ssrc;
            self.arrivals
                .note(now, came_at, u16::from_be_bytes([high, low]), media_ssrc);
        }
    }

    /// Asks for what the stream misses and for a keyframe, where it is time to.
    fn request(&mut self, context: &mut Context<'_>, index: usize, sender: &mut SrtpSender) {
        let stream = &mut self.streams[index];
        if context.now >= stream.next_request_at() {
            let (lost, needs_keyframe) = stream.requests(context.now);
            let ssrc = stream.ssrc();
            if !lost.is_empty() || needs_keyframe {
                // What cannot be sent is asked for again.
                let _ = context.out.push(|arena, start| {
                    if !lost.is_empty() {
                        rtcp::write_nack(arena, self.ssrc, ssrc, &lost);
                    }
                    if needs_keyframe {
                        rtcp::write_pli(arena, self.ssrc, ssrc);
                    }
                    sender.protect_rtcp(arena, start)
                });
            }
        }
        let next = self.streams[index].next_request_at();
        self.next_request_at = self.next_request_at.min(next);
    }

    fn report(&mut self, context: &mut Context<'_>, sender: &mut SrtpSender) {
        let now = context.now;
        let streams = self.streams.iter_mut();
        let blocks: Vec<_> = streams.filter_map(|stream| stream.report(now)).collect();
        let _ = context.out.push(|arena, start| {
            rtcp::write_receiver_report(arena, self.ssrc, &blocks);
            rtcp::write_source_description(arena, self.ssrc, &self.cname);
            sender.protect_rtcp(arena, start)
        });
    }

    fn tell_arrivals(&mut self, context: &mut Context<'_>, sender: &mut SrtpSender) {
        let _ = context.out.push(|arena, start| {
            self.arrivals.write(arena, self.ssrc);
            sender.protect_rtcp(arena, start)
        });
    }
}

/// Of the upper half, where the publisher's streams have none.
fn feedback_ssrc(number: u32) -> u32 {
    0x8000_0000 | number
}
