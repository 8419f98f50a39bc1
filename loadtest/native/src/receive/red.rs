//! Redundant sound (RFC 2198): packets that may have been lost, before the newest one.

/// As full offers have it (`loadtest/offers.py`), and Chromium.
pub(super) const PAYLOAD_TYPE: u8 = 63;
const MORE: u8 = 0x80;

/// The blocks of a payload, the newest last; none if it is malformed.
pub(super) fn blocks(payload: &[u8]) -> Vec<&[u8]> {
    split(payload).unwrap_or_default()
}

fn split(payload: &[u8]) -> Option<Vec<&[u8]>> {
    let mut lengths = Vec::new();
    let mut rest = payload;
    loop {
        let (&first, behind) = rest.split_first()?;
        if first & MORE == 0 {
            rest = behind;
            break;
        }
        // 14 bits of timestamp offset, 10 of length.
        let (header, behind) = behind.split_at_checked(3)?;
        lengths.push(usize::from(header[1] & 3) << 8 | usize::from(header[2]));
        rest = behind;
    }
    let mut blocks = Vec::new();
    for length in lengths {
        let (block, behind) = rest.split_at_checked(length)?;
        blocks.push(block);
        rest = behind;
    }
    blocks.push(rest);
    Some(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_packets_stand_before_the_newest() {
        let one = [0x80 | 111, 0x0f, 0x00, 2, 111, 0xaa, 0xbb, 1, 2, 3];
        assert_eq!(blocks(&one), [&[0xaa, 0xbb][..], &[1, 2, 3]]);
        assert_eq!(blocks(&[111, 1, 2]), [&[1, 2]]);
    }

    #[test]
    fn what_is_cut_has_none() {
        let one = [0x80 | 111, 0x0f, 0x00, 2, 111, 0xaa, 0xbb];
        for length in 0..one.len() {
            assert!(blocks(&one[..length]).is_empty(), "{length}");
        }
    }
}
