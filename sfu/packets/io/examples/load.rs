//! One publisher and many subscribers on the wire, for `tests/bench/test_forwarding.py`.
//!
//! Transport 0 publishes, 1 to N subscribe. All check in by STUN with the credentials that the
//! bench gave the server; SRTP keys follow from the transport's number, so that no DTLS is
//! needed. Speaks by lines: writes `connected`, waits for `go`, sends until standard input
//! ends, writes a line of JSON with what it has sent and got, and ends.

use std::io::{self, BufRead, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use sfu_proto::command::SrtpProfile;
use sfu_proto::srtp::{SrtpReceiver, SrtpSender};
use sfu_proto::stun::{BindingRequest, Role, StunKey};

/// 270 packets a second of about 1160 bytes are 2.5 Mbit/s, in 30 frames of nine packets.
const FRAME_INTERVAL: Duration = Duration::from_nanos(33_333_333);
const PACKETS_A_FRAME: u32 = 9;
const PAYLOAD: usize = 1113;
const FRAMES_A_KEYFRAME: u32 = 30;
/// The share of the interval over which a pacing publisher spreads a frame.
const SPREAD: f64 = 0.4;

/// As the bench announces it.
const PAYLOAD_TYPE: u8 = 96;
const SSRC: u32 = 0x0050_5542;
const MID_ID: u8 = 1;
const SEND_TIME_ID: u8 = 2;
const SEQUENCE_ID: u8 = 3;

/// Longest the generator runs if nobody ends it.
const LIFETIME: Duration = Duration::from_secs(120);

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(server), Some(subscribers), Some(pattern)) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err(invalid("load SERVER SUBSCRIBERS bursts|spread"));
    };
    let server: SocketAddr = server.parse().map_err(invalid)?;
    let subscribers: u64 = subscribers.parse().map_err(invalid)?;
    let gap = match pattern.as_str() {
        "bursts" => Duration::ZERO,
        "spread" => FRAME_INTERVAL.mul_f64(SPREAD / f64::from(PACKETS_A_FRAME - 1)),
        _ => return Err(invalid("the pattern is bursts or spread")),
    };
    let publisher = check_in(0, server)?;
    let sockets = (1..=subscribers)
        .map(|number| check_in(number, server))
        .collect::<io::Result<Vec<_>>>()?;
    println!("connected");
    let (is_over, started) = follow_standard_input();
    let _ = started.recv_timeout(LIFETIME);

    let received = Arc::new(Received::default());
    let has_ended = Arc::new(AtomicBool::new(false));
    let sink = thread::spawn({
        let (received, has_ended) = (Arc::clone(&received), Arc::clone(&has_ended));
        move || drain(sockets, &received, &has_ended)
    });
    let sent = Publisher::new(publisher)?.publish(gap, &is_over)?;
    has_ended.store(true, Ordering::Relaxed);
    sink.join().map_err(|_| invalid("the sink panicked"))??;
    println!(
        "{{\"sent\": {sent}, \"received\": {}, \"decrypted\": {}, \"undecryptable\": {}}}",
        received.packets.load(Ordering::Relaxed),
        received.decrypted.load(Ordering::Relaxed),
        received.undecryptable.load(Ordering::Relaxed),
    );
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
fn check_in(number: u64, server: SocketAddr) -> io::Result<UdpSocket> {
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
            return Ok(socket);
        }
    }
    Err(invalid(format!("transport {number} is not answered")))
}

/// As the bench computes it: the number, then whose it is.
fn key(number: u64, is_servers: bool) -> [u8; 16] {
    let mut key = [if is_servers { 0x53 } else { 0x50 }; 16];
    key[..8].copy_from_slice(&number.to_be_bytes());
    key
}

struct Publisher {
    socket: UdpSocket,
    srtp: SrtpSender,
    sequence_number: u16,
    roll_over: u32,
    frame: u32,
    random: u32,
}

impl Publisher {
    fn new(socket: UdpSocket) -> io::Result<Self> {
        let key = key(0, false);
        let srtp =
            SrtpSender::new(SrtpProfile::AeadAes128Gcm, &key, &key[..12]).map_err(invalid)?;
        Ok(Self {
            socket,
            srtp,
            sequence_number: 1000,
            roll_over: 0,
            frame: 0,
            random: 1,
        })
    }

    fn publish(&mut self, gap: Duration, is_over: &AtomicBool) -> io::Result<u64> {
        let start = Instant::now();
        let mut sent = 0;
        while !is_over.load(Ordering::Relaxed) && start.elapsed() < LIFETIME {
            let due = start + FRAME_INTERVAL * self.frame;
            // Frames differ in size, the packets of one by a byte, as browsers cut them.
            self.random = self
                .random
                .wrapping_mul(1_664_525)
                .wrapping_add(1_013_904_223);
            let extra = (self.random >> 24) as usize % 40;
            for packet in 0..PACKETS_A_FRAME {
                wait_until(due + gap * packet);
                let payload = PAYLOAD + extra + usize::from(packet % 2 == 0);
                let datagram = self.packet(packet, payload)?;
                self.socket.send(&datagram)?;
                sent += 1;
            }
            self.frame += 1;
        }
        Ok(sent)
    }

