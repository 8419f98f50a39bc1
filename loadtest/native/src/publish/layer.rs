//! One encoding: its place in its sequence, its keyframes, and what may be asked for again.

use sfu_proto::srtp::SrtpSender;

use super::packet::{Head, Writer};
use super::temporal::{Place, Temporal};
use super::vp8::Payload;
use super::{LayerConfig, Names};
use crate::context::Context;
use crate::stamp::Stamp;
use crate::time::{MILLISECOND, Nanos};

/// Chromium's encoder makes no two keyframes within this time.
const KEYFRAME_SPACING: Nanos = 300 * MILLISECOND;
/// Packets that can be sent again; a power of two. Two seconds of 2.5 Mbit/s.
const HISTORY: usize = 512;

pub(super) struct Layer {
    pub(super) config: LayerConfig,
    pub(super) names: Names,
    stream: u32,
    /// Of the current frame.
    is_keyframe: bool,
    pub(super) wants_keyframe: bool,
    temporal: Temporal,
    /// Of the current frame.
    place: Place,
    keyframe_at: Option<Nanos>,
    pub(super) number: u64,
    rtx_number: u64,
    pub(super) octets: u64,
    pub(super) keyframes: u64,
    pub(super) repairs: u64,
    history: Box<[Sent]>,
}

/// Enough to make the same packet again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sent {
    number: u64,
    sent_at: Nanos,
    pub(super) frame: u32,
    /// Which of the frame's packets, of how many.
    packet: u16,
    packets: u16,
    is_keyframe: bool,
    place: Place,
}

impl Layer {
    pub(super) fn new(config: LayerConfig, mid: &str, stream: u32) -> Self {
        Self {
            names: Names::new(mid.to_owned(), config.rid.clone()),
            temporal: Temporal::new(config.temporal_layers),
            place: Place::default(),
            config,
            stream,
            is_keyframe: false,
            wants_keyframe: true,
            keyframe_at: None,
            number: 0,
            rtx_number: 0,
            octets: 0,
            keyframes: 0,
            repairs: 0,
            history: vec![Sent::default(); HISTORY].into_boxed_slice(),
        }
    }

    pub(super) fn packets(&self) -> u16 {
        match self.is_keyframe {
            true => self.config.keyframe_packets,
            false => self.config.packets,
        }
    }

    pub(super) fn begin_frame(&mut self, now: Nanos) {
        let may = self
            .keyframe_at
            .is_none_or(|at| now >= at + KEYFRAME_SPACING);
        self.is_keyframe = self.wants_keyframe && may;
        if self.is_keyframe {
            self.wants_keyframe = false;
            self.keyframe_at = Some(now);
            self.keyframes += 1;
        }
        self.place = self.temporal.next(self.is_keyframe);
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one packet's place in its stream"
    )]
    pub(super) fn send(
        &mut self,
        context: &mut Context<'_>,
        writer: &mut Writer,
        sender: &SrtpSender,
        payload_type: u8,
        timestamp: u32,
        frame: u32,
        packet: u16,
    ) {
        let sent = Sent {
            number: self.number,
            sent_at: context.now,
            frame,
            packet,
            packets: self.packets(),
            is_keyframe: self.is_keyframe,
            place: self.place,
        };
        let head = self.head(payload_type, timestamp, &sent);
        let payload = self.payload(&sent);
        let write = |arena: &mut Vec<u8>| payload.write(arena);
        let written = writer.send(context.out, sender, context.now, &head, &self.names, write);
        if written.is_ok() {
            self.history[self.number as usize % HISTORY] = sent;
            self.number += 1;
            self.octets += payload.length as u64;
        }
    }

    /// RFC 4588 §4: the original number, then the original payload.
    pub(super) fn send_again(
        &mut self,
        context: &mut Context<'_>,
        writer: &mut Writer,
        sender: &SrtpSender,
        payload_type: u8,
        timestamp: u32,
        sent: &Sent,
    ) {
        let head = Head {
            number: self.rtx_number,
            ssrc: self.config.rtx_ssrc,
            is_repair: true,
            ..self.head(payload_type, timestamp, sent)
        };
        let payload = self.payload(sent);
        let write = |arena: &mut Vec<u8>| {
            arena.extend_from_slice(&(sent.number as u16).to_be_bytes());
            payload.write(arena);
        };
        let written = writer.send(context.out, sender, context.now, &head, &self.names, write);
        if written.is_ok() {
            self.rtx_number += 1;
            self.repairs += 1;
        }
    }

    pub(super) fn find(&self, number: u16) -> Option<Sent> {
        let newest = self.number.checked_sub(1)?;
        let back = (newest as u16).wrapping_sub(number);
        let number = newest.checked_sub(back.into())?;
        let sent = self.history[number as usize % HISTORY];
        (sent.number == number).then_some(sent)
    }

    fn head(&self, payload_type: u8, timestamp: u32, sent: &Sent) -> Head {
        Head {
            payload_type,
            marker: sent.packet + 1 == sent.packets,
            number: sent.number,
            timestamp,
            ssrc: self.config.ssrc,
            audio_level: None,
            is_repair: false,
        }
    }

    /// Frames differ in size, and the packets of one by a byte, as browsers cut them.
    fn payload(&self, sent: &Sent) -> Payload {
        let random = sent
            .frame
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        let extra = (random >> 24) as usize % 40 + usize::from(sent.packet.is_multiple_of(2));
        Payload {
            stamp: Stamp {
                sent_at: sent.sent_at,
                stream: self.stream,
                frame: sent.frame,
                packets: sent.packets,
                is_keyframe: sent.is_keyframe,
                depends: sent.place.depends,
            },
            place: sent.place,
            is_first: sent.packet == 0,
            resolution: self.config.resolution,
            length: self.config.payload + extra,
        }
    }
}
