//! One packet's bytes: header, extension block, payload, padding, then SRTP.

use std::time::Instant;

use super::Egress;
use super::blocks::Extras;
use super::redundancy::Before;
use super::run::gap_to_last;
use super::sender::Sender;
use super::targets::descriptor_again;
use super::walk::{Outgoing, Retransmission};
use crate::codecs;
use crate::command::Codec;
use crate::drop::DropReason;
use crate::handover::{Burst, Packet};
use crate::ids::TransportId;
use crate::limits::RUN_PADDING;
use crate::rtp::FIXED_HEADER;
use crate::srtp::SrtpSender;
use crate::stages::{self, Stage};
use crate::transmit::{Transmit, TransmitBatch};

/// The fields of a fixed header without CSRCs (RFC 3550 §5.1).
pub(super) struct HeaderFields {
    pub(super) has_extension: bool,
    pub(super) has_padding: bool,
    pub(super) marker: bool,
    pub(super) payload_type: u8,
    pub(super) sequence: i64,
    pub(super) timestamp: u32,
    pub(super) ssrc: u32,
}

impl HeaderFields {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let flags = 0x80 | u8::from(self.has_padding) << 5 | u8::from(self.has_extension) << 4;
        let mut header = [0; FIXED_HEADER];
        header[0] = flags;
        header[1] = u8::from(self.marker) << 7 | self.payload_type;
        header[2..4].copy_from_slice(&(self.sequence as u16).to_be_bytes());
        header[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        header[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        out.extend_from_slice(&header);
    }
}

impl Egress {
    /// Appends one protected packet to the arena.
    pub(super) fn write_packet(
        &mut self,
        sender: usize,
        burst: &Burst,
        outgoing: &Outgoing,
        padding: usize,
        (now_us, send_time): (i64, u32),
        out: &mut TransmitBatch,
    ) {
        let slot = &self.slots[outgoing.slot];
        let codec = &slot.parameters.codecs[outgoing.codec];
        let packet = &burst.packets[outgoing.packet];
        let numbers = &outgoing.numbers;
        let arena = &mut out.arena;
        let start = arena.len();
        let header = HeaderFields {
            has_extension: outgoing.block.len > 0,
            has_padding: padding > 0,
            marker: outgoing.marker,
            payload_type: codec.payload_type,
            sequence: numbers.sequence,
            timestamp: numbers.timestamp,
            ssrc: slot.parameters.ssrc,
        };
        header.write(arena);
        arena.extend_from_slice(self.walk.blocks.bytes(&outgoing.block));
        let sender = &mut self.senders[sender];
        stamp(sender, arena, start, outgoing, send_time);
        let payload = arena.len();
        if !outgoing.is_empty {
            if outgoing.before.len > 0 {
                arena.extend_from_slice(outgoing.before.bytes(&self.walk.redundancy));
            }
            arena.extend_from_slice(burst.payload(packet));
            rewrite_payload(
                codec.codec,
                &mut arena[payload..],
                packet,
                outgoing.numbers.picture_id,
                outgoing.numbers.tl0_picture_index,
            );
        }
        pad(arena, padding);
        seal(sender, arena, start, payload - start, numbers.sequence);
        if outgoing.block.transport_sequence_at != 0
            || sender.count_unnumbered(header.ssrc, header.sequence)
        {
            sender.note(now_us, arena.len() - start);
        }
    }

    /// A packet again: on the RTX stream (RFC 4588 §4), or as it was where there is none.
    pub(super) fn send_retransmission(
        &mut self,
        now: Instant,
        again: Retransmission,
        out: &mut TransmitBatch,
    ) -> Result<(), DropReason> {
        let send_time = self.clock.absolute_send_time(now);
        let slot = self
            .slots
            .get_mut(again.slot)
            .filter(|slot| slot.id == again.id);
        let slot = slot.ok_or(DropReason::NackTooOld)?;
        let sender = &mut self.senders[slot.sender];
        let path = sender.way()?;
        let packet = &again.burst.packets[again.packet as usize];
        let rtx = slot.rtx(again.codec);
        // Without RTX it must be what it was, and was as it came.
        let descriptor = rtx.and_then(|_| descriptor_again(&slot.layers, packet, &again.burst));
        if rtx.is_none() && slot.rewrite.trace(again.numbers.sequence).is_none() {
            return Err(DropReason::NackTooOld);
        }
        let extras = Extras {
            mid: None,
            is_stamped: rtx.is_some(),
            descriptor: descriptor.as_deref(),
        };
        let block = self
            .walk
            .blocks
            .build(&sender.extensions, &again.burst, packet, extras);
        let codec = &slot.parameters.codecs[again.codec];
        let (ssrc, payload_type) = rtx.unwrap_or((slot.parameters.ssrc, codec.payload_type));
        let sequence = match rtx {
            Some(_) => {
                slot.rtx_sequence += 1;
                slot.rtx_sequence
            }
            None => again.numbers.sequence,
        };
        let payload_len = again.burst.payload(packet).len() + if rtx.is_some() { 2 } else { 0 };
        let overhead = sender.srtp.as_ref().map_or(0, SrtpSender::overhead);
        let size = FIXED_HEADER + usize::from(block.len) + payload_len + overhead;
        // What one NACK asked for leaves as one run, where sizes allow it.
        let gap = gap_to_last(out, path, slot.dscp(), size);
        let padding = gap.filter(|&gap| rtx.is_some() && gap <= RUN_PADDING);
        let padding = padding.unwrap_or(0);
        let header = HeaderFields {
            has_extension: block.len > 0,
            has_padding: padding > 0,
            marker: again.marker,
            payload_type,
            sequence,
            timestamp: again.numbers.timestamp,
            ssrc,
        };
        let arena = &mut out.arena;
        let start = arena.len();
        header.write(arena);
        arena.extend_from_slice(self.walk.blocks.bytes(&block));
        let piece = super::run::Piece {
            size: 0,
            can_pad: false,
            class: slot.dscp(),
        };
        let outgoing = Outgoing {
            slot: again.slot,
            codec: again.codec,
            packet: again.packet as usize,
            is_empty: false,
            marker: again.marker,
            numbers: again.numbers,
            block,
            piece,
            before: Before::default(),
        };
        stamp(sender, arena, start, &outgoing, send_time);
        let header_len = arena.len() - start;
        if rtx.is_some() {
            arena.extend_from_slice(&(again.numbers.sequence as u16).to_be_bytes());
        }
        let payload = arena.len();
        arena.extend_from_slice(again.burst.payload(packet));
        let numbers = &again.numbers;
        rewrite_payload(
            codec.codec,
            &mut arena[payload..],
            packet,
            numbers.picture_id,
            numbers.tl0_picture_index,
        );
        pad(arena, padding);
        seal(sender, arena, start, header_len, sequence);
        if block.transport_sequence_at != 0 || sender.count_unnumbered(ssrc, sequence) {
            let now_us = self.clock.us(now);
            sender.note_single(now_us, out.arena.len() - start, 0);
        }
        slot.counters.retransmitted += 1;
        match out.transmits.last_mut().filter(|_| gap.is_some()) {
            Some(run) => {
                let len = out.arena.len() - start;
                run.len += len as u32;
                sender.packets += 1;
                sender.bytes += len as u64;
            }
            None => push_single(sender, out, start, path, slot.dscp()),
        }
        Ok(())
    }

