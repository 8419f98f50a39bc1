//! RTCP received: publishers tell their clocks, subscribers how they fare.

use std::time::Instant;

use super::Ingress;
use crate::bwe::Arrivals;
use crate::clock::{ntp_middle, ntp_to_us, round_trip};
use crate::drop::DropReason;
use crate::handover::{Acknowledgements, Down, Report};
use crate::limits::{FEEDBACK_PACKETS, NACKED_PER_PACKET};
use crate::rtcp::{
    self, CongestionFeedback, ExtendedBlock, Packet, ReportBlocks, SinceReference,
    TransportFeedback,
};
use crate::stages::{self, Stage};

/// So many packets that feedback tells of count as one report: reading and matching them takes
/// as long.
const FEEDBACK_PACKETS_A_REPORT: u16 = 32;

/// More of them in one report say nothing new.
const EXTENDED_BLOCKS: usize = 4;

impl Ingress {
    pub(crate) fn receive_rtcp(
        &mut self,
        now: Instant,
        came_at: Instant,
        receiver: usize,
        data: &mut [u8],
    ) -> Result<(), DropReason> {
        let srtp = self.receivers[receiver]
            .srtp
            .as_mut()
            .ok_or(DropReason::NoKeys)?;
        stages::enter(Stage::Unprotect);
        let len = srtp.unprotect_rtcp(data);
        stages::enter(Stage::Receive);
        let len = len?;
        self.receivers[receiver].packets += 1;
        self.receivers[receiver].bytes += len as u64;
        let now_ms = self.clock.ms(now);
        for packet in rtcp::packets(&data[..len]) {
            if !self.receivers[receiver].report_rate.has_left(now_ms) {
                return Err(DropReason::TooManyReports);
            }
            let packet = packet.map_err(|_| DropReason::RtcpMalformed)?;
            self.receive_report(came_at, receiver, packet)?;
        }
        Ok(())
    }

    fn receive_report(
        &mut self,
        came_at: Instant,
        receiver: usize,
        packet: Packet<'_>,
    ) -> Result<(), DropReason> {
        match packet {
            Packet::SenderReport {
                ssrc,
                ntp,
                rtp_timestamp,
                blocks,
            } => {
                self.receive_sender_report(came_at, receiver, ssrc, ntp, rtp_timestamp);
                self.pass_blocks(came_at, receiver, blocks);
            }
            Packet::ReceiverReport { blocks } => self.pass_blocks(came_at, receiver, blocks),
            Packet::Bye(ssrcs) => {
                for ssrc in ssrcs.iter() {
                    if let Some(layer) = self.layer_of_ssrc(receiver, ssrc) {
                        self.deactivate(layer);
                    }
                }
            }
            Packet::Nack {
                media_ssrc: ssrc,
                lost,
            } => {
                let sequence_numbers = lost.iter().take(NACKED_PER_PACKET).collect();
                self.pass(
                    receiver,
                    Report::Lost {
                        ssrc,
                        sequence_numbers,
                    },
                );
            }
            Packet::Pli { media_ssrc: ssrc } => {
                self.pass(receiver, Report::KeyframeWanted { ssrc });
            }
            Packet::Fir(ssrcs) => {
                for ssrc in ssrcs.iter() {
                    self.pass(receiver, Report::KeyframeWanted { ssrc });
                }
            }
            Packet::Remb { bitrate_bps } => {
                self.pass(receiver, Report::Estimate { bitrate_bps });
            }
            Packet::TransportFeedback(feedback) => {
                return self.pass_feedback(came_at, receiver, &feedback);
            }
            Packet::Extended { ssrc, blocks } => {
                for block in blocks.iter().take(EXTENDED_BLOCKS) {
                    self.receive_extended(came_at, receiver, ssrc, block);
                }
            }
            Packet::CongestionFeedback(feedback) => {
                return self.pass_acknowledgements(came_at, receiver, &feedback);
            }
            Packet::Other => {}
        }
        Ok(())
    }

