//! One consistent view of all counters, taken between two bursts.
//!
//! Totals count since the thing was added; `*_bps` are over the last second.

use std::net::SocketAddr;

use rustc_hash::FxHashMap;

use crate::allocator::Reason;
use crate::command::Codec;
use crate::drop::DropReason;
use crate::ids::{SlotId, SourceId, TransportId};

#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub datagrams_received: u64,
    pub bytes_received: u64,
    pub datagrams_sent: u64,
    pub bytes_sent: u64,
    /// Every drop has a reason; in the order of [`DropReason::ALL`].
    pub drops: Vec<(DropReason, u64)>,
    /// Events lost because Python did not drain them (must stay 0).
    pub events_dropped: u64,
    /// How near the busiest worker is to its limit: 0 idle, 1 at it. The socket layer tells.
    pub stress: f64,
    pub transports: Vec<TransportSnapshot>,
    pub sources: Vec<SourceSnapshot>,
    pub slots: Vec<SlotSnapshot>,
}

impl Snapshot {
    /// Adds what one shard of the send side knows. Transports that are gone here are left out.
    pub fn absorb(&mut self, shard: Snapshot) {
        self.datagrams_received += shard.datagrams_received;
        self.bytes_received += shard.bytes_received;
        self.datagrams_sent += shard.datagrams_sent;
        self.bytes_sent += shard.bytes_sent;
        self.events_dropped += shard.events_dropped;
        self.stress = self.stress.max(shard.stress);
        for ((_, count), (_, more)) in self.drops.iter_mut().zip(shard.drops) {
            *count += more;
        }
        let mut sent: FxHashMap<_, _> = shard
            .transports
            .into_iter()
            .map(|sent| (sent.transport, sent))
            .collect();
        for transport in &mut self.transports {
            if let Some(sent) = sent.remove(&transport.transport) {
                transport.absorb(&sent);
            }
        }
        self.sources.extend(shard.sources);
        self.slots.extend(shard.slots);
    }
}

#[derive(Clone, Debug)]
pub struct TransportSnapshot {
    pub transport: TransportId,
    pub remote: Option<SocketAddr>,
    pub has_keys: bool,
    pub packets_received: u64,
    pub packets_sent: u64,
    pub bytes_received: u64,
    pub bytes_sent: u64,
    pub round_trip_time_s: Option<f64>,
    /// The receiver's own estimate of its downlink (REMB), if it sends one.
    pub remb_bps: Option<u64>,
    /// Our estimate of what the way to it carries; none where nothing tells.
    pub available_bps: Option<u64>,
}

impl TransportSnapshot {
    fn absorb(&mut self, sent: &Self) {
        self.packets_sent += sent.packets_sent;
        self.bytes_sent += sent.bytes_sent;
        self.round_trip_time_s = sent.round_trip_time_s.or(self.round_trip_time_s);
        self.remb_bps = sent.remb_bps.or(self.remb_bps);
        self.available_bps = sent.available_bps.or(self.available_bps);
    }
}

#[derive(Clone, Debug)]
pub struct SourceSnapshot {
    pub source: SourceId,
    pub codec: Option<Codec>,
    pub forwarding: bool,
    pub layers: Vec<LayerSnapshot>,
}

#[derive(Clone, Debug)]
pub struct LayerSnapshot {
    /// Index into the source's rids; 0 where there is no simulcast.
    pub layer: u8,
    pub ssrc: u32,
    pub active: bool,
    pub packets: u64,
    pub bytes: u64,
    /// RFC 3550 A.3 cumulative loss, before repair.
    pub lost: i64,
    /// Of the lost, those that came back by retransmission.
    pub repaired: u64,
    pub duplicates: u64,
    /// RFC 3550 A.8 interarrival jitter.
    pub jitter_s: f64,
    pub keyframes: u64,
    pub nacks_sent: u64,
    pub plis_sent: u64,
    pub bitrate_bps: u64,
    pub frames: u64,
    /// From the last keyframe, where the codec's header tells (VP8, VP9, H.264).
    pub width: u16,
    pub height: u16,
}

#[derive(Clone, Debug)]
pub struct SlotSnapshot {
    pub slot: SlotId,
    /// What is being sent now.
    pub source: Option<SourceId>,
    pub layer: u8,
    /// The highest temporal layer that is sent of it; 255: all.
    pub temporal: u8,
    /// Why the picture is not better, and whether it is off for that.
    pub reason: Option<Reason>,
    pub is_off: bool,
    /// What the slot waits for.
    pub wanted: Option<SourceId>,
    pub packets: u64,
    pub bytes: u64,
    pub retransmitted: u64,
    pub nacks_received: u64,
    pub plis_received: u64,
    pub switches: u64,
    pub bitrate_bps: u64,
    /// From the receiver's last report: RFC 3550 §6.4.1.
    pub fraction_lost: f64,
    pub lost: i64,
    pub jitter_s: f64,
}
