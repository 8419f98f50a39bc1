//! Subscribers whose way is known to be narrow: what they are sent goes through their
//! [`Pacer`]. Voices go past it. Whoever has headroom has none, and pays nothing for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Egress;
use super::pacer::{Numbered, Pacer, Released};
use super::sender::{Sender, Work};
use super::walk::{Outgoing, Retransmission};
use crate::drop::DropReason;
use crate::handover::Burst;
use crate::transmit::TransmitBatch;

/// Pacers that wait for their time.
#[derive(Default)]
pub(super) struct Pacing {
    pub(super) timers: crate::timers::Timers<usize>,
    /// Senders whose time has come.
    pub(super) due: Vec<usize>,
    /// Reused.
    released: Released,
    outgoing: Vec<Outgoing>,
}

impl Sender {
    /// `None`: its way is not known to be narrow.
    pub(super) fn pace(&mut self, now_us: i64, available_bps: Option<u64>) {
        match (&mut self.pacer, available_bps) {
            (Some(pacer), Some(bps)) => pacer.set_available(now_us, bps),
            (None, Some(bps)) => self.pacer = Some(Box::new(Pacer::new(now_us, bps))),
            (_, None) => self.stop_pacing(),
        }
    }

    /// As soon as nothing waits any more.
    pub(super) fn stop_pacing(&mut self) {
        if let Some(pacer) = &mut self.pacer {
            pacer.end();
        }
        self.pacer.take_if(|pacer| pacer.is_over());
    }

    /// It has left past the pacer, which takes its time off.
    pub(super) fn paced_past(&mut self, now_us: i64, bytes: usize) {
        if let Some(pacer) = &mut self.pacer {
            pacer.spend(now_us, bytes);
        }
    }

    /// Of any of its slots, and it has not left yet.
    pub(super) fn holds_keyframe(&self) -> bool {
        let pacer = self.pacer.as_ref();
        pacer.is_some_and(|pacer| pacer.holds_keyframe())
    }

    pub(super) fn forget_paced(&mut self) {
        if let Some(pacer) = &mut self.pacer {
            pacer.clear();
        }
    }

    /// Probes come last.
    pub(super) fn delays_probe(&mut self, now_us: i64) -> bool {
        let pacer = self.pacer.as_mut();
        pacer.is_some_and(|pacer| pacer.delays_probe(now_us))
    }
}

impl Egress {
    /// What [`Egress::send_burst`] does for all others: the voices of a burst leave, its pictures
    /// wait for their turn.
    pub(super) fn pace_burst(
        &mut self,
        now: Instant,
        sender: usize,
        work: &[Work],
        burst: &Arc<Burst>,
        outgoing: &mut Vec<Outgoing>,
        out: &mut TransmitBatch,
    ) {
        let now_us = self.clock.us(now);
        for work in work {
            if self.has_room_for(sender, *work, burst) {
                self.gather(now, sender, *work, burst, outgoing);
            } else {
                self.leave_frame_out(*work, burst);
            }
        }
        let is_audio = |outgoing: &Outgoing| self.slots[outgoing.slot].is_audio();
        let voices = outgoing.partition_point(is_audio);
        let bytes = self.send_runs(now, sender, |_| &**burst, &outgoing[..voices], out);
        self.senders[sender].paced_past(now_us, bytes);
        for &picture in &outgoing[voices..] {
            let slot = &mut self.slots[picture.slot];
            let packet = &burst.packets[picture.packet];
            if packet.keyframe {
                slot.paced_keyframe = Some(packet.timestamp);
            }
            let numbered = Numbered {
                outgoing: picture,
                block: self.walk.blocks.bytes(&picture.block).into(),
                id: slot.id,
                burst: Arc::clone(burst),
                is_key: slot.paced_keyframe == Some(packet.timestamp),
            };
            if let Some(pacer) = &mut self.senders[sender].pacer {
                pacer.push(numbered, slot.is_stage);
            }
        }
        self.release(now, sender, out);
    }

    fn has_room_for(&self, sender: usize, work: Work, burst: &Burst) -> bool {
        let slot = self.slots.get(work.slot);
        // Another may be in its place since the plan was made: `gather` sees to that.
        let slot = slot.filter(|slot| slot.sender == sender);
        let (Some(slot), Some(pacer)) = (slot, &self.senders[sender].pacer) else {
            return true;
        };
        let group = &burst.groups[work.group];
        let has_begun = slot.end_of_begun(burst, group) > group.packets.start;
        slot.is_audio()
            || pacer.has_room(slot.is_stage)
            || has_begun && pacer.has_room_for_the_rest()
    }

