//! What a slot shows: which layer it waits for, and the switch when its keyframe is there.

use std::time::{Duration, Instant};

use super::Egress;
use super::heard::Heard;
use super::slot::Limit;
use super::targets::ToldTargets;
use crate::event::Event;
use crate::handover::{LayerKey, Packet, Up};
use crate::ids::SourceId;

/// Sender reports follow a switch this soon: both browsers sync lips again only then.
const REPORT_AFTER_SWITCH: Duration = Duration::from_millis(10);

impl Egress {
    /// Looks again at what the slot should wait for.
    pub(super) fn choose(&mut self, index: usize) {
        let Some(slot) = self.slots.get(index) else {
            return;
        };
        let Some((source, layer)) = slot.shown else {
            self.set_wanted(index, None);
            self.set_current(index, None);
            self.tell_switched(index, None);
            return;
        };
        let layer = match slot.limit {
            Limit::None => layer,
            Limit::Layer(most, _) => layer.max(most),
            Limit::Nothing => {
                self.set_wanted(index, None);
                return self.set_current(index, None);
            }
        };
        let target = self
            .sources
            .get(&source)
            .and_then(|source| source.nearest(layer));
        let target = target.filter(|_| self.senders[slot.sender].is_ready());
        self.refresh_layers(index);
        match target {
            None => self.set_wanted(index, None),
            Some(layer) if self.slots[index].current == Some(layer) => self.set_wanted(index, None),
            Some(layer) if self.can_decode(index, layer) => {
                self.set_wanted(index, Some(layer));
                self.set_stopgap(index, self.stopgap_for(index, source, layer));
            }
            Some(layer) => self.refuse(index, source, layer),
        }
    }

    pub(super) fn choose_for(&mut self, source: SourceId) {
        let Some(shown) = self.sources.get(&source) else {
            return;
        };
        for slot in shown.slots.as_slice().to_vec() {
            self.choose(slot);
            self.adapt_soon(self.slots[slot].sender);
        }
    }

    pub(super) fn choose_all(&mut self, sender: usize) {
        for (_, slot) in self.senders[sender].slots.clone() {
            self.choose(slot);
        }
    }

    /// The smallest layer of a source of which the slot shows nothing yet: one keyframe request
    /// makes an encoder begin all its layers anew, and the smallest is through a narrow way
    /// long before the one that is wanted.
    fn stopgap_for(&self, index: usize, source: SourceId, wanted: LayerKey) -> Option<LayerKey> {
        let current = self.slots[index].current;
        let shown = current.and_then(|key| self.feeds.get(&key));
        if shown.is_some_and(|feed| feed.description.source == source) {
            return None;
        }
        let smallest = self.sources.get(&source)?.smallest()?;
        (smallest != wanted && self.can_decode(index, smallest)).then_some(smallest)
    }

    fn can_decode(&self, slot: usize, layer: LayerKey) -> bool {
        let feed = self.feeds.get(&layer);
        feed.is_some_and(|feed| self.slots[slot].codec_for(&feed.description).is_some())
    }

    /// The slot has no payload type for it: says so once, and shows nothing else instead.
    fn refuse(&mut self, index: usize, source: SourceId, layer: LayerKey) {
        self.set_wanted(index, None);
        self.set_current(index, None);
        self.tell_switched(index, None);
        let slot = &mut self.slots[index];
        if slot.told_undecodable.replace(layer) != Some(layer)
            && let Some(feed) = self.feeds.get(&layer)
        {
            let codec = feed.description.codec;
            self.events.push(Event::SlotUndecodable {
                slot: slot.id,
                source,
                codec,
            });
        }
    }

    pub(super) fn set_shown(&mut self, index: usize, shown: Option<(SourceId, u8)>) {
        let previous = std::mem::replace(&mut self.slots[index].shown, shown);
        let (previous, next) = (previous.map(|(id, _)| id), shown.map(|(id, _)| id));
        if previous == next {
            return;
        }
        self.slots[index].begin_anew();
        if let Some(source) = previous.and_then(|id| self.sources.get_mut(&id)) {
            source.slots.remove(index);
        }
        if let Some(source) = next.and_then(|id| self.sources.get_mut(&id)) {
            source.slots.insert(index);
        }
    }

    pub(super) fn set_wanted(&mut self, index: usize, layer: Option<LayerKey>) {
        let slot = &mut self.slots[index];
        let is_audio = slot.is_audio();
        let previous = std::mem::replace(&mut slot.wanted, layer);
        if previous != layer {
            if let Some(key) = previous {
                self.stop_waiting(key);
            }
            if let Some(feed) = layer.and_then(|key| self.feeds.get_mut(&key)) {
                feed.waiting += 1;
            }
            self.exchange(index, previous, layer);
        }
        if layer.is_none() {
            self.set_stopgap(index, None);
        }
        if let Some(key) = layer.filter(|_| !is_audio) {
            self.up.push(Up::KeyframeAwaited(key));
        }
    }

