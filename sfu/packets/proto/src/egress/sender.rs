//! The send side of one transport.

use std::time::{Duration, Instant};

use super::acknowledged::Acknowledged;
use super::bandwidth::Bandwidth;
use super::losses::Losses;
use super::pacer::Pacer;
use super::retransmission::{Budget, round_trip_or_default};
use crate::command::SrtpKeys;
use crate::drop::DropReason;
use crate::ids::TransportId;
use crate::rtp::ExtensionMap;
use crate::srtp::{SrtpError, SrtpSender};
use crate::transmit::Path;

/// A slot and one of the groups of packets that may concern it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    pub(crate) slot: usize,
    pub(crate) group: usize,
    /// Where the group ends for this slot: before its end if the rest is shed.
    pub(crate) end: u32,
}

/// What transport-wide feedback has told of.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reported {
    pub(super) packets: u64,
    pub(super) lost: u64,
}

pub(crate) struct Sender {
    pub(crate) id: TransportId,
    pub(crate) path: Option<Path>,
    pub(crate) srtp: Option<SrtpSender>,
    keys: Option<SrtpKeys>,
    pub(crate) extensions: ExtensionMap,
    /// Index among the distinct extension maps.
    pub(crate) mapping: usize,
    /// The next; its low 16 bits are on the wire.
    pub(crate) transport_sequence: u64,
    /// It tells of packets by their own numbers: the count above is not on the wire.
    pub(super) acknowledged: Option<Box<Acknowledged>>,
    pub(super) bandwidth: Option<Box<Bandwidth>>,
    /// Where its way is known to be narrow, and when that wants to be asked.
    pub(super) pacer: Option<Box<Pacer>>,
    pub(super) paced_at: Option<Instant>,
    /// What all that it is shown would take at its best; none: twice what it is sent.
    pub(super) wanted_bps: Option<u64>,
    /// It may be estimated: has the numbers, and was not found to tell nothing.
    pub(super) may_estimate: bool,
    /// It is sent video frame by frame, not as packets arrive.
    pub(super) has_headroom: bool,
    /// SSRC and index in the slab of slots.
    pub(crate) slots: Vec<(u32, usize)>,
    /// Of the burst being walked.
    pub(crate) work: Vec<Work>,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) round_trip: Option<Duration>,
    pub(crate) round_trip_last: Option<Duration>,
    pub(super) reported: Reported,
    pub(crate) resending: Budget,
    pub(crate) remb_bps: Option<u64>,
    /// Seconds without anything sent, since it last told of what it got.
    pub(crate) rested: u8,
    /// The share lost that it reports, smoothed over its slots.
    pub(crate) reported_loss: f64,
    /// Where a slot could use redundancy against them.
    pub(super) losses: Option<Box<Losses>>,
    /// By how many packets its sound reaches back.
    pub(super) distance: u8,
    /// What it is sent of pictures at most.
    pub(crate) cap_bps: Option<u64>,
    /// All that it is shown was not sent since it came, or since a limit of its way was seen.
    pub(crate) heeds_estimate: bool,
    /// A limit of its way was seen since it came.
    pub(crate) was_limited: bool,
    /// When its slots were last fitted to its way.
    pub(crate) adapted: Option<Instant>,
    /// Something changed since.
    pub(crate) is_adapting: bool,
    pub(crate) next_report: Option<Instant>,
    pub(crate) timer: Option<Instant>,
}

impl Sender {
    pub(crate) fn new(id: TransportId, extensions: ExtensionMap, mapping: usize) -> Self {
        Self {
            id,
            path: None,
            srtp: None,
            keys: None,
            extensions,
            mapping,
            transport_sequence: 0,
            acknowledged: None,
            bandwidth: None,
            pacer: None,
            paced_at: None,
            wanted_bps: None,
            may_estimate: false,
            has_headroom: true,
            slots: Vec::new(),
            work: Vec::new(),
            packets: 0,
            bytes: 0,
            round_trip: None,
            round_trip_last: None,
            reported: Reported::default(),
            resending: Budget::new(),
            remb_bps: None,
            rested: 0,
            reported_loss: 0.0,
            losses: None,
            distance: 0,
            cap_bps: None,
            heeds_estimate: false,
            was_limited: false,
            adapted: None,
            is_adapting: false,
            next_report: None,
            timer: None,
        }
    }

    /// True where the keys are new. The same keys again must not begin anew: the same
    /// indices would be used twice (RFC 3711 §9.1).
    pub(crate) fn set_keys(&mut self, keys: &SrtpKeys) -> Result<bool, SrtpError> {
        if self.keys.as_ref() == Some(keys) {
            return Ok(false);
        }
        self.srtp = Some(SrtpSender::new(keys.profile, &keys.local.0, &keys.local.1)?);
        self.keys = Some(keys.clone());
        Ok(true)
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.way().is_ok()
    }

    /// Where to send to, once there is something to protect it with.
    pub(crate) fn way(&self) -> Result<Path, DropReason> {
        let path = self.path.ok_or(DropReason::NoPath)?;
        self.srtp.as_ref().map(|_| path).ok_or(DropReason::NoKeys)
    }

    pub(crate) fn slot_of_ssrc(&self, ssrc: u32) -> Option<usize> {
        self.slots
            .iter()
            .find(|(known, _)| *known == ssrc)
            .map(|&(_, slot)| slot)
    }

    /// What its way carries in all; `None`: as much as there is. What is estimated holds from the
    /// start, and from when a limit of its way is seen, until all that it is shown is sent.
    pub(crate) fn budget_bps(&self) -> Option<u64> {
        let available = self.available_bps();
        available.filter(|_| self.bandwidth.is_none() || self.heeds_estimate)
    }

    pub(crate) fn round_trip(&self) -> Duration {
        round_trip_or_default(self.round_trip)
    }

    /// Smoothed as TCP does it (RFC 6298 §2).
    pub(crate) fn measure_round_trip(&mut self, sample: Duration) -> Duration {
        let smoothed = self
            .round_trip
            .map_or(sample, |known| (known * 7 + sample) / 8);
        self.round_trip = Some(smoothed);
        self.round_trip_last = Some(sample);
        smoothed
    }
}
