//! Probes on the wire: packets of padding alone (RFC 3550 §5.1) on a slot's RTX stream, whose
//! receivers take them for nothing but their transport-wide numbers.

use std::time::Instant;

use super::Egress;
use super::bandwidth::Padding;
use super::blocks::Extras;
use super::redundancy::Before;
use super::rewrite::Numbers;
use super::run::Piece;
use super::walk::Outgoing;
use super::write::{HeaderFields, pad, seal, stamp};
use crate::drop::DropReason;
use crate::handover::{Burst, FrameLayers, LayerKey, Packet};
use crate::limits::RUN_SEGMENTS;
use crate::rtp::FIXED_HEADER;
use crate::srtp::SrtpSender;
use crate::transmit::{Transmit, TransmitBatch};

/// What one byte can count.
const MOST_PADDING: usize = 255;

impl Egress {
    /// The cluster as one train, in runs of equal packets.
    pub(super) fn send_padding(
        &mut self,
        now: Instant,
        padding: &Padding,
        out: &mut TransmitBatch,
    ) -> Result<(), DropReason> {
        let mut left = padding.cluster.packets as usize;
        while left > 0 {
            let count = left.min(RUN_SEGMENTS);
            self.send_padding_run(now, padding, count, out)?;
            left -= count;
        }
        Ok(())
    }

    fn send_padding_run(
        &mut self,
        now: Instant,
        padding: &Padding,
        count: usize,
        out: &mut TransmitBatch,
    ) -> Result<(), DropReason> {
        let (send_time, now_us) = (self.clock.absolute_send_time(now), self.clock.us(now));
        let slot = self.slots.get_mut(padding.slot);
        let slot = slot.filter(|slot| slot.id == padding.id);
        let slot = slot.ok_or(DropReason::NoPath)?;
        let sender = &mut self.senders[slot.sender];
        let path = sender.way()?;
        let segment = slot.rewrite.current().ok_or(DropReason::NoPath)?;
        let (ssrc, payload_type) = slot.rtx(segment.codec).ok_or(DropReason::NoPath)?;
        let feed = self.feeds.get(&segment.layer);
        let timestamp = feed.and_then(|feed| feed.timestamp_at(now_us)).unwrap_or(0);
        let mut outgoing = Outgoing {
            slot: padding.slot,
            codec: segment.codec,
            packet: 0,
            is_empty: false,
            marker: false,
            numbers: Numbers {
                sequence: 0,
                timestamp: timestamp.wrapping_add(segment.timestamp),
                picture_id: None,
                tl0_picture_index: None,
                frame_number: None,
                is_first: false,
            },
            block: super::blocks::BlockRef::default(),
            piece: Piece {
                size: 0,
                can_pad: false,
                class: slot.dscp(),
            },
            before: Before::default(),
        };
        let extras = Extras {
            mid: None,
            is_stamped: true,
            descriptor: None,
        };
        let extensions = &sender.extensions;
        let (burst, packet) = (Burst::default(), empty_packet());
        outgoing.block = self.walk.blocks.build(extensions, &burst, &packet, extras);
        let around = FIXED_HEADER
            + usize::from(outgoing.block.len)
            + sender.srtp.as_ref().map_or(0, SrtpSender::overhead);
        let size = padding.cluster.packet_bytes as usize;
        let size = size.saturating_sub(around).clamp(1, MOST_PADDING);
        let start = out.arena.len();
        for _ in 0..count {
            let packet_start = out.arena.len();
            slot.rtx_sequence += 1;
            let header = HeaderFields {
                has_extension: outgoing.block.len > 0,
                has_padding: true,
                marker: false,
                payload_type,
                sequence: slot.rtx_sequence,
                timestamp: outgoing.numbers.timestamp,
                ssrc,
            };
            let arena = &mut out.arena;
            header.write(arena);
            arena.extend_from_slice(self.walk.blocks.bytes(&outgoing.block));
            stamp(sender, arena, packet_start, &outgoing, send_time);
            let header_len = arena.len() - packet_start;
            pad(arena, size);
            seal(sender, arena, packet_start, header_len, slot.rtx_sequence);
            let bytes = out.arena.len() - packet_start;
            if outgoing.block.transport_sequence_at == 0 {
                sender.count_unnumbered(ssrc, slot.rtx_sequence);
            }
            sender.note_single(now_us, bytes, padding.cluster.id);
        }
        let len = out.arena.len() - start;
        sender.packets += count as u64;
        sender.bytes += len as u64;
        sender.paced_past(now_us, len);
        out.transmits.push(Transmit {
            path,
            start: start as u32,
            len: len as u32,
            segment_size: (len / count) as u16,
            dscp: slot.dscp(),
        });
        Ok(())
    }
}

/// What has no extensions to forward.
fn empty_packet() -> Packet {
    Packet {
        layer: LayerKey(0),
        came_us: 0,
        sequence: 0,
        timestamp: 0,
        marker: false,
        keyframe: false,
        picture_id: None,
        tl0_picture_index: None,
        frame_number: None,
        targets: None,
        layers: FrameLayers::default(),
        extensions: 0..0,
        payload: 0..0,
    }
}
