//! The names by which Python calls codecs, extensions and the like.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use sfu_proto::allocator::Reason;
use sfu_proto::command::{Codec, Extension, MediaKind, SrtpProfile};

pub(crate) const MEDIA_KINDS: [(&str, MediaKind); 2] =
    [("audio", MediaKind::Audio), ("video", MediaKind::Video)];

pub(crate) const CODECS: [(&str, Codec); 10] = [
    ("opus", Codec::Opus),
    ("red", Codec::Red),
    ("pcmu", Codec::Pcmu),
    ("pcma", Codec::Pcma),
    ("g722", Codec::G722),
    ("vp8", Codec::Vp8),
    ("vp9", Codec::Vp9),
    ("h264", Codec::H264),
    ("h265", Codec::H265),
    ("av1", Codec::Av1),
];

pub(crate) const EXTENSIONS: [(&str, Extension); 11] = [
    ("mid", Extension::Mid),
    ("rid", Extension::Rid),
    ("repaired_rid", Extension::RepairedRid),
    ("audio_level", Extension::AudioLevel),
    ("absolute_send_time", Extension::AbsoluteSendTime),
    (
        "transport_sequence_number",
        Extension::TransportSequenceNumber,
    ),
    ("absolute_capture_time", Extension::AbsoluteCaptureTime),
    ("playout_delay", Extension::PlayoutDelay),
    ("video_orientation", Extension::VideoOrientation),
    ("dependency_descriptor", Extension::DependencyDescriptor),
    ("video_layers_allocation", Extension::VideoLayersAllocation),
];

pub(crate) const SRTP_PROFILES: [(&str, SrtpProfile); 2] = [
    ("SRTP_AEAD_AES_128_GCM", SrtpProfile::AeadAes128Gcm),
    ("SRTP_AES128_CM_SHA1_80", SrtpProfile::Aes128CmHmacSha1_80),
];

pub(crate) const REASONS: [(&str, Reason); 7] = [
    ("your_downlink", Reason::YourDownlink),
    ("senders_uplink", Reason::SendersUplink),
    ("senders_camera", Reason::SendersCamera),
    ("tile_is_small", Reason::TileIsSmall),
    ("no_higher_layer", Reason::NoHigherLayer),
    ("moderators_cap", Reason::ModeratorsCap),
    ("server_is_busy", Reason::ServerIsBusy),
];

/// What `name` stands for; `what` says what it should have been.
pub(crate) fn named<T: Copy>(names: &[(&str, T)], name: &str, what: &str) -> PyResult<T> {
    names
        .iter()
        .find_map(|&(known, value)| (known == name).then_some(value))
        .ok_or_else(|| PyValueError::new_err(format!("{name:?} is not {what}")))
}

pub(crate) fn codec_name(codec: Codec) -> &'static str {
    CODECS
        .iter()
        .find_map(|&(name, known)| (known == codec).then_some(name))
        .expect("every codec has a name")
}

pub(crate) fn reason_name(reason: Reason) -> &'static str {
    REASONS
        .iter()
        .find_map(|&(name, known)| (known == reason).then_some(name))
        .expect("every reason has a name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_codec_has_its_name() {
        // A match, so that a new codec does not compile without an entry here.
        let name_of = |codec| match codec {
            Codec::Opus => "opus",
            Codec::Red => "red",
            Codec::Pcmu => "pcmu",
            Codec::Pcma => "pcma",
            Codec::G722 => "g722",
            Codec::Vp8 => "vp8",
            Codec::Vp9 => "vp9",
            Codec::H264 => "h264",
            Codec::H265 => "h265",
            Codec::Av1 => "av1",
        };
        for (name, codec) in CODECS {
            assert_eq!((codec_name(codec), name_of(codec)), (name, name));
        }
    }
}
