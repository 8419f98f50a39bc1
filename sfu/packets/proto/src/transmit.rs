//! What leaves: one arena of datagrams, filled by the router, emptied by the socket layer.

use std::net::{IpAddr, SocketAddr};

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

/// One received datagram, decrypted in place later on.
#[derive(Debug)]
pub struct Datagram<'a> {
    pub path: Path,
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

/// A reused arena. The router appends; the socket layer sends all and clears.
#[derive(Debug, Default)]
pub struct TransmitBatch {
    pub arena: Vec<u8>,
    pub transmits: Vec<Transmit>,
}

impl TransmitBatch {
    /// The router stops filling at this size, so that the arena stays in the cache.
    pub const ARENA_TARGET: usize = 256 * 1024;

    pub fn clear(&mut self) {
        self.arena.clear();
        self.transmits.clear();
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
