//! In which order, and when, what one narrow way is to carry leaves.
//!
//! In go pictures that are numbered and not yet written, packets to send again, and how many
//! bits a second the way carries; out come as many of them as may leave at once. What left past
//! it (voices, probes) is told, and the rest waits for it. It knows no byte of a packet, no
//! socket and no estimate's origin; time is microseconds of our clock.

use std::collections::VecDeque;
use std::sync::Arc;

use super::walk::{Outgoing, Retransmission};
use crate::handover::{Burst, LayerKey};
use crate::ids::SlotId;
use crate::limits::{PACED_BYTES, PACED_LONGEST};
use crate::rtp::FIXED_HEADER;

/// What leaves at once is so long at the rate of the way: libwebrtc's pacer has 40 ms
/// (`pacing_controller.h`, kDefaultBurstInterval); half of it is a packet of sound, which then
/// waits for its own length at most.
const QUANTUM_S: f64 = 0.02;
const LONGEST_S: f64 = PACED_LONGEST.as_millis() as f64 / 1e3;
/// Nobody waits so long: for a slide of a screen of 200 kB at 320 kbit/s, but not for what found
/// room and then the way became so narrow.
const TOO_LONG_S: f64 = 5.0 * LONGEST_S;
/// What waits when a way is no longer known to be narrow leaves so many times faster.
const ENDING_TIMES: f64 = 10.0;
/// So long a probe waits: a tenth of the time between two.
const PROBE_WAITS_US: i64 = 250_000;

/// A packet of a picture that has its numbers.
pub(super) struct Numbered {
    pub(super) outgoing: Outgoing,
    /// Its extensions, which [`Outgoing::block`] no longer finds.
    pub(super) block: Box<[u8]>,
    /// Whose place in the slab that was.
    pub(super) id: SlotId,
    pub(super) burst: Arc<Burst>,
    /// Part of a keyframe.
    pub(super) is_key: bool,
}

/// Bytes that wait, by what has to wait for them.
#[derive(Clone, Copy, Default)]
struct Waiting {
    again: usize,
    stage: usize,
    others: usize,
    /// Of keyframes, wherever they are.
    keys: usize,
}

impl Waiting {
    fn of(&mut self, is_key: bool, is_stage: bool) -> &mut usize {
        match (is_key, is_stage) {
            (true, _) => &mut self.keys,
            (false, true) => &mut self.stage,
            (false, false) => &mut self.others,
        }
    }

    fn all(&self) -> usize {
        self.again + self.stage + self.others + self.keys
    }
}

pub(super) struct Pacer {
    again: VecDeque<(i64, Retransmission)>,
    stage: VecDeque<Numbered>,
    others: VecDeque<Numbered>,
    waiting: Waiting,
    bps: f64,
    /// What has left, less what the way has carried of it since.
    left_bytes: f64,
    left_us: i64,
    /// Nothing is paced after what waits.
    is_ending: bool,
    /// A probe is put off until nothing waits, since then.
    probe_due_us: Option<i64>,
}

/// What may leave at once.
#[derive(Default)]
pub(super) struct Released {
    pub(super) again: Vec<Retransmission>,
    pub(super) pictures: Vec<Numbered>,
    /// Of those to send again, what waited until nobody had a use for it.
    pub(super) too_old: u64,
}

impl Pacer {
    pub(super) fn new(now_us: i64, available_bps: u64) -> Self {
        Self {
            again: VecDeque::new(),
            stage: VecDeque::new(),
            others: VecDeque::new(),
            waiting: Waiting::default(),
            bps: available_bps.max(1) as f64,
            left_bytes: 0.0,
            left_us: now_us,
            is_ending: false,
            probe_due_us: None,
        }
    }

    pub(super) fn set_available(&mut self, now_us: i64, available_bps: u64) {
        self.carry(now_us);
        self.bps = available_bps.max(1) as f64;
        self.left_bytes = self.left_bytes.min(self.bps / 8.0 * LONGEST_S);
        self.is_ending = false;
    }

    /// The way is no longer known to be narrow.
    pub(super) fn end(&mut self) {
        if !std::mem::replace(&mut self.is_ending, true) {
            self.bps *= ENDING_TIMES;
        }
    }

