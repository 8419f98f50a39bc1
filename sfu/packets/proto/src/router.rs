//! The packet router: datagrams and commands in, datagrams and events out, on one thread.
//!
//! One receive burst goes this way: told apart by its first byte, matched with a validated
//! 5-tuple, unprotected and parsed once ([`crate::ingress`] within [`ReceiveSide`]), handed
//! down as one burst, then rewritten and protected for one subscriber after another
//! ([`crate::egress`] within [`SendSide`]). The sides own separate state and meet only
//! through the values of [`crate::handover`]; this object carries those values, and knows
//! neither a codec nor a sequence number. Workers on several threads carry them over rings.

use std::time::{Duration, Instant};

use crate::command::Command;
use crate::drop::DropReason;
use crate::event::Event;
use crate::handover::{Asked, Handed, earlier};
pub use crate::ingress::hold::HoldConfig;
use crate::receive_side::ReceiveSide;
pub use crate::receive_side::RouterConfig;
use crate::send_side::SendSide;
use crate::snapshot::Snapshot;
use crate::transmit::{Datagram, TransmitBatch};

/// Owns every transport, source and slot.
pub struct Router {
    receive: ReceiveSide,
    shards: Vec<SendSide>,
    /// Reused from call to call.
    handed: Vec<Handed>,
    asked: Vec<Asked>,
}

impl Router {
    pub fn new(config: RouterConfig) -> Self {
        let (receive, shards) = config.build();
        Self {
            receive,
            shards,
            handed: Vec::new(),
            asked: Vec::new(),
        }
    }

    /// Takes one receive burst; decrypts in place.
    pub fn handle_datagrams(&mut self, now: Instant, batch: &mut [Datagram<'_>]) {
        self.receive.handle_datagrams(now, batch);
        self.hand_over(now);
    }

    pub fn handle_command(&mut self, now: Instant, command: Command) {
        self.receive.handle_command(now, command);
        self.hand_over(now);
    }

    /// What one side has for the other, and events of both.
    fn hand_over(&mut self, now: Instant) {
        self.receive.take_handed(&mut self.handed);
        for handed in self.handed.drain(..) {
            handed.deal(|shard, handed| self.shards[shard].handle(now, handed));
        }
        for (index, shard) in self.shards.iter_mut().enumerate() {
            shard.take_asked(&mut self.asked);
            for asked in self.asked.drain(..) {
                self.receive.handle_asked(now, index, asked);
            }
            while let Some(event) = shard.poll_event() {
                self.receive.push_event(event);
            }
        }
    }

    /// When [`Router::handle_timeout`] wants to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let shards = self.shards.iter().map(SendSide::poll_timeout);
        shards.fold(self.receive.poll_timeout(), earlier)
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.receive.handle_timeout(now);
        for shard in &mut self.shards {
            shard.handle_timeout(now);
        }
        self.hand_over(now);
    }

    /// See [`ReceiveSide::set_wall_clock`].
    pub fn set_wall_clock(&mut self, now: Instant, since_unix: Duration) {
        self.receive.set_wall_clock(now, since_unix);
    }

    /// See [`SendSide::lateness`].
    pub fn lateness(&self, now: Instant) -> f64 {
        let shards = self.shards.iter().map(|shard| shard.lateness(now));
        shards.fold(0.0, f64::max)
    }

    /// Fills `out` until it is full; true while more is waiting.
    pub fn poll_transmits(&mut self, now: Instant, out: &mut TransmitBatch) -> bool {
        self.receive.poll_transmits(out);
        let mut has_more = false;
        // All of them, that each says BYE; a full batch stops their media.
        for shard in &mut self.shards {
            has_more |= shard.poll_transmits(now, out);
        }
        // Switches happen on the way.
        self.hand_over(now);
        has_more
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        self.receive.poll_event()
    }

    pub fn snapshot(&self, now: Instant) -> Snapshot {
        let mut snapshot = self.receive.snapshot(now);
        for shard in &self.shards {
            snapshot.absorb(shard.snapshot(now));
        }
        snapshot
    }

    /// Counts what the socket layer had to drop.
    pub fn count_drops(&mut self, reason: DropReason, packets: u64) {
        self.receive.count_drops(reason, packets);
    }
}
