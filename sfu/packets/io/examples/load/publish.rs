//! What is sent: frames of some packets at some distance, each stream at its own time.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sfu_proto::command::SrtpProfile;
use sfu_proto::srtp::SrtpSender;

use crate::{AUDIO_PAYLOAD_TYPE, LIFETIME, Peer, SENT_AT, VIDEO_PAYLOAD_TYPE, invalid, key};

const FRAME_INTERVAL: Duration = Duration::from_nanos(33_333_333);
const FRAMES_A_KEYFRAME: u32 = 30;
const FLOOD_INTERVAL: Duration = Duration::from_millis(1);
const AUDIO_INTERVAL: Duration = Duration::from_millis(20);
/// The share of the interval over which a pacing publisher spreads a frame.
const SPREAD: f64 = 0.4;

/// As the bench announces them.
const SSRC: u32 = 0x0050_5542;
const MID_ID: u8 = 1;
const SEND_TIME_ID: u8 = 2;
const SEQUENCE_ID: u8 = 3;
const RID_ID: u8 = 4;

/// What one stream sends.
#[derive(Clone, Copy)]
struct Shape {
    is_audio: bool,
    interval: Duration,
    packets: u32,
    /// Between packets of a frame.
    gap: Duration,
    /// Least bytes of a payload; frames differ by up to 40 more.
    payload: usize,
    mid: u8,
    rid: Option<u8>,
}

/// 270 packets a second of about 1160 bytes are 2.5 Mbit/s, in 30 frames of nine packets.
const VIDEO: Shape = Shape {
    is_audio: false,
    interval: FRAME_INTERVAL,
    packets: 9,
    gap: Duration::ZERO,
    payload: 1113,
    mid: b'0',
    rid: None,
};

/// Opus at 40 kbit/s.
const AUDIO: Shape = Shape {
    is_audio: true,
    interval: AUDIO_INTERVAL,
    packets: 1,
    payload: 100,
    ..VIDEO
};

pub(crate) struct Pattern {
    /// Of each publisher.
    streams: Vec<Shape>,
    pub(crate) is_mesh: bool,
    /// Subscribers that are read from. The others' sockets are full soon, and drop.
    pub(crate) readers: usize,
}

impl Pattern {
    pub(crate) fn named(name: &str) -> io::Result<Self> {
        let (streams, readers) = match name {
            "bursts" => (vec![VIDEO], usize::MAX),
            "spread" => (vec![spread(VIDEO)], usize::MAX),
            "audio" => (vec![AUDIO], usize::MAX),
            "mesh" => (mesh(), usize::MAX),
            "voices" => (vec![AUDIO], usize::MAX),
            // More than a server can forward, while receiving costs next to nothing.
            "flood" => {
                let interval = FLOOD_INTERVAL;
                (vec![Shape { interval, ..VIDEO }], 1)
            }
            _ => {
                return Err(invalid(
                    "the pattern is bursts, spread, audio, mesh, voices or flood",
                ));
            }
        };
        Ok(Self {
            streams,
            is_mesh: matches!(name, "mesh" | "voices"),
            readers,
        })
    }
}

fn spread(shape: Shape) -> Shape {
    let gaps = shape.packets.max(2) - 1;
    Shape {
        gap: shape.interval.mul_f64(SPREAD / f64::from(gaps)),
        ..shape
    }
}

/// A microphone, and a camera in three layers of about 1.5, 0.45 and 0.15 Mbit/s.
fn mesh() -> Vec<Shape> {
    let layer = |packets, payload, rid| {
        spread(Shape {
            packets,
            payload,
            mid: b'1',
            rid: Some(rid),
            ..VIDEO
        })
    };
    vec![
        AUDIO,
        layer(6, 1000, b'f'),
        layer(2, 900, b'h'),
        layer(1, 600, b'q'),
    ]
}

/// Sends until told that it is over; how many packets.
pub(crate) fn publish(
    peers: Vec<Peer>,
    start: Instant,
    pattern: &Pattern,
    is_over: &AtomicBool,
) -> io::Result<u64> {
    let mut streams = streams_of(peers, start, pattern)?;
    let mut due: BinaryHeap<_> = streams
        .iter()
        .enumerate()
        .map(|(index, stream)| Reverse((stream.due(), index)))
        .collect();
    let mut sent = 0;
    while let Some(Reverse((at, index))) = due.pop() {
        if is_over.load(Ordering::Relaxed) || start.elapsed() > LIFETIME {
            break;
        }
        thread::sleep(at.saturating_duration_since(Instant::now()));
        streams[index].send(start)?;
        sent += 1;
        due.push(Reverse((streams[index].due(), index)));
    }
    Ok(sent)
}

