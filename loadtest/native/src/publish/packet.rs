//! The RTP around a payload: header, extensions, protection.

use sfu_proto::command::Extension;
use sfu_proto::rtp::{Block, ExtensionMap};
use sfu_proto::srtp::{SrtpError, SrtpSender};

use super::Names;
use crate::outbox::Outbox;
use crate::time::Nanos;

/// A stream's place in its sequence, and the header of one packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) payload_type: u8,
    pub(super) marker: bool,
    /// Extended to 64 bits.
    pub(super) number: u64,
    pub(super) timestamp: u32,
    pub(super) ssrc: u32,
    /// RFC 6464: the V bit and -dBov, for sound.
    pub(super) audio_level: Option<u8>,
    pub(super) is_repair: bool,
}

/// Shared by all streams of a peer, since they are numbered together.
pub(super) struct Writer {
    extensions: ExtensionMap,
    transport_number: u16,
}

impl Writer {
    pub(super) fn new(extensions: ExtensionMap) -> Self {
        Self {
            extensions,
            transport_number: 0,
        }
    }

    /// Puts one protected packet into the outbox.
    pub(super) fn send(
        &mut self,
        out: &mut Outbox,
        sender: &SrtpSender,
        now: Nanos,
        head: &Head,
        names: &Names,
        payload: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), SrtpError> {
        let number = self.transport_number;
        self.transport_number = number.wrapping_add(1);
        out.push(|arena, start| {
            write_fixed(arena, head);
            self.write_extensions(arena, now, number, head, names);
            let header = arena.len() - start;
            if header > FIXED {
                arena[start] |= 0x10;
            }
            payload(arena);
            sender.protect_rtp(arena, start, header, (head.number >> 16) as u32)
        })
    }

    fn write_extensions(
        &self,
        arena: &mut Vec<u8>,
        now: Nanos,
        number: u16,
        head: &Head,
        names: &Names,
    ) {
        // 6.18 fixed point seconds.
        let send_time = ((u128::from(now) << 18) / 1_000_000_000) as u32;
        let send_time = send_time.to_be_bytes();
        let number = number.to_be_bytes();
        let level = head.audio_level.map(|level| [level]);
        let timing = [
            (Extension::AbsoluteSendTime, &send_time[1..]),
            (Extension::TransportSequenceNumber, &number[..]),
        ];
        let level = level
            .iter()
            .map(|level| (Extension::AudioLevel, &level[..]));
        let all = timing
            .into_iter()
            .chain(level)
            .chain(names.elements(head.is_repair))
            .filter_map(|(extension, data)| Some((self.extensions.id(extension)?, data)));
        let mut block = Block::begin(arena, all.clone().map(|(id, data)| (id, data.len())));
        all.for_each(|(id, data)| _ = block.push(id, data));
        block.finish();
    }
}

/// RFC 3550 §5.1.
const FIXED: usize = 12;

fn write_fixed(arena: &mut Vec<u8>, head: &Head) {
    arena.extend_from_slice(&[0x80, u8::from(head.marker) << 7 | head.payload_type]);
    arena.extend_from_slice(&(head.number as u16).to_be_bytes());
    arena.extend_from_slice(&head.timestamp.to_be_bytes());
    arena.extend_from_slice(&head.ssrc.to_be_bytes());
}
