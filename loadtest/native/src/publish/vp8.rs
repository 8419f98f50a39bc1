//! Payloads that say they are VP8 (RFC 7741): a true descriptor and frame header, then filler.

use super::temporal::Place;
use crate::stamp::Stamp;

/// X; S is added on a frame's first packet.
const EXTENDED: u8 = 0x80;
const START: u8 = 0x10;
/// I, L and T: picture id, TL0PICIDX, temporal layer.
const FIELDS: u8 = 0xe0;
/// Y, behind the temporal layer.
const SYNC: u8 = 0x20;
/// Descriptor, the larger of the frame headers and the stamp.
pub(super) const LEAST: usize = 6 + 10 + Stamp::LEN;

pub(super) struct Payload {
    pub(super) stamp: Stamp,
    pub(super) place: Place,
    pub(super) is_first: bool,
    pub(super) resolution: (u16, u16),
    pub(super) length: usize,
}

impl Payload {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let first = if self.is_first { START } else { 0 };
        let picture_id = 0x8000 | self.stamp.frame as u16;
        out.extend_from_slice(&[EXTENDED | first, FIELDS]);
        out.extend_from_slice(&picture_id.to_be_bytes());
        let sync = if self.place.is_sync { SYNC } else { 0 };
        out.extend_from_slice(&[self.place.base_index, self.place.layer << 6 | sync]);
        if self.is_first {
            self.write_frame_header(out);
        }
        let filler = self.length.max(LEAST) - Stamp::LEN;
        out.resize(start + filler, 0x5a);
        self.stamp.write(out);
    }

    /// RFC 6386 §9.1.
    fn write_frame_header(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[0x10 | u8::from(!self.stamp.is_keyframe), 0, 0]);
        if self.stamp.is_keyframe {
            out.extend_from_slice(&[0x9d, 0x01, 0x2a]);
            out.extend_from_slice(&self.resolution.0.to_le_bytes());
            out.extend_from_slice(&self.resolution.1.to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use sfu_proto::codecs::describe;
    use sfu_proto::command::Codec;

    use super::*;

    fn payload(is_first: bool, is_keyframe: bool) -> Vec<u8> {
        let stamp = Stamp {
            sent_at: 1,
            stream: 2,
            frame: 0x1_8123,
            packets: 9,
            is_keyframe,
            depends: 0,
        };
        let mut out = Vec::new();
        let payload = Payload {
            stamp,
            place: Place {
                layer: 2,
                depends: 1,
                is_sync: true,
                base_index: 0x23,
            },
            is_first,
            resolution: (640, 360),
            length: 1000,
        };
        payload.write(&mut out);
        assert_eq!((out.len(), Stamp::read(&out)), (1000, Some(stamp)));
        out
    }

    #[test]
    fn a_parser_of_vp8_understands_it() {
        let info = describe(Codec::Vp8, &payload(true, true)).unwrap();
        assert!(info.keyframe && info.frame_start);
        assert_eq!(info.resolution, Some((640, 360)));
        assert_eq!(info.picture_id.unwrap().value, 0x0123);
        assert_eq!(info.tl0_picture_index, Some(0x23));
        assert_eq!(info.temporal_layer, 2);
        let delta = describe(Codec::Vp8, &payload(true, false)).unwrap();
        assert!(!delta.keyframe && delta.frame_start);
        let inner = describe(Codec::Vp8, &payload(false, true)).unwrap();
        assert!(!inner.keyframe && !inner.frame_start);
    }
}
