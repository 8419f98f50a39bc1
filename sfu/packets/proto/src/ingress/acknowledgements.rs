//! Which packets of which stream arrived when, reported in short intervals to publishers that
//! negotiated it (RFC 8888) and have no transport-wide numbers.

use std::collections::VecDeque;
use std::time::Instant;

use crate::limits::{SSRCS_PER_TRANSPORT, TRANSPORT_FEEDBACK_INTERVAL, TRANSPORT_FEEDBACK_PACKETS};
use crate::rtcp::{StreamArrivals, write_congestion_feedback};
use crate::rtp::extend_sequence;

/// A report is closed at this size, as compound packets are.
const REPORT_BYTES: usize = 1000;
/// Of one stream in one report, so that it fits.
const METRICS: usize = 256;
/// So many are remembered after they were reported: what comes after it was reported lost is
/// reported again, with those around it as they were (RFC 8888 §3.1).
const REMEMBERED: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Acknowledgements {
    streams: Vec<Stream>,
    next: Option<Instant>,
}

#[derive(Debug)]
struct Stream {
    ssrc: u32,
    /// Number of the first entry.
    base: i64,
    /// Arrival in µs, or missing so far; the last is never missing.
    times_us: VecDeque<Option<i64>>,
    /// So many of them were told already.
    told: usize,
}

impl Acknowledgements {
    pub(crate) fn record(&mut self, ssrc: u32, sequence: u16, arrival_us: i64, now: Instant) {
        let known = self.streams.iter().position(|stream| stream.ssrc == ssrc);
        let is_news = match known {
            Some(index) => self.streams[index].record(sequence, arrival_us),
            None if self.streams.len() < SSRCS_PER_TRANSPORT => {
                self.streams.push(Stream::new(ssrc, sequence, arrival_us));
                true
            }
            None => false,
        };
        if is_news {
            self.next.get_or_insert(now + TRANSPORT_FEEDBACK_INTERVAL);
        }
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Feedback for all that arrived since the last, in packets that are small enough each.
    /// `ntp`: now in 16.16 seconds; `now_us`: now on the clock of the arrivals.
    pub(crate) fn report(
        &mut self,
        now: Instant,
        sender_ssrc: u32,
        (now_us, ntp): (i64, u32),
    ) -> Vec<Vec<u8>> {
        let mut reports = Vec::new();
        if self.next.is_none_or(|next| next > now) {
            return reports;
        }
        self.next = None;
        let streams = self.streams.iter_mut().flat_map(Stream::news);
        let (mut together, mut size) = (Vec::new(), 0);
        let mut write = |together: &mut Vec<StreamArrivals<'_>>| {
            let mut report = Vec::new();
            write_congestion_feedback(&mut report, sender_ssrc, (now_us, ntp), together);
            together.clear();
            reports.push(report);
        };
        for stream in streams {
            if size + stream.size() > REPORT_BYTES {
                write(&mut together);
                size = 0;
            }
            size += stream.size();
            together.push(stream);
        }
        if !together.is_empty() {
            write(&mut together);
        }
        self.streams.iter_mut().for_each(Stream::was_told);
        reports
    }
}

impl Stream {
    fn new(ssrc: u32, sequence: u16, arrival_us: i64) -> Self {
        Self {
            ssrc,
            // Off zero, so that a first reordered packet stays positive.
            base: i64::from(sequence) + 0x1_0000,
            times_us: VecDeque::from([Some(arrival_us)]),
            told: 0,
        }
    }

    /// Whether there is something to tell.
    fn record(&mut self, sequence: u16, arrival_us: i64) -> bool {
        let end = self.base + self.times_us.len() as i64;
        let number = extend_sequence(end - 1, sequence);
        let Ok(index) = usize::try_from(number - self.base) else {
            // It was reported lost too long ago.
            return false;
        };
        if index >= self.told + TRANSPORT_FEEDBACK_PACKETS {
            *self = Self::new(self.ssrc, sequence, arrival_us);
            return true;
        }
        if index >= self.times_us.len() {
            self.times_us.resize(index + 1, None);
        }
        if self.times_us[index].is_some() {
            return false;
        }
        self.times_us[index] = Some(arrival_us);
        self.told = self.told.min(index);
        true
    }

