//! One stream with several layers: who is sent fewer of them can decode all that comes, has no hole
//! in it, and sees where each picture ends.

#![allow(clippy::unwrap_used)]

mod world;

use std::collections::{BTreeMap, BTreeSet};

use sfu_proto::codecs::dependency::Dependencies;
use sfu_proto::command::{
    Codec, CodecParameters, Command, Extension, MediaKind, SourceParameters, SrtpProfile,
};
use sfu_proto::ids::{SlotId, SourceId};
use sfu_proto::rtcp::{Packet, packets};
use world::*;

const FRAME_MS: u64 = 33;
/// libwebrtc's order of three temporal layers.
const PATTERN: [u8; 4] = [0, 2, 1, 2];
/// Of each spatial layer alone; temporal layers take 40, 20 and 40 % of it.
const KBPS: [u64; 3] = [100, 300, 900];
const DESCRIPTOR: u8 = 9;
const PAYLOAD_TYPE: u8 = 98;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Every frame refers to the one below it of its picture.
    Full,
    /// Those of key pictures alone do.
    Key,
}

/// Picture and spatial layer.
type FrameId = (u16, u8);

/// An encoder of one stream, as far as RTP sees it.
struct Encoder {
    peer: Peer,
    camera: Camera,
    codec: Codec,
    layers: u8,
    /// Those that it sends: the lowest.
    active: u8,
    mode: Mode,
    picture: u16,
    /// In the order of the temporal layers' pattern, from the last keyframe on.
    since_key: usize,
    last_base: u16,
    last_middle: u16,
    tl0: u8,
    number: u16,
    keyframe_wanted: bool,
    keyframes: usize,
    references: BTreeMap<FrameId, Vec<FrameId>>,
    packets: BTreeMap<FrameId, usize>,
    /// Temporal layer of each picture, and whether it is a key picture.
    pictures: BTreeMap<u16, (u8, bool)>,
}

impl Encoder {
    fn new(world: &mut World, codec: Codec, layers: u8, mode: Mode) -> Self {
        let peer = world.peer_with(SrtpProfile::AeadAes128Gcm, &extensions());
        world.command(Command::AddSource {
            source: SourceId(1),
            parameters: SourceParameters {
                transport: peer.id,
                mid: "v1".to_owned(),
                kind: MediaKind::Video,
                codecs: codecs_of(codec),
                rids: Vec::new(),
                announced: Vec::new(),
                room: None,
                is_screen: false,
            },
        });
        Self {
            camera: Camera::new(&peer, 1001, None, "v1"),
            peer,
            codec,
            layers,
            active: layers,
            mode,
            picture: 100,
            since_key: 0,
            last_base: 0,
            last_middle: 0,
            tl0: 0,
            number: 65_000,
            keyframe_wanted: true,
            keyframes: 0,
            references: BTreeMap::new(),
            packets: BTreeMap::new(),
            pictures: BTreeMap::new(),
        }
    }

    fn listen(&mut self, world: &mut World) {
        for datagram in world.receive(&mut self.peer).rtcp {
            for packet in packets(&datagram) {
                self.keyframe_wanted |= matches!(packet, Ok(Packet::Pli { .. }));
            }
        }
    }

