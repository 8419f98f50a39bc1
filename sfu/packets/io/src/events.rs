//! What the router tells the control side: a bounded queue and a descriptor to wait on.
//!
//! The worker never waits for the reader: while it lags, events stay with the router, where a
//! newer one takes an older one's place; beyond the bound an event is counted as dropped.
//! One wake-up is written a batch, not an event.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use sfu_proto::event::Event;
use sfu_proto::ids::TransportId;
use sfu_proto::limits::DTLS_WAITING;

use crate::limits::EVENTS_HANDED_OVER;
use crate::system::Wake;

/// Transports remembered before those without waiting datagrams are forgotten.
const REMEMBERED_TRANSPORTS: usize = 1024;

/// What happened to an event on its way up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handover {
    Queued,
    /// The control side does not drain; counted in [`EventReceiver::dropped`].
    QueueFull,
    DtlsQueueFull,
}

#[derive(Debug)]
struct Envelope {
    event: Event,
    /// Of a DTLS datagram: how many wait for its transport.
    waiting: Option<Arc<AtomicU32>>,
}

#[derive(Debug)]
struct Shared {
    length: AtomicUsize,
    capacity: usize,
    dropped: AtomicU64,
    is_signalled: AtomicBool,
    wake: Wake,
    failure: OnceLock<String>,
}

/// A worker's end. Workers share the queue and its bound; DTLS comes through one of them.
#[derive(Clone, Debug)]
pub(crate) struct EventSender {
    queue: Sender<Envelope>,
    shared: Arc<Shared>,
    dtls_waiting: HashMap<TransportId, Arc<AtomicU32>>,
    forget_at: usize,
}

/// The control side's end.
#[derive(Debug)]
pub(crate) struct EventReceiver {
    /// Locked among readers only; the worker does not know it.
    queue: Mutex<Receiver<Envelope>>,
    shared: Arc<Shared>,
}

pub(crate) fn channel(capacity: usize) -> io::Result<(EventSender, EventReceiver)> {
    // The unbounded queue allocates as it grows; `length` bounds it.
    let (sender, receiver) = mpsc::channel();
    let shared = Arc::new(Shared {
        length: AtomicUsize::new(0),
        capacity,
        dropped: AtomicU64::new(0),
        is_signalled: AtomicBool::new(false),
        wake: Wake::new()?,
        failure: OnceLock::new(),
    });
    let sender = EventSender {
        queue: sender,
        shared: Arc::clone(&shared),
        dtls_waiting: HashMap::new(),
        forget_at: REMEMBERED_TRANSPORTS,
    };
    Ok((
        sender,
        EventReceiver {
            queue: Mutex::new(receiver),
            shared,
        },
    ))
}

impl EventSender {
    pub(crate) fn push(&mut self, event: Event) -> Handover {
        if self.shared.length.load(Ordering::Acquire) >= self.shared.capacity {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            return Handover::QueueFull;
        }
        let waiting = match event {
            Event::DtlsReceived { transport, .. } => Some(self.waiting_of(transport)),
            _ => None,
        };
        if let Some(waiting) = &waiting {
            // The contract of `Event::DtlsReceived`: a peer that floods with DTLS fills its own
            // share of the queue, not everybody's.
            if waiting.load(Ordering::Acquire) >= u32::from(DTLS_WAITING) {
                return Handover::DtlsQueueFull;
            }
            waiting.fetch_add(1, Ordering::AcqRel);
        }
        self.shared.length.fetch_add(1, Ordering::AcqRel);
        // The receiver lives as long as the plane, which outlives the worker; if it is gone,
        // nobody is left to tell.
        let _ = self.queue.send(Envelope { event, waiting });
        Handover::Queued
    }

    /// Whether the reader keeps up.
    pub(crate) fn has_room(&self) -> bool {
        let bound = EVENTS_HANDED_OVER.min(self.shared.capacity);
        self.shared.length.load(Ordering::Acquire) < bound
    }

    /// Call once after a batch of [`EventSender::push`].
    pub(crate) fn signal(&self) {
        self.shared.signal();
    }

    /// Tells the reader that one of several workers has died: also where the queue is full.
    pub(crate) fn lose_worker(&self, worker: usize, reason: String) {
        let event = Event::WorkerFailed { worker, reason };
        self.shared.length.fetch_add(1, Ordering::AcqRel);
        let waiting = None;
        let _ = self.queue.send(Envelope { event, waiting });
        self.shared.signal();
    }

    /// Tells the reader that the packet path has died of `reason`.
    pub(crate) fn fail(&self, reason: String) {
        let _ = self.shared.failure.set(reason);
        self.shared.signal();
    }

