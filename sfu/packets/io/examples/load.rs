//! One publisher and many subscribers on the wire, for `tests/bench/test_forwarding.py`.
//!
//! Transport 0 publishes, 1 to N subscribe. All check in by STUN with the credentials that the
//! bench gave the server; SRTP keys follow from the transport's number, so that no DTLS is
//! needed. Speaks by lines: writes `connected`, waits for `go`, sends until standard input
//! ends, writes a line of JSON with what it has sent and got, and how long that took, and ends.

use std::io::{self, BufRead, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
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
const FLOOD_INTERVAL: Duration = Duration::from_millis(1);
/// Opus at 40 kbit/s.
const AUDIO_INTERVAL: Duration = Duration::from_millis(20);
const AUDIO_PAYLOAD: usize = 100;
/// Where a packet says when it was sent, behind the descriptor and the frame header.
const SENT_AT: usize = 16;
/// What the first moments take is of the start, not of the forwarding.
const WARM_UP: Duration = Duration::from_secs(1);
/// The share of the interval over which a pacing publisher spreads a frame.
const SPREAD: f64 = 0.4;

/// As the bench announces it.
const VIDEO_PAYLOAD_TYPE: u8 = 96;
const AUDIO_PAYLOAD_TYPE: u8 = 111;
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
        return Err(invalid("load SERVER SUBSCRIBERS bursts|spread|audio|flood"));
    };
    let server: SocketAddr = server.parse().map_err(invalid)?;
    let subscribers: u64 = subscribers.parse().map_err(invalid)?;
    let pattern = Pattern::named(&pattern)?;
    let publisher = check_in(0, server)?;
    let sockets = (1..=subscribers)
        .map(|number| check_in(number, server))
        .collect::<io::Result<Vec<_>>>()?;
    println!("connected");
    let (is_over, started) = follow_standard_input();
    let _ = started.recv_timeout(LIFETIME);

    let start = Instant::now();
    let has_ended = Arc::new(AtomicBool::new(false));
    let sink = thread::spawn({
        let has_ended = Arc::clone(&has_ended);
        move || Sink::new(sockets, start)?.drain(pattern.readers, &has_ended)
    });
    let sent = Publisher::new(publisher, start, pattern)?.publish(&is_over)?;
    has_ended.store(true, Ordering::Relaxed);
    let got = sink.join().map_err(|_| invalid("the sink panicked"))??;
    println!("{}", got.json(sent));
    io::stdout().flush()
}

/// What is sent: packets a frame, and the distance of frames and of their packets.
#[derive(Clone, Copy)]
struct Pattern {
    is_audio: bool,
    interval: Duration,
    packets: u32,
    gap: Duration,
    /// Subscribers that are read from. The others' sockets are full soon, and drop.
    readers: usize,
}

impl Pattern {
    fn named(name: &str) -> io::Result<Self> {
        let frames = Self {
            is_audio: false,
            interval: FRAME_INTERVAL,
            packets: PACKETS_A_FRAME,
            gap: Duration::ZERO,
            readers: usize::MAX,
        };
        match name {
            "bursts" => Ok(frames),
            "spread" => Ok(Self {
                gap: FRAME_INTERVAL.mul_f64(SPREAD / f64::from(PACKETS_A_FRAME - 1)),
                ..frames
            }),
            "audio" => Ok(Self {
                is_audio: true,
                interval: AUDIO_INTERVAL,
                packets: 1,
                ..frames
            }),
            // More than a server can forward, while receiving costs next to nothing.
            "flood" => Ok(Self {
                interval: FLOOD_INTERVAL,
                readers: 1,
                ..frames
            }),
            _ => Err(invalid("the pattern is bursts, spread, audio or flood")),
        }
    }
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
    start: Instant,
    pattern: Pattern,
    sequence_number: u16,
    roll_over: u32,
    frame: u32,
    random: u32,
}

impl Publisher {
    fn new(socket: UdpSocket, start: Instant, pattern: Pattern) -> io::Result<Self> {
        let key = key(0, false);
        let srtp =
            SrtpSender::new(SrtpProfile::AeadAes128Gcm, &key, &key[..12]).map_err(invalid)?;
        Ok(Self {
            socket,
            srtp,
            start,
            pattern,
            sequence_number: 1000,
            roll_over: 0,
            frame: 0,
            random: 1,
        })
    }

    fn publish(&mut self, is_over: &AtomicBool) -> io::Result<u64> {
        let Pattern {
            interval,
            packets,
            gap,
            ..
        } = self.pattern;
        let mut sent = 0;
        while !is_over.load(Ordering::Relaxed) && self.start.elapsed() < LIFETIME {
            let due = self.start + interval * self.frame;
            // Frames differ in size, the packets of one by a byte, as browsers cut them.
            self.random = self
                .random
                .wrapping_mul(1_664_525)
                .wrapping_add(1_013_904_223);
            let extra = (self.random >> 24) as usize % 40;
            for packet in 0..packets {
                wait_until(due + gap * packet);
                let datagram = self.packet(packet, extra + usize::from(packet % 2 == 0))?;
                self.socket.send(&datagram)?;
                sent += 1;
            }
            self.frame += 1;
        }
        Ok(sent)
    }

