//! The loop that owns the router, or a part of it: wait, obey, receive, take what others hand
//! over, expire, send, report, and again.
//!
//! Each turn does a bounded part of each, so that no flood of datagrams keeps orders and
//! timers waiting, and no flood of orders the datagrams.

use std::any::Any;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sfu_proto::drop::DropReason;
use sfu_proto::histogram::Histogram;
use sfu_proto::snapshot::Snapshot;
use sfu_proto::stages::{self, Stage};
use sfu_proto::transmit::TransmitBatch;

use crate::bind::BoundSocket;
use crate::delays::{Delays, Sending};
use crate::egress::{Egress, must_wait};
use crate::events::{EventSender, Handover};
use crate::machine::Machine;
use crate::orders::{Order, OrderReceiver, WorkerSnapshot};
use crate::pace::Pace;
use crate::stress::Stress;
use crate::system::{self, Poller, Receiver, SocketWire};

/// Receive calls a socket and turn: some hundred datagrams, or some thousand in trains.
const RECEIVES_A_TURN: usize = 4;

/// Orders a turn. The costliest, a snapshot of a full house, takes about a millisecond.
const ORDERS_A_TURN: usize = 256;

/// How soon events are offered again to a control side that lags.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Batches of a quarter MiB that are sent before it is looked again what else has come: about
/// two milliseconds. What waits then is shed by the router's policy and not by a full buffer.
const BATCHES_A_TURN: usize = 4;

/// How often it is asked how full the sockets are: a system call each.
const LOOK_AT_SOCKETS: Duration = Duration::from_millis(5);

/// How often the router is told the wall clock: NTP slews it by half a millisecond a second at most.
const TELL_WALL_CLOCK: Duration = Duration::from_secs(1);

/// What one receive call brought beside datagrams.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Receipt {
    pub(crate) truncated: u64,
    /// Nothing more was waiting.
    pub(crate) is_last: bool,
}

pub(crate) struct Worker<M> {
    machine: M,
    sockets: Vec<Arc<BoundSocket>>,
    poller: Poller,
    /// Of the worker that receives.
    receiver: Option<Receiver>,
    pace: Pace,
    egresses: Vec<Egress<SocketWire>>,
    orders: OrderReceiver,
    events: EventSender,
    batch: TransmitBatch,
    /// Of several workers; the first receives.
    index: usize,
    /// The last turn has left something behind.
    is_behind: bool,
    /// Events that the control side has no room for yet.
    has_events: bool,
    stress: Stress,
    delays: Delays,
    looked_at: Instant,
    wall_told: Instant,
}

impl<M: Machine> Worker<M> {
    pub(crate) fn new(
        index: usize,
        machine: M,
        sockets: Vec<Arc<BoundSocket>>,
        orders: OrderReceiver,
        events: EventSender,
    ) -> io::Result<Self> {
        let is_receiving = index == 0;
        Ok(Self {
            machine,
            poller: Poller::new(&sockets, &orders.bell().alarm, is_receiving)?,
            receiver: is_receiving.then(Receiver::new),
            pace: Pace::new(Duration::ZERO, Instant::now()),
            egresses: sockets
                .iter()
                .map(|bound| Egress::new(SocketWire::new(Arc::clone(bound))))
                .collect(),
            sockets,
            orders,
            events,
            batch: TransmitBatch::default(),
            index,
            is_behind: false,
            has_events: false,
            stress: Stress::new(Instant::now()),
            delays: Delays::default(),
            looked_at: Instant::now(),
            wall_told: Instant::now(),
        })
    }

    /// While much comes it is received at this distance.
    pub(crate) fn with_tick(self, tick: Duration) -> Self {
        Self {
            pace: Pace::new(tick, Instant::now()),
            ..self
        }
    }

    /// With smaller buffers even a datagram can be too large.
    #[cfg(all(test, target_os = "linux", not(feature = "portable")))]
    pub(crate) fn with_receiver(self, receiver: Receiver) -> Self {
        Self {
            receiver: Some(receiver),
            ..self
        }
    }

    /// Runs until told to stop. A panic or an error of the poller is told to the control side.
    pub(crate) fn run(mut self) {
        let result = panic::catch_unwind(AssertUnwindSafe(|| {
            #[cfg(feature = "stages")]
            crate::stages::start();
            while self.turn()? {}
            io::Result::Ok(())
        }));
        match result {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.fail(format!("the packet worker cannot wait: {error}")),
            Err(panic) => self.fail(format!("the packet worker panicked: {}", message(&*panic))),
        }
    }

