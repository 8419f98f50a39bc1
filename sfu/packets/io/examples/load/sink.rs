//! What comes: counted, in part opened, and timed.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use sfu_proto::command::SrtpProfile;
use sfu_proto::srtp::SrtpReceiver;

use crate::{AUDIO_PAYLOAD_TYPE, Peer, SENT_AT, invalid, key};

/// What the first moments take is of the start, not of the forwarding.
const WARM_UP: Duration = Duration::from_secs(1);

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
pub(crate) struct Got {
    packets: u64,
    /// Of the first subscriber all packets are opened, of the others the last of each frame.
    decrypted: u64,
    undecryptable: u64,
    /// Of video frames' last packets.
    completion: Delays,
    audio: Delays,
    /// Of all packets of the first subscriber.
    packet: Delays,
}

impl Got {
    pub(crate) fn json(mut self, sent: u64) -> String {
        format!(
            "{{\"sent\": {sent}, \"received\": {}, \"decrypted\": {}, \"undecryptable\": {}, \
             \"completion_us\": {}, \"audio_us\": {}, \"packet_us\": {}}}",
            self.packets,
            self.decrypted,
            self.undecryptable,
            self.completion.json(),
            self.audio.json(),
            self.packet.json(),
        )
    }
}

/// Receives without offload, so that the kernel must cut the server's runs, as it must for a
/// device that cannot.
pub(crate) struct Sink {
    sockets: Vec<mio::net::UdpSocket>,
    srtp: Vec<SrtpReceiver>,
    start: Instant,
    got: Got,
}

impl Sink {
    pub(crate) fn new(peers: Vec<Peer>, start: Instant) -> io::Result<Self> {
        let srtp = peers.iter().map(|peer| {
            let key = key(peer.number, true);
            SrtpReceiver::new(SrtpProfile::AeadAes128Gcm, &key, &key[..12]).map_err(invalid)
        });
        let srtp = srtp.collect::<io::Result<_>>()?;
        let sockets = peers.into_iter().map(|peer| {
            peer.socket.set_nonblocking(true)?;
            Ok(mio::net::UdpSocket::from_std(peer.socket))
        });
        Ok(Self {
            sockets: sockets.collect::<io::Result<_>>()?,
            srtp,
            start,
            got: Got::default(),
        })
    }

    pub(crate) fn drain(mut self, readers: usize, has_ended: &AtomicBool) -> io::Result<Got> {
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
        let is_audio = packet[1] & 0x7f == AUDIO_PAYLOAD_TYPE;
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
        if is_audio {
            self.got.audio.0.push(delay);
        } else if is_last {
            self.got.completion.0.push(delay);
        }
        if index == 0 {
            self.got.packet.0.push(delay);
        }
    }
}
