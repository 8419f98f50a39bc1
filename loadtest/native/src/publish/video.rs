//! Pictures: frames of all layers at the same moments, their packets spread over a part of the
//! frame's time.

use sfu_proto::srtp::SrtpSender;

use super::PublishCounts;
use super::layer::Layer;
use super::packet::Writer;
use crate::context::Context;
use crate::time::{NEVER, Nanos, SECOND};

const CLOCK_RATE: Nanos = 90_000;
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
    pub(crate) temporal_layers: u8,
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

    pub(super) fn count_into(&self, counts: &mut PublishCounts) {
        for layer in &self.layers {
            counts.packets += layer.number;
            counts.repairs += layer.repairs;
            counts.keyframes += layer.keyframes;
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

    /// Of this frame, over all layers.
    fn packets(&self) -> u32 {
        let packets = self.layers.iter().map(|layer| u32::from(layer.packets()));
        packets.sum()
    }

    fn packet_gap(&self) -> Nanos {
        let spread = self.interval as f64 * self.spread;
        (spread / f64::from(self.packets().max(2) - 1)) as Nanos
    }

    fn send_next(&mut self, context: &mut Context<'_>, writer: &mut Writer, sender: &SrtpSender) {
        let (payload_type, frame) = (self.payload_type, self.frame);
        let timestamp = self.timestamp(frame);
        if let Some((layer, packet)) = self.next_packet() {
            layer.send(
                context,
                writer,
                sender,
                payload_type,
                timestamp,
                frame,
                packet,
            );
        }
        self.sent += 1;
        if self.sent < self.packets() {
            self.next_at = self.frame_at + self.gap * Nanos::from(self.sent);
        } else {
            self.frame = self.frame.wrapping_add(1);
            self.begin_frame(self.frame_at + self.interval);
        }
    }

    /// The layer whose turn it is, and which of its packets.
    fn next_packet(&mut self) -> Option<(&mut Layer, u16)> {
        let mut left = self.sent;
        for layer in &mut self.layers {
            let packets = u32::from(layer.packets());
            if left < packets {
                return Some((layer, left as u16));
            }
            left -= packets;
        }
        None
    }

    fn timestamp(&self, frame: u32) -> u32 {
        frame.wrapping_mul(self.ticks)
    }
}
