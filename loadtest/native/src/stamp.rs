//! What each synthetic payload says of itself: when it was sent, and of which frame it is a part.
//!
//! It stands at the payload's end, which no server touches but for padding, that RTP strips.

use crate::time::Nanos;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) sent_at: Nanos,
    /// Which stream of which publisher; frames are counted within it.
    pub(crate) stream: u32,
    pub(crate) frame: u32,
    /// Packets that the frame has.
    pub(crate) packets: u16,
    pub(crate) is_keyframe: bool,
    /// How many frames before it is the one that it needs; 0 is none.
    pub(crate) depends: u8,
}

impl Stamp {
    pub(crate) const LEN: usize = 24;
    const MAGIC: [u8; 4] = *b"LtSt";

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.sent_at.to_be_bytes());
        out.extend_from_slice(&self.stream.to_be_bytes());
        out.extend_from_slice(&self.frame.to_be_bytes());
        let packets = self.packets | u16::from(self.is_keyframe) << 15;
        out.extend_from_slice(&packets.to_be_bytes());
        out.extend_from_slice(&[self.depends, 0]);
        out.extend_from_slice(&Self::MAGIC);
    }

    /// `None`: media of somebody else.
    pub(crate) fn read(payload: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::LEN] = payload.last_chunk()?;
        if bytes[20..] != Self::MAGIC {
            return None;
        }
        let word = |at: usize| u32::from_be_bytes([0, 1, 2, 3].map(|offset| bytes[at + offset]));
        let packets = u16::from_be_bytes([bytes[16], bytes[17]]);
        Some(Self {
            sent_at: Nanos::from(word(0)) << 32 | Nanos::from(word(4)),
            stream: word(8),
            frame: word(12),
            packets: packets & 0x7fff,
            is_keyframe: packets & 0x8000 != 0,
            depends: bytes[18],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let stamp = Stamp {
            sent_at: 0x0123_4567_89ab_cdef,
            stream: 7,
            frame: 70_000,
            packets: 300,
            is_keyframe: true,
            depends: 4,
        };
        let mut payload = vec![1, 2, 3];
        stamp.write(&mut payload);
        assert_eq!(payload.len(), 3 + Stamp::LEN);
        assert_eq!(Stamp::read(&payload), Some(stamp));
        assert_eq!(Stamp::read(&payload[..payload.len() - 1]), None);
    }
}
