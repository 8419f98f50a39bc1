//! The packet router: one object that owns every transport, source and slot.

use std::time::{Duration, Instant};

use crate::command::Command;
use crate::drop::{DropCounters, DropReason};
use crate::event::Event;
use crate::snapshot::Snapshot;
use crate::transmit::{Datagram, TransmitBatch};

/// What a router is told once, at its start.
#[derive(Clone, Debug)]
pub struct RouterConfig {
    pub start: Instant,
    /// Wall clock at `start`, since 1970: sender reports carry NTP time (RFC 3550 §4).
    pub start_unix: Duration,
    /// Seeds whatever must be unpredictable to a peer (first sequence numbers, RFC 3550 §5.1).
    pub seed: u64,
    /// Events that wait for [`Router::poll_event`]; more are lost and counted.
    pub event_capacity: usize,
}

impl RouterConfig {
    pub fn new(start: Instant, start_unix: Duration, seed: u64) -> Self {
        Self {
            start,
            start_unix,
            seed,
            event_capacity: 65536,
        }
    }
}

/// Datagrams and commands in, datagrams and events out.
pub struct Router {
    drops: DropCounters,
}

impl Router {
    pub fn new(_config: RouterConfig) -> Self {
        Self {
            drops: DropCounters::default(),
        }
    }

    /// Takes one receive burst; decrypts in place.
    pub fn handle_datagrams(&mut self, _now: Instant, _batch: &mut [Datagram<'_>]) {}

    pub fn handle_command(&mut self, _now: Instant, _command: Command) {}

    pub fn handle_timeout(&mut self, _now: Instant) {}

    /// When [`Router::handle_timeout`] wants to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Fills `out` until it is full; true while more is waiting.
    pub fn poll_transmits(&mut self, _now: Instant, _out: &mut TransmitBatch) -> bool {
        false
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }

    pub fn snapshot(&self, _now: Instant) -> Snapshot {
        Snapshot {
            drops: self.drops.iter().collect(),
            ..Snapshot::default()
        }
    }

    /// Counts what the socket layer had to drop.
    pub fn count_drops(&mut self, reason: DropReason, packets: u64) {
        self.drops.add(reason, packets);
    }
}
