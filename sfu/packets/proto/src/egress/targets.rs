//! What a subscriber that is not sent all layers of a stream is told of its decode targets.
//!
//! Where the publisher's descriptor says which targets there are, it is written anew for such a
//! subscriber; after each change it is said in some packets more, since one may be lost. Who is
//! sent all layers pays one comparison.

use super::slot::{SentLayers, Upto};
use crate::codecs::dependency::ActiveTargets;
use crate::command::Extension;
use crate::handover::{Burst, Packet};
use crate::rtp::EXTENSIONS;

/// As long as the mid goes along (RFC 8843 §15.2 knows no number either): some frames.
const PACKETS: u8 = 100;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ToldTargets {
    /// The last mask that was told, unless it was the publisher's own from the start.
    mask: Option<u32>,
    /// Packets that it goes along with yet.
    left: u8,
}

impl ToldTargets {
    /// The packet's descriptor as it must be for who is sent these layers; `None`: as it is.
    #[inline]
    pub(crate) fn descriptor(
        &mut self,
        layers: &SentLayers,
        packet: &Packet,
        burst: &Burst,
    ) -> Option<Vec<u8>> {
        let is_whole = self.mask.is_none() && layers.highest() == Upto::ALL;
        match packet.targets.is_some() && !is_whole {
            true => self.rewrite(layers.highest(), packet, burst),
            false => None,
        }
    }

    #[inline(never)]
    fn rewrite(&mut self, upto: Upto, packet: &Packet, burst: &Burst) -> Option<Vec<u8>> {
        let targets = packet.targets.as_ref()?;
        let mask = mask_of(upto, packet, targets);
        if mask == 0 {
            // Between two layers, none is whole.
            return None;
        }
        if self.mask.unwrap_or(targets.all()) != mask {
            self.left = PACKETS;
            self.mask = Some(mask);
        }
        let is_due = self.left > 0 || targets.is_told();
        self.left = self.left.saturating_sub(1);
        if mask == targets.all() {
            if self.left == 0 {
                self.mask = None;
            }
            if targets.is_told() {
                return None;
            }
        }
        let descriptor = descriptor_of(packet, burst).filter(|_| is_due)?;
        targets.rewrite(descriptor, mask)
    }
}

/// Of a packet that goes out again, where it tells of targets.
pub(super) fn descriptor_again(
    layers: &SentLayers,
    packet: &Packet,
    burst: &Burst,
) -> Option<Vec<u8>> {
    let targets = packet.targets.as_ref()?;
    let mask = mask_of(layers.highest(), packet, targets);
    let differs = targets.is_told() && mask != 0 && mask != targets.all();
    let descriptor = descriptor_of(packet, burst).filter(|_| differs)?;
    targets.rewrite(descriptor, mask)
}

fn mask_of(upto: Upto, packet: &Packet, targets: &ActiveTargets) -> u32 {
    let is_layered = packet.layers.spatial.are_several;
    targets.up_to(is_layered.then_some(upto.spatial), upto.temporal)
}

fn descriptor_of<'b>(packet: &Packet, burst: &'b Burst) -> Option<&'b [u8]> {
    let mut rest = burst.extensions(packet);
    while let Some((&[extension, len], after)) = rest.split_first_chunk() {
        let (data, after) = after.split_at_checked(usize::from(len))?;
        if EXTENSIONS[usize::from(extension)] == Extension::DependencyDescriptor {
            return Some(data);
        }
        rest = after;
    }
    None
}
