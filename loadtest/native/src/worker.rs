//! The loop of one thread: sockets, timers and the peers that it drives.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::Instant;

use crate::context::{Context, Measures};
use crate::outbox::Outbox;
use crate::peer::{Identity, Peer, PeerConfig, PeerCounts, PeerState};
use crate::receive::Played;
use crate::system::{Inbox, Poller, Socket, Wake, monotonic, realtime, thread_cpu};
use crate::time::{Epoch, NEVER, Nanos, SECOND};

/// The wall clock is looked at again this often: it may be slewed against the monotonic one.
const EPOCH_LIFE: Nanos = SECOND;

pub(crate) enum Order {
    Add(u32, Box<PeerConfig>),
    Remove(u32),
    SetSpeaking(u32, bool),
    TakePlayed(u32, Sender<Vec<Played>>),
    /// Percentiles and gaps begin anew.
    Reset,
    Snapshot(Sender<WorkerSnapshot>),
    Stop,
}

pub(crate) struct PeerView {
    pub(crate) number: u32,
    pub(crate) state: PeerState,
    pub(crate) counts: PeerCounts,
    /// Datagrams lost in our own socket.
    pub(crate) socket_drops: u64,
}

pub(crate) struct WorkerSnapshot {
    pub(crate) cpu: Nanos,
    pub(crate) unsent: u64,
    pub(crate) unopened: u64,
    pub(crate) measures: Measures,
    pub(crate) peers: Vec<PeerView>,
}

/// A peer, its socket and the time for which a timer is set.
struct Seat {
    number: u32,
    socket: Socket,
    peer: Peer,
    timer_at: Nanos,
    has_timestamps: bool,
}

pub(crate) struct Worker {
    orders: Receiver<Order>,
    wake: Arc<Wake>,
    identity: Arc<Identity>,
    poller: Poller,
    inbox: Inbox,
    outbox: Outbox,
    seats: Vec<Option<Seat>>,
    /// When, and for which seat; entries that a seat no longer waits for are passed over.
    timers: BinaryHeap<Reverse<(Nanos, usize)>>,
    epoch: Epoch,
    epoch_until: Nanos,
    measures: Measures,
    /// Datagrams that the kernel did not take.
    unsent: u64,
    /// Peers for whom it had no socket.
    unopened: u64,
}

impl Worker {
    pub(crate) fn new(
        orders: Receiver<Order>,
        wake: Arc<Wake>,
        identity: Arc<Identity>,
    ) -> io::Result<Self> {
        let now = monotonic();
        Ok(Self {
            poller: Poller::new(&wake)?,
            orders,
            wake,
            identity,
            inbox: Inbox::new(),
            outbox: Outbox::default(),
            seats: Vec::new(),
            timers: BinaryHeap::new(),
            epoch: Epoch::new(Instant::now(), now, realtime()),
            epoch_until: now + EPOCH_LIFE,
            measures: Measures::default(),
            unsent: 0,
            unopened: 0,
        })
    }

    /// Until it is told to stop, or nobody is left to tell it.
    pub(crate) fn run(mut self) -> io::Result<()> {
        loop {
            let longest = self.next_timer().saturating_sub(monotonic());
            let count = self.poller.wait(longest)?;
            for index in 0..count {
                match self.poller.token(index) {
                    Poller::WOKEN => {
                        if !self.obey() {
                            return Ok(());
                        }
                    }
                    seat => self.receive(seat as usize)?,
                }
                self.run_timers();
            }
            self.run_timers();
        }
    }

    fn next_timer(&self) -> Nanos {
        self.timers.peek().map_or(NEVER, |Reverse((at, _))| *at)
    }

    /// Whether to go on.
    fn obey(&mut self) -> bool {
        self.wake.clear();
        loop {
            match self.orders.try_recv() {
                Ok(Order::Add(number, config)) => self.add(number, *config),
                Ok(Order::Remove(number)) => self.remove(number),
                Ok(Order::SetSpeaking(number, is_speaking)) => {
                    if let Some(peer) = self.peer(number) {
                        peer.set_speaking(is_speaking);
                    }
                }
                Ok(Order::TakePlayed(number, reply)) => {
                    let played = self.peer(number).map(Peer::take_played);
                    let _ = reply.send(played.unwrap_or_default());
                }
                Ok(Order::Reset) => self.reset(),
                Ok(Order::Snapshot(reply)) => _ = reply.send(self.snapshot()),
                Ok(Order::Stop) | Err(TryRecvError::Disconnected) => {
                    self.stop();
                    return false;
                }
                Err(TryRecvError::Empty) => return true,
            }
        }
    }

