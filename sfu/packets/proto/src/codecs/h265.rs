//! H.265 (RFC 7798): single NAL units, aggregation packets and fragmentation units, without
//! DONL fields (sprop-max-don-diff is 0 in WebRTC).

use super::bits::{Bits, cropped, unescape};
use super::{PayloadError, PayloadInfo, Reader};

// H.265 table 7-1 and RFC 7798 §4.4.
const TSA_N: u8 = 2;
const STSA_R: u8 = 5;
const FIRST_IRAP: u8 = 16;
const LAST_IRAP: u8 = 23;
const LAST_VCL: u8 = 31;
const VPS: u8 = 32;
const SPS: u8 = 33;
const DELIMITER: u8 = 35;
const LAST_SINGLE: u8 = 47;
const AGGREGATE: u8 = 48;
const FRAGMENT: u8 = 49;

/// F Type LayerId TID (RFC 7798 §1.1.4).
#[derive(Clone, Copy)]
struct Header {
    kind: u8,
    temporal_layer: u8,
}

pub(super) fn describe(payload: &[u8]) -> Result<PayloadInfo, PayloadError> {
    let mut reader = Reader::new(payload);
    let header = Header::read(&mut reader)?;
    let mut info = PayloadInfo {
        temporal_layer: header.temporal_layer,
        ..PayloadInfo::default()
    };
    match header.kind {
        0..=LAST_SINGLE => add_unit(&mut info, header.kind, reader.rest()),
        AGGREGATE => add_aggregate(&mut info, reader)?,
        FRAGMENT => {
            // S E FuType
            let fragment = reader.u8()?;
            if fragment & 0x80 != 0 {
                add_unit(&mut info, fragment & 0x3f, reader.rest());
            }
        }
        // PACI is never negotiated; the rest is undefined.
        _ => return Err(PayloadError::Malformed),
    }
    info.switching_point |= info.keyframe;
    Ok(info)
}

impl Header {
    fn read(reader: &mut Reader<'_>) -> Result<Self, PayloadError> {
        let [first, second] = reader.u16()?.to_be_bytes();
        // nuh_temporal_id_plus1 is never 0 (H.265 §7.4.2.2).
        let temporal_layer = (second & 7).checked_sub(1).ok_or(PayloadError::Malformed)?;
        Ok(Self {
            kind: (first >> 1) & 0x3f,
            temporal_layer,
        })
    }
}

fn add_aggregate(info: &mut PayloadInfo, mut reader: Reader<'_>) -> Result<(), PayloadError> {
    if reader.rest().is_empty() {
        return Err(PayloadError::Truncated);
    }
    while !reader.rest().is_empty() {
        let length = reader.u16()?;
        let mut unit = Reader::new(reader.take(length.into())?);
        let header = Header::read(&mut unit)?;
        add_unit(info, header.kind, unit.rest());
    }
    Ok(())
}

/// What a NAL unit, or the first fragment of one, adds to the picture of its packet.
fn add_unit(info: &mut PayloadInfo, kind: u8, body: &[u8]) {
    match kind {
        FIRST_IRAP..=LAST_IRAP => {
            info.keyframe = true;
            info.frame_start |= is_first_slice(body);
        }
        0..=LAST_VCL => {
            info.switching_point |= (TSA_N..=STSA_R).contains(&kind);
            info.frame_start |= is_first_slice(body);
        }
        VPS..=SPS => {
            info.keyframe = true;
            info.frame_start = true;
            if kind == SPS {
                info.resolution = resolution(&unescape(body)).or(info.resolution);
            }
        }
        DELIMITER => info.frame_start = true,
        _ => {}
    }
}

/// first_slice_segment_in_pic_flag (H.265 §7.3.6.1).
fn is_first_slice(body: &[u8]) -> bool {
    body.first().is_some_and(|first| first & 0x80 != 0)
}

