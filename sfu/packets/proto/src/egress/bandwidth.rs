//! What is known of one subscriber's way, where it tells: its estimator, fed and asked.
//!
//! Packets with a transport-wide number are noted as they leave, feedback comes back. What
//! follows from it: what the sender may be given in all, how fast that may leave, and padding
//! where more would be wanted than is known to go through.

use std::time::{Duration, Instant};

use super::Egress;
use super::sender::Reported;
use super::sender::Sender;
use super::walk::Control;
use crate::bwe::{Config, Counters, Estimator, ProbeCluster, Sent, Why};
use crate::command::Extension;
use crate::drop::DropReason;
use crate::handover::Acknowledgements;
use crate::ids::SlotId;

/// Who has told nothing of what was sent for so long does not tell at all: it is treated as
/// without limit, until it does. Half of a slow start over a narrow link.
const DEAF_US: i64 = 2_000_000;
/// Whatever is overdue is looked at again this late: the worker has other subscribers.
const SOONEST_US: i64 = 20_000;
/// Bitrates of video swing by a tenth around their mean.
const OVER_TENTHS: u64 = 11;
/// REMB comes without send times and follows every jitter; it counts only where a share of
/// packets is lost at the same time (draft-ietf-rmcat-gcc-02 §6: 2-10 % is the range where a
/// sender holds).
const REMB_LOSS: f64 = 0.05;
/// Seconds without anything sent after which what was told before counts no more: receiver
/// reports come each second, and those of the last packets have come by then.
const STALE: u8 = 3;

pub(crate) struct Bandwidth {
    pub(crate) estimator: Estimator,
    since_us: i64,
    is_heard: bool,
    /// There is a stream that padding can go out on.
    can_probe: bool,
    is_limited: bool,
}

impl Bandwidth {
    fn new(now_us: i64) -> Self {
        Self {
            estimator: Estimator::new(Config::DEFAULT),
            since_us: now_us,
            is_heard: false,
            // It is looked at with the first that it tells.
            can_probe: true,
            is_limited: false,
        }
    }
}

/// Padding that a subscriber is sent at once, to see how it arrives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Padding {
    pub(super) slot: usize,
    /// Whose place in the slab that was.
    pub(super) id: SlotId,
    pub(super) cluster: ProbeCluster,
}

impl Reported {
    /// What came after it was told to be lost is told of once, and is not lost.
    fn add(&mut self, before: &Counters, after: &Counters) {
        let late = after.late - before.late;
        let told = after.received - before.received + after.lost - before.lost;
        self.packets += told.saturating_sub(late);
        self.lost = (self.lost + after.lost - before.lost).saturating_sub(late);
    }
}

impl Sender {
    /// Of its way alone, where it tells.
    pub(super) fn jitter_s(&self) -> Option<f64> {
        let known = self.bandwidth.as_ref().filter(|known| known.is_heard);
        known.map(|known| known.estimator.jitter_us() / 1e6)
    }

    /// What its way carries in all; `None` where nothing tells, which is no limit.
    pub(crate) fn available_bps(&self) -> Option<u64> {
        match &self.bandwidth {
            // What cannot be probed only grows with what is sent: no limit before one is seen.
            Some(known) if known.can_probe || known.is_limited => {
                Some(known.estimator.target_bps())
            }
            Some(_) => None,
            None if self.may_estimate && self.heeds_estimate => Some(Config::DEFAULT.start_bps),
            None => self.remb_bps.filter(|_| self.reported_loss > REMB_LOSS),
        }
    }

    /// What it is sent it tells of, one way or the other.
    pub(super) fn tells_of_packets(&self) -> bool {
        self.acknowledged.is_some() || self.extensions.has(Extension::TransportSequenceNumber)
    }

    /// Counts a packet that has no transport-wide number, where it will be told of by its own.
    #[inline]
    pub(super) fn count_unnumbered(&mut self, ssrc: u32, sequence: i64) -> bool {
        let Some(acknowledged) = &mut self.acknowledged else {
            return false;
        };
        acknowledged.sent(ssrc, sequence as u16, self.transport_sequence);
        self.transport_sequence += 1;
        true
    }

    /// A packet left under the last transport-wide number; it is counted by [`Self::note_all`].
    #[inline]
    pub(super) fn note(&mut self, now_us: i64, bytes: usize) {
        if let Some(known) = &mut self.bandwidth {
            let sent = Sent {
                number: self.transport_sequence - 1,
                bytes,
                cluster: 0,
            };
            known.estimator.note(now_us, sent);
        }
    }

