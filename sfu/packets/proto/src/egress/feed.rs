//! The send side's view of one layer, and of one source's layers.

use std::sync::Arc;
use std::time::Instant;

use super::cache::Cache;
use super::members::Members;
use crate::command::MediaKind;
use crate::handover::{Burst, ClockPoint, Group, LayerDescription, LayerKey, LayerRate};
use crate::ids::TransportId;

/// From the camera to us: who claims more has a clock that errs.
const LONGEST_ON_THE_WAY_US: i64 = 500_000;

pub(crate) struct Feed {
    pub(crate) description: LayerDescription,
    pub(crate) cache: Cache,
    /// Slots that show it, wait for it or would do with it.
    pub(crate) slots: Members,
    pub(crate) waiting: usize,
    /// The newest packet at which decoding can start; what is before it nobody needs any more.
    pub(crate) keyframe: Option<i64>,
    /// From sender reports; from arrivals until one came.
    pub(crate) clock: Option<ClockPoint>,
    pub(crate) arrival: Option<ClockPoint>,
    /// What it costs, once that was measured.
    pub(crate) rate: Option<LayerRate>,
    /// Of a stream with spatial layers: what it costs without the highest, without two, and so on.
    pub(crate) lower_rates: Vec<LayerRate>,
}

impl Feed {
    pub(crate) fn new(description: LayerDescription) -> Self {
        Self {
            description,
            cache: Cache::default(),
            slots: Members::default(),
            waiting: 0,
            keyframe: None,
            clock: None,
            arrival: None,
            rate: None,
            lower_rates: Vec::new(),
        }
    }

    pub(crate) fn measured(&mut self, rate: LayerRate) {
        match usize::from(rate.without).checked_sub(1) {
            None => self.rate = Some(rate),
            Some(place) => {
                self.lower_rates.truncate(place);
                self.lower_rates.push(rate);
            }
        }
    }

    /// Of the stream without so many of its higher spatial layers.
    pub(crate) fn rate_without(&self, layers: u8) -> Option<LayerRate> {
        match usize::from(layers).checked_sub(1) {
            None => self.rate,
            Some(place) => self.lower_rates.get(place).copied(),
        }
    }

    /// Lower layers alone cannot be decoded before the next keyframe.
    pub(crate) fn is_closed(&self) -> bool {
        self.rate.is_some_and(|rate| rate.is_closed)
    }

    pub(crate) fn take(&mut self, now: Instant, now_us: i64, burst: &Arc<Burst>, group: &Group) {
        for packet in group.packets.clone() {
            self.cache.insert(now, burst, packet);
        }
        if let Some(keyframe) = group.keyframe {
            self.keyframe = Some(burst.packets[keyframe as usize].sequence);
        }
        let last = &burst.packets[group.packets.end as usize - 1];
        self.arrival = Some(ClockPoint {
            timestamp: last.timestamp,
            sampled_us: now_us,
        });
    }

    pub(crate) fn timestamp_at(&self, us: i64) -> Option<u32> {
        let point = self.clock.or(self.arrival)?;
        Some(point.timestamp_at(us, self.description.clock_rate))
    }

    /// When a frame that is here now was captured; now, where its sender has not said.
    pub(crate) fn captured_us(&self, timestamp: u32, now_us: i64) -> i64 {
        let clock = self
            .clock
            .filter(|_| self.description.kind == MediaKind::Video);
        let Some(clock) = clock else {
            return now_us;
        };
        let captured = clock.time_of(timestamp, self.description.clock_rate);
        captured.clamp(now_us - LONGEST_ON_THE_WAY_US, now_us)
    }

    /// True: it is the first.
    pub(crate) fn attach(&mut self, slot: usize) -> bool {
        let is_first = self.slots.is_empty();
        self.slots.insert(slot);
        is_first
    }

    /// True: it was the last.
    pub(crate) fn detach(&mut self, slot: usize) -> bool {
        let was_watched = !self.slots.is_empty();
        self.slots.remove(slot);
        was_watched && self.slots.is_empty()
    }
}

/// A source as slots choose from it.
pub(crate) struct ShownSource {
    pub(crate) transport: TransportId,
    /// That it could have.
    pub(crate) layers: u8,
    pub(crate) is_screen: bool,
    /// Active layers by index, the highest first.
    pub(crate) active: Vec<(u8, LayerKey)>,
    /// All that were ever active, in any order.
    pub(crate) known: Vec<(u8, LayerKey)>,
    /// The highest that its sender is to send.
    pub(crate) top_wanted: u8,
    /// Slots told to show it.
    pub(crate) slots: Members,
}

impl ShownSource {
    pub(crate) fn started(&mut self, index: u8, layer: LayerKey) {
        self.active.retain(|&(held, _)| held != index);
        self.active.push((index, layer));
        self.active.sort_unstable();
        self.known.retain(|&(held, _)| held != index);
        self.known.push((index, layer));
    }

    pub(crate) fn ended(&mut self, layer: LayerKey) {
        self.stopped(layer);
        self.known.retain(|&(_, held)| held != layer);
    }

    /// Layers that could be sent, and are not since nobody is sent them; with the keys of those
    /// that were sent before.
    pub(crate) fn dormant(&self) -> impl Iterator<Item = (u8, Option<LayerKey>)> {
        let is_active = |index| self.active.iter().any(|&(held, _)| held == index);
        // A source that sends nothing is silent for other reasons.
        let above = match self.active.is_empty() {
            true => 0,
            false => self.top_wanted.min(self.layers),
        };
        let indices = (0..above).filter(move |&index| !is_active(index));
        indices.map(|index| {
            let known = self.known.iter().find(|&&(held, _)| held == index);
            (index, known.map(|&(_, key)| key))
        })
    }

    pub(crate) fn stopped(&mut self, layer: LayerKey) {
        self.active.retain(|&(_, held)| held != layer);
    }

    pub(crate) fn smallest(&self) -> Option<LayerKey> {
        self.active.last().map(|&(_, layer)| layer)
    }

    /// The nearest active layer at or below the asked one, else the nearest above.
    pub(crate) fn nearest(&self, index: u8) -> Option<LayerKey> {
        let below = self.active.iter().find(|(held, _)| *held >= index);
        below.or(self.active.last()).map(|&(_, layer)| layer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_active_layer_is_chosen_below_first() {
        let active = vec![(0, LayerKey(10)), (2, LayerKey(12))];
        let mut source = ShownSource {
            transport: TransportId(1),
            layers: 3,
            is_screen: false,
            active,
            known: Vec::new(),
            top_wanted: 0,
            slots: Members::default(),
        };
        assert_eq!(source.nearest(0), Some(LayerKey(10)));
        assert_eq!(source.nearest(1), Some(LayerKey(12)));
        source.stopped(LayerKey(12));
        assert_eq!(source.nearest(2), Some(LayerKey(10)));
        source.started(2, LayerKey(13));
        assert_eq!(source.nearest(2), Some(LayerKey(13)));
        source.stopped(LayerKey(10));
        source.stopped(LayerKey(13));
        assert_eq!(source.nearest(0), None);
    }
}