    fn add(&mut self, number: u32, config: PeerConfig) {
        let options = config.socket;
        let index = self.seats.len();
        let opened = Socket::open(config.remote, options)
            .and_then(|socket| self.poller.add(&socket, index as u64).map(|()| socket));
        let Ok(socket) = opened else {
            self.unopened += 1;
            return;
        };
        let now = monotonic();
        let peer = Peer::new(number, config, &self.identity, now, &self.epoch);
        self.seats.push(Some(Seat {
            number,
            socket,
            peer,
            timer_at: NEVER,
            has_timestamps: options.has_timestamps,
        }));
        self.with_peer(index, |peer, context| peer.handle_timeout(context));
    }

    fn peer(&mut self, number: u32) -> Option<&mut Peer> {
        let mut seats = self.seats.iter_mut().flatten();
        let seat = seats.find(|seat| seat.number == number);
        seat.map(|seat| &mut seat.peer)
    }

    fn remove(&mut self, number: u32) {
        let is_it = |seat: &Option<Seat>| seat.as_ref().is_some_and(|seat| seat.number == number);
        if let Some(index) = self.seats.iter().position(is_it) {
            self.with_peer(index, |peer, context| peer.close(context));
            self.seats[index] = None;
        }
    }

    fn stop(&mut self) {
        for index in 0..self.seats.len() {
            self.with_peer(index, |peer, context| peer.close(context));
        }
    }

    fn reset(&mut self) {
        let now = monotonic();
        self.measures = Measures::default();
        for seat in self.seats.iter_mut().flatten() {
            seat.peer.reset_gaps(now);
        }
    }

    fn snapshot(&self) -> WorkerSnapshot {
        let seats = self.seats.iter().flatten();
        WorkerSnapshot {
            cpu: thread_cpu(),
            unsent: self.unsent,
            unopened: self.unopened,
            measures: self.measures.clone(),
            peers: seats
                .map(|seat| PeerView {
                    number: seat.number,
                    state: seat.peer.state(),
                    counts: seat.peer.counts(),
                    socket_drops: seat.socket.drops(),
                })
                .collect(),
        }
    }

    fn receive(&mut self, index: usize) -> io::Result<()> {
        let Some(Some(seat)) = self.seats.get_mut(index) else {
            return Ok(());
        };
        // An ICMP error of an earlier send is not ours to end on.
        let count = self.inbox.receive(&seat.socket).unwrap_or(0);
        let now = monotonic();
        if now >= self.epoch_until {
            self.epoch = Epoch::new(Instant::now(), now, realtime());
            self.epoch_until = now + EPOCH_LIFE;
        }
        let mut context = Context {
            now,
            epoch: &self.epoch,
            out: &mut self.outbox,
            measures: &mut self.measures,
        };
        for message in 0..count {
            let taken = self.inbox.take(message);
            let came_at = taken.came_at.map(|at| self.epoch.at_unix(at).min(now));
            let came_at = came_at.unwrap_or(now);
            if seat.has_timestamps {
                context.measures.reading_late.record(now - came_at);
            }
            for datagram in taken.datagrams {
                seat.peer.handle_datagram(&mut context, came_at, datagram);
            }
        }
        self.settle(index);
        Ok(())
    }

    fn run_timers(&mut self) {
        while let Some(&Reverse((at, index))) = self.timers.peek() {
            if at > monotonic() {
                return;
            }
            self.timers.pop();
            let Some(Some(seat)) = self.seats.get_mut(index) else {
                continue;
            };
            if seat.timer_at == at {
                seat.timer_at = NEVER;
                self.with_peer(index, |peer, context| peer.handle_timeout(context));
            }
        }
    }

    fn with_peer(&mut self, index: usize, act: impl FnOnce(&mut Peer, &mut Context<'_>)) {
        let Some(Some(seat)) = self.seats.get_mut(index) else {
            return;
        };
        let mut context = Context {
            now: monotonic(),
            epoch: &self.epoch,
            out: &mut self.outbox,
            measures: &mut self.measures,
        };
        act(&mut seat.peer, &mut context);
        self.settle(index);
    }

    /// Sends what the peer wants sent and sets its timer.
    fn settle(&mut self, index: usize) {
        let Some(Some(seat)) = self.seats.get_mut(index) else {
            return;
        };
        if !self.outbox.is_empty() {
            for datagram in self.outbox.datagrams() {
                self.unsent += u64::from(seat.socket.send(datagram).is_err());
            }
            self.outbox.clear();
        }
        let next = seat.peer.next_timeout();
        if next < seat.timer_at {
            seat.timer_at = next;
            self.timers.push(Reverse((next, index)));
        }
    }
}
