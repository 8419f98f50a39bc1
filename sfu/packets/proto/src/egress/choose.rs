//! What a slot shows: which layer it waits for, and the switch when its keyframe is there.

use std::time::{Duration, Instant};

use super::Egress;
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
        let target = self
            .sources
            .get(&source)
            .and_then(|source| source.nearest(layer));
        let target = target.filter(|_| self.senders[slot.sender].is_ready());
        match target {
            None => self.set_wanted(index, None),
            Some(layer) if self.slots[index].current == Some(layer) => self.set_wanted(index, None),
            Some(layer) if self.can_decode(index, layer) => self.set_wanted(index, Some(layer)),
            Some(layer) => self.refuse(index, source, layer),
        }
    }

    pub(super) fn choose_for(&mut self, source: SourceId) {
        let Some(shown) = self.sources.get(&source) else {
            return;
        };
        for slot in shown.slots.as_slice().to_vec() {
            self.choose(slot);
        }
    }

    pub(super) fn choose_all(&mut self, sender: usize) {
        for (_, slot) in self.senders[sender].slots.clone() {
            self.choose(slot);
        }
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
        self.slots[index].told_undecodable = None;
        if let Some(source) = previous.and_then(|id| self.sources.get_mut(&id)) {
            source.slots.remove(index);
        }
        if let Some(source) = next.and_then(|id| self.sources.get_mut(&id)) {
            source.slots.insert(index);
        }
    }

    pub(super) fn set_wanted(&mut self, index: usize, layer: Option<LayerKey>) {
        let slot = &mut self.slots[index];
        let (current, is_audio) = (slot.current, slot.is_audio());
        let previous = std::mem::replace(&mut slot.wanted, layer);
        if previous != layer {
            if let Some(key) = previous {
                self.stop_waiting(key, index, current);
            }
            if let Some(feed) = layer.and_then(|key| self.feeds.get_mut(&key)) {
                feed.waiting += 1;
                if feed.attach(index) {
                    self.up.push(Up::Watched(feed.description.layer));
                }
            }
        }
        if let Some(key) = layer.filter(|_| !is_audio) {
            self.up.push(Up::KeyframeAwaited(key));
        }
    }

    fn stop_waiting(&mut self, key: LayerKey, slot: usize, current: Option<LayerKey>) {
        let Some(feed) = self.feeds.get_mut(&key) else {
            return;
        };
        feed.waiting = feed.waiting.saturating_sub(1);
        if feed.waiting == 0 {
            self.up.push(Up::KeyframeUnawaited(key));
        }
        if current != Some(key) && feed.detach(slot) {
            self.up.push(Up::Unwatched(key));
        }
    }

    pub(super) fn set_current(&mut self, index: usize, layer: Option<LayerKey>) {
        let slot = &mut self.slots[index];
        let wanted = slot.wanted;
        let previous = std::mem::replace(&mut slot.current, layer);
        if previous == layer {
            return;
        }
        if let Some(key) = previous.filter(|_| previous != wanted)
            && let Some(feed) = self.feeds.get_mut(&key)
            && feed.detach(index)
        {
            self.up.push(Up::Unwatched(key));
        }
        if let Some(feed) = layer.and_then(|key| self.feeds.get_mut(&key))
            && feed.attach(index)
        {
            self.up.push(Up::Watched(feed.description.layer));
        }
    }

    /// New keys: the slot begins anew, at a keyframe.
    pub(super) fn restart_slot(&mut self, index: usize) {
        self.set_current(index, None);
        let slot = &mut self.slots[index];
        slot.rewrite.restart();
        slot.rtx_sequence &= 0x7fff;
    }

    /// The awaited keyframe is here: from this packet on the slot shows the new layer.
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
        let now_us = self.clock.us(now);
        slot.rewrite.switch(packet, codec, kind, clock_rate, now_us);
        slot.counters.switches += 1;
        slot.is_report_due = true;
        slot.wanted = None;
        feed.waiting = feed.waiting.saturating_sub(1);
        let sender = slot.sender;
        self.set_current(index, Some(packet.layer));
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
