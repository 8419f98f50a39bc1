//! A router between peers that speak real SRTP, on a clock that only the test moves.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

pub mod publisher;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sfu_proto::command::*;
use sfu_proto::drop::DropReason;
use sfu_proto::event::Event;
use sfu_proto::ids::{RoomId, SlotId, SourceId, TransportId};
use sfu_proto::router::{HoldConfig, Router, RouterConfig};
use sfu_proto::rtp::{Elements, ExtensionMap, Header, strip_padding};
use sfu_proto::snapshot::{LayerSnapshot, SlotSnapshot};
use sfu_proto::srtp::{SrtpReceiver, SrtpSender};
use sfu_proto::stun::{BindingRequest, Role, StunKey};
use sfu_proto::transmit::{Datagram, Forwarded, Path, TransmitBatch};

pub const VP8: u8 = 96;
pub const VP8_RTX: u8 = 97;
pub const H264: u8 = 102;
pub const OPUS: u8 = 111;
pub const RED: u8 = 63;

pub const EXTENSIONS: &[(u8, Extension)] = &[
    (1, Extension::Mid),
    (2, Extension::Rid),
    (3, Extension::RepairedRid),
    (4, Extension::AudioLevel),
    (5, Extension::AbsoluteSendTime),
    (6, Extension::TransportSequenceNumber),
    (7, Extension::VideoOrientation),
];

pub struct World {
    pub router: Router,
    pub start: Instant,
    pub now: Instant,
    /// What was sent to each address and not yet taken, datagram by datagram.
    pub mail: HashMap<SocketAddr, Vec<Vec<u8>>>,
    /// Datagrams of each transmit, in order.
    pub runs: Vec<usize>,
    pub events: Vec<Event>,
    /// How long datagrams lie in the kernel before they are read.
    pub lag: Duration,
    /// Packets sent on, and how long after they came to the kernel.
    pub forwarded: Vec<Forwarded>,
    /// Within the router, for examples that measure.
    pub spent: Duration,
    peers: u64,
}

/// Parts of the send side: what is promised holds for any number of them.
fn shards() -> usize {
    std::env::var("SFU_TEST_SHARDS").map_or(1, |shards| shards.parse().unwrap())
}

impl World {
    pub fn new() -> Self {
        Self::seeded(1)
    }

    pub fn seeded(seed: u64) -> Self {
        Self::holding(seed, HoldConfig::NONE)
    }

    pub fn holding(seed: u64, hold: HoldConfig) -> Self {
        Self::configured(seed, |config| config.hold = hold)
    }

    /// For tests that send a lot in no time.
    pub fn without_ceiling() -> Self {
        Self::configured(1, |config| config.publisher_bitrate_bps = 1 << 40)
    }

    /// For tests of what is sent where all of it fits, to viewers who tell nothing.
    pub fn without_adaptation() -> Self {
        Self::configured(1, |config| config.adapts = false)
    }

    pub fn configured(seed: u64, configure: impl FnOnce(&mut RouterConfig)) -> Self {
        let start = Instant::now();
        let mut config = RouterConfig {
            hold: HoldConfig::NONE,
            shards: shards(),
            first_takes: 0,
            ..RouterConfig::new(start, Duration::from_secs(1_700_000_000), seed)
        };
        configure(&mut config);
        Self {
            router: Router::new(config),
            start,
            now: start,
            mail: HashMap::new(),
            runs: Vec::new(),
            events: Vec::new(),
            lag: Duration::ZERO,
            forwarded: Vec::new(),
            peers: 0,
            spent: Duration::ZERO,
        }
    }

    pub fn command(&mut self, command: Command) {
        self.router.handle_command(self.now, command);
        self.collect();
    }

    /// A peer that has connected and has keys.
    pub fn peer(&mut self) -> Peer {
        self.peer_with(SrtpProfile::AeadAes128Gcm, EXTENSIONS)
    }

