//! RTCP to subscribers (sender reports, BYE) and what they report of their slots.

use std::time::Instant;

use super::Egress;
use super::walk::{Control, Retransmission};
use crate::clock::{ntp_middle, round_trip};
use crate::drop::DropReason;
use crate::handover::{Report, Up};
use crate::ids::TransportId;
use crate::limits::REPORT_INTERVAL;
use crate::rtcp::{self, ReportBlock, SenderInfo};
use crate::rtp::extend_sequence;

/// A compound packet is closed at this size, so that it fits every path.
const COMPOUND_BYTES: usize = 1000;

impl Egress {
    /// Sender reports: each second for all slots that sent, soon for those that switched.
    pub(super) fn report(&mut self, now: Instant, sender: usize) {
        let is_regular = self.senders[sender]
            .next_report
            .is_some_and(|next| next <= now);
        let ms = self.clock.ms(now);
        let mut rtcp = Vec::new();
        let mut has_any = false;
        for (_, index) in self.senders[sender].slots.clone() {
            let slot = &mut self.slots[index];
            if is_regular {
                slot.retransmissions.forget(ms);
            }
            if !(slot.is_report_due || is_regular && slot.has_sent) {
                continue;
            }
            has_any = true;
            slot.is_report_due = false;
            slot.has_sent &= !is_regular;
            self.write_report(now, index, &mut rtcp);
            if rtcp.len() > COMPOUND_BYTES {
                self.push_rtcp(sender, &mut rtcp);
            }
        }
        self.push_rtcp(sender, &mut rtcp);
        if is_regular {
            if !has_any {
                self.senders[sender].rests();
            }
            self.adapt(now, sender);
            let goes_on = has_any || self.is_held_back(sender);
            self.senders[sender].next_report = goes_on.then(|| now + REPORT_INTERVAL);
        }
        if let Some(next) = self.senders[sender].next_report {
            self.wake(sender, next);
        }
    }

    /// Whoever is sent media is sent reports, and who is sent less than is shown is looked after
    /// at the same times, whether anything is sent or not.
    pub(super) fn expect_reports(&mut self, now: Instant, sender: usize, is_needed: bool) {
        if is_needed && self.senders[sender].next_report.is_none() {
            self.senders[sender].next_report = Some(now + REPORT_INTERVAL);
            self.wake(sender, now + REPORT_INTERVAL);
        }
    }

    fn write_report(&mut self, now: Instant, index: usize, rtcp: &mut Vec<u8>) {
        let slot = &self.slots[index];
        let Some(feed) = slot.current.and_then(|layer| self.feeds.get(&layer)) else {
            return;
        };
        let Some(timestamp) = feed.timestamp_at(self.clock.us(now)) else {
            return;
        };
        let Some(segment) = slot.rewrite.current() else {
            return;
        };
        let info = SenderInfo {
            ssrc: slot.parameters.ssrc,
            ntp: self.clock.ntp(now),
            rtp_timestamp: timestamp.wrapping_add(segment.timestamp),
            packets: slot.counters.packets as u32,
            octets: slot.counters.octets as u32,
        };
        rtcp::write_sender_report(rtcp, &info);
        rtcp::write_source_description(rtcp, slot.parameters.ssrc, &slot.parameters.cname);
    }

    fn push_rtcp(&mut self, sender: usize, rtcp: &mut Vec<u8>) {
        if rtcp.is_empty() {
            return;
        }
        let transport = self.senders[sender].id;
        let rtcp = std::mem::take(rtcp);
        if !self.walk.push(Control::Rtcp { transport, rtcp }) {
            self.drops.count(DropReason::SendQueueFull);
        }
    }

    pub(super) fn say_bye(&mut self, sender: usize) {
        let ssrcs: Vec<u32> = self.senders[sender]
            .slots
            .iter()
            .map(|&(ssrc, _)| ssrc)
            .collect();
        if !ssrcs.is_empty() {
            let mut rtcp = Vec::new();
            rtcp::write_receiver_report(&mut rtcp, ssrcs[0], &[]);
            rtcp::write_bye(&mut rtcp, &ssrcs);
            let transport = self.senders[sender].id;
            let mut replies = std::mem::take(&mut self.replies);
            self.by_transport.insert(transport, sender);
            self.send_rtcp(transport, &rtcp, &mut replies);
            self.by_transport.remove(&transport);
            self.replies = replies;
        }
    }

    pub(super) fn take_report(&mut self, now: Instant, transport: TransportId, report: Report) {
        let Some(sender) = self.by_transport.get(&transport).copied() else {
            return;
        };
        match report {
            Report::Reception { block, arrived } => self.take_block(arrived, sender, block),
            Report::Lost {
                ssrc,
                sequence_numbers,
            } => {
                if let Some(slot) = self.senders[sender].slot_of_ssrc(ssrc) {
                    self.answer_nack(now, slot, &sequence_numbers);
                }
            }
            Report::KeyframeWanted { ssrc } => {
                if let Some(slot) = self.senders[sender].slot_of_ssrc(ssrc) {
                    let slot = &mut self.slots[slot];
                    slot.counters.keyframe_requests_received += 1;
                    // Another would only wait behind the one that does.
                    let is_coming = self.senders[sender].holds_keyframe();
                    let layer = slot.current.or(slot.wanted).filter(|_| !is_coming);
                    if let Some(layer) = layer.filter(|_| !slot.is_audio()) {
                        self.up.push(Up::KeyframeAsked(layer));
                    }
                }
            }
            Report::Arrivals { arrivals, came_at } => {
                self.take_losses(came_at, sender, arrivals.iter());
                self.take_arrivals(came_at, sender, arrivals.iter());
            }
            Report::Acknowledged { told, came_at } => {
                self.take_acknowledgements(came_at, sender, &told);
            }
            Report::Estimate { bitrate_bps } => {
                self.senders[sender].remb_bps = Some(bitrate_bps);
            }
        }
        self.adapt_to_estimate(now, sender);
    }

