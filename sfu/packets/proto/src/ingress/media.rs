//! The way of one RTP packet: unprotect, resolve, count, describe, draft.

use std::time::Instant;

use super::cadence::FrameStart;
use super::nack::Arrival;
use super::scalability::Said;
use super::source::Meaning;
use super::{Ingress, Layer};
use crate::codecs::{self, PayloadInfo, red};
use crate::command::{Codec, Extension, MediaKind};
use crate::drop::DropReason;
use crate::handover::{FrameLayers, Packet};
use crate::limits::PACKET_BYTES;
use crate::rtp::{Elements, Header, extend_sequence, split_rtx, strip_padding};
use crate::stages::{self, Stage};

/// What goes on to the subscribers, in the order in which it is written. How loud a voice is (RFC 6464) is
/// for us who choose: receivers take it from the sound, and of a voice of 32 kbit/s it is a fortieth.
const FORWARDED: [Extension; 4] = [
    Extension::AbsoluteCaptureTime,
    Extension::PlayoutDelay,
    Extension::VideoOrientation,
    Extension::DependencyDescriptor,
];

/// A decrypted packet on its way.
#[derive(Clone, Copy)]
pub(super) struct Arrived<'p> {
    pub(super) came_at: Instant,
    /// The same on our clock.
    pub(super) came_us: i64,
    pub(super) header: &'p Header,
    pub(super) elements: &'p Elements,
    pub(super) packet: &'p [u8],
    /// Without padding and without RTX's number.
    pub(super) payload: &'p [u8],
    /// Extended number of the original.
    pub(super) number: i64,
    pub(super) codec: usize,
    /// Sent again, on a stream of its own or under its own number.
    pub(super) is_repair: bool,
    /// So many bytes of the packet repeat older ones.
    pub(super) repeated: usize,
}

impl Ingress {
    pub(crate) fn receive_rtp(
        &mut self,
        now: Instant,
        came_at: Instant,
        receiver: usize,
        data: &mut [u8],
    ) -> Result<(), DropReason> {
        let header = Header::parse(data).map_err(|_| DropReason::RtpMalformed)?;
        let srtp = self.receivers[receiver]
            .srtp
            .as_mut()
            .ok_or(DropReason::NoKeys)?;
        stages::enter(Stage::Unprotect);
        let unprotected = srtp.unprotect_rtp(data, header.len);
        stages::enter(Stage::Receive);
        let unprotected = match unprotected {
            Ok(unprotected) => unprotected,
            Err(reason) => return Err(self.note_refused(receiver, header.ssrc, reason)),
        };
        let packet = &data[..unprotected.len];
        let map = &self.receivers[receiver].extensions;
        let elements = Elements::parse(packet, &header.extension, map);
        let came_us = self.clock.us(came_at);
        self.note_arrival(now, came_us, receiver, &header, &elements, packet);
        let stream = self.resolve(receiver, &header, &elements, packet)?;
        let (layer, meaning) = self.layer_of_stream(now, receiver, stream, &header)?;
        let payload = match header.has_padding {
            true => strip_padding(&packet[header.len..]).map_err(|_| DropReason::RtpMalformed)?,
            false => &packet[header.len..],
        };
        let arrived = |payload, number, codec, is_repair| Arrived {
            came_at,
            came_us,
            header: &header,
            elements: &elements,
            packet,
            payload,
            number,
            codec,
            is_repair,
            repeated: 0,
        };
        match meaning {
            Meaning::Media(codec) => {
                let number = unprotected.index as i64;
                self.receive_media(now, layer, arrived(payload, number, codec, false))
            }
            Meaning::Repair(_) if payload.is_empty() => Err(DropReason::PaddingOnly),
            Meaning::Repair(codec) => {
                let (number, payload) = split_rtx(payload).ok_or(DropReason::RtxUnmatched)?;
                let highest = self.layers[layer].reception.highest();
                let highest = highest.ok_or(DropReason::RtxUnmatched)?;
                let number = extend_sequence(highest, number);
                self.receive_media(now, layer, arrived(payload, number, codec, true))
            }
        }
    }

    /// What came twice is refused by the replay window: nobody can tell it from a replay.
    fn note_refused(&mut self, receiver: usize, ssrc: u32, reason: DropReason) -> DropReason {
        if reason == DropReason::SrtpReplayed
            && let Some(layer) = self.layer_of_ssrc(receiver, ssrc)
        {
            self.layers[layer].counters.duplicates += 1;
        }
        reason
    }

