//! One consistent view of all counters, taken between two bursts.
//!
//! Totals count since the thing was added; `*_bps` are over the last second.

use std::net::SocketAddr;

use rustc_hash::FxHashMap;

use crate::allocator::Reason;
use crate::command::Codec;
use crate::drop::DropReason;
use crate::histogram::Histogram;
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
    /// From the kernel's receive stamp until a packet had been sent on to one subscriber, in counts
    /// of packets; video with what it was held for the end of its frame. The socket layer tells.
    pub forwarding_delay_audio: Histogram,
    pub forwarding_delay_video: Histogram,
    /// From the kernel's receive stamp until a datagram was read: how long we were not running, or
    /// rested. The socket layer tells.
    pub receive_delay: Histogram,
    /// How long the oldest datagram waits for a full socket. The socket layer tells.
    pub send_queue_age_s: f64,
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
        let (audio, video) = (&shard.forwarding_delay_audio, &shard.forwarding_delay_video);
        self.forwarding_delay_audio.absorb(audio);
        self.forwarding_delay_video.absorb(video);
        self.receive_delay.absorb(&shard.receive_delay);
        self.send_queue_age_s = self.send_queue_age_s.max(shard.send_queue_age_s);
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

#[derive(Clone, Debug, Default)]
pub struct TransportSnapshot {
    pub transport: TransportId,
    pub remote: Option<SocketAddr>,
    pub has_keys: bool,
    pub packets_received: u64,
    pub packets_sent: u64,
    pub bytes_received: u64,
    pub bytes_sent: u64,
    /// Smoothed (RFC 6298), from RTCP: LSR and DLSR of what the peer receives, or DLRR (RFC 3611)
    /// of a peer that receives nothing.
    pub round_trip_time_s: Option<f64>,
    /// The newest sample of it.
    pub round_trip_last_s: Option<f64>,
    /// How long a packet is on its way from the peer to us, and from us to the peer.
    pub delay_up_s: Option<f64>,
    pub delay_down_s: Option<f64>,
    /// They are not known better than by so much; none where the peer shares our clock.
    pub delay_error_s: Option<f64>,
    /// Jitter of the way to the peer alone, without the publisher's: by its transport-wide feedback.
    pub jitter_down_s: Option<f64>,
    /// Packets that its transport-wide feedback told of, and those of them that were lost.
    pub reported_packets: u64,
    pub reported_lost: u64,
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
        self.round_trip_last_s = sent.round_trip_last_s.or(self.round_trip_last_s);
        self.jitter_down_s = sent.jitter_down_s.or(self.jitter_down_s);
        self.reported_packets += sent.reported_packets;
        self.reported_lost += sent.reported_lost;
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

#[derive(Clone, Debug, Default)]
pub struct LayerSnapshot {
    /// Index into the source's rids; 0 where there is no simulcast.
    pub layer: u8,
    pub ssrc: u32,
    pub active: bool,
    pub packets: u64,
    pub bytes: u64,
    /// Packets that the publisher sent, by their numbers, repairs aside; and those that came.
    pub expected: u64,
    pub received: u64,
    /// `expected` less `received`: before repair. What is late counts until it comes.
    pub lost: i64,
    /// Of the lost, those that nothing brought back.
    pub lost_after_repair: u64,
    /// Packets that came back by retransmission or redundancy before they came themselves.
    pub repaired: u64,
    /// Of them by redundancy (RFC 2198).
    pub repaired_red: u64,
    /// Came more than once by themselves.
    pub duplicates: u64,
    /// Came after one with a higher number.
    pub reordered: u64,
    /// RFC 3550 A.8 interarrival jitter of the first packets of frames, by the kernel's receive stamps.
    pub jitter_s: f64,
    pub keyframes: u64,
    pub nacks_sent: u64,
    pub plis_sent: u64,
    pub bitrate_bps: u64,
    pub frames: u64,
    /// Over the last second.
    pub frames_per_second: f64,
    /// Pauses in what came that the publisher did not make: longer than three frames and 150 ms
    /// more than one; and how long they took in all.
    pub freezes: u64,
    pub frozen_s: f64,
    /// From capture, as the publisher tells it, until a frame's first packet came; smoothed. As far
    /// off as the transport's `delay_error_s`.
    pub capture_delay_s: Option<f64>,
    /// From the last keyframe, where the codec's header tells (VP8, VP9, H.264).
    pub width: u16,
    pub height: u16,
}

#[derive(Clone, Debug, Default)]
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
    /// Frames sent to their end, and of them keyframes begun.
    pub frames: u64,
    pub keyframes: u64,
    pub retransmitted: u64,
    /// Of them distinct packets.
    pub repaired: u64,
    pub nacks_received: u64,
    pub plis_received: u64,
    pub switches: u64,
    pub bitrate_bps: u64,
    /// From the receiver's reports (RFC 3550 §6.4.1), without what was lost on the way from the
    /// publisher: packets that it should have, those of them that it has not, before repair, and the
    /// share between its last two reports.
    pub expected: u64,
    pub lost: i64,
    pub fraction_lost: f64,
    /// Numbers left open towards the receiver, since nothing came for them from the publisher.
    pub lost_up: u64,
    /// An estimate: `lost` less what was sent again, once each.
    pub lost_after_repair: u64,
    /// As the receiver measures it: with the publisher's and what we held. See `jitter_down_s` of
    /// its transport for that of its way alone.
    pub jitter_s: f64,
}
