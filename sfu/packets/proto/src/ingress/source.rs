//! A published track as its publisher negotiated it, and the layers that came of it.

use super::ceiling::Ceiling;
use crate::command::{CodecParameters, MediaKind, SourceParameters};
use crate::ids::{RoomId, SourceId};

#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) id: SourceId,
    /// Index in the slab of receivers.
    pub(crate) receiver: usize,
    pub(crate) kind: MediaKind,
    pub(crate) codecs: Vec<CodecParameters>,
    pub(crate) rids: Vec<String>,
    pub(crate) announced: Vec<crate::command::AnnouncedSsrc>,
    pub(crate) room: Option<RoomId>,
    pub(crate) is_forwarding: bool,
    /// Indices in the slab of layers.
    pub(crate) layers: Vec<usize>,
    /// What the last event said.
    pub(crate) told_layers: Vec<u8>,
    pub(crate) fir_number: u8,
    /// Of its publisher's ceiling, where that is known to be plenty.
    pub(crate) share: Option<Ceiling>,
}

/// A camera in simulcast may take so much of its publisher's ceiling: 5 Mbit/s of 20, where the
/// page's three layers of 720p take 2.4. What is not in layers may be a program's one picture of
/// any size, or a screen.
const CAMERA_SHARE: u64 = 4;
/// And all of a ceiling up to this: where the whole is that little, a part of it is too little.
const LEAST_SHARE_BPS: u64 = 5_000_000;

/// What a payload type means on a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    Media(usize),
    Repair(usize),
}

impl Source {
    pub(crate) fn new(
        id: SourceId,
        receiver: usize,
        parameters: SourceParameters,
        ceiling_bps: u64,
    ) -> Self {
        // Who is told what arrives can heed it.
        let estimates = |codec: &CodecParameters| codec.transport_cc || codec.ccfb;
        let is_camera = parameters.rids.len() > 1 && !parameters.is_screen;
        let has_share = is_camera && parameters.codecs.iter().any(estimates);
        Self {
            id,
            receiver,
            kind: parameters.kind,
            codecs: parameters.codecs,
            rids: parameters.rids,
            announced: parameters.announced,
            room: parameters.room,
            is_forwarding: true,
            layers: Vec::new(),
            told_layers: Vec::new(),
            fir_number: 0,
            share: has_share.then(|| {
                Ceiling::new((ceiling_bps / CAMERA_SHARE).max(ceiling_bps.min(LEAST_SHARE_BPS)))
            }),
        }
    }

    pub(crate) fn meaning(&self, payload_type: u8) -> Option<Meaning> {
        self.codecs.iter().enumerate().find_map(|(index, codec)| {
            if codec.payload_type == payload_type {
                Some(Meaning::Media(index))
            } else if codec.rtx_payload_type == Some(payload_type) {
                Some(Meaning::Repair(index))
            } else {
                None
            }
        })
    }

    pub(crate) fn codec(&self, index: usize) -> &CodecParameters {
        &self.codecs[index]
    }

    pub(crate) fn is_video(&self) -> bool {
        self.kind == MediaKind::Video
    }

    /// The layer of a rid; the only layer where there are no rids.
    pub(crate) fn layer_of_rid(&self, rid: Option<&[u8]>) -> Option<u8> {
        match rid {
            Some(rid) if !self.rids.is_empty() => self
                .rids
                .iter()
                .position(|known| known.as_bytes() == rid)
                .map(|index| index as u8),
            _ => (self.rids.len() <= 1).then_some(0),
        }
    }

    /// The layer of an SSRC that the publisher announced, for media or for RTX.
    pub(crate) fn layer_of_announced(&self, ssrc: u32) -> Option<u8> {
        let announced = self
            .announced
            .iter()
            .position(|announced| announced.ssrc == ssrc || announced.rtx_ssrc == Some(ssrc));
        announced.map(|index| index as u8)
    }
}
