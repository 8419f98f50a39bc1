//! A camera with three layers, and a microphone, of one publisher; keyframes when asked.

use std::collections::BTreeSet;

use sfu_proto::rtcp::{Packet, packets};

use super::{Camera, Microphone, Peer, Sent, World};

pub const KBPS: [u64; 3] = [1500, 500, 150];
pub const FRAME_MS: u64 = 33;
/// libwebrtc's order of three temporal layers.
const PATTERN: [u8; 4] = [0, 2, 1, 2];

pub struct Publisher {
    pub peer: Peer,
    pub layers: Vec<Camera>,
    tl0: [u8; 3],
    frames: usize,
    pub microphone: Option<Microphone>,
    pub keyframe_wanted: BTreeSet<u32>,
    pub active: Vec<usize>,
    /// Else a keyframe is as large as any frame of the base.
    pub keyframe_bytes: Option<[usize; 3]>,
}

impl Publisher {
    pub fn new(world: &mut World, source: u64) -> Self {
        let peer = world.peer();
        world.add_camera(source, &peer, &["f", "h", "q"]);
        let mid = format!("v{source}");
        let ssrc = source as u32 * 1000;
        let layers = ["f", "h", "q"].iter().zip(1..);
        let layers = layers.map(|(rid, index)| Camera::new(&peer, ssrc + index, Some(rid), &mid));
        Self {
            layers: layers.collect(),
            tl0: [0; 3],
            frames: 0,
            microphone: None,
            keyframe_wanted: (ssrc + 1..=ssrc + 3).collect(),
            active: vec![0, 1, 2],
            keyframe_bytes: None,
            peer,
        }
    }

    /// Bytes of a frame: 40, 20 and 40 % of the rate are those of the temporal layers.
    fn sizes(layer: usize, temporal: u8) -> Vec<usize> {
        let bits_a_cycle = KBPS[layer] as usize * FRAME_MS as usize * 4;
        Self::cut(bits_a_cycle / 8 * if temporal == 0 { 4 } else { 2 } / 10)
    }

    fn cut(bytes: usize) -> Vec<usize> {
        let count = bytes.div_ceil(1100);
        vec![(bytes / count).saturating_sub(60).max(24); count]
    }

    pub fn frame(&mut self, world: &mut World) -> Vec<Sent> {
        for datagram in world.receive(&mut self.peer).rtcp {
            for packet in packets(&datagram) {
                if let Ok(Packet::Pli { media_ssrc }) = packet {
                    self.keyframe_wanted.insert(media_ssrc);
                }
            }
        }
        let mut all = Vec::new();
        for &index in &self.active {
            let layer = &mut self.layers[index];
            let temporal = PATTERN[self.frames % 4];
            let is_keyframe = temporal == 0 && self.keyframe_wanted.remove(&layer.ssrc);
            self.tl0[index] = self.tl0[index].wrapping_add(u8::from(temporal == 0));
            (layer.temporal, layer.tl0) = (temporal, self.tl0[index]);
            let large = self.keyframe_bytes.filter(|_| is_keyframe);
            let sizes = large.map_or_else(
                || Self::sizes(index, temporal),
                |bytes| Self::cut(bytes[index]),
            );
            all.extend(layer.frame(is_keyframe, &sizes));
        }
        self.frames += 1;
        all
    }
}
