//! Bits of video headers, most significant first, with Exp-Golomb codes (H.264 §9.1).

/// `None` from any method: the header ends early, and what it would have told stays unknown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bits<'a> {
    data: &'a [u8],
    position: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data, position: 0 }
    }

    pub(super) fn bit(&mut self) -> Option<bool> {
        let byte = self.data.get(self.position / 8)?;
        let bit = byte >> (7 - self.position % 8) & 1;
        self.position += 1;
        Some(bit == 1)
    }

    /// At most 32 bits.
    pub(super) fn read(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |value, _| Some(value << 1 | u32::from(self.bit()?)))
    }

    pub(super) fn skip(&mut self, count: u32) -> Option<()> {
        self.position = self.position.checked_add(count as usize)?;
        (self.position <= self.data.len() * 8).then_some(())
    }

    /// From the first.
    pub(super) fn position(&self) -> u32 {
        self.position as u32
    }

    pub(super) fn left(&self) -> u32 {
        (self.data.len() * 8).saturating_sub(self.position) as u32
    }

    /// ue(v)
    pub(super) fn unsigned(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        // Below 2^32: at most 31 zeros.
        Some(((1u64 << zeros) - 1) as u32 + self.read(zeros)?)
    }

    /// se(v)
    pub(super) fn signed(&mut self) -> Option<i64> {
        let code = i64::from(self.unsigned()?);
        Some(if code % 2 == 0 {
            -code / 2
        } else {
            (code + 1) / 2
        })
    }
}

/// Removes the emulation prevention bytes of a NAL unit (H.264 §7.4.1, H.265 §7.4.2):
/// 00 00 03 stands for 00 00.
pub(super) fn unescape(nal: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(nal.len());
    let mut zeros = 0;
    for &byte in nal {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        plain.push(byte);
    }
    plain
}

/// A picture size that fits: what is cropped away must leave something.
pub(super) fn cropped(coded: u32, cropped_away: u32) -> Option<u16> {
    let size = coded.checked_sub(cropped_away).filter(|&size| size > 0)?;
    size.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_codes_of_table_9_2() {
        // 1 010 011 00100 00101 00110
        let data = [0b1010_0110, 0b0100_0010, 0b1001_1000];
        let mut bits = Bits::new(&data);
        let codes: Vec<u32> = (0..6).map_while(|_| bits.unsigned()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5]);
        let mut bits = Bits::new(&data);
        let codes: Vec<i64> = (0..6).map_while(|_| bits.signed()).collect();
        assert_eq!(codes, [0, 1, -1, 2, -2, 3]);
    }

    #[test]
    fn the_longest_code_does_not_overflow() {
        let data = [0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(Bits::new(&data).unsigned(), Some(u32::MAX - 1));
        assert_eq!(Bits::new(&[0; 16]).unsigned(), None);
    }

    #[test]
    fn emulation_prevention_is_removed() {
        assert_eq!(
            unescape(&[1, 0, 0, 3, 1, 0, 0, 3, 0, 0, 3]),
            [1, 0, 0, 1, 0, 0, 0, 0]
        );
    }
}
