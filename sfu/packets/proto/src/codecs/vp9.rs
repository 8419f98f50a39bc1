//! VP9 (RFC 9628 §4.2 payload descriptor, flexible and non-flexible mode).

use super::bits::Bits;
use super::{PayloadError, PayloadInfo, PictureIdPlace, Places, Reader, SpatialInfo};

/// The payload descriptor.
#[derive(Default)]
struct Descriptor {
    places: Places,
    tl0_picture_index: Option<u8>,
    temporal_layer: u8,
    spatial_layer: u8,
    is_switching_up_point: bool,
    is_predicted: bool,
    starts_frame: bool,
    spatial: Option<SpatialInfo>,
    structure: Structure,
    length: usize,
}

// First byte: I P L F B E V Z.
const PICTURE_ID: u8 = 0x80;
const PREDICTED: u8 = 0x40;
const LAYERS: u8 = 0x20;
const FLEXIBLE: u8 = 0x10;
const BEGINNING: u8 = 0x08;
const END: u8 = 0x04;
const STRUCTURE: u8 = 0x02;
const NO_UPPER_REFERENCE: u8 = 0x01;

/// What the scalability structure tells of spatial layers.
#[derive(Clone, Copy, Default)]
struct Structure {
    layers: Option<u8>,
    /// The largest size.
    resolution: Option<(u16, u16)>,
}

pub(super) fn describe(payload: &[u8]) -> Result<PayloadInfo, PayloadError> {
    let descriptor = Descriptor::parse(payload)?;
    let frame = payload.get(descriptor.length..).unwrap_or_default();
    if frame.is_empty() {
        return Err(PayloadError::Truncated);
    }
    let keyframe =
        !descriptor.is_predicted && descriptor.starts_frame && descriptor.spatial_layer == 0;
    let from_frame = || if keyframe { resolution(frame) } else { None };
    Ok(PayloadInfo {
        keyframe,
        frame_start: descriptor.starts_frame,
        resolution: descriptor.structure.resolution.or_else(from_frame),
        spatial_layer: descriptor.spatial_layer,
        temporal_layer: descriptor.temporal_layer,
        switching_point: keyframe || descriptor.is_switching_up_point,
        picture_id: descriptor.places.picture_id.map(|place| place.id),
        tl0_picture_index: descriptor.tl0_picture_index,
        // Z speaks of upper spatial layers only; of the next pictures nothing does.
        discardable: false,
        spatial: descriptor.spatial.map(|spatial| SpatialInfo {
            layers: descriptor.structure.layers,
            ..spatial
        }),
    })
}

pub(super) fn places(payload: &[u8]) -> Result<Places, PayloadError> {
    Ok(Descriptor::parse(payload)?.places)
}

impl Descriptor {
    fn parse(payload: &[u8]) -> Result<Self, PayloadError> {
        let mut reader = Reader::new(payload);
        let flags = reader.u8()?;
        let mut descriptor = Self {
            is_predicted: flags & PREDICTED != 0,
            starts_frame: flags & BEGINNING != 0,
            ..Self::default()
        };
        if flags & PICTURE_ID != 0 {
            descriptor.places.picture_id = Some(PictureIdPlace::read(&mut reader)?);
        }
        if flags & LAYERS != 0 {
            descriptor.parse_layers(&mut reader, flags)?;
        }
        if flags & FLEXIBLE != 0 && flags & PREDICTED != 0 {
            skip_references(&mut reader)?;
        }
        if flags & STRUCTURE != 0 {
            descriptor.structure = parse_structure(&mut reader)?;
        }
        descriptor.length = reader.offset;
        Ok(descriptor)
    }

    /// TID U SID D, then TL0PICIDX in non-flexible mode.
    fn parse_layers(&mut self, reader: &mut Reader<'_>, flags: u8) -> Result<(), PayloadError> {
        let layers = reader.u8()?;
        self.temporal_layer = layers >> 5;
        self.is_switching_up_point = layers & 0x10 != 0;
        self.spatial_layer = (layers >> 1) & 7;
        self.spatial = Some(SpatialInfo {
            ends_frame: flags & END != 0,
            serves_upper: flags & NO_UPPER_REFERENCE == 0,
            is_intra: flags & PREDICTED == 0,
            layers: None,
        });
        if flags & FLEXIBLE == 0 {
            self.places.tl0_picture_index = Some(reader.offset);
            self.tl0_picture_index = Some(reader.u8()?);
        }
        Ok(())
    }
}

/// Up to three P_DIFF, each with a bit that tells whether another follows.
fn skip_references(reader: &mut Reader<'_>) -> Result<(), PayloadError> {
    for _ in 0..3 {
        if reader.u8()? & 1 == 0 {
            return Ok(());
        }
    }
    Err(PayloadError::Malformed)
}

/// RFC 9628 §4.2.1: sizes of the spatial layers, lowest first, and a picture group.
fn parse_structure(reader: &mut Reader<'_>) -> Result<Structure, PayloadError> {
    // N_S Y G
    let header = reader.u8()?;
    let mut largest = None;
    if header & 0x10 != 0 {
        for _ in 0..=header >> 5 {
            largest = Some((reader.u16()?, reader.u16()?));
        }
    }
    if header & 0x08 != 0 {
        for _ in 0..reader.u8()? {
            // TID U R
            let references = (reader.u8()? >> 2) & 3;
            reader.take(references.into())?;
        }
    }
    Ok(Structure {
        layers: Some((header >> 5) + 1),
        resolution: largest,
    })
}

