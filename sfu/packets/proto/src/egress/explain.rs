//! Why a subscriber's picture is not better, and the best that its way lets through: what its tile says, and
//! what senders may leave out.

use std::time::{Duration, Instant};

use super::Egress;
use super::slot::Limit;
use crate::allocator::{self, Circumstances, Reason};
use crate::event::Event;
use crate::ids::SourceId;

/// What was left out for lack of time counts for so long.
const BUSY: Duration = Duration::from_secs(5);

impl Egress {
    /// Says why the picture is not better, where that changed.
    pub(super) fn explain(&mut self, now: Instant, index: usize, is_capped: bool) {
        let slot = &mut self.slots[index];
        if std::mem::take(&mut slot.was_shed) {
            slot.shed_at = Some(now);
        }
        let Some((source, asked)) = slot.shown else {
            return;
        };
        let reason = self.reason(now, index, source, asked, is_capped);
        let slot = &mut self.slots[index];
        if slot.suspected.0 != reason {
            slot.suspected = (reason, Some(now));
        }
        let since = slot.suspected.1.unwrap_or(now);
        let is_off = slot.limit == Limit::Nothing;
        let reason = reason.filter(|reason| is_off || now >= since + reason.must_last());
        let layer = self.let_through(source, asked, self.slots[index].limit);
        let slot = &mut self.slots[index];
        let told = (reason, is_off, layer);
        if std::mem::replace(&mut slot.told_reason, told) == told {
            return;
        }
        self.events.push(Event::SlotAdapted {
            slot: slot.id,
            source,
            is_off,
            reason,
            layer,
        });
    }

    fn reason(
        &self,
        now: Instant,
        index: usize,
        source: SourceId,
        asked: u8,
        is_capped: bool,
    ) -> Option<Reason> {
        let (slot, source) = (&self.slots[index], self.sources.get(&source)?);
        let best = source.nearest(asked);
        let best = best.and_then(|key| source.active.iter().find(|(_, held)| *held == key));
        let feed = best.and_then(|(_, key)| self.feeds.get(key));
        let rate = feed.and_then(|feed| feed.rate);
        let scalable = feed.map(|feed| &feed.description);
        let scalable = scalable.filter(|description| description.is_scalable());
        allocator::reason(&Circumstances {
            is_busy: slot.shed_at.is_some_and(|at| now < at + BUSY),
            is_limited: slot.is_limited,
            is_capped,
            asked,
            best: match scalable {
                Some(description) => Some(asked.min(description.spatial_layers - 1)),
                None => best.map(|&(index, _)| index),
            },
            layers: scalable.map_or(source.layers, |description| description.spatial_layers),
            is_lossy: rate.is_some_and(|rate| rate.is_lossy),
        })
    }

    /// The best layer of the source that the limit lets through, if that is not what is asked.
    fn let_through(&self, source: SourceId, asked: u8, limit: Limit) -> Option<u8> {
        let layer = match limit {
            Limit::None => return None,
            Limit::Layer(layer, _) => layer,
            // It is to come back with the least.
            Limit::Nothing => self.sources.get(&source)?.layers.saturating_sub(1),
        };
        (layer > asked).then_some(layer)
    }
}
