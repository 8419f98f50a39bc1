//! AV1 (RTP Payload Format For AV1, v1.0.0, §4.4 aggregation header and §4.5 OBU elements).
//!
//! Spatial layers and decode targets are better told by the dependency descriptor, which is
//! an RTP header extension; here is what the payload itself says.

use super::bits::Bits;
use super::{PayloadError, PayloadInfo, Reader};

// Aggregation header: Z Y W W N - - -.
const CONTINUES: u8 = 0x80;
const NEW_SEQUENCE: u8 = 0x08;

// AV1 specification §6.2.2.
const SEQUENCE_HEADER: u8 = 1;
const FRAME_HEADER: u8 = 3;
const FRAME: u8 = 6;

pub(super) fn describe(payload: &[u8]) -> Result<PayloadInfo, PayloadError> {
    let mut reader = Reader::new(payload);
    let aggregation = reader.u8()?;
    let continues = aggregation & CONTINUES != 0;
    let keyframe = aggregation & NEW_SEQUENCE != 0;
    if continues && keyframe {
        return Err(PayloadError::Malformed);
    }
    if reader.rest().is_empty() {
        return Err(PayloadError::Truncated);
    }
    let mut info = PayloadInfo {
        keyframe,
        switching_point: keyframe,
        ..PayloadInfo::default()
    };
    let mut elements = Elements {
        reader,
        left: (aggregation >> 4) & 3,
        is_counted: aggregation & 0x30 != 0,
    };
    let mut is_first = true;
    while let Some(element) = elements.next()? {
        if !(is_first && continues) {
            add_obu(&mut info, element);
        }
        is_first = false;
    }
    Ok(info)
}

/// OBU elements: all but the last of a counted aggregate carry their length.
struct Elements<'a> {
    reader: Reader<'a>,
    left: u8,
    is_counted: bool,
}

impl<'a> Elements<'a> {
    fn next(&mut self) -> Result<Option<&'a [u8]>, PayloadError> {
        if self.is_counted {
            match self.left {
                0 => return Ok(None),
                1 => {
                    self.left = 0;
                    return Ok(Some(self.reader.rest()));
                }
                _ => self.left -= 1,
            }
        } else if self.reader.rest().is_empty() {
            return Ok(None);
        }
        let length = read_leb128(&mut self.reader)?;
        self.reader.take(length).map(Some)
    }
}

/// AV1 specification §4.10.5; an RTP payload needs no more than three bytes.
fn read_leb128(reader: &mut Reader<'_>) -> Result<usize, PayloadError> {
    let mut value = 0u64;
    for position in 0..8 {
        let byte = reader.u8()?;
        value |= u64::from(byte & 0x7f) << (7 * position);
        if byte & 0x80 == 0 {
            return usize::try_from(value).map_err(|_| PayloadError::Malformed);
        }
    }
    Err(PayloadError::Malformed)
}

/// What an OBU, or the first fragment of one, adds to the picture of its packet.
fn add_obu(info: &mut PayloadInfo, obu: &[u8]) {
    let mut reader = Reader::new(obu);
    let Some((kind, layers)) = read_obu_header(&mut reader) else {
        return;
    };
    match kind {
        SEQUENCE_HEADER => {
            info.frame_start = true;
            info.resolution = resolution(reader.rest()).or(info.resolution);
        }
        FRAME_HEADER | FRAME => info.frame_start = true,
        _ => {}
    }
    if let Some(layers) = layers {
        // temporal_id and spatial_id (AV1 specification §5.3.3)
        info.temporal_layer = layers >> 5;
        info.spatial_layer = (layers >> 3) & 3;
    }
}

/// Type and extension byte; the reader then stands at the OBU's content.
fn read_obu_header(reader: &mut Reader<'_>) -> Option<(u8, Option<u8>)> {
    // forbidden, type, extension_flag, has_size_field, reserved
    let header = reader.u8().ok()?;
    let layers = if header & 0x04 != 0 {
        Some(reader.u8().ok()?)
    } else {
        None
    };
    if header & 0x02 != 0 {
        read_leb128(reader).ok()?;
    }
    Some(((header >> 3) & 0x0f, layers))
}

