//! What forwarding must know of a payload, and what switching must rewrite in it.

use crate::command::Codec;

/// A VP8 or VP9 picture id and the width of its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureId {
    pub value: u16,
    pub is_15_bit: bool,
}

/// What one RTP payload says of the frame that it belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PayloadInfo {
    /// Decoding can start at this packet. Audio: always.
    pub keyframe: bool,
    /// First packet of a frame (of a layer's frame, where there are spatial layers).
    pub frame_start: bool,
    /// Width and height, where this packet tells.
    pub resolution: Option<(u16, u16)>,
    pub spatial_layer: u8,
    pub temporal_layer: u8,
    /// A receiver of lower temporal layers may take this layer from here on.
    pub switching_point: bool,
    pub picture_id: Option<PictureId>,
    pub tl0_picture_index: Option<u8>,
    /// No other frame refers to this one.
    pub discardable: bool,
}

/// The payload contradicts its codec's RTP format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadError {
    Truncated,
    Malformed,
}

/// Reads the payload descriptor. Never looks beyond the headers of the payload.
#[allow(unused_variables)]
pub fn describe(codec: Codec, payload: &[u8]) -> Result<PayloadInfo, PayloadError> {
    todo!()
}

/// Overwrites the fields that are there; never changes the length, never adds a field.
#[allow(unused_variables)]
pub fn rewrite(
    codec: Codec,
    payload: &mut [u8],
    picture_id: Option<u16>,
    tl0_picture_index: Option<u8>,
) {
    todo!()
}
