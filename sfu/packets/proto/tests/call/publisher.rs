//! A camera with simulcast layers and a voice, as an encoder and its pacer make them.

use std::collections::{BTreeMap, BTreeSet};

use sfu_proto::rtcp::{Packet, packets};

use crate::world::*;

const FRAMES_A_SECOND: u64 = 30;
/// RTP, its extensions, the tag of SRTP's GCM, UDP over IPv4.
const HEADERS: usize = 72;
const PACKET_BYTES: usize = 1150;
/// Browsers pace a frame's packets at 2.5 times its rate (libwebrtc `pacing_controller.cc`).
const SPREAD_US: u64 = 12_000;
/// A keyframe is so many times the mean, and what follows is smaller by a quarter until that is
/// made up for (libvpx's rate control).
const KEYFRAME: f64 = 6.0;
const REPAID: f64 = 0.25;
/// Other frames differ by so much around the mean, uniformly.
const VARIES: f64 = 0.25;
const VOICE_PAYLOAD: usize = 80;
pub const VOICE_BPS: u64 = (VOICE_PAYLOAD + HEADERS) as u64 * 50 * 8;

/// Kilobits a second on the wire, the highest first; frames of all temporal layers are alike.
pub struct Layers {
    pub kbps: &'static [u64],
    pub temporal_layers: u8,
}

pub const THREE: Layers = Layers {
    kbps: &[1500, 500, 150],
    temporal_layers: 3,
};
pub const FOUR: Layers = Layers {
    kbps: &[1500, 900, 450, 150],
    temporal_layers: 1,
};

impl Layers {
    /// The best of what could be sent that fits beside the voice; 0 if nothing does.
    pub fn best_bps(&self, capacity_bps: u64) -> u64 {
        let left = capacity_bps.saturating_sub(VOICE_BPS);
        let halves = |kbps: &u64| {
            let rate = kbps * 1000;
            (0..self.temporal_layers).map(move |fewer| rate >> fewer)
        };
        let rates = self.kbps.iter().flat_map(halves);
        rates.filter(|&rate| rate <= left).max().unwrap_or(0)
    }
}

pub struct Publisher {
    pub peer: Peer,
    layers: &'static Layers,
    encoders: Vec<Encoder>,
    microphone: Microphone,
    keyframe_wanted: BTreeSet<u32>,
    paced: BTreeMap<(u64, usize), Sent>,
    frames: u64,
    voice_us: u64,
    dice: Dice,
}

struct Encoder {
    camera: Camera,
    /// Of the pattern of temporal layers.
    phase: usize,
    tl0: u8,
    debt: f64,
}

impl Publisher {
    pub fn new(world: &mut World, layers: &'static Layers, seed: u64) -> Self {
        let peer = world.peer();
        let rids = &["f", "t", "h", "q"][..layers.kbps.len()];
        world.add_camera(1, &peer, rids);
        let cameras = rids.iter().zip(1001..);
        let encoders = cameras.map(|(rid, ssrc)| Encoder {
            camera: Camera::new(&peer, ssrc, Some(rid), "v1"),
            phase: 0,
            tl0: 0,
            debt: 0.0,
        });
        let encoders: Vec<_> = encoders.collect();
        Self {
            keyframe_wanted: encoders.iter().map(|one| one.camera.ssrc).collect(),
            encoders,
            microphone: world.microphone(2, &peer, 7777, None),
            layers,
            paced: BTreeMap::new(),
            frames: 0,
            voice_us: 0,
            dice: Dice(seed.wrapping_mul(77_777) | 1),
            peer,
        }
    }

    pub fn tick(&mut self, world: &mut World, now_us: u64) {
        self.hear(world);
        if now_us >= self.frames * 1_000_000 / FRAMES_A_SECOND {
            self.frames += 1;
            for index in 0..self.encoders.len() {
                self.encode(index, now_us);
            }
        }
        let mut burst = Vec::new();
        if now_us >= self.voice_us {
            self.voice_us += 20_000;
            burst.push(self.microphone.packet_with(Some(30), VOICE_PAYLOAD));
        }
        while let Some(first) = self.paced.first_entry() {
            if first.key().0 > now_us {
                break;
            }
            burst.push(first.remove());
        }
        if !burst.is_empty() {
            world.send(&self.peer, &burst);
        }
    }

    fn hear(&mut self, world: &mut World) {
        if !world.mail.contains_key(&self.peer.path.remote) {
            return;
        }
        for datagram in world.receive(&mut self.peer).rtcp {
            for packet in packets(&datagram) {
                if let Ok(Packet::Pli { media_ssrc }) = packet {
                    self.keyframe_wanted.insert(media_ssrc);
                }
            }
        }
    }

    fn encode(&mut self, index: usize, now_us: u64) {
        let swing = f64::from(self.dice.throw()) / f64::from(1u32 << 31);
        let encoder = &mut self.encoders[index];
        let is_keyframe = self.keyframe_wanted.remove(&encoder.camera.ssrc);
        let mean = (self.layers.kbps[index] * 1000 / 8 / FRAMES_A_SECOND) as f64;
        let bytes = encoder.bytes(mean, is_keyframe, swing);
        let pattern: &[u8] = match self.layers.temporal_layers {
            1 => &[0],
            _ => &[0, 2, 1, 2],
        };
        encoder.phase = if is_keyframe { 0 } else { encoder.phase + 1 };
        let temporal = pattern[encoder.phase % pattern.len()];
        encoder.tl0 = encoder.tl0.wrapping_add(u8::from(temporal == 0));
        (encoder.camera.temporal, encoder.camera.tl0) = (temporal, encoder.tl0);
        let count = bytes.div_ceil(PACKET_BYTES);
        let sizes = vec![(bytes / count).saturating_sub(HEADERS).max(24); count];
        let packets = encoder.camera.frame(is_keyframe, &sizes).into_iter();
        for (place, packet) in packets.enumerate() {
            let at_us = now_us + SPREAD_US * place as u64 / count as u64;
            self.paced.insert((at_us, index * 1000 + place), packet);
        }
    }
}

impl Encoder {
    /// `swing` is within 0..1.
    fn bytes(&mut self, mean: f64, is_keyframe: bool, swing: f64) -> usize {
        let varied = mean * (1.0 + (2.0 * swing - 1.0) * VARIES);
        if is_keyframe {
            self.debt += varied * KEYFRAME - mean;
            return (varied * KEYFRAME) as usize;
        }
        let repaid = self.debt.min(mean * REPAID);
        self.debt -= repaid;
        (varied - repaid) as usize
    }
}