    /// One without transport-wide numbers: what its way carries, it says by REMB.
    pub fn unnumbered_peer(&mut self) -> Peer {
        const NUMBERS: Extension = Extension::TransportSequenceNumber;
        let extensions = EXTENSIONS.iter().copied();
        let extensions: Vec<_> = extensions.filter(|&(_, one)| one != NUMBERS).collect();
        self.peer_with(SrtpProfile::AeadAes128Gcm, &extensions)
    }

    pub fn peer_with(&mut self, profile: SrtpProfile, extensions: &[(u8, Extension)]) -> Peer {
        let peer = self.stranger(profile, extensions);
        self.connect(&peer);
        self.set_keys(&peer);
        peer
    }

    /// A peer that has been announced and has not sent anything.
    pub fn stranger(&mut self, profile: SrtpProfile, extensions: &[(u8, Extension)]) -> Peer {
        self.peers += 1;
        let peer = Peer::new(self.peers, profile, extensions);
        self.command(Command::AddTransport {
            transport: peer.id,
            ice: peer.credentials(),
            extensions: extensions.to_vec(),
        });
        peer
    }

    pub fn connect(&mut self, peer: &Peer) {
        let check = peer.check();
        self.deliver(peer.path, vec![check]);
        self.mail.remove(&peer.path.remote);
    }

    pub fn set_keys(&mut self, peer: &Peer) {
        self.command(Command::SetKeys {
            transport: peer.id,
            keys: peer.keys.clone(),
        });
    }

    /// One receive burst from one peer.
    pub fn deliver(&mut self, path: Path, datagrams: Vec<Vec<u8>>) {
        self.deliver_all(datagrams.into_iter().map(|data| (path, data)).collect());
    }

    pub fn deliver_all(&mut self, mut datagrams: Vec<(Path, Vec<u8>)>) {
        let came_at = self.now - self.lag;
        let mut batch: Vec<Datagram<'_>> = datagrams
            .iter_mut()
            .map(|(path, data)| Datagram {
                path: *path,
                came_at,
                data,
            })
            .collect();
        let began = Instant::now();
        self.router.handle_datagrams(self.now, &mut batch);
        self.spent += began.elapsed();
        self.collect();
    }

    pub fn collect(&mut self) {
        let mut batch = TransmitBatch::default();
        loop {
            let began = Instant::now();
            let has_more = self.router.poll_transmits(self.now, &mut batch);
            self.spent += began.elapsed();
            for transmit in &batch.transmits {
                let data = batch.contents(transmit);
                let pieces = data.chunks(usize::from(transmit.segment_size));
                self.runs.push(pieces.len());
                let mail = self.mail.entry(transmit.path.remote).or_default();
                mail.extend(pieces.map(<[u8]>::to_vec));
            }
            self.forwarded.append(&mut batch.forwarded);
            batch.clear();
            if !has_more {
                break;
            }
        }
        self.events
            .extend(std::iter::from_fn(|| self.router.poll_event()));
    }

    /// Lets time pass, waking the router whenever it asks to be.
    pub fn advance(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(at) = self.router.poll_timeout().filter(|&at| at <= end) {
            self.now = self.now.max(at);
            let began = Instant::now();
            self.router.handle_timeout(self.now);
            self.spent += began.elapsed();
            self.collect();
        }
        self.now = end;
    }

    pub fn advance_ms(&mut self, ms: u64) {
        self.advance(Duration::from_millis(ms));
    }

    pub fn drops(&self, reason: DropReason) -> u64 {
        let snapshot = self.router.snapshot(self.now);
        snapshot
            .drops
            .iter()
            .find(|(known, _)| *known == reason)
            .unwrap()
            .1
    }

    pub fn layer(&self, source: u64, index: usize) -> LayerSnapshot {
        let snapshot = self.router.snapshot(self.now);
        let source = snapshot
            .sources
            .iter()
            .find(|held| held.source == SourceId(source))
            .unwrap();
        source.layers[index].clone()
    }

    pub fn slot(&self, slot: u64) -> SlotSnapshot {
        let snapshot = self.router.snapshot(self.now);
        snapshot
            .slots
            .iter()
            .find(|held| held.slot == SlotId(slot))
            .unwrap()
            .clone()
    }

    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    // -- sources and slots --------------------------------------------------------------------