    fn packet(&mut self, packet: u32, extra: usize) -> io::Result<Vec<u8>> {
        let is_last = packet == self.pattern.packets - 1;
        let (payload_type, ticks) = match self.pattern.is_audio {
            true => (AUDIO_PAYLOAD_TYPE, 960),
            false => (VIDEO_PAYLOAD_TYPE, 3000),
        };
        let mut datagram = vec![0x90, payload_type | if is_last { 0x80 } else { 0 }];
        datagram.extend(self.sequence_number.to_be_bytes());
        datagram.extend((self.frame * ticks).to_be_bytes());
        datagram.extend(SSRC.to_be_bytes());
        // RFC 8285 §4.2: nine bytes of elements, three of padding.
        datagram.extend([0xbe, 0xde, 0, 3]);
        datagram.extend([MID_ID << 4, b'0']);
        datagram.extend([SEND_TIME_ID << 4 | 2, 0, 0, 0]);
        datagram.extend([SEQUENCE_ID << 4 | 1]);
        datagram.extend(self.sequence_number.to_be_bytes());
        datagram.extend([0, 0, 0]);
        let header = datagram.len();
        let payload = match self.pattern.is_audio {
            true => AUDIO_PAYLOAD + extra,
            false => PAYLOAD + extra,
        };
        if !self.pattern.is_audio {
            datagram.extend(self.descriptor(packet == 0));
        }
        datagram.resize(header + SENT_AT, 0);
        datagram.extend((self.start.elapsed().as_nanos() as u64).to_be_bytes());
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

/// Microseconds from the publisher's send to the subscriber's receive.
#[derive(Default)]
struct Delays(Vec<u32>);

impl Delays {
    fn json(&mut self) -> String {
        self.0.sort_unstable();
        let at = |share: f64| {
            let last = self.0.len().saturating_sub(1);
            let index = (self.0.len() as f64 * share) as usize;
            self.0.get(index.min(last)).copied().unwrap_or_default()
        };
        format!("[{}, {}, {}]", at(0.5), at(0.99), at(1.0))
    }
}

#[derive(Default)]
struct Got {
    packets: u64,
    /// Of the first subscriber all packets are opened, of the others the last of each frame.
    decrypted: u64,
    undecryptable: u64,
    /// Of frames' last packets.
    completion: Delays,
    /// Of all packets of the first subscriber.
    packet: Delays,
}

impl Got {
    fn json(mut self, sent: u64) -> String {
        format!(
            "{{\"sent\": {sent}, \"received\": {}, \"decrypted\": {}, \"undecryptable\": {}, \
             \"completion_us\": {}, \"packet_us\": {}}}",
            self.packets,
            self.decrypted,
            self.undecryptable,
            self.completion.json(),
            self.packet.json(),
        )
    }
}

/// Receives without offload, so that the kernel must cut the server's runs, as it must for a
/// device that cannot.
struct Sink {
    sockets: Vec<mio::net::UdpSocket>,
    srtp: Vec<SrtpReceiver>,
    start: Instant,
    got: Got,
}

impl Sink {
    fn new(sockets: Vec<UdpSocket>, start: Instant) -> io::Result<Self> {
        let srtp = (1..=sockets.len() as u64).map(|number| {
            let key = key(number, true);
            SrtpReceiver::new(SrtpProfile::AeadAes128Gcm, &key, &key[..12]).map_err(invalid)
        });
        let srtp = srtp.collect::<io::Result<_>>()?;
        let sockets = sockets.into_iter().map(|socket| {
            socket.set_nonblocking(true)?;
            Ok(mio::net::UdpSocket::from_std(socket))
        });
        Ok(Self {
            sockets: sockets.collect::<io::Result<_>>()?,
            srtp,
            start,
            got: Got::default(),
        })
    }

    fn drain(mut self, readers: usize, has_ended: &AtomicBool) -> io::Result<Got> {
        let mut poll = Poll::new()?;
        let sockets = self.sockets.iter_mut().take(readers);
        for (index, socket) in sockets.enumerate() {
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
                while let Ok(len) = self.sockets[index].recv(&mut buffer) {
                    self.take(index, &mut buffer[..len]);
                }
            }
        }
        Ok(self.got)
    }

    fn take(&mut self, index: usize, packet: &mut [u8]) {
        // RFC 5761 §4: 192 to 223 is RTCP.
        if (192..224).contains(&packet[1]) {
            return;
        }
        self.got.packets += 1;
        let is_last = packet[1] & 0x80 != 0;
        if index > 0 && !is_last {
            return;
        }
        let now = self.start.elapsed();
        let extension = usize::from(packet[0] & 0x10 != 0);
        let words = usize::from(u16::from_be_bytes([packet[14], packet[15]]));
        let header = 12 + extension * 4 * (1 + words);
        if self.srtp[index].unprotect_rtp(packet, header).is_err() {
            self.got.undecryptable += 1;
            return;
        }
        self.got.decrypted += 1;
        let Some(sent) = packet[header..]
            .get(SENT_AT..)
            .and_then(|at| at.first_chunk())
        else {
            return;
        };
        let sent = Duration::from_nanos(u64::from_be_bytes(*sent));
        if sent < WARM_UP {
            return;
        }
        let delay = now.saturating_sub(sent).as_micros() as u32;
        if is_last {
            self.got.completion.0.push(delay);
        }
        if index == 0 {
            self.got.packet.0.push(delay);
        }
    }
}