    fn note_arrival(
        &mut self,
        now: Instant,
        came_us: i64,
        index: usize,
        header: &Header,
        elements: &Elements,
        packet: &[u8],
    ) {
        let ms = self.clock.ms(now);
        let receiver = &mut self.receivers[index];
        receiver.packets += 1;
        receiver.bytes += packet.len() as u64;
        if receiver.has_remb {
            receiver.bandwidth.received(now, ms, packet.len());
        }
        if receiver
            .ceiling
            .received(ms, packet.len().max(PACKET_BYTES))
        {
            self.shut(index, MediaKind::Video);
        }
        let receiver = &mut self.receivers[index];
        if receiver.has_congestion_feedback {
            let told = &mut receiver.acknowledgements;
            told.record(header.ssrc, header.sequence_number, came_us, now);
            let next = told.next();
            return self.wake(index, next);
        }
        if !receiver.has_transport_feedback {
            return;
        }
        let number = elements.get(Extension::TransportSequenceNumber, packet);
        if let Some(number) = number.and_then(|data| data.first_chunk()) {
            receiver
                .arrivals
                .record(u16::from_be_bytes(*number), came_us, now);
            let next = receiver.arrivals.next();
            self.wake(index, next);
        }
    }

    /// The layer that a stream feeds or repairs, made by the first media packet.
    fn layer_of_stream(
        &mut self,
        now: Instant,
        receiver: usize,
        stream: usize,
        header: &Header,
    ) -> Result<(usize, Meaning), DropReason> {
        let held = &self.receivers[receiver];
        let stream_index = stream;
        let stream = held.streams[stream];
        let source = held.lines[stream.line]
            .source
            .ok_or(DropReason::UnknownSsrc)?;
        let meaning = self.sources[source].meaning(header.payload_type);
        let meaning = meaning.ok_or(DropReason::UnknownPayloadType)?;
        match meaning {
            Meaning::Repair(_) => {
                let layer = self.newest_layer(source, stream.index);
                Ok((layer.ok_or(DropReason::RtxUnmatched)?, meaning))
            }
            Meaning::Media(_) => {
                let layer = stream
                    .layer
                    .unwrap_or_else(|| self.add_layer(source, stream.index, stream.ssrc, now));
                self.receivers[receiver].streams[stream_index].layer = Some(layer);
                Ok((layer, meaning))
            }
        }
    }

    /// Of several streams of one rid the one that brought media last.
    fn newest_layer(&self, source: usize, index: u8) -> Option<usize> {
        let layers = self.sources[source].layers.iter().copied();
        layers
            .filter(|&layer| self.layers[layer].index == index)
            .max_by_key(|&layer| self.layers[layer].last_packet)
    }

    fn receive_media(
        &mut self,
        now: Instant,
        index: usize,
        arrived: Arrived<'_>,
    ) -> Result<(), DropReason> {
        let is_repair = self.count_arrival(now, index, &arrived)?;
        let arrived = Arrived {
            is_repair,
            ..arrived
        };
        if arrived.payload.is_empty() {
            self.take_out(index, &arrived);
            return Err(DropReason::PaddingOnly);
        }
        let source = &self.sources[self.layers[index].source];
        if source.codec(arrived.codec).codec == Codec::Red {
            return self.receive_redundant(now, index, arrived);
        }
        self.receive_payload(now, index, &arrived, None)
    }

    /// Of a payload by itself, and the older ones that came with it.
    pub(super) fn receive_payload(
        &mut self,
        now: Instant,
        index: usize,
        arrived: &Arrived<'_>,
        redundant: Option<&red::Payload<'_>>,
    ) -> Result<(), DropReason> {
        self.note_codec(index, arrived.codec);
        let (layer, source) = (
            &self.layers[index],
            &self.sources[self.layers[index].source],
        );
        let codec = source.codec(arrived.codec).codec;
        let (is_forwarding, source) = (source.is_forwarding, layer.source);
        let Ok(info) = codecs::describe(codec, arrived.payload) else {
            self.take_out(index, arrived);
            return Err(DropReason::PayloadMalformed);
        };
        let descriptor = arrived
            .elements
            .get(Extension::DependencyDescriptor, arrived.packet);
        let said = Said {
            codec,
            info: &info,
            descriptor,
            marker: arrived.header.marker,
        };
        self.note_frame(index, arrived, &info);
        let layers = self.place(now, index, &said);
        let is_keyframe = self.note_payload(now, index, arrived, &info);
        if self.is_over_ceiling(now, source, arrived.packet.len()) {
            return Err(DropReason::OverBitrate);
        }
        self.activate(now, index);
        let is_picture = self.sources[source].is_video();
        let rates = &mut self.layers[index].rates;
        rates.add(
            &layers,
            arrived.packet.len() - arrived.repeated,
            is_picture && info.keyframe,
        );
        if !is_forwarding {
            return Err(DropReason::NotForwarding);
        }
        self.hear(now, source, arrived);
        if let Some(redundant) = redundant {
            self.recover(index, arrived, redundant);
        }
        self.draft_packet(index, arrived, &info, layers, is_keyframe)
    }

