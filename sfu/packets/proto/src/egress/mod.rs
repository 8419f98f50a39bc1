//! The send side of all transports: bursts become protected datagrams, subscriber by
//! subscriber.
//!
//! In come [`Down`] values and commands about slots; out go datagrams into an arena, [`Up`]
//! values and events. It knows no publisher's transport and no socket. Split by what
//! happens: [`adapt`] what a subscriber's way carries of it, [`explain`] why it is not more, [`choose`] what a
//! slot shows, [`layers`] which layers of that, [`walk`] the way of a burst, [`write`] one
//! packet's bytes, [`pacing`] when it leaves where a way is narrow, [`redundancy`] sound sent along
//! again, [`reports`] RTCP to and from subscribers.

mod acknowledged;
mod adapt;
mod bandwidth;
mod blocks;
mod cache;
mod choose;
mod commands;
mod explain;
mod feed;
mod followers;
mod heard;
mod holes;
mod layers;
mod losses;
mod members;
mod pacer;
mod pacing;
mod padding;
mod redundancy;
mod reports;
mod retransmission;
mod rewrite;
mod run;
mod sender;
mod shed;
mod slot;
mod targets;
mod thinned;
mod transports;
mod view;
mod walk;
mod write;

use std::sync::Arc;
use std::time::Instant;

use rustc_hash::FxHashMap;
use slab::Slab;

use self::adapt::Adapting;
use self::feed::{Feed, ShownSource};
use self::followers::Followers;
use self::members::Members;
use self::pacing::Pacing;
use self::sender::Sender;
use self::slot::Slot;
use self::walk::{Control, Walk};
use crate::clock::Clock;
use crate::command::SlotParameters;
use crate::drop::{DropCounters, DropReason};
use crate::events::EventQueue;
use crate::handover::{Burst, ClockPoint, Down, LayerKey, Up};
use crate::ids::{RoomId, SlotId, SourceId, TransportId};
use crate::random::Random;
use crate::rtp::ExtensionMap;
use crate::timers::Timers;
use crate::transmit::TransmitBatch;

pub(crate) struct Egress {
    clock: Clock,
    random: Random,
    /// Subscribers' ways are estimated.
    adapts: bool,
    /// The distinct extension maps and their users; few, since browsers number alike.
    mappings: Slab<(ExtensionMap, usize)>,
    senders: Slab<Sender>,
    by_transport: FxHashMap<TransportId, usize>,
    slots: Slab<Slot>,
    by_slot: FxHashMap<SlotId, usize>,
    sources: FxHashMap<SourceId, ShownSource>,
    feeds: FxHashMap<LayerKey, Feed>,
    rooms: FxHashMap<RoomId, Followers>,
    adapting: Adapting,
    walk: Walk,
    pacing: Pacing,
    /// Senders.
    timers: Timers<usize>,
    pub(crate) up: Vec<Up>,
    pub(crate) events: EventQueue,
    pub(crate) drops: DropCounters,
    /// BYE: it leaves before any media.
    pub(crate) replies: TransmitBatch,
}

impl Egress {
    pub(crate) fn new(clock: Clock, seed: u64, adapts: bool) -> Self {
        Self {
            clock,
            random: Random::new(seed),
            adapts,
            mappings: Slab::new(),
            senders: Slab::new(),
            by_transport: FxHashMap::default(),
            slots: Slab::new(),
            by_slot: FxHashMap::default(),
            sources: FxHashMap::default(),
            feeds: FxHashMap::default(),
            rooms: FxHashMap::default(),
            adapting: Adapting::default(),
            walk: Walk::default(),
            pacing: Pacing::default(),
            timers: Timers::default(),
            up: Vec::new(),
            events: EventQueue::default(),
            drops: DropCounters::default(),
            replies: TransmitBatch::default(),
        }
    }

    // -- commands: sources and slots ----------------------------------------------------------

    pub(crate) fn add_source(
        &mut self,
        id: SourceId,
        transport: TransportId,
        layers: u8,
        is_screen: bool,
    ) {
        self.sources.entry(id).or_insert_with(|| ShownSource {
            transport,
            layers,
            is_screen,
            active: Vec::new(),
            known: Vec::new(),
            top_wanted: 0,
            slots: Members::default(),
        });
    }

