//! What a worker asks of the packet path, whole or in part; its own tests put a scripted one
//! in place.

use std::time::{Duration, Instant};

use sfu_proto::command::Command;
use sfu_proto::drop::DropReason;
use sfu_proto::event::Event;
use sfu_proto::router::Router;
use sfu_proto::snapshot::Snapshot;
use sfu_proto::transmit::{Datagram, TransmitBatch};

pub(crate) trait Machine: Send + 'static {
    fn handle_datagrams(&mut self, now: Instant, datagrams: &mut [Datagram<'_>]);
    fn handle_command(&mut self, now: Instant, command: Command);
    /// Of whoever receives: the system's clock, since 1970.
    fn set_wall_clock(&mut self, _now: Instant, _since_unix: Duration) {}
    /// Takes some of what other workers have handed over; true while more is waiting.
    fn take_handed(&mut self, _now: Instant) -> bool {
        false
    }
    fn has_handed(&self) -> bool {
        false
    }
    /// Nobody will hand over anything more.
    fn is_abandoned(&self) -> bool {
        false
    }
    /// How long what waits to be sent has waited, as a share of what it may.
    fn lateness(&self, _now: Instant) -> f64 {
        0.0
    }
    fn handle_timeout(&mut self, now: Instant);
    fn poll_timeout(&self) -> Option<Instant>;
    /// Fills `batch`; true while more is waiting.
    fn poll_transmits(&mut self, now: Instant, batch: &mut TransmitBatch) -> bool;
    fn poll_event(&mut self) -> Option<Event>;
    fn snapshot(&self, now: Instant) -> Snapshot;
    fn count_drops(&mut self, reason: DropReason, packets: u64);
}

impl Machine for Router {
    fn handle_datagrams(&mut self, now: Instant, datagrams: &mut [Datagram<'_>]) {
        Router::handle_datagrams(self, now, datagrams);
    }

    fn handle_command(&mut self, now: Instant, command: Command) {
        Router::handle_command(self, now, command);
    }

    fn set_wall_clock(&mut self, now: Instant, since_unix: Duration) {
        Router::set_wall_clock(self, now, since_unix);
    }

    fn lateness(&self, now: Instant) -> f64 {
        Router::lateness(self, now)
    }

    fn handle_timeout(&mut self, now: Instant) {
        Router::handle_timeout(self, now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        Router::poll_timeout(self)
    }

    fn poll_transmits(&mut self, now: Instant, batch: &mut TransmitBatch) -> bool {
        Router::poll_transmits(self, now, batch)
    }

    fn poll_event(&mut self) -> Option<Event> {
        Router::poll_event(self)
    }

    fn snapshot(&self, now: Instant) -> Snapshot {
        Router::snapshot(self, now)
    }

    fn count_drops(&mut self, reason: DropReason, packets: u64) {
        Router::count_drops(self, reason, packets);
    }
}