    /// Without the worker that receives nobody goes on.
    fn fail(&self, reason: String) {
        match self.index {
            0 => self.events.fail(reason),
            index => self.events.lose_worker(index, reason),
        }
    }

    fn turn(&mut self) -> io::Result<bool> {
        self.stress.sleeps(Instant::now());
        #[cfg(feature = "stages")]
        crate::stages::waiting(|| self.wait())?;
        #[cfg(not(feature = "stages"))]
        self.wait()?;
        self.stress.wakes(Instant::now());
        self.is_behind = false;
        let is_stopping = self.orders.is_stopping();
        self.obey(is_stopping)?;
        self.receive();
        stages::enter(Stage::Plan);
        self.take_handed(is_stopping);
        stages::enter(Stage::Rest);
        let now = Instant::now();
        if self
            .machine
            .poll_timeout()
            .is_some_and(|deadline| deadline <= now)
        {
            self.machine.handle_timeout(now);
        }
        self.transmit(now)?;
        self.report();
        Ok(!is_stopping && !self.machine.is_abandoned())
    }

    /// Sleeps until there is something to do. Whoever is awake is not rung for.
    fn wait(&mut self) -> io::Result<()> {
        let patience = self.patience();
        if patience == Some(Duration::ZERO) {
            self.poller.wait(patience)?;
        } else {
            let bell = Arc::clone(self.orders.bell());
            bell.lie_down();
            let has_work = self.has_work();
            let result = match has_work {
                true => self.poller.wait(Some(Duration::ZERO)),
                false => self.sleep(patience),
            };
            bell.get_up();
            result?;
        }
        if self.poller.is_woken() {
            self.orders.bell().alarm.clear();
        }
        Ok(())
    }

    /// Until there is something to do, or it is time to look what has come.
    fn sleep(&mut self, patience: Option<Duration>) -> io::Result<()> {
        let Some(next_look) = self.pace.next_look() else {
            return self.poller.wait(patience);
        };
        let rest = next_look.saturating_duration_since(Instant::now());
        let rest = patience.map_or(rest, |patience| patience.min(rest));
        self.poller.rest(rest)?;
        self.poller.wait(Some(Duration::ZERO))
    }

    /// How long there is nothing to do unless something comes.
    fn patience(&self) -> Option<Duration> {
        if self.is_behind {
            return Some(Duration::ZERO);
        }
        let deadline = self.machine.poll_timeout();
        let patience = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        match self.has_events {
            true => Some(patience.unwrap_or(LOOK_AGAIN).min(LOOK_AGAIN)),
            false => patience,
        }
    }

    fn has_work(&self) -> bool {
        self.orders.is_waiting()
            || self.orders.is_stopping()
            || self.machine.has_handed()
            || self.machine.is_abandoned()
    }

    /// Carries out what the control side asked for; all of it before the end. What it had to
    /// say leaves before anything more is received: the last message of a DTLS handshake must
    /// not be overtaken by media that other workers send under its keys.
    fn obey(&mut self, is_stopping: bool) -> io::Result<()> {
        let mut obeyed = 0;
        while is_stopping || obeyed < ORDERS_A_TURN {
            let Some(order) = self.orders.take() else {
                break;
            };
            self.carry_out(order);
            obeyed += 1;
        }
        match obeyed {
            0 => return Ok(()),
            ORDERS_A_TURN.. => self.is_behind = true,
            _ => {}
        }
        self.transmit(Instant::now())
    }

    fn carry_out(&mut self, order: Order) {
        let now = Instant::now();
        match order {
            Order::Command(command) => self.machine.handle_command(now, command),
            Order::Snapshot(answer) => {
                self.note_lateness(now);
                let snapshot = WorkerSnapshot {
                    worker: self.index,
                    part: self.snapshot(now),
                    cpu: system::thread_cpu_time(),
                };
                // Who asked may have given up.
                let _ = answer.try_send(snapshot);
            }
        }
    }

    /// With what the router does not know.
    fn snapshot(&self, now: Instant) -> Snapshot {
        let ages = self.egresses.iter().map(|egress| egress.age(now));
        let receiver = self.receiver.as_ref();
        Snapshot {
            stress: self.stress.level(now),
            forwarding_delay_audio: self.delays.audio.clone(),
            forwarding_delay_video: self.delays.video.clone(),
            receive_delay: receiver.map_or_else(Histogram::default, |held| held.waited.clone()),
            send_queue_age_s: ages.max().unwrap_or_default().as_secs_f64(),
            ..self.machine.snapshot(now)
        }
    }

