//! The send side's part of a snapshot.

use std::time::Instant;

use super::Egress;
use crate::snapshot::{SlotSnapshot, TransportSnapshot};

impl Egress {
    /// What is known of transports on this side.
    pub(crate) fn transport_snapshots(&self) -> Vec<TransportSnapshot> {
        let senders = self.senders.iter().map(|(_, sender)| TransportSnapshot {
            transport: sender.id,
            packets_sent: sender.packets,
            bytes_sent: sender.bytes,
            round_trip_time_s: sender.round_trip.map(|round_trip| round_trip.as_secs_f64()),
            remb_bps: sender.remb_bps,
            available_bps: sender.available_bps(),
            round_trip_last_s: sender.round_trip_last.map(|last| last.as_secs_f64()),
            jitter_down_s: sender.jitter_s(),
            reported_packets: sender.reported.packets,
            reported_lost: sender.reported.lost,
            ..TransportSnapshot::default()
        });
        senders.collect()
    }

    pub(crate) fn slot_snapshots(&self, now: Instant) -> Vec<SlotSnapshot> {
        let ms = self.clock.ms(now);
        let slots = self.slots.iter().map(|(_, slot)| {
            let feed = slot.current.and_then(|layer| self.feeds.get(&layer));
            let wanted = slot.wanted.and_then(|layer| self.feeds.get(&layer));
            let shown = slot.shown.map(|(source, _)| source);
            let counters = slot.counters;
            let lost = slot.heard.lost.max(0) as u64;
            SlotSnapshot {
                slot: slot.id,
                source: feed.map(|feed| feed.description.source),
                layer: feed.map_or(0, |feed| {
                    let highest = slot.layers.highest();
                    feed.description.index_of(highest.spatial)
                }),
                temporal: slot.layers.highest().temporal,
                reason: slot.told_reason.0,
                is_off: slot.told_reason.1,
                wanted: match wanted {
                    Some(feed) => Some(feed.description.source),
                    None => shown.filter(|_| feed.is_none()),
                },
                packets: counters.packets,
                bytes: counters.bytes,
                retransmitted: counters.retransmitted,
                nacks_received: counters.nacks_received,
                plis_received: counters.keyframe_requests_received,
                switches: counters.switches,
                bitrate_bps: slot.meter.bits_per_second(ms),
                frames: counters.frames,
                keyframes: if slot.is_audio() {
                    0
                } else {
                    counters.keyframes
                },
                repaired: slot.retransmissions.packets,
                expected: slot.heard.expected,
                lost: slot.heard.lost,
                fraction_lost: slot.heard.fraction_lost,
                lost_up: slot.rewrite.holes.count(),
                lost_after_repair: lost.saturating_sub(slot.retransmissions.packets),
                jitter_s: slot.heard.jitter_s,
            }
        });
        slots.collect()
    }
}
