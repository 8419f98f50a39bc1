//! H.264 (RFC 6184): single NAL units, STAP-A and FU-A, which is packetization mode 1.

use super::bits::{Bits, cropped, unescape};
use super::{PayloadError, PayloadInfo, Reader};

// RFC 6184 table 1 and H.264 table 7-1.
const SLICE: u8 = 1;
const PARTITION_A: u8 = 2;
const IDR: u8 = 5;
const SPS: u8 = 7;
const DELIMITER: u8 = 9;
const LAST_SINGLE: u8 = 23;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

pub(super) fn describe(payload: &[u8]) -> Result<PayloadInfo, PayloadError> {
    let mut reader = Reader::new(payload);
    let header = reader.u8()?;
    let mut info = PayloadInfo {
        discardable: true,
        ..PayloadInfo::default()
    };
    match header & 0x1f {
        1..=LAST_SINGLE => add_unit(&mut info, header, reader.rest()),
        STAP_A => add_aggregate(&mut info, reader)?,
        FU_A => {
            // S E R Type
            let fragment = reader.u8()?;
            let unit_header = header & 0xe0 | fragment & 0x1f;
            if fragment & 0x80 != 0 {
                add_unit(&mut info, unit_header, reader.rest());
            }
            info.discardable = is_discardable(unit_header);
        }
        // Interleaved modes are never negotiated; the rest is undefined.
        _ => return Err(PayloadError::Malformed),
    }
    info.switching_point = info.keyframe;
    Ok(info)
}

fn add_aggregate(info: &mut PayloadInfo, mut reader: Reader<'_>) -> Result<(), PayloadError> {
    if reader.rest().is_empty() {
        return Err(PayloadError::Truncated);
    }
    while !reader.rest().is_empty() {
        let length = reader.u16()?;
        let mut unit = Reader::new(reader.take(length.into())?);
        add_unit(info, unit.u8()?, unit.rest());
    }
    Ok(())
}

/// What a NAL unit, or the first fragment of one, adds to the picture of its packet.
fn add_unit(info: &mut PayloadInfo, header: u8, body: &[u8]) {
    match header & 0x1f {
        SLICE..=PARTITION_A => info.frame_start |= is_first_slice(body),
        IDR => {
            info.keyframe = true;
            info.frame_start |= is_first_slice(body);
        }
        SPS => {
            info.keyframe = true;
            info.frame_start = true;
            info.resolution = resolution(&unescape(body)).or(info.resolution);
        }
        DELIMITER => info.frame_start = true,
        _ => {}
    }
    info.discardable &= is_discardable(header);
}

/// nal_ref_idc is 0 (H.264 §7.4.1).
fn is_discardable(header: u8) -> bool {
    header & 0x60 == 0
}

/// first_mb_in_slice, the first ue(v) of a slice, is 0: its first bit is 1 (H.264 §7.3.3).
fn is_first_slice(body: &[u8]) -> bool {
    body.first().is_some_and(|first| first & 0x80 != 0)
}

/// The sequence parameter set (H.264 §7.3.2.1.1), behind its NAL header.
fn resolution(sps: &[u8]) -> Option<(u16, u16)> {
    let mut bits = Bits::new(sps);
    let profile = bits.read(8)?;
    // constraint flags and level
    bits.skip(16)?;
    bits.unsigned()?;
    let chroma = if has_chroma_fields(profile) {
        Chroma::parse(&mut bits)?
    } else {
        Chroma::YUV420
    };
    // log2_max_frame_num_minus4
    bits.unsigned()?;
    skip_picture_order(&mut bits)?;
    // max_num_ref_frames, gaps_in_frame_num_value_allowed_flag
    bits.unsigned()?;
    bits.skip(1)?;
    let width_in_macroblocks = bits.unsigned()?.checked_add(1)?;
    let height_in_map_units = bits.unsigned()?.checked_add(1)?;
    let is_frame_only = bits.bit()?;
    if !is_frame_only {
        bits.skip(1)?;
    }
    // direct_8x8_inference_flag
    bits.skip(1)?;
    let [left, right, top, bottom] = read_cropping(&mut bits)?;
    let fields = if is_frame_only { 1 } else { 2 };
    let width = width_in_macroblocks.checked_mul(16)?;
    let height = height_in_map_units.checked_mul(16 * fields)?;
    let crop_x = left.checked_add(right)?.checked_mul(chroma.crop_unit_x)?;
    let crop_y = top
        .checked_add(bottom)?
        .checked_mul(chroma.crop_unit_y * fields)?;
    Some((cropped(width, crop_x)?, cropped(height, crop_y)?))
}

fn has_chroma_fields(profile: u32) -> bool {
    matches!(
        profile,
        100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135
    )
}

/// Units of the cropping rectangle (H.264 table 6-1, §7.4.2.1.1).
struct Chroma {
    crop_unit_x: u32,
    crop_unit_y: u32,
}

