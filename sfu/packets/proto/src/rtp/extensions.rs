//! Header extensions by meaning (RFC 8285): each peer has its own ids for the same things.
//!
//! Reading turns a packet's elements into offsets by [`Extension`]; writing builds a block
//! with a peer's ids, in the one-byte form where every id and length allows it.

use std::ops::Range;

use crate::command::Extension;

/// Every extension, in the order of its discriminant.
pub const EXTENSIONS: [Extension; 11] = [
    Extension::Mid,
    Extension::Rid,
    Extension::RepairedRid,
    Extension::AudioLevel,
    Extension::AbsoluteSendTime,
    Extension::TransportSequenceNumber,
    Extension::AbsoluteCaptureTime,
    Extension::PlayoutDelay,
    Extension::VideoOrientation,
    Extension::DependencyDescriptor,
    Extension::VideoLayersAllocation,
];

const ONE_BYTE: u16 = 0xbede;
/// RFC 8285 §4.3: 0x100 and four bits for the application.
const TWO_BYTE: u16 = 0x1000;
/// Id 15 ends a one-byte block (RFC 8285 §4.2).
const ONE_BYTE_LAST_ID: u8 = 14;
const ONE_BYTE_LAST_LEN: usize = 16;

/// A peer's ids; zero where it negotiated none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ExtensionMap([u8; EXTENSIONS.len()]);

impl ExtensionMap {
    pub fn new(negotiated: &[(u8, Extension)]) -> Self {
        let mut ids = [0; EXTENSIONS.len()];
        for &(id, extension) in negotiated {
            ids[extension as usize] = id;
        }
        Self(ids)
    }

    pub fn id(&self, extension: Extension) -> Option<u8> {
        Some(self.0[extension as usize]).filter(|&id| id != 0)
    }

    pub fn has(&self, extension: Extension) -> bool {
        self.0[extension as usize] != 0
    }

    fn meaning(&self, id: u8) -> Option<Extension> {
        let index = self.0.iter().position(|&known| known == id)?;
        Some(EXTENSIONS[index])
    }
}

/// Where a packet's known elements stand; an absent one has length zero and start zero.
#[derive(Clone, Copy, Debug, Default)]
pub struct Elements([(u16, u8); EXTENSIONS.len()]);

impl Elements {
    /// Elements that run past the block end are left out, as are unknown ids.
    pub fn parse(
        packet: &[u8],
        extension: &Option<(u16, Range<usize>)>,
        map: &ExtensionMap,
    ) -> Self {
        let mut elements = Self::default();
        let Some((profile, range)) = extension else {
            return elements;
        };
        let one_byte = *profile == ONE_BYTE;
        if !one_byte && profile & 0xfff0 != TWO_BYTE {
            return elements;
        }
        let mut at = range.start;
        while at < range.end {
            let Some((id, start, len)) = element_at(packet, at, one_byte) else {
                break;
            };
            if start + len > range.end {
                break;
            }
            if let Some(meaning) = (id != 0).then(|| map.meaning(id)).flatten() {
                elements.0[meaning as usize] = (start as u16, len as u8);
            }
            at = start + len;
        }
        elements
    }

    pub fn get<'p>(&self, extension: Extension, packet: &'p [u8]) -> Option<&'p [u8]> {
        let (start, len) = self.0[extension as usize];
        if start == 0 {
            return None;
        }
        packet.get(usize::from(start)..usize::from(start) + usize::from(len))
    }
}

/// Id, start of the data and its length; padding is an element with id 0.
fn element_at(packet: &[u8], at: usize, one_byte: bool) -> Option<(u8, usize, usize)> {
    let first = *packet.get(at)?;
    if first == 0 {
        return Some((0, at + 1, 0));
    }
    if !one_byte {
        return Some((first, at + 2, usize::from(*packet.get(at + 1)?)));
    }
    let id = first >> 4;
    let len = usize::from(first & 0x0f) + 1;
    (id <= ONE_BYTE_LAST_ID).then_some((id, at + 1, len))
}