    pub fn camera(&mut self, id: u64, peer: &Peer, ssrc: u32) -> Camera {
        self.add_camera(id, peer, &[]);
        Camera::new(peer, ssrc, None, &format!("v{id}"))
    }

    pub fn add_camera(&mut self, id: u64, peer: &Peer, rids: &[&str]) {
        self.command(add_camera(id, peer, rids));
    }

    pub fn microphone(&mut self, id: u64, peer: &Peer, ssrc: u32, room: Option<u64>) -> Microphone {
        self.add_microphone(id, peer, audio_codecs(), room);
        Microphone {
            ssrc,
            mid: format!("a{id}"),
            sequence: 500,
            timestamp: 77,
        }
    }

    pub fn add_microphone(
        &mut self,
        id: u64,
        peer: &Peer,
        codecs: Vec<CodecParameters>,
        room: Option<u64>,
    ) {
        self.command(Command::AddSource {
            source: SourceId(id),
            parameters: SourceParameters {
                transport: peer.id,
                mid: format!("a{id}"),
                kind: MediaKind::Audio,
                codecs,
                rids: Vec::new(),
                announced: Vec::new(),
                room: room.map(RoomId),
                is_screen: false,
            },
        });
    }

    pub fn video_slot(&mut self, id: u64, peer: &Peer) {
        self.slot_with(id, peer, MediaKind::Video, video_codecs(), None);
    }

    pub fn audio_slot(&mut self, id: u64, peer: &Peer, follows: Option<(u64, u8)>) {
        self.slot_with(id, peer, MediaKind::Audio, audio_codecs(), follows);
    }

    pub fn slot_with(
        &mut self,
        id: u64,
        peer: &Peer,
        kind: MediaKind,
        codecs: Vec<CodecParameters>,
        follows: Option<(u64, u8)>,
    ) {
        self.command(add_slot(id, peer, kind, codecs, follows));
    }

    pub fn show(&mut self, slot: u64, source: u64) {
        self.show_layer(slot, source, 0);
    }

    pub fn show_layer(&mut self, slot: u64, source: u64, layer: u8) {
        self.command(Command::Show {
            slot: SlotId(slot),
            source: Some(SourceId(source)),
            layer,
        });
    }

    /// Everything that was sent to the peer since the last time, decrypted.
    pub fn receive(&mut self, peer: &mut Peer) -> Mail {
        let datagrams = self.mail.remove(&peer.path.remote).unwrap_or_default();
        let mut mail = Mail::default();
        for datagram in datagrams {
            peer.open(datagram, &mut mail);
        }
        mail
    }

    pub fn receive_rtp(&mut self, peer: &mut Peer) -> Vec<Rtp> {
        self.receive(peer).rtp
    }
}

/// A publisher whose one camera (source 1) a viewer shall see in slot 1. Nothing was sent yet.
pub struct Scene {
    pub world: World,
    pub publisher: Peer,
    pub viewer: Peer,
    pub camera: Camera,
}

impl Scene {
    pub fn new() -> Self {
        Self::of(World::new())
    }

    pub fn of(mut world: World) -> Self {
        let (publisher, viewer) = (world.peer(), world.peer());
        let camera = world.camera(1, &publisher, 1111);
        world.video_slot(1, &viewer);
        world.show(1, 1);
        Self {
            world,
            publisher,
            viewer,
            camera,
        }
    }

    /// One burst of the publisher's.
    pub fn send(&mut self, packets: &[Sent]) {
        self.world.send(&self.publisher, packets);
    }

    /// Sends one frame in one burst.
    pub fn frame(&mut self, is_keyframe: bool, sizes: &[usize]) -> Vec<Sent> {
        let frame = self.camera.frame(is_keyframe, sizes);
        self.send(&frame);
        frame
    }

    /// Media that has reached the viewer since the last time.
    pub fn receive(&mut self) -> Vec<Rtp> {
        self.world.receive_rtp(&mut self.viewer)
    }

    pub fn got(&mut self) -> usize {
        self.receive().len()
    }
}