    /// The packets of one picture, the lowest layer first.
    fn picture(&mut self, world: &mut World) -> Vec<Sent> {
        self.listen(world);
        let is_key = std::mem::take(&mut self.keyframe_wanted);
        if is_key {
            self.since_key = 0;
            self.keyframes += 1;
        }
        let temporal = PATTERN[self.since_key % 4];
        self.pictures.insert(self.picture, (temporal, is_key));
        let mut sent = Vec::new();
        for spatial in 0..self.active {
            let id = (self.picture, spatial);
            let references = self.references_of(spatial, temporal, is_key);
            self.references.insert(id, references);
            let kbit = KBPS[usize::from(spatial)] * FRAME_MS * 4 / 1000;
            let share = if temporal == 0 { 4 } else { 2 };
            let bytes = (kbit * 1000 / 8 * share / 10) as usize;
            let count = bytes.div_ceil(1100);
            self.packets.insert(id, count);
            for packet in 0..count {
                let place = Place {
                    spatial,
                    temporal,
                    is_key,
                    is_first: packet == 0,
                    is_last: packet + 1 == count,
                };
                sent.push(self.packet(place, (bytes / count).saturating_sub(80).max(24)));
            }
            self.number = self.number.wrapping_add(1);
        }
        match temporal {
            0 => self.last_base = self.picture,
            1 => self.last_middle = self.picture,
            _ => {}
        }
        self.tl0 = self.tl0.wrapping_add(u8::from(temporal == 0));
        self.picture += 1;
        self.since_key += 1;
        self.camera.end_frame();
        sent
    }

    fn references_of(&self, spatial: u8, temporal: u8, is_key: bool) -> Vec<FrameId> {
        let mut references = Vec::new();
        if spatial > 0 && (is_key || self.mode == Mode::Full) {
            references.push((self.picture, spatial - 1));
        }
        if !is_key {
            let before = match temporal {
                2 => self.last_base.max(self.last_middle),
                _ => self.last_base,
            };
            references.push((before, spatial));
        }
        references
    }

    fn packet(&mut self, place: Place, len: usize) -> Sent {
        let begins = place.is_key && place.is_first && place.spatial == 0;
        let mut payload = match self.codec {
            Codec::Vp9 => self.vp9(place),
            // A single slice each.
            Codec::H264 => vec![if place.is_key { 0x65 } else { 0x41 }, 0x88],
            // A frame each; a new sequence begins with N.
            _ => vec![if begins { 0x18 } else { 0x10 }, 0x30],
        };
        payload.extend(self.picture.to_be_bytes());
        payload.push(place.spatial);
        payload.resize(len, 0xaa);
        let is_end = place.is_last && place.spatial + 1 == self.active;
        let mut build = self.camera.build(&payload, is_end);
        build.payload_type = PAYLOAD_TYPE;
        if self.codec != Codec::Vp9 {
            build.extensions.push((DESCRIPTOR, self.descriptor(place)));
        }
        build.sent()
    }

    /// RFC 9628 §4.2, non-flexible mode.
    fn vp9(&self, place: Place) -> Vec<u8> {
        let bit = |is_set: bool, place: u8| u8::from(is_set) << place;
        let is_top = place.spatial + 1 == self.active;
        // As libwebrtc has it, whose highest layer may not be the highest any more.
        let serves_upper = self.mode == Mode::Full || place.is_key && !is_top;
        let has_structure = place.is_key && place.spatial == 0 && place.is_first;
        let flags = 0xa0
            | bit(!place.is_key, 6)
            | bit(place.is_first, 3)
            | bit(place.is_last, 2)
            | bit(has_structure, 1)
            | bit(!serves_upper, 0);
        let refers_down = place.spatial > 0 && (place.is_key || self.mode == Mode::Full);
        let layers = place.temporal << 5
            | bit(place.temporal < 2, 4)
            | place.spatial << 1
            | u8::from(refers_down);
        let mut payload = vec![flags];
        payload.extend((0x8000 | self.picture).to_be_bytes());
        payload.extend([layers, self.tl0]);
        if has_structure {
            payload.push((self.active - 1) << 5 | 0x10);
            for spatial in (0..self.active).rev() {
                payload.extend((640u16 >> spatial).to_be_bytes());
                payload.extend((360u16 >> spatial).to_be_bytes());
            }
        }
        payload
    }

