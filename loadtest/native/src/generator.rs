//! What the driver holds: threads, each with its peers, and the orders that go to them.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::peer::{Identity, PeerConfig};
use crate::receive::Played;
use crate::system::Wake;
use crate::worker::{Order, Worker, WorkerSnapshot};

/// A worker answers between two batches; this long it takes only when it is gone.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Generator {
    fingerprint: String,
    threads: Vec<Thread>,
    next: AtomicU32,
}

struct Thread {
    orders: Mutex<Sender<Order>>,
    wake: Arc<Wake>,
    handle: Mutex<Option<JoinHandle<io::Result<()>>>>,
}

impl Generator {
    pub(crate) fn start(threads: usize) -> Result<Self, String> {
        let identity = Arc::new(Identity::new()?);
        let start = |index| Thread::start(index, &identity).map_err(|error| error.to_string());
        Ok(Self {
            fingerprint: identity.fingerprint(),
            threads: (0..threads).map(start).collect::<Result<_, _>>()?,
            next: AtomicU32::new(0),
        })
    }

    pub(crate) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// A number for a peer to come: its SSRCs follow from it, and the offer names them.
    pub(crate) fn reserve(&self) -> u32 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn add(&self, number: u32, config: PeerConfig) -> Result<(), String> {
        self.order(number, Order::Add(number, Box::new(config)))
    }

    pub(crate) fn remove(&self, number: u32) -> Result<(), String> {
        self.order(number, Order::Remove(number))
    }

    pub(crate) fn set_speaking(&self, number: u32, is_speaking: bool) -> Result<(), String> {
        self.order(number, Order::SetSpeaking(number, is_speaking))
    }

    pub(crate) fn take_played(&self, number: u32) -> Result<Vec<Played>, String> {
        let (reply, answer) = mpsc::channel();
        self.order(number, Order::TakePlayed(number, reply))?;
        let taken = answer.recv_timeout(PATIENCE);
        taken.map_err(|_| "a generator thread does not answer".to_owned())
    }

    pub(crate) fn reset(&self) -> Result<(), String> {
        self.threads
            .iter()
            .try_for_each(|thread| thread.order(Order::Reset))
    }

    pub(crate) fn snapshots(&self) -> Result<Vec<WorkerSnapshot>, String> {
        let (reply, answers) = mpsc::channel();
        for thread in &self.threads {
            thread.order(Order::Snapshot(reply.clone()))?;
        }
        let answer = |_| answers.recv_timeout(PATIENCE);
        let taken = self.threads.iter().map(answer).collect::<Result<_, _>>();
        taken.map_err(|_| "a generator thread does not answer".to_owned())
    }

    /// Every peer says goodbye; how the threads ended.
    pub(crate) fn close(&self) -> Result<(), String> {
        // A thread that is gone cannot be told, and its end is told below.
        let _ = self
            .threads
            .iter()
            .map(|thread| thread.order(Order::Stop))
            .collect::<Vec<_>>();
        self.threads.iter().try_for_each(Thread::join)
    }

    fn order(&self, number: u32, order: Order) -> Result<(), String> {
        self.threads[number as usize % self.threads.len()].order(order)
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        let _ = self.close();
    }
}

impl Thread {
    fn start(index: usize, identity: &Arc<Identity>) -> io::Result<Self> {
        let (orders, received) = mpsc::channel();
        let wake = Arc::new(Wake::new()?);
        let (roused, identity) = (Arc::clone(&wake), Arc::clone(identity));
        // The buffers point into themselves and are made where they are used.
        let handle = std::thread::Builder::new()
            .name(format!("peers-{index}"))
            .spawn(move || Worker::new(received, roused, identity)?.run())?;
        Ok(Self {
            orders: Mutex::new(orders),
            wake,
            handle: Mutex::new(Some(handle)),
        })
    }

    fn order(&self, order: Order) -> Result<(), String> {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders
            .send(order)
            .map_err(|_| "a generator thread has ended".to_owned())?;
        self.wake.notify();
        Ok(())
    }

    fn join(&self) -> Result<(), String> {
        let mut handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        match handle.take().map(JoinHandle::join) {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(error))) => Err(error.to_string()),
            Some(Err(_)) => Err("a generator thread panicked".to_owned()),
        }
    }
}