    /// What was numbered from this number on left together, and is so many bytes.
    pub(super) fn note_all(&mut self, now_us: i64, first: u64, bytes: usize) {
        let packets = self.transport_sequence - first;
        if packets == 0 {
            return;
        }
        match &mut self.bandwidth {
            Some(known) => known.estimator.on_sent_all(now_us, packets, bytes),
            // What has just left will be unmatched, and nothing is missing by it.
            None if self.may_estimate => self.bandwidth = Some(Box::new(Bandwidth::new(now_us))),
            None => {}
        }
    }

    /// One packet of a probe, or sent again.
    pub(super) fn note_single(&mut self, now_us: i64, bytes: usize, cluster: u8) {
        if let Some(known) = &mut self.bandwidth {
            let sent = Sent {
                number: self.transport_sequence - 1,
                bytes,
                cluster,
            };
            known.estimator.on_sent(now_us, sent);
        }
    }

    /// A limit of its way was seen lately.
    pub(super) fn is_limited(&self) -> bool {
        let known = self.bandwidth.as_ref();
        known.is_some_and(|known| known.is_limited)
    }

    /// For how long the answer to a packet is waited for.
    pub(super) fn response(&self) -> Duration {
        let response_us = match &self.bandwidth {
            Some(known) => known.estimator.response_us() as u64,
            None => 0,
        };
        self.round_trip().max(Duration::from_micros(response_us))
    }

    /// More than its way carries has left lately: what is sent again would be lost again.
    pub(super) fn is_over(&self, now_us: i64) -> bool {
        let known = self.bandwidth.as_ref().filter(|known| known.is_limited);
        known.is_some_and(|known| {
            known.estimator.sent_bps(now_us) > known.estimator.target_bps() * OVER_TENTHS / 10
        })
    }

    /// Nothing more is known of its way, which is no limit.
    fn forget_way(&mut self) {
        self.bandwidth = None;
        self.stop_pacing();
        self.remb_bps = None;
        self.reported_loss = 0.0;
        self.heeds_estimate = false;
        self.resending.limit(None);
    }

    /// What it tells is not of what it is sent.
    fn is_deaf(&mut self) {
        if self.bandwidth.is_some() {
            self.forget_way();
        }
        self.may_estimate = false;
    }

    /// Nothing was sent for a second. Who is sent nothing tells nothing, and who cannot be probed
    /// would never be sent anything again.
    pub(super) fn rests(&mut self) {
        self.rested = self.rested.saturating_add(1);
        let known = self.bandwidth.as_ref();
        let can_probe = known.is_some_and(|known| known.can_probe);
        if self.rested >= STALE && !can_probe {
            self.forget_way();
        }
    }

    /// A way that showed a limit lately, or does not carry all, is sent no more at once.
    fn pace_or_not(&mut self, now_us: i64) {
        let known = self.bandwidth.as_ref();
        let is_short = self.heeds_estimate && self.was_limited;
        let known = known.filter(|known| known.is_limited || is_short);
        let available = known.map(|known| known.estimator.target_bps());
        self.pace(now_us, available);
    }
}

impl Egress {
    /// Whether transports of these extensions may be estimated.
    pub(super) fn may_estimate(&self, sender: &Sender) -> bool {
        self.adapts && sender.tells_of_packets()
    }

    /// A slot that was negotiated with feedback by packets' own numbers (RFC 8888).
    pub(super) fn begin_acknowledged(&mut self, slot: usize) {
        let slot = &self.slots[slot];
        let sender = &mut self.senders[slot.sender];
        let is_negotiated = slot.parameters.codecs.iter().any(|codec| codec.ccfb);
        if is_negotiated && self.adapts && !sender.tells_of_packets() {
            sender.acknowledged = Some(Box::default());
            sender.may_estimate = true;
            sender.heeds_estimate = true;
        }
    }

    pub(super) fn take_acknowledgements(
        &mut self,
        now: Instant,
        index: usize,
        told: &Acknowledgements,
    ) {
        let Some(acknowledged) = &mut self.senders[index].acknowledged else {
            return;
        };
        let known = acknowledged.told(told);
        if known.is_empty() && !told.packets.is_empty() {
            return self.drops.count(DropReason::FeedbackUnmatched);
        }
        self.take_losses(now, index, known.iter().copied());
        self.take_arrivals(now, index, known.into_iter());
    }

