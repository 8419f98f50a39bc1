//! Sending through one socket: what to do when the kernel does not take everything.
//!
//! The router's batch goes in, [`Wire`] carries it out as far as it can. A full socket is
//! back-pressure: what is left waits, bounded in bytes and age, until the socket is writable.
//! A datagram that cannot be sent is counted and never stops the next. A run that the kernel
//! will not segment goes out datagram by datagram.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use sfu_proto::transmit::{Transmit, TransmitBatch};

use crate::limits::{QUEUE_AGE, QUEUE_BYTES, STUCK};

/// UDP_MAX_SEGMENTS of Linux before 6.9 (later 128).
const SEGMENTS_A_RUN: u32 = 64;

/// Largest payload of one send: 65535 less the UDP and IPv6 headers. For IPv4, whose limit is
/// 65535 less 28, the difference is kept clear of.
const BYTES_A_RUN: u32 = 65535 - 48;

/// Runs refused in a row, each then sent datagram by datagram, before runs are no longer tried.
const REFUSALS: u32 = 4;

/// A route or a peer behind a tunnel may have been to blame: try runs again after this.
const REFUSED_FOR: Duration = Duration::from_secs(60);

/// The socket as [`Egress`] sees it.
pub(crate) trait Wire {
    /// Sends in order, as many as possible; how many went. An error tells about the first.
    fn send(&mut self, arena: &[u8], transmits: &[Transmit]) -> io::Result<usize>;

    /// Whether the kernel was found to segment runs.
    fn can_segment(&self) -> bool;

    /// The share of the socket's buffer that the kernel has not got rid of yet.
    fn fullness(&self) -> f64 {
        0.0
    }
}

/// Whether what is to be sent stays with the router, which knows what to leave out first. So it
/// does while a full socket drains; but one that takes nothing for long keeps the others waiting
/// no longer, and what is for it meanwhile waits in its queue alone.
pub(crate) fn must_wait<W: Wire>(now: Instant, egresses: &[Egress<W>]) -> bool {
    let mut blocked = egresses.iter().filter(|egress| egress.is_blocked());
    let count = blocked.clone().count();
    count > 0 && (count == egresses.len() || blocked.any(|egress| !egress.is_stuck(now)))
}

/// Datagrams that went nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    pub(crate) queue_full: u64,
    pub(crate) failed: u64,
}

#[derive(Debug)]
struct Parcel {
    since: Instant,
    arena: Vec<u8>,
    transmits: Vec<Transmit>,
}

#[derive(Debug)]
pub(crate) struct Egress<W> {
    pub(crate) wire: W,
    queue: VecDeque<Parcel>,
    queued_bytes: usize,
    /// The socket has been full since, and has taken nothing.
    full_since: Option<Instant>,
    segmentation: Segmentation,
    losses: Losses,
    /// Reused from batch to batch.
    pieces: Vec<Transmit>,
}

impl<W: Wire> Egress<W> {
    pub(crate) fn new(wire: W) -> Self {
        let segmentation = Segmentation {
            can: wire.can_segment(),
            ..Segmentation::default()
        };
        Self {
            wire,
            queue: VecDeque::new(),
            queued_bytes: 0,
            full_since: None,
            segmentation,
            losses: Losses::default(),
            pieces: Vec::new(),
        }
    }

    /// Whether to wait until the socket is writable, then [`Egress::resume`].
    pub(crate) fn is_blocked(&self) -> bool {
        !self.queue.is_empty()
    }

    /// See [`Wire::fullness`].
    pub(crate) fn fullness(&self) -> f64 {
        self.wire.fullness()
    }

    /// For how much of the time that it may wait the oldest has waited.
    pub(crate) fn waited(&self, now: Instant) -> f64 {
        self.age(now).as_secs_f64() / QUEUE_AGE.as_secs_f64()
    }

