//! What leaves: one arena of datagrams, filled by the router, emptied by the socket layer.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use crate::command::MediaKind;

/// The way a datagram came, and its answer goes: which of our sockets, which of our
/// addresses, which of theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    /// Index of the bound socket.
    pub socket: u8,
    /// The local address that was asked (IP_PKTINFO); `None` where the system cannot tell.
    pub local: Option<IpAddr>,
    pub remote: SocketAddr,
}

impl Path {
    /// The peer is on this host, and has its clock.
    pub(crate) fn is_within_host(&self) -> bool {
        let remote = self.remote.ip().to_canonical();
        remote.is_loopback() || self.local.map(|local| local.to_canonical()) == Some(remote)
    }
}

/// One received datagram, decrypted in place later on.
#[derive(Debug)]
pub struct Datagram<'a> {
    pub path: Path,
    /// By the kernel's stamp, where there is one: not after it was read.
    pub came_at: Instant,
    pub data: &'a mut [u8],
}

/// One send: one datagram, or a run of equal-sized ones (the last may be shorter) for
/// UDP_SEGMENT.
#[derive(Clone, Copy, Debug)]
pub struct Transmit {
    pub path: Path,
    pub start: u32,
    pub len: u32,
    /// Size of each datagram of the run; equal to `len` for a single one.
    pub segment_size: u16,
    /// RFC 8837 code point.
    pub dscp: u8,
}

/// Packets of a batch that a peer sent and another is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forwarded {
    pub kind: MediaKind,
    /// Since the kernel had received them, when the batch was filled.
    pub waited_us: u64,
    pub packets: u64,
}

/// A reused arena. The router appends; the socket layer sends all and clears.
#[derive(Debug, Default)]
pub struct TransmitBatch {
    pub arena: Vec<u8>,
    pub transmits: Vec<Transmit>,
    pub forwarded: Vec<Forwarded>,
}

impl TransmitBatch {
    /// The router stops filling at this size, so that the arena stays in the cache.
    pub const ARENA_TARGET: usize = 256 * 1024;

    pub fn clear(&mut self) {
        self.arena.clear();
        self.transmits.clear();
        self.forwarded.clear();
    }

    pub fn contents(&self, transmit: &Transmit) -> &[u8] {
        &self.arena[transmit.start as usize..(transmit.start + transmit.len) as usize]
    }

    pub fn is_full(&self) -> bool {
        self.arena.len() >= Self::ARENA_TARGET
    }

    /// Appends another batch, which is empty afterwards.
    pub(crate) fn take(&mut self, other: &mut TransmitBatch) {
        let shift = self.arena.len() as u32;
        self.arena.append(&mut other.arena);
        let transmits = other.transmits.drain(..);
        self.transmits.extend(transmits.map(|transmit| Transmit {
            start: transmit.start + shift,
            ..transmit
        }));
    }
}

/// What was handed to the socket layer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sent {
    pub(crate) datagrams: u64,
    pub(crate) bytes: u64,
}

impl Sent {
    pub(crate) fn count(&mut self, transmits: &[Transmit]) {
        for transmit in transmits {
            let segment = u32::from(transmit.segment_size.max(1));
            self.datagrams += u64::from(transmit.len.div_ceil(segment));
            self.bytes += u64::from(transmit.len);
        }
    }
}
