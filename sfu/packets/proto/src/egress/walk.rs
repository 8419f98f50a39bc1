//! The way of a burst: planned once, then walked subscriber by subscriber.
//!
//! The walk fills an arena that stays in the cache and stops when it is full; a cursor
//! remembers the next subscriber. Control packets go before media: they are few and small.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::Egress;
use super::bandwidth::Padding;
use super::blocks::{BlockRef, Blocks, Extras};
use super::redundancy::{self, Before};
use super::rewrite::Numbers;
use super::run::{Piece, next_run};
use super::sender::Work;
use crate::command::{Codec, MediaKind};
use crate::drop::DropReason;
use crate::handover::{Burst, Up};
use crate::ids::{SlotId, TransportId};
use crate::limits::{PENDING_CONTROL, VIDEO_LATE};
use crate::rtp::FIXED_HEADER;
use crate::stages::{self, Stage};
use crate::transmit::{Forwarded, Transmit, TransmitBatch};

/// What goes out beside bursts.
pub(super) enum Control {
    Rtcp {
        transport: TransportId,
        rtcp: Vec<u8>,
    },
    Retransmission(Box<Retransmission>),
    Padding(Padding),
}

/// A stored packet that a slot sends again.
pub(super) struct Retransmission {
    pub(super) slot: usize,
    /// Whose place in the slab that was.
    pub(super) id: SlotId,
    pub(super) codec: usize,
    pub(super) numbers: Numbers,
    pub(super) marker: bool,
    pub(super) burst: Arc<Burst>,
    pub(super) packet: u32,
}

impl Retransmission {
    /// About what it costs; extensions and the tag come on top.
    pub(super) fn size(&self) -> usize {
        FIXED_HEADER + self.burst.packets[self.packet as usize].payload.len()
    }
}

/// One packet to one subscriber, numbered and measured, not yet written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outgoing {
    pub(super) slot: usize,
    pub(super) codec: usize,
    pub(super) packet: usize,
    /// Fills a number that was left open.
    pub(super) is_empty: bool,
    /// The last packet of its frame, or the first of a talkspurt.
    pub(super) marker: bool,
    pub(super) numbers: Numbers,
    pub(super) block: BlockRef,
    pub(super) piece: Piece,
    /// Of the walk's redundancy.
    pub(super) before: Before,
}

#[derive(Default)]
pub(super) struct Walk {
    control: VecDeque<Control>,
    /// Since when each waits.
    pub(super) bursts: VecDeque<(Instant, Arc<Burst>)>,
    pub(super) pending_packets: usize,
    /// So many of the oldest have no video any more: see [`super::shed`].
    pub(super) stripped: usize,
    /// Slots that are not sent a group, and the group.
    pub(super) shed: Vec<(usize, usize)>,
    /// The burst being walked, its subscribers, and the next of them.
    burst: Option<Arc<Burst>>,
    order: Vec<usize>,
    cursor: usize,
    /// Groups of the burst in the order in which they are sent.
    turns: Vec<usize>,
    pub(super) blocks: Blocks,
    /// Older packets that go along with what is outgoing.
    pub(super) redundancy: Vec<u8>,
    outgoing: Vec<Outgoing>,
    /// To how many each packet of the burst is on its way, since the batch began.
    sent: Vec<u32>,
}

impl Walk {
    /// Where the queue is full the new one is lost: it is feedback that comes again.
    pub(super) fn push(&mut self, control: Control) -> bool {
        let has_room = self.control.len() < PENDING_CONTROL;
        if has_room {
            self.control.push_back(control);
        }
        has_room
    }

    pub(super) fn push_burst(&mut self, since: Instant, burst: Arc<Burst>) {
        self.pending_packets += burst.packets.len();
        self.bursts.push_back((since, burst));
    }

    pub(super) fn next_burst(&mut self) -> Option<(Instant, Arc<Burst>)> {
        let (since, burst) = self.bursts.pop_front()?;
        self.pending_packets -= burst.packets.len();
        self.stripped = self.stripped.saturating_sub(1);
        Some((since, burst))
    }

