//! What an offer and its answer agreed on, taken from Python's dataclasses (`loadtest/session.py`).

use std::net::{IpAddr, SocketAddr};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use sfu_proto::command::{Extension, MediaKind};
use sfu_proto::rtp::ExtensionMap;

use crate::peer::{DtlsConfig, IceConfig, PeerConfig};
use crate::publish::{AudioConfig, LayerConfig, PublisherConfig, VideoConfig};
use crate::receive::StreamConfig;
use crate::system::SocketOptions;

#[derive(FromPyObject)]
struct Candidate {
    address: String,
    port: u16,
}

#[derive(FromPyObject)]
pub(super) struct Session {
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
    temporal_layers: u8,
}

#[derive(FromPyObject)]
struct Audio {
    mid: String,
    ssrc: u32,
    payload_type: u8,
    payload: usize,
    packet_ms: u8,
    is_speaking: bool,
}

impl Session {
    pub(super) fn into_config(self, socket: SocketOptions) -> PyResult<PeerConfig> {
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
            temporal_layers: layer.temporal_layers,
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
            packet_ms: self.packet_ms,
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
