//! The send side of one transport.

use std::time::{Duration, Instant};

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

pub(crate) struct Sender {
    pub(crate) id: TransportId,
    pub(crate) path: Option<Path>,
    pub(crate) srtp: Option<SrtpSender>,
    keys: Option<SrtpKeys>,
    pub(crate) extensions: ExtensionMap,
    /// Index among the distinct extension maps.
    pub(crate) mapping: usize,
    pub(crate) transport_sequence: u16,
    /// Its way carries a frame in one piece.
    pub(crate) has_headroom: bool,
    /// SSRC and index in the slab of slots.
    pub(crate) slots: Vec<(u32, usize)>,
    /// Of the burst being walked.
    pub(crate) work: Vec<Work>,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) round_trip: Option<Duration>,
    pub(crate) resending: Budget,
    pub(crate) remb_bps: Option<u64>,
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
            has_headroom: true,
            slots: Vec::new(),
            work: Vec::new(),
            packets: 0,
            bytes: 0,
            round_trip: None,
            resending: Budget::new(),
            remb_bps: None,
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

    /// What its way carries in all; `None` where nothing tells, which is no limit.
    pub(crate) fn available_bps(&self) -> Option<u64> {
        None
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
        smoothed
    }
}