    fn carry(&mut self, now_us: i64) {
        // Reports come with the time at which they lay in the kernel.
        let passed_us = (now_us - self.left_us).max(0);
        self.left_us = self.left_us.max(now_us);
        let carried = self.bps / 8.0 * passed_us as f64 / 1e6;
        self.left_bytes = (self.left_bytes - carried).max(0.0);
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_ending && self.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.again.is_empty() && self.stage.is_empty() && self.others.is_empty()
    }

    /// Another frame may begin. A keyframe is as long as it is, and those that lean on it come soon
    /// after: only what is no keyframe says that more comes than the way carries. The stage goes
    /// before the others and does not wait for them.
    pub(super) fn has_room(&self, is_stage: bool) -> bool {
        let before = match is_stage {
            true => self.waiting.again + self.waiting.stage,
            false => self.waiting.all() - self.waiting.keys,
        };
        let all = self.waiting.all();
        self.seconds(before) < LONGEST_S && self.seconds(all) < TOO_LONG_S && all < PACED_BYTES
    }

    /// One that has begun may go on: beyond this it is no frame.
    pub(super) fn has_room_for_the_rest(&self) -> bool {
        self.waiting.all() < 2 * PACED_BYTES
    }

    /// Somebody shall get one that has not left.
    pub(super) fn holds_keyframe(&self) -> bool {
        self.waiting.keys > 0
    }

    /// How long so many bytes take.
    fn seconds(&self, bytes: usize) -> f64 {
        bytes as f64 * 8.0 / self.bps
    }

    /// Behind all of its slot.
    pub(super) fn push(&mut self, numbered: Numbered, is_stage: bool) {
        *self.waiting.of(numbered.is_key, is_stage) += numbered.outgoing.piece.size;
        match is_stage {
            true => self.stage.push_back(numbered),
            false => self.others.push_back(numbered),
        }
    }

    /// Whether there is room. It goes before all pictures.
    pub(super) fn has_room_again(&self) -> bool {
        self.seconds(self.waiting.again) < LONGEST_S
    }

    pub(super) fn push_again(&mut self, now_us: i64, again: Retransmission) {
        self.waiting.again += again.size();
        self.again.push_back((now_us, again));
    }

    /// Another picture is on stage. What waits keeps its order, or the packets of a slot might
    /// overtake each other.
    pub(super) fn forget_stage(&mut self) {
        self.stage.append(&mut self.others);
        self.waiting.stage += std::mem::take(&mut self.waiting.others);
    }

    pub(super) fn clear(&mut self) {
        self.again.clear();
        self.stage.clear();
        self.others.clear();
        self.waiting = Waiting::default();
    }

    /// Where what waits would come too late for anybody: of its pictures the numbers alone remain,
    /// which leave as empty packets, or they would be asked for. Of which slots they were.
    pub(super) fn give_up(&mut self) -> Vec<(usize, SlotId, LayerKey)> {
        if self.seconds(self.waiting.all()) < TOO_LONG_S {
            return Vec::new();
        }
        let stage = self.stage.iter_mut().map(|held| (true, held));
        let others = self.others.iter_mut().map(|held| (false, held));
        let pictures = stage.chain(others);
        // Not what must be the same to the bit if it goes out again (it cannot be padded either).
        let can_be_empty = |held: &Outgoing| !held.is_empty && held.piece.can_pad;
        let pictures = pictures.filter(|(_, held)| can_be_empty(&held.outgoing));
        let given_up = pictures.map(|(is_stage, held)| {
            let outgoing = &mut held.outgoing;
            let payload = outgoing.piece.size - FIXED_HEADER - usize::from(outgoing.block.len);
            outgoing.piece.size -= payload;
            *self.waiting.of(held.is_key, is_stage) -= payload;
            (outgoing.is_empty, outgoing.marker) = (true, false);
            let layer = held.burst.packets[outgoing.packet].layer;
            (outgoing.slot, held.id, layer)
        });
        given_up.collect()
    }