    /// Sound has a ceiling of its own, of what codecs make: else video under its name had none.
    fn is_over_ceiling(&mut self, now: Instant, source: usize, bytes: usize) -> bool {
        let ms = self.clock.ms(now);
        let index = self.sources[source].receiver;
        if self.sources[source].is_video() {
            return self.is_over_share(ms, source, bytes)
                || self.receivers[index].ceiling.is_exceeded();
        }
        let receiver = &mut self.receivers[index];
        let is_shut = receiver.audio_ceiling.received(ms, bytes);
        let is_exceeded = receiver.audio_ceiling.is_exceeded();
        if is_shut {
            self.shut(index, MediaKind::Audio);
        }
        is_exceeded
    }

    /// What one picture may take of it; the publisher's others go on.
    fn is_over_share(&mut self, now_ms: u64, source: usize, bytes: usize) -> bool {
        let Some(share) = &mut self.sources[source].share else {
            return false;
        };
        let is_shut = share.received(now_ms, bytes.max(PACKET_BYTES));
        let is_exceeded = share.is_exceeded();
        if is_shut {
            self.end_layers(source);
        }
        is_exceeded
    }

    /// Statistics, repair and duplicates. True: it was sent again.
    fn count_arrival(
        &mut self,
        now: Instant,
        index: usize,
        arrived: &Arrived<'_>,
    ) -> Result<bool, DropReason> {
        let ms = self.clock.ms(now);
        let layer = &mut self.layers[index];
        let source = &self.sources[layer.source];
        let codec = source.codec(arrived.codec);
        let (mut is_repair, number) = (arrived.is_repair, arrived.number);
        let is_new = match is_repair {
            true => layer.reception.is_new(number),
            false => layer.reception.take(number),
        };
        let arrival = match is_new && codec.nack {
            true => layer.nack.arrived(number, now),
            false => Arrival::InOrder,
        };
        // Without RTX a packet that was asked for comes again under its own number.
        if arrival == (Arrival::Filled { was_asked: true }) && codec.rtx_payload_type.is_none() {
            is_repair = true;
        }
        if !is_repair {
            layer.reception.count(number);
        }
        if !is_new {
            // By a repair, one of the two: what comes twice by itself does not come so far.
            return Err(DropReason::Duplicate);
        }
        let is_missed = is_repair && layer.reception.is_counted(number);
        layer.counters.repaired += u64::from(is_missed);
        layer.counters.packets += 1;
        layer.counters.bytes += arrived.packet.len() as u64;
        layer.meter.add(ms, arrived.packet.len());
        if !codec.nack {
            return Ok(is_repair);
        }
        if arrival == Arrival::Outage && source.is_video() {
            layer.keyframes.ask();
        }
        let (receiver, next) = (source.receiver, layer.nack.next());
        self.wake(receiver, next);
        Ok(is_repair)
    }

    /// The first packet of a frame, by the payload's word, tells when it came. Of what was sent
    /// again, and of the frame's later packets, that says nothing of the way.
    fn note_frame(&mut self, index: usize, arrived: &Arrived<'_>, info: &PayloadInfo) {
        if arrived.is_repair || !info.frame_start {
            return;
        }
        let layer = &mut self.layers[index];
        let is_first = layer.cadence.begin_frame(FrameStart {
            timestamp: arrived.header.timestamp,
            clock_rate: layer.clock_rate,
            came_us: arrived.came_us,
            missing: layer.reception.lost_after_repair(),
        });
        if !is_first {
            return;
        }
        let told = arrived
            .elements
            .get(Extension::AbsoluteCaptureTime, arrived.packet);
        let told = told.and_then(captured_ntp);
        let timestamp = arrived.header.timestamp;
        let captured = told.or_else(|| layer.cadence.ntp_of(timestamp, layer.clock_rate));
        if let Some(ntp) = captured {
            let us = self.wall.since_ntp_us(arrived.came_at, ntp);
            layer.cadence.captured(us);
        }
    }