/// The sequence parameter set (H.265 §7.3.2.2.1), behind its NAL header.
fn resolution(sps: &[u8]) -> Option<(u16, u16)> {
    let mut bits = Bits::new(sps);
    bits.skip(4)?;
    let sub_layers = bits.read(3)?;
    bits.skip(1)?;
    skip_profile_tier_level(&mut bits, sub_layers)?;
    bits.unsigned()?;
    let chroma_format = bits.unsigned()?;
    if chroma_format == 3 {
        bits.skip(1)?;
    }
    let [width, height] = [bits.unsigned()?, bits.unsigned()?];
    if !bits.bit()? {
        return Some((cropped(width, 0)?, cropped(height, 0)?));
    }
    let [left, right] = [bits.unsigned()?, bits.unsigned()?];
    let [top, bottom] = [bits.unsigned()?, bits.unsigned()?];
    // SubWidthC and SubHeightC of H.265 table 6-1.
    let unit_x = if matches!(chroma_format, 1 | 2) { 2 } else { 1 };
    let unit_y = if chroma_format == 1 { 2 } else { 1 };
    let crop_x = left.checked_add(right)?.checked_mul(unit_x)?;
    let crop_y = top.checked_add(bottom)?.checked_mul(unit_y)?;
    Some((cropped(width, crop_x)?, cropped(height, crop_y)?))
}

/// H.265 §7.3.3: 88 bits of profile and 8 of level, in general and for each sub-layer.
fn skip_profile_tier_level(bits: &mut Bits<'_>, sub_layers: u32) -> Option<()> {
    bits.skip(88 + 8)?;
    let mut length = 0;
    for _ in 0..sub_layers {
        length += if bits.bit()? { 88 } else { 0 };
        length += if bits.bit()? { 8 } else { 0 };
    }
    if sub_layers > 0 {
        bits.skip(2 * (8 - sub_layers))?;
    }
    bits.skip(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Main profile, one sub-layer, 4:2:0, `width`x`height` without cropping window.
    fn sps(width: u32, height: u32) -> Vec<u8> {
        let mut text = String::from("0000" /* vps */) + "000" + "1" + &"1".repeat(96);
        for value in [0, 1, width, height] {
            let code = format!("{:b}", value + 1);
            text += &("0".repeat(code.len() - 1) + &code);
        }
        // Conformance window: 8 luma rows off the bottom.
        text += "1111";
        text += "00101";
        text += &"0".repeat(8 - text.len() % 8);
        let body =
            (0..text.len() / 8).map(|i| u8::from_str_radix(&text[i * 8..i * 8 + 8], 2).unwrap());
        [0x42, 0x01].into_iter().chain(body).collect()
    }

    #[test]
    fn parameter_sets_begin_a_keyframe_and_tell_the_size() {
        let sps = sps(640, 368);
        let info = describe(&sps).unwrap();
        assert!(info.keyframe && info.frame_start);
        assert_eq!(info.resolution, Some((640, 360)));
        let vps = [0x40, 0x01, 0x0c];
        let aggregate = [&[0x60, 0x01, 0, 3][..], &vps, &[0, sps.len() as u8], &sps].concat();
        assert_eq!(describe(&aggregate).unwrap().resolution, Some((640, 360)));
        assert_eq!(
            describe(&aggregate[..aggregate.len() - 1]),
            Err(PayloadError::Truncated)
        );
    }

    #[test]
    fn irap_pictures_are_keyframes() {
        for kind in 0..=31u8 {
            let info = describe(&[kind << 1, 0x01, 0x80]).unwrap();
            assert_eq!(info.keyframe, (16..=23).contains(&kind), "type {kind}");
            assert!(info.frame_start);
            let fragment = [FRAGMENT << 1, 0x01, 0x80 | kind, 0x80];
            assert_eq!(describe(&fragment).unwrap(), info);
            let continuation = describe(&[FRAGMENT << 1, 0x01, kind, 0x80]).unwrap();
            assert!(!continuation.keyframe && !continuation.frame_start);
        }
    }

    #[test]
    fn temporal_layers_are_read() {
        let info = describe(&[TSA_N << 1, 0x03, 0x80]).unwrap();
        assert_eq!(info.temporal_layer, 2);
        assert!(info.switching_point);
        assert_eq!(describe(&[2, 0x00, 0x80]), Err(PayloadError::Malformed));
    }
}