    /// Moves what may leave now into `released`: one packet at the least, where the way is free.
    pub(super) fn release(&mut self, now_us: i64, released: &mut Released) {
        self.carry(now_us);
        let most = self.bps / 8.0 * QUANTUM_S;
        let mut left = self.left_bytes;
        while left < most {
            let Some(size) = self.release_next(now_us, released) else {
                break;
            };
            left += size as f64;
        }
    }

    /// How many bytes it has.
    fn release_next(&mut self, now_us: i64, released: &mut Released) -> Option<usize> {
        while let Some((since_us, again)) = self.again.pop_front() {
            let size = again.size();
            self.waiting.again -= size;
            if now_us - since_us < PACED_LONGEST.as_micros() as i64 {
                released.again.push(again);
                return Some(size);
            }
            released.too_old += 1;
        }
        let stage = self.stage.pop_front().map(|next| (true, next));
        let others = || self.others.pop_front().map(|next| (false, next));
        let (is_stage, next) = stage.or_else(others)?;
        let size = next.outgoing.piece.size;
        *self.waiting.of(next.is_key, is_stage) -= size;
        released.pictures.push(next);
        Some(size)
    }

    /// So many bytes have left. No more than the longest wait is owed: voices alone may be more
    /// than the way carries.
    pub(super) fn spend(&mut self, now_us: i64, bytes: usize) {
        self.carry(now_us);
        let most = self.bps / 8.0 * LONGEST_S;
        self.left_bytes = (self.left_bytes + bytes as f64).min(most);
    }

    /// After a release: in how many µs the next of what waits may leave.
    pub(super) fn next_in_us(&self) -> Option<i64> {
        let wait_us = (self.left_bytes * 8e6 / self.bps) as i64;
        (!self.is_empty()).then_some(wait_us.max(1))
    }

    /// Probes come last, but not never: where pictures always wait they go before them.
    pub(super) fn delays_probe(&mut self, now_us: i64) -> bool {
        let is_waiting = !self.is_empty();
        let due_us = *self.probe_due_us.get_or_insert(now_us);
        let is_delayed = is_waiting && now_us - due_us < PROBE_WAITS_US;
        if !is_delayed {
            self.probe_due_us = None;
        }
        is_delayed
    }