    /// Since when the oldest waits.
    pub(crate) fn age(&self, now: Instant) -> Duration {
        let oldest = self.queue.front();
        oldest.map_or(Duration::ZERO, |parcel| {
            now.saturating_duration_since(parcel.since)
        })
    }

    /// What waits for it has waited long, or would: what little there is for a dead socket is
    /// forgotten before more comes, and would be waited for each time anew.
    fn is_stuck(&self, now: Instant) -> bool {
        let full = self.full_since;
        let full = full.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        self.age(now).max(full) >= STUCK
    }

    /// Sends what of `batch` belongs to `socket`, or queues it.
    pub(crate) fn send(&mut self, now: Instant, batch: &TransmitBatch, socket: u8) {
        let mut pieces = std::mem::take(&mut self.pieces);
        let of_this_socket = batch
            .transmits
            .iter()
            .filter(|transmit| transmit.path.socket == socket);
        let is_segmenting = self.segmentation.is_on(now);
        for transmit in of_this_socket {
            split(transmit, is_segmenting, &mut pieces);
        }
        let sent = match self.is_blocked() {
            true => 0,
            false => self.push(now, &batch.arena, &mut pieces),
        };
        self.enqueue(now, &batch.arena, &pieces[sent..]);
        pieces.clear();
        self.pieces = pieces;
    }

    /// Goes on with the queue, the oldest first.
    pub(crate) fn resume(&mut self, now: Instant) {
        self.forget_old(now);
        while let Some(mut parcel) = self.queue.pop_front() {
            self.queued_bytes -= parcel.bytes();
            let sent = self.push(now, &parcel.arena, &mut parcel.transmits);
            parcel.transmits.drain(..sent);
            if !parcel.transmits.is_empty() {
                self.queued_bytes += parcel.bytes();
                self.queue.push_front(parcel);
                return;
            }
        }
    }

    /// What was lost since the last call.
    pub(crate) fn take_losses(&mut self) -> Losses {
        std::mem::take(&mut self.losses)
    }

    /// Sends from the first on; returns how many are done with when the socket is full.
    fn push(&mut self, now: Instant, arena: &[u8], pieces: &mut Vec<Transmit>) -> usize {
        let mut next = 0;
        while next < pieces.len() {
            match self.wire.send(arena, &pieces[next..]) {
                Ok(sent) => {
                    self.full_since = None;
                    self.segmentation.sent(now, &pieces[next]);
                    next += sent;
                }
                Err(error) => match Refusal::of(&error, &pieces[next]) {
                    Refusal::Again => {}
                    Refusal::Full => {
                        self.full_since.get_or_insert(now);
                        return next;
                    }
                    Refusal::Run { is_lasting } => {
                        self.segmentation.refused(is_lasting);
                        let mut singles = Vec::new();
                        split(&pieces[next], false, &mut singles);
                        pieces.splice(next..=next, singles);
                    }
                    Refusal::Datagram => {
                        self.segmentation.failed();
                        self.losses.failed += segments(&pieces[next]);
                        next += 1;
                    }
                },
            }
        }
        next
    }

    fn enqueue(&mut self, now: Instant, arena: &[u8], pieces: &[Transmit]) {
        if pieces.is_empty() {
            return;
        }
        self.forget_old(now);
        let mut parcel = Parcel {
            since: now,
            arena: Vec::new(),
            transmits: Vec::new(),
        };
        for piece in pieces {
            let bytes = piece.len as usize;
            if self.queued_bytes + parcel.arena.len() + bytes > QUEUE_BYTES {
                self.losses.queue_full += segments(piece);
                continue;
            }
            let start = parcel.arena.len() as u32;
            parcel
                .arena
                .extend_from_slice(&arena[piece.start as usize..][..bytes]);
            parcel.transmits.push(Transmit { start, ..*piece });
        }
        if !parcel.transmits.is_empty() {
            self.queued_bytes += parcel.bytes();
            self.queue.push_back(parcel);
        }
    }