/// A small seeded generator: the same numbers in each run.
pub struct Dice(pub u64);

impl Dice {
    pub fn throw(&mut self) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) as u32
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        u64::from(self.throw()) % bound
    }
}

/// What begins as a DTLS 1.2 record does.
pub fn dtls(len: usize) -> Vec<u8> {
    let mut record = vec![22, 254, 253];
    record.resize(len, 0);
    record
}

pub fn slot_ssrc(slot: u64) -> u32 {
    0x5000 + slot as u32 * 10
}

pub fn codec(codec: Codec, payload_type: u8, clock_rate: u32) -> CodecParameters {
    CodecParameters {
        codec,
        payload_type,
        rtx_payload_type: None,
        clock_rate,
        format: String::new(),
        nack: false,
        pli: false,
        fir: false,
        transport_cc: false,
        ccfb: false,
        remb: false,
    }
}

pub fn add_camera(id: u64, peer: &Peer, rids: &[&str]) -> Command {
    Command::AddSource {
        source: SourceId(id),
        parameters: SourceParameters {
            transport: peer.id,
            mid: format!("v{id}"),
            kind: MediaKind::Video,
            codecs: video_codecs(),
            rids: rids.iter().map(|&rid| rid.to_owned()).collect(),
            announced: Vec::new(),
            room: None,
            is_screen: false,
        },
    }
}

pub fn add_slot(
    id: u64,
    peer: &Peer,
    kind: MediaKind,
    codecs: Vec<CodecParameters>,
    follows: Option<(u64, u8)>,
) -> Command {
    Command::AddSlot {
        slot: SlotId(id),
        parameters: SlotParameters {
            transport: peer.id,
            mid: format!("s{id}"),
            kind,
            codecs,
            ssrc: slot_ssrc(id),
            rtx_ssrc: Some(slot_ssrc(id) + 1),
            cname: format!("cname{id}"),
            follows: follows.map(|(room, position)| (RoomId(room), position)),
        },
    }
}

pub fn video_codecs() -> Vec<CodecParameters> {
    let vp8 = CodecParameters {
        rtx_payload_type: Some(VP8_RTX),
        nack: true,
        pli: true,
        transport_cc: true,
        ..codec(Codec::Vp8, VP8, 90_000)
    };
    vec![vp8]
}

pub fn audio_codecs() -> Vec<CodecParameters> {
    vec![codec(Codec::Opus, OPUS, 48_000)]
}

/// What a peer got, decrypted.
#[derive(Debug, Default)]
pub struct Mail {
    pub rtp: Vec<Rtp>,
    pub rtcp: Vec<Vec<u8>>,
    /// Neither: STUN and DTLS.
    pub other: Vec<Vec<u8>>,
}

#[derive(Clone, Debug)]
pub struct Rtp {
    pub header: Header,
    /// Without padding.
    pub payload: Vec<u8>,
    /// As received: header, payload and padding.
    pub packet: Vec<u8>,
    /// SRTP index: roll-over counter and sequence number.
    pub index: u64,
    extensions: ExtensionMap,
}

impl Rtp {
    pub fn extension(&self, extension: Extension) -> Option<&[u8]> {
        let elements = Elements::parse(&self.packet, &self.header.extension, &self.extensions);
        elements.get(extension, &self.packet)
    }

    pub fn vp8(&self) -> Vp8 {
        Vp8::parse(&self.payload)
    }
}

/// The descriptor that [`Camera`] writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vp8 {
    pub is_start: bool,
    pub picture_id: u16,
    pub tl0: u8,
    pub is_keyframe: bool,
    /// Which camera, frame and packet: written by the test, untouched by the router.
    pub tag: [u8; 8],
}

impl Vp8 {
    pub fn parse(payload: &[u8]) -> Self {
        assert_eq!(payload[1], 0xe0, "descriptor of the camera");
        Self {
            is_start: payload[0] & 0x10 != 0,
            picture_id: u16::from_be_bytes([payload[2], payload[3]]) & 0x7fff,
            tl0: payload[4],
            is_keyframe: payload[0] & 0x10 != 0 && payload[6] & 1 == 0,
            tag: payload[16..24].try_into().unwrap(),
        }
    }
}