    /// True, once, where a probe waited for nothing else to wait.
    pub(super) fn lets_probe(&mut self) -> bool {
        self.is_empty() && self.probe_due_us.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::super::blocks::BlockRef;
    use super::super::redundancy::Before;
    use super::super::rewrite::Numbers;
    use super::super::run::Piece;
    use super::*;
    use crate::handover::{FrameLayers, Packet};

    const BYTES: usize = 1000;

    fn picture(sequence: i64) -> Numbered {
        let packet = Packet {
            layer: LayerKey(1),
            sequence,
            timestamp: 0,
            marker: true,
            keyframe: false,
            picture_id: None,
            tl0_picture_index: None,
            frame_number: None,
            targets: None,
            came_us: 0,
            layers: FrameLayers::default(),
            extensions: 0..0,
            payload: 0..0,
        };
        let numbers = Numbers {
            sequence,
            timestamp: 0,
            picture_id: None,
            tl0_picture_index: None,
            frame_number: None,
            is_first: false,
        };
        let outgoing = Outgoing {
            slot: 0,
            codec: 0,
            packet: 0,
            is_empty: false,
            marker: true,
            numbers,
            block: BlockRef::default(),
            piece: Piece {
                size: BYTES,
                can_pad: true,
                class: 0,
            },
            before: Before::default(),
        };
        let packets = vec![packet];
        Numbered {
            outgoing,
            block: Box::default(),
            id: SlotId(1),
            burst: Arc::new(Burst {
                packets,
                ..Burst::default()
            }),
            is_key: false,
        }
    }

    fn release(pacer: &mut Pacer, now_us: i64) -> Vec<i64> {
        let mut released = Released::default();
        pacer.release(now_us, &mut released);
        let pictures = released.pictures.iter();
        let bytes = pictures.clone().map(|held| held.outgoing.piece.size).sum();
        pacer.spend(now_us, bytes);
        pictures
            .map(|held| held.outgoing.numbers.sequence)
            .collect()
    }

    #[test]
    fn as_much_leaves_as_the_way_carries() {
        // A packet each 10 ms, two of them a quantum.
        let mut pacer = Pacer::new(0, 800_000);
        (0..100).for_each(|sequence| pacer.push(picture(sequence), true));
        assert_eq!(release(&mut pacer, 0), [0, 1]);
        assert_eq!(pacer.next_in_us(), Some(20_000));
        assert_eq!(release(&mut pacer, 20_000), [2, 3]);
        let left: usize = (2..50)
            .map(|turn| release(&mut pacer, turn * 20_000).len())
            .sum();
        assert_eq!(left, 96);
        assert!(pacer.is_empty() && pacer.next_in_us().is_none());
    }

    #[test]
    fn so_many_bytes_wait_on_any_way_and_twice_that_of_a_frame() {
        let mut pacer = Pacer::new(0, 1_000_000_000);
        let pushed = (0..).take_while(|&sequence| {
            let has_room = pacer.has_room(true);
            pacer.push(picture(sequence), true);
            has_room
        });
        assert_eq!(pushed.count(), PACED_BYTES.div_ceil(BYTES));
        assert!(pacer.has_room_for_the_rest());
        let rest = (0..).take_while(|&sequence| {
            pacer.push(picture(sequence), true);
            pacer.has_room_for_the_rest()
        });
        assert!(rest.count() <= PACED_BYTES / BYTES);
    }

    #[test]
    fn the_stage_waits_for_no_tile_and_nobody_for_a_keyframe_to_be_short() {
        let mut pacer = Pacer::new(0, 800_000);
        let key = |sequence| Numbered {
            is_key: true,
            ..picture(sequence)
        };
        // A slide of two seconds.
        (0..200).for_each(|sequence| pacer.push(key(sequence), true));
        assert!(pacer.holds_keyframe() && pacer.has_room(true) && pacer.has_room(false));
        (200..300).for_each(|sequence| pacer.push(picture(sequence), false));
        assert!(pacer.has_room(true) && !pacer.has_room(false));
        (300..400).for_each(|sequence| pacer.push(picture(sequence), true));
        assert!(!pacer.has_room(true) && pacer.has_room_again());
        pacer.forget_stage();
        let left: usize = (0..400)
            .map(|turn| release(&mut pacer, turn * 10_000).len())
            .sum();
        assert_eq!((left, pacer.waiting.all()), (400, 0));
        assert!(!pacer.holds_keyframe());
    }

    #[test]
    fn what_waits_leaves_faster_where_the_way_is_narrow_no_more() {
        let mut pacer = Pacer::new(0, 80_000);
        (0..10).for_each(|sequence| pacer.push(picture(sequence), true));
        (0..3).for_each(|_| pacer.end());
        let left: usize = (0..5)
            .map(|turn| release(&mut pacer, turn * 20_000).len())
            .sum();
        assert_eq!(left, 10);
        assert!(pacer.is_over());
    }

    /// What left while the way was narrow is soon carried once it is wide.
    #[test]
    fn no_debt_outlasts_the_narrow_way() {
        let mut pacer = Pacer::new(0, 30_000);
        (0..500).for_each(|turn| pacer.spend(turn * 20_000, 150));
        pacer.push(picture(0), true);
        assert!(release(&mut pacer, 10_000_000).is_empty());
        pacer.set_available(10_000_000, 3_000_000);
        assert_eq!(release(&mut pacer, 10_020_000), [0]);
    }

    #[test]
    fn what_no_turn_comes_for_leaves_its_numbers() {
        let mut pacer = Pacer::new(0, 800_000);
        (0..40).for_each(|sequence| pacer.push(picture(sequence), sequence % 2 == 0));
        assert!(pacer.give_up().is_empty());
        pacer.set_available(0, 30_000);
        assert!(!pacer.has_room(false));
        assert_eq!(pacer.give_up().len(), 40);
        assert!(pacer.has_room(false) && pacer.give_up().is_empty());
        let mut left = Vec::new();
        for turn in 0..40 {
            left.append(&mut release(&mut pacer, turn * 100_000));
        }
        left.sort_unstable();
        assert_eq!(left, (0..40).collect::<Vec<_>>());
        assert_eq!(pacer.waiting.all(), 0);
    }
}
