//! What a source could be sent as, from the worst to the best: its ladder.
//!
//! A rung is a spatial layer up to one of its temporal layers. Of a camera no rung above the lowest
//! layer shows less than half of the frames: a smaller picture that moves is better than a sharp
//! one that jerks. Of a screen every rung counts, and a sharper one is better at any rate.

pub(crate) const TEMPORAL_LAYERS: usize = 4;

/// A spatial layer as it was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layer {
    /// 0 is the highest.
    pub(crate) index: u8,
    /// Of temporal layers up to and with this one; beyond the last they stay as they are.
    pub(crate) upto_bps: [u64; TEMPORAL_LAYERS],
    /// The highest there is.
    pub(crate) top_temporal: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rung {
    pub(crate) layer: u8,
    pub(crate) temporal: u8,
    pub(crate) bitrate_bps: u64,
}

impl Rung {
    pub(crate) fn is_better_than(&self, (layer, temporal): (u8, u8)) -> bool {
        (std::cmp::Reverse(self.layer), self.temporal) > (std::cmp::Reverse(layer), temporal)
    }
}

/// Writes the ladder of `layers` (in any order) into `rungs`, the worst first. What costs as much
/// as something better is left out.
pub(crate) fn build(layers: &[Layer], is_screen: bool, rungs: &mut Vec<Rung>) {
    rungs.clear();
    let lowest = layers.iter().map(|layer| layer.index).max();
    for layer in layers {
        let top = layer.top_temporal.min(TEMPORAL_LAYERS as u8 - 1);
        let from = match is_screen || Some(layer.index) == lowest {
            true => 0,
            false => top.saturating_sub(1),
        };
        rungs.extend((from..=top).map(|temporal| Rung {
            layer: layer.index,
            temporal,
            bitrate_bps: layer.upto_bps[usize::from(temporal)],
        }));
    }
    rungs.sort_unstable_by_key(|rung| (std::cmp::Reverse(rung.layer), rung.temporal));
    let mut cheapest = u64::MAX;
    let mut index = rungs.len();
    while index > 0 {
        index -= 1;
        let is_best = cheapest == u64::MAX;
        if is_best || rungs[index].bitrate_bps < cheapest {
            cheapest = rungs[index].bitrate_bps.min(u64::MAX - 1);
        } else {
            rungs.remove(index);
        }
    }
}

/// How many rungs make a decent picture on the stage: its second layer from below, or all where
/// there is but one.
pub(super) fn decent(ladder: &[Rung]) -> usize {
    let Some(lowest) = ladder.first() else {
        return 0;
    };
    let second = ladder.iter().find(|rung| rung.layer != lowest.layer);
    let Some(second) = second else {
        return ladder.len();
    };
    let above = ladder.iter().position(|rung| rung.layer < second.layer);
    above.unwrap_or(ladder.len())
}
