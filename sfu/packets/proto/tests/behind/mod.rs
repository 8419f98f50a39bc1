//! A viewer behind a simulated link: what the router sends crosses it, and what comes out is told
//! of as a browser would.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use sfu_link::{Conditions, Fate, Link};
use sfu_proto::command::Extension;
use sfu_proto::rtcp::{
    ReportBlock, StreamArrivals, write_congestion_feedback, write_pli, write_receiver_report,
    write_remb, write_transport_feedback,
};

use crate::world::{Peer, Rtp, World};

const FEEDBACK_MS: u64 = 100;
/// IP and UDP.
const HEADERS: usize = 28;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tells {
    /// Transport-wide feedback.
    Arrivals,
    /// Feedback by packets' own numbers (RFC 8888).
    Acknowledgements,
    /// REMB and receiver reports.
    Remb,
}

/// One packet that came.
pub struct Came {
    pub at: Duration,
    pub queued: Duration,
    pub rtp: Rtp,
}

/// Of one SSRC since the last report.
#[derive(Default)]
struct Stream {
    first: Option<u64>,
    highest: u64,
    came: u64,
}

pub struct Behind {
    pub viewer: Peer,
    link: Link<Vec<u8>>,
    conditions: Conditions,
    tells: Tells,
    /// Media that came, until it is taken.
    pub came: Vec<Came>,
    /// Datagrams that the queue had no room for.
    pub dropped: u64,
    /// What entered, and when.
    pub sent: Vec<(Duration, usize)>,
    arrivals: BTreeMap<u64, i64>,
    /// Of each SSRC what came since the last report, and the highest that was told of.
    acknowledged: BTreeMap<u32, (BTreeMap<u64, i64>, Option<u64>)>,
    told_up_to: Option<u64>,
    feedbacks: u8,
    streams: BTreeMap<u32, Stream>,
    remb_bps: f64,
    bytes: usize,
    was_late: bool,
    /// On their way back, and when they are there.
    back: Vec<(Duration, Vec<u8>)>,
}

impl Behind {
    pub fn new(viewer: Peer, conditions: Conditions, tells: Tells, seed: u64) -> Self {
        Self {
            viewer,
            link: Link::new(conditions, seed),
            conditions,
            tells,
            came: Vec::new(),
            dropped: 0,
            sent: Vec::new(),
            arrivals: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            told_up_to: None,
            feedbacks: 0,
            streams: BTreeMap::new(),
            remb_bps: 300_000.0,
            bytes: 0,
            was_late: false,
            back: Vec::new(),
        }
    }

    pub fn set(&mut self, world: &World, conditions: Conditions) {
        self.conditions = conditions;
        self.link.set(world.now - world.start, conditions);
    }

    /// One millisecond.
    pub fn step(&mut self, world: &mut World) {
        world.advance_ms(1);
        self.look(world);
    }

    /// What was sent to it meanwhile.
    pub fn look(&mut self, world: &mut World) {
        let now = world.now - world.start;
        let out = world.mail.remove(&self.viewer.path.remote);
        for datagram in out.unwrap_or_default() {
            self.sent.push((now, datagram.len()));
            self.link.send(now, datagram.len() + HEADERS, datagram);
        }
        while let Some(passed) = self.link.poll(now) {
            match passed.fate {
                Fate::Delivered => self.take(world, now, passed.queued, passed.packet),
                Fate::QueueDropped => self.dropped += 1,
                _ => {}
            }
        }
        let now_ms = now.as_millis() as u64;
        if now_ms.is_multiple_of(FEEDBACK_MS) {
            self.tell(now, now_ms.is_multiple_of(1000));
        }
        let due: Vec<_> = self.back.extract_if(.., |(at, _)| *at <= now).collect();
        for (_, rtcp) in due {
            world.send_rtcp(&mut self.viewer, &rtcp);
        }
    }

    fn take(&mut self, world: &mut World, now: Duration, queued: Duration, datagram: Vec<u8>) {
        self.bytes += datagram.len();
        self.was_late |= queued > Duration::from_millis(50);
        world.mail.insert(self.viewer.path.remote, vec![datagram]);
        for rtp in world.receive(&mut self.viewer).rtp {
            self.note_arrival(now, &rtp);
            if rtp.payload.is_empty() {
                continue;
            }
            let stream = self.streams.entry(rtp.header.ssrc).or_default();
            let first = *stream.first.get_or_insert(rtp.index);
            stream.highest = stream.highest.max(rtp.index).max(first);
            stream.came += 1;
            self.came.push(Came {
                at: now,
                queued,
                rtp,
            });
        }
    }

