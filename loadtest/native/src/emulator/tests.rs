//! The link in real namespaces: what comes out is what its rows say.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use sfu_link::{Fate, Link, Network};

use super::{Emulation, Sides};
use crate::system::{Namespace, netlink};

/// For broken builds alone.
const DEADLINE: Duration = Duration::from_secs(60);
const PORT: u16 = 5004;
const SEED: u64 = 7;
/// Fits into a socket's buffer, so that nobody need read at once.
const SENT: u16 = 100;

struct Rows(PathBuf);

impl Rows {
    fn new(name: &str) -> Self {
        let name = format!("emulator-{name}-{}.csv", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    /// By column, those of RTP only.
    fn read(&self) -> Vec<BTreeMap<String, String>> {
        let text = std::fs::read_to_string(&self.0).unwrap();
        let mut lines = text.lines().map(|line| line.split(','));
        let names: Vec<_> = lines.next().unwrap().collect();
        lines
            .map(|fields| {
                let named = names.iter().zip(fields);
                named
                    .map(|(name, field)| ((*name).to_owned(), field.to_owned()))
                    .collect::<BTreeMap<_, _>>()
            })
            .filter(|row| row["kind"] == "rtp")
            .collect()
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn start(spec: &str, rows: &Rows) -> Emulation {
    let network = spec.parse().unwrap();
    Emulation::start(network, SEED, Some(&rows.0), Sides::BothNew)
        .expect("needs root, or a user namespace of its own")
}

/// Sockets on the client's and on the server's side, each connected to the other.
fn sockets(emulation: &Emulation) -> (UdpSocket, UdpSocket) {
    let topology = emulation.topology();
    let client_at: SocketAddr = (topology.client_address, PORT).into();
    let server_at: SocketAddr = (topology.server_address, PORT).into();
    let open = |namespace: &Namespace, own: SocketAddr, other: SocketAddr| {
        let opened = namespace.within(|| {
            let socket = UdpSocket::bind(own)?;
            socket.connect(other)?;
            socket.set_read_timeout(Some(DEADLINE))?;
            Ok(socket)
        });
        opened.unwrap()
    };
    let client = open(&topology.client, client_at, server_at);
    let server = open(&topology.server, server_at, client_at);
    (client, server)
}

fn packet(number: u16, size: usize) -> Vec<u8> {
    let mut packet = vec![0x80, 96];
    packet.extend_from_slice(&number.to_be_bytes());
    packet.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 9]);
    packet.resize(size, 0);
    packet
}

/// Sequence numbers of what comes, until that many have.
fn received(socket: &UdpSocket, count: usize) -> Vec<String> {
    let mut buffer = [0; 2000];
    let mut next = || {
        let length = socket.recv(&mut buffer).expect("it comes in time");
        assert!(length >= 12);
        u16::from_be_bytes([buffer[2], buffer[3]]).to_string()
    };
    (0..count).map(|_| next()).collect()
}

fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < DEADLINE, "not in time");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn rows_say_what_the_receiver_saw() {
    let rows = Rows::new("truth");
    let spec = "delay=20,down:loss=20,down:duplicate=10,reorder=5/30";
    let emulation = start(spec, &rows);
    let (client, server) = sockets(&emulation);
    for number in 0..SENT {
        server.send(&packet(number, 100)).unwrap();
    }
    // The same seed, without a network.
    let mut link = Link::new(spec.parse::<Network>().unwrap().down, SEED);
    (0..SENT).for_each(|number| link.send(Duration::ZERO, 128, number));
    let fates = std::iter::from_fn(|| link.poll(DEADLINE)).map(|passed| passed.fate);
    let expected = fates.filter(|fate| *fate != Fate::Lost).count();
    let seen = received(&client, expected);
    emulation.close().unwrap();
    assert_eq!(emulation.own_losses(), 0);
    let rows = rows.read();
    let came =
        |row: &&BTreeMap<String, String>| row["fate"] == "delivered" || row["fate"] == "duplicated";
    let told: Vec<_> = rows
        .iter()
        .filter(came)
        .map(|row| row["sequence_number"].clone())
        .collect();
    assert_eq!(told, seen);
    let lost = rows.iter().filter(|row| row["fate"] == "lost").count();
    assert!((5..40).contains(&lost), "{lost} of {SENT}");
    assert_eq!(
        rows.len(),
        usize::from(SENT)
            + rows
                .iter()
                .filter(|row| row["fate"] == "duplicated")
                .count()
    );
    for row in &rows {
        assert_eq!(
            (&*row["direction"], &*row["ssrc"], &*row["size"]),
            ("down", "9", "128")
        );
        assert_eq!((&*row["payload_type"], &*row["marker"]), ("96", "0"));
        let seconds = |name: &str| row[name].parse::<f64>().unwrap();
        let took = seconds("out_s") - seconds("in_s");
        assert!(took >= if came(&row) { 0.0199 } else { 0.0 }, "{row:?}");
    }
}

#[test]
fn a_bottleneck_drops_what_does_not_fit() {
    let rows = Rows::new("queue");
    // A packet of 1028 bytes is 82 ms of 100 kbit/s.
    let emulation = start("up:rate=100,up:queue=800", &rows);
    let (client, server) = sockets(&emulation);
    for number in 0..40 {
        client.send(&packet(number, 1000)).unwrap();
    }
    let first = received(&server, 10);
    assert_eq!(
        first,
        (0..10).map(|number| number.to_string()).collect::<Vec<_>>()
    );
    emulation.close().unwrap();
    let rows = rows.read();
    let dropped = rows
        .iter()
        .filter(|row| row["fate"] == "queue_dropped")
        .count();
    // A sender that is late finds room again.
    assert!((1..=30).contains(&dropped), "{dropped}");
    for row in rows.iter().filter(|row| row["fate"] == "delivered") {
        assert!(row["queued_ms"].parse::<f64>().unwrap() <= 800.0, "{row:?}");
    }
}

#[test]
fn a_row_is_a_packet_on_the_wire() {
    let rows = Rows::new("segments");
    let emulation = start("", &rows);
    let (client, server) = sockets(&emulation);
    let run: Vec<u8> = (0..8).flat_map(|number| packet(number, 400)).collect();
    // Without checksums in the device some kernels refuse runs, and their senders know how to go on.
    let is_taken = sfu_linux::set_option(&server, libc::SOL_UDP, libc::UDP_SEGMENT, 400).is_ok()
        && server.send(&run).is_ok();
    if !is_taken {
        sfu_linux::set_option(&server, libc::SOL_UDP, libc::UDP_SEGMENT, 0).unwrap();
        (0..8).for_each(|number| _ = server.send(&packet(number, 400)).unwrap());
    }
    received(&client, 8);
    emulation.close().unwrap();
    let rows = rows.read();
    assert_eq!(rows.len(), 8);
    assert!(rows.iter().all(|row| row["size"] == "428"), "{rows:?}");
}

#[test]
fn devices_are_gone_with_the_link() {
    let home = Namespace::new().expect("needs root, or a user namespace of its own");
    let start = || {
        let network = "delay=1".parse().unwrap();
        Emulation::start(network, 1, None, Sides::CallerIsServer)
    };
    let device = || home.within(|| netlink::index("emulated0"));
    let first = home.within(start).unwrap();
    let second = home.within(start).unwrap();
    assert_ne!(
        first.topology().server_address,
        second.topology().server_address
    );
    device().unwrap();
    drop(first);
    // The kernel takes its time to tear a namespace down.
    until(|| device().is_err().then_some(()));
    home.within(|| netlink::index("emulated1")).unwrap();
}

#[test]
fn a_file_that_cannot_be_written_is_told() {
    let network = "delay=1".parse().unwrap();
    let path = PathBuf::from("/nowhere/rows.csv");
    let refused = Emulation::start(network, 1, Some(&path), Sides::BothNew);
    let error: io::Error = refused.err().expect("no such folder");
    assert!(error.to_string().contains("/nowhere/rows.csv"), "{error}");
}