    fn packet(&mut self, packet: u32, payload: usize) -> io::Result<Vec<u8>> {
        let is_last = packet == PACKETS_A_FRAME - 1;
        let mut datagram = vec![0x90, PAYLOAD_TYPE | if is_last { 0x80 } else { 0 }];
        datagram.extend(self.sequence_number.to_be_bytes());
        datagram.extend((self.frame * 3000).to_be_bytes());
        datagram.extend(SSRC.to_be_bytes());
        // RFC 8285 §4.2: nine bytes of elements, three of padding.
        datagram.extend([0xbe, 0xde, 0, 3]);
        datagram.extend([MID_ID << 4, b'0']);
        datagram.extend([SEND_TIME_ID << 4 | 2, 0, 0, 0]);
        datagram.extend([SEQUENCE_ID << 4 | 1]);
        datagram.extend(self.sequence_number.to_be_bytes());
        datagram.extend([0, 0, 0]);
        let header = datagram.len();
        datagram.extend(self.descriptor(packet == 0));
        datagram.resize(header + payload, packet as u8);
        self.srtp
            .protect_rtp(&mut datagram, 0, header, self.roll_over)
            .map_err(invalid)?;
        self.sequence_number = self.sequence_number.wrapping_add(1);
        self.roll_over += u32::from(self.sequence_number == 0);
        Ok(datagram)
    }

    /// RFC 7741 §4.2, and on the first packet the frame header of §4.3.
    fn descriptor(&self, is_first: bool) -> Vec<u8> {
        let picture = self.frame as u16 & 0x7fff;
        let [high, low] = picture.to_be_bytes();
        let mut bytes = vec![if is_first { 0x90 } else { 0x80 }, 0x80, 0x80 | high, low];
        if is_first && self.frame.is_multiple_of(FRAMES_A_KEYFRAME) {
            bytes.extend([0x10, 0, 0, 0x9d, 0x01, 0x2a]);
            bytes.extend(1280u16.to_le_bytes());
            bytes.extend(720u16.to_le_bytes());
        } else if is_first {
            bytes.extend([0x11, 0, 0]);
        }
        bytes
    }
}

fn wait_until(due: Instant) {
    thread::sleep(due.saturating_duration_since(Instant::now()));
}

#[derive(Default)]
struct Received {
    packets: AtomicU64,
    /// Of the first subscriber, whose packets are all opened.
    decrypted: AtomicU64,
    undecryptable: AtomicU64,
}

/// Receives without offload, so that the kernel must cut the server's runs, as it must for a
/// device that cannot.
fn drain(sockets: Vec<UdpSocket>, received: &Received, has_ended: &AtomicBool) -> io::Result<()> {
    let key = key(1, true);
    let mut srtp =
        SrtpReceiver::new(SrtpProfile::AeadAes128Gcm, &key, &key[..12]).map_err(invalid)?;
    let mut poll = Poll::new()?;
    let mut sockets: Vec<_> = sockets
        .into_iter()
        .map(|socket| {
            socket
                .set_nonblocking(true)
                .map(|()| mio::net::UdpSocket::from_std(socket))
        })
        .collect::<io::Result<_>>()?;
    for (index, socket) in sockets.iter_mut().enumerate() {
        poll.registry()
            .register(socket, Token(index), Interest::READABLE)?;
    }
    let mut events = Events::with_capacity(256);
    let mut buffer = [0; 2048];
    // Until the publisher has ended and nothing comes any more.
    while !has_ended.load(Ordering::Relaxed) || !events.is_empty() {
        poll.poll(&mut events, Some(Duration::from_millis(300)))?;
        for event in &events {
            let index = event.token().0;
            while let Ok(len) = sockets[index].recv(&mut buffer) {
                // RFC 5761 §4: 192 to 223 is RTCP.
                if (192..224).contains(&buffer[1]) {
                    continue;
                }
                received.packets.fetch_add(1, Ordering::Relaxed);
                if index == 0 {
                    open(&mut srtp, &mut buffer[..len], received);
                }
            }
        }
    }
    Ok(())
}

fn open(srtp: &mut SrtpReceiver, packet: &mut [u8], received: &Received) {
    let extension = usize::from(packet[0] & 0x10 != 0);
    let words = usize::from(u16::from_be_bytes([packet[14], packet[15]]));
    let header = 12 + extension * 4 * (1 + words);
    let counter = match srtp.unprotect_rtp(packet, header) {
        Ok(_) => &received.decrypted,
        Err(_) => &received.undecryptable,
    };
    counter.fetch_add(1, Ordering::Relaxed);
}
