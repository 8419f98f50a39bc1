//! Which frames can be shown, and when: a decoder takes a frame when it is whole and the one that
//! it needs was taken before.

use std::collections::VecDeque;

use super::frames::Complete;
use crate::time::Nanos;

/// Frames that are remembered as taken; more than any frame reaches back.
const TAKEN: usize = 16;
/// Whole frames that wait for one before them: a second of 30 each second.
const WAITING: usize = 32;

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
    waiting: Vec<Complete>,
}

impl Decoding {
    /// Frames that can be shown now that this one is whole, in their order.
    pub(super) fn take(&mut self, at: Nanos, frame: Complete, out: &mut Vec<Played>) {
        self.waiting.push(frame);
        while let Some(index) = self.waiting.iter().position(|frame| self.is_ready(frame)) {
            let ready = self.waiting.remove(index);
            self.decode(&ready);
            out.push(Played {
                at,
                sent_at: ready.first_sent_at,
                stream: ready.stream,
                number: ready.number,
                is_keyframe: ready.is_keyframe,
                is_video: true,
            });
        }
        if self.waiting.len() > WAITING {
            self.waiting.remove(0);
        }
    }

    fn is_ready(&self, frame: &Complete) -> bool {
        let needed = frame.number.wrapping_sub(frame.depends.into());
        let is_behind = self.stream == frame.stream
            && self.taken.back().is_some_and(|last| frame.number <= *last);
        match frame.is_keyframe {
            true => !is_behind,
            false => frame.stream == self.stream && !is_behind && self.taken.contains(&needed),
        }
    }

    fn decode(&mut self, frame: &Complete) {
        if frame.is_keyframe {
            self.stream = frame.stream;
            self.taken.clear();
            self.waiting.retain(|other| other.stream == frame.stream);
        }
        self.taken.push_back(frame.number);
        if self.taken.len() > TAKEN {
            self.taken.pop_front();
        }
        self.waiting.retain(|other| other.number > frame.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(stream: u32, number: u32, depends: u8) -> Complete {
        Complete {
            stream,
            number,
            depends,
            is_keyframe: depends == 0,
            first_sent_at: 0,
            last_sent_at: 0,
        }
    }

    fn shown(frames: &[Complete]) -> Vec<(u32, u32)> {
        let mut decoding = Decoding::default();
        let mut out = Vec::new();
        for (frame, at) in frames.iter().zip(0..) {
            decoding.take(at, *frame, &mut out);
        }
        out.iter()
            .map(|played| (played.stream, played.number))
            .collect()
    }

    #[test]
    fn a_frame_waits_for_the_one_that_it_needs() {
        let frames = [
            frame(1, 5, 0),
            frame(1, 7, 1),
            frame(1, 8, 1),
            frame(1, 6, 1),
        ];
        assert_eq!(shown(&frames), [(1, 5), (1, 6), (1, 7), (1, 8)]);
    }

    #[test]
    fn without_it_nothing_is_shown_until_a_keyframe() {
        let frames = [
            frame(1, 5, 0),
            frame(1, 7, 1),
            frame(1, 8, 1),
            frame(2, 9, 0),
            frame(1, 6, 1),
        ];
        assert_eq!(shown(&frames), [(1, 5), (2, 9)]);
    }

    #[test]
    fn frames_that_nobody_needs_may_be_missing() {
        // Three temporal layers, of which the highest does not come.
        let frames = [
            frame(1, 0, 0),
            frame(1, 2, 2),
            frame(1, 4, 4),
            frame(1, 6, 2),
        ];
        assert_eq!(shown(&frames).len(), 4);
    }
}