    fn descriptor(&self, place: Place) -> Vec<u8> {
        let within = match (place.is_key, place.temporal) {
            (true, _) => 0,
            (false, temporal) => 1 + temporal,
        };
        let mut bits = Bits::default();
        bits.push(1, u32::from(place.is_first));
        bits.push(1, u32::from(place.is_last));
        bits.push(6, u32::from(place.spatial * 4 + within));
        bits.push(16, u32::from(self.number));
        let has_structure = place.is_key && place.spatial == 0 && place.is_first;
        let is_part = self.active < self.layers;
        if has_structure || is_part {
            bits.push(1, u32::from(has_structure));
            bits.push(1, u32::from(is_part));
            bits.push(3, 0);
        }
        if has_structure {
            self.push_structure(&mut bits);
        }
        if is_part {
            bits.push(usize::from(self.layers) * 3, (1 << (self.active * 3)) - 1);
        }
        bits.0
            .chunks(8)
            .map(|bits| (0..8).fold(0, |byte, at| byte << 1 | bits.get(at).copied().unwrap_or(0)))
            .collect()
    }

    /// Templates of each spatial layer: of key pictures, then of each temporal layer.
    fn push_structure(&self, bits: &mut Bits) {
        let targets = || (0..self.layers).flat_map(|spatial| (0..3).map(move |t| (spatial, t)));
        bits.push(6, 0);
        bits.push(5, u32::from(self.layers) * 3 - 1);
        for spatial in 0..self.layers {
            let last = if spatial + 1 == self.layers { 3 } else { 2 };
            [0, 1, 1, last].iter().for_each(|&next| bits.push(2, next));
        }
        for spatial in 0..self.layers {
            for (temporal, is_key) in [(0, true), (0, false), (1, false), (2, false)] {
                for (upto, frames) in targets() {
                    bits.push(
                        2,
                        self.indication((spatial, temporal, is_key), (upto, frames)),
                    );
                }
            }
        }
        // No references are told, there are no chains, and no sizes.
        (0..self.layers * 4).for_each(|_| bits.push(1, 0));
        let width = u32::BITS - (u32::from(self.layers) * 3 + 1).leading_zeros();
        bits.push(width as usize - 1, 0);
        bits.push(1, 0);
    }

    /// 0 to 3: not present, discardable, switch, required.
    fn indication(
        &self,
        (spatial, temporal, is_key): (u8, u8, bool),
        (upto, frames): (u8, u8),
    ) -> u32 {
        match () {
            _ if upto < spatial || frames < temporal => 0,
            _ if upto > spatial && is_key => 2,
            _ if upto > spatial => {
                if self.mode == Mode::Full {
                    3
                } else {
                    0
                }
            }
            _ if temporal > 0 && frames == temporal => 1,
            _ => 2,
        }
    }
}

/// Where a packet stands.
#[derive(Clone, Copy)]
struct Place {
    spatial: u8,
    temporal: u8,
    is_key: bool,
    is_first: bool,
    is_last: bool,
}

#[derive(Default)]
struct Bits(Vec<u8>);

impl Bits {
    fn push(&mut self, count: usize, value: u32) {
        self.0
            .extend((0..count).rev().map(|place| (value >> place & 1) as u8));
    }
}

fn extensions() -> Vec<(u8, Extension)> {
    let mut all = EXTENSIONS.to_vec();
    all.push((DESCRIPTOR, Extension::DependencyDescriptor));
    all
}

fn codecs_of(of: Codec) -> Vec<CodecParameters> {
    vec![CodecParameters {
        rtx_payload_type: Some(PAYLOAD_TYPE + 1),
        nack: true,
        pli: true,
        transport_cc: true,
        ..codec(of, PAYLOAD_TYPE, 90_000)
    }]
}

/// What a viewer has got of the stream, over all of its time.
#[derive(Default)]
struct Decoder {
    indices: BTreeSet<u64>,
    decoded: BTreeSet<FrameId>,
    dependencies: Dependencies,
    /// Decode targets that it was told of last, one bit each.
    targets: Option<u32>,
    numbers: Vec<u16>,
    /// Of the picture that is being received.
    open: BTreeMap<FrameId, usize>,
    /// Spatial layer and number of each picture, with the keyframes that there had been.
    shown: Vec<(u8, u16)>,
    bytes: usize,
}