    fn forget_old(&mut self, now: Instant) {
        while let Some(parcel) = self.queue.front()
            && now.saturating_duration_since(parcel.since) > QUEUE_AGE
        {
            self.losses.queue_full += parcel.transmits.iter().map(segments).sum::<u64>();
            self.queued_bytes -= parcel.bytes();
            self.queue.pop_front();
        }
    }
}

impl Parcel {
    fn bytes(&self) -> usize {
        self.transmits
            .iter()
            .map(|transmit| transmit.len as usize)
            .sum()
    }
}

/// Why the first of a send did not go.
enum Refusal {
    Again,
    Full,
    /// The run as such; its datagrams may go one by one.
    Run {
        is_lasting: bool,
    },
    Datagram,
}

impl Refusal {
    fn of(error: &io::Error, first: &Transmit) -> Self {
        match error.kind() {
            io::ErrorKind::Interrupted => Self::Again,
            io::ErrorKind::WouldBlock => Self::Full,
            _ if segments(first) == 1 => Self::Datagram,
            // EIO: the device has no checksum offload. EINVAL: no segmentation here, or, on
            // older kernels, segments larger than the path. EMSGSIZE: the latter, on newer.
            _ => Self::Run {
                is_lasting: !is_too_large(error),
            },
        }
    }
}

/// EMSGSIZE, which has no `ErrorKind` of its own.
fn is_too_large(error: &io::Error) -> bool {
    #[cfg(target_os = "linux")]
    let code = Some(libc::EMSGSIZE);
    #[cfg(not(target_os = "linux"))]
    let code = None;
    code.is_some() && error.raw_os_error() == code
}

/// Whether runs are worth trying on this socket.
#[derive(Debug, Default)]
struct Segmentation {
    can: bool,
    /// Runs in a row that were refused while their datagrams went.
    refusals: u32,
    off_until: Option<Instant>,
    /// A run was refused just now; the next send tells whether it was for being a run.
    is_in_doubt: bool,
}

impl Segmentation {
    fn is_on(&mut self, now: Instant) -> bool {
        if self.off_until.is_some_and(|until| now >= until) {
            self.off_until = None;
        }
        self.can && self.off_until.is_none()
    }

    fn refused(&mut self, is_lasting: bool) {
        self.is_in_doubt = is_lasting;
    }

    fn failed(&mut self) {
        // Its datagrams do not go either: the destination is to blame.
        self.is_in_doubt = false;
    }

    fn sent(&mut self, now: Instant, first: &Transmit) {
        if segments(first) > 1 {
            self.refusals = 0;
        } else if std::mem::take(&mut self.is_in_doubt) {
            self.refusals += 1;
            if self.refusals >= REFUSALS {
                self.refusals = 0;
                self.off_until = Some(now + REFUSED_FOR);
            }
        }
    }
}

fn segments(transmit: &Transmit) -> u64 {
    u64::from(
        transmit
            .len
            .div_ceil(u32::from(transmit.segment_size).max(1))
            .max(1),
    )
}

/// Cuts a run into what one send may carry.
fn split(transmit: &Transmit, is_segmenting: bool, pieces: &mut Vec<Transmit>) {
    let segment = u32::from(transmit.segment_size).max(1);
    let fitting = (BYTES_A_RUN / segment).clamp(1, SEGMENTS_A_RUN);
    let step = if is_segmenting {
        fitting * segment
    } else {
        segment
    };
    let end = transmit.start + transmit.len;
    let mut start = transmit.start;
    while start < end {
        let len = step.min(end - start);
        let whole = u16::try_from(len).unwrap_or(u16::MAX);
        pieces.push(Transmit {
            start,
            len,
            segment_size: transmit.segment_size.min(whole),
            ..*transmit
        });
        start += len;
    }
}

#[cfg(all(test, target_os = "linux"))]
#[path = "egress_tests.rs"]
mod tests;
