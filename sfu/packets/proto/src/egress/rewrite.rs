//! One unbroken stream out of many: sequence numbers, timestamps and picture ids go on from
//! wherever the previous layer stopped.
//!
//! A switch opens a segment with constant offsets. Packets of the current layer, late ones
//! too, move by its offsets; the last few segments stay known so that a NACK still finds
//! what was sent before a switch. Where temporal layers are left out the offsets grow with each
//! packet left out: see [`super::thinned`].

use std::collections::VecDeque;

use super::holes::Holes;
use super::thinned::Thinned;
use crate::command::MediaKind;
use crate::handover::{LayerKey, Packet};

/// Switches that a NACK may reach back over.
const SEGMENTS: usize = 8;
const PICTURE_ID_MASK: u16 = 0x7fff;
/// Opus, and most senders of other audio, packetise in 20 ms: a step off that grid is taken
/// for jitter by the receiver.
const AUDIO_GRID_US: i64 = 20_000;
/// Two frames must never share a timestamp.
const VIDEO_STEP_US: i64 = 1_000;
/// Differences of 32-bit timestamps say nothing after half a turn, 6.6 hours at 90 kHz.
const COMPARABLE_US: i64 = 3_600_000_000;

#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) layer: LayerKey,
    /// Index into the slot's codecs.
    pub(crate) codec: usize,
    /// First number of the layer that belongs here; what is before came too late.
    first: i64,
    thinned: Option<Box<Thinned>>,
    first_out: i64,
    sequence: i64,
    pub(crate) timestamp: u32,
    picture_id: u16,
    tl0_picture_index: u8,
    frame_number: u16,
}

/// A packet as this slot numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// With the SRTP roll-over counter above the low 16 bits.
    pub(crate) sequence: i64,
    pub(crate) timestamp: u32,
    pub(crate) picture_id: Option<u16>,
    pub(crate) tl0_picture_index: Option<u8>,
    pub(crate) frame_number: Option<u16>,
    /// The first after a switch.
    pub(crate) is_first: bool,
}

#[derive(Debug)]
pub(crate) struct Rewrite {
    segments: VecDeque<Segment>,
    /// The highest number sent, and that before the first.
    highest: i64,
    start: i64,
    pub(crate) holes: Holes,
    timestamp: u32,
    /// When the frame of `timestamp` was first sent.
    timestamp_us: i64,
    /// A timestamp, and when what carries it was captured: pictures of all layers keep to it.
    origin: Option<(u32, i64)>,
    picture_id: u16,
    tl0_picture_index: u8,
    frame_number: u16,
}

impl Rewrite {
    /// Starts anywhere; the first sequence number is below 2^15, so that losing the first
    /// packets cannot confuse the receiver's roll-over counter (RFC 3711 §3.3.1).
    pub(crate) fn new(random: u64) -> Self {
        Self {
            segments: VecDeque::new(),
            highest: (random & 0x7fff) as i64,
            start: (random & 0x7fff) as i64,
            holes: Holes::default(),
            timestamp: (random >> 16) as u32,
            timestamp_us: 0,
            origin: None,
            picture_id: (random >> 48) as u16 & PICTURE_ID_MASK,
            tl0_picture_index: (random >> 40) as u8,
            frame_number: (random >> 32) as u16,
        }
    }

    /// The stream goes on with this packet, the first that the new layer shows here. `at_us`: when
    /// a picture was captured, as far as that is known; when a voice is sent.
    pub(crate) fn switch(
        &mut self,
        packet: &Packet,
        codec: usize,
        kind: MediaKind,
        clock_rate: u32,
        at_us: i64,
    ) {
        let timestamp = match kind {
            MediaKind::Audio => self.next_on_grid(clock_rate, at_us),
            MediaKind::Video => self.captured_timestamp(clock_rate, at_us),
        };
        let picture_id = self.picture_id.wrapping_add(1) & PICTURE_ID_MASK;
        let tl0 = self.tl0_picture_index.wrapping_add(1);
        let frame_number = self.frame_number.wrapping_add(1);
        let next = self.highest + 1;
        self.segments.push_back(Segment {
            layer: packet.layer,
            codec,
            first: packet.sequence,
            thinned: None,
            first_out: next,
            sequence: next - packet.sequence,
            timestamp: timestamp.wrapping_sub(packet.timestamp),
            picture_id: picture_id.wrapping_sub(packet.picture_id.unwrap_or(0)),
            tl0_picture_index: tl0.wrapping_sub(packet.tl0_picture_index.unwrap_or(0)),
            frame_number: frame_number.wrapping_sub(packet.frame_number.unwrap_or(0)),
        });
        if self.segments.len() > SEGMENTS {
            self.segments.pop_front();
        }
        self.timestamp = timestamp;
        self.timestamp_us = at_us;
    }

