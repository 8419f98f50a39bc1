//! The plane over real loopback sockets, with a scripted machine in the router's place.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex as StdMutex};

use sfu_proto::drop::{DropCounters, DropReason};
use sfu_proto::ids::{RoomId, SourceId, TransportId};
use sfu_proto::transmit::{Datagram, Path, Transmit, TransmitBatch};

use super::*;

/// Generous: only a broken build waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where no other test takes a port that has just been freed.
const OF_ITS_OWN: &str = if cfg!(target_os = "linux") {
    "127.0.0.77"
} else {
    "127.0.0.1"
};

type Sizes = Arc<StdMutex<Vec<usize>>>;

/// Holds a worker up for as long as it is shut; a test that failed opens it in the end.
#[derive(Clone, Debug, Default)]
struct Gate(Arc<AtomicBool>);

impl Gate {
    fn shut() -> Self {
        let gate = Self::default();
        gate.set_shut(true);
        gate
    }

    fn set_shut(&self, is_shut: bool) {
        self.0.store(is_shut, Ordering::Release);
    }

    fn pass(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.0.load(Ordering::Acquire) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Sticks a worker at its [`Gate`].
const STICK: Command = Command::RemoveRoom { room: RoomId(1) };

/// Returns every datagram to where it came from; other commands make it misbehave.
#[derive(Debug, Default)]
struct Echo {
    out: TransmitBatch,
    events: Vec<Event>,
    drops: DropCounters,
    deadline: Option<Instant>,
    datagrams: u64,
    /// Sizes of the datagrams as they came in.
    sizes: Sizes,
    expired: Arc<AtomicU64>,
    gate: Gate,
    /// Joins echoes of equal size to runs.
    has_runs: bool,
    dscp: u8,
    /// Echoes to port 0, where nothing can be sent.
    is_misled: bool,
    calls: Calls,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    SendDtls,
    HandleDatagrams,
    PollTransmits,
}

type Calls = Arc<StdMutex<Vec<Call>>>;

impl Machine for Echo {
    fn handle_datagrams(&mut self, _now: Instant, datagrams: &mut [Datagram<'_>]) {
        self.note(Call::HandleDatagrams);
        for datagram in datagrams {
            self.datagrams += 1;
            self.sizes
                .lock()
                .expect("no panic before")
                .push(datagram.data.len());
            self.echo(datagram.path, datagram.data);
        }
    }

    fn handle_command(&mut self, now: Instant, command: Command) {
        match command {
            Command::RemoveRoom { room: RoomId(0) } => panic!("told to"),
            Command::RemoveRoom { room: RoomId(1) } => self.gate.pass(),
            Command::RemoveSource { source } => {
                self.events.push(Event::SpeakingChanged {
                    source,
                    speaking: true,
                });
            }
            Command::SendDtls { .. } => self.note(Call::SendDtls),
            Command::AddRoom { positions, .. } => {
                self.deadline = Some(now + Duration::from_millis(positions.into()));
            }
            _ => {}
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        assert!(self.deadline.take().is_some_and(|deadline| deadline <= now));
        self.expired.fetch_add(1, Ordering::SeqCst);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    fn poll_transmits(&mut self, _now: Instant, batch: &mut TransmitBatch) -> bool {
        self.note(Call::PollTransmits);
        std::mem::swap(batch, &mut self.out);
        false
    }

    fn poll_event(&mut self) -> Option<Event> {
        (!self.events.is_empty()).then(|| self.events.remove(0))
    }

    fn snapshot(&self, _now: Instant) -> Snapshot {
        Snapshot {
            datagrams_received: self.datagrams,
            drops: self.drops.iter().collect(),
            ..Snapshot::default()
        }
    }

    fn count_drops(&mut self, reason: DropReason, packets: u64) {
        self.drops.add(reason, packets);
    }
}

impl Echo {
    fn note(&self, call: Call) {
        self.calls.lock().expect("no panic before").push(call);
    }

    fn echo(&mut self, mut path: Path, data: &[u8]) {
        if self.is_misled && data.starts_with(b"nowhere") {
            path.remote.set_port(0);
        }
        let start = self.out.arena.len() as u32;
        self.out.arena.extend_from_slice(data);
        let len = data.len() as u32;
        if self.has_runs
            && let Some(last) = self.out.transmits.last_mut()
            && last.path == path
            && u32::from(last.segment_size) == len
        {
            last.len += len;
            return;
        }
        self.out.transmits.push(Transmit {
            path,
            start,
            len,
            segment_size: len as u16,
            dscp: self.dscp,
        });
    }
}

fn config(addresses: &[&str]) -> PlaneConfig {
    PlaneConfig {
        addresses: addresses
            .iter()
            .map(|address| address.parse().expect("an address"))
            .collect(),
        workers: 1,
        event_capacity: 16,
        publisher_bitrate_bps: 20_000_000,
        hold: HoldConfig::DEFAULT,
        receive_tick: PlaneConfig::RECEIVE_TICK,
        adapts: true,
    }
}

fn plane(addresses: &[&str], machine: Echo) -> Plane {
    Plane::start(&config(addresses), machine).expect("bind")
}

fn peer(address: &str) -> UdpSocket {
    let peer = UdpSocket::bind(address).expect("bind");
    peer.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    peer
}

fn port(plane: &Plane) -> u16 {
    plane.local_addresses()[0].port()
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain for: {what}");
        thread::yield_now();
    }
}

fn assert_echo_from(asked: &str, plane: &Plane, peer: &UdpSocket) {
    let asked = format!("{asked}:{}", port(plane));
    peer.send_to(b"hello", &asked).expect("send");
    let mut buffer = [0; 64];
    let (len, from) = peer.recv_from(&mut buffer).expect("an echo");
    assert_eq!((&buffer[..len], from.to_string()), (&b"hello"[..], asked));
}

#[test]
fn each_bound_address_answers_for_itself() {
    let plane = plane(&["127.0.0.1:0", "127.0.0.2:0", "[::1]:0"], Echo::default());
    let peer4 = peer("127.0.0.1:0");
    assert_echo_from("127.0.0.1", &plane, &peer4);
    assert_echo_from("127.0.0.2", &plane, &peer4);
    assert_echo_from("[::1]", &plane, &peer("[::1]:0"));
}

#[test]
#[cfg(all(target_os = "linux", not(feature = "portable")))]
fn a_wildcard_answers_from_the_address_that_was_asked() {
    let plane = plane(&["0.0.0.0:0", "[::]:0"], Echo::default());
    let peer4 = peer("127.0.0.1:0");
    assert_echo_from("127.0.0.2", &plane, &peer4);
    assert_echo_from("127.0.0.1", &plane, &peer4);
    assert_echo_from("127.44.3.2", &plane, &peer4);
    assert_echo_from("[::1]", &plane, &peer("[::1]:0"));
}

#[test]
fn a_full_sized_datagram_comes_back_whole() {
    let plane = plane(&["127.0.0.1:0"], Echo::default());
    let peer = peer("127.0.0.1:0");
    let sent: Vec<u8> = (0..65507u32).map(|byte| byte as u8).collect();
    peer.send_to(&sent, plane.local_addresses()[0])
        .expect("send");
    let mut buffer = vec![0; 65536];
    let len = peer.recv(&mut buffer).expect("an echo");
    assert_eq!(buffer[..len], sent);
}

/// Their order is the network's: also the loopback's may change, from one processor to another.
#[test]
fn many_datagrams_come_back_once_each() {
    let plane = plane(
        &["127.0.0.1:0"],
        Echo {
            has_runs: true,
            ..Echo::default()
        },
    );
    let peer = peer("127.0.0.1:0");
    for round in 0..20u8 {
        for number in 0..40u8 {
            peer.send_to(&[number; 1200], plane.local_addresses()[0])
                .expect("send");
        }
        let mut numbers: Vec<_> = (0..40).map(|_| whole_echo(&peer)).collect();
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..40), "round {round}");
    }
}

/// The octet that an echo of 1200 is full of.
fn whole_echo(peer: &UdpSocket) -> u8 {
    let mut buffer = [0; 2048];
    let len = peer.recv(&mut buffer).expect("an echo");
    assert_eq!(buffer[..len], [buffer[0]; 1200]);
    buffer[0]
}

/// Media that others send under the new keys must not overtake a handshake's last message.
#[test]
fn what_an_order_says_leaves_before_more_is_received() {
    let (calls, gate) = (Calls::default(), Gate::shut());
    let machine = Echo {
        calls: Arc::clone(&calls),
        gate: gate.clone(),
        ..Echo::default()
    };
    let plane = plane(&["127.0.0.1:0"], machine);
    let peer = peer("127.0.0.1:0");
    // While the worker is stuck, an order and a datagram come for its next turn.
    plane.command(STICK).expect("taken");
    plane
        .command(Command::SendDtls {
            transport: TransportId(1),
            datagram: Vec::new(),
        })
        .expect("taken");
    peer.send_to(b"hello", plane.local_addresses()[0])
        .expect("send");
    gate.set_shut(false);
    peer.recv(&mut [0; 64]).expect("an echo");
    let calls = calls.lock().expect("no panic before");
    let said = calls.iter().position(|&call| call == Call::SendDtls);
    let said = said.expect("the order was carried out");
    assert_eq!(calls[said + 1], Call::PollTransmits, "{calls:?}");
}

/// What is counted under a reason by now.
fn drops(plane: &Plane, reason: DropReason) -> u64 {
    let snapshot = plane.snapshot(PATIENCE).expect("a snapshot");
    let counted = snapshot.router.drops.into_iter();
    counted
        .filter(|&(known, _)| known == reason)
        .map(|(_, count)| count)
        .sum()
}

#[test]
fn what_cannot_be_sent_is_counted_and_stops_nothing() {
    let machine = Echo {
        is_misled: true,
        ..Echo::default()
    };
    let plane = plane(&["127.0.0.1:0"], machine);
    let peer = peer("127.0.0.1:0");
    peer.send_to(b"nowhere", plane.local_addresses()[0])
        .expect("send");
    assert_echo_from("127.0.0.1", &plane, &peer);
    wait_until("the count", || drops(&plane, DropReason::SendFailed) == 1);
}

#[test]
fn timers_fire() {
    let expired = Arc::new(AtomicU64::new(0));
    let plane = plane(
        &["127.0.0.1:0"],
        Echo {
            expired: Arc::clone(&expired),
            ..Echo::default()
        },
    );
    for positions in [0, 3] {
        let before = expired.load(Ordering::SeqCst);
        plane
            .command(Command::AddRoom {
                room: RoomId(1),
                positions,
            })
            .expect("taken");
        wait_until("the timer", || expired.load(Ordering::SeqCst) > before);
    }
}

#[test]
fn events_wake_the_reader_and_wait_in_the_machine_while_it_lags() {
    let plane = plane(&["127.0.0.1:0"], Echo::default());
    for source in 0..20 {
        plane
            .command(Command::RemoveSource {
                source: SourceId(source),
            })
            .expect("taken");
    }
    wait_until("as many as there is room for", || plane.events.len() == 16);
    plane.snapshot(PATIENCE).expect("the worker goes on");
    assert_eq!(plane.events.len(), 16);
    assert!(plane.events.wake().is_set());
    let mut events = plane.drain(10).expect("alive");
    assert_eq!(events.len(), 10);
    wait_until("the others", || {
        events.extend(plane.drain(10).expect("alive"));
        events.len() == 20
    });
    // The worker may ring once more for what has been drained meanwhile.
    wait_until("quiet", || {
        assert!(plane.drain(10).expect("alive").is_empty());
        !plane.events.wake().is_set()
    });
}

#[test]
fn a_panic_is_told_by_drain_and_snapshot() {
    let plane = plane(&["127.0.0.1:0"], Echo::default());
    plane
        .command(Command::RemoveRoom { room: RoomId(0) })
        .expect("taken");
    wait_until("the failure", || plane.events.wake().is_set());
    let DrainError(reason) = plane.drain(10).expect_err("dead");
    assert!(reason.contains("told to"), "{reason}");
    assert!(
        plane.events.wake().is_set(),
        "a reader that comes later is told as well"
    );
    wait_until("the end", || {
        let order = Order::Command(Command::RemoveRoom { room: RoomId(1) });
        matches!(plane.orders[0].send(order), Err(SendError::Gone))
    });
    assert_eq!(
        plane.snapshot(PATIENCE).expect_err("dead"),
        SnapshotError::Failed(reason)
    );
    assert_eq!(
        plane.command(Command::RemoveRoom { room: RoomId(1) }),
        Ok(())
    );
    assert_eq!(plane.close(), Ok(()));
}

/// Of a worker beside the first: told to panic, or to stick, by others.
#[derive(Default)]
struct Remote {
    echo: Echo,
    orders: Arc<AtomicU64>,
}

const PANIC: u64 = 1;
const STUCK: u64 = 2;

impl Machine for Remote {
    fn handle_datagrams(&mut self, _now: Instant, _datagrams: &mut [Datagram<'_>]) {
        unreachable!("it has no socket to receive from");
    }

    fn handle_command(&mut self, _now: Instant, _command: Command) {
        unreachable!("commands go to the first worker");
    }

    fn take_handed(&mut self, _now: Instant) -> bool {
        match self.orders.swap(0, Ordering::SeqCst) {
            PANIC => panic!("told to"),
            STUCK => self.echo.gate.pass(),
            _ => {}
        }
        false
    }

    fn has_handed(&self) -> bool {
        self.orders.load(Ordering::SeqCst) != 0
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.echo.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.echo.poll_timeout()
    }

    fn poll_transmits(&mut self, now: Instant, batch: &mut TransmitBatch) -> bool {
        self.echo.poll_transmits(now, batch)
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.echo.poll_event()
    }

    fn snapshot(&self, now: Instant) -> Snapshot {
        self.echo.snapshot(now)
    }

    fn count_drops(&mut self, reason: DropReason, packets: u64) {
        self.echo.count_drops(reason, packets);
    }
}

/// Orders the second of two workers about.
struct Orders {
    orders: Arc<AtomicU64>,
    bell: Arc<Doorbell>,
    gate: Gate,
}

impl Orders {
    /// Returns once it has begun to obey.
    fn give(&self, order: u64) {
        self.orders.store(order, Ordering::SeqCst);
        self.bell.ring();
        wait_until("the order to be taken", || {
            self.orders.load(Ordering::SeqCst) == 0
        });
    }
}

fn two_workers() -> (Plane, Orders) {
    let gate = Gate::shut();
    let orders = Arc::new(AtomicU64::new(0));
    let remote = Remote {
        orders: Arc::clone(&orders),
        echo: Echo {
            gate: gate.clone(),
            ..Echo::default()
        },
    };
    let mut plane = Starting::new(&config(&["127.0.0.1:0"]), 2).expect("bind");
    let bell = plane.bell(1);
    plane.spawn(Echo::default()).expect("a thread");
    plane.spawn(remote).expect("a thread");
    let orders = Orders { orders, bell, gate };
    (plane.finish(), orders)
}

#[test]
fn a_panic_of_one_worker_is_told_and_the_others_go_on() {
    let (plane, second) = two_workers();
    let snapshot = plane.snapshot(PATIENCE).expect("both answer");
    assert_eq!(snapshot.workers_cpu.len(), 2);
    second.give(PANIC);
    wait_until("the failure", || plane.events.wake().is_set());
    let events = plane.drain(10).expect("the first lives");
    assert!(
        matches!(&events[..], [Event::WorkerFailed { worker: 1, reason }] if reason.contains("told to")),
        "{events:?}"
    );
    assert_echo_from("127.0.0.1", &plane, &peer("127.0.0.1:0"));
    wait_until("the end", || {
        let snapshot = plane.snapshot(PATIENCE).expect("the first answers");
        snapshot.workers_cpu.len() == 1
    });
    assert_eq!(plane.close(), Ok(()));
}

#[test]
fn a_worker_that_is_stuck_holds_no_other() {
    let (plane, second) = two_workers();
    second.give(STUCK);
    assert_echo_from("127.0.0.1", &plane, &peer("127.0.0.1:0"));
    second.gate.set_shut(false);
    assert!(plane.snapshot(PATIENCE).is_ok(), "it has come back");
    assert_eq!(plane.close(), Ok(()));
}

#[test]
fn workers_start_and_end_with_the_plane() {
    for workers in [2, 5] {
        let config = PlaneConfig {
            workers,
            ..config(&[&format!("{OF_ITS_OWN}:0"), "[::1]:0"])
        };
        let plane = Plane::bind(&config).expect("bind");
        let address = plane.local_addresses()[0];
        let snapshot = plane.snapshot(PATIENCE).expect("all answer");
        assert_eq!(snapshot.workers_cpu.len(), workers);
        assert_eq!(plane.close(), Ok(()));
        UdpSocket::bind(address).expect("the port is free");
    }
}

/// A plane of one worker, and what it sticks at.
fn stuck_plane() -> (Plane, Gate) {
    let gate = Gate::shut();
    let machine = Echo {
        gate: gate.clone(),
        ..Echo::default()
    };
    let plane = plane(&["127.0.0.1:0"], machine);
    plane.command(STICK).expect("taken");
    (plane, gate)
}

#[test]
fn who_speaks_often_is_answered_by_the_clock_and_always() {
    let plane = plane(&["127.0.0.1:0"], Echo::default());
    let peer = peer("127.0.0.1:0");
    for _ in 0..1_000 {
        assert_echo_from("127.0.0.1", &plane, &peer);
    }
    assert!(plane.snapshot(PATIENCE).is_ok());
    assert_eq!(plane.close(), Ok(()));
}

#[test]
fn a_stuck_worker_does_not_hold_who_asks() {
    let (plane, gate) = stuck_plane();
    let result = plane.snapshot(Duration::from_millis(10));
    assert_eq!(result.expect_err("it is stuck"), SnapshotError::TimedOut);
    gate.set_shut(false);
    assert!(plane.snapshot(PATIENCE).is_ok(), "it has come back");

    gate.set_shut(true);
    plane.command(STICK).expect("taken");
    let result = plane.close_within(Duration::from_millis(10));
    assert_eq!(result, Err(CloseError));
    gate.set_shut(false);
}

#[test]
fn commands_to_a_stuck_worker_are_bounded() {
    let (plane, gate) = stuck_plane();
    let result = (0..=ORDER_CAPACITY as u64).try_for_each(|source| {
        plane.command(Command::RemoveSource {
            source: SourceId(source),
        })
    });
    assert_eq!(result, Err(CommandError::Stuck));
    gate.set_shut(false);
}

#[test]
fn orders_and_timers_are_served_during_a_flood() {
    let expired = Arc::new(AtomicU64::new(0));
    let plane = Arc::new(plane(
        &["127.0.0.1:0"],
        Echo {
            expired: Arc::clone(&expired),
            ..Echo::default()
        },
    ));
    let is_over = Arc::new(AtomicU64::new(0));
    let flooder = thread::spawn({
        let (plane, is_over) = (Arc::clone(&plane), Arc::clone(&is_over));
        move || {
            let peer = UdpSocket::bind("127.0.0.1:0").expect("bind");
            while is_over.load(Ordering::Relaxed) == 0 {
                let _ = peer.send_to(&[0; 100], plane.local_addresses()[0]);
            }
        }
    });
    let datagrams = || {
        plane
            .snapshot(PATIENCE)
            .expect("an answer")
            .router
            .datagrams_received
    };
    wait_until("the flood", || datagrams() > 1000);
    for round in 1..=20 {
        plane
            .command(Command::AddRoom {
                room: RoomId(1),
                positions: 1,
            })
            .expect("taken");
        wait_until("the timer", || expired.load(Ordering::SeqCst) == round);
    }
    let before = datagrams();
    wait_until("more of the flood", || datagrams() > before);
    is_over.store(1, Ordering::Relaxed);
    flooder.join().expect("the flooder");
}

#[test]
fn closing_carries_out_what_is_queued_and_frees_the_port() {
    let plane = plane(&[&format!("{OF_ITS_OWN}:0")], Echo::default());
    let address = plane.local_addresses()[0];
    for source in 0..5 {
        plane
            .command(Command::RemoveSource {
                source: SourceId(source),
            })
            .expect("taken");
    }
    assert_eq!(plane.close(), Ok(()));
    assert_eq!(plane.drain(10).expect("not a failure").len(), 5);
    assert_eq!(
        plane.snapshot(PATIENCE).expect_err("closed"),
        SnapshotError::Closed
    );
    assert_eq!(
        plane.command(Command::RemoveSource {
            source: SourceId(9)
        }),
        Ok(())
    );
    assert_eq!(plane.close(), Ok(()));
    UdpSocket::bind(address).expect("the port is free");
}

#[test]
fn an_unreachable_peer_is_counted_and_stops_nobody() {
    let plane = plane(&["127.0.0.1:0"], Echo::default());
    // Bound before the other is gone: it must not get the other's port.
    let peer = peer("127.0.0.1:0");
    let gone = UdpSocket::bind("127.0.0.1:0").expect("bind");
    gone.send_to(b"and away", plane.local_addresses()[0])
        .expect("send");
    drop(gone);
    for _ in 0..10 {
        assert_echo_from("127.0.0.1", &plane, &peer);
    }
}

#[cfg(all(target_os = "linux", not(feature = "portable")))]
#[path = "offload_tests.rs"]
mod offload;