impl Decoder {
    fn take(&mut self, mail: &[Rtp], encoder: &Encoder) {
        for rtp in mail.iter().filter(|rtp| rtp.header.ssrc == slot_ssrc(1)) {
            self.bytes += rtp.packet.len();
            assert!(self.indices.insert(rtp.index), "a number twice");
            if rtp.payload.is_empty() {
                continue;
            }
            let id = self.identify(rtp, encoder);
            let of_another = self.open.keys().any(|open| open.0 != id.0);
            assert!(
                !of_another,
                "{id:?} begins before the picture has ended: {:?}",
                self.open
            );
            *self.open.entry(id).or_default() += 1;
            if rtp.header.marker {
                self.end_picture(encoder);
            }
        }
    }

    fn identify(&mut self, rtp: &Rtp, encoder: &Encoder) -> FrameId {
        let mut at = 2;
        if encoder.codec == Codec::Vp9 {
            let has_structure = rtp.payload[0] & 2 != 0;
            at = 5;
            if has_structure {
                at += 1 + 4 * (usize::from(rtp.payload[5] >> 5) + 1);
            }
        } else {
            let descriptor = rtp.extension(Extension::DependencyDescriptor).unwrap();
            let frame = self.dependencies.read(descriptor).unwrap();
            self.numbers.push(frame.number);
            let targets = self.dependencies.take_targets();
            self.targets = targets.map(|targets| targets.all());
        }
        (
            u16::from_be_bytes([rtp.payload[at], rtp.payload[at + 1]]),
            rtp.payload[at + 2],
        )
    }

    /// All that came of it is whole, and what it refers to was decoded before.
    fn end_picture(&mut self, encoder: &Encoder) {
        let open = std::mem::take(&mut self.open);
        let highest = open.keys().last().copied().unwrap();
        self.waits_for_nothing(highest.0, &open, encoder);
        for (id, packets) in open {
            assert_eq!(packets, encoder.packets[&id], "{id:?} is whole");
            for reference in &encoder.references[&id] {
                assert!(
                    self.decoded.contains(reference),
                    "{id:?} needs {reference:?}"
                );
            }
            self.decoded.insert(id);
        }
        self.shown.push((highest.1, highest.0));
    }

    /// What the targets that it was told of need of a picture has come.
    fn waits_for_nothing(&self, picture: u16, open: &BTreeMap<FrameId, usize>, encoder: &Encoder) {
        let (temporal, is_key) = encoder.pictures[&picture];
        for (upto, frames) in self.told(encoder.layers) {
            for spatial in 0..encoder.layers {
                let frame = (spatial, temporal, is_key);
                let is_needed = encoder.indication(frame, (upto, frames)) != 0
                    && encoder.packets.contains_key(&(picture, spatial));
                assert!(
                    !is_needed || open.contains_key(&(picture, spatial)),
                    "S{upto}T{frames} waits for layer {spatial} of {picture}"
                );
            }
        }
    }

    /// Spatial and temporal layers of the targets that it was told of.
    fn told(&self, layers: u8) -> Vec<(u8, u8)> {
        let told = self.targets.unwrap_or(0);
        let all = (0..layers).flat_map(|spatial| (0..3).map(move |temporal| (spatial, temporal)));
        let told = all.enumerate().filter(|(index, _)| told >> index & 1 == 1);
        told.map(|(_, target)| target).collect()
    }

    fn has_no_hole(&self) {
        let (first, last) = (self.indices.first().unwrap(), self.indices.last().unwrap());
        assert_eq!(
            last - first + 1,
            self.indices.len() as u64,
            "numbers are missing"
        );
        for pair in self.numbers.windows(2) {
            assert!(
                (pair[1].wrapping_sub(pair[0]) as i16) >= 0,
                "frame numbers go back"
            );
        }
    }
}

