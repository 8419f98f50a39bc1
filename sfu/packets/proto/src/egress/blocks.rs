//! Header extension blocks, built once for each packet and each distinct set of ids.

use crate::command::Extension;
use crate::handover::{Burst, Packet};
use crate::rtp::{Block, EXTENSIONS, ExtensionMap};

const TRANSPORT_SEQUENCE_BYTES: usize = 2;
const SEND_TIME_BYTES: usize = 3;

/// A built block; what differs between subscribers is patched after copying.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BlockRef {
    pub(crate) start: u32,
    pub(crate) len: u16,
    /// From the block's first byte; zero where absent.
    pub(crate) transport_sequence_at: u16,
    pub(crate) send_time_at: u16,
    /// The dependency descriptor's frame number.
    pub(crate) frame_number_at: u16,
}

/// What a block holds besides the forwarded elements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extras<'a> {
    pub(crate) mid: Option<&'a str>,
    /// Numbers and times that differ with every send.
    pub(crate) is_stamped: bool,
    /// A dependency descriptor in place of the packet's own.
    pub(crate) descriptor: Option<&'a [u8]>,
}

/// The blocks of the burst being walked.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    bytes: Vec<u8>,
    /// By mapping, then by packet.
    built: Vec<Vec<Option<BlockRef>>>,
    packets: usize,
}

impl Blocks {
    pub(crate) fn begin(&mut self, packets: usize) {
        self.bytes.clear();
        self.packets = packets;
        for mapping in &mut self.built {
            mapping.clear();
        }
    }

    /// The mapping's place will be another's.
    pub(crate) fn forget(&mut self, mapping: usize) {
        if let Some(built) = self.built.get_mut(mapping) {
            built.clear();
        }
    }

    /// What is built from here on may be given back by [`Self::release`].
    pub(crate) fn mark(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn release(&mut self, mark: usize) {
        self.bytes.truncate(mark);
    }

    /// A block whose bytes were kept.
    pub(crate) fn restore(&mut self, block: &BlockRef, bytes: &[u8]) -> BlockRef {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(bytes);
        BlockRef { start, ..*block }
    }

    pub(crate) fn bytes(&self, block: &BlockRef) -> &[u8] {
        &self.bytes[block.start as usize..block.start as usize + usize::from(block.len)]
    }

    /// The stamped block without mid, built at first use.
    pub(crate) fn shared(
        &mut self,
        mapping: usize,
        map: &ExtensionMap,
        burst: &Burst,
        packet: usize,
    ) -> BlockRef {
        if self.built.len() <= mapping {
            self.built.resize_with(mapping + 1, Vec::new);
        }
        let built = &mut self.built[mapping];
        built.resize(self.packets, None);
        if let Some(block) = built[packet] {
            return block;
        }
        let extras = Extras {
            mid: None,
            is_stamped: true,
            descriptor: None,
        };
        let block = self.build(map, burst, &burst.packets[packet], extras);
        self.built[mapping][packet] = Some(block);
        block
    }

    /// A block of its own.
    pub(crate) fn build(
        &mut self,
        map: &ExtensionMap,
        burst: &Burst,
        packet: &Packet,
        extras: Extras<'_>,
    ) -> BlockRef {
        let start = self.bytes.len();
        let stamp = |extension| map.id(extension).filter(|_| extras.is_stamped);
        let transport_sequence = stamp(Extension::TransportSequenceNumber);
        // Who tells of arrivals by number reads no times of sending (libwebrtc asks for one or the other).
        let send_time = stamp(Extension::AbsoluteSendTime).filter(|_| transport_sequence.is_none());
        let mid = extras
            .mid
            .and_then(|mid| Some((map.id(Extension::Mid)?, mid.as_bytes())));
        let own = map.id(Extension::DependencyDescriptor);
        let forwarded = || {
            let elements = elements(burst.extensions(packet), map);
            elements.map(|(id, data)| match extras.descriptor {
                Some(descriptor) if Some(id) == own => (id, descriptor),
                _ => (id, data),
            })
        };
        let sizes = transport_sequence
            .map(|id| (id, TRANSPORT_SEQUENCE_BYTES))
            .into_iter()
            .chain(send_time.map(|id| (id, SEND_TIME_BYTES)))
            .chain(mid.map(|(id, mid)| (id, mid.len())))
            .chain(forwarded().map(|(id, data)| (id, data.len())));
        let mut block = Block::begin(&mut self.bytes, sizes);
        let push = |block: &mut Block<'_>, id: Option<u8>, data: &[u8]| {
            id.map_or(0, |id| block.push(id, data) as u16)
        };
        let transport_sequence_at = push(
            &mut block,
            transport_sequence,
            &[0; TRANSPORT_SEQUENCE_BYTES],
        );
        let send_time_at = push(&mut block, send_time, &[0; SEND_TIME_BYTES]);
        if let Some((id, mid)) = mid {
            block.push(id, mid);
        }
        let mut frame_number_at = 0;
        for (id, data) in forwarded() {
            let at = block.push(id, data) as u16;
            if own == Some(id) && packet.frame_number.is_some() {
                frame_number_at = at + 1;
            }
        }
        block.finish();
        let len = (self.bytes.len() - start) as u16;
        BlockRef {
            start: start as u32,
            len,
            transport_sequence_at,
            send_time_at,
            frame_number_at,
        }
    }
}

/// A packet's forwarded elements under the ids of a subscriber; those it knows.
fn elements<'e>(
    encoded: &'e [u8],
    map: &'e ExtensionMap,
) -> impl Iterator<Item = (u8, &'e [u8])> + 'e {
    let mut rest = encoded;
    let all = std::iter::from_fn(move || {
        let (&[extension, len], after) = rest.split_first_chunk()?;
        let (data, after) = after.split_at_checked(usize::from(len))?;
        rest = after;
        Some((EXTENSIONS[usize::from(extension)], data))
    });
    all.filter_map(|(extension, data)| Some((map.id(extension)?, data)))
}
