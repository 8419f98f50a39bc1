//! The fixed RTP header, CSRC list and extension block boundaries (RFC 3550 §5.1, §5.3.1).

use std::ops::Range;

use super::FIXED_HEADER;

/// The packet contradicts RFC 3550 §5.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedRtp;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub marker: bool,
    pub has_padding: bool,
    pub payload_type: u8,
    pub sequence_number: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    /// Profile (RFC 8285 §4) and where its elements stand in the packet.
    pub extension: Option<(u16, Range<usize>)>,
    /// Fixed header, CSRCs and extension block: where the payload begins.
    pub len: usize,
}

impl Header {
    pub fn parse(packet: &[u8]) -> Result<Self, MalformedRtp> {
        let fixed: &[u8; FIXED_HEADER] = packet.first_chunk().ok_or(MalformedRtp)?;
        if fixed[0] >> 6 != 2 {
            return Err(MalformedRtp);
        }
        let after_csrcs = FIXED_HEADER + usize::from(fixed[0] & 0x0f) * 4;
        let extension = match fixed[0] & 0x10 {
            0 => None,
            _ => Some(parse_extension(packet, after_csrcs)?),
        };
        let len = extension
            .as_ref()
            .map_or(after_csrcs, |(_, range)| range.end);
        if len > packet.len() {
            return Err(MalformedRtp);
        }
        Ok(Self {
            marker: fixed[1] & 0x80 != 0,
            has_padding: fixed[0] & 0x20 != 0,
            payload_type: fixed[1] & 0x7f,
            sequence_number: u16::from_be_bytes([fixed[2], fixed[3]]),
            timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            extension,
            len,
        })
    }
}

fn parse_extension(packet: &[u8], at: usize) -> Result<(u16, Range<usize>), MalformedRtp> {
    let head = packet.get(at..at + 4).ok_or(MalformedRtp)?;
    let profile = u16::from_be_bytes([head[0], head[1]]);
    let words = usize::from(u16::from_be_bytes([head[2], head[3]]));
    Ok((profile, at + 4..at + 4 + words * 4))
}

/// The payload without the padding that its last byte counts (RFC 3550 §5.1).
pub fn strip_padding(payload: &[u8]) -> Result<&[u8], MalformedRtp> {
    let count = usize::from(*payload.last().ok_or(MalformedRtp)?);
    match payload.len().checked_sub(count) {
        Some(len) if count > 0 => Ok(&payload[..len]),
        _ => Err(MalformedRtp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_field() {
        let mut packet = vec![0xb1, 0x80 | 96, 0x12, 0x34, 0, 0, 0, 7, 0, 0, 0, 9];
        packet.extend([1, 1, 1, 1]);
        packet.extend([0xbe, 0xde, 0, 1, 0x10, 0xff, 0, 0]);
        packet.push(42);
        let header = Header::parse(&packet).expect("well-formed");
        assert!(header.marker && header.has_padding);
        assert_eq!((header.payload_type, header.sequence_number), (96, 0x1234));
        assert_eq!((header.timestamp, header.ssrc), (7, 9));
        assert_eq!(header.extension, Some((0xbede, 20..24)));
        assert_eq!(header.len, 24);
    }

    #[test]
    fn refuses_lengths_that_point_outside() {
        let packet = [0x80 | 0x0f, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(Header::parse(&packet), Err(MalformedRtp));
        let mut packet = vec![0x90, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        packet.extend([0xbe, 0xde, 0xff, 0xff]);
        assert_eq!(Header::parse(&packet), Err(MalformedRtp));
        assert_eq!(Header::parse(&packet[..13]), Err(MalformedRtp));
    }

    #[test]
    fn padding_counts_itself() {
        assert_eq!(strip_padding(&[9, 9, 0, 2]), Ok(&[9u8, 9][..]));
        assert_eq!(strip_padding(&[0, 2]), Ok(&[][..]));
        assert_eq!(strip_padding(&[1, 0]), Err(MalformedRtp));
        assert_eq!(strip_padding(&[3]), Err(MalformedRtp));
        assert_eq!(strip_padding(&[]), Err(MalformedRtp));
    }
}