    fn give_up(&mut self, sender: usize) {
        let Some(pacer) = &mut self.senders[sender].pacer else {
            return;
        };
        for (slot, id, layer) in pacer.give_up() {
            self.drops.count(DropReason::PacerFull);
            if self.slots.get(slot).is_some_and(|held| held.id == id) {
                self.miss(slot, layer, false);
            }
        }
    }

    /// By the policy for overload ([`super::shed`]): the slot goes on from a keyframe.
    fn leave_frame_out(&mut self, work: Work, burst: &Burst) {
        let group = &burst.groups[work.group];
        if self.miss(work.slot, group.layer, group.keyframe.is_some()) {
            self.drops
                .add(DropReason::PacerFull, group.packets.len() as u64);
        }
    }

    pub(super) fn pace_again(
        &mut self,
        now: Instant,
        again: Retransmission,
        out: &mut TransmitBatch,
    ) -> Result<(), DropReason> {
        let slot = self.slots.get(again.slot);
        let sender = slot.ok_or(DropReason::NackTooOld)?.sender;
        let now_us = self.clock.us(now);
        let Some(pacer) = &mut self.senders[sender].pacer else {
            return self.send_retransmission(now, again, out);
        };
        pacer.push_again(now_us, again);
        self.release(now, sender, out);
        Ok(())
    }

    /// True: the arena is full before the last whose time has come.
    pub(super) fn release_due(&mut self, now: Instant, out: &mut TransmitBatch) -> bool {
        while let Some(sender) = self.pacing.due.pop() {
            if self.senders.contains(sender) {
                self.release(now, sender, out);
            }
            if out.is_full() {
                return true;
            }
        }
        false
    }

    /// What may leave now does, in runs.
    fn release(&mut self, now: Instant, sender: usize, out: &mut TransmitBatch) {
        let now_us = self.clock.us(now);
        self.give_up(sender);
        let Some(pacer) = &mut self.senders[sender].pacer else {
            return;
        };
        let mut released = std::mem::take(&mut self.pacing.released);
        pacer.release(now_us, &mut released);
        let start = out.arena.len();
        for again in released.again.drain(..) {
            if let Err(reason) = self.send_retransmission(now, again, out) {
                self.drops.count(reason);
            }
        }
        let too_old = std::mem::take(&mut released.too_old);
        self.drops.add(DropReason::NackTooOld, too_old);
        // A slot may have gone meanwhile.
        let is_there = |picture: &Numbered| {
            let slot = self.slots.get(picture.outgoing.slot);
            slot.is_some_and(|slot| slot.id == picture.id)
        };
        released.pictures.retain(is_there);
        self.send_pictures(now, sender, &released.pictures, out);
        released.pictures.clear();
        self.pacing.released = released;
        let bytes = out.arena.len() - start;
        self.senders[sender].paced_past(now_us, bytes);
        self.wait_for_turn(now, sender);
    }

    fn send_pictures(
        &mut self,
        now: Instant,
        sender: usize,
        pictures: &[Numbered],
        out: &mut TransmitBatch,
    ) {
        if pictures.is_empty() || !self.senders[sender].is_ready() {
            return;
        }
        let mut outgoing = std::mem::take(&mut self.pacing.outgoing);
        let blocks = self.walk.blocks.mark();
        for picture in pictures {
            let held = picture.outgoing;
            let block = self.walk.blocks.restore(&held.block, &picture.block);
            outgoing.push(Outgoing { block, ..held });
        }
        let burst = |index: usize| &*pictures[index].burst;
        self.send_runs(now, sender, burst, &outgoing, out);
        self.walk.blocks.release(blocks);
        outgoing.clear();
        self.pacing.outgoing = outgoing;
    }

    fn wait_for_turn(&mut self, now: Instant, index: usize) {
        let sender = &mut self.senders[index];
        let Some(pacer) = &mut sender.pacer else {
            return;
        };
        match pacer.next_in_us() {
            Some(wait_us) => {
                let at = now + Duration::from_micros(wait_us as u64);
                if sender.paced_at.is_none_or(|known| at < known) {
                    sender.paced_at = Some(at);
                    self.pacing.timers.set(at, index);
                }
            }
            None => {
                let lets_probe = pacer.lets_probe();
                sender.pacer.take_if(|pacer| pacer.is_over());
                if lets_probe {
                    self.wake(index, now);
                }
            }
        }
    }

    pub(super) fn pacers_due(&mut self, now: Instant) {
        while let Some((at, index)) = self.pacing.timers.pop_due(now) {
            let sender = self.senders.get_mut(index);
            let sender = sender.filter(|sender| sender.paced_at == Some(at));
            if let Some(sender) = sender {
                sender.paced_at = None;
                self.pacing.due.push(index);
            }
        }
    }
}
