//! One shard of the send side: what the receive side hands down in, protected datagrams,
//! events and [`Asked`] values out.
//!
//! It owns its subscribers whole: their slots, numbers, keys for what they are sent, their
//! store for retransmissions (of bursts that all shards share) and their reports. It knows
//! no publisher's address, no other shard, no thread.

use std::time::Instant;

use crate::clock::Clock;
use crate::drop::DropReason;
use crate::egress::Egress;
use crate::event::Event;
use crate::handover::{Asked, Handed};
use crate::snapshot::Snapshot;
use crate::transmit::{Sent, TransmitBatch};

pub struct SendSide {
    egress: Egress,
    sent: Sent,
}

impl SendSide {
    pub(crate) fn new(clock: Clock, seed: u64, adapts: bool) -> Self {
        Self {
            egress: Egress::new(clock, seed, adapts),
            sent: Sent::default(),
        }
    }

    pub fn handle(&mut self, now: Instant, handed: Handed) {
        self.egress.handle_down(now, handed.down);
    }

    /// Moves what the receive side shall do to the end of `asked`.
    pub fn take_asked(&mut self, asked: &mut Vec<Asked>) {
        asked.extend(self.egress.up.drain(..).map(Asked));
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.egress.poll_timeout()
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.egress.handle_timeout(now);
    }

    /// Fills `out` until it is full; true while more is waiting.
    pub fn poll_transmits(&mut self, now: Instant, out: &mut TransmitBatch) -> bool {
        let first = out.transmits.len();
        out.take(&mut self.egress.replies);
        let has_more = self.egress.poll_transmits(now, out);
        self.sent.count(&out.transmits[first..]);
        has_more
    }

    /// How long the oldest burst waits for the socket, as a share of what video may: from 1 on
    /// something is left out.
    pub fn lateness(&self, now: Instant) -> f64 {
        self.egress.lateness(now)
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        self.egress.events.pop_first()
    }

    /// Its part: of transports only what is sent to them.
    pub fn snapshot(&self, now: Instant) -> Snapshot {
        Snapshot {
            datagrams_sent: self.sent.datagrams,
            bytes_sent: self.sent.bytes,
            drops: self.egress.drops.iter().collect(),
            transports: self.egress.transport_snapshots(),
            slots: self.egress.slot_snapshots(now),
            ..Snapshot::default()
        }
    }

    /// Counts what the socket layer had to drop.
    pub fn count_drops(&mut self, reason: DropReason, packets: u64) {
        self.egress.drops.add(reason, packets);
    }
}