    /// Since when the oldest waits.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.bursts.front().map(|&(since, _)| since)
    }
}

impl Egress {
    /// Fills `out`; true while more is waiting.
    pub(crate) fn poll_transmits(&mut self, now: Instant, out: &mut TransmitBatch) -> bool {
        while let Some(control) = self.walk.control.pop_front() {
            self.send_control(now, control, out);
            if out.is_full() {
                return true;
            }
        }
        if self.release_due(now, out) {
            return true;
        }
        while self.walk.burst.is_some() || self.plan_next(now) {
            if self.walk_on(now, out) {
                return true;
            }
        }
        false
    }

    /// Which subscribers get what of the next burst.
    fn plan_next(&mut self, now: Instant) -> bool {
        let Some((since, burst)) = self.walk.next_burst() else {
            return false;
        };
        self.walk.order.clear();
        self.walk.cursor = 0;
        self.walk.blocks.begin(burst.packets.len());
        self.walk.sent.clear();
        self.walk.sent.resize(burst.packets.len(), 0);
        let waited = now.saturating_duration_since(since);
        let mut turns = std::mem::take(&mut self.walk.turns);
        self.take_turns(&burst, &mut turns);
        for &group_index in &turns {
            let group = &burst.groups[group_index];
            let Some(feed) = self.feeds.get(&group.layer) else {
                continue;
            };
            let kind = feed.description.kind;
            let mut is_paced = false;
            for &index in feed.slots.as_slice() {
                let slot = &mut self.slots[index];
                let sender = &mut self.senders[slot.sender];
                let has_headroom = sender.has_headroom;
                is_paced |= !has_headroom;
                if !slot.takes(&burst, group, has_headroom) {
                    continue;
                }
                let mut end = group.packets.end;
                if waited >= VIDEO_LATE && waited >= slot.late_after() {
                    end = slot.end_of_begun(&burst, group);
                    if end == group.packets.start {
                        self.walk.shed.push((index, group_index));
                        continue;
                    }
                }
                if sender.work.is_empty() {
                    self.walk.order.push(slot.sender);
                }
                sender.work.push(Work {
                    slot: index,
                    group: group_index,
                    end,
                });
            }
            if is_paced && kind == MediaKind::Video {
                self.up.push(Up::ArrivalsWanted(group.layer));
            }
        }
        self.shed(&burst);
        self.walk.turns = turns;
        self.walk.burst = Some(burst);
        true
    }

    /// Voices before pictures, each from large to small: what one subscriber gets of several
    /// sources then makes the longest runs, since a run ends with a smaller packet.
    fn take_turns(&self, burst: &Burst, turns: &mut Vec<usize>) {
        turns.clear();
        turns.extend(0..burst.groups.len());
        if turns.len() < 2 {
            return;
        }
        turns.sort_by_cached_key(|&index| {
            let group = &burst.groups[index];
            let feed = self.feeds.get(&group.layer);
            let is_video = feed.is_some_and(|feed| feed.description.kind == MediaKind::Video);
            let first = &burst.packets[group.packets.start as usize];
            (is_video, Reverse(first.payload.len()))
        });
    }

    /// True: the arena is full before the last subscriber.
    fn walk_on(&mut self, now: Instant, out: &mut TransmitBatch) -> bool {
        let Some(burst) = self.walk.burst.take() else {
            return false;
        };
        while let Some(&sender) = self.walk.order.get(self.walk.cursor) {
            if out.is_full() {
                self.note_forwarded(now, &burst, out);
                self.walk.burst = Some(burst);
                return true;
            }
            self.walk.cursor += 1;
            self.send_burst(now, sender, &burst, out);
        }
        self.note_forwarded(now, &burst, out);
        false
    }

    /// How long what is in the batch has been here.
    fn note_forwarded(&mut self, now: Instant, burst: &Burst, out: &mut TransmitBatch) {
        let now_us = self.clock.us(now);
        for group in &burst.groups {
            let Some(feed) = self.feeds.get(&group.layer) else {
                continue;
            };
            let packets = group.packets.start as usize..group.packets.end as usize;
            let counts = self.walk.sent[packets.clone()].iter_mut();
            for (packet, count) in burst.packets[packets].iter().zip(counts) {
                let count = std::mem::take(count);
                if count > 0 {
                    out.forwarded.push(Forwarded {
                        kind: feed.description.kind,
                        waited_us: now_us.saturating_sub(packet.came_us).max(0) as u64,
                        packets: count.into(),
                    });
                }
            }
        }
    }

