//! Sound that is sent along with the packets after it (RFC 2198), towards those whose way loses
//! some and who negotiated it, whatever its publisher sends.
//!
//! How far it reaches back ([`super::losses`]) is asked here against the budget; what was sent
//! before comes from the store that retransmissions come from. The packets keep their numbers and
//! timestamps, only the payload type changes, so that it may begin and end at any of them. Nobody
//! else pays for it: see [`Slot::distance`].

use std::time::Instant;

use super::Egress;
use super::feed::Feed;
use super::losses::Losses;
use super::sender::Sender;
use super::slot::Slot;
use crate::codecs::red;
use crate::command::{Codec, SlotParameters};
use crate::handover::{Burst, Packet};

pub(crate) const FURTHEST: usize = 2;
/// With headers and the tag within 1200 bytes, which every path takes (RFC 9000 §14).
const MOST_BYTES: usize = 1100;
/// What takes more than half of what voices leave is not worth it: to reach back twice spares one
/// packet in twenty where one in five is lost.
const SECOND_SHARE: u64 = 2;
/// To rise, it must fit with so much to spare, in percent: estimates move.
const SPARE_PERCENT: u64 = 20;

/// Indices into a slot's codecs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Redundant {
    codec: usize,
    inner: usize,
}

impl Redundant {
    /// Whether the subscriber takes it. Where a packet would be sent again under its own number
    /// it must be the same to the bit: not there.
    pub(super) fn of(parameters: &SlotParameters) -> Option<Self> {
        let codecs = &parameters.codecs;
        let place = |wanted| codecs.iter().position(|codec| codec.codec == wanted);
        let (codec, inner) = (place(Codec::Red)?, place(Codec::Opus)?);
        let opus = &codecs[inner];
        let is_opus = |written: &str| written.parse() == Ok(opus.payload_type);
        let has_rtx = opus.rtx_payload_type.is_some() && parameters.rtx_ssrc.is_some();
        let fits = codecs[codec].format.split('/').all(is_opus) && (!opus.nack || has_rtx);
        fits.then_some(Self { codec, inner })
    }
}

/// What stands before a packet's own payload, and under which of the slot's codecs it goes out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Before {
    start: u32,
    pub(super) len: u16,
}

impl Before {
    pub(super) fn bytes<'w>(&self, written: &'w [u8]) -> &'w [u8] {
        &written[self.start as usize..][..usize::from(self.len)]
    }
}

/// Writes headers and older packets, the oldest first; none if there is none to send along. Only
/// those of this segment are: what was before it was another's voice, or another's time.
#[inline(never)]
pub(super) fn write(
    out: &mut Vec<u8>,
    slot: &Slot,
    feed: &Feed,
    burst: &Burst,
    packet: &Packet,
) -> Option<(usize, Before)> {
    let redundant = slot.redundant?;
    let segment = slot.rewrite.current()?;
    if segment.codec != redundant.inner {
        return None;
    }
    let headers = FURTHEST * red::HEADERS.0 + red::HEADERS.1;
    let mut room = MOST_BYTES.checked_sub(burst.payload(packet).len() + headers)?;
    let mut older = [None; FURTHEST];
    for (back, place) in (1..=i64::from(slot.distance)).zip(&mut older) {
        let sequence = packet.sequence - back;
        if segment.is_before(sequence) {
            break;
        }
        *place = repeatable(feed, packet, sequence).filter(|(_, data)| data.len() <= room);
        room -= place.map_or(0, |(_, data)| data.len());
    }
    let start = out.len();
    let payload_type = slot.parameters.codecs[redundant.inner].payload_type;
    for (age, data) in older.iter().rev().flatten() {
        red::write_older(out, payload_type, *age, data.len());
    }
    if out.len() == start {
        return None;
    }
    red::write_newest(out, payload_type);
    for (_, data) in older.iter().rev().flatten() {
        out.extend_from_slice(data);
    }
    let before = Before {
        start: start as u32,
        len: (out.len() - start) as u16,
    };
    Some((redundant.codec, before))
}

/// A packet's age and payload, if both can be said. Pauses make packets rare (RFC 7587 §3.1.3).
fn repeatable<'f>(feed: &'f Feed, newest: &Packet, sequence: i64) -> Option<(u32, &'f [u8])> {
    let (burst, index) = feed.cache.get(sequence)?;
    let packet = &burst.packets[index as usize];
    let age = newest.timestamp.wrapping_sub(packet.timestamp);
    let data = burst.payload(packet);
    let is_sayable = (1..=red::FURTHEST).contains(&age) && (1..=red::LONGEST).contains(&data.len());
    is_sayable.then_some((age, data))
}

