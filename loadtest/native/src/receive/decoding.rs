//! Which frames can be shown, and when: a decoder takes a frame when it is whole and the one that
//! it needs was taken before. Where packets are missing before it, it waits for them for a while,
//! since a frame that comes behind a later one is of no use.

use std::collections::VecDeque;

use super::frames::Complete;
use crate::time::{MILLISECOND, Nanos};

/// Frames that are remembered as taken; more than any frame reaches back.
const TAKEN: usize = 16;
/// Whole frames that wait for one before them: a second of 30 each second.
const WAITING: usize = 32;
/// So long a frame waits for those before it: for two retransmissions over a round trip of 100 ms.
/// libwebrtc's buffer grows by about a round trip where packets are sent again, and by more.
const PATIENCE: Nanos = 300 * MILLISECOND;

/// A frame or a packet of sound that came to be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Played {
    /// When it could be.
    pub(crate) at: Nanos,
    pub(crate) sent_at: Nanos,
    /// Which stream of which publisher.
    pub(crate) stream: u32,
    pub(crate) number: u32,
    pub(crate) is_keyframe: bool,
    /// A frame of video, and not a packet of sound.
    pub(crate) is_video: bool,
}

#[derive(Debug, Default)]
pub(super) struct Decoding {
    stream: u32,
    taken: VecDeque<u32>,
    /// Sequence number behind the last frame that was taken.
    next: Option<i64>,
    /// Whole since then, by their sequence numbers.
    waiting: Vec<(Nanos, Complete)>,
}

impl Decoding {
    /// Frames that can be shown now that this one is whole, in their order.
    pub(super) fn take(&mut self, now: Nanos, frame: Complete, out: &mut Vec<Played>) {
        let place = self
            .waiting
            .partition_point(|(_, other)| other.first < frame.first);
        self.waiting.insert(place, (now, frame));
        while let Some(ready) = self.next_ready(now) {
            out.push(Played {
                at: now,
                sent_at: ready.first_sent_at,
                stream: ready.stream,
                number: ready.number,
                is_keyframe: ready.is_keyframe,
                is_video: true,
            });
            self.decode(&ready);
        }
        if self.waiting.len() > WAITING {
            self.waiting.remove(0);
        }
    }

    /// The first that a decoder can take, if nothing that is missing before it is still awaited.
    fn next_ready(&mut self, now: Nanos) -> Option<Complete> {
        let index = self
            .waiting
            .iter()
            .position(|(_, frame)| self.is_decodable(frame))?;
        let (since, frame) = self.waiting[index];
        let is_next = self.next.is_none_or(|next| frame.first == next);
        let is_due = is_next || now >= since + PATIENCE;
        is_due.then(|| self.waiting.remove(index).1)
    }

    fn is_decodable(&self, frame: &Complete) -> bool {
        let needed = frame.number.wrapping_sub(frame.depends.into());
        frame.is_keyframe || frame.stream == self.stream && self.taken.contains(&needed)
    }

    fn decode(&mut self, frame: &Complete) {
        if frame.is_keyframe {
            self.stream = frame.stream;
            self.taken.clear();
        }
        self.taken.push_back(frame.number);
        if self.taken.len() > TAKEN {
            self.taken.pop_front();
        }
        self.next = Some(frame.last + 1);
        self.waiting.retain(|(_, other)| other.first > frame.last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of one packet, whose sequence number is its number and the gap that was cut out before it.
    fn frame(stream: u32, number: u32, depends: u8, sequence: i64) -> Complete {
        Complete {
            stream,
            number,
            depends,
            is_keyframe: depends == 0,
            first: sequence,
            last: sequence,
            first_sent_at: 0,
            last_sent_at: 0,
        }
    }

    /// What is shown, and when, of frames that become whole each 33 ms.
    fn shown(frames: &[Complete]) -> Vec<(u64, u32, u32)> {
        let mut decoding = Decoding::default();
        let mut out = Vec::new();
        for (frame, turn) in frames.iter().zip(0..) {
            decoding.take(turn * 33 * MILLISECOND, *frame, &mut out);
        }
        let tell = |played: &Played| {
            let turn = played.at / (33 * MILLISECOND);
            (turn, played.stream, played.number)
        };
        out.iter().map(tell).collect()
    }

    #[test]
    fn a_frame_waits_for_the_one_that_it_needs() {
        let frame = |number| frame(1, number, u8::from(number != 5), number.into());
        let frames = [frame(5), frame(7), frame(8), frame(6), frame(9)];
        let expected = [(0, 1, 5), (3, 1, 6), (3, 1, 7), (3, 1, 8), (4, 1, 9)];
        assert_eq!(shown(&frames), expected);
    }

    #[test]
    fn without_it_nothing_is_shown_until_a_keyframe() {
        let frames = [
            frame(1, 5, 0, 5),
            frame(1, 7, 1, 7),
            frame(2, 90, 0, 8),
            frame(2, 91, 1, 9),
        ];
        let mut later = vec![frame(1, 8, 1, 10); 12];
        later.splice(0..0, frames);
        // The keyframe waits for what is missing before it, and no longer.
        assert_eq!(shown(&later), [(0, 1, 5), (12, 2, 90), (12, 2, 91)]);
    }

    #[test]
    fn a_frame_that_nobody_needs_is_awaited_too_but_not_for_ever() {
        let third =
            |number: u32| frame(1, number, [4, 1, 2, 1][number as usize % 4], number.into());
        let first = frame(1, 0, 0, 0);
        // The second of three temporal layers' frames comes again at once, or not at all.
        let late = [first, third(2), third(1), third(3)];
        assert_eq!(shown(&late), [(0, 1, 0), (2, 1, 1), (2, 1, 2), (3, 1, 3)]);
        let mut never = vec![first, third(2)];
        never.extend((3..14).map(third));
        let shown = shown(&never);
        assert_eq!((shown[1], shown.len()), ((11, 1, 2), never.len()));
    }

    #[test]
    fn a_layer_that_was_left_out_is_not_awaited() {
        // Sequence numbers go on where a server leaves frames out.
        let frames = [
            frame(1, 0, 0, 0),
            frame(1, 2, 2, 1),
            frame(1, 4, 4, 2),
            frame(1, 6, 2, 3),
        ];
        assert_eq!(shown(&frames), [(0, 1, 0), (1, 1, 2), (2, 1, 4), (3, 1, 6)]);
    }
}
