//! What the control side asks of the worker: a bounded queue and a wake-up.
//!
//! Any thread sends, the worker receives; neither ever waits for a lock of the other. The
//! worker's bell is here as well: other workers ring it too ([`crate::links`]).

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::time::Duration;

use sfu_proto::command::Command;
use sfu_proto::snapshot::Snapshot;

use crate::doorbell::Doorbell;

/// One worker's part of what all of them are asked for.
#[derive(Clone, Debug)]
pub(crate) struct WorkerSnapshot {
    pub(crate) worker: usize,
    pub(crate) part: Snapshot,
    pub(crate) cpu: Duration,
}

#[derive(Debug)]
pub(crate) enum Order {
    Command(Command),
    /// The answer goes nowhere, without harm, if the asker has given up.
    Snapshot(SyncSender<WorkerSnapshot>),
}

#[derive(Debug)]
pub(crate) enum SendError {
    /// The worker has not kept up with `capacity` orders; here it is back.
    Full(Order),
    /// The worker has ended.
    Gone,
}

#[derive(Debug)]
struct Shared {
    waiting: AtomicUsize,
    capacity: usize,
    is_stopping: AtomicBool,
    bell: Arc<Doorbell>,
}

#[derive(Debug)]
pub(crate) struct OrderSender {
    queue: Sender<Order>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct OrderReceiver {
    queue: Receiver<Order>,
    shared: Arc<Shared>,
}

pub(crate) fn channel(capacity: usize) -> io::Result<(OrderSender, OrderReceiver)> {
    // The unbounded queue allocates as it grows; `waiting` bounds it.
    let (sender, receiver) = mpsc::channel();
    let shared = Arc::new(Shared {
        waiting: AtomicUsize::new(0),
        capacity,
        is_stopping: AtomicBool::new(false),
        bell: Arc::new(Doorbell::new()?),
    });
    Ok((
        OrderSender {
            queue: sender,
            shared: Arc::clone(&shared),
        },
        OrderReceiver {
            queue: receiver,
            shared,
        },
    ))
}

impl OrderSender {
    #[expect(
        clippy::result_large_err,
        reason = "a refused order goes back to its sender"
    )]
    pub(crate) fn send(&self, order: Order) -> Result<(), SendError> {
        if self.shared.waiting.fetch_add(1, Ordering::AcqRel) >= self.shared.capacity {
            self.shared.waiting.fetch_sub(1, Ordering::AcqRel);
            return Err(SendError::Full(order));
        }
        if self.queue.send(order).is_err() {
            return Err(SendError::Gone);
        }
        self.shared.bell.ring();
        Ok(())
    }

    pub(crate) fn bell(&self) -> &Arc<Doorbell> {
        &self.shared.bell
    }

    /// Asks the worker to carry out what is queued, and end.
    pub(crate) fn stop(&self) {
        self.shared.is_stopping.store(true, Ordering::Release);
        self.shared.bell.ring();
    }
}

impl OrderReceiver {
    pub(crate) fn bell(&self) -> &Arc<Doorbell> {
        &self.shared.bell
    }

    /// Something is queued, or is about to be.
    pub(crate) fn is_waiting(&self) -> bool {
        self.shared.waiting.load(Ordering::Acquire) > 0
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.shared.is_stopping.load(Ordering::Acquire)
    }

    pub(crate) fn take(&self) -> Option<Order> {
        let order = self.queue.try_recv().ok()?;
        self.shared.waiting.fetch_sub(1, Ordering::AcqRel);
        Some(order)
    }
}

#[cfg(test)]
mod tests {
    use sfu_proto::ids::RoomId;

    use super::*;

    fn order(room: u64) -> Order {
        Order::Command(Command::RemoveRoom { room: RoomId(room) })
    }

    #[test]
    fn a_full_queue_says_so_and_takes_again_once_served() {
        let (sender, receiver) = channel(2).expect("a wake");
        assert!(sender.send(order(1)).is_ok());
        assert!(sender.send(order(2)).is_ok());
        assert!(matches!(sender.send(order(3)), Err(SendError::Full(_))));
        assert!(receiver.take().is_some());
        assert!(sender.send(order(4)).is_ok());
    }

    #[test]
    fn orders_keep_their_order() {
        let (sender, receiver) = channel(8).expect("a wake");
        for room in 0..8 {
            sender.send(order(room)).expect("room for it");
        }
        for expected in 0..8 {
            match receiver.take() {
                Some(Order::Command(Command::RemoveRoom { room })) => assert_eq!(room.0, expected),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn an_ended_worker_is_told_apart_from_a_slow_one() {
        let (sender, receiver) = channel(2).expect("a wake");
        drop(receiver);
        assert!(matches!(sender.send(order(1)), Err(SendError::Gone)));
    }
}