pub struct Peer {
    pub id: TransportId,
    pub path: Path,
    pub keys: SrtpKeys,
    pub sender: SrtpSender,
    pub receiver: SrtpReceiver,
    pub extensions: ExtensionMap,
    number: u64,
}

impl Peer {
    fn new(number: u64, profile: SrtpProfile, extensions: &[(u8, Extension)]) -> Self {
        let salt = sfu_proto::srtp::master_salt_length(profile);
        let key = |side: u8| {
            (
                vec![side ^ number as u8; 16],
                vec![side.wrapping_add(number as u8); salt],
            )
        };
        let keys = SrtpKeys {
            profile,
            local: key(0x40),
            remote: key(0x80),
        };
        Self {
            id: TransportId(number),
            path: Path {
                socket: 0,
                local: None,
                remote: SocketAddr::from(([10, 0, (number >> 8) as u8, number as u8], 5000)),
            },
            sender: SrtpSender::new(profile, &keys.remote.0, &keys.remote.1).unwrap(),
            receiver: SrtpReceiver::new(profile, &keys.local.0, &keys.local.1).unwrap(),
            keys,
            extensions: ExtensionMap::new(extensions),
            number,
        }
    }

    pub fn credentials(&self) -> IceCredentials {
        IceCredentials {
            local_ufrag: format!("local{}", self.number),
            local_password: format!("local password {}", self.number),
            remote_ufrag: format!("remote{}", self.number),
            remote_password: format!("remote password {}", self.number),
        }
    }

    /// A nominating connectivity check.
    pub fn check(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let request = BindingRequest {
            transaction_id: [7; 12],
            username: &format!("local{0}:remote{0}", self.number),
            priority: 1,
            use_candidate: true,
            role: Role::Controlling(1),
        };
        request.encode(
            &mut out,
            &StunKey::new(&format!("local password {}", self.number)),
        );
        out
    }

    /// Protects a plain RTP packet; `index` extends its sequence number.
    pub fn protect(&self, packet: &[u8], index: u64) -> Vec<u8> {
        let header = Header::parse(packet).unwrap();
        let mut out = packet.to_vec();
        self.sender
            .protect_rtp(&mut out, 0, header.len, (index >> 16) as u32)
            .unwrap();
        out
    }

    pub fn protect_rtcp(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut out = packet.to_vec();
        self.sender.protect_rtcp(&mut out, 0).unwrap();
        out
    }

    pub fn open(&mut self, mut datagram: Vec<u8>, mail: &mut Mail) {
        match sfu_proto::demux::classify(&datagram) {
            Some(sfu_proto::demux::Kind::Rtp) => {
                let header = Header::parse(&datagram).unwrap();
                let opened = self
                    .receiver
                    .unprotect_rtp(&mut datagram, header.len)
                    .unwrap();
                datagram.truncate(opened.len);
                let payload = &datagram[header.len..];
                let payload = match header.has_padding {
                    true => strip_padding(payload).unwrap(),
                    false => payload,
                };
                mail.rtp.push(Rtp {
                    payload: payload.to_vec(),
                    index: opened.index,
                    extensions: self.extensions,
                    packet: datagram.clone(),
                    header,
                });
            }
            Some(sfu_proto::demux::Kind::Rtcp) => {
                let len = self.receiver.unprotect_rtcp(&mut datagram).unwrap();
                datagram.truncate(len);
                mail.rtcp.push(datagram);
            }
            _ => mail.other.push(datagram),
        }
    }
}

/// A plain packet on its way to the router.
#[derive(Clone, Debug)]
pub struct Sent {
    pub packet: Vec<u8>,
    pub index: u64,
}

/// One RTP header with extensions, and a payload.
#[derive(Clone, Debug)]
pub struct Build<'a> {
    pub payload_type: u8,
    pub marker: bool,
    pub index: u64,
    pub timestamp: u32,
    pub ssrc: u32,
    pub extensions: Vec<(u8, Vec<u8>)>,
    pub payload: &'a [u8],
    pub padding: u8,
}