    pub(crate) fn remove_source(&mut self, id: SourceId) {
        let Some(source) = self.sources.remove(&id) else {
            return;
        };
        for &slot in source.slots.as_slice() {
            if let Some(slot) = self.slots.get_mut(slot) {
                slot.shown = None;
                slot.begin_anew();
            }
            self.choose(slot);
        }
    }

    pub(crate) fn add_slot(&mut self, id: SlotId, parameters: SlotParameters) {
        let Some(sender) = self.by_transport.get(&parameters.transport).copied() else {
            return;
        };
        if self.by_slot.contains_key(&id) || parameters.codecs.is_empty() {
            return;
        }
        let (ssrc, follows) = (parameters.ssrc, parameters.follows);
        let slot = Slot::new(id, sender, parameters, self.random.next());
        let index = self.slots.insert(slot);
        self.by_slot.insert(id, index);
        self.senders[sender].slots.push((ssrc, index));
        self.begin_redundancy(index);
        self.begin_acknowledged(index);
        if let Some((room, position)) = follows {
            let source = self.add_follower(room, usize::from(position), index);
            self.follow(index, source);
        }
    }

    pub(crate) fn remove_slot(&mut self, id: SlotId) {
        let Some(index) = self.by_slot.remove(&id) else {
            return;
        };
        self.set_shown(index, None);
        self.set_wanted(index, None);
        self.set_current(index, None);
        let slot = self.slots.remove(index);
        self.senders[slot.sender]
            .slots
            .retain(|&(_, held)| held != index);
        if let Some((room, position)) = slot.parameters.follows {
            self.remove_follower(room, usize::from(position), index);
        }
    }

    pub(crate) fn show(&mut self, id: SlotId, source: Option<SourceId>, layer: u8) {
        let Some(&index) = self.by_slot.get(&id) else {
            return;
        };
        if source.is_some_and(|source| !self.sources.contains_key(&source)) {
            return;
        }
        self.set_shown(index, source.map(|source| (source, layer)));
        self.choose(index);
        self.adapt_soon(self.slots[index].sender);
    }

    fn slots_of(&self, sender: usize) -> impl Iterator<Item = &Slot> {
        let slots = self.senders[sender].slots.iter();
        slots.map(|&(_, slot)| &self.slots[slot])
    }

    pub(crate) fn set_wanted_layers(&mut self, id: SourceId, top: u8) {
        let Some(source) = self.sources.get_mut(&id) else {
            return;
        };
        if std::mem::replace(&mut source.top_wanted, top) != top {
            for slot in source.slots.as_slice().to_vec() {
                self.adapt_soon(self.slots[slot].sender);
            }
        }
    }

    pub(crate) fn set_stage(&mut self, id: SlotId, is_stage: bool) {
        let Some(&index) = self.by_slot.get(&id) else {
            return;
        };
        let slot = &mut self.slots[index];
        if std::mem::replace(&mut slot.is_stage, is_stage) != is_stage {
            let sender = slot.sender;
            if let Some(pacer) = &mut self.senders[sender].pacer {
                pacer.forget_stage();
            }
            self.forget_patience(sender);
            self.adapt_soon(sender);
        }
    }

    pub(crate) fn remove_room(&mut self, room: RoomId) {
        let Some(followers) = self.rooms.remove(&room) else {
            return;
        };
        for &slot in followers.slots.iter().flat_map(Members::as_slice) {
            self.follow(slot, None);
        }
    }

    // -- what ingress hands down --------------------------------------------------------------

    pub(crate) fn handle_down(&mut self, now: Instant, down: Down) {
        self.take_down(now, down);
        self.adapt_waiting(now);
    }