    /// Numbers, rising, and when they arrived, if they did.
    pub(super) fn take_arrivals(
        &mut self,
        now: Instant,
        index: usize,
        told: impl Iterator<Item = (u16, Option<i64>)>,
    ) {
        let sender = &mut self.senders[index];
        if !self.adapts || !sender.tells_of_packets() {
            return;
        }
        sender.rested = 0;
        if self.is_sent_unnumbered(index) {
            return self.senders[index].is_deaf();
        }
        let now_us = self.clock.us(now);
        let sender = &mut self.senders[index];
        let known = sender
            .bandwidth
            .get_or_insert_with(|| Box::new(Bandwidth::new(now_us)));
        known.is_heard = true;
        let before = known.estimator.counters;
        known.estimator.on_told(now_us, told);
        let after = known.estimator.counters;
        sender.reported.add(&before, &after);
        let told = after.repeated - before.repeated + after.unmatched - before.unmatched;
        if told > 0 && after.received == before.received && after.lost == before.lost {
            self.drops.count(DropReason::FeedbackUnmatched);
        }
        self.tend(now, index);
    }

    pub(super) fn take_round_trip(&mut self, sender: usize, round_trip: Duration) {
        if let Some(known) = &mut self.senders[sender].bandwidth {
            let round_trip_us = round_trip.as_micros() as i64;
            known.estimator.on_round_trip(round_trip_us);
        }
    }

    /// After feedback, and when it has not come.
    pub(super) fn tend(&mut self, now: Instant, index: usize) {
        let now_us = self.clock.us(now);
        let can_probe = self.padded_slot(index);
        let awaits_picture = self.awaits_picture(index);
        let is_unnumbered = self.is_sent_unnumbered(index);
        let sender = &mut self.senders[index];
        let may_probe = can_probe.is_some() && !sender.delays_probe(now_us);
        let Some(known) = &mut sender.bandwidth else {
            return;
        };
        let has_told = known.is_heard || now_us - known.since_us <= DEAF_US;
        if !has_told || is_unnumbered {
            return sender.is_deaf();
        }
        known.can_probe = can_probe.is_some() || awaits_picture;
        known.estimator.set_wanted_bps(sender.wanted_bps);
        if known.is_heard {
            known.estimator.handle_timeout(now_us);
        }
        known.is_limited = known.estimator.why(now_us) != Why::Unlimited;
        let cluster = may_probe
            .then(|| known.estimator.next_probe(now_us))
            .flatten();
        let next_us = match known.is_heard {
            true => known.estimator.poll_timeout(can_probe.is_some()),
            false => Some(known.since_us + DEAF_US + 1),
        };
        let limit = known.is_limited.then(|| known.estimator.target_bps());
        sender.resending.limit(limit);
        sender.pace_or_not(now_us);
        if let Some((slot, cluster)) = can_probe.zip(cluster) {
            let id = self.slots[slot].id;
            let padding = Padding { slot, id, cluster };
            if !self.walk.push(Control::Padding(padding)) {
                self.drops.count(DropReason::SendQueueFull);
            }
        }
        if let Some(next_us) = next_us {
            let wait = Duration::from_micros(next_us.saturating_sub(now_us).max(SOONEST_US) as u64);
            self.wake(index, now + wait);
        }
    }

    /// Video that must be sent again as it was has no numbers (see `Slot::resends_as_it_was`):
    /// its sound alone would be judged, for all.
    fn is_sent_unnumbered(&self, sender: usize) -> bool {
        if self.senders[sender].acknowledged.is_some() {
            return false;
        }
        self.slots_of(sender).any(|slot| {
            let segment = slot.rewrite.current().filter(|_| !slot.is_audio());
            segment.is_some_and(|segment| slot.resends_as_it_was(segment.codec))
        })
    }

    /// What is heard until then says nothing of what the picture may take.
    fn awaits_picture(&self, sender: usize) -> bool {
        let mut slots = self.slots_of(sender);
        slots.any(|slot| !slot.is_audio() && slot.shown.is_some() && !slot.has_begun())
    }

    /// A slot whose receiver knows its RTX stream: one that shows video.
    fn padded_slot(&self, sender: usize) -> Option<usize> {
        let slots = self.senders[sender].slots.iter().map(|&(_, slot)| slot);
        slots.into_iter().find(|&index| {
            let slot = &self.slots[index];
            let segment = slot.rewrite.current().filter(|_| !slot.is_audio());
            slot.has_begun() && segment.is_some_and(|segment| slot.rtx(segment.codec).is_some())
        })
    }
}