impl Chroma {
    const YUV420: Self = Self {
        crop_unit_x: 2,
        crop_unit_y: 2,
    };

    fn parse(bits: &mut Bits<'_>) -> Option<Self> {
        let format = bits.unsigned()?;
        let has_separate_planes = format == 3 && bits.bit()?;
        // bit_depth_luma_minus8, bit_depth_chroma_minus8, qpprime_y_zero_transform_bypass_flag
        bits.unsigned()?;
        bits.unsigned()?;
        bits.skip(1)?;
        if bits.bit()? {
            skip_scaling_matrix(bits, if format == 3 { 12 } else { 8 })?;
        }
        match format {
            _ if has_separate_planes => Some(Self {
                crop_unit_x: 1,
                crop_unit_y: 1,
            }),
            0 | 3 => Some(Self {
                crop_unit_x: 1,
                crop_unit_y: 1,
            }),
            1 => Some(Self::YUV420),
            2 => Some(Self {
                crop_unit_x: 2,
                crop_unit_y: 1,
            }),
            _ => None,
        }
    }
}

fn skip_scaling_matrix(bits: &mut Bits<'_>, lists: u32) -> Option<()> {
    for list in 0..lists {
        if bits.bit()? {
            skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
        }
    }
    Some(())
}

/// H.264 §7.3.2.1.1.1: deltas until the next scale is 0.
fn skip_scaling_list(bits: &mut Bits<'_>, size: u32) -> Option<()> {
    let mut scale = 8;
    for _ in 0..size {
        scale = (scale + bits.signed()?).rem_euclid(256);
        if scale == 0 {
            break;
        }
    }
    Some(())
}

fn skip_picture_order(bits: &mut Bits<'_>) -> Option<()> {
    match bits.unsigned()? {
        0 => _ = bits.unsigned()?,
        1 => {
            bits.skip(1)?;
            bits.signed()?;
            bits.signed()?;
            for _ in 0..bits.unsigned()?.min(255) {
                bits.signed()?;
            }
        }
        _ => {}
    }
    Some(())
}

fn read_cropping(bits: &mut Bits<'_>) -> Option<[u32; 4]> {
    if !bits.bit()? {
        return Some([0; 4]);
    }
    Some([
        bits.unsigned()?,
        bits.unsigned()?,
        bits.unsigned()?,
        bits.unsigned()?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Constrained baseline, 640x368 cropped to 640x360.
    const SPS_360: [u8; 15] = [
        0x67, 0x42, 0xc0, 0x1f, 0x8c, 0x8d, 0x40, 0x50, 0x17, 0xfc, 0xb0, 0x0f, 0x08, 0x84, 0x6a,
    ];
    const PPS: [u8; 4] = [0x68, 0xce, 0x3c, 0x80];

    fn aggregate(units: &[&[u8]]) -> Vec<u8> {
        let mut payload = vec![0x78];
        for unit in units {
            payload.extend((unit.len() as u16).to_be_bytes());
            payload.extend_from_slice(unit);
        }
        payload
    }

    #[test]
    fn parameter_sets_begin_a_keyframe() {
        let info = describe(&aggregate(&[&SPS_360, &PPS])).unwrap();
        assert!(info.keyframe && info.frame_start && info.switching_point);
        assert!(!info.discardable);
        assert_eq!(info.resolution, Some((640, 360)));
        assert_eq!(describe(&SPS_360).unwrap().resolution, Some((640, 360)));
    }

    #[test]
    fn idr_is_a_keyframe_alone_and_in_its_first_fragment() {
        assert!(describe(&[0x65, 0x88]).unwrap().keyframe);
        assert!(describe(&[0x7c, 0x85, 0x88]).unwrap().keyframe);
        assert!(!describe(&[0x7c, 0x05, 0x88]).unwrap().keyframe);
        assert!(!describe(&[0x7c, 0x45, 0x88]).unwrap().keyframe);
    }

    #[test]
    fn slices_tell_whether_they_start_a_frame() {
        let first = describe(&[0x41, 0x9a]).unwrap();
        assert!(first.frame_start && !first.keyframe && !first.discardable);
        assert!(!describe(&[0x41, 0x3a]).unwrap().frame_start);
        assert!(describe(&[0x01, 0x9a]).unwrap().discardable);
    }

    #[test]
    fn aggregates_must_add_up() {
        let whole = aggregate(&[&SPS_360, &PPS]);
        for length in [0, 1, 2, 3, 10, whole.len() - 1] {
            assert_eq!(
                describe(&whole[..length]),
                Err(PayloadError::Truncated),
                "{length}"
            );
        }
        assert_eq!(describe(&aggregate(&[&[]])), Err(PayloadError::Truncated));
    }

    #[test]
    fn interleaved_and_undefined_types_are_refused() {
        for kind in [0, 25, 26, 27, 29, 30, 31] {
            assert_eq!(
                describe(&[kind, 0, 0, 0]),
                Err(PayloadError::Malformed),
                "type {kind}"
            );
        }
    }
}
