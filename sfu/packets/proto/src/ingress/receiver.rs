//! The receive side of one transport: its keys, its streams, what it is owed as feedback.

use std::time::{Duration, Instant};

use super::acknowledgements::Acknowledgements;
use super::arrivals::Arrivals;
use super::bandwidth::Bandwidth;
use super::ceiling::Ceiling;
use super::peer_clock::{OneWay, PeerClock};
use super::report_rate::ReportRate;
use crate::command::SrtpKeys;
use crate::ids::TransportId;
use crate::limits::{AUDIO_BITRATE, DEFAULT_ROUND_TRIP, SSRCS_PER_TRANSPORT};
use crate::rtp::ExtensionMap;
use crate::srtp::{SrtpError, SrtpReceiver};

/// Sender report offsets further apart than this: the publisher's clock was set.
const CLOCK_STEP_US: i64 = 500_000;
/// A drifting clock is followed with this weight a report (RFC 3550 says about one in 5 s).
const CLOCK_DRIFT_WEIGHT: i64 = 32;

/// One m-line of the peer; sources come and go on it, its SSRCs stay.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) mid: String,
    pub(crate) source: Option<usize>,
}

/// One SSRC of the peer: known for the life of the connection, since mid and rid stand on
/// the first packets only and do not return after a mute.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stream {
    pub(crate) ssrc: u32,
    pub(crate) line: usize,
    /// Layer index.
    pub(crate) index: u8,
    /// Index in the slab of layers.
    pub(crate) layer: Option<usize>,
}

#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) id: TransportId,
    pub(crate) srtp: Option<SrtpReceiver>,
    keys: Option<SrtpKeys>,
    pub(crate) extensions: ExtensionMap,
    pub(crate) lines: Vec<Line>,
    pub(crate) streams: Vec<Stream>,
    pub(crate) has_transport_feedback: bool,
    pub(crate) arrivals: Arrivals,
    /// In its place: RFC 8888's.
    pub(crate) has_congestion_feedback: bool,
    pub(crate) acknowledgements: Acknowledgements,
    pub(crate) has_remb: bool,
    pub(crate) bandwidth: Bandwidth,
    pub(crate) ceiling: Ceiling,
    pub(crate) audio_ceiling: Ceiling,
    pub(crate) report_rate: ReportRate,
    pub(crate) dtls_waiting: u16,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    /// By what it reports of its slots.
    pub(crate) round_trip: Option<Duration>,
    /// By extended reports, smoothed and the newest.
    pub(crate) extended_round_trip: Option<(Duration, Duration)>,
    pub(crate) peer_clock: PeerClock,
    pub(crate) next_report: Option<Instant>,
    /// The earliest timer that is set for this receiver.
    pub(crate) timer: Option<Instant>,
    clock_offset_us: Option<i64>,
}

impl Receiver {
    pub(crate) fn new(
        id: TransportId,
        extensions: ExtensionMap,
        bandwidth_cap_bps: u64,
        ceiling_bps: u64,
    ) -> Self {
        Self {
            id,
            srtp: None,
            keys: None,
            extensions,
            lines: Vec::new(),
            streams: Vec::new(),
            has_transport_feedback: false,
            arrivals: Arrivals::default(),
            has_congestion_feedback: false,
            acknowledgements: Acknowledgements::default(),
            has_remb: false,
            bandwidth: Bandwidth::new(bandwidth_cap_bps),
            ceiling: Ceiling::new(ceiling_bps),
            audio_ceiling: Ceiling::new(AUDIO_BITRATE),
            report_rate: ReportRate::default(),
            dtls_waiting: 0,
            packets: 0,
            bytes: 0,
            round_trip: None,
            extended_round_trip: None,
            peer_clock: PeerClock::default(),
            next_report: None,
            timer: None,
            clock_offset_us: None,
        }
    }

    /// True where they are others than before. The same keys again change nothing: replay
    /// windows must not be forgotten.
    pub(crate) fn set_keys(&mut self, keys: &SrtpKeys) -> Result<bool, SrtpError> {
        if self.keys.as_ref() == Some(keys) {
            return Ok(false);
        }
        self.srtp = Some(SrtpReceiver::new(
            keys.profile,
            &keys.remote.0,
            &keys.remote.1,
        )?);
        self.keys = Some(keys.clone());
        Ok(true)
    }

    pub(crate) fn stream(&self, ssrc: u32) -> Option<usize> {
        self.streams.iter().position(|stream| stream.ssrc == ssrc)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.streams.len() >= SSRCS_PER_TRANSPORT
    }

    /// The line of a mid, made if it is new.
    pub(crate) fn line(&mut self, mid: &str) -> usize {
        let found = self.lines.iter().position(|line| line.mid == mid);
        found.unwrap_or_else(|| {
            self.lines.push(Line {
                mid: mid.to_owned(),
                source: None,
            });
            self.lines.len() - 1
        })
    }

    /// It is told what arrived when, and finds its rate by that.
    pub(crate) fn estimates(&self) -> bool {
        self.has_transport_feedback || self.has_congestion_feedback
    }

    pub(crate) fn round_trip(&self) -> Duration {
        self.measured_round_trip().unwrap_or(DEFAULT_ROUND_TRIP)
    }

    fn measured_round_trip(&self) -> Option<Duration> {
        let extended = self.extended_round_trip.map(|(smoothed, _)| smoothed);
        self.round_trip.or(extended)
    }

    /// Smoothed as reports' are (RFC 6298 §2).
    pub(crate) fn measure_extended_round_trip(&mut self, sample: Duration) {
        let known = self.extended_round_trip;
        let smoothed = known.map_or(sample, |(known, _)| (known * 7 + sample) / 8);
        self.extended_round_trip = Some((smoothed, sample));
    }

    pub(crate) fn one_way(&self) -> Option<OneWay> {
        self.peer_clock.one_way(self.measured_round_trip())
    }

    /// Our clock less the peer's, in microseconds.
    pub(crate) fn clock_offset_us(&self) -> Option<f64> {
        self.peer_clock.offset_us(self.measured_round_trip())
    }

    /// Our time of what the peer's NTP clock says: one offset for all its streams, so that
    /// they stay in step. The least delayed report counts; drift is followed slowly.
    pub(crate) fn our_time(&mut self, their_us: i64, arrival_us: i64) -> i64 {
        let offset = arrival_us - their_us;
        let known = self.clock_offset_us.get_or_insert(offset);
        if (offset - *known).abs() > CLOCK_STEP_US || offset < *known {
            *known = offset;
        } else {
            *known += (offset - *known) / CLOCK_DRIFT_WEIGHT;
        }
        their_us + *known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_offset_follows_the_least_delayed_report() {
        let mut receiver = Receiver::new(TransportId(1), ExtensionMap::default(), 1, 1);
        assert_eq!(receiver.our_time(1_000_000, 30_000), 30_000);
        assert_eq!(receiver.our_time(2_000_000, 1_010_000), 1_010_000);
        let jittered = receiver.our_time(3_000_000, 2_042_000);
        assert!((2_010_000..=2_011_000).contains(&jittered), "{jittered}");
        assert_eq!(
            receiver.our_time(90_000_000, 3_000_000),
            3_000_000,
            "the clock was set"
        );
    }
}