impl Build<'_> {
    pub fn sent(&self) -> Sent {
        let flags = 0x80 | u8::from(self.padding > 0) << 5;
        let mut packet = vec![flags, u8::from(self.marker) << 7 | self.payload_type];
        packet.extend((self.index as u16).to_be_bytes());
        packet.extend(self.timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        if !self.extensions.is_empty() {
            packet[0] |= 0x10;
            let sizes = self.extensions.iter().map(|(id, data)| (*id, data.len()));
            let mut block = sfu_proto::rtp::Block::begin(&mut packet, sizes);
            for (id, data) in &self.extensions {
                block.push(*id, data);
            }
            block.finish();
        }
        packet.extend(self.payload);
        if self.padding > 0 {
            packet.resize(packet.len() + usize::from(self.padding) - 1, 0);
            packet.push(self.padding);
        }
        Sent {
            packet,
            index: self.index,
        }
    }
}

/// A VP8 encoder as far as RTP sees it.
#[derive(Clone)]
pub struct Camera {
    pub ssrc: u32,
    pub rid: Option<String>,
    pub mid: String,
    pub index: u64,
    pub timestamp: u32,
    pub picture_id: u16,
    pub tl0: u8,
    /// Transport-wide number of the next packet, shared with nothing else.
    pub transport_sequence: Option<u16>,
    pub frame: u16,
    /// Temporal layer of the next frame; above the base it refers to the base alone.
    pub temporal: u8,
    extensions: ExtensionMap,
}

impl Camera {
    pub fn new(peer: &Peer, ssrc: u32, rid: Option<&str>, mid: &str) -> Self {
        Self {
            ssrc,
            rid: rid.map(str::to_owned),
            mid: mid.to_owned(),
            index: u64::from(ssrc % 1000) + 1000,
            timestamp: ssrc.wrapping_mul(7919),
            picture_id: (ssrc % 30_000) as u16,
            tl0: ssrc as u8,
            transport_sequence: None,
            frame: 0,
            temporal: 0,
            extensions: peer.extensions,
        }
    }

    pub fn build<'a>(&mut self, payload: &'a [u8], marker: bool) -> Build<'a> {
        let id = |extension| self.extensions.id(extension).unwrap();
        let mut extensions = vec![(id(Extension::Mid), self.mid.clone().into_bytes())];
        if let Some(rid) = &self.rid {
            extensions.push((id(Extension::Rid), rid.clone().into_bytes()));
        }
        if let Some(number) = &mut self.transport_sequence {
            let data = number.to_be_bytes().to_vec();
            extensions.push((
                self.extensions
                    .id(Extension::TransportSequenceNumber)
                    .unwrap(),
                data,
            ));
            *number = number.wrapping_add(1);
        }
        let index = self.index;
        self.index += 1;
        Build {
            payload_type: VP8,
            marker,
            index,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            extensions,
            payload,
            padding: 0,
        }
    }

    pub fn payload(&self, packet: u16, is_keyframe: bool, len: usize) -> Vec<u8> {
        let is_start = packet == 0;
        let mut payload = vec![0x80 | u8::from(is_start) << 4, 0xe0];
        payload.extend((0x8000 | self.picture_id).to_be_bytes());
        payload.extend([self.tl0, self.temporal << 6 | 0x20]);
        // Frame tag, start code, 640 x 360.
        payload.extend([
            u8::from(!is_keyframe),
            2,
            0,
            0x9d,
            0x01,
            0x2a,
            0x80,
            0x02,
            0x68,
            0x01,
        ]);
        payload.extend(self.ssrc.to_be_bytes());
        payload.extend(self.frame.to_be_bytes());
        payload.extend(packet.to_be_bytes());
        payload.resize(len.max(24), 0xaa);
        payload
    }

    /// The packets of one frame, of these payload sizes.
    pub fn frame(&mut self, is_keyframe: bool, sizes: &[usize]) -> Vec<Sent> {
        let last = sizes.len() - 1;
        let packets = sizes
            .iter()
            .enumerate()
            .map(|(packet, &len)| {
                let payload = self.payload(packet as u16, is_keyframe, len);
                self.build(&payload, packet == last).sent()
            })
            .collect();
        self.end_frame();
        packets
    }

    pub fn end_frame(&mut self) {
        self.frame += 1;
        self.timestamp = self.timestamp.wrapping_add(3000);
        self.picture_id = (self.picture_id + 1) & 0x7fff;
        self.tl0 = self.tl0.wrapping_add(1);
    }

    /// RFC 4588: the packet again, on the RTX stream.
    pub fn rtx(&self, sent: &Sent, rtx_ssrc: u32, rtx_index: u64) -> Sent {
        let header = Header::parse(&sent.packet).unwrap();
        let mut packet = sent.packet.clone();
        packet[1] = packet[1] & 0x80 | VP8_RTX;
        packet[2..4].copy_from_slice(&(rtx_index as u16).to_be_bytes());
        packet[8..12].copy_from_slice(&rtx_ssrc.to_be_bytes());
        let number = header.sequence_number.to_be_bytes();
        packet.splice(header.len..header.len, number);
        Sent {
            packet,
            index: rtx_index,
        }
    }
}

