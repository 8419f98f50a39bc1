//! Publishers and subscribers on the wire, for `tests/bench/forwarding.py`.
//!
//! Transport 0 publishes, 1 to N subscribe; in a mesh 0 to N-1 do both. All check in by STUN
//! with the credentials that the bench gave the server; SRTP keys follow from the transport's
//! number, so that no DTLS is needed. Speaks by lines: writes `connected`, waits for `go`,
//! sends until standard input ends, writes a line of JSON with what it has sent and got, and
//! how long that took, and ends.

mod publish;
mod sink;

use std::io::{self, BufRead, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use sfu_proto::stun::{BindingRequest, Role, StunKey};

use crate::publish::{Pattern, publish};
use crate::sink::Sink;

/// As the bench announces it.
const VIDEO_PAYLOAD_TYPE: u8 = 96;
const AUDIO_PAYLOAD_TYPE: u8 = 111;

/// Where a packet says when it was sent, behind the descriptor and the frame header.
const SENT_AT: usize = 16;

/// Longest the generator runs if nobody ends it.
const LIFETIME: Duration = Duration::from_secs(120);

/// One peer's socket, and the number that its keys follow from.
struct Peer {
    number: u64,
    socket: UdpSocket,
}

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(server), Some(subscribers), Some(pattern)) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err(invalid(
            "load SERVER SUBSCRIBERS bursts|spread|audio|mesh|voices|flood",
        ));
    };
    let server: SocketAddr = server.parse().map_err(invalid)?;
    let subscribers: u64 = subscribers.parse().map_err(invalid)?;
    let pattern = Pattern::named(&pattern)?;
    let last = if pattern.is_mesh {
        subscribers - 1
    } else {
        subscribers
    };
    let mut peers = (0..=last)
        .map(|number| check_in(number, server))
        .collect::<io::Result<Vec<_>>>()?;
    let publishers = match pattern.is_mesh {
        true => peers
            .iter()
            .map(Peer::try_clone)
            .collect::<io::Result<Vec<_>>>()?,
        false => vec![peers.remove(0)],
    };
    println!("connected");
    let (is_over, started) = follow_standard_input();
    let _ = started.recv_timeout(LIFETIME);

    let start = Instant::now();
    let has_ended = Arc::new(AtomicBool::new(false));
    let sink = thread::spawn({
        let has_ended = Arc::clone(&has_ended);
        let readers = pattern.readers;
        move || Sink::new(peers, start)?.drain(readers, &has_ended)
    });
    let sent = publish(publishers, start, &pattern, &is_over)?;
    has_ended.store(true, Ordering::Relaxed);
    let got = sink.join().map_err(|_| invalid("the sink panicked"))??;
    println!("{}", got.json(sent));
    io::stdout().flush()
}

fn invalid(error: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error.to_string())
}

/// The flag rises when standard input ends; the channel tells its first line.
fn follow_standard_input() -> (Arc<AtomicBool>, mpsc::Receiver<()>) {
    let is_over = Arc::new(AtomicBool::new(false));
    let (start, started) = mpsc::channel();
    thread::spawn({
        let is_over = Arc::clone(&is_over);
        move || {
            for _ in io::stdin().lock().lines().map_while(Result::ok) {
                let _ = start.send(());
            }
            is_over.store(true, Ordering::Relaxed);
        }
    });
    (is_over, started)
}

/// One STUN check that nominates, repeated until it is answered.
fn check_in(number: u64, server: SocketAddr) -> io::Result<Peer> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(Duration::from_millis(500)))?;
    let mut transaction_id = [0; 12];
    transaction_id[..8].copy_from_slice(&number.to_be_bytes());
    let username = format!("server{number}:peer{number}");
    let request = BindingRequest {
        transaction_id,
        username: &username,
        priority: 0x6e7f_1eff,
        use_candidate: true,
        role: Role::Controlling(number),
    };
    let mut datagram = Vec::new();
    request.encode(&mut datagram, &StunKey::new("the server's password, 24"));
    for _ in 0..20 {
        socket.send(&datagram)?;
        let mut answer = [0; 512];
        // Class success, method Binding.
        if socket.recv(&mut answer).is_ok() && answer[..2] == [1, 1] {
            return Ok(Peer { number, socket });
        }
    }
    Err(invalid(format!("transport {number} is not answered")))
}

impl Peer {
    fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            number: self.number,
            socket: self.socket.try_clone()?,
        })
    }
}

/// As the bench computes it: the number, then whose it is.
fn key(number: u64, is_servers: bool) -> [u8; 16] {
    let mut key = [if is_servers { 0x53 } else { 0x50 }; 16];
    key[..8].copy_from_slice(&number.to_be_bytes());
    key
}
