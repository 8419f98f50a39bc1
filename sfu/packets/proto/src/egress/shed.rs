//! What is left out when sending falls behind: by policy, never by chance.
//!
//! Bursts that waited too long are shed here, when their turn comes, or when too many wait.
//! Small pictures go first, then the one on stage, audio last. Of video whole frames: one that
//! has begun goes out to its end, and the slot begins anew at a keyframe, since a hole would
//! be NACKed, and the answers would be more load.

use std::time::{Duration, Instant};

use super::Egress;
use super::slot::Slot;
use crate::command::MediaKind;
use crate::drop::DropReason;
use crate::handover::{Burst, Group, LayerKey};
use crate::limits::{AUDIO_LATE, PENDING_PACKETS, STAGE_LATE, VIDEO_LATE};

impl Slot {
    /// What has waited so long is of less use to it than to be in time again.
    pub(super) fn late_after(&self) -> Duration {
        match (self.is_audio(), self.is_stage) {
            (true, _) => AUDIO_LATE,
            (false, true) => STAGE_LATE,
            (false, false) => VIDEO_LATE,
        }
    }

    fn shed_reason(&self) -> DropReason {
        match (self.is_audio(), self.is_stage) {
            (true, _) => DropReason::AudioShed,
            (false, true) => DropReason::StageShed,
            (false, false) => DropReason::VideoShed,
        }
    }

    /// Where in the group the frame ends that the slot has been sent the begin of.
    pub(super) fn end_of_begun(&self, burst: &Burst, group: &Group) -> u32 {
        let packets = group.packets.start as usize..group.packets.end as usize;
        let is_begun = self.current == Some(group.layer) && !self.is_audio();
        let timestamp = self.begun.filter(|_| is_begun);
        let packets = burst.packets[packets].iter();
        let begun = packets.take_while(|packet| Some(packet.timestamp) == timestamp);
        group.packets.start + begun.count() as u32
    }
}

impl Egress {
    /// How long the oldest burst has waited, as a share of what video may.
    pub(crate) fn lateness(&self, now: Instant) -> f64 {
        self.walk.oldest().map_or(0.0, |since| {
            let waited = now.saturating_duration_since(since);
            waited.as_secs_f64() / VIDEO_LATE.as_secs_f64()
        })
    }

    /// Those that the plan has left out begin anew.
    pub(super) fn shed(&mut self, burst: &Burst) {
        let mut shed = std::mem::take(&mut self.walk.shed);
        for (slot, group) in shed.drain(..) {
            let group = &burst.groups[group];
            self.leave_out(slot, group, group.packets.len() as u64);
        }
        self.walk.shed = shed;
    }

    /// Of a group the last so many packets.
    pub(super) fn leave_out(&mut self, slot: usize, group: &Group, packets: u64) {
        if self.miss(slot, group.layer, group.keyframe.is_some()) {
            let held = &mut self.slots[slot];
            held.was_shed = true;
            self.drops.add(held.shed_reason(), packets);
        }
    }

    /// Packets of the layer do not reach the slot. Where it shows the layer it goes on from a
    /// keyframe, audio from the next packet: a hole nobody could fill. Where it waits for the
    /// keyframe that is among them it needs another: the receive side took the request for met
    /// when that came. True: it shows the layer.
    pub(super) fn miss(&mut self, slot: usize, layer: LayerKey, has_keyframe: bool) -> bool {
        let held = &mut self.slots[slot];
        let is_shown = held.current == Some(layer);
        if is_shown {
            held.begun = None;
            self.set_current(slot, None);
            self.choose(slot);
        } else if has_keyframe && held.wanted == Some(layer) {
            self.choose(slot);
        }
        is_shown
    }

    /// Where more waits than may, the oldest bursts are left with their audio alone, and then
    /// with nothing.
    pub(super) fn make_room(&mut self) {
        while self.walk.pending_packets > PENDING_PACKETS && self.walk.bursts.len() > 1 {
            let at = self.walk.stripped;
            if at + 1 < self.walk.bursts.len() {
                self.strip(at);
            } else if let Some((_, oldest)) = self.walk.next_burst() {
                self.forget(&oldest, |_| true);
            }
        }
    }

    fn strip(&mut self, at: usize) {
        let burst = self.walk.bursts[at].1.clone();
        let audio = burst.only(|layer| self.is_audio(layer));
        self.walk.pending_packets -= burst.packets.len();
        if let Some(audio) = audio {
            self.walk.pending_packets += audio.packets.len();
            self.walk.bursts[at].1 = audio;
            self.walk.stripped += 1;
        } else {
            self.walk.bursts.remove(at);
        }
        self.forget(&burst, |is_audio| !is_audio);
    }

    fn forget(&mut self, burst: &Burst, is_forgotten: impl Fn(bool) -> bool) {
        for group in &burst.groups {
            if !is_forgotten(self.is_audio(group.layer)) {
                continue;
            }
            let Some(feed) = self.feeds.get(&group.layer) else {
                continue;
            };
            for slot in feed.slots.as_slice().to_vec() {
                self.leave_out(slot, group, group.packets.len() as u64);
            }
        }
    }

    fn is_audio(&self, layer: LayerKey) -> bool {
        let feed = self.feeds.get(&layer);
        feed.is_some_and(|feed| feed.description.kind == MediaKind::Audio)
    }
}