    fn receive(&mut self) {
        let mut datagrams = 0;
        for index in 0..self.sockets.len() {
            if self.poller.is_readable(index) {
                datagrams += self.receive_from(index);
            }
        }
        let now = Instant::now();
        self.pace.looked(now, datagrams > 0);
        if now >= self.wall_told + TELL_WALL_CLOCK {
            self.wall_told = now;
            let wall = SystemTime::now().duration_since(UNIX_EPOCH);
            self.machine.set_wall_clock(now, wall.unwrap_or_default());
        }
    }

    /// How many datagrams.
    fn receive_from(&mut self, index: usize) -> usize {
        let Self {
            machine,
            receiver,
            sockets,
            ..
        } = self;
        let Some(receiver) = receiver else {
            return 0;
        };
        let mut count = 0;
        for _ in 0..RECEIVES_A_TURN {
            stages::enter(Stage::Receive);
            let receipt = receiver.receive(&sockets[index], index as u8, |now, datagrams| {
                count += datagrams.len();
                machine.handle_datagrams(now, datagrams);
            });
            match receipt {
                Ok(receipt) => {
                    if receipt.truncated > 0 {
                        machine.count_drops(DropReason::Truncated, receipt.truncated);
                    }
                    if receipt.is_last {
                        return count;
                    }
                }
                // Nothing there, or the error of an earlier send: the poller tells when more
                // comes.
                Err(_) => return count,
            }
        }
        self.is_behind = true;
        count
    }

    /// What other workers have handed over; all of it before the end.
    fn take_handed(&mut self, is_stopping: bool) {
        let mut has_more = self.machine.take_handed(Instant::now());
        while is_stopping && has_more {
            has_more = self.machine.take_handed(Instant::now());
        }
        self.is_behind |= has_more;
    }

    fn note_lateness(&mut self, now: Instant) {
        let waited = self.egresses.iter().map(|egress| egress.waited(now));
        let lateness = waited.fold(self.machine.lateness(now), f64::max);
        self.stress.waits(lateness);
        if now.saturating_duration_since(self.looked_at) >= LOOK_AT_SOCKETS {
            self.looked_at = now;
            let fullness = self.egresses.iter().map(Egress::fullness);
            self.stress.waits(fullness.fold(0.0, f64::max));
        }
    }

    fn transmit(&mut self, now: Instant) -> io::Result<()> {
        self.note_lateness(now);
        for (index, egress) in self.egresses.iter_mut().enumerate() {
            if egress.is_blocked() && self.poller.is_writable(index) {
                egress.resume(now);
            }
        }
        let mut batches = 0;
        // A full socket is left to drain: what comes meanwhile waits in the router.
        while !must_wait(now, &self.egresses) {
            if batches == BATCHES_A_TURN && !self.orders.is_stopping() {
                self.is_behind = true;
                break;
            }
            batches += 1;
            self.batch.clear();
            stages::enter(Stage::Plan);
            let has_more = self.machine.poll_transmits(now, &mut self.batch);
            stages::enter(Stage::Send);
            let began = Sending::begin(&self.batch);
            for (index, egress) in self.egresses.iter_mut().enumerate() {
                egress.send(now, &self.batch, index as u8);
            }
            self.delays.add(now, began, &self.batch);
            if !has_more {
                break;
            }
        }
        stages::enter(Stage::Rest);
        for (index, egress) in self.egresses.iter_mut().enumerate() {
            self.poller.watch_writable(index, egress.is_blocked())?;
            let losses = egress.take_losses();
            for (reason, packets) in [
                (DropReason::SendQueueFull, losses.queue_full),
                (DropReason::SendFailed, losses.failed),
            ] {
                if packets > 0 {
                    self.machine.count_drops(reason, packets);
                }
            }
        }
        Ok(())
    }

    fn report(&mut self) {
        let mut has_news = false;
        loop {
            self.has_events = !self.events.has_room();
            if self.has_events {
                break;
            }
            let Some(event) = self.machine.poll_event() else {
                break;
            };
            match self.events.push(event) {
                Handover::Queued => has_news = true,
                Handover::QueueFull => {}
                Handover::DtlsQueueFull => self.machine.count_drops(DropReason::DtlsQueueFull, 1),
            }
        }
        if has_news {
            self.events.signal();
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("for no stated reason")
}
