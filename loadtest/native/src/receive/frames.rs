//! Frames by the stamps of their packets: complete with the last one that comes.

use std::collections::VecDeque;

use crate::stamp::Stamp;
use crate::time::Nanos;

/// Frames kept open for packets that are sent again: half a second of 30 a second.
const OPEN: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Complete {
    pub(super) stream: u32,
    pub(super) number: u32,
    pub(super) depends: u8,
    pub(super) is_keyframe: bool,
    /// Sequence numbers of its packets, extended.
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) first_sent_at: Nanos,
    pub(super) last_sent_at: Nanos,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    missing: u16,
    complete: Complete,
}

#[derive(Debug, Default)]
pub(super) struct Frames {
    open: VecDeque<Frame>,
    broken: u64,
}

impl Frames {
    pub(super) fn broken(&self) -> u64 {
        self.broken
    }

    /// Of a packet that had not come before; the frame that it completes.
    pub(super) fn take(&mut self, number: i64, stamp: &Stamp) -> Option<Complete> {
        let index = self.find_or_open(number, stamp);
        let frame = &mut self.open[index];
        frame.missing = frame.missing.saturating_sub(1);
        let complete = &mut frame.complete;
        complete.first = complete.first.min(number);
        complete.last = complete.last.max(number);
        complete.first_sent_at = complete.first_sent_at.min(stamp.sent_at);
        complete.last_sent_at = complete.last_sent_at.max(stamp.sent_at);
        if frame.missing > 0 {
            return None;
        }
        self.open.remove(index).map(|frame| frame.complete)
    }

    fn find_or_open(&mut self, number: i64, stamp: &Stamp) -> usize {
        let is_it = |frame: &Frame| {
            (frame.complete.stream, frame.complete.number) == (stamp.stream, stamp.frame)
        };
        // The newest is at the end, and nearly always the one.
        if let Some(index) = self.open.iter().rposition(is_it) {
            return index;
        }
        if self.open.len() == OPEN {
            self.open.pop_front();
            self.broken += 1;
        }
        self.open.push_back(Frame {
            missing: stamp.packets,
            complete: Complete {
                stream: stamp.stream,
                number: stamp.frame,
                depends: stamp.depends,
                is_keyframe: stamp.is_keyframe,
                first: number,
                last: number,
                first_sent_at: stamp.sent_at,
                last_sent_at: stamp.sent_at,
            },
        });
        self.open.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(frame: u32, sent_at: Nanos) -> Stamp {
        Stamp {
            sent_at,
            stream: 1,
            frame,
            packets: 3,
            is_keyframe: frame == 0,
            depends: u8::from(frame != 0),
        }
    }

    #[test]
    fn the_last_packet_completes_in_whatever_order() {
        let mut frames = Frames::default();
        assert_eq!(frames.take(5, &stamp(0, 12)), None);
        assert_eq!(frames.take(6, &stamp(1, 20)), None);
        assert_eq!(frames.take(3, &stamp(0, 10)), None);
        let complete = Complete {
            stream: 1,
            number: 0,
            depends: 0,
            is_keyframe: true,
            first: 3,
            last: 5,
            first_sent_at: 10,
            last_sent_at: 12,
        };
        assert_eq!(frames.take(4, &stamp(0, 11)), Some(complete));
        assert_eq!(frames.broken(), 0);
    }

    #[test]
    fn frames_that_stay_open_too_long_are_broken() {
        let mut frames = Frames::default();
        for number in 0..OPEN as u32 + 2 {
            frames.take(number.into(), &stamp(number, 0));
        }
        assert_eq!(frames.broken(), 2);
    }
}
