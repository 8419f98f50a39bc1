//! Pictures: frames of all layers at the same moments, their packets spread over a part of the
//! frame's time, keyframes on demand, packets again on demand.

use sfu_proto::srtp::SrtpSender;

use super::Names;
use super::packet::{Head, Writer};
use super::vp8::Payload;
use crate::peer::{Context, PeerCounts};
use crate::stamp::Stamp;
use crate::time::{MILLISECOND, NEVER, Nanos, SECOND};

const CLOCK_RATE: Nanos = 90_000;
/// Chromium's encoder makes no two keyframes within this time.
const KEYFRAME_SPACING: Nanos = 300 * MILLISECOND;
/// Packets that can be sent again; a power of two. Two seconds of 2.5 Mbit/s.
const HISTORY: usize = 512;
/// Behind a pause of the generator's own, pictures go on from now and do not catch up.
const PATIENCE: Nanos = SECOND;

pub(crate) struct VideoConfig {
    pub(crate) mid: String,
    pub(crate) payload_type: u8,
    pub(crate) rtx_payload_type: Option<u8>,
    pub(crate) frames_per_second: u32,
    /// The share of a frame's time over which its packets are spread; 0 is one burst.
    pub(crate) spread: f64,
    /// In the order in which a frame's packets leave.
    pub(crate) layers: Vec<LayerConfig>,
}

pub(crate) struct LayerConfig {
    pub(crate) rid: Option<String>,
    pub(crate) ssrc: u32,
    pub(crate) rtx_ssrc: u32,
    /// Packets of a frame.
    pub(crate) packets: u16,
    /// Packets of a keyframe.
    pub(crate) keyframe_packets: u16,
    /// Bytes of a packet's payload, give or take what frames differ by.
    pub(crate) payload: usize,
    pub(crate) resolution: (u16, u16),
}

pub(super) struct Video {
    payload_type: u8,
    rtx_payload_type: Option<u8>,
    interval: Nanos,
    ticks: u32,
    spread: f64,
    layers: Vec<Layer>,
    frame: u32,
    frame_at: Nanos,
    /// Packets of this frame that are sent, over all layers.
    sent: u32,
    gap: Nanos,
    next_at: Nanos,
}

struct Layer {
    config: LayerConfig,
    names: Names,
    stream: u32,
    /// Of the current frame.
    is_keyframe: bool,
    wants_keyframe: bool,
    keyframe_at: Option<Nanos>,
    number: u64,
    rtx_number: u64,
    octets: u64,
    keyframes: u64,
    repairs: u64,
    history: Box<[Sent]>,
}

/// Enough to make the same packet again.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    number: u64,
    sent_at: Nanos,
    frame: u32,
    /// Which of the frame's packets, of how many.
    packet: u16,
    packets: u16,
    is_keyframe: bool,
}

impl Video {
    pub(super) fn new(number: u32, config: VideoConfig) -> Self {
        let mid = config.mid;
        let layers = config.layers.into_iter().zip(0..);
        Self {
            payload_type: config.payload_type,
            rtx_payload_type: config.rtx_payload_type,
            interval: SECOND / Nanos::from(config.frames_per_second.max(1)),
            ticks: CLOCK_RATE as u32 / config.frames_per_second.max(1),
            spread: config.spread,
            layers: layers
                .map(|(layer, index)| Layer::new(layer, &mid, number << 3 | index))
                .collect(),
            frame: 0,
            frame_at: NEVER,
            sent: 0,
            gap: 0,
            next_at: NEVER,
        }
    }

    pub(super) fn start(&mut self, now: Nanos, turn: Nanos) {
        self.begin_frame(now + turn * self.interval / 1000);
    }

    pub(super) fn next_at(&self) -> Nanos {
        self.next_at
    }

    pub(super) fn count_into(&self, counts: &mut PeerCounts) {
        for layer in &self.layers {
            counts.packets_sent += layer.number;
            counts.repairs_sent += layer.repairs;
            counts.keyframes_sent += layer.keyframes;
        }
    }

    pub(super) fn know(&mut self, ssrc: u32) {
        if let Some(layer) = self.layer(ssrc) {
            layer.names.are_known = true;
        }
    }

    /// Whether the stream is one of ours.
    pub(super) fn want_keyframe(&mut self, ssrc: u32) -> bool {
        let layer = self.layer(ssrc);
        layer.map(|layer| layer.wants_keyframe = true).is_some()
    }