/// The sequence header (AV1 specification §5.5.1) up to the largest frame size.
fn resolution(sequence_header: &[u8]) -> Option<(u16, u16)> {
    let mut bits = Bits::new(sequence_header);
    // seq_profile, still_picture
    bits.skip(4)?;
    if bits.bit()? {
        // reduced_still_picture_header: seq_level_idx
        bits.skip(5)?;
    } else {
        skip_operating_points(&mut bits)?;
    }
    let [width_bits, height_bits] = [bits.read(4)? + 1, bits.read(4)? + 1];
    let [width, height] = [bits.read(width_bits)? + 1, bits.read(height_bits)? + 1];
    Some((width.try_into().ok()?, height.try_into().ok()?))
}

fn skip_operating_points(bits: &mut Bits<'_>) -> Option<()> {
    let mut delay_length = None;
    if bits.bit()? {
        skip_timing_info(bits)?;
        if bits.bit()? {
            delay_length = Some(bits.read(5)? + 1);
            // num_units_in_decoding_tick and two more lengths
            bits.skip(32 + 5 + 5)?;
        }
    }
    let has_display_delays = bits.bit()?;
    for _ in 0..=bits.read(5)? {
        bits.skip(12)?;
        if bits.read(5)? > 7 {
            bits.skip(1)?;
        }
        if let Some(length) = delay_length
            && bits.bit()?
        {
            bits.skip(2 * length + 1)?;
        }
        if has_display_delays && bits.bit()? {
            bits.skip(4)?;
        }
    }
    Some(())
}

fn skip_timing_info(bits: &mut Bits<'_>) -> Option<()> {
    bits.skip(64)?;
    if bits.bit()? {
        // num_ticks_per_picture_minus_1, uvlc: as ue(v)
        bits.unsigned()?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Profile 0, one operating point at level 8 (with tier bit), 640x360.
    fn sequence_header() -> Vec<u8> {
        let bits = [
            "000",
            "0",
            "0",
            "0",
            "0",
            "00000",
            "000000000000",
            "01000",
            "0",
            "1001",
            "1000",
            "1001111111",
            "101100111",
            "0000000",
        ]
        .concat();
        let body =
            (0..bits.len() / 8).map(|i| u8::from_str_radix(&bits[i * 8..i * 8 + 8], 2).unwrap());
        [0x08].into_iter().chain(body).collect()
    }

    #[test]
    fn new_sequence_is_a_keyframe_with_its_size() {
        let sequence = sequence_header();
        let counted = [&[0x28, sequence.len() as u8][..], &sequence, &[0x30, 0x10]].concat();
        let info = describe(&counted).unwrap();
        assert!(info.keyframe && info.frame_start && info.switching_point);
        assert_eq!(info.resolution, Some((640, 360)));
        let uncounted = [
            &[0x08, sequence.len() as u8][..],
            &sequence,
            &[2, 0x30, 0x10],
        ]
        .concat();
        assert_eq!(describe(&uncounted).unwrap(), info);
    }

    #[test]
    fn continued_obus_start_nothing() {
        let info = describe(&[0x90, 0x30, 0x10, 0x20]).unwrap();
        assert_eq!(info, PayloadInfo::default());
        assert!(describe(&[0x10, 0x30, 0x10, 0x20]).unwrap().frame_start);
    }

    #[test]
    fn layers_stand_in_the_obu_extension() {
        let info = describe(&[0x10, 0x34, 0x48, 0x20]).unwrap();
        assert_eq!((info.temporal_layer, info.spatial_layer), (2, 1));
    }

    #[test]
    fn contradictions_and_overruns_are_refused() {
        assert_eq!(describe(&[0x88, 0x30]), Err(PayloadError::Malformed));
        assert_eq!(describe(&[]), Err(PayloadError::Truncated));
        assert_eq!(describe(&[0x10]), Err(PayloadError::Truncated));
        assert_eq!(describe(&[0x00, 9, 0x30]), Err(PayloadError::Truncated));
        assert_eq!(describe(&[0x20, 9, 0x30]), Err(PayloadError::Truncated));
        assert_eq!(
            describe(&[0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            Err(PayloadError::Malformed)
        );
    }
}
