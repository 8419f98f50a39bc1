//! What each layer costs, told to the send side twice a second: a shard that does not show a
//! layer does not see its packets, and must know what it would cost to show it.

use std::time::{Duration, Instant};

use super::{Ingress, Timer};
use crate::allocator::TEMPORAL_LAYERS;
use crate::command::MediaKind;
use crate::handover::{Down, FrameLayers, LayerRate, SpatialLayers, has_layer};

/// A tenth of a second more than half of what the slowest step may take to be noticed.
pub(super) const INTERVAL: Duration = Duration::from_millis(500);
/// Weight of the newest half second: a rate that changes for good is known after two seconds, and
/// what a single large picture adds is not.
const NEWEST: f64 = 0.25;
/// A keyframe is no reason to take a layer for dearer than so much.
const KEYFRAME_SHARE: f64 = 1.25;
/// Share of a layer's packets that were lost on the way to us, from which its sender's uplink is
/// the reason for what people see: retransmission mends less than that unseen.
const LOSSY: f64 = 0.05;

/// Of one layer.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    whole: Measured,
    /// Of a stream with spatial layers: with this one as the highest, the lowest first.
    lower: Vec<Measured>,
    /// The highest that was ever seen.
    top_temporal: u8,
    since: Option<Instant>,
    loss: f64,
}

/// Of the same packets.
#[derive(Clone, Debug, Default)]
struct Measured {
    bytes: [u32; TEMPORAL_LAYERS],
    has_keyframe: bool,
    smoothed: Option<[f64; TEMPORAL_LAYERS]>,
}

impl Measured {
    fn add(&mut self, temporal: usize, bytes: usize, is_keyframe: bool) {
        let sum = &mut self.bytes[temporal];
        *sum = sum.saturating_add(bytes as u32);
        self.has_keyframe |= is_keyframe;
    }

    fn measure(&mut self, elapsed_s: f64) -> [u64; TEMPORAL_LAYERS] {
        let newest = self.bytes.map(|bytes| f64::from(bytes) * 8.0 / elapsed_s);
        let has_keyframe = std::mem::take(&mut self.has_keyframe);
        self.bytes = [0; TEMPORAL_LAYERS];
        let smoothed = match self.smoothed {
            None => newest,
            Some(known) => std::array::from_fn(|layer| {
                let most = if has_keyframe {
                    known[layer] * KEYFRAME_SHARE
                } else {
                    f64::MAX
                };
                known[layer] + (newest[layer].min(most) - known[layer]) * NEWEST
            }),
        };
        self.smoothed = Some(smoothed);
        let mut sum = 0.0;
        smoothed.map(|bps| {
            sum += bps;
            sum as u64
        })
    }
}

impl Rates {
    pub(super) fn add(&mut self, layers: &FrameLayers, bytes: usize, is_keyframe: bool) {
        let temporal = layers.temporal.min(TEMPORAL_LAYERS as u8 - 1);
        self.top_temporal = self.top_temporal.max(temporal);
        let temporal = usize::from(temporal);
        if has_layer(layers.spatial.serves, SpatialLayers::MOST - 1) {
            self.whole.add(temporal, bytes, is_keyframe);
        }
        if layers.spatial.are_several {
            for (spatial, lower) in (0..).zip(&mut self.lower) {
                if has_layer(layers.spatial.serves, spatial) {
                    lower.add(temporal, bytes, is_keyframe);
                }
            }
        }
    }

    /// Of a stream that has so many from now on.
    pub(super) fn set_spatial_layers(&mut self, layers: u8) {
        let lower = usize::from(layers.saturating_sub(1));
        self.lower.resize(lower, Measured::default());
    }

    /// Of the last second, as told to the sender.
    pub(super) fn lost(&mut self, fraction_lost: u8) {
        let newest = f64::from(fraction_lost) / 256.0;
        self.loss += (newest - self.loss) * NEWEST;
    }

    pub(super) fn is_lossy(&self) -> bool {
        self.loss >= LOSSY
    }