    fn next_on_grid(&self, clock_rate: u32, now_us: i64) -> u32 {
        let elapsed = now_us - self.timestamp_us;
        let steps = (elapsed + AUDIO_GRID_US / 2) / AUDIO_GRID_US;
        self.timestamp
            .wrapping_add(ticks(steps.max(1) * AUDIO_GRID_US, clock_rate))
    }

    /// By one clock for all that is ever shown here. If each switch went on from the frame before
    /// it by the time since then, a keyframe that took its encoder longer than other frames would
    /// put all that follow it, and all after the next switch, so much later: receivers would wait.
    fn captured_timestamp(&mut self, clock_rate: u32, captured_us: i64) -> u32 {
        let step = ticks(VIDEO_STEP_US, clock_rate);
        let next = self.timestamp.wrapping_add(step);
        let (origin, origin_us) = *self.origin.get_or_insert((next, captured_us));
        let captured = origin.wrapping_add(ticks(captured_us - origin_us, clock_rate));
        let is_behind = (captured.wrapping_sub(next) as i32) < 0;
        match is_behind && captured_us - self.timestamp_us < COMPARABLE_US {
            true => next,
            false => captured,
        }
    }

    /// Numbers a packet of the current layer; `None`: it is from before the switch.
    #[inline]
    pub(crate) fn route(&mut self, packet: &Packet, now_us: i64) -> Option<Numbers> {
        let segment = self.segments.back_mut()?;
        if packet.sequence < segment.first {
            return None;
        }
        if let Some(thinned) = &mut segment.thinned {
            thinned.sent(packet.sequence);
        }
        let numbers = segment.apply(packet)?;
        if numbers.sequence > self.highest {
            if numbers.sequence != self.highest + 1 {
                self.holes.open(self.highest + 1..numbers.sequence);
            }
            self.highest = numbers.sequence;
            if numbers.timestamp != self.timestamp {
                self.timestamp = numbers.timestamp;
                self.timestamp_us = now_us;
            }
            self.picture_id = numbers.picture_id.unwrap_or(self.picture_id);
            self.tl0_picture_index = numbers.tl0_picture_index.unwrap_or(self.tl0_picture_index);
            self.frame_number = numbers.frame_number.unwrap_or(self.frame_number);
        } else {
            self.holes.fill(numbers.sequence, self.highest);
        }
        Some(numbers)
    }

    /// Leaves a packet out, so that it costs no number. Where it comes too late for that, its
    /// number must be filled with an empty packet: it was left open.
    #[inline(never)]
    pub(crate) fn leave_out(&mut self, packet: &Packet, numbers_pictures: bool) -> Option<Numbers> {
        let segment = self.segments.back_mut()?;
        if packet.sequence < segment.first {
            return None;
        }
        let highest = self.highest - segment.sequence;
        let thinned = segment
            .thinned
            .get_or_insert_with(|| Box::new(Thinned::after(highest)));
        if packet.sequence <= thinned.last() {
            let numbers = segment.apply(packet)?;
            self.note_filled(numbers.sequence);
            return Some(numbers);
        }
        let picture = packet.picture_id.filter(|_| numbers_pictures);
        thinned.remove(packet.sequence, picture);
        None
    }

    fn note_filled(&mut self, sequence: i64) {
        if sequence > self.highest {
            self.holes.open(self.highest + 1..sequence);
            self.highest = sequence;
        } else {
            self.holes.fill(sequence, self.highest);
        }
    }

    pub(crate) fn highest(&self) -> i64 {
        self.highest
    }

    /// The number before the first.
    pub(crate) fn start(&self) -> i64 {
        self.start
    }

    pub(crate) fn current(&self) -> Option<&Segment> {
        self.segments.back()
    }

    /// The segment in which a number was sent, and the layer's own number for it.
    pub(crate) fn trace(&self, sequence: i64) -> Option<(&Segment, i64)> {
        if sequence > self.highest {
            return None;
        }
        let segment = self
            .segments
            .iter()
            .rev()
            .find(|segment| segment.first_out <= sequence)?;
        let closed = sequence - segment.sequence;
        let number = match &segment.thinned {
            Some(thinned) => thinned.original(closed)?,
            None => closed,
        };
        Some((segment, number))
    }

    /// New keys: the roll-over counter begins at zero again, and nothing sent before can be
    /// sent again under them.
    pub(crate) fn restart(&mut self) {
        self.segments.clear();
        self.highest &= 0x7fff;
        self.start = self.highest;
        self.holes = Holes::default();
    }

    pub(crate) fn forget_segments(&mut self) {
        let current = self.segments.pop_back();
        self.segments.clear();
        if let Some(mut current) = current {
            current.first_out = self.highest + 1;
            self.segments.push_back(current);
        }
    }
}

