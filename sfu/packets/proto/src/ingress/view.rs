//! The receive side's part of a snapshot.

use std::time::Instant;

use super::Ingress;
use super::receiver::Receiver;
use crate::ids::TransportId;
use crate::snapshot::{LayerSnapshot, SourceSnapshot};

impl Ingress {
    /// Every transport with its receive side.
    pub(crate) fn receivers(&self) -> impl Iterator<Item = (TransportId, &Receiver)> {
        self.receivers
            .iter()
            .map(|(_, receiver)| (receiver.id, receiver))
    }

    pub(crate) fn source_snapshots(&self, now: Instant) -> Vec<SourceSnapshot> {
        let ms = self.clock.ms(now);
        let sources = self.sources.iter().map(|(_, source)| {
            let mut layers: Vec<_> = source
                .layers
                .iter()
                .map(|&layer| self.layer_snapshot(ms, layer))
                .collect();
            layers.sort_by_key(|layer| layer.layer);
            let codec = source
                .layers
                .iter()
                .filter_map(|&layer| self.layers[layer].codec)
                .next();
            SourceSnapshot {
                source: source.id,
                codec: codec.map(|codec| source.codec(codec).codec),
                forwarding: source.is_forwarding,
                layers,
            }
        });
        sources.collect()
    }

    fn layer_snapshot(&self, ms: u64, index: usize) -> LayerSnapshot {
        let layer = &self.layers[index];
        let receiver = &self.receivers[self.sources[layer.source].receiver];
        let offset_us = receiver.clock_offset_us();
        let captured_us = layer.cadence.capture_us().zip(offset_us);
        let counters = layer.counters;
        LayerSnapshot {
            layer: layer.index,
            ssrc: layer.ssrc,
            active: layer.is_active,
            packets: counters.packets,
            bytes: counters.bytes,
            expected: layer.reception.expected(),
            received: layer.reception.received(),
            lost: layer.reception.lost(),
            lost_after_repair: layer.reception.lost_after_repair(),
            repaired: counters.repaired,
            repaired_red: counters.repaired_red,
            duplicates: counters.duplicates,
            reordered: layer.reception.reordered(),
            jitter_s: layer.cadence.jitter_s(),
            keyframes: counters.keyframes,
            nacks_sent: counters.nacks_sent,
            plis_sent: counters.keyframe_requests_sent,
            bitrate_bps: layer.meter.bits_per_second(ms),
            frames: counters.frames,
            frames_per_second: layer.cadence.frames_per_second(ms),
            freezes: layer.cadence.freezes,
            frozen_s: layer.cadence.frozen_us as f64 / 1e6,
            width: counters.resolution.0,
            height: counters.resolution.1,
            capture_delay_s: captured_us.map(|(us, offset)| (us - offset) / 1e6),
        }
    }
}