fn streams_of(peers: Vec<Peer>, start: Instant, pattern: &Pattern) -> io::Result<Vec<Stream>> {
    let (count, mut streams) = (peers.len() as u32, Vec::new());
    for (peer, index) in peers.into_iter().zip(0..) {
        let key = key(peer.number, false);
        let srtp = SrtpSender::new(SrtpProfile::AeadAes128Gcm, &key, &key[..12]);
        let publisher = Rc::new(Publisher {
            peer,
            srtp: srtp.map_err(invalid)?,
            transport_number: Cell::new(0),
        });
        for (&shape, place) in pattern.streams.iter().zip(0..) {
            streams.push(Stream {
                publisher: Rc::clone(&publisher),
                shape,
                ssrc: SSRC + place,
                // Nobody's clock ticks with another's.
                start: start + shape.interval * index / count,
                number: 1000,
                frame: 0,
                packet: 0,
                random: 1 + index * 7 + place,
            });
        }
    }
    Ok(streams)
}

struct Publisher {
    peer: Peer,
    srtp: SrtpSender,
    /// The next packet's, whichever stream's it is.
    transport_number: Cell<u16>,
}

struct Stream {
    publisher: Rc<Publisher>,
    shape: Shape,
    ssrc: u32,
    start: Instant,
    /// The next packet's number, with the roll-over counter.
    number: u32,
    frame: u32,
    packet: u32,
    random: u32,
}

impl Stream {
    fn due(&self) -> Instant {
        self.start + self.shape.interval * self.frame + self.shape.gap * self.packet
    }

    fn send(&mut self, start: Instant) -> io::Result<()> {
        if self.packet == 0 {
            self.random = self
                .random
                .wrapping_mul(1_664_525)
                .wrapping_add(1_013_904_223);
        }
        let datagram = self.datagram(start)?;
        self.publisher.peer.socket.send(&datagram)?;
        let next = self.publisher.transport_number.get().wrapping_add(1);
        self.publisher.transport_number.set(next);
        self.number += 1;
        self.packet += 1;
        if self.packet == self.shape.packets {
            self.packet = 0;
            self.frame += 1;
        }
        Ok(())
    }

    fn datagram(&self, start: Instant) -> io::Result<Vec<u8>> {
        let is_last = self.packet + 1 == self.shape.packets;
        let (payload_type, ticks) = match self.shape.is_audio {
            true => (AUDIO_PAYLOAD_TYPE, 960),
            false => (VIDEO_PAYLOAD_TYPE, 3000),
        };
        let mut datagram = vec![0x90, payload_type | if is_last { 0x80 } else { 0 }];
        datagram.extend((self.number as u16).to_be_bytes());
        datagram.extend((self.frame * ticks).to_be_bytes());
        datagram.extend(self.ssrc.to_be_bytes());
        // RFC 8285 §4.2: eleven bytes of elements, one of padding.
        datagram.extend([0xbe, 0xde, 0, 3]);
        datagram.extend([MID_ID << 4, self.shape.mid]);
        datagram.extend([SEND_TIME_ID << 4 | 2, 0, 0, 0]);
        datagram.extend([SEQUENCE_ID << 4 | 1]);
        datagram.extend(self.publisher.transport_number.get().to_be_bytes());
        datagram.extend(self.shape.rid.map_or([0; 2], |rid| [RID_ID << 4, rid]));
        datagram.extend([0]);
        let header = datagram.len();
        if !self.shape.is_audio {
            datagram.extend(self.descriptor());
        }
        datagram.resize(header + SENT_AT, 0);
        datagram.extend((start.elapsed().as_nanos() as u64).to_be_bytes());
        // Frames differ in size, the packets of one by a byte, as browsers cut them.
        let extra = (self.random >> 24) as usize % 40 + usize::from(self.packet.is_multiple_of(2));
        datagram.resize(header + self.shape.payload + extra, self.packet as u8);
        self.publisher
            .srtp
            .protect_rtp(&mut datagram, 0, header, self.number >> 16)
            .map_err(invalid)?;
        Ok(datagram)
    }

    /// RFC 7741 §4.2, and on the first packet the frame header of §4.3.
    fn descriptor(&self) -> Vec<u8> {
        let is_first = self.packet == 0;
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
