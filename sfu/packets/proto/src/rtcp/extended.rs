//! Extended reports (RFC 3611): the round trip of whoever only receives, or only sends.
//!
//! A receiver says its time (§4.4), the sender says when that came and how long ago (§4.5). Blocks
//! of other kinds are passed over; one that is longer than its packet ends it.

use super::read::word;
use super::write::packet;
use super::*;

const REFERENCE_TIME: u8 = 4;
const SINCE_REFERENCE: u8 = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SinceReference {
    /// Who said its time.
    pub ssrc: u32,
    /// The middle 32 bits of it; 0: none has come.
    pub last_reference: u32,
    /// In 1/65536 s.
    pub delay_since: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtendedBlock {
    ReferenceTime { ntp: u64 },
    Since(SinceReference),
}

#[derive(Clone, Copy, Debug)]
pub struct ExtendedBlocks<'a>(&'a [u8]);

impl<'a> ExtendedBlocks<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub fn iter(&self) -> impl Iterator<Item = ExtendedBlock> + use<'a> {
        let mut rest = self.0;
        let parts = std::iter::from_fn(move || {
            let head: &[u8; 4] = rest.first_chunk()?;
            let len = usize::from(u16::from_be_bytes([head[2], head[3]])) * 4;
            let (body, after) = rest[4..].split_at_checked(len)?;
            rest = after;
            Some((head[0], body))
        });
        parts.flat_map(|(kind, body)| {
            let size = match kind {
                REFERENCE_TIME => 8,
                SINCE_REFERENCE => 12,
                // No whole entry.
                _ => body.len() + 1,
            };
            body.chunks_exact(size)
                .filter_map(move |entry| read(kind, entry).ok())
        })
    }
}

fn read(kind: u8, entry: &[u8]) -> Result<ExtendedBlock, MalformedRtcp> {
    if kind == REFERENCE_TIME {
        let ntp = u64::from(word(entry, 0)?) << 32 | u64::from(word(entry, 4)?);
        return Ok(ExtendedBlock::ReferenceTime { ntp });
    }
    Ok(ExtendedBlock::Since(SinceReference {
        ssrc: word(entry, 0)?,
        last_reference: word(entry, 4)?,
        delay_since: word(entry, 8)?,
    }))
}

pub fn write_reference_time(out: &mut Vec<u8>, sender_ssrc: u32, ntp: u64) {
    packet(out, EXTENDED_REPORT, 0, |out| {
        out.extend_from_slice(&sender_ssrc.to_be_bytes());
        out.extend_from_slice(&[REFERENCE_TIME, 0, 0, 2]);
        out.extend_from_slice(&ntp.to_be_bytes());
    });
}

pub fn write_since_reference(out: &mut Vec<u8>, sender_ssrc: u32, since: &SinceReference) {
    packet(out, EXTENDED_REPORT, 0, |out| {
        out.extend_from_slice(&sender_ssrc.to_be_bytes());
        out.extend_from_slice(&[SINCE_REFERENCE, 0, 0, 3]);
        for value in [since.ssrc, since.last_reference, since.delay_since] {
            out.extend_from_slice(&value.to_be_bytes());
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(data: &[u8]) -> Vec<ExtendedBlock> {
        packets(data)
            .flat_map(|packet| match packet {
                Ok(Packet::Extended { ssrc: 9, blocks }) => blocks.iter().collect::<Vec<_>>(),
                other => panic!("not an extended report: {other:?}"),
            })
            .collect()
    }

    #[test]
    fn what_is_written_is_read() {
        let since = SinceReference {
            ssrc: 7,
            last_reference: 0x1234_5678,
            delay_since: 65_536,
        };
        let mut out = Vec::new();
        write_reference_time(&mut out, 9, 0x0102_0304_0506_0708);
        write_since_reference(&mut out, 9, &since);
        let reference = ExtendedBlock::ReferenceTime {
            ntp: 0x0102_0304_0506_0708,
        };
        assert_eq!(blocks(&out), [reference, ExtendedBlock::Since(since)]);
    }

    #[test]
    fn other_blocks_are_passed_over_and_a_cut_one_ends() {
        let mut out = vec![0x80, EXTENDED_REPORT, 0, 0, 0, 0, 0, 9];
        out.extend([42, 0, 0, 1, 1, 2, 3, 4]);
        out.extend([SINCE_REFERENCE, 0, 0, 0]);
        out.extend([REFERENCE_TIME, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2]);
        out.extend([REFERENCE_TIME, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2]);
        out[3] = (out.len() / 4 - 1) as u8;
        let ntp = 1 << 32 | 2;
        assert_eq!(blocks(&out), [ExtendedBlock::ReferenceTime { ntp }]);
    }
}