    fn news(&mut self) -> impl Iterator<Item = StreamArrivals<'_>> {
        let (ssrc, first) = (self.ssrc, self.base as u16);
        let first = first.wrapping_add(self.told as u16);
        let times_us = &self.times_us.make_contiguous()[self.told..];
        let parts = times_us.chunks(METRICS).enumerate();
        parts.map(move |(part, times_us)| StreamArrivals {
            ssrc,
            first_sequence: first.wrapping_add((part * METRICS) as u16),
            times_us,
        })
    }

    fn was_told(&mut self) {
        let forgotten = self.times_us.len().saturating_sub(REMEMBERED);
        self.times_us.drain(..forgotten);
        self.base += forgotten as i64;
        self.told = self.times_us.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtcp::{Acknowledgement, Packet, packets};

    /// Of each report each stream: SSRC, first number, 1/1024 s since arrival.
    type Told = Vec<(u32, u16, Vec<Option<u16>>)>;

    fn report(acknowledgements: &mut Acknowledgements, start: Instant, ms: u64) -> Told {
        let now = start + TRANSPORT_FEEDBACK_INTERVAL + std::time::Duration::from_millis(ms);
        let reports = acknowledgements.report(now, 1, (ms as i64 * 1000, 0));
        let mut told = Vec::new();
        for report in reports {
            assert!(report.len() <= REPORT_BYTES + 12);
            let Some(Ok(Packet::CongestionFeedback(feedback))) = packets(&report).next() else {
                panic!("not feedback");
            };
            told.extend(feedback.streams().map(|stream| {
                let times = stream.iter().map(|(_, fate)| match fate {
                    Acknowledgement::Lost => None,
                    Acknowledgement::Received(ago) => Some(ago),
                    Acknowledgement::ReceivedSometime => panic!("none is so old"),
                });
                (stream.ssrc, stream.first_sequence, times.collect())
            }));
        }
        told
    }

    #[test]
    fn each_stream_is_reported_once_across_the_wrap() {
        let start = Instant::now();
        let mut acknowledgements = Acknowledgements::default();
        for (ssrc, sequence) in [(7, 65_534), (9, 100), (7, 65_535), (7, 1)] {
            acknowledgements.record(ssrc, sequence, 0, start);
        }
        let second = Some(1024);
        let expected = vec![
            (7, 65_534, vec![second, second, None, second]),
            (9, 100, vec![second]),
        ];
        assert_eq!(report(&mut acknowledgements, start, 1000), expected);
        assert_eq!(acknowledgements.next(), None);
        acknowledgements.record(9, 101, 2_000_000, start);
        let expected = vec![(9, 101, vec![Some(0)])];
        assert_eq!(report(&mut acknowledgements, start, 2000), expected);
    }

    #[test]
    fn who_comes_late_is_reported_again_and_a_copy_is_not() {
        let start = Instant::now();
        let mut acknowledgements = Acknowledgements::default();
        for sequence in [10, 12, 13] {
            acknowledgements.record(7, sequence, 0, start);
        }
        report(&mut acknowledgements, start, 1000);
        acknowledgements.record(7, 12, 1_000_000, start);
        assert_eq!(acknowledgements.next(), None, "told already");
        acknowledgements.record(7, 11, 1_000_000, start);
        let expected = vec![(7, 11, vec![Some(1024), Some(2048), Some(2048)])];
        assert_eq!(report(&mut acknowledgements, start, 2000), expected);
    }

    #[test]
    fn jumps_and_strangers_are_bounded() {
        let start = Instant::now();
        let mut acknowledgements = Acknowledgements::default();
        for jump in 0..1000u32 {
            let sequence = (jump as u16).wrapping_mul(20_011);
            acknowledgements.record(jump % 100, sequence, 0, start);
            acknowledgements.record(jump % 100, sequence.wrapping_add(511), 0, start);
        }
        assert_eq!(acknowledgements.streams.len(), SSRCS_PER_TRANSPORT);
        let most = REMEMBERED + TRANSPORT_FEEDBACK_PACKETS;
        assert!(
            acknowledgements
                .streams
                .iter()
                .all(|stream| stream.times_us.len() <= most)
        );
        let told = report(&mut acknowledgements, start, 0);
        let metrics = told.iter().map(|(_, _, times)| times.len());
        assert!(metrics.sum::<usize>() >= SSRCS_PER_TRANSPORT * 512);
    }
}