impl Sender {
    /// As far back as is asked and fits; `repeated_bps`: what all its voices take once.
    pub(super) fn affordable(&self, left_bps: u64, repeated_bps: u64) -> u8 {
        let wanted = self.losses.as_ref().map_or(0, |losses| losses.distance());
        let fits = |distance: u8| {
            let share = if distance > 1 { SECOND_SHARE } else { 1 };
            let spare = if distance > self.distance {
                SPARE_PERCENT
            } else {
                0
            };
            let needed = repeated_bps * u64::from(distance) * share;
            needed * (100 + spare) / 100 <= left_bps
        };
        (1..=wanted)
            .rev()
            .find(|&distance| fits(distance))
            .unwrap_or(0)
    }
}

impl Egress {
    pub(super) fn begin_redundancy(&mut self, slot: usize) {
        let slot = &mut self.slots[slot];
        if slot.redundant.is_some() {
            let sender = &mut self.senders[slot.sender];
            sender.losses.get_or_insert_default();
            slot.distance = sender.distance;
        }
    }

    pub(super) fn take_losses(
        &mut self,
        now: Instant,
        sender: usize,
        told: impl Iterator<Item = (u16, Option<i64>)>,
    ) {
        let now_us = self.clock.us(now);
        self.note_losses(sender, |losses| losses.take_arrivals(now_us, told));
    }

    pub(super) fn take_reported_loss(&mut self, now: Instant, sender: usize, fraction_lost: u8) {
        let now_us = self.clock.us(now);
        self.note_losses(sender, |losses| losses.take_report(now_us, fraction_lost));
    }

    fn note_losses(&mut self, sender: usize, note: impl FnOnce(&mut Losses)) {
        let Some(losses) = &mut self.senders[sender].losses else {
            return;
        };
        let before = losses.distance();
        note(losses);
        if losses.distance() != before {
            self.adapt_soon(sender);
        }
    }

    /// What is left of the budget, if there is one, and what the voices take once: more of them
    /// is sent along from the next packet on. What that takes.
    pub(super) fn reach_back(&mut self, sender: usize, left_bps: u64, repeated_bps: u64) -> u64 {
        let held = &mut self.senders[sender];
        let distance = held.affordable(left_bps, repeated_bps);
        if std::mem::replace(&mut held.distance, distance) != distance {
            for &(_, slot) in &held.slots {
                let slot = &mut self.slots[slot];
                slot.distance = slot.redundant.map_or(0, |_| distance);
            }
        }
        u64::from(distance) * repeated_bps
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{CodecParameters, MediaKind};
    use crate::ids::TransportId;

    fn codec(codec: Codec, payload_type: u8, format: &str) -> CodecParameters {
        CodecParameters {
            codec,
            payload_type,
            rtx_payload_type: None,
            clock_rate: 48_000,
            format: format.to_owned(),
            nack: false,
            pli: false,
            fir: false,
            transport_cc: false,
            ccfb: false,
            remb: false,
        }
    }

    fn takes(codecs: Vec<CodecParameters>, rtx_ssrc: Option<u32>) -> bool {
        let parameters = SlotParameters {
            transport: TransportId(1),
            mid: "0".into(),
            kind: MediaKind::Audio,
            codecs,
            ssrc: 1,
            rtx_ssrc,
            cname: "a".into(),
            follows: None,
        };
        Redundant::of(&parameters).is_some()
    }

    #[test]
    fn who_negotiated_it_for_opus_takes_it() {
        let opus = || codec(Codec::Opus, 111, "");
        assert!(takes(vec![opus(), codec(Codec::Red, 63, "111/111")], None));
        assert!(takes(vec![codec(Codec::Red, 63, "111"), opus()], None));
        assert!(!takes(vec![opus()], None));
        assert!(!takes(vec![codec(Codec::Red, 63, "111/111")], None));
        assert!(!takes(vec![opus(), codec(Codec::Red, 63, "111/9")], None));
        assert!(!takes(vec![opus(), codec(Codec::Red, 63, "")], None));
    }

    /// Else the same SRTP nonce would protect Opus the first time and RED the second.
    #[test]
    fn who_may_be_sent_the_same_packet_again_does_not() {
        let red = || codec(Codec::Red, 63, "111/111");
        let opus = |rtx_payload_type| CodecParameters {
            nack: true,
            rtx_payload_type,
            ..codec(Codec::Opus, 111, "")
        };
        assert!(!takes(vec![opus(None), red()], Some(2)));
        assert!(!takes(vec![opus(Some(112)), red()], None));
        assert!(takes(vec![opus(Some(112)), red()], Some(2)));
    }
}