    fn receive_sender_report(
        &mut self,
        came_at: Instant,
        receiver: usize,
        ssrc: u32,
        ntp: u64,
        timestamp: u32,
    ) {
        let Some(layer) = self.layer_of_ssrc(receiver, ssrc) else {
            return;
        };
        let arrival = self.clock.us(came_at);
        let sampled_us = self.receivers[receiver].our_time(ntp_to_us(ntp), arrival);
        let apart_us = self.wall.since_ntp_us(came_at, ntp);
        self.receivers[receiver].peer_clock.take(apart_us);
        let layer = &mut self.layers[layer];
        layer.reception.sender_report(ntp, came_at);
        layer.cadence.sampled(timestamp, ntp);
        self.down.push(Down::LayerClock {
            layer: layer.key,
            timestamp,
            sampled_us,
        });
    }

    /// A receiver says its time, and is told when it came; or says how long ago ours came.
    fn receive_extended(
        &mut self,
        came_at: Instant,
        receiver: usize,
        ssrc: u32,
        block: ExtendedBlock,
    ) {
        match block {
            ExtendedBlock::ReferenceTime { ntp } => {
                let apart_us = self.wall.since_ntp_us(came_at, ntp);
                self.receivers[receiver].peer_clock.take(apart_us);
                self.answer_reference(receiver, ssrc, ntp);
            }
            ExtendedBlock::Since(since) => {
                let now = ntp_middle(self.clock.ntp(came_at));
                if let Some(sample) = round_trip(now, since.last_reference, since.delay_since)
                    && since.ssrc == self.ssrc
                {
                    self.receivers[receiver].measure_extended_round_trip(sample);
                }
            }
        }
    }

    /// It leaves at once: nothing has passed since.
    fn answer_reference(&mut self, receiver: usize, ssrc: u32, ntp: u64) {
        self.receivers[receiver].report_rate.spend(1);
        let transport = self.receivers[receiver].id;
        let since = SinceReference {
            ssrc,
            last_reference: ntp_middle(ntp),
            delay_since: 0,
        };
        let mut rtcp = Vec::new();
        rtcp::write_since_reference(&mut rtcp, self.ssrc, &since);
        self.down.push(Down::Control { transport, rtcp });
    }

    pub(super) fn layer_of_ssrc(&self, receiver: usize, ssrc: u32) -> Option<usize> {
        let receiver = &self.receivers[receiver];
        receiver.streams[receiver.stream(ssrc)?].layer
    }

    fn pass_blocks(&mut self, arrived: Instant, receiver: usize, blocks: ReportBlocks<'_>) {
        for block in blocks.iter() {
            self.pass(receiver, Report::Reception { block, arrived });
        }
    }

    /// What claims more packets than anybody keeps is not even read.
    fn pass_feedback(
        &mut self,
        came_at: Instant,
        receiver: usize,
        feedback: &TransportFeedback<'_>,
    ) -> Result<(), DropReason> {
        if usize::from(feedback.status_count) > FEEDBACK_PACKETS {
            return Err(DropReason::RtcpMalformed);
        }
        // A report of a few bytes may tell of thousands of packets.
        let more = u64::from(feedback.status_count / FEEDBACK_PACKETS_A_REPORT);
        self.receivers[receiver].report_rate.spend(more);
        let times_us = feedback.arrivals().map_err(|_| DropReason::RtcpMalformed)?;
        let arrivals = Arrivals {
            base_sequence: feedback.base_sequence,
            times_us,
        };
        self.pass(receiver, Report::Arrivals { arrivals, came_at });
        Ok(())
    }

    fn pass_acknowledgements(
        &mut self,
        came_at: Instant,
        receiver: usize,
        feedback: &CongestionFeedback<'_>,
    ) -> Result<(), DropReason> {
        if feedback.metrics > FEEDBACK_PACKETS {
            return Err(DropReason::RtcpMalformed);
        }
        let more = feedback.metrics / usize::from(FEEDBACK_PACKETS_A_REPORT);
        self.receivers[receiver].report_rate.spend(more as u64);
        let streams = feedback.streams();
        let packets = streams.flat_map(|stream| {
            let packets = stream.iter();
            packets.map(move |(sequence, fate)| (stream.ssrc, sequence, fate))
        });
        let told = Acknowledgements {
            timestamp: feedback.timestamp,
            packets: packets.collect(),
        };
        self.pass(receiver, Report::Acknowledged { told, came_at });
        Ok(())
    }

    fn pass(&mut self, receiver: usize, report: Report) {
        self.receivers[receiver].report_rate.spend(1);
        let transport = self.receivers[receiver].id;
        self.down.push(Down::Reported { transport, report });
    }
}
