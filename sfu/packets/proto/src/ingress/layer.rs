//! The receive side of one layer: numbers, repair, liveness, counters.

use std::time::Instant;

use slab::Slab;

use super::cadence::Cadence;
use super::hold::{Held, Layers};
use super::keyframes::KeyframeRequests;
use super::nack::NackList;
use super::numbering::Numbering;
use super::rates::Rates;
use super::reception::Reception;
use super::scalability::Scalability;
use crate::codecs::PayloadInfo;
use crate::handover::{LayerKey, ShardSet};
use crate::meter::Meter;

#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) key: LayerKey,
    /// Index in the receive side's slab of sources.
    pub(crate) source: usize,
    /// Into the source's rids.
    pub(crate) index: u8,
    pub(crate) ssrc: u32,
    /// Index into the source's codecs of what the last packet carried.
    pub(crate) codec: Option<usize>,
    pub(crate) clock_rate: u32,
    pub(crate) reception: Reception,
    pub(super) cadence: Cadence,
    pub(crate) nack: NackList,
    pub(crate) keyframes: KeyframeRequests,
    pub(crate) numbering: Numbering,
    pub(crate) held: Held,
    /// Packets flow.
    pub(crate) is_active: bool,
    /// Egress knows that packets flow.
    pub(crate) is_passed_down: bool,
    /// Shards that its packets are for.
    pub(crate) watched_by: ShardSet,
    pub(crate) last_packet: Instant,
    pub(crate) counters: LayerCounters,
    pub(crate) meter: Meter,
    pub(crate) rates: Rates,
    /// Number and timestamp of the newest packet with redundancy.
    pub(super) newest_redundant: Option<(i64, u32)>,
    pub(crate) scalability: Scalability,
    /// What subscribers know of it: spatial layers, the highest that is sent, and since when.
    pub(super) told_spatial: (u8, u8),
    pub(super) told_spatial_at: Option<Instant>,
    newest_timestamp: Option<u32>,
    keyframe_timestamp: Option<u32>,
}

impl Layers for Slab<Layer> {
    fn held(&mut self, layer: LayerKey) -> Option<&mut Held> {
        let found = self.get_mut(layer.index());
        let found = found.filter(|found| found.key == layer)?;
        Some(&mut found.held)
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LayerCounters {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) repaired: u64,
    pub(crate) repaired_red: u64,
    pub(crate) duplicates: u64,
    pub(crate) keyframes: u64,
    pub(crate) nacks_sent: u64,
    pub(crate) keyframe_requests_sent: u64,
    pub(crate) frames: u64,
    pub(crate) resolution: (u16, u16),
}

impl Layer {
    pub(crate) fn new(key: LayerKey, source: usize, index: u8, ssrc: u32, now: Instant) -> Self {
        Self {
            key,
            source,
            index,
            ssrc,
            codec: None,
            clock_rate: 90_000,
            reception: Reception::default(),
            cadence: Cadence::default(),
            nack: NackList::default(),
            keyframes: KeyframeRequests::default(),
            numbering: Numbering::default(),
            held: Held::default(),
            is_active: false,
            is_passed_down: false,
            watched_by: ShardSet::NONE,
            last_packet: now,
            counters: LayerCounters::default(),
            meter: Meter::default(),
            rates: Rates::default(),
            newest_redundant: None,
            scalability: Scalability::default(),
            told_spatial: (1, 0),
            told_spatial_at: None,
            newest_timestamp: None,
            keyframe_timestamp: None,
        }
    }

    /// Subscribers see a new layer from here on: decoding starts anew.
    pub(crate) fn begin_anew(&mut self, key: LayerKey) {
        self.key = key;
        self.numbering = Numbering::default();
        self.held = Held::default();
        self.is_passed_down = false;
    }

    /// The stream's own numbers begin anew.
    pub(crate) fn forget_numbers(&mut self) {
        self.reception.begin_anew();
        self.cadence.begin_anew();
        self.nack = NackList::default();
        self.newest_redundant = None;
        self.scalability = Scalability::default();
        self.told_spatial_at = None;
    }

    /// Counts a frame at its first packet, whichever comes first.
    pub(crate) fn count_frame(&mut self, now_ms: u64, timestamp: u32) {
        let is_newer = self
            .newest_timestamp
            .is_none_or(|newest| (timestamp.wrapping_sub(newest) as i32) > 0);
        if is_newer {
            self.newest_timestamp = Some(timestamp);
            self.counters.frames += 1;
            self.cadence.count(now_ms);
        }
    }

    pub(super) fn note_redundant(&mut self, number: i64, timestamp: u32) {
        let newest = self.newest_redundant.get_or_insert((number, timestamp));
        if number > newest.0 {
            *newest = (number, timestamp);
        }
    }

    /// True for the packet that begins a keyframe, and not for a later one of it: H.264's
    /// parameter sets and the slice behind them both look like a begin.
    pub(crate) fn begins_keyframe(&mut self, timestamp: u32, info: &PayloadInfo) -> bool {
        let looks_so = info.keyframe && info.frame_start;
        looks_so && self.keyframe_timestamp.replace(timestamp) != Some(timestamp)
    }
}