    fn waiting_of(&mut self, transport: TransportId) -> Arc<AtomicU32> {
        if self.dtls_waiting.len() >= self.forget_at {
            self.dtls_waiting
                .retain(|_, waiting| waiting.load(Ordering::Acquire) > 0);
            self.forget_at = REMEMBERED_TRANSPORTS.max(2 * self.dtls_waiting.len());
        }
        Arc::clone(self.dtls_waiting.entry(transport).or_default())
    }
}

impl EventReceiver {
    /// Readable while events, or a failure, wait.
    pub(crate) fn wake(&self) -> &Wake {
        &self.shared.wake
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.shared.length.load(Ordering::Acquire)
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// What the worker died of, if it has.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.shared.failure.get().map(String::as_str)
    }

    /// At most `limit` events in order; leaves the wake set if there may be more.
    pub(crate) fn drain(&self, limit: usize) -> Vec<Event> {
        // A panic while the lock is held cannot leave a channel half-changed.
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.clear();
        let mut events = Vec::new();
        while events.len() < limit
            && let Ok(envelope) = queue.try_recv()
        {
            self.shared.length.fetch_sub(1, Ordering::AcqRel);
            if let Some(waiting) = envelope.waiting {
                waiting.fetch_sub(1, Ordering::AcqRel);
            }
            events.push(envelope.event);
        }
        if self.shared.length.load(Ordering::Acquire) > 0 || self.failure().is_some() {
            self.shared.signal();
        }
        events
    }
}

impl Shared {
    fn signal(&self) {
        if !self.is_signalled.swap(true, Ordering::SeqCst) {
            self.wake.notify();
        }
    }

    fn clear(&self) {
        self.wake.clear();
        // A swap, not a store: it must see what the worker queued before it set the flag.
        self.is_signalled.swap(false, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use sfu_proto::ids::SourceId;

    use super::*;

    fn speaking(source: u64) -> Event {
        Event::SpeakingChanged {
            source: SourceId(source),
            speaking: true,
        }
    }

    fn dtls(transport: u64) -> Event {
        Event::DtlsReceived {
            transport: TransportId(transport),
            datagram: vec![22],
        }
    }

    #[test]
    fn beyond_the_bound_events_are_counted_as_dropped() {
        let (mut sender, receiver) = channel(3).expect("a wake");
        let results: Vec<_> = (0..5).map(|source| sender.push(speaking(source))).collect();
        assert_eq!(results[2], Handover::Queued);
        assert_eq!(results[3], Handover::QueueFull);
        assert_eq!(receiver.dropped(), 2);
        assert_eq!(receiver.drain(10), (0..3).map(speaking).collect::<Vec<_>>());
        assert_eq!(sender.push(speaking(9)), Handover::Queued);
    }

    #[test]
    fn a_reader_that_lags_is_handed_no_more() {
        let (mut sender, receiver) = channel(65_536).expect("a wake");
        let handed = (0..).take_while(|&source| {
            let has_room = sender.has_room();
            has_room && sender.push(speaking(source)) == Handover::Queued
        });
        assert_eq!(handed.count(), EVENTS_HANDED_OVER);
        receiver.drain(1);
        assert!(sender.has_room());
    }

    #[test]
    fn the_wake_is_set_while_events_wait() {
        let (mut sender, receiver) = channel(8).expect("a wake");
        assert!(!receiver.wake().is_set());
        sender.push(speaking(1));
        sender.push(speaking(2));
        sender.signal();
        assert!(receiver.wake().is_set());
        assert_eq!(receiver.drain(1).len(), 1);
        assert!(receiver.wake().is_set(), "one event is left");
        assert_eq!(receiver.drain(8).len(), 1);
        assert!(!receiver.wake().is_set());
    }

    #[test]
    fn a_dtls_flood_of_one_transport_leaves_room_for_others() {
        let (mut sender, receiver) = channel(1024).expect("a wake");
        for _ in 0..DTLS_WAITING {
            assert_eq!(sender.push(dtls(1)), Handover::Queued);
        }
        assert_eq!(sender.push(dtls(1)), Handover::DtlsQueueFull);
        assert_eq!(sender.push(dtls(2)), Handover::Queued);
        receiver.drain(1);
        assert_eq!(sender.push(dtls(1)), Handover::Queued);
    }

    #[test]
    fn transports_without_waiting_datagrams_are_forgotten() {
        let (mut sender, receiver) = channel(8).expect("a wake");
        for transport in 0..4 * REMEMBERED_TRANSPORTS as u64 {
            assert_eq!(sender.push(dtls(transport)), Handover::Queued);
            receiver.drain(8);
        }
        assert!(sender.dtls_waiting.len() <= REMEMBERED_TRANSPORTS);
    }

    #[test]
    fn a_failure_stays_readable() {
        let (sender, receiver) = channel(8).expect("a wake");
        sender.fail("burnt".into());
        receiver.drain(8);
        assert!(receiver.wake().is_set());
        assert_eq!(receiver.failure(), Some("burnt"));
    }
}
