//! Which decode targets of a stream are there for whom: the part of a descriptor that must be written
//! anew where layers are left out (AV1 RTP specification, A.4 and A.8.3), or a receiver
//! waits for frames that will not come.
//!
//! In comes what a stream's structure says and up to which layers somebody is sent it; out goes the
//! descriptor with that subscriber's `active_decode_targets_bitmask`. Knows no subscriber.

use std::sync::Arc;

use super::{Layers, NOT_PRESENT, Template};
use crate::codecs::bits::Bits;

/// Flags of the extended part before the mask's own, and all of them.
const MANDATORY_BITS: u32 = 24;
const FLAG_BITS: u32 = 5;
const MASK_FLAG: u32 = 0b01000;

/// One decode target, as forwarding sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// It needs the temporal layers up to this one.
    temporal: u8,
    /// By spatial layer: who is sent the layers up to it has all of its frames.
    whole: u8,
}

impl Target {
    pub(super) fn of(target: usize, targets: &[Layers], templates: &[Template]) -> Self {
        let serves = |template: &Template| {
            let needed = targets.iter().enumerate();
            let needed =
                needed.filter(|&(target, _)| template.indications.of(target) != NOT_PRESENT);
            needed.fold(0u8, |mask, (_, layers)| mask | 1 << layers.spatial)
        };
        let own = templates
            .iter()
            .filter(|template| template.indications.of(target) != NOT_PRESENT);
        Self {
            temporal: targets[target].temporal,
            whole: own.fold(u8::MAX, |whole, template| whole & serves(template)),
        }
    }
}

/// What the descriptor of one packet says of its stream's decode targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveTargets {
    pub(super) targets: Arc<[Target]>,
    /// Those that the publisher sends, one bit each.
    pub(super) active: u32,
    /// The highest spatial layer that it sends.
    pub(super) top: u8,
    /// Where the mask stands, or would stand: bits from the descriptor's first.
    pub(super) at: u32,
    pub(super) has_mask: bool,
    pub(super) has_structure: bool,
}

impl ActiveTargets {
    /// The targets that are whole for who is sent the layers up to these; `None`: all spatial ones.
    pub fn up_to(&self, spatial: Option<u8>, temporal: u8) -> u32 {
        let is_whole = |target: &Target| {
            spatial.is_none_or(|spatial| target.whole >> spatial.min(self.top) & 1 == 1)
        };
        let all = self.targets.iter().enumerate();
        let whole = all.filter(|(_, target)| target.temporal <= temporal && is_whole(target));
        whole.fold(0, |mask, (index, _)| mask | 1 << index) & self.active
    }

    /// Those that the publisher sends.
    pub fn all(&self) -> u32 {
        self.active
    }

    /// Whoever reads the packet takes its word for which targets there are.
    pub fn is_told(&self) -> bool {
        self.has_mask || self.has_structure
    }

    /// The descriptor with this mask: up to five bytes longer. `None`: it is not the one that this
    /// was read from.
    pub fn rewrite(&self, descriptor: &[u8], mask: u32) -> Option<Vec<u8>> {
        let bits = &mut Bits::new(descriptor);
        let mut out = Writer::default();
        out.copy(bits, MANDATORY_BITS)?;
        let is_extended = descriptor.len() > 3;
        let flags = match is_extended {
            true => bits.read(FLAG_BITS)?,
            false => 0,
        };
        out.push(flags | MASK_FLAG, FLAG_BITS);
        let count = self.targets.len() as u32;
        if is_extended {
            out.copy(bits, self.at.checked_sub(MANDATORY_BITS + FLAG_BITS)?)?;
            if self.has_mask {
                bits.skip(count)?;
            }
        }
        out.push(mask, count);
        out.copy(bits, bits.left())?;
        Some(out.bytes)
    }
}

#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
    bits: u32,
}

impl Writer {
    /// Up to 32 bits, most significant first.
    fn push(&mut self, value: u32, count: u32) {
        for place in (0..count).rev() {
            if self.bits.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let bit = (value >> place & 1) as u8;
            if let Some(last) = self.bytes.last_mut() {
                *last |= bit << (7 - self.bits % 8);
            }
            self.bits += 1;
        }
    }

    fn copy(&mut self, from: &mut Bits<'_>, count: u32) -> Option<()> {
        let mut left = count;
        while left > 0 {
            let some = left.min(32);
            self.push(from.read(some)?, some);
            left -= some;
        }
        Some(())
    }
}
