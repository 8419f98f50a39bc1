//! What the control side holds: the bound sockets and the workers that serve them.
//!
//! Any thread may call any method; only `command` on a full queue, `snapshot` and `close` wait.
//! All commands go to the first worker, which passes them on, so that they reach a subscriber
//! in order with what happens on the wire.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use sfu_proto::command::Command;
use sfu_proto::event::Event;
use sfu_proto::handover::ShardSet;
use sfu_proto::router::{HoldConfig, Router, RouterConfig};
use sfu_proto::snapshot::Snapshot;

use crate::bind::{BindError, BoundSocket, bind_all};
use crate::doorbell::Doorbell;
use crate::events::{self, EventReceiver, EventSender};
use crate::limits::ORDER_CAPACITY;
use crate::links::link;
use crate::machine::Machine;
use crate::orders::{self, Order, OrderReceiver, OrderSender, SendError, WorkerSnapshot};
use crate::shards::{Hub, Shard};
use crate::system::Fd;
use crate::worker::Worker;

/// How long a command waits for room among the orders before the worker counts as stuck.
const COMMAND_PATIENCE: Duration = Duration::from_secs(1);

/// How long the worker may take to end.
const CLOSE_PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, Debug)]
pub struct PlaneConfig {
    pub addresses: Vec<SocketAddr>,
    /// Threads among which the subscribers are shared out; the first receives for all.
    pub workers: usize,
    /// Events that wait to be drained; more are lost and counted.
    pub event_capacity: usize,
    /// What one publisher may send in all.
    pub publisher_bitrate_bps: u64,
    pub hold: HoldConfig,
    /// While much comes it is received at this distance, and gathers; zero: as it comes.
    pub receive_tick: Duration,
    /// What subscribers are sent follows what their ways carry.
    pub adapts: bool,
}

impl PlaneConfig {
    /// With [`HoldConfig::DEFAULT`] nothing waits longer than 15 ms, and a frame's last packet
    /// half a millisecond in the median. Twice as much would save another eighth.
    pub const RECEIVE_TICK: Duration = Duration::from_millis(1);
}

/// The packet path's counters, and what they cost.
#[derive(Clone, Debug)]
pub struct PlaneSnapshot {
    pub router: Snapshot,
    /// CPU time of each living worker's thread since its start.
    pub workers_cpu: Vec<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// The worker has taken no order for a second while thousands wait.
    Stuck,
}

/// The first worker has died; it says of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrainError(pub String);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotError {
    TimedOut,
    Closed,
    /// The first worker has died; it says of what.
    Failed(String),
}

/// A worker did not end in time; its thread is left to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseError;

#[derive(Debug)]
pub struct Plane {
    local_addresses: Vec<SocketAddr>,
    /// To each worker; the first takes the commands.
    orders: Vec<OrderSender>,
    events: EventReceiver,
    threads: Mutex<Vec<RunningWorker>>,
}

#[derive(Debug)]
struct RunningWorker {
    handle: JoinHandle<()>,
    /// Disconnected once the worker has ended and closed its sockets.
    ended: Receiver<()>,
}

