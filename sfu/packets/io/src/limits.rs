//! Every bound of what waits between the threads and for the socket, in one table.

use std::time::Duration;

/// Orders that wait for the worker: joining one participant takes about fifty, so this is a
/// thousand joining at once.
pub(crate) const ORDER_CAPACITY: usize = 65536;

/// Events that wait here; the reader takes 256 at once.
pub(crate) const EVENTS_HANDED_OVER: usize = 1024;

/// What was being sent when the socket became full, and what several sockets leave at once.
pub(crate) const QUEUE_BYTES: usize = 4 * 1024 * 1024;

/// As long as audio may wait for its turn before: what is numbered already goes out late rather
/// than never, since a hole would be asked for.
pub(crate) const QUEUE_AGE: Duration = Duration::from_millis(400);

/// A socket that has been full for so long keeps others waiting no longer: as long as video waits
/// before it is left out. Half of a socket's buffer drains in this time at 15 Mbit/s.
pub(crate) const STUCK: Duration = Duration::from_millis(150);

/// Values in the ring to another worker: 8192 of 56 bytes. One that was not scheduled for
/// 100 ms finds no more than half of it used by 40 000 bursts a second.
pub(crate) const RING_VALUES: usize = 8192;

/// Packets in the ring, as many as a shard lets wait for the socket: some 10 MiB of bursts.
pub(crate) const RING_PACKETS: usize = 8192;

/// Commands that wait for room in the ring. As many as the control side lets wait for the
/// first worker.
pub(crate) const RING_BACKLOG: usize = 65536;

/// Wishes in the ring up: a keyframe request or a round trip for each of 8192 slots.
pub(crate) const RING_WISHES: usize = 8192;

/// How often a port that is free at the first of several addresses may prove taken at another.
pub(crate) const PORT_ATTEMPTS: usize = 32;