fn ticks(us: i64, clock_rate: u32) -> u32 {
    (i128::from(us) * i128::from(clock_rate) / 1_000_000) as u32
}

impl Segment {
    pub(crate) fn is_before(&self, sequence: i64) -> bool {
        sequence < self.first
    }

    /// Under which number the layer's own goes out; the segment's first for what is before it.
    pub(crate) fn number_of(&self, sequence: i64) -> i64 {
        let thinned = self.thinned.as_ref();
        let before = thinned.and_then(|thinned| thinned.before(sequence));
        let closed = sequence.saturating_sub(before.map_or(0, |(packets, _)| packets));
        closed.saturating_add(self.sequence).max(self.first_out)
    }

    /// `None`: too much was left out since then.
    #[inline]
    pub(crate) fn apply(&self, packet: &Packet) -> Option<Numbers> {
        match &self.thinned {
            None => Some(self.number(packet, 0, 0)),
            Some(thinned) => self.apply_thinned(thinned, packet),
        }
    }

    /// Packets of it were left out.
    pub(crate) fn is_thinned(&self) -> bool {
        self.thinned.is_some()
    }

    #[inline(never)]
    fn apply_thinned(&self, thinned: &Thinned, packet: &Packet) -> Option<Numbers> {
        let (packets, pictures) = thinned.before(packet.sequence)?;
        Some(self.number(packet, packets, pictures))
    }

