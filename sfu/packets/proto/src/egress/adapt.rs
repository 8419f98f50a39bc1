//! What each subscriber's way carries of what it is shown: the [`crate::allocator`] applied to
//! slots.
//!
//! In come the estimate of a sender's way, what layers cost, and what changed; out go, of each
//! slot, a limit (a layer, a temporal layer of it, or nothing) that [`super::choose`] and
//! [`super::layers`] keep to and [`super::explain`] gives the reason for. Where no estimate is known nothing is limited.

use std::time::{Duration, Instant};

use super::Egress;
use super::slot::Limit;
use crate::allocator::{self, Layer, Place, Rung, Voice, Wish};
use crate::handover::{LayerKey, LayerRate};
use crate::ids::TransportId;

/// Estimates change with each report of a subscriber, some twenty times a second.
const AT_MOST_EACH: Duration = Duration::from_millis(100);
/// What layers are taken to cost until they were measured, the lowest first, and those above in
/// the same proportion: what browsers send at 180, 360 and 720 lines.
const ASSUMED_BPS: u64 = 150_000;
const ASSUMED_STEP_TENTHS: u64 = 33;
/// IP, UDP, the SRTP tag and the extensions of our own, on packets of 1100 bytes.
const OVERHEAD_PERCENT: u64 = 5;
/// The same on 50 packets of audio a second.
const VOICE_OVERHEAD_BPS: u64 = 18_000;
/// Less is a pause.
const VOICE_LEAST_BPS: u64 = 12_000;
/// One who pauses begins again at any moment: Opus at 32 kbit/s.
const VOICE_BPS: u64 = 32_000 + VOICE_OVERHEAD_BPS;

/// What is looked at next.
#[derive(Default)]
pub(super) struct Adapting {
    /// Senders of which something changed.
    waiting: Vec<usize>,
    /// Reused: the ladders of a sender's slots, one behind the other.
    rungs: Vec<Rung>,
    layers: Vec<Layer>,
    ladder: Vec<Rung>,
}

impl Egress {
    /// Something changed that its allocation depends on.
    pub(super) fn adapt_soon(&mut self, sender: usize) {
        let held = &mut self.senders[sender];
        if !std::mem::replace(&mut held.is_adapting, true) {
            self.adapting.waiting.push(sender);
        }
    }

    pub(super) fn adapt_waiting(&mut self, now: Instant) {
        while let Some(sender) = self.adapting.waiting.pop() {
            if let Some(held) = self.senders.get_mut(sender) {
                held.is_adapting = false;
                self.adapt(now, sender);
            }
        }
    }

    /// A new word on its way's estimate: as often as it may.
    pub(super) fn adapt_to_estimate(&mut self, now: Instant, sender: usize) {
        let held = &mut self.senders[sender];
        held.heeds_estimate |= held.is_limited();
        let is_due = held.adapted.is_none_or(|at| now >= at + AT_MOST_EACH);
        let is_adapted = held.wanted_bps.is_some();
        let is_adapting = held.budget_bps().is_some() || held.cap_bps.is_some();
        if is_due && (is_adapted || is_adapting) {
            self.adapt(now, sender);
        }
    }

    pub(super) fn set_cap(&mut self, id: TransportId, cap_bps: Option<u64>) {
        if let Some(&sender) = self.by_transport.get(&id) {
            self.senders[sender].cap_bps = cap_bps;
            self.adapt_soon(sender);
        }
    }

    /// Whoever waits because a raise was in vain need not: others take less now.
    pub(super) fn forget_patience(&mut self, sender: usize) {
        for &(_, slot) in &self.senders[sender].slots {
            self.slots[slot].memory = Default::default();
        }
    }

    pub(super) fn take_rates(&mut self, rates: Vec<LayerRate>) {
        for rate in rates {
            let Some(feed) = self.feeds.get_mut(&rate.layer) else {
                continue;
            };
            let description = &feed.description;
            let source = self.sources.get(&description.source);
            // On its way out a layer falls silent before it ends; what counts is what it cost before.
            let is_wanted = source.is_none_or(|source| description.index >= source.top_wanted);
            if is_wanted || feed.rate.is_none() {
                feed.measured(rate);
            }
        }
    }

    /// Looks at all slots of a subscriber anew.
    pub(super) fn adapt(&mut self, now: Instant, sender: usize) {
        let held = &mut self.senders[sender];
        held.adapted = Some(now);
        held.heeds_estimate |= held.is_limited();
        held.was_limited |= held.is_limited();
        let slots: Vec<usize> = self.senders[sender]
            .slots
            .iter()
            .map(|&(_, slot)| slot)
            .collect();
        let held = &self.senders[sender];
        let mut is_capped = false;
        if held.budget_bps().is_some() || held.cap_bps.is_some() {
            is_capped = self.fit(now, sender, &slots);
        } else {
            self.senders[sender].wanted_bps = None;
            self.lift_limits(&slots);
            self.reach_back(sender, u64::MAX, 0);
        }
        let is_held_back = self.is_held_back(sender);
        self.expect_reports(now, sender, is_held_back);
        for &slot in &slots {
            if !self.slots[slot].is_audio() {
                self.explain(now, slot, is_capped);
                self.ask_again(now, slot);
            }
        }
    }