    /// SSRC, RTP time of now, packets and octets of each layer that has sent.
    pub(super) fn reports(&self, now: Nanos) -> impl Iterator<Item = (u32, u32, u64, u64)> {
        let since = now as i64 - self.frame_at as i64;
        let ticks = since * CLOCK_RATE as i64 / SECOND as i64;
        let timestamp = self.timestamp(self.frame).wrapping_add(ticks as u32);
        let active = self.layers.iter().filter(|layer| layer.number > 0);
        active.map(move |layer| (layer.config.ssrc, timestamp, layer.number, layer.octets))
    }

    pub(super) fn send_due(
        &mut self,
        context: &mut Context<'_>,
        writer: &mut Writer,
        sender: &SrtpSender,
    ) {
        if context.now.saturating_sub(self.next_at) > PATIENCE {
            self.frame += 1;
            self.begin_frame(context.now);
        }
        while self.next_at <= context.now {
            context
                .measures
                .sending_late
                .record(context.now - self.next_at);
            if self.sent == 0 {
                self.layers
                    .iter_mut()
                    .for_each(|layer| layer.begin_frame(context.now));
                self.gap = self.packet_gap();
            }
            self.send_next(context, writer, sender);
        }
    }

    /// Each number that the history still has goes out again in a repair stream.
    pub(super) fn repair(
        &mut self,
        context: &mut Context<'_>,
        writer: &mut Writer,
        sender: &SrtpSender,
        ssrc: u32,
        lost: impl Iterator<Item = u16>,
    ) {
        let Some(payload_type) = self.rtx_payload_type else {
            return;
        };
        let ticks = self.ticks;
        let Some(layer) = self.layer(ssrc) else {
            return;
        };
        for number in lost {
            if let Some(sent) = layer.find(number) {
                let timestamp = sent.frame.wrapping_mul(ticks);
                layer.send_again(context, writer, sender, payload_type, timestamp, &sent);
            }
        }
    }

    fn layer(&mut self, ssrc: u32) -> Option<&mut Layer> {
        let mut layers = self.layers.iter_mut();
        layers.find(|layer| layer.config.ssrc == ssrc)
    }

    fn begin_frame(&mut self, at: Nanos) {
        self.frame_at = at;
        self.next_at = at;
        self.sent = 0;
    }

    fn packet_gap(&self) -> Nanos {
        let packets: u32 = self
            .layers
            .iter()
            .map(|layer| u32::from(layer.packets()))
            .sum();
        let spread = self.interval as f64 * self.spread;
        (spread / f64::from(packets.max(2) - 1)) as Nanos
    }

    fn send_next(&mut self, context: &mut Context<'_>, writer: &mut Writer, sender: &SrtpSender) {
        let mut packet = self.sent;
        let mut layers = self.layers.iter_mut();
        let layer = layers.find(|layer| {
            let is_here = packet < layer.packets().into();
            if !is_here {
                packet -= u32::from(layer.packets());
            }
            is_here
        });
        let Some(layer) = layer else {
            self.frame = self.frame.wrapping_add(1);
            self.begin_frame(self.frame_at + self.interval);
            return;
        };
        let timestamp = self.frame.wrapping_mul(self.ticks);
        let (frame, packet) = (self.frame, packet as u16);
        layer.send(
            context,
            writer,
            sender,
            self.payload_type,
            timestamp,
            frame,
            packet,
        );
        self.sent += 1;
        let packets: u32 = self
            .layers
            .iter()
            .map(|layer| u32::from(layer.packets()))
            .sum();
        match self.sent < packets {
            true => self.next_at = self.frame_at + self.gap * Nanos::from(self.sent),
            false => {
                self.frame = self.frame.wrapping_add(1);
                self.begin_frame(self.frame_at + self.interval);
            }
        }
    }

    fn timestamp(&self, frame: u32) -> u32 {
        frame.wrapping_mul(self.ticks)
    }
}

impl Layer {
    fn new(config: LayerConfig, mid: &str, stream: u32) -> Self {
        Self {
            names: Names::new(mid.to_owned(), config.rid.clone()),
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

    fn packets(&self) -> u16 {
        match self.is_keyframe {
            true => self.config.keyframe_packets,
            false => self.config.packets,
        }
    }

    fn begin_frame(&mut self, now: Nanos) {
        let may = self
            .keyframe_at
            .is_none_or(|at| now >= at + KEYFRAME_SPACING);
        self.is_keyframe = self.wants_keyframe && may;
        if self.is_keyframe {
            self.wants_keyframe = false;
            self.keyframe_at = Some(now);
            self.keyframes += 1;
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one packet's place in its stream"
    )]
    fn send(
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
    fn send_again(
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

    fn find(&self, number: u16) -> Option<Sent> {
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
            },
            is_first: sent.packet == 0,
            resolution: self.config.resolution,
            length: self.config.payload + extra,
        }
    }
}