struct Room {
    world: World,
    encoder: Encoder,
    viewer: Peer,
    decoder: Decoder,
}

impl Room {
    fn new(codec: Codec, layers: u8, mode: Mode) -> Self {
        let mut world = World::without_adaptation();
        let encoder = Encoder::new(&mut world, codec, layers, mode);
        let viewer = world.peer_with(SrtpProfile::AeadAes128Gcm, &extensions());
        world.slot_with(1, &viewer, MediaKind::Video, codecs_of(codec), None);
        world.show(1, 1);
        Self {
            world,
            encoder,
            viewer,
            decoder: Decoder::default(),
        }
    }

    fn cap(&mut self, kbps: Option<u64>) {
        self.world.command(Command::SetCap {
            transport: self.viewer.id,
            cap_bps: kbps.map(|kbps| kbps * 1000),
        });
    }

    /// Spatial layers of the pictures that were shown, and kbit/s.
    fn run(&mut self, seconds: u64) -> (Vec<u8>, u64) {
        self.world.connect(&self.encoder.peer);
        self.world.connect(&self.viewer);
        let (pictures, bytes) = (self.decoder.shown.len(), self.decoder.bytes);
        for _ in 0..seconds * 1000 / FRAME_MS {
            let picture = self.encoder.picture(&mut self.world);
            self.world.send(&self.encoder.peer, &picture);
            self.world.advance_ms(FRAME_MS);
            let mail = self.world.receive_rtp(&mut self.viewer);
            self.decoder.take(&mail, &self.encoder);
        }
        self.decoder.has_no_hole();
        let shown = self.decoder.shown[pictures..]
            .iter()
            .map(|&(layer, _)| layer);
        let bits = (self.decoder.bytes - bytes) as u64 * 8;
        (shown.collect(), bits / 1000 / seconds)
    }
}

#[test]
fn temporal_layers_are_left_out_by_the_dependency_descriptor() {
    let frames = 8000 / FRAME_MS as usize;
    let cases = [
        (Codec::Av1, Mode::Full),
        (Codec::H264, Mode::Full),
        (Codec::Vp9, Mode::Key),
    ];
    for (codec, mode) in cases {
        let mut room = Room::new(codec, 1, mode);
        room.run(2);
        let keyframes = room.encoder.keyframes;
        let (shown, _) = room.run(8);
        assert!(shown.len().abs_diff(frames) <= 1, "{codec:?}: all is sent");
        for (limit, share) in [(80, 2), (50, 4), (300, 1)] {
            room.cap(Some(limit));
            room.run(12);
            let (shown, kbps) = room.run(8);
            let expected = frames / share;
            assert!(
                shown.len().abs_diff(expected) <= 4,
                "{codec:?}, {limit} kbit/s: {} of {expected} pictures",
                shown.len()
            );
            assert!(kbps <= limit, "{codec:?}: {kbps} of {limit} kbit/s");
            if codec != Codec::Vp9 {
                let highest = [2, 1, 0][share / 2];
                let expected: Vec<_> = (0..=highest).map(|temporal| (0, temporal)).collect();
                assert_eq!(room.decoder.told(1), expected, "{limit} kbit/s");
            }
        }
        assert_eq!(
            room.encoder.keyframes, keyframes,
            "{codec:?}: none was asked for"
        );
    }
}

