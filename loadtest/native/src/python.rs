//! The generator as Python holds it: converts and hands over. The contract is `_native.pyi`.

use std::net::{IpAddr, SocketAddr};

use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use sfu_proto::command::{Extension, MediaKind};
use sfu_proto::rtp::ExtensionMap;

use crate::generator;
use crate::histogram::Histogram;
use crate::peer::{DtlsConfig, IceConfig, Measures, PeerConfig, PeerState};
use crate::publish::{AudioConfig, LayerConfig, PublisherConfig, VideoConfig};
use crate::receive::{StreamConfig, StreamCounts};
use crate::system::SocketOptions;
use crate::time::{Nanos, SECOND};
use crate::worker::PeerView;

/// Threads that drive peers.
#[pyclass(module = "loadtest._native", frozen)]
pub(crate) struct Generator(generator::Generator);

#[derive(FromPyObject)]
struct Candidate {
    address: String,
    port: u16,
}

/// What offer and answer agreed on.
#[derive(FromPyObject)]
struct Session {
    candidate: Candidate,
    local_ufrag: String,
    local_password: String,
    remote_ufrag: String,
    remote_password: String,
    is_dtls_client: bool,
    remote_fingerprint: String,
    cname: String,
    extensions: Vec<(u8, String)>,
    streams: Vec<Stream>,
    video: Option<Video>,
    audio: Option<Audio>,
}

#[derive(FromPyObject)]
struct Stream {
    kind: String,
    ssrc: u32,
    rtx_ssrc: Option<u32>,
}

#[derive(FromPyObject)]
struct Video {
    mid: String,
    payload_type: u8,
    rtx_payload_type: Option<u8>,
    frames_per_second: u32,
    spread: f64,
    layers: Vec<Layer>,
}

#[derive(FromPyObject)]
struct Layer {
    rid: Option<String>,
    ssrc: u32,
    rtx_ssrc: u32,
    packets: u16,
    keyframe_packets: u16,
    payload: usize,
    width: u16,
    height: u16,
}

#[derive(FromPyObject)]
struct Audio {
    mid: String,
    ssrc: u32,
    payload_type: u8,
    payload: usize,
    is_speaking: bool,
}

#[pymethods]
impl Generator {
    #[new]
    #[pyo3(signature = (*, threads=1))]
    fn new(threads: usize) -> PyResult<Self> {
        if threads == 0 {
            return Err(PyValueError::new_err("threads must be at least 1"));
        }
        generator::Generator::start(threads)
            .map(Self)
            .map_err(PyOSError::new_err)
    }

    #[getter]
    fn fingerprint(&self) -> &str {
        self.0.fingerprint()
    }

    fn reserve(&self) -> u32 {
        self.0.reserve()
    }

    #[pyo3(signature = (peer, session, *, has_timestamps=false, takes_runs=false))]
    fn add_peer(
        &self,
        peer: u32,
        session: Session,
        has_timestamps: bool,
        takes_runs: bool,
    ) -> PyResult<()> {
        let config = session.into_config(SocketOptions {
            has_timestamps,
            takes_runs,
        })?;
        self.0.add(peer, config).map_err(PyRuntimeError::new_err)
    }

    fn remove_peer(&self, peer: u32) -> PyResult<()> {
        self.0.remove(peer).map_err(PyRuntimeError::new_err)
    }

    fn set_speaking(&self, peer: u32, is_speaking: bool) -> PyResult<()> {
        self.0
            .set_speaking(peer, is_speaking)
            .map_err(PyRuntimeError::new_err)
    }

    fn reset(&self) -> PyResult<()> {
        self.0.reset().map_err(PyRuntimeError::new_err)
    }

    fn snapshot(&self, py: Python<'_>) -> PyResult<Snapshot> {
        let taken = py.detach(|| self.0.snapshots());
        let workers = taken.map_err(PyRuntimeError::new_err)?;
        let mut measures = Measures::default();
        workers.iter().for_each(|one| measures.add(&one.measures));
        let peers = workers.iter().flat_map(|worker| &worker.peers);
        Ok(Snapshot {
            threads_cpu_s: workers.iter().map(|one| seconds(one.cpu)).collect(),
            unsent: workers.iter().map(|one| one.unsent).sum(),
            peers: peers.map(PeerSnapshot::new).collect(),
            frame_delay: Percentiles::new(&measures.frame_delay),
            frame_total: Percentiles::new(&measures.frame_total),
            audio_delay: Percentiles::new(&measures.audio_delay),
            reading_late: Percentiles::new(&measures.reading_late),
            sending_late: Percentiles::new(&measures.sending_late),
        })
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.0.close())
            .map_err(PyRuntimeError::new_err)
    }
}

