//! RTCP owed to publishers: reception reports, NACKs, keyframe requests, transport-wide
//! feedback and REMB, gathered into few datagrams whenever a receiver is woken.

use std::time::Instant;

use super::Ingress;
use crate::clock::ntp_middle;
use crate::handover::{Down, earlier};
use crate::limits::{LAYER_SILENCE, REPORT_INTERVAL, SOURCE_SILENCE};
use crate::rtcp;

/// A compound packet is closed at this size, so that it fits every path.
const COMPOUND_BYTES: usize = 1000;

impl Ingress {
    pub(super) fn begin_reports(&mut self, now: Instant, receiver: usize) {
        let next = now + REPORT_INTERVAL / 2;
        self.receivers[receiver].next_report = Some(next);
        self.wake(receiver, Some(next));
    }

    /// Sends what is due; when there will be more.
    pub(super) fn give_feedback(&mut self, now: Instant, receiver: usize) -> Option<Instant> {
        let mut rtcp = Vec::new();
        let layers = self.layers_of(receiver);
        let next = self.notice_silence(now, &layers);
        let next = earlier(
            next,
            self.report_reception(now, receiver, &layers, &mut rtcp),
        );
        let next = earlier(
            next,
            self.report_bandwidth(now, receiver, &layers, &mut rtcp),
        );
        let next = earlier(
            next,
            self.report_arrivals(now, receiver, &layers, &mut rtcp),
        );
        let next = earlier(next, self.acknowledge(now, receiver, &mut rtcp));
        let next = layers.iter().fold(next, |next, &layer| {
            self.close_compound(receiver, &mut rtcp, COMPOUND_BYTES);
            earlier(next, self.ask_publisher(now, receiver, layer, &mut rtcp))
        });
        self.close_compound(receiver, &mut rtcp, 0);
        next
    }

    fn layers_of(&self, receiver: usize) -> Vec<usize> {
        let lines = self.receivers[receiver].lines.iter();
        let sources = lines.filter_map(|line| line.source);
        sources
            .flat_map(|source| self.sources[source].layers.iter().copied())
            .collect()
    }

    /// What may be large by itself begins a compound of its own where it does not fit.
    fn add(&mut self, receiver: usize, rtcp: &mut Vec<u8>, mut report: Vec<u8>) {
        if rtcp.len() + report.len() > COMPOUND_BYTES {
            self.close_compound(receiver, rtcp, 0);
        }
        rtcp.append(&mut report);
    }

    fn close_compound(&mut self, receiver: usize, rtcp: &mut Vec<u8>, above: usize) {
        if rtcp.len() > above {
            let transport = self.receivers[receiver].id;
            self.down.push(Down::Control {
                transport,
                rtcp: std::mem::take(rtcp),
            });
        }
    }

    /// A receiver report each second, while any layer carries packets.
    fn report_reception(
        &mut self,
        now: Instant,
        receiver: usize,
        layers: &[usize],
        rtcp: &mut Vec<u8>,
    ) -> Option<Instant> {
        let due = self.receivers[receiver].next_report?;
        if due > now {
            return Some(due);
        }
        let active = layers.iter().filter(|&&layer| self.layers[layer].is_active);
        let active: Vec<usize> = active.copied().collect();
        let mut blocks = Vec::with_capacity(active.len());
        for &layer in &active {
            let layer = &mut self.layers[layer];
            let jitter = layer.cadence.jitter_ticks(layer.clock_rate);
            let block = layer.reception.report_block(layer.ssrc, jitter, now);
            layer.rates.lost(block.fraction_lost);
            blocks.push(block);
        }
        let worst = blocks
            .iter()
            .map(|block| block.fraction_lost)
            .max()
            .unwrap_or(0);
        let ms = self.clock.ms(now);
        self.receivers[receiver].bandwidth.lost(worst, ms);
        for some in blocks.chunks(31) {
            let mut report = Vec::new();
            rtcp::write_receiver_report(&mut report, self.ssrc, some);
            self.add(receiver, rtcp, report);
        }
        if !blocks.is_empty() {
            rtcp::write_source_description(rtcp, self.ssrc, "sfu");
            // Who receives nothing reports nothing that would tell.
            if self.receivers[receiver].round_trip.is_none() {
                rtcp::write_reference_time(rtcp, self.ssrc, self.clock.ntp(now));
            }
        }
        // Silence is looked for until all are silent.
        let next = (!active.is_empty()).then(|| now + REPORT_INTERVAL);
        self.receivers[receiver].next_report = next;
        next
    }