pub struct Microphone {
    pub ssrc: u32,
    pub mid: String,
    pub sequence: u64,
    pub timestamp: u32,
}

impl Microphone {
    /// 20 ms of audio at an RFC 6464 level (0 is loud); `None`: no level extension.
    pub fn packet(&mut self, level: Option<u8>) -> Sent {
        self.packet_with(level, 8)
    }

    /// Without a level, with a payload of so many bytes, 8 or more.
    pub fn packet_of(&mut self, size: usize) -> Sent {
        self.packet_with(None, size)
    }

    pub fn packet_with(&mut self, level: Option<u8>, size: usize) -> Sent {
        let mut extensions = vec![(1, self.mid.clone().into_bytes())];
        extensions.extend(level.map(|level| (4, vec![level])));
        let mut payload = [self.ssrc.to_be_bytes(), self.timestamp.to_be_bytes()].concat();
        payload.resize(size, 0xaa);
        let sent = Build {
            payload_type: OPUS,
            marker: false,
            index: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            extensions,
            payload: &payload,
            padding: 0,
        }
        .sent();
        self.sequence += 1;
        self.timestamp = self.timestamp.wrapping_add(960);
        sent
    }
}

impl World {
    /// Protects and delivers packets of one peer as one burst.
    pub fn send(&mut self, peer: &Peer, packets: &[Sent]) {
        let datagrams = packets
            .iter()
            .map(|sent| peer.protect(&sent.packet, sent.index))
            .collect();
        self.deliver(peer.path, datagrams);
    }

    /// Delivers packets of one peer as one burst and sends nothing for a while.
    pub fn fall_behind(&mut self, peer: &Peer, packets: &[Sent], behind: Duration) {
        let protected = packets
            .iter()
            .map(|sent| peer.protect(&sent.packet, sent.index));
        let mut protected: Vec<_> = protected.collect();
        let came_at = self.now;
        let datagrams = protected.iter_mut().map(|data| Datagram {
            path: peer.path,
            came_at,
            data,
        });
        let mut batch: Vec<_> = datagrams.collect();
        self.router.handle_datagrams(self.now, &mut batch);
        self.now += behind;
        self.collect();
    }

    pub fn send_rtcp(&mut self, peer: &mut Peer, rtcp: &[u8]) {
        let datagram = peer.protect_rtcp(rtcp);
        self.deliver(peer.path, vec![datagram]);
    }
}

/// The RTCP packets of one kind in what a peer got.
pub fn count_rtcp(mail: &Mail, is_it: impl Fn(&sfu_proto::rtcp::Packet<'_>) -> bool) -> usize {
    let packets = mail
        .rtcp
        .iter()
        .flat_map(|datagram| sfu_proto::rtcp::packets(datagram));
    packets
        .filter(|packet| is_it(packet.as_ref().unwrap()))
        .count()
}
