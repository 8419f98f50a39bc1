//! Sound that comes with older packets before the newest (RFC 2198) goes on without them: the send
//! side adds its own for those whose way loses packets.
//!
//! What was lost on the way here and is in it takes its place in the stream. It stays lost to the
//! publisher, whose encoder must know what its uplink does.

use std::time::Instant;

use super::Ingress;
use super::media::Arrived;
use super::source::Meaning;
use crate::codecs::red;
use crate::command::Codec;
use crate::drop::DropReason;
use crate::handover::{FrameLayers, Packet};

impl Ingress {
    /// The newest packet by itself, under the codec that it names.
    pub(super) fn receive_redundant(
        &mut self,
        now: Instant,
        index: usize,
        arrived: Arrived<'_>,
    ) -> Result<(), DropReason> {
        let payload = red::Payload::parse(arrived.payload).ok();
        let unpacked = payload.and_then(|payload| {
            let codec = self.inner_codec(index, payload.newest_type)?;
            Some((payload, codec))
        });
        let Some((payload, codec)) = unpacked else {
            self.take_out(index, &arrived);
            return Err(DropReason::PayloadMalformed);
        };
        let unpacked = Arrived {
            payload: payload.newest,
            codec,
            repeated: arrived.payload.len() - payload.newest.len(),
            ..arrived
        };
        let received = self.receive_payload(now, index, &unpacked, Some(&payload));
        self.layers[index].note_redundant(arrived.number, arrived.header.timestamp);
        received
    }

    fn inner_codec(&self, index: usize, payload_type: u8) -> Option<usize> {
        let source = &self.sources[self.layers[index].source];
        match source.meaning(payload_type)? {
            Meaning::Media(codec) => (source.codec(codec).codec != Codec::Red).then_some(codec),
            Meaning::Repair(_) => None,
        }
    }

    /// Fills the hole right before a packet with what it repeats. Blocks have timestamps and no
    /// numbers: senders repeat the packets right before, so the last block is of the number before
    /// this one, and so on; what is not between the timestamps around the hole contradicts that.
    pub(super) fn recover(
        &mut self,
        index: usize,
        arrived: &Arrived<'_>,
        payload: &red::Payload<'_>,
    ) {
        let Some((newest, timestamp)) = self.layers[index].newest_redundant else {
            return;
        };
        if arrived.number <= newest + 1 {
            return;
        }
        let since = arrived.header.timestamp.wrapping_sub(timestamp);
        let older = payload.older();
        let first = arrived.number - older.len() as i64;
        for (number, block) in (first..).zip(older) {
            let is_between = number > newest && (1..since).contains(&block.age);
            let is_usable = !block.data.is_empty()
                && self.inner_codec(index, block.payload_type) == Some(arrived.codec);
            if is_between && is_usable && self.layers[index].reception.is_new(number) {
                self.draft_recovered(index, number, arrived, &block);
            }
        }
    }

    fn draft_recovered(
        &mut self,
        index: usize,
        number: i64,
        arrived: &Arrived<'_>,
        block: &red::Older<'_>,
    ) {
        let layer = &mut self.layers[index];
        layer.nack.fill(number);
        if layer.reception.is_counted(number) {
            layer.counters.repaired += 1;
            layer.counters.repaired_red += 1;
        }
        let Some(sequence) = layer.numbering.assign(number) else {
            return;
        };
        let bytes = &mut self.draft.bytes;
        let at = bytes.len() as u32;
        bytes.extend_from_slice(block.data);
        self.draft.packets.push(Packet {
            layer: layer.key,
            came_us: arrived.came_us,
            sequence,
            timestamp: arrived.header.timestamp.wrapping_sub(block.age),
            marker: false,
            keyframe: true,
            picture_id: None,
            tl0_picture_index: None,
            frame_number: None,
            targets: None,
            layers: FrameLayers::default(),
            extensions: at..at,
            payload: at..bytes.len() as u32,
        });
    }
}