    /// Bits a second up to each temporal layer, once there is half a second to tell from: of all
    /// spatial layers, then of one less each time.
    fn measure(&mut self, now: Instant, told: &mut Vec<[u64; TEMPORAL_LAYERS]>) {
        told.clear();
        let Some(since) = self.since.replace(now) else {
            self.all()
                .for_each(|measured| *measured = Measured::default());
            return;
        };
        let elapsed_s = now.saturating_duration_since(since).as_secs_f64().max(0.1);
        told.extend(self.all().map(|measured| measured.measure(elapsed_s)));
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Measured> {
        std::iter::once(&mut self.whole).chain(self.lower.iter_mut().rev())
    }
}

impl Ingress {
    /// Some layer carries packets: it is measured from now on, until all are silent.
    pub(super) fn begin_rates(&mut self, now: Instant) {
        if self.next_rates.is_none() {
            self.plan_rates(now);
        }
    }

    fn plan_rates(&mut self, now: Instant) {
        let at = now + INTERVAL;
        self.next_rates = Some(at);
        self.timers.set(at, Timer::Rates);
    }

    pub(super) fn tell_rates(&mut self, now: Instant) {
        if self.next_rates.take_if(|at| *at <= now).is_none() {
            return;
        }
        let mut rates = Vec::new();
        let mut measured = Vec::new();
        let mut is_any_active = false;
        for (_, layer) in &mut self.layers {
            if !layer.is_active {
                layer.rates.since = None;
                continue;
            }
            is_any_active = true;
            layer.rates.measure(now, &mut measured);
            if !layer.is_passed_down {
                continue;
            }
            let source = &self.sources[layer.source];
            let room = source.room.and_then(|room| self.rooms.get(&room));
            let told = (0..).zip(measured.drain(..));
            rates.extend(told.map(|(without, upto_bps)| LayerRate {
                layer: layer.key,
                without,
                is_closed: layer.scalability.is_closed(),
                upto_bps,
                top_temporal: layer.rates.top_temporal,
                is_lossy: layer.rates.is_lossy() && source.kind == MediaKind::Video,
                loudness: room.map_or(0, |room| room.loudness(now, source.id)),
            }));
        }
        if !rates.is_empty() {
            self.down.push(Down::LayerRates(rates));
        }
        if is_any_active {
            self.plan_rates(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(rates: &mut Rates, now: Instant) -> Option<[u64; TEMPORAL_LAYERS]> {
        let mut told = Vec::new();
        rates.measure(now, &mut told);
        told.first().copied()
    }

    fn temporal(layer: u8) -> FrameLayers {
        FrameLayers::within(layer)
    }

    #[test]
    fn each_temporal_layer_counts_with_those_below_it() {
        let start = Instant::now();
        let mut rates = Rates::default();
        assert_eq!(measure(&mut rates, start), None);
        for layer in [0, 2, 1, 2] {
            rates.add(&temporal(layer), 1250, false);
        }
        let measured = measure(&mut rates, start + INTERVAL);
        assert_eq!(measured, Some([20_000, 40_000, 80_000, 80_000]));
        assert_eq!(rates.top_temporal, 2);
    }

    #[test]
    fn a_keyframe_does_not_make_a_layer_dear() {
        let start = Instant::now();
        let mut rates = Rates::default();
        measure(&mut rates, start);
        let mut measured = None;
        for half in 1..20 {
            rates.add(&temporal(0), 6250, false);
            if half == 19 {
                rates.add(&temporal(0), 60_000, true);
            }
            measured = measure(&mut rates, start + INTERVAL * half);
        }
        let [bps, ..] = measured.expect("long enough");
        assert!((100_000..107_000).contains(&bps), "{bps}");
    }

    #[test]
    fn a_rate_that_changes_for_good_is_known_soon() {
        let start = Instant::now();
        let mut rates = Rates::default();
        measure(&mut rates, start);
        let mut at = |half: u32, bytes| {
            rates.add(&temporal(0), bytes, false);
            measure(&mut rates, start + INTERVAL * half).map(|upto| upto[0])
        };
        for half in 1..10 {
            at(half, 6250);
        }
        let known: Vec<_> = (10..16).filter_map(|half| at(half, 62_500)).collect();
        assert!(known[3] > 700_000 && known[5] > 800_000, "{known:?}");
    }
}