    fn send_burst(
        &mut self,
        now: Instant,
        sender: usize,
        burst: &Arc<Burst>,
        out: &mut TransmitBatch,
    ) {
        // It may have left since the plan was made.
        let Some(held) = self.senders.get_mut(sender) else {
            return;
        };
        let mut work = std::mem::take(&mut held.work);
        let mut outgoing = std::mem::take(&mut self.walk.outgoing);
        if held.is_ready() {
            if held.pacer.is_some() {
                self.pace_burst(now, sender, &work, burst, &mut outgoing, out);
            } else {
                for work in &work {
                    self.gather(now, sender, *work, burst, &mut outgoing);
                }
                self.send_runs(now, sender, |_| &**burst, &outgoing, out);
            }
            self.expect_reports(now, sender, !outgoing.is_empty());
        }
        work.clear();
        outgoing.clear();
        self.walk.redundancy.clear();
        self.senders[sender].work = work;
        self.walk.outgoing = outgoing;
    }

    /// Numbers the packets of one group for one slot; switches where the slot waits for it.
    pub(super) fn gather(
        &mut self,
        now: Instant,
        sender: usize,
        work: Work,
        burst: &Arc<Burst>,
        outgoing: &mut Vec<Outgoing>,
    ) {
        let group = &burst.groups[work.group];
        let Some(slot) = self
            .slots
            .get(work.slot)
            .filter(|slot| slot.sender == sender)
        else {
            return;
        };
        let mut from = group.packets.start as usize;
        if slot.current != Some(group.layer) {
            if !slot.takes_layer(group.layer) {
                return;
            }
            let Some(keyframe) = group.keyframe else {
                return;
            };
            from = keyframe as usize;
            if !self.switch(now, work.slot, &burst.packets[from]) {
                return;
            }
        }
        let now_us = self.clock.us(now);
        for index in from..work.end as usize {
            self.gather_packet(now_us, work.slot, burst, index, outgoing);
        }
        let last = &burst.packets[work.end as usize - 1];
        self.slots[work.slot].begun = (!last.marker).then_some(last.timestamp);
        if work.end < group.packets.end {
            let left = group.packets.end - work.end;
            self.leave_out(work.slot, group, left.into());
        }
    }