    fn take_down(&mut self, now: Instant, down: Down) {
        match down {
            Down::Burst(burst) => self.take_burst(now, burst),
            Down::LayerStarted(description) => {
                let (source, layer) = (description.source, description.layer);
                if let Some(shown) = self.sources.get_mut(&source) {
                    shown.started(description.index, layer);
                    self.feeds
                        .entry(layer)
                        .or_insert_with(|| Feed::new(*description));
                    self.choose_for(source);
                    self.tell_watching(layer);
                }
            }
            Down::LayerSilent(layer) => self.stop_layer(layer),
            Down::LayerEnded(layer) => self.end_layer(layer),
            Down::LayerClock {
                layer,
                timestamp,
                sampled_us,
            } => {
                if let Some(feed) = self.feeds.get_mut(&layer) {
                    feed.clock = Some(ClockPoint {
                        timestamp,
                        sampled_us,
                    });
                }
            }
            Down::LayerRates(rates) => self.take_rates(rates),
            Down::Positions { room, positions } => self.take_positions(room, positions),
            Down::Control { transport, rtcp } => {
                if !self.walk.push(Control::Rtcp { transport, rtcp }) {
                    self.drops.count(DropReason::SendQueueFull);
                }
            }
            Down::Reported { transport, report } => self.take_report(now, transport, report),
            Down::Missed(layers) => layers.into_iter().for_each(|layer| self.skip(layer)),
            Down::Path { transport, path } => self.set_path(transport, path),
            Down::Command(command) => self.obey(Arc::unwrap_or_clone(command)),
        }
    }

    /// The receive side gives a layer that begins to every shard, until it knows better.
    fn tell_watching(&mut self, layer: LayerKey) {
        let feed = self.feeds.get(&layer);
        let is_watched = feed.is_some_and(|feed| !feed.slots.is_empty());
        self.up.push(match is_watched {
            true => Up::Watched(layer),
            false => Up::Unwatched(layer),
        });
    }

    fn take_burst(&mut self, now: Instant, burst: Arc<Burst>) {
        let now_us = self.clock.us(now);
        for group in &burst.groups {
            if let Some(feed) = self.feeds.get_mut(&group.layer) {
                feed.take(now, now_us, &burst, group);
            }
        }
        let since = burst.came_at.unwrap_or(now);
        self.walk.push_burst(since, burst);
        self.make_room();
    }

    /// Packets of the layer will be missing, and nobody knows what they were. Who waits asks
    /// again in any case: a keyframe that is already here would be followed by the hole.
    fn skip(&mut self, layer: LayerKey) {
        let Some(feed) = self.feeds.get(&layer) else {
            return;
        };
        for slot in feed.slots.as_slice().to_vec() {
            self.miss(slot, layer, true);
        }
    }

    fn stop_layer(&mut self, layer: LayerKey) {
        let Some(feed) = self.feeds.get_mut(&layer) else {
            return;
        };
        feed.cache.clear();
        let source = feed.description.source;
        if let Some(shown) = self.sources.get_mut(&source) {
            shown.stopped(layer);
        }
        self.choose_for(source);
    }

    fn end_layer(&mut self, layer: LayerKey) {
        let Some(feed) = self.feeds.remove(&layer) else {
            return;
        };
        if let Some(shown) = self.sources.get_mut(&feed.description.source) {
            shown.ended(layer);
        }
        for &index in feed.slots.as_slice() {
            let slot = &mut self.slots[index];
            slot.current = slot.current.filter(|&held| held != layer);
            slot.wanted = slot.wanted.filter(|&held| held != layer);
            slot.stopgap = slot.stopgap.filter(|&held| held != layer);
            self.choose(index);
        }
    }

    // -- time -------------------------------------------------------------------------------

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let next = [self.timers.next(), self.pacing.timers.next()];
        next.into_iter().flatten().min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.pacers_due(now);
        while let Some((at, index)) = self.timers.pop_due(now) {
            let Some(sender) = self.senders.get_mut(index) else {
                continue;
            };
            if sender.timer == Some(at) {
                sender.timer = None;
                self.report(now, index);
                self.tend(now, index);
                self.adapt_to_estimate(now, index);
            }
        }
    }

    fn wake(&mut self, sender: usize, at: Instant) {
        let timer = &mut self.senders[sender].timer;
        if timer.is_none_or(|timer| at < timer) {
            *timer = Some(at);
            self.timers.set(at, sender);
        }
    }
}