    fn note_arrival(&mut self, now: Duration, rtp: &Rtp) {
        let (came, _) = self.acknowledged.entry(rtp.header.ssrc).or_default();
        came.insert(rtp.index, now.as_micros() as i64 + 77_000_000);
        let Some(number) = rtp.extension(Extension::TransportSequenceNumber) else {
            return;
        };
        let number = u16::from_be_bytes(number.try_into().unwrap());
        let last = self.arrivals.last_key_value().map(|(&number, _)| number);
        let last = last
            .or(self.told_up_to)
            .unwrap_or(u64::from(number) + 65536);
        let ahead = i64::from(number.wrapping_sub(last as u16) as i16);
        let at_us = now.as_micros() as i64 + 77_000_000;
        self.arrivals.insert(last.wrapping_add_signed(ahead), at_us);
    }

    fn tell(&mut self, now: Duration, is_whole_second: bool) {
        let mut rtcp = Vec::new();
        if self.tells == Tells::Arrivals {
            self.tell_arrivals(&mut rtcp);
        }
        if self.tells == Tells::Acknowledgements {
            self.acknowledge(now, &mut rtcp);
        }
        if is_whole_second {
            self.tell_losses(&mut rtcp);
        }
        if !rtcp.is_empty() {
            self.back.push((now + self.conditions.delay, rtcp));
        }
    }

    fn tell_arrivals(&mut self, rtcp: &mut Vec<u8>) {
        let arrivals = std::mem::take(&mut self.arrivals);
        let Some((&highest, _)) = arrivals.last_key_value() else {
            return;
        };
        let first = arrivals.keys().next().copied().unwrap_or(highest);
        let base = self.told_up_to.map_or(first, |told| first.min(told + 1));
        let times: Vec<_> = (base..=highest)
            .map(|number| arrivals.get(&number).copied())
            .collect();
        self.told_up_to = Some(highest);
        write_transport_feedback(rtcp, (1, 2), base as u16, self.feedbacks, &times);
        self.feedbacks = self.feedbacks.wrapping_add(1);
    }

    fn acknowledge(&mut self, now: Duration, rtcp: &mut Vec<u8>) {
        let mut streams = Vec::new();
        for (&ssrc, (came, told_up_to)) in &mut self.acknowledged {
            let came = std::mem::take(came);
            let (Some(&first), Some(&highest)) = (came.keys().next(), came.keys().next_back())
            else {
                continue;
            };
            let first = told_up_to.map_or(first, |told| first.min(told + 1));
            let times = (first..=highest).map(|index| came.get(&index).copied());
            streams.push((ssrc, first as u16, times.collect::<Vec<_>>()));
            *told_up_to = Some(highest);
        }
        let streams: Vec<_> = streams
            .iter()
            .map(|(ssrc, first_sequence, times_us)| StreamArrivals {
                ssrc: *ssrc,
                first_sequence: *first_sequence,
                times_us,
            })
            .collect();
        if !streams.is_empty() {
            let now_us = now.as_micros() as i64 + 77_000_000;
            let ntp = ((now_us as u64) << 16) / 1_000_000;
            write_congestion_feedback(rtcp, 1, (now_us, ntp as u32), &streams);
        }
    }

    /// Of each stream that something came of; who has got nothing says nothing.
    fn tell_losses(&mut self, rtcp: &mut Vec<u8>) {
        let mut is_lossy = false;
        for (ssrc, stream) in std::mem::take(&mut self.streams) {
            let expected = stream.highest - stream.first.unwrap_or(stream.highest) + 1;
            let lost = expected.saturating_sub(stream.came);
            is_lossy |= lost > 0;
            let block = ReportBlock {
                ssrc,
                fraction_lost: (lost * 256 / expected).min(255) as u8,
                lost: lost as i32,
                highest_sequence: stream.highest as u32,
                jitter: 0,
                last_sender_report: 0,
                delay_since: 0,
            };
            write_receiver_report(rtcp, 1, &[block]);
            if lost > 0 && ssrc % 10 == 0 {
                write_pli(rtcp, 1, ssrc);
            }
        }
        let arrived = std::mem::take(&mut self.bytes) as f64 * 8.0;
        let is_over = std::mem::take(&mut self.was_late) || is_lossy;
        if self.tells == Tells::Remb && arrived > 0.0 {
            // As draft-alvestrand-rmcat-congestion's receiver side.
            self.remb_bps = match is_over {
                true => arrived * 0.85,
                false => (self.remb_bps * 1.08).min(arrived * 1.5 + 10_000.0),
            };
            write_remb(rtcp, 1, self.remb_bps as u64, &[2]);
        }
    }
}