/// The uncompressed header of a keyframe (VP9 bitstream specification §6.2).
fn resolution(frame: &[u8]) -> Option<(u16, u16)> {
    let mut bits = Bits::new(frame);
    let is_vp9 = bits.read(2)? == 2;
    let profile = u32::from(bits.bit()?) | u32::from(bits.bit()?) << 1;
    if profile == 3 {
        bits.skip(1)?;
    }
    let [shows_existing_frame, is_not_keyframe] = [bits.bit()?, bits.bit()?];
    // show_frame and error_resilient_mode
    bits.skip(2)?;
    let has_sync_code = bits.read(24)? == 0x49_8342;
    if !is_vp9 || shows_existing_frame || is_not_keyframe || !has_sync_code {
        return None;
    }
    skip_color_config(&mut bits, profile)?;
    let [width, height] = [bits.read(16)? + 1, bits.read(16)? + 1];
    Some((width.try_into().ok()?, height.try_into().ok()?))
}

/// VP9 bitstream specification §6.2.2.
fn skip_color_config(bits: &mut Bits<'_>, profile: u32) -> Option<()> {
    const SRGB: u32 = 7;
    if profile >= 2 {
        bits.skip(1)?;
    }
    let has_subsampling_bits = profile & 1 == 1;
    let color_space = bits.read(3)?;
    if color_space != SRGB {
        bits.skip(1)?;
        return bits.skip(if has_subsampling_bits { 3 } else { 0 });
    }
    bits.skip(if has_subsampling_bits { 1 } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::super::{PictureId, rewrite};
    use super::*;
    use crate::command::Codec;

    /// Profile 0, keyframe, shown, 640x360.
    const FRAME: [u8; 10] = [0x82, 0x49, 0x83, 0x42, 0x00, 0x27, 0xf0, 0x16, 0x70, 0x00];

    fn packet(descriptor: &[u8]) -> Vec<u8> {
        [descriptor, &FRAME].concat()
    }

    #[test]
    fn non_flexible_layers_are_read() {
        // I L B, 15-bit id, TID 2 U SID 0, TL0PICIDX.
        let info = describe(&packet(&[0xa8, 0x81, 0x02, 0x50, 9])).unwrap();
        assert!(info.keyframe && info.frame_start && info.switching_point);
        assert_eq!(
            info.picture_id,
            Some(PictureId {
                value: 0x102,
                is_15_bit: true
            })
        );
        assert_eq!((info.temporal_layer, info.spatial_layer), (2, 0));
        assert_eq!(info.tl0_picture_index, Some(9));
        assert_eq!(info.resolution, Some((640, 360)));
    }

    #[test]
    fn flexible_mode_has_references_and_no_tl0_picture_index() {
        // I P L F B, 7-bit id, TID 1 SID 1, two references.
        let info = describe(&packet(&[0xf8, 0x05, 0x22, 0x03, 0x04])).unwrap();
        assert!(!info.keyframe && info.frame_start);
        assert_eq!((info.temporal_layer, info.spatial_layer), (1, 1));
        assert_eq!((info.tl0_picture_index, info.resolution), (None, None));
        let endless = describe(&packet(&[0xf8, 0x05, 0x22, 0x03, 0x03, 0x03]));
        assert_eq!(endless, Err(PayloadError::Malformed));
    }

    #[test]
    fn structure_tells_the_largest_layer() {
        // L F B V; SID 0; two layers with sizes and a picture group of two.
        let structure = [0x38, 1, 64, 0, 180, 2, 128, 1, 104, 2, 0x04, 1, 0x08, 1, 2];
        let info = describe(&packet(&[&[0x3a, 0x00], &structure[..]].concat())).unwrap();
        assert!(info.keyframe);
        assert_eq!(info.resolution, Some((640, 360)));
        let spatial = info.spatial.unwrap();
        assert_eq!(spatial.layers, Some(2));
        assert!(spatial.is_intra && spatial.serves_upper && !spatial.ends_frame);
        // P L E Z; SID 1.
        let top = describe(&packet(&[0x65, 0x02, 9]))
            .unwrap()
            .spatial
            .unwrap();
        assert!(top.ends_frame && !top.serves_upper && !top.is_intra);
        assert_eq!(top.layers, None);
    }

    #[test]
    fn upper_spatial_layers_of_a_key_picture_are_no_place_to_start() {
        let info = describe(&packet(&[0x28, 0x02, 9])).unwrap();
        assert!(!info.keyframe && info.frame_start);
        assert_eq!(info.spatial_layer, 1);
    }

    #[test]
    fn rewriting_keeps_the_width_of_the_picture_id() {
        let mut long = packet(&[0xa8, 0x81, 0x02, 0x50, 9]);
        rewrite(Codec::Vp9, &mut long, Some(0x7abc), Some(1));
        assert_eq!(long, packet(&[0xa8, 0xfa, 0xbc, 0x50, 1]));
        let mut short = packet(&[0xf8, 0x05, 0x22, 0x02]);
        rewrite(Codec::Vp9, &mut short, Some(0x181), Some(1));
        assert_eq!(short, packet(&[0xf8, 0x01, 0x22, 0x02]));
    }

    #[test]
    fn descriptors_cut_short_are_refused() {
        let descriptor = [
            0xba, 0x81, 0x02, 0x00, 0x38, 1, 64, 0, 180, 2, 128, 1, 104, 1, 0x04, 1,
        ];
        for length in 0..=descriptor.len() {
            assert_eq!(
                describe(&descriptor[..length]),
                Err(PayloadError::Truncated)
            );
        }
    }
}
