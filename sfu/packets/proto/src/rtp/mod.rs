//! RTP as bytes: fixed header, header extensions, padding, retransmission payloads.
//!
//! Pure functions over slices (RFC 3550, RFC 8285, RFC 4588). Knows no stream and no peer.

mod extensions;
mod header;

pub use extensions::{Block, EXTENSIONS, Elements, ExtensionMap};
pub use header::{Header, MalformedRtp, strip_padding};

/// RFC 3550 §5.1 without CSRCs.
pub const FIXED_HEADER: usize = 12;

/// Splits an RFC 4588 payload into the original sequence number and the original payload.
pub fn split_rtx(payload: &[u8]) -> Option<(u16, &[u8])> {
    let (number, original) = payload.split_first_chunk::<2>()?;
    Some((u16::from_be_bytes(*number), original))
}

/// The 64-bit number nearest to `reference` whose low 16 bits are `number`.
pub fn extend_sequence(reference: i64, number: u16) -> i64 {
    let distance = number.wrapping_sub(reference as u16) as i16;
    reference + i64::from(distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extending_crosses_the_wrap_in_both_directions() {
        assert_eq!(extend_sequence(0x1_ffff, 0x0001), 0x2_0001);
        assert_eq!(extend_sequence(0x2_0001, 0xffff), 0x1_ffff);
        assert_eq!(extend_sequence(5, 5), 5);
    }

    #[test]
    fn rtx_payload_needs_its_original_number() {
        assert_eq!(split_rtx(&[1, 2, 3]), Some((0x0102, &[3u8][..])));
        assert_eq!(split_rtx(&[1]), None);
    }
}