    /// A packet without media must not cost a number; where it is too late to close the
    /// hole, the number is filled with an empty packet, or receivers would ask for it.
    pub(super) fn take_out(&mut self, index: usize, arrived: &Arrived<'_>) {
        let layer = &mut self.layers[index];
        if layer.numbering.remove(arrived.number) || !layer.is_passed_down {
            return;
        }
        if let Some(sequence) = layer.numbering.assign(arrived.number) {
            let at = self.draft.bytes.len() as u32;
            self.draft.packets.push(Packet {
                layer: layer.key,
                came_us: arrived.came_us,
                sequence,
                timestamp: arrived.header.timestamp,
                marker: false,
                keyframe: false,
                picture_id: None,
                tl0_picture_index: None,
                frame_number: None,
                targets: None,
                layers: FrameLayers::default(),
                extensions: at..at,
                payload: at..at,
            });
        }
    }

    fn note_codec(&mut self, index: usize, codec: usize) {
        if self.layers[index].codec != Some(codec) {
            if self.layers[index].codec.is_some() {
                self.end_layer(index);
            }
            let layer = &mut self.layers[index];
            layer.codec = Some(codec);
            layer.cadence.begin_anew();
            layer.clock_rate = self.sources[layer.source].codec(codec).clock_rate;
        }
    }

    fn note_payload(
        &mut self,
        now: Instant,
        index: usize,
        arrived: &Arrived<'_>,
        info: &PayloadInfo,
    ) -> bool {
        let ms = self.clock.ms(now);
        let layer: &mut Layer = &mut self.layers[index];
        let source = &self.sources[layer.source];
        layer.last_packet = now;
        layer.count_frame(ms, arrived.header.timestamp);
        if let Some(resolution) = info.resolution {
            layer.counters.resolution = resolution;
        }
        let is_audio = !source.is_video();
        let is_keyframe = is_audio || layer.begins_keyframe(arrived.header.timestamp, info);
        if is_keyframe && !is_audio {
            layer.counters.keyframes += 1;
            layer.keyframes.settle();
        }
        let receiver = source.receiver;
        if self.receivers[receiver].next_report.is_none() {
            self.begin_reports(now, receiver);
        }
        is_keyframe
    }

    fn hear(&mut self, now: Instant, source: usize, arrived: &Arrived<'_>) {
        let Some(room) = self.sources[source].room else {
            return;
        };
        let level = arrived.elements.get(Extension::AudioLevel, arrived.packet);
        self.heard(
            now,
            room,
            source,
            level.and_then(|data| data.first().copied()),
        );
    }

    fn draft_packet(
        &mut self,
        index: usize,
        arrived: &Arrived<'_>,
        info: &PayloadInfo,
        layers: FrameLayers,
        is_keyframe: bool,
    ) -> Result<(), DropReason> {
        let layer = &mut self.layers[index];
        let sequence = layer
            .numbering
            .assign(arrived.number)
            .ok_or(DropReason::Duplicate)?;
        let targets = layer.scalability.take_targets();
        let bytes = &mut self.draft.bytes;
        let start = bytes.len() as u32;
        for extension in FORWARDED {
            if let Some(data) = arrived.elements.get(extension, arrived.packet) {
                bytes.extend_from_slice(&[extension as u8, data.len() as u8]);
                bytes.extend_from_slice(data);
            }
        }
        let payload = bytes.len() as u32;
        bytes.extend_from_slice(arrived.payload);
        self.draft.packets.push(Packet {
            layer: layer.key,
            came_us: arrived.came_us,
            sequence,
            timestamp: arrived.header.timestamp,
            marker: arrived.header.marker,
            keyframe: is_keyframe,
            picture_id: info.picture_id.map(|id| id.value),
            tl0_picture_index: info.tl0_picture_index,
            frame_number: frame_number(arrived),
            targets,
            layers,
            extensions: start..payload,
            payload: payload..bytes.len() as u32,
        });
        Ok(())
    }
}

/// When a frame was captured, by its sender's clock: a mixer says by how much that of the device
/// was ahead of its own (abs-capture-time extension).
fn captured_ntp(data: &[u8]) -> Option<u64> {
    let (ntp, rest) = data.split_first_chunk()?;
    let ahead = rest
        .first_chunk()
        .map_or(0, |ahead| i64::from_be_bytes(*ahead));
    Some(u64::from_be_bytes(*ntp).wrapping_sub(ahead as u64))
}

/// The frame number that follows the first byte of a dependency descriptor (AV1 RTP
/// specification A.8.2): it must go on over a switch as picture ids do.
fn frame_number(arrived: &Arrived<'_>) -> Option<u16> {
    let descriptor = arrived
        .elements
        .get(Extension::DependencyDescriptor, arrived.packet)?;
    Some(u16::from_be_bytes([
        *descriptor.get(1)?,
        *descriptor.get(2)?,
    ]))
}