    /// Is sent less than it is shown.
    pub(super) fn is_held_back(&self, sender: usize) -> bool {
        let mut slots = self.slots_of(sender);
        slots.any(|slot| slot.limit != Limit::None && slot.shown.is_some())
    }

    /// To what the way carries and the cap allows; whether it is the cap that limits.
    fn fit(&mut self, now: Instant, sender: usize, slots: &[usize]) -> bool {
        let held = &self.senders[sender];
        let budget_bps = held.budget_bps().unwrap_or(u64::MAX);
        let cap_bps = held.cap_bps.unwrap_or(u64::MAX);
        let reserved = self.reserve_audio(sender, slots, budget_bps);
        let left = budget_bps.saturating_sub(reserved);
        let is_capped = cap_bps < left;
        let most = without_overhead(cap_bps);
        let wanted = self.share_out(now, slots, without_overhead(left), most);
        let is_whole = self.is_whole(slots);
        let held = &mut self.senders[sender];
        let wanted = with_overhead(wanted).min(cap_bps);
        held.wanted_bps = Some(reserved.saturating_add(wanted));
        // Where the cap limits, the way carries all that is to be sent.
        held.heeds_estimate &= !(is_whole || is_capped) || held.is_limited();
        is_capped
    }

    /// Pictures are shown, and all of it is sent.
    fn is_whole(&self, slots: &[usize]) -> bool {
        let mut slots = slots.iter().map(|&slot| &self.slots[slot]);
        let has_picture = slots
            .clone()
            .any(|slot| !slot.is_audio() && slot.has_begun());
        has_picture && slots.all(|slot| slot.limit == Limit::None)
    }

    fn lift_limits(&mut self, slots: &[usize]) {
        for &slot in slots {
            self.slots[slot].is_limited = false;
            self.set_limit(slot, Limit::None);
        }
    }

    /// So much among the pictures; what they would need to be sent whole, and to stay so. In the
    /// beginning everybody gets one: a stream without layers could else never show what its way
    /// carries.
    fn share_out(&mut self, now: Instant, slots: &[usize], left_bps: u64, cap_bps: u64) -> u64 {
        let Some(&first) = slots.first() else {
            return 0;
        };
        let is_beginning = !self.senders[self.slots[first].sender].was_limited;
        let mut rungs = std::mem::take(&mut self.adapting.rungs);
        rungs.clear();
        let mut ranges = Vec::with_capacity(slots.len());
        for &slot in slots {
            if self.slots[slot].is_audio() || self.slots[slot].shown.is_none() {
                continue;
            }
            let start = rungs.len();
            self.add_ladder(slot, &mut rungs);
            ranges.push((slot, start..rungs.len()));
        }
        let wishes = ranges.iter().map(|(slot, range)| Wish {
            ladder: &rungs[range.clone()],
            is_stage: self.slots[*slot].is_stage,
            // No raise was in vain yet: what layers cost is only being measured.
            memory: match is_beginning && cap_bps >= left_bps {
                true => Default::default(),
                false => self.slots[*slot].memory,
            },
        });
        let mut wishes: Vec<Wish<'_>> = wishes.collect();
        let mut places: Vec<Place> = Vec::new();
        let wanted = allocator::wanted(now, &wishes);
        let left_bps = match is_beginning {
            true => left_bps.max(allocator::least(&wishes)),
            false => left_bps,
        };
        allocator::allocate(now, left_bps.min(cap_bps), &mut wishes, &mut places);
        let memories: Vec<_> = wishes.iter().map(|wish| wish.memory).collect();
        for (((slot, range), place), memory) in ranges.into_iter().zip(places).zip(memories) {
            let ladder = &rungs[range];
            self.slots[slot].memory = memory;
            self.slots[slot].is_limited = place.map_or(0, |place| place + 1) < ladder.len();
            let limit = match place {
                Some(place) if place + 1 < ladder.len() => {
                    Limit::Layer(ladder[place].layer, ladder[place].temporal)
                }
                Some(_) => Limit::None,
                // Nothing is sent: it begins as the next look says.
                None if ladder.is_empty() => Limit::None,
                None => Limit::Nothing,
            };
            self.set_limit(slot, limit);
        }
        self.adapting.rungs = rungs;
        wanted
    }