    /// Video layers that carry no packets any longer; when the next may be one.
    fn notice_silence(&mut self, now: Instant, layers: &[usize]) -> Option<Instant> {
        let mut next = None;
        for &index in layers {
            let layer = &self.layers[index];
            let source = &self.sources[layer.source];
            if !layer.is_active || !source.is_video() {
                continue;
            }
            // The only layer may be a still screen.
            let has_others = source.layers.iter().any(|&other| {
                let other_layer = &self.layers[other];
                other != index
                    && other_layer.is_active
                    && other_layer.last_packet + LAYER_SILENCE > now
            });
            let silence = if has_others {
                LAYER_SILENCE
            } else {
                SOURCE_SILENCE
            };
            let end = layer.last_packet + silence;
            if end <= now {
                self.deactivate(index);
            } else {
                next = earlier(next, Some(end));
            }
        }
        next
    }

    fn report_bandwidth(
        &mut self,
        now: Instant,
        receiver: usize,
        layers: &[usize],
        rtcp: &mut Vec<u8>,
    ) -> Option<Instant> {
        let active = layers
            .iter()
            .map(|&layer| &self.layers[layer])
            .filter(|l| l.is_active);
        let mut videos: Vec<usize> = active
            .clone()
            .filter(|layer| self.sources[layer.source].is_video())
            .map(|layer| layer.source)
            .collect();
        videos.dedup();
        let shares = videos.iter().map(|&video| {
            let share = self.sources[video].share.as_ref();
            share.map_or(u64::MAX, |share| share.bps())
        });
        let share = shares.fold(0, u64::saturating_add);
        let ssrcs: Vec<u32> = active.map(|layer| layer.ssrc).collect();
        let ms = self.clock.ms(now);
        let receiver = &mut self.receivers[receiver];
        let estimates = receiver.estimates();
        let ceiling = receiver.ceiling.bps().min(share);
        let bandwidth = &mut receiver.bandwidth;
        if videos.is_empty() {
            bandwidth.rest();
        }
        if let Some(bitrate) = bandwidth.take_due(now)
            && (!estimates || bandwidth.is_near(ceiling, ms))
        {
            let bitrate = match estimates {
                true => ceiling,
                false => ceiling.min(bitrate * videos.len() as u64),
            };
            rtcp::write_remb(rtcp, self.ssrc, bitrate, &ssrcs);
        }
        bandwidth.next()
    }

    fn report_arrivals(
        &mut self,
        now: Instant,
        receiver: usize,
        layers: &[usize],
        rtcp: &mut Vec<u8>,
    ) -> Option<Instant> {
        let media = layers.first().map_or(0, |&layer| self.layers[layer].ssrc);
        let mut report = Vec::new();
        let arrivals = &mut self.receivers[receiver].arrivals;
        arrivals.report(now, (self.ssrc, media), &mut report);
        let next = arrivals.next();
        self.add(receiver, rtcp, report);
        next
    }

    fn acknowledge(
        &mut self,
        now: Instant,
        receiver: usize,
        rtcp: &mut Vec<u8>,
    ) -> Option<Instant> {
        let clocks = (self.clock.us(now), ntp_middle(self.clock.ntp(now)));
        let acknowledgements = &mut self.receivers[receiver].acknowledgements;
        let reports = acknowledgements.report(now, self.ssrc, clocks);
        let next = acknowledgements.next();
        for report in reports {
            self.add(receiver, rtcp, report);
        }
        next
    }

    /// NACKs and keyframe requests of one layer.
    fn ask_publisher(
        &mut self,
        now: Instant,
        receiver: usize,
        index: usize,
        rtcp: &mut Vec<u8>,
    ) -> Option<Instant> {
        let round_trip = self.receivers[receiver].round_trip();
        let layer = &mut self.layers[index];
        if !layer.is_active {
            return None;
        }
        let mut lost = Vec::new();
        layer.nack.take_due(now, round_trip, &mut lost);
        if !lost.is_empty() {
            layer.counters.nacks_sent += lost.len() as u64;
            rtcp::write_nack(rtcp, self.ssrc, layer.ssrc, &lost);
        }
        if layer.keyframes.take(now) {
            self.write_keyframe_request(index, rtcp);
        }
        let layer = &self.layers[index];
        earlier(layer.nack.next(), layer.keyframes.next(now))
    }

    fn write_keyframe_request(&mut self, index: usize, rtcp: &mut Vec<u8>) {
        let layer = &mut self.layers[index];
        let source = &mut self.sources[layer.source];
        let Some(codec) = layer.codec.map(|codec| &source.codecs[codec]) else {
            return;
        };
        layer.counters.keyframe_requests_sent += 1;
        if codec.fir && !codec.pli {
            source.fir_number = source.fir_number.wrapping_add(1);
            rtcp::write_fir(rtcp, self.ssrc, layer.ssrc, source.fir_number);
        } else {
            rtcp::write_pli(rtcp, self.ssrc, layer.ssrc);
        }
    }
}
