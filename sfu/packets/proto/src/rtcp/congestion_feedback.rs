//! Congestion control feedback (RFC 8888 §3.1): which packets of which stream arrived, and when,
//! by the sequence numbers that they have anyway.
//!
//! ECN marks are read over: what leaves here is not ECN-capable, and what comes is not looked at
//! below UDP, so they are written as 00 (not marked).

use super::*;

/// Arrival time offsets count 1/1024 s back from the report's time...
const OFFSETS_A_SECOND: i64 = 1024;
/// ...up to here. The two values above it are "longer ago" and "came, nobody knows when".
const OFFSET_MOST: i64 = 0x1ffd;
const RECEIVED: u16 = 0x8000;
const OFFSET_MASK: u16 = 0x1fff;
/// SSRC, first sequence number, number of metric blocks.
const STREAM_HEAD: usize = 8;
/// RFC 8888 §3.1: half of the sequence numbers are unambiguous, half of those a report may have.
const MOST_METRICS: usize = 16_384;

/// What feedback says of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledgement {
    Lost,
    /// So long before the report's timestamp, in 1/1024 s.
    Received(u16),
    /// It came; when is not told.
    ReceivedSometime,
}

impl Acknowledgement {
    fn read(metric: u16) -> Self {
        let offset = metric & OFFSET_MASK;
        match (metric & RECEIVED, i64::from(offset) <= OFFSET_MOST) {
            (0, _) => Self::Lost,
            (_, true) => Self::Received(offset),
            (_, false) => Self::ReceivedSometime,
        }
    }
}

/// Feedback as received; its lengths were checked, its metrics are unread.
#[derive(Clone, Copy, Debug)]
pub struct CongestionFeedback<'a> {
    /// 16.16 fixed point seconds of the receiver's clock.
    pub timestamp: u32,
    /// Of all streams together.
    pub metrics: usize,
    streams: &'a [u8],
}

/// What feedback says of one stream.
#[derive(Clone, Copy, Debug)]
pub struct StreamFeedback<'a> {
    pub ssrc: u32,
    pub first_sequence: u16,
    metrics: &'a [u8],
}

impl<'a> CongestionFeedback<'a> {
    /// `data` follows the sender's SSRC.
    pub(super) fn parse(data: &'a [u8]) -> Result<Self, MalformedRtcp> {
        let (streams, timestamp) = data.split_last_chunk().ok_or(MalformedRtcp)?;
        let (mut rest, mut metrics) = (streams, 0);
        while !rest.is_empty() {
            let (stream, after) = split_stream(rest).ok_or(MalformedRtcp)?;
            metrics += stream.metrics.len() / 2;
            rest = after;
        }
        Ok(Self {
            timestamp: u32::from_be_bytes(*timestamp),
            metrics,
            streams,
        })
    }

    pub fn streams(&self) -> impl Iterator<Item = StreamFeedback<'a>> + 'a {
        let mut rest = self.streams;
        std::iter::from_fn(move || {
            let (stream, after) = split_stream(rest)?;
            rest = after;
            Some(stream)
        })
    }
}

impl<'a> StreamFeedback<'a> {
    /// By sequence number, from the first on.
    pub fn iter(self) -> impl Iterator<Item = (u16, Acknowledgement)> + 'a {
        let first = self.first_sequence;
        let metrics = self.metrics.chunks_exact(2).enumerate();
        metrics.map(move |(index, metric)| {
            let metric = u16::from_be_bytes([metric[0], metric[1]]);
            let sequence = first.wrapping_add(index as u16);
            (sequence, Acknowledgement::read(metric))
        })
    }
}

/// One stream's blocks, padded to whole words, and what follows.
fn split_stream(data: &[u8]) -> Option<(StreamFeedback<'_>, &[u8])> {
    let (head, rest) = data.split_first_chunk::<STREAM_HEAD>()?;
    let [a, b, c, d, first @ .., high, low] = *head;
    let count = usize::from(u16::from_be_bytes([high, low]));
    if count > MOST_METRICS {
        return None;
    }
    let (metrics, after) = rest.split_at_checked(count.next_multiple_of(2) * 2)?;
    let stream = StreamFeedback {
        ssrc: u32::from_be_bytes([a, b, c, d]),
        first_sequence: u16::from_be_bytes(first),
        metrics: &metrics[..count * 2],
    };
    Some((stream, after))
}

/// What is to be said of one stream: from a sequence number on, when each packet came (µs of our
/// clock), or that it did not.
#[derive(Clone, Copy, Debug)]
pub struct StreamArrivals<'a> {
    pub ssrc: u32,
    pub first_sequence: u16,
    pub times_us: &'a [Option<i64>],
}

impl StreamArrivals<'_> {
    /// That it takes on the wire.
    pub fn size(&self) -> usize {
        STREAM_HEAD + self.times_us.len().next_multiple_of(2) * 2
    }
}

/// `now`: µs of the clock that arrivals are in, and the same as 16.16 NTP seconds.
pub fn write_congestion_feedback(
    out: &mut Vec<u8>,
    sender_ssrc: u32,
    now: (i64, u32),
    streams: &[StreamArrivals<'_>],
) {
    write::packet(out, TRANSPORT_LAYER, FORMAT_CONGESTION_FEEDBACK, |out| {
        out.extend_from_slice(&sender_ssrc.to_be_bytes());
        for stream in streams {
            let times_us = &stream.times_us[..stream.times_us.len().min(MOST_METRICS)];
            out.extend_from_slice(&stream.ssrc.to_be_bytes());
            out.extend_from_slice(&stream.first_sequence.to_be_bytes());
            out.extend_from_slice(&(times_us.len() as u16).to_be_bytes());
            let metrics = times_us.iter().map(|&time_us| metric(now.0, time_us));
            let padding = (times_us.len() % 2 == 1).then_some(0);
            for metric in metrics.chain(padding) {
                out.extend_from_slice(&metric.to_be_bytes());
            }
        }
        out.extend_from_slice(&now.1.to_be_bytes());
    });
}

fn metric(now_us: i64, time_us: Option<i64>) -> u16 {
    let Some(time_us) = time_us else {
        return 0;
    };
    let ago_us = now_us.saturating_sub(time_us).max(0);
    // Rounded: half a millisecond to one side would look like a queue.
    let offset = (ago_us.saturating_mul(OFFSETS_A_SECOND) + 500_000) / 1_000_000;
    RECEIVED | offset.min(OFFSET_MOST + 1) as u16
}