#[test]
fn spatial_layers_of_one_stream_are_rungs_of_a_ladder() {
    for codec in [Codec::Vp9, Codec::Av1] {
        for mode in [Mode::Full, Mode::Key] {
            let mut room = Room::new(codec, 3, mode);
            let (shown, _) = room.run(4);
            assert!(shown.iter().all(|&layer| layer == 2), "{codec:?} {mode:?}");
            for (limit, layer) in [(480, 1), (160, 0), (480, 1), (2500, 2), (160, 0), (2500, 2)] {
                let keyframes = room.encoder.keyframes;
                let before = room.decoder.shown.last().unwrap().0;
                room.cap(Some(limit));
                room.run(12);
                let (shown, kbps) = room.run(8);
                let name = format!("{codec:?} {mode:?}, {limit} kbit/s");
                assert!(
                    shown.iter().all(|&shown| shown == layer),
                    "{name}: {shown:?}"
                );
                assert!(
                    shown.len() + 4 >= 8000 / FRAME_MS as usize,
                    "{name}: {}",
                    shown.len()
                );
                assert!(kbps <= limit, "{name}: {kbps} kbit/s");
                if codec == Codec::Av1 {
                    // Lower layers go on alone only where those above need them.
                    let lowest = if mode == Mode::Full { 0 } else { layer };
                    let told = room.decoder.told(3);
                    assert!(
                        told.iter()
                            .all(|(spatial, _)| (lowest..=layer).contains(spatial)),
                        "{name}: {told:?}"
                    );
                    assert!(told.contains(&(layer, 1)), "{name}: {told:?}");
                }
                if layer < before && mode == Mode::Full {
                    assert_eq!(room.encoder.keyframes, keyframes, "{name}: at once");
                }
            }
        }
    }
}

#[test]
fn a_small_tile_is_sent_the_low_layers_alone() {
    for mode in [Mode::Full, Mode::Key] {
        let mut room = Room::new(Codec::Vp9, 3, mode);
        let (_, all_kbps) = room.run(4);
        for (asked, layer) in [(2, 0), (1, 1), (0, 2), (2, 0)] {
            room.world.show_layer(1, 1, asked);
            room.run(2);
            let (shown, kbps) = room.run(4);
            assert!(
                shown.iter().all(|&shown| shown == layer),
                "{mode:?}: {shown:?}"
            );
            assert!(shown.len() + 4 >= 4000 / FRAME_MS as usize);
            assert!(layer == 2 || kbps < all_kbps / 2, "{mode:?}: {kbps} kbit/s");
        }
    }
}

#[test]
fn a_layer_that_its_sender_leaves_out_is_not_waited_for() {
    for codec in [Codec::Vp9, Codec::Av1] {
        for mode in [Mode::Full, Mode::Key] {
            let mut room = Room::new(codec, 3, mode);
            room.run(2);
            // As libwebrtc does: lower layers that nobody needed before begin at a keyframe.
            room.encoder.active = 2;
            room.encoder.keyframe_wanted = mode == Mode::Key;
            room.run(1);
            let (shown, _) = room.run(4);
            let expected = 4000 / FRAME_MS as usize;
            assert!(
                shown.iter().all(|&layer| layer == 1),
                "{codec:?} {mode:?}: {shown:?}"
            );
            assert!(
                shown.len() + 2 >= expected,
                "{codec:?} {mode:?}: {}",
                shown.len()
            );
            room.encoder.active = 3;
            room.encoder.keyframe_wanted = true;
            room.run(1);
            let (shown, _) = room.run(2);
            assert!(
                shown.iter().all(|&layer| layer == 2),
                "{codec:?} {mode:?}: {shown:?}"
            );
        }
    }
}

/// The keyframe with which the stream comes back begins all its layers.
#[test]
fn who_is_shown_more_of_a_stream_when_it_comes_back_takes_one_keyframe() {
    let mut room = Room::new(Codec::Vp9, 3, Mode::Key);
    room.world.show_layer(1, 1, 2);
    room.run(2);
    let (slot, source) = (SlotId(1), None);
    room.world.command(Command::Show {
        slot,
        source,
        layer: 0,
    });
    room.run(1);
    let before = room.encoder.keyframes;
    room.world.show_layer(1, 1, 0);
    room.run(1);
    let (shown, _) = room.run(2);
    assert!(shown.iter().all(|&layer| layer == 2), "{shown:?}");
    assert_eq!(room.encoder.keyframes, before + 1);
}
