//! Redundant audio (RFC 2198): older packets' payloads before the newest one.

use super::audio::STANDS_ALONE;
use super::{PayloadError, PayloadInfo, Reader};

/// RFC 2198 sets no limit; browsers send one or two.
const BLOCKS: usize = 32;

pub(super) fn describe(payload: &[u8]) -> Result<PayloadInfo, PayloadError> {
    let mut reader = Reader::new(payload);
    let mut redundant = 0;
    for _ in 0..BLOCKS {
        match next_block(&mut reader)? {
            Some(length) => redundant += length,
            None => {
                reader.take(redundant)?;
                return Ok(STANDS_ALONE);
            }
        }
    }
    Err(PayloadError::Malformed)
}

/// RFC 2198 §3: the length of a redundant block; `None` at the header of the primary one,
/// which takes the rest.
fn next_block(reader: &mut Reader<'_>) -> Result<Option<usize>, PayloadError> {
    if reader.u8()? & 0x80 == 0 {
        return Ok(None);
    }
    // 14 bits of timestamp offset, 10 of length.
    let &[_, high, low] = reader.take(3)? else {
        return Err(PayloadError::Truncated);
    };
    Ok(Some(usize::from(high & 3) << 8 | usize::from(low)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_must_fit_into_the_payload() {
        let primary_only = [111, 1, 2, 3];
        let one_redundant = [0x80 | 111, 0x0f, 0x00, 2, 111, 0xaa, 0xbb, 1, 2, 3];
        assert!(describe(&primary_only).unwrap().keyframe);
        assert!(describe(&one_redundant).unwrap().keyframe);
        let overrun = [0x80 | 111, 0x0f, 0x03, 0xff, 111, 0xaa, 0xbb];
        assert_eq!(describe(&overrun), Err(PayloadError::Truncated));
        assert_eq!(describe(&one_redundant[..4]), Err(PayloadError::Truncated));
        assert_eq!(describe(&[]), Err(PayloadError::Truncated));
    }

    #[test]
    fn endless_headers_are_refused() {
        assert_eq!(describe(&[0x80; 1200]), Err(PayloadError::Malformed));
    }
}