impl Plane {
    /// Binds every address and starts the workers.
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
            adapts: config.adapts,
            shards: config.workers.clamp(1, ShardSet::MOST),
            ..RouterConfig::new(Instant::now(), start_unix, seed)
        };
        match router.shards {
            1 => Self::start(config, Router::new(router)),
            _ => Self::start_sharded(config, &router),
        }
    }

    /// One worker that serves all.
    pub(crate) fn start(config: &PlaneConfig, machine: impl Machine) -> Result<Self, BindError> {
        let mut plane = Starting::new(config, 1)?;
        plane.spawn(machine)?;
        Ok(plane.finish())
    }

    fn start_sharded(config: &PlaneConfig, router: &RouterConfig) -> Result<Self, BindError> {
        let mut plane = Starting::new(config, router.shards)?;
        let (receive, shards) = router.build();
        let mut shards = shards.into_iter();
        let own = shards.next().expect("there is at least one shard");
        let (links, machines): (Vec<_>, Vec<_>) = shards
            .enumerate()
            .map(|(index, side)| {
                let shard = index + 1;
                let (link, inbox) = link(shard, plane.bell(0), plane.bell(shard));
                (link, Shard::new(side, inbox))
            })
            .unzip();
        plane.spawn(Hub::new(receive, own, links))?;
        for machine in machines {
            plane.spawn(machine)?;
        }
        Ok(plane.finish())
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
            match self.orders[0].send(order) {
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

    /// Asks all workers at once; each answers between two turns and waits for nobody.
    pub fn snapshot(&self, timeout: Duration) -> Result<PlaneSnapshot, SnapshotError> {
        let deadline = Instant::now() + timeout;
        let (answer, answers) = mpsc::sync_channel(self.orders.len());
        for orders in &self.orders {
            match orders.send(Order::Snapshot(answer.clone())) {
                // One that has died is missing in the answer; the first, by which all live,
                // is told of below.
                Ok(()) | Err(SendError::Gone) => {}
                Err(SendError::Full(_)) => return Err(SnapshotError::TimedOut),
            }
        }
        drop(answer);
        let mut parts = Vec::with_capacity(self.orders.len());
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match answers.recv_timeout(left) {
                Ok(part) => parts.push(part),
                Err(RecvTimeoutError::Timeout) => return Err(SnapshotError::TimedOut),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.merge(parts).ok_or_else(|| self.ending())
    }

    fn merge(&self, mut parts: Vec<WorkerSnapshot>) -> Option<PlaneSnapshot> {
        parts.sort_by_key(|part| part.worker);
        let workers_cpu = parts.iter().map(|part| part.cpu).collect();
        let mut parts = parts.into_iter();
        let first = parts.next().filter(|part| part.worker == 0)?;
        let mut router = first.part;
        parts.for_each(|part| router.absorb(part.part));
        router.events_dropped += self.events.dropped();
        Some(PlaneSnapshot {
            router,
            workers_cpu,
        })
    }

    /// Lets the workers carry out what is queued, ends them, closes the sockets.
    pub fn close(&self) -> Result<(), CloseError> {
        self.close_within(CLOSE_PATIENCE)
    }

    fn close_within(&self, patience: Duration) -> Result<(), CloseError> {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let deadline = Instant::now() + patience;
        let mut result = Ok(());
        // In order: what the first has handed over is carried out by the others.
        for (worker, orders) in threads.drain(..).zip(&self.orders) {
            orders.stop();
            let left = deadline.saturating_duration_since(Instant::now());
            if worker.ended.recv_timeout(left) == Err(RecvTimeoutError::Timeout) {
                result = Err(CloseError);
            } else {
                // A panic was caught in the worker and told through the events.
                let _ = worker.handle.join();
            }
        }
        result
    }

    fn ending(&self) -> SnapshotError {
        self.events
            .failure()
            .map_or(SnapshotError::Closed, |reason| {
                SnapshotError::Failed(reason.to_owned())
            })
    }
}

/// A plane whose workers are about to run.
struct Starting {
    plane: Plane,
    sockets: Vec<Arc<BoundSocket>>,
    /// Of the workers to come.
    receivers: std::vec::IntoIter<OrderReceiver>,
    sender: EventSender,
    receive_tick: Duration,
}

impl Starting {
    fn new(config: &PlaneConfig, workers: usize) -> Result<Self, BindError> {
        let sockets = bind_all(&config.addresses)?;
        let channels = (0..workers).map(|_| orders::channel(ORDER_CAPACITY));
        let channels = channels.collect::<io::Result<Vec<_>>>()?;
        let (orders, receivers): (Vec<_>, Vec<_>) = channels.into_iter().unzip();
        let (sender, events) = events::channel(config.event_capacity)?;
        let plane = Plane {
            local_addresses: sockets.iter().map(|bound| bound.local).collect(),
            orders,
            events,
            threads: Mutex::default(),
        };
        Ok(Self {
            plane,
            sockets,
            receivers: receivers.into_iter(),
            sender,
            receive_tick: config.receive_tick,
        })
    }

    fn bell(&self, worker: usize) -> Arc<Doorbell> {
        Arc::clone(self.plane.orders[worker].bell())
    }

    /// Starts the next worker. If one cannot be, dropping the plane ends those before it.
    fn spawn(&mut self, machine: impl Machine) -> io::Result<()> {
        let threads = self.plane.threads.get_mut();
        let threads = threads.unwrap_or_else(PoisonError::into_inner);
        let index = threads.len();
        let orders = self.receivers.next().expect("as many as workers");
        let (sockets, events) = (self.sockets.clone(), self.sender.clone());
        let worker = Worker::new(index, machine, sockets, orders, events)?;
        let worker = worker.with_tick(self.receive_tick);
        let (ending, ended) = mpsc::channel();
        let handle = thread::Builder::new()
            .name(format!("packets-{index}"))
            .spawn(move || {
                worker.run();
                drop::<mpsc::Sender<()>>(ending);
            })?;
        threads.push(RunningWorker { handle, ended });
        Ok(())
    }

    fn finish(self) -> Plane {
        self.plane
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