/// Builds one extension block, four bytes of head included.
pub struct Block<'v> {
    out: &'v mut Vec<u8>,
    start: usize,
    one_byte: bool,
}

impl<'v> Block<'v> {
    /// `elements`: the ids and lengths that will be pushed; they choose the form.
    pub fn begin(out: &'v mut Vec<u8>, elements: impl Iterator<Item = (u8, usize)>) -> Self {
        let mut elements = elements;
        let one_byte = elements
            .all(|(id, len)| id <= ONE_BYTE_LAST_ID && (1..=ONE_BYTE_LAST_LEN).contains(&len));
        let profile = if one_byte { ONE_BYTE } else { TWO_BYTE };
        let start = out.len();
        out.extend_from_slice(&profile.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        Self {
            out,
            start,
            one_byte,
        }
    }

    /// Appends an element; where its data stands, counted from the block's first byte.
    pub fn push(&mut self, id: u8, data: &[u8]) -> usize {
        if self.one_byte {
            self.out.push(id << 4 | (data.len() as u8 - 1));
        } else {
            self.out.extend_from_slice(&[id, data.len() as u8]);
        }
        let at = self.out.len() - self.start;
        self.out.extend_from_slice(data);
        at
    }

    /// Pads to whole words and writes the length. An empty block vanishes.
    pub fn finish(self) {
        let content = self.out.len() - self.start - 4;
        if content == 0 {
            self.out.truncate(self.start);
            return;
        }
        let words = content.div_ceil(4);
        self.out.resize(self.start + 4 + words * 4, 0);
        let length = (words as u16).to_be_bytes();
        self.out[self.start + 2..self.start + 4].copy_from_slice(&length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(negotiated: &[(u8, Extension)], values: &[(Extension, &[u8])]) -> Vec<u8> {
        let map = ExtensionMap::new(negotiated);
        let mut packet = vec![0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let sizes: Vec<_> = values
            .iter()
            .map(|(extension, data)| (map.id(*extension).expect("negotiated"), data.len()))
            .collect();
        let mut block = Block::begin(&mut packet, sizes.into_iter());
        for (extension, data) in values {
            block.push(map.id(*extension).expect("negotiated"), data);
        }
        block.finish();
        let header = crate::rtp::Header::parse(&packet).expect("well-formed");
        let elements = Elements::parse(&packet, &header.extension, &map);
        for (extension, data) in values {
            assert_eq!(elements.get(*extension, &packet), Some(*data));
        }
        packet
    }

    #[test]
    fn one_byte_form_where_ids_and_lengths_allow() {
        let packet = round_trip(
            &[(1, Extension::Mid), (14, Extension::AudioLevel)],
            &[(Extension::Mid, b"12"), (Extension::AudioLevel, &[0x85])],
        );
        assert_eq!(&packet[12..14], &[0xbe, 0xde]);
        assert_eq!(packet.len() % 4, 0);
    }

    #[test]
    fn two_byte_form_for_large_ids_and_long_data() {
        let descriptor = [7u8; 60];
        let packet = round_trip(
            &[(1, Extension::Mid), (15, Extension::DependencyDescriptor)],
            &[
                (Extension::Mid, b"1"),
                (Extension::DependencyDescriptor, &descriptor),
            ],
        );
        assert_eq!(&packet[12..14], &[0x10, 0x00]);
    }

    #[test]
    fn elements_past_the_block_are_left_out() {
        let map = ExtensionMap::new(&[(1, Extension::Mid)]);
        let packet = [
            0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xbe, 0xde, 0, 1, 0x1f, 1, 2, 3, 4, 5,
        ];
        let elements = Elements::parse(&packet, &Some((0xbede, 16..20)), &map);
        assert_eq!(elements.get(Extension::Mid, &packet), None);
    }

    #[test]
    fn an_empty_block_vanishes() {
        let mut out = vec![1];
        Block::begin(&mut out, std::iter::empty()).finish();
        assert_eq!(out, [1]);
    }
}
