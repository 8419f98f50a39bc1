//! What a generator has counted and measured, as Python reads it.

use pyo3::prelude::*;

use crate::context::Measures;
use crate::histogram::Histogram;
use crate::peer::PeerState;
use crate::receive::{Played, StreamCounts};
use crate::time::{Nanos, SECOND};
use crate::worker::{PeerView, WorkerSnapshot};

#[pyclass(module = "loadtest._native", frozen, get_all)]
pub(crate) struct Snapshot {
    threads_cpu_s: Vec<f64>,
    unsent: u64,
    unopened: u64,
    peers: Vec<PeerSnapshot>,
    frame_delay: Percentiles,
    frame_total: Percentiles,
    audio_delay: Percentiles,
    reading_late: Percentiles,
    sending_late: Percentiles,
}

impl Snapshot {
    pub(super) fn new(workers: &[WorkerSnapshot]) -> Self {
        let mut measures = Measures::default();
        workers.iter().for_each(|one| measures.add(&one.measures));
        let peers = workers.iter().flat_map(|worker| &worker.peers);
        Self {
            threads_cpu_s: workers.iter().map(|one| seconds(one.cpu)).collect(),
            unsent: workers.iter().map(|one| one.unsent).sum(),
            unopened: workers.iter().map(|one| one.unopened).sum(),
            peers: peers.map(PeerSnapshot::new).collect(),
            frame_delay: Percentiles::new(&measures.frame_delay),
            frame_total: Percentiles::new(&measures.frame_total),
            audio_delay: Percentiles::new(&measures.audio_delay),
            reading_late: Percentiles::new(&measures.reading_late),
            sending_late: Percentiles::new(&measures.sending_late),
        }
    }
}

#[pyclass(module = "loadtest._native", frozen, get_all)]
#[derive(Clone)]
pub(crate) struct Percentiles {
    count: u64,
    p50_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
    most_ms: f64,
}

impl Percentiles {
    fn new(histogram: &Histogram) -> Self {
        let at = |share| histogram.percentile_us(share) as f64 / 1000.0;
        Self {
            count: histogram.count(),
            p50_ms: at(0.5),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            most_ms: histogram.most_us() as f64 / 1000.0,
        }
    }
}

#[pyclass(module = "loadtest._native", frozen, get_all)]
#[derive(Clone)]
pub(crate) struct PeerSnapshot {
    number: u32,
    state: &'static str,
    checked_after_s: Option<f64>,
    connected_after_s: Option<f64>,
    first_media_after_s: Option<f64>,
    first_keyframe_after_s: Option<f64>,
    refused: u64,
    early: u64,
    unknown: u64,
    socket_drops: u64,
    packets_sent: u64,
    repairs_sent: u64,
    keyframes_sent: u64,
    keyframes_asked_of_us: u64,
    video: ReceivedCounts,
    audio: ReceivedCounts,
}

#[pyclass(module = "loadtest._native", frozen, get_all)]
#[derive(Clone)]
pub(crate) struct ReceivedCounts {
    packets: u64,
    bytes: u64,
    duplicates: u64,
    reordered: u64,
    repaired: u64,
    lost: u64,
    frames: u64,
    keyframes: u64,
    broken_frames: u64,
    nacks: u64,
    keyframes_asked: u64,
    longest_gap_s: f64,
}

impl PeerSnapshot {
    fn new(view: &PeerView) -> Self {
        let counts = &view.counts;
        let after = |at: Option<Nanos>| at.map(|at| seconds(at.saturating_sub(counts.started_at)));
        Self {
            number: view.number,
            state: match view.state {
                PeerState::Checking => "checking",
                PeerState::Handshaking => "handshaking",
                PeerState::Connected => "connected",
                PeerState::Failed => "failed",
                PeerState::Closed => "closed",
            },
            checked_after_s: after(counts.checked_at),
            connected_after_s: after(counts.connected_at),
            first_media_after_s: after(counts.receive.first_media_at),
            first_keyframe_after_s: after(counts.receive.first_keyframe_at),
            refused: counts.refused,
            early: counts.early,
            unknown: counts.receive.unknown,
            socket_drops: view.socket_drops,
            packets_sent: counts.publish.packets,
            repairs_sent: counts.publish.repairs,
            keyframes_sent: counts.publish.keyframes,
            keyframes_asked_of_us: counts.publish.keyframes_asked,
            video: ReceivedCounts::new(&counts.receive.video),
            audio: ReceivedCounts::new(&counts.receive.audio),
        }
    }
}

impl ReceivedCounts {
    fn new(counts: &StreamCounts) -> Self {
        Self {
            packets: counts.packets,
            bytes: counts.bytes,
            duplicates: counts.duplicates,
            reordered: counts.reordered,
            repaired: counts.repaired,
            lost: counts.lost,
            frames: counts.frames,
            keyframes: counts.keyframes,
            broken_frames: counts.broken_frames,
            nacks: counts.nacks,
            keyframes_asked: counts.keyframes_asked,
            longest_gap_s: seconds(counts.longest_gap),
        }
    }
}

/// Time, time of sending, stream, number, keyframe, video.
pub(super) type PlayedRow = (f64, f64, u32, u32, bool, bool);

pub(super) fn played_row(played: &Played) -> PlayedRow {
    (
        seconds(played.at),
        seconds(played.sent_at),
        played.stream,
        played.number,
        played.is_keyframe,
        played.is_video,
    )
}

fn seconds(nanos: Nanos) -> f64 {
    nanos as f64 / SECOND as f64
}
