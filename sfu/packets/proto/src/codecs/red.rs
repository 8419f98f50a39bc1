//! Redundant audio (RFC 2198): packets that may have been lost, before the newest one.
//!
//! [`Payload`] reads one; [`write_older`] and [`write_newest`] write the headers of one. Which
//! packets stand in it is for whoever calls to say.

use super::audio::STANDS_ALONE;
use super::{PayloadError, PayloadInfo, Reader};

/// RFC 2198 sets no limit; browsers send one or two, and take 32 (libwebrtc).
const BLOCKS: usize = 32;
const OLDER_HEADER: usize = 4;
/// Of an older packet and of the newest.
pub const HEADERS: (usize, usize) = (OLDER_HEADER, 1);
/// What 14 bits of timestamp and 10 of length can say.
pub const FURTHEST: u32 = (1 << 14) - 1;
pub const LONGEST: usize = (1 << 10) - 1;
const MORE: u8 = 0x80;

/// A payload, split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload<'a> {
    /// Whole ones, of the older packets.
    headers: &'a [u8],
    older: &'a [u8],
    pub newest_type: u8,
    pub newest: &'a [u8],
}

/// An older packet's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Older<'a> {
    pub payload_type: u8,
    /// How much older than the newest, in units of the timestamp.
    pub age: u32,
    pub data: &'a [u8],
}

impl<'a> Payload<'a> {
    /// # Errors
    /// It is cut, or has more blocks than anybody sends.
    pub fn parse(payload: &'a [u8]) -> Result<Self, PayloadError> {
        let mut reader = Reader::new(payload);
        let mut length = 0;
        for count in 0..BLOCKS {
            let first = reader.u8()?;
            if first & MORE == 0 {
                return Ok(Self {
                    headers: &payload[..count * OLDER_HEADER],
                    older: reader.take(length)?,
                    newest_type: first,
                    newest: reader.rest(),
                });
            }
            let &[_, high, low] = reader.take(OLDER_HEADER - 1)? else {
                return Err(PayloadError::Truncated);
            };
            length += block_length(high, low);
        }
        Err(PayloadError::Malformed)
    }

    /// The older packets, as they stand: the oldest first.
    pub fn older(&self) -> impl ExactSizeIterator<Item = Older<'a>> + use<'a> {
        let mut rest = self.older;
        self.headers.chunks_exact(OLDER_HEADER).map(move |header| {
            let (high, low) = (header[2], header[3]);
            let length = block_length(high, low).min(rest.len());
            let (data, behind) = rest.split_at(length);
            rest = behind;
            Older {
                payload_type: header[0] & !MORE,
                age: u32::from(header[1]) << 6 | u32::from(high) >> 2,
                data,
            }
        })
    }
}

/// RFC 2198 §3: behind 14 bits of timestamp offset.
fn block_length(high: u8, low: u8) -> usize {
    usize::from(high & 3) << 8 | usize::from(low)
}

/// Of a packet at most [`FURTHEST`] older than the newest, and [`LONGEST`] long.
pub fn write_older(out: &mut Vec<u8>, payload_type: u8, age: u32, length: usize) {
    debug_assert!(age <= FURTHEST && length <= LONGEST);
    let [high, low] = (length as u16).to_be_bytes();
    let [age_high, age_low] = ((age as u16) << 2).to_be_bytes();
    out.extend_from_slice(&[MORE | payload_type, age_high, age_low | high & 3, low]);
}

pub fn write_newest(out: &mut Vec<u8>, payload_type: u8) {
    out.push(payload_type & !MORE);
}

pub(super) fn describe(payload: &[u8]) -> Result<PayloadInfo, PayloadError> {
    Payload::parse(payload).map(|_| STANDS_ALONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 2198 §5: 8 ms of LPC (payload type 7, 14 bytes, 20 ms older) before DVI4 (5).
    fn of_the_rfc() -> Vec<u8> {
        let mut payload = vec![0x80 | 7, 160 >> 6, (160 << 2) as u8, 14, 5];
        payload.extend([0xee; 14]);
        payload.extend([0xdd; 84]);
        payload
    }

    fn older<'a>(payload: &Payload<'a>) -> Vec<(u8, u32, &'a [u8])> {
        let all = payload.older();
        all.map(|older| (older.payload_type, older.age, older.data))
            .collect()
    }

    #[test]
    fn the_example_of_the_rfc() {
        let bytes = of_the_rfc();
        let payload = Payload::parse(&bytes).unwrap();
        assert_eq!(older(&payload), [(7, 160, &[0xee; 14][..])]);
        assert_eq!((payload.newest_type, payload.newest.len()), (5, 84));
    }

    #[test]
    fn older_packets_stand_before_the_newest() {
        let one = [0x80 | 111, 0x0f, 0x00, 2, 111, 0xaa, 0xbb, 1, 2, 3];
        let payload = Payload::parse(&one).unwrap();
        assert_eq!(older(&payload), [(111, 960, &[0xaa, 0xbb][..])]);
        assert_eq!((payload.newest_type, payload.newest), (111, &[1, 2, 3][..]));
        let alone = Payload::parse(&[111, 1, 2]).unwrap();
        assert_eq!((alone.older().len(), alone.newest), (0, &[1, 2][..]));
        assert_eq!(Payload::parse(&[111]).unwrap().newest, []);
        assert!(describe(&one).unwrap().keyframe);
    }

    #[test]
    fn what_is_cut_is_refused() {
        let one = [0x80 | 111, 0x0f, 0x00, 2, 111, 0xaa, 0xbb];
        assert!(Payload::parse(&one).is_ok());
        for length in 0..one.len() {
            assert_eq!(describe(&one[..length]), Err(PayloadError::Truncated));
        }
        let overrun = [0x80 | 111, 0x0f, 0x03, 0xff, 111, 0xaa, 0xbb];
        assert_eq!(describe(&overrun), Err(PayloadError::Truncated));
    }

    #[test]
    fn endless_headers_are_refused() {
        assert_eq!(describe(&[0x80; 1200]), Err(PayloadError::Malformed));
    }

    #[test]
    fn what_is_written_is_read_up_to_what_the_fields_hold() {
        let (longest, furthest) = (vec![3; LONGEST], vec![4; 1]);
        let mut bytes = Vec::new();
        write_older(&mut bytes, 111, FURTHEST, furthest.len());
        write_older(&mut bytes, 96, 1, longest.len());
        write_newest(&mut bytes, 111);
        assert_eq!(bytes.len(), 2 * HEADERS.0 + HEADERS.1);
        bytes.extend(furthest.iter().chain(&longest).chain(&[9]));
        let payload = Payload::parse(&bytes).unwrap();
        let expected = [(111, FURTHEST, &furthest[..]), (96, 1, &longest[..])];
        assert_eq!(older(&payload), expected);
        assert_eq!((payload.newest_type, payload.newest), (111, &[9][..]));
    }
}