impl Session {
    fn into_config(self, socket: SocketOptions) -> PyResult<PeerConfig> {
        let address: IpAddr = self
            .candidate
            .address
            .parse()
            .map_err(|_| PyValueError::new_err("the candidate is no IP address"))?;
        let extensions: Vec<_> = self
            .extensions
            .iter()
            .map(|(id, name)| Ok((*id, extension(name)?)))
            .collect::<PyResult<_>>()?;
        Ok(PeerConfig {
            remote: SocketAddr::new(address, self.candidate.port),
            ice: IceConfig {
                local_ufrag: self.local_ufrag,
                local_password: self.local_password,
                remote_ufrag: self.remote_ufrag,
                remote_password: self.remote_password,
            },
            dtls: DtlsConfig {
                is_client: self.is_dtls_client,
                remote_fingerprint: fingerprint(&self.remote_fingerprint)?,
            },
            cname: self.cname,
            extensions: ExtensionMap::new(&extensions),
            streams: self
                .streams
                .iter()
                .map(Stream::config)
                .collect::<PyResult<_>>()?,
            publisher: PublisherConfig {
                video: self.video.map(Video::into_config).transpose()?,
                audio: self.audio.map(Audio::into_config),
            },
            socket,
        })
    }
}

impl Stream {
    fn config(&self) -> PyResult<StreamConfig> {
        let kind = match self.kind.as_str() {
            "audio" => MediaKind::Audio,
            "video" => MediaKind::Video,
            _ => return Err(PyValueError::new_err("a stream is audio or video")),
        };
        Ok(StreamConfig {
            kind,
            ssrc: self.ssrc,
            rtx_ssrc: self.rtx_ssrc,
        })
    }
}

impl Video {
    fn into_config(self) -> PyResult<VideoConfig> {
        let is_sane = |layer: &Layer| layer.packets > 0 && layer.keyframe_packets > 0;
        if !self.layers.iter().all(is_sane) || !(0.0..=1.0).contains(&self.spread) {
            return Err(PyValueError::new_err(
                "a frame has at least one packet, and spreads over at most its own time",
            ));
        }
        let layers = self.layers.into_iter().map(|layer| LayerConfig {
            rid: layer.rid,
            ssrc: layer.ssrc,
            rtx_ssrc: layer.rtx_ssrc,
            packets: layer.packets,
            keyframe_packets: layer.keyframe_packets,
            payload: layer.payload,
            resolution: (layer.width, layer.height),
        });
        Ok(VideoConfig {
            mid: self.mid,
            payload_type: self.payload_type,
            rtx_payload_type: self.rtx_payload_type,
            frames_per_second: self.frames_per_second,
            spread: self.spread,
            layers: layers.collect(),
        })
    }
}

impl Audio {
    fn into_config(self) -> AudioConfig {
        AudioConfig {
            mid: self.mid,
            ssrc: self.ssrc,
            payload_type: self.payload_type,
            payload: self.payload,
            is_speaking: self.is_speaking,
        }
    }
}

/// The names that `sfu/_packets.pyi` has for them.
fn extension(name: &str) -> PyResult<Extension> {
    Ok(match name {
        "mid" => Extension::Mid,
        "rid" => Extension::Rid,
        "repaired_rid" => Extension::RepairedRid,
        "audio_level" => Extension::AudioLevel,
        "absolute_send_time" => Extension::AbsoluteSendTime,
        "transport_sequence_number" => Extension::TransportSequenceNumber,
        _ => return Err(PyValueError::new_err(format!("no extension {name}"))),
    })
}

/// SHA-256 as SDP writes it: pairs of hexadecimal digits between colons.
fn fingerprint(text: &str) -> PyResult<Vec<u8>> {
    let bytes = text.split(':').map(|pair| u8::from_str_radix(pair, 16));
    bytes
        .collect::<Result<Vec<_>, _>>()
        .ok()
        .filter(|bytes| bytes.len() == 32)
        .ok_or_else(|| PyValueError::new_err("the fingerprint is no SHA-256"))
}

fn seconds(nanos: Nanos) -> f64 {
    nanos as f64 / SECOND as f64
}

#[pyclass(module = "loadtest._native", frozen, get_all)]
pub(crate) struct Snapshot {
    threads_cpu_s: Vec<f64>,
    unsent: u64,
    peers: Vec<PeerSnapshot>,
    frame_delay: Percentiles,
    frame_total: Percentiles,
    audio_delay: Percentiles,
    reading_late: Percentiles,
    sending_late: Percentiles,
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
            unknown: counts.receive.unknown,
            socket_drops: view.socket_drops,
            packets_sent: counts.packets_sent,
            repairs_sent: counts.repairs_sent,
            keyframes_sent: counts.keyframes_sent,
            keyframes_asked_of_us: counts.keyframes_asked_of_us,
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
