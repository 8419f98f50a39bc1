//! The ICE-lite side of all transports (RFC 8445 §2.5).

use std::time::Instant;

use crate::command::IceCredentials;
use crate::drop::DropReason;
use crate::event::LostReason;
use crate::ids::TransportId;
use crate::transmit::{Path, TransmitBatch};

/// What a check or a deadline did to a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IceEvent {
    Connected {
        transport: TransportId,
        path: Path,
    },
    Moved {
        transport: TransportId,
        path: Path,
    },
    Lost {
        transport: TransportId,
        reason: LostReason,
    },
}

#[derive(Debug)]
pub struct IceTable {}

#[allow(
    unused_variables,
    clippy::new_without_default,
    clippy::missing_panics_doc
)]
impl IceTable {
    pub fn new(seed: u64) -> Self {
        todo!()
    }
    pub fn add(&mut self, now: Instant, transport: TransportId, credentials: IceCredentials) {
        todo!()
    }
    pub fn restart(&mut self, now: Instant, transport: TransportId, credentials: IceCredentials) {
        todo!()
    }
    pub fn remove(&mut self, transport: TransportId) {
        todo!()
    }
    /// A STUN datagram from anywhere. Appends the response, if any, to `out`.
    pub fn handle(
        &mut self,
        now: Instant,
        path: Path,
        data: &[u8],
        out: &mut TransmitBatch,
    ) -> Result<Option<IceEvent>, DropReason> {
        todo!()
    }
    /// Hot path: which transport does this validated 5-tuple belong to?
    pub fn transport_of(&self, path: &Path) -> Option<TransportId> {
        todo!()
    }
    pub fn nominated(&self, transport: TransportId) -> Option<Path> {
        todo!()
    }
    pub fn poll_timeout(&self) -> Option<Instant> {
        todo!()
    }
    pub fn handle_timeout(&mut self, now: Instant) -> Vec<IceEvent> {
        todo!()
    }
}