    fn set_stopgap(&mut self, index: usize, layer: Option<LayerKey>) {
        let previous = std::mem::replace(&mut self.slots[index].stopgap, layer);
        self.exchange(index, previous, layer);
    }

    fn stop_waiting(&mut self, key: LayerKey) {
        let Some(feed) = self.feeds.get_mut(&key) else {
            return;
        };
        feed.waiting = feed.waiting.saturating_sub(1);
        if feed.waiting == 0 {
            self.up.push(Up::KeyframeUnawaited(key));
        }
    }

    pub(super) fn set_current(&mut self, index: usize, layer: Option<LayerKey>) {
        let previous = std::mem::replace(&mut self.slots[index].current, layer);
        self.exchange(index, previous, layer);
    }

    /// After the slot's own word for a layer has changed: a member of what it now takes, and of no more.
    fn exchange(&mut self, index: usize, previous: Option<LayerKey>, next: Option<LayerKey>) {
        if previous == next {
            return;
        }
        if let Some(key) = previous {
            self.leave(index, key);
        }
        if let Some(key) = next {
            self.attach(index, key);
        }
    }

    fn attach(&mut self, index: usize, key: LayerKey) {
        if let Some(feed) = self.feeds.get_mut(&key)
            && feed.attach(index)
        {
            self.up.push(Up::Watched(key));
        }
    }

    /// Unless the layer still concerns the slot in another way.
    fn leave(&mut self, index: usize, key: LayerKey) {
        if !self.slots[index].takes_layer(key)
            && let Some(feed) = self.feeds.get_mut(&key)
            && feed.detach(index)
        {
            self.up.push(Up::Unwatched(key));
        }
    }

    /// New keys: the slot begins anew, at a keyframe.
    pub(super) fn restart_slot(&mut self, index: usize) {
        self.set_current(index, None);
        let slot = &mut self.slots[index];
        slot.rewrite.restart();
        slot.heard = Heard::default();
        slot.rtx_sequence &= 0x7fff;
    }

    /// An awaited keyframe is here: from this packet on the slot shows its layer.
    pub(super) fn switch(&mut self, now: Instant, index: usize, packet: &Packet) -> bool {
        let Some(feed) = self.feeds.get_mut(&packet.layer) else {
            return false;
        };
        let slot = &mut self.slots[index];
        let Some(codec) = slot.codec_for(&feed.description) else {
            return false;
        };
        let (kind, clock_rate) = (feed.description.kind, feed.description.clock_rate);
        let source = feed.description.source;
        let at_us = feed.captured_us(packet.timestamp, self.clock.us(now));
        slot.rewrite.switch(packet, codec, kind, clock_rate, at_us);
        slot.counters.switches += 1;
        slot.is_report_due = true;
        slot.begun = None;
        slot.layers.begin_anew();
        slot.targets = ToldTargets::default();
        let sender = slot.sender;
        if slot.wanted.take_if(|key| *key == packet.layer).is_some() {
            // Said even now: where the keyframe began the layer, it came before the wish for it.
            self.stop_waiting(packet.layer);
        }
        self.set_current(index, Some(packet.layer));
        self.set_stopgap(index, None);
        // With the keyframe that is here they begin.
        self.set_layers(index);
        self.tell_switched(index, Some(source));
        self.report_partner(sender, source);
        self.wake(sender, now + REPORT_AFTER_SWITCH);
        true
    }

    /// Lip sync begins with a sender report of both streams: those of the same participant that
    /// this subscriber is sent are due with the one that switched.
    fn report_partner(&mut self, sender: usize, source: SourceId) {
        let Some(publisher) = self.sources.get(&source).map(|shown| shown.transport) else {
            return;
        };
        for (_, index) in &self.senders[sender].slots {
            let layer = self.slots[*index]
                .current
                .and_then(|key| self.feeds.get(&key));
            let shown = layer.and_then(|feed| self.sources.get(&feed.description.source));
            if shown.is_some_and(|shown| shown.transport == publisher) {
                self.slots[*index].is_report_due = true;
            }
        }
    }

    fn tell_switched(&mut self, index: usize, source: Option<SourceId>) {
        let slot = &mut self.slots[index];
        if std::mem::replace(&mut slot.told, source) != source {
            self.events.push(Event::SlotSwitched {
                slot: slot.id,
                source,
            });
        }
    }
}