    /// `arrived`: it may have waited on its way between the workers.
    fn take_block(&mut self, arrived: Instant, sender: usize, block: ReportBlock) {
        let Some(index) = self.senders[sender].slot_of_ssrc(block.ssrc) else {
            return;
        };
        let slot = &mut self.slots[index];
        let block = slot.heard.take(block, &mut slot.rewrite);
        self.take_reported_loss(arrived, sender, block.fraction_lost);
        let slot = &mut self.slots[index];
        slot.is_reported_on = true;
        self.senders[sender].rested = 0;
        if self.adapts {
            let known = &mut self.senders[sender].reported_loss;
            *known += (f64::from(block.fraction_lost) / 256.0 - *known) / 8.0;
        }
        let codec = slot.rewrite.current().map_or(0, |segment| segment.codec);
        let clock_rate = slot.parameters.codecs[codec].clock_rate.max(1);
        slot.heard.jitter_s = f64::from(block.jitter) / f64::from(clock_rate);
        let now = ntp_middle(self.clock.ntp(arrived));
        if let Some(sample) = round_trip(now, block.last_sender_report, block.delay_since) {
            let transport = self.senders[sender].id;
            let round_trip = self.senders[sender].measure_round_trip(sample);
            self.take_round_trip(sender, round_trip);
            self.up.push(Up::RoundTrip {
                transport,
                round_trip,
            });
        }
    }

    fn answer_nack(&mut self, now: Instant, index: usize, lost: &[u16]) {
        for &number in lost {
            self.slots[index].counters.nacks_received += 1;
            if let Err(reason) = self.send_again(now, index, number) {
                self.drops.count(reason);
            }
        }
    }

    fn send_again(&mut self, now: Instant, index: usize, number: u16) -> Result<(), DropReason> {
        let (now_ms, now_us) = (self.clock.ms(now), self.clock.us(now));
        let sequence = extend_sequence(self.slots[index].rewrite.highest(), number);
        let again = self.find_sent(index, sequence);
        let again = again.ok_or(DropReason::NackTooOld)?;
        if self.is_superseded(index, sequence) {
            return Err(DropReason::NackSuperseded);
        }
        let slot = &mut self.slots[index];
        let sender = &mut self.senders[slot.sender];
        let round_trip = sender.response();
        let has_room = match &sender.pacer {
            Some(pacer) => pacer.has_room_again(),
            None => !sender.is_over(now_us),
        };
        if !has_room {
            return Err(DropReason::NackOverBudget);
        }
        if !slot.retransmissions.allow(sequence, now_ms, round_trip) {
            return Err(DropReason::NackLimited);
        }
        if !sender.resending.spend(again.size()) {
            return Err(DropReason::NackOverBudget);
        }
        let control = Control::Retransmission(Box::new(again));
        match self.walk.push(control) {
            true => Ok(()),
            false => Err(DropReason::SendQueueFull),
        }
    }

    /// A keyframe went out after it, so that no picture needs it any more. What was sent before
    /// a switch still makes the last picture whole, where there is room for it.
    fn is_superseded(&self, index: usize, sequence: i64) -> bool {
        let slot = &self.slots[index];
        let Some(current) = slot.rewrite.current().filter(|_| !slot.is_audio()) else {
            return false;
        };
        let feed = self.feeds.get(&current.layer);
        let keyframe = feed.and_then(|feed| feed.keyframe);
        let keyframe = keyframe.map(|keyframe| current.number_of(keyframe));
        if sequence < current.number_of(i64::MIN) {
            return self.senders[slot.sender].is_limited();
        }
        let has_left = !self.senders[slot.sender].holds_keyframe();
        keyframe.is_some_and(|keyframe| {
            has_left && sequence < keyframe && keyframe <= slot.rewrite.highest()
        })
    }

    /// The stored packet that went out under a number.
    fn find_sent(&self, index: usize, sequence: i64) -> Option<Retransmission> {
        let (segment, number) = self.slots[index].rewrite.trace(sequence)?;
        let (burst, packet) = self.feeds.get(&segment.layer)?.cache.get(number)?;
        // What stands there may be a filled hole, whose packet was left out.
        let held = &burst.packets[packet as usize];
        let layers = &held.layers;
        let slot = &self.slots[index];
        let then = slot.layers.at(held.timestamp);
        // Under its own number it must be what it was, or one nonce would protect two packets.
        let may_differ = segment.is_thinned() && layers.temporal > 0 || layers.spatial.are_several;
        // So must it be where nobody negotiated to ask for it: that goes out with numbers of its own.
        let may_differ = may_differ || !slot.resends_as_it_was(segment.codec);
        let has_rtx = slot.rtx(segment.codec).is_some();
        if !then.has(layers) || !has_rtx && may_differ {
            return None;
        }
        let numbers = segment.apply(held)?;
        Some(Retransmission {
            slot: index,
            id: self.slots[index].id,
            codec: segment.codec,
            numbers,
            marker: slot.marks(&then, held, &numbers),
            burst: std::sync::Arc::clone(burst),
            packet,
        })
    }
}
