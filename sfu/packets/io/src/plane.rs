//! What the control side holds: the bound sockets and the worker that serves them.
//!
//! Any thread may call any method; only `command` on a full queue, `snapshot` and `close` wait.

use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use sfu_proto::command::Command;
use sfu_proto::event::Event;
use sfu_proto::router::{HoldConfig, Router, RouterConfig};
use sfu_proto::snapshot::Snapshot;

use crate::bind::{BindError, bind_all};
use crate::events::{self, EventReceiver};
use crate::machine::Machine;
use crate::orders::{self, Order, OrderSender, SendError};
use crate::system::Fd;
use crate::worker::Worker;

/// Orders that wait for the worker: joining one participant takes about fifty, so this is a
/// thousand joining at once.
const ORDER_CAPACITY: usize = 65536;

/// How long a command waits for room among the orders before the worker counts as stuck.
const COMMAND_PATIENCE: Duration = Duration::from_secs(1);

/// How long the worker may take to end.
const CLOSE_PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, Debug)]
pub struct PlaneConfig {
    pub addresses: Vec<SocketAddr>,
    /// Accepted for the day when egress is sharded by subscriber; one worker serves all today.
    pub workers: usize,
    /// Events that wait to be drained; more are lost and counted.
    pub event_capacity: usize,
    /// What one publisher may send in all.
    pub publisher_bitrate_bps: u64,
    pub hold: HoldConfig,
}

/// The router's counters, and what they cost.
#[derive(Clone, Debug)]
pub struct PlaneSnapshot {
    pub router: Snapshot,
    /// CPU time of the worker's thread since its start.
    pub worker_cpu: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// The worker has taken no order for a second while thousands wait.
    Stuck,
}

/// The worker has died; it says of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrainError(pub String);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotError {
    TimedOut,
    Closed,
    /// The worker has died; it says of what.
    Failed(String),
}

/// The worker did not end in time; its thread is left to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseError;

#[derive(Debug)]
pub struct Plane {
    local_addresses: Vec<SocketAddr>,
    orders: OrderSender,
    events: EventReceiver,
    thread: Mutex<Option<RunningWorker>>,
}

#[derive(Debug)]
struct RunningWorker {
    handle: JoinHandle<()>,
    /// Disconnected once the worker has ended and closed its sockets.
    ended: Receiver<()>,
}

impl Plane {
    /// Binds every address and starts the worker.
    pub fn bind(config: &PlaneConfig) -> Result<Self, BindError> {
        let start_unix = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        // Keyed by the system's randomness, which is all that a first sequence number needs.
        let seed = RandomState::new().hash_one(start_unix);
        let router = RouterConfig {
            event_capacity: config.event_capacity,
            publisher_bitrate_bps: config.publisher_bitrate_bps,
            hold: config.hold,
            ..RouterConfig::new(Instant::now(), start_unix, seed)
        };
        Self::start(config, Router::new(router))
    }

    pub(crate) fn start(config: &PlaneConfig, machine: impl Machine) -> Result<Self, BindError> {
        let sockets = bind_all(&config.addresses)?;
        let local_addresses = sockets.iter().map(|bound| bound.local).collect();
        let (orders, order_receiver) = orders::channel(ORDER_CAPACITY)?;
        let (event_sender, events) = events::channel(config.event_capacity)?;
        let worker = Worker::new(machine, sockets, order_receiver, event_sender)?;
        let (ending, ended) = mpsc::channel();
        let handle = thread::Builder::new()
            .name("packets".into())
            .spawn(move || {
                worker.run();
                drop::<mpsc::Sender<()>>(ending);
            })?;
        let thread = Mutex::new(Some(RunningWorker { handle, ended }));
        Ok(Self {
            local_addresses,
            orders,
            events,
            thread,
        })
    }

    pub fn local_addresses(&self) -> &[SocketAddr] {
        &self.local_addresses
    }

    /// Readable while events wait, or once the worker has died.
    pub fn event_fd(&self) -> Fd {
        self.events.wake().fd()
    }

    /// Hands a command to the worker; does nothing once it has ended.
    pub fn command(&self, command: Command) -> Result<(), CommandError> {
        let deadline = Instant::now() + COMMAND_PATIENCE;
        let mut order = Order::Command(command);
        loop {
            match self.orders.send(order) {
                Ok(()) | Err(SendError::Gone) => return Ok(()),
                Err(SendError::Full(_)) if Instant::now() >= deadline => {
                    return Err(CommandError::Stuck);
                }
                Err(SendError::Full(refused)) => order = refused,
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// At most `limit` events in order.
    pub fn drain(&self, limit: usize) -> Result<Vec<Event>, DrainError> {
        let events = self.events.drain(limit);
        match self.events.failure() {
            Some(reason) if events.is_empty() => Err(DrainError(reason.to_owned())),
            _ => Ok(events),
        }
    }

    pub fn snapshot(&self, timeout: Duration) -> Result<PlaneSnapshot, SnapshotError> {
        let (answer, answered) = mpsc::sync_channel(1);
        match self.orders.send(Order::Snapshot(answer)) {
            Ok(()) => {}
            Err(SendError::Full(_)) => return Err(SnapshotError::TimedOut),
            Err(SendError::Gone) => return Err(self.ending()),
        }
        match answered.recv_timeout(timeout) {
            Ok(mut snapshot) => {
                snapshot.router.events_dropped += self.events.dropped();
                Ok(snapshot)
            }
            Err(RecvTimeoutError::Timeout) => Err(SnapshotError::TimedOut),
            Err(RecvTimeoutError::Disconnected) => Err(self.ending()),
        }
    }

    /// Lets the worker carry out what is queued, ends it, closes the sockets.
    pub fn close(&self) -> Result<(), CloseError> {
        self.close_within(CLOSE_PATIENCE)
    }

    fn close_within(&self, patience: Duration) -> Result<(), CloseError> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(worker) = thread.take() else {
            return Ok(());
        };
        self.orders.stop();
        if worker.ended.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
            return Err(CloseError);
        }
        // A panic was caught in the worker and told through the events.
        let _ = worker.handle.join();
        Ok(())
    }

    fn ending(&self) -> SnapshotError {
        self.events
            .failure()
            .map_or(SnapshotError::Closed, |reason| {
                SnapshotError::Failed(reason.to_owned())
            })
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        // A stuck worker has no better place to be told of: `close` would have said so.
        let _ = self.close();
    }
}

#[cfg(test)]
#[path = "plane_tests.rs"]
mod tests;