    /// What its voices take, and what of them is sent along again; those that do not fit are
    /// silenced, the quietest first.
    fn reserve_audio(&mut self, sender: usize, slots: &[usize], budget_bps: u64) -> u64 {
        let mut heard = Vec::new();
        let mut voices = Vec::new();
        let mut has_pause = false;
        for &slot in slots {
            let held = &self.slots[slot];
            let Some(rate) = held.shown.filter(|_| held.is_audio()).map(|(source, _)| {
                let layer = self
                    .sources
                    .get(&source)
                    .and_then(|source| source.nearest(0));
                layer.and_then(|layer| self.feeds.get(&layer)?.rate)
            }) else {
                continue;
            };
            let measured = rate.map_or(0, |rate| rate.upto_bps[0]);
            let is_pausing = measured < VOICE_LEAST_BPS;
            has_pause |= is_pausing;
            heard.push(slot);
            voices.push(Voice {
                bitrate_bps: match is_pausing {
                    true => measured * 2,
                    false => measured + VOICE_OVERHEAD_BPS,
                },
                loudness: rate.map_or(0, |rate| rate.loudness),
                is_silenced: held.limit == Limit::Nothing,
            });
        }
        let said: u64 = voices.iter().map(|voice| voice.bitrate_bps).sum();
        let audible = match said <= budget_bps {
            true => vec![true; voices.len()],
            false => allocator::audible(budget_bps, &voices),
        };
        let mut reserved = if has_pause { VOICE_BPS } else { 0 };
        let mut repeated = reserved.saturating_sub(VOICE_OVERHEAD_BPS);
        for ((slot, voice), is_audible) in heard.into_iter().zip(voices).zip(audible) {
            let limit = if is_audible {
                Limit::None
            } else {
                Limit::Nothing
            };
            self.set_limit(slot, limit);
            if is_audible {
                reserved += voice.bitrate_bps;
                repeated += voice.bitrate_bps.saturating_sub(VOICE_OVERHEAD_BPS);
            }
        }
        reserved + self.reach_back(sender, budget_bps.saturating_sub(reserved), repeated)
    }

    /// What the slot could be sent of its source, and its tile can use.
    fn add_ladder(&mut self, slot: usize, rungs: &mut Vec<Rung>) {
        let Some((id, asked)) = self.slots[slot].shown else {
            return;
        };
        let Some(source) = self.sources.get(&id) else {
            return;
        };
        let is_useful =
            |index: u8, key: LayerKey| index >= asked || source.nearest(asked) == Some(key);
        let layers = &mut self.adapting.layers;
        layers.clear();
        for (rank, &(index, key)) in source.active.iter().rev().enumerate() {
            let Some(feed) = self.feeds.get(&key).filter(|_| is_useful(index, key)) else {
                continue;
            };
            if self.slots[slot].codec_for(&feed.description).is_none() {
                continue;
            }
            if !feed.description.is_scalable() {
                layers.push(measured_or_assumed(index, rank, feed.rate));
                continue;
            }
            let lowest = feed.description.spatial_layers - 1;
            layers.extend((asked.min(lowest)..=lowest).map(|without| {
                let rank = usize::from(lowest - without);
                measured_or_assumed(without, rank, feed.rate_without(without))
            }));
        }
        // What its sender was told to leave out costs what it did, and can be had again.
        let can_decode = !layers.is_empty();
        for (index, key) in source
            .dormant()
            .filter(|&(index, _)| can_decode && index >= asked)
        {
            let rate = key.and_then(|key| self.feeds.get(&key)?.rate);
            let rank = source.layers.saturating_sub(1 + index);
            layers.push(measured_or_assumed(index, rank.into(), rate));
        }
        allocator::build(layers, source.is_screen, &mut self.adapting.ladder);
        rungs.append(&mut self.adapting.ladder);
    }

    fn set_limit(&mut self, index: usize, limit: Limit) {
        let slot = &mut self.slots[index];
        if std::mem::replace(&mut slot.limit, limit) != limit {
            self.choose(index);
        }
    }
}

fn without_overhead(bps: u64) -> u64 {
    bps / (100 + OVERHEAD_PERCENT) * 100
}

fn with_overhead(bps: u64) -> u64 {
    bps * (100 + OVERHEAD_PERCENT) / 100
}

fn measured_or_assumed(index: u8, rank: usize, rate: Option<LayerRate>) -> Layer {
    if let Some(rate) = rate {
        return Layer {
            index,
            upto_bps: rate.upto_bps,
            top_temporal: rate.top_temporal,
        };
    }
    let step = |bps: u64, _| bps * ASSUMED_STEP_TENTHS / 10;
    let assumed = (0..rank.min(4)).fold(ASSUMED_BPS, step);
    Layer {
        index,
        upto_bps: [assumed; allocator::TEMPORAL_LAYERS],
        // Whatever it has, all of it.
        top_temporal: allocator::TEMPORAL_LAYERS as u8 - 1,
    }
}