    /// With so many packets and pictures left out before.
    #[inline]
    fn number(&self, packet: &Packet, packets: i64, pictures: u16) -> Numbers {
        let picture_offset = self.picture_id.wrapping_sub(pictures);
        let picture_id = |id: u16| id.wrapping_add(picture_offset) & PICTURE_ID_MASK;
        let tl0 = |index: u8| index.wrapping_add(self.tl0_picture_index);
        Numbers {
            sequence: packet.sequence - packets + self.sequence,
            timestamp: packet.timestamp.wrapping_add(self.timestamp),
            picture_id: packet.picture_id.map(picture_id),
            tl0_picture_index: packet.tl0_picture_index.map(tl0),
            frame_number: packet
                .frame_number
                .map(|number| number.wrapping_add(self.frame_number)),
            is_first: packet.sequence == self.first,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(layer: u64, sequence: i64, timestamp: u32) -> Packet {
        Packet {
            layer: LayerKey(layer),
            came_us: 0,
            sequence,
            timestamp,
            marker: false,
            keyframe: false,
            picture_id: Some(sequence as u16 & PICTURE_ID_MASK),
            tl0_picture_index: Some(sequence as u8),
            frame_number: Some(sequence as u16),
            targets: None,
            layers: Default::default(),
            extensions: 0..0,
            payload: 0..0,
        }
    }

    #[test]
    fn a_switch_goes_on_by_one_and_by_the_time_that_passed() {
        let mut rewrite = Rewrite::new(u64::MAX);
        let first = packet(1, 500, 1000);
        rewrite.switch(&first, 0, MediaKind::Video, 90_000, 0);
        let one = rewrite.route(&first, 0).expect("current");
        let second = packet(2, 9, 77);
        rewrite.switch(&second, 0, MediaKind::Video, 90_000, 40_000);
        let two = rewrite.route(&second, 40_000).expect("current");
        assert_eq!(two.sequence, one.sequence + 1);
        assert_eq!(two.timestamp, one.timestamp.wrapping_add(3600));
        assert_eq!(
            two.picture_id,
            one.picture_id.map(|id| (id + 1) & PICTURE_ID_MASK)
        );
        assert_eq!(
            two.tl0_picture_index,
            one.tl0_picture_index.map(|id| id.wrapping_add(1))
        );
        assert_eq!(
            rewrite.route(&packet(2, 8, 70), 41_000),
            None,
            "from before the switch"
        );
    }

    #[test]
    fn late_keyframes_do_not_put_off_what_follows() {
        let mut rewrite = Rewrite::new(7);
        let mut ahead = Vec::new();
        for turn in 0..20_i64 {
            let began = turn * 2_000_000;
            // Asked for at once, encoded 80 ms after its capture; the others arrive after 10 ms.
            let key = packet(turn as u64, 0, 5_000);
            rewrite.switch(&key, 0, MediaKind::Video, 90_000, began);
            rewrite.route(&key, began + 80_000).expect("current");
            let last = packet(turn as u64, 1, 5_000 + 90_000);
            let sent = began + 1_010_000;
            let numbers = rewrite.route(&last, sent).expect("current");
            ahead.push(numbers.timestamp.wrapping_sub(ticks(sent, 90_000)));
        }
        assert!(ahead.windows(2).all(|pair| pair[0] == pair[1]), "{ahead:?}");
    }

    #[test]
    fn frames_go_on_in_order_whatever_the_clocks_say() {
        let mut rewrite = Rewrite::new(7);
        let first = packet(1, 0, 0);
        rewrite.switch(&first, 0, MediaKind::Video, 90_000, 1_000_000);
        let one = rewrite.route(&first, 1_000_000).expect("current");
        let ahead = packet(1, 1, 450_000); // 5 s, where one has passed
        let before = rewrite.route(&ahead, 2_000_000).expect("current");
        for (turn, at_us) in [(2, 2_000_000), (3, 500_000)] {
            let next = packet(turn, 0, 77);
            rewrite.switch(&next, 0, MediaKind::Video, 90_000, at_us);
            let numbers = rewrite.route(&next, at_us).expect("current");
            let step = numbers.timestamp.wrapping_sub(before.timestamp);
            assert_eq!(step, 90 * (turn as u32 - 1));
        }
        // The clock has caught up: nothing is left of it.
        let late = packet(4, 0, 9);
        rewrite.switch(&late, 0, MediaKind::Video, 90_000, 9_000_000);
        let numbers = rewrite.route(&late, 9_000_000).expect("current");
        let passed = numbers.timestamp.wrapping_sub(one.timestamp);
        assert_eq!(passed, ticks(8_000_000, 90_000));
    }

    #[test]
    fn a_slot_that_rested_for_hours_goes_on_by_the_time_that_passed() {
        let mut rewrite = Rewrite::new(7);
        let first = packet(1, 0, 0);
        rewrite.switch(&first, 0, MediaKind::Video, 90_000, 0);
        let one = rewrite.route(&first, 0).expect("current").timestamp;
        let hours = 7 * COMPARABLE_US;
        let second = packet(2, 0, 0);
        rewrite.switch(&second, 0, MediaKind::Video, 90_000, hours);
        let two = rewrite.route(&second, hours).expect("current").timestamp;
        assert_eq!(two.wrapping_sub(one), ticks(hours, 90_000));
    }

    #[test]
    fn audio_goes_on_in_steps_of_20_ms() {
        for (elapsed, ticks) in [
            (3_000, 960),
            (29_000, 960),
            (31_000, 1920),
            (401_000, 19_200),
        ] {
            let mut rewrite = Rewrite::new(1);
            let first = packet(1, 1, 0);
            rewrite.switch(&first, 0, MediaKind::Audio, 48_000, 0);
            let one = rewrite.route(&first, 0).expect("current").timestamp;
            let second = packet(2, 1, 5);
            rewrite.switch(&second, 0, MediaKind::Audio, 48_000, elapsed);
            let two = rewrite.route(&second, elapsed).expect("current").timestamp;
            assert_eq!(two.wrapping_sub(one), ticks, "after {elapsed} us");
        }
    }

    #[test]
    fn frames_left_out_cost_no_number_and_late_ones_find_theirs_open() {
        let mut rewrite = Rewrite::new(3);
        let first = packet(1, 100, 0);
        rewrite.switch(&first, 0, MediaKind::Video, 90_000, 0);
        let start = rewrite.route(&first, 0).expect("current");
        assert_eq!(rewrite.leave_out(&packet(1, 101, 1), true), None);
        // 102 is late.
        assert_eq!(rewrite.leave_out(&packet(1, 103, 3), true), None);
        let next = rewrite.route(&packet(1, 104, 4), 1).expect("current");
        assert_eq!(next.sequence, start.sequence + 2, "102 may still come");
        assert_eq!(
            next.picture_id,
            start.picture_id.map(|id| (id + 2) & PICTURE_ID_MASK)
        );
        let late = rewrite.leave_out(&packet(1, 102, 2), true).expect("open");
        assert_eq!(late.sequence, start.sequence + 1);
        assert_eq!(
            rewrite.trace(next.sequence).map(|(_, number)| number),
            Some(104)
        );
        assert_eq!(
            rewrite.leave_out(&packet(1, 99, 2), true),
            None,
            "before the switch"
        );
    }

    #[test]
    fn what_was_sent_before_a_switch_is_found() {
        let mut rewrite = Rewrite::new(7);
        for layer in 1..=20u64 {
            let first = packet(layer, layer as i64 * 100, 0);
            rewrite.switch(&first, 0, MediaKind::Video, 90_000, layer as i64 * 1000);
            rewrite.route(&first, 0);
            rewrite.route(&packet(layer, layer as i64 * 100 + 1, 0), 0);
        }
        let (segment, number) = rewrite.trace(rewrite.highest() - 3).expect("remembered");
        assert_eq!((segment.layer, number), (LayerKey(19), 1900));
        assert!(rewrite.trace(rewrite.highest() - 30).is_none());
        assert!(rewrite.trace(rewrite.highest() + 1).is_none());
    }
}