    fn gather_packet(
        &mut self,
        now_us: i64,
        index: usize,
        burst: &Burst,
        packet_index: usize,
        outgoing: &mut Vec<Outgoing>,
    ) {
        let packet = &burst.packets[packet_index];
        let slot = &mut self.slots[index];
        let Some(codec) = slot.rewrite.current().map(|segment| segment.codec) else {
            return;
        };
        let is_sent = slot.layers.lets_pass(packet, slot.begun);
        let numbers = match is_sent {
            true => slot.rewrite.route(packet, now_us),
            false => {
                let is_vp8 = slot.parameters.codecs[codec].codec == Codec::Vp8;
                slot.rewrite.leave_out(packet, is_vp8)
            }
        };
        let Some(numbers) = numbers else {
            if is_sent {
                self.drops.count(DropReason::Late);
            }
            return;
        };
        let sender = &self.senders[slot.sender];
        let is_plain = slot.resends_as_it_was(codec);
        let block = if is_plain {
            let extras = Extras {
                mid: None,
                is_stamped: false,
                descriptor: None,
            };
            self.walk
                .blocks
                .build(&sender.extensions, burst, packet, extras)
        } else if let descriptor = slot.targets.descriptor(&slot.layers, packet, burst)
            && (slot.needs_mid() || descriptor.is_some())
        {
            let extras = Extras {
                mid: slot.needs_mid().then_some(&slot.parameters.mid),
                is_stamped: true,
                descriptor: descriptor.as_deref(),
            };
            self.walk
                .blocks
                .build(&sender.extensions, burst, packet, extras)
        } else {
            let extensions = &sender.extensions;
            self.walk
                .blocks
                .shared(sender.mapping, extensions, burst, packet_index)
        };
        let mut payload = match is_sent {
            true => (packet.payload.end - packet.payload.start) as usize,
            false => 0,
        };
        let (mut codec, mut before) = (codec, Before::default());
        if slot.distance > 0
            && let Some(feed) = self.feeds.get(&packet.layer)
            && let Some(written) =
                redundancy::write(&mut self.walk.redundancy, slot, feed, burst, packet)
        {
            (codec, before) = written;
            payload += usize::from(before.len);
        }
        slot.counters.packets += 1;
        slot.counters.octets += payload as u64;
        self.walk.sent[packet_index] += u32::from(is_sent);
        let marker = is_sent && slot.marks(&slot.layers, packet, &numbers);
        slot.counters.frames += u64::from(marker);
        slot.counters.keyframes += u64::from(packet.keyframe);
        outgoing.push(Outgoing {
            slot: index,
            codec,
            packet: packet_index,
            is_empty: !is_sent,
            marker,
            numbers,
            block,
            piece: Piece {
                size: FIXED_HEADER + usize::from(block.len) + payload,
                // A voice grows by a tenth: not where the way is narrow.
                can_pad: !is_plain
                    && (!slot.is_audio() || sender.pacer.is_none() && sender.has_headroom),
                class: slot.dscp(),
            },
            before,
        });
    }

    /// How many bytes they are. `burst`: that each is of.
    pub(super) fn send_runs<'b>(
        &mut self,
        now: Instant,
        sender: usize,
        burst: impl Fn(usize) -> &'b Burst,
        outgoing: &[Outgoing],
        out: &mut TransmitBatch,
    ) -> usize {
        let Some(path) = self.senders[sender].path else {
            return 0;
        };
        let now_us = self.clock.us(now);
        let now_ms = now_us as u64 / 1000;
        let times = (now_us, self.clock.absolute_send_time(now));
        let pieces = |index: usize| outgoing.get(index).map(|outgoing| outgoing.piece);
        let mut from = 0;
        let numbered = self.senders[sender].transport_sequence;
        let begin = out.arena.len();
        stages::enter(Stage::Rewrite);
        while let Some(run) = next_run(pieces, from) {
            let start = out.arena.len();
            let mut segment_size = 0;
            for index in run.pieces.clone() {
                let packet_start = out.arena.len();
                let padding = run.padding(index, outgoing[index].piece.size);
                self.write_packet(sender, burst(index), &outgoing[index], padding, times, out);
                let size = out.arena.len() - packet_start;
                segment_size = segment_size.max(size);
                let slot = &mut self.slots[outgoing[index].slot];
                slot.counters.bytes += size as u64;
                slot.has_sent = true;
                slot.meter.add(now_ms, size);
            }
            from = run.pieces.end;
            let (count, len) = (run.pieces.len() as u64, out.arena.len() - start);
            self.senders[sender].packets += count;
            self.senders[sender].bytes += len as u64;
            self.senders[sender].resending.sent(len);
            out.transmits.push(Transmit {
                path,
                start: start as u32,
                len: len as u32,
                segment_size: segment_size as u16,
                dscp: outgoing[run.pieces.start].piece.class,
            });
        }
        let bytes = out.arena.len() - begin;
        self.senders[sender].note_all(now_us, numbered, bytes);
        stages::enter(Stage::Plan);
        bytes
    }

    fn send_control(&mut self, now: Instant, control: Control, out: &mut TransmitBatch) {
        match control {
            Control::Rtcp { transport, rtcp } => self.send_rtcp(transport, &rtcp, out),
            Control::Retransmission(retransmission) => {
                let sent = self.pace_again(now, *retransmission, out);
                if let Err(reason) = sent {
                    self.drops.count(reason);
                }
            }
            Control::Padding(padding) => {
                if let Err(reason) = self.send_padding(now, &padding, out) {
                    self.drops.count(reason);
                }
            }
        }
    }
}
