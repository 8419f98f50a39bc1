//! VP8 (RFC 7741 §4.2 payload descriptor, §4.3 payload header; RFC 6386 §9.1 frame header).

use super::{PayloadError, PayloadInfo, PictureIdPlace, Places, Reader};

/// The payload descriptor.
struct Descriptor {
    places: Places,
    tl0_picture_index: Option<u8>,
    temporal_layer: u8,
    is_layer_sync: bool,
    is_non_reference: bool,
    /// S bit with partition 0.
    starts_frame: bool,
    length: usize,
}

pub(super) fn describe(payload: &[u8]) -> Result<PayloadInfo, PayloadError> {
    let descriptor = Descriptor::parse(payload)?;
    let frame = payload.get(descriptor.length..).unwrap_or_default();
    let &first = frame.first().ok_or(PayloadError::Truncated)?;
    // RFC 7741 §4.3: the P bit is 0 in keyframes.
    let keyframe = descriptor.starts_frame && first & 1 == 0;
    Ok(PayloadInfo {
        keyframe,
        frame_start: descriptor.starts_frame,
        resolution: if keyframe { resolution(frame) } else { None },
        spatial_layer: 0,
        temporal_layer: descriptor.temporal_layer,
        switching_point: keyframe || descriptor.is_layer_sync,
        picture_id: descriptor.places.picture_id.map(|place| place.id),
        tl0_picture_index: descriptor.tl0_picture_index,
        discardable: descriptor.is_non_reference,
        spatial: None,
    })
}

pub(super) fn places(payload: &[u8]) -> Result<Places, PayloadError> {
    Ok(Descriptor::parse(payload)?.places)
}

impl Descriptor {
    fn parse(payload: &[u8]) -> Result<Self, PayloadError> {
        let mut reader = Reader::new(payload);
        // X R N S R PID
        let first = reader.u8()?;
        // I L T K RSV
        let extension = if first & 0x80 != 0 { reader.u8()? } else { 0 };
        let mut places = Places::default();
        if extension & 0x80 != 0 {
            places.picture_id = Some(PictureIdPlace::read(&mut reader)?);
        }
        let mut tl0_picture_index = None;
        if extension & 0x40 != 0 {
            places.tl0_picture_index = Some(reader.offset);
            tl0_picture_index = Some(reader.u8()?);
        }
        // TID Y KEYIDX; TID and Y mean something only with the T bit.
        let layer = if extension & 0x30 != 0 {
            reader.u8()?
        } else {
            0
        };
        let layer = if extension & 0x20 != 0 { layer } else { 0 };
        Ok(Self {
            places,
            tl0_picture_index,
            temporal_layer: layer >> 6,
            is_layer_sync: layer & 0x20 != 0,
            is_non_reference: first & 0x20 != 0,
            starts_frame: first & 0x17 == 0x10,
            length: reader.offset,
        })
    }
}

/// RFC 6386 §9.1: three bytes of frame tag, start code, two sizes of 14 bits with two bits
/// of scaling above.
fn resolution(frame: &[u8]) -> Option<(u16, u16)> {
    let &[_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1] = frame.first_chunk()? else {
        return None;
    };
    let [width, height] = [[w0, w1], [h0, h1]].map(|size| u16::from_le_bytes(size) & 0x3fff);
    Some((width, height))
}

#[cfg(test)]
mod tests {
    use super::super::{PictureId, rewrite};
    use super::*;
    use crate::command::Codec;

    /// X, S; I L T K; 15-bit picture id 0x1234; TL0PICIDX 7; TID 1, Y, KEYIDX 3.
    const DESCRIPTOR: [u8; 6] = [0x90, 0xf0, 0x92, 0x34, 7, 0x63];
    const KEYFRAME: [u8; 10] = [0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x42, 0x68, 0x01];

    fn packet(descriptor: &[u8], frame: &[u8]) -> Vec<u8> {
        [descriptor, frame].concat()
    }

    #[test]
    fn keyframe_tells_its_size() {
        let info = describe(&packet(&DESCRIPTOR, &KEYFRAME)).unwrap();
        assert!(info.keyframe && info.frame_start && info.switching_point);
        assert_eq!(info.resolution, Some((640, 360)));
        assert_eq!(
            info.picture_id,
            Some(PictureId {
                value: 0x1234,
                is_15_bit: true
            })
        );
        assert_eq!((info.tl0_picture_index, info.temporal_layer), (Some(7), 1));
    }

    #[test]
    fn later_packets_and_partitions_start_nothing() {
        for first in [0x00, 0x01, 0x11, 0x17] {
            let info = describe(&packet(&[first], &KEYFRAME)).unwrap();
            assert!(!info.keyframe && !info.frame_start, "first byte {first:x}");
        }
        let delta = describe(&packet(&[0x30], &[0x11])).unwrap();
        assert!(delta.frame_start && delta.discardable && !delta.keyframe);
    }

    #[test]
    fn rewriting_touches_only_the_fields() {
        let mut payload = packet(&DESCRIPTOR, &KEYFRAME);
        rewrite(Codec::Vp8, &mut payload, Some(0xffff), Some(200));
        assert_eq!(
            payload,
            packet(&[0x90, 0xf0, 0xff, 0xff, 200, 0x63], &KEYFRAME)
        );
        let mut short = packet(&[0x90, 0x80, 0x05], &KEYFRAME);
        rewrite(Codec::Vp8, &mut short, Some(0x1ff), Some(200));
        assert_eq!(short, packet(&[0x90, 0x80, 0x7f], &KEYFRAME));
        let mut bare = packet(&[0x10], &KEYFRAME);
        rewrite(Codec::Vp8, &mut bare, Some(1), Some(1));
        assert_eq!(bare, packet(&[0x10], &KEYFRAME));
    }

    #[test]
    fn descriptors_cut_short_are_refused() {
        for length in 0..=DESCRIPTOR.len() {
            assert_eq!(
                describe(&DESCRIPTOR[..length]),
                Err(PayloadError::Truncated)
            );
        }
    }

    #[test]
    fn encrypted_frames_are_described_without_size() {
        let info = describe(&packet(&DESCRIPTOR, &[0x10, 1, 2, 3, 4, 5, 6, 7, 8, 9])).unwrap();
        assert!(info.keyframe);
        assert_eq!(info.resolution, None);
    }
}