    pub(super) fn send_rtcp(
        &mut self,
        transport: TransportId,
        rtcp: &[u8],
        out: &mut TransmitBatch,
    ) {
        if let Err(reason) = self.try_send_rtcp(transport, rtcp, out) {
            self.drops.count(reason);
        }
    }

    fn try_send_rtcp(
        &mut self,
        transport: TransportId,
        rtcp: &[u8],
        out: &mut TransmitBatch,
    ) -> Result<(), DropReason> {
        let index = self.by_transport.get(&transport).copied();
        let sender = &mut self.senders[index.ok_or(DropReason::NoPath)?];
        let path = sender.way()?;
        let srtp = sender.srtp.as_mut().ok_or(DropReason::NoKeys)?;
        let start = out.arena.len();
        out.arena.extend_from_slice(rtcp);
        stages::enter(Stage::Protect);
        let protected = srtp.protect_rtcp(&mut out.arena, start);
        stages::enter(Stage::Plan);
        if protected.is_err() {
            out.arena.truncate(start);
            return Err(DropReason::SendFailed);
        }
        push_single(sender, out, start, path, 0);
        Ok(())
    }
}

/// Writes what differs with every send or slot into the copied extension block.
pub(super) fn stamp(
    sender: &mut Sender,
    arena: &mut [u8],
    start: usize,
    outgoing: &Outgoing,
    time: u32,
) {
    let block = start + FIXED_HEADER;
    if outgoing.block.transport_sequence_at != 0 {
        let at = block + usize::from(outgoing.block.transport_sequence_at);
        arena[at..at + 2].copy_from_slice(&(sender.transport_sequence as u16).to_be_bytes());
        sender.transport_sequence += 1;
    }
    if outgoing.block.send_time_at != 0 {
        let at = block + usize::from(outgoing.block.send_time_at);
        arena[at..at + 3].copy_from_slice(&time.to_be_bytes()[1..]);
    }
    if let (Some(number), 1..) = (
        outgoing.numbers.frame_number,
        outgoing.block.frame_number_at,
    ) {
        let at = block + usize::from(outgoing.block.frame_number_at);
        arena[at..at + 2].copy_from_slice(&number.to_be_bytes());
    }
}

fn rewrite_payload(
    codec: Codec,
    payload: &mut [u8],
    packet: &Packet,
    picture_id: Option<u16>,
    tl0_picture_index: Option<u8>,
) {
    if packet.picture_id.is_some() || packet.tl0_picture_index.is_some() {
        codecs::rewrite(codec, payload, picture_id, tl0_picture_index);
    }
}

/// RFC 3550 §5.1: zeros, and the last byte counts them all.
pub(super) fn pad(arena: &mut Vec<u8>, padding: usize) {
    if padding > 0 {
        arena.resize(arena.len() + padding - 1, 0);
        arena.push(padding as u8);
    }
}

pub(super) fn seal(
    sender: &Sender,
    arena: &mut Vec<u8>,
    start: usize,
    header_len: usize,
    sequence: i64,
) {
    let roc = (sequence >> 16) as u32;
    stages::enter(Stage::Protect);
    let sealed = sender
        .srtp
        .as_ref()
        .is_some_and(|srtp| srtp.protect_rtp(arena, start, header_len, roc).is_ok());
    stages::enter(Stage::Rewrite);
    debug_assert!(sealed, "a whole header always protects");
    if !sealed {
        // Nobody shall read it, whatever went wrong; the receiver drops it as not authentic.
        arena[start + header_len..].fill(0);
    }
}

fn push_single(
    sender: &mut Sender,
    out: &mut TransmitBatch,
    start: usize,
    path: crate::transmit::Path,
    dscp: u8,
) {
    let len = out.arena.len() - start;
    sender.packets += 1;
    sender.bytes += len as u64;
    let (start, segment_size) = (start as u32, len as u16);
    out.transmits.push(Transmit {
        path,
        start,
        len: len as u32,
        segment_size,
        dscp,
    });
}
