//! A network link between two namespaces: whoever is in one reaches the other only through it.
//!
//! `topology` makes the namespaces and their devices, `relay` moves frames between the two ends
//! through a [`sfu_link::Link`] a direction, `frame` reads what a frame is, `record` writes a row
//! for each. Namespaces and devices have no name that outlives us: they are gone with us.

mod frame;
mod record;
mod relay;
#[cfg(test)]
mod tests;
mod topology;

use std::io;
use std::os::fd::RawFd;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use sfu_link::Network;

use crate::system::{Wake, monotonic};
use crate::time::Nanos;
use record::Recorder;
use relay::{Order, Relay};
pub(crate) use topology::Sides;
use topology::Topology;

/// What the emulator did wrong, beside being late, which its rows tell.
#[derive(Debug, Default)]
pub(crate) struct OwnLosses(AtomicU64);

impl OwnLosses {
    fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }
}

pub(crate) struct Emulation {
    topology: Topology,
    started_at: Nanos,
    orders: Mutex<Sender<Order>>,
    wake: Arc<Wake>,
    own_losses: Arc<OwnLosses>,
    thread: Mutex<Option<JoinHandle<io::Result<()>>>>,
}

impl Emulation {
    pub(crate) fn start(
        network: Network,
        seed: u64,
        csv: Option<&Path>,
        sides: Sides,
    ) -> io::Result<Self> {
        let recorder = csv.map(Recorder::create).transpose()?;
        let (topology, wires) = Topology::make(sides)?;
        let (orders, received) = mpsc::channel();
        let wake = Arc::new(Wake::new()?);
        let own_losses = Arc::new(OwnLosses::default());
        let started_at = monotonic();
        let relay = Relay::new(wires, network, seed, started_at);
        let (roused, counted) = (Arc::clone(&wake), Arc::clone(&own_losses));
        let thread = std::thread::Builder::new()
            .name("link".to_owned())
            .spawn(move || relay.run(&received, &roused, recorder, &counted))?;
        Ok(Self {
            topology,
            started_at,
            orders: Mutex::new(orders),
            wake,
            own_losses,
            thread: Mutex::new(Some(thread)),
        })
    }

    pub(crate) fn topology(&self) -> &Topology {
        &self.topology
    }

    /// From when on rows and steps count.
    pub(crate) fn started_at(&self) -> Nanos {
        self.started_at
    }

    pub(crate) fn own_losses(&self) -> u64 {
        self.own_losses.0.load(Ordering::Relaxed)
    }

    /// From now on the link is so; times of steps count from now.
    pub(crate) fn change(&self, network: Network) -> io::Result<()> {
        self.order(Order::Follow(Box::new(network)))
    }

    /// Ends the link and the rows.
    pub(crate) fn close(&self) -> io::Result<()> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(thread) = thread.take() else {
            return Ok(());
        };
        // A thread that has ended cannot be told, and says why below.
        let _ = self.order(Order::Stop);
        let ended = thread.join();
        ended.unwrap_or_else(|_| Err(io::Error::other("the link's thread panicked")))
    }

    fn order(&self, order: Order) -> io::Result<()> {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = orders.send(order);
        self.wake.notify();
        sent.map_err(|_| io::Error::other("the link has ended"))
    }
}

impl Drop for Emulation {
    fn drop(&mut self) {
        let _ = self.close();
    }
}

impl Topology {
    pub(crate) fn client_fd(&self) -> RawFd {
        self.client.fd()
    }

    pub(crate) fn server_fd(&self) -> RawFd {
        self.server.fd()
    }
}
