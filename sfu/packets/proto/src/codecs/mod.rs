//! What forwarding must know of a payload, and what switching must rewrite in it.
//!
//! One RTP payload in (padding removed), a [`PayloadInfo`] out; one file a codec. Only
//! payload descriptors and the clear beginning of headers are read, never coded media, so
//! that end-to-end encrypted streams are forwarded too. Knows no packet, no stream, no
//! history: what a frame is across packets is the router's business.

mod audio;
mod av1;
mod bits;
pub mod dependency;
mod h264;
mod h265;
pub mod red;
mod vp8;
mod vp9;

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
    /// Decoding can start at this packet. Audio: always. H.264 and H.265: parameter sets
    /// and the picture that they introduce both say so.
    pub keyframe: bool,
    /// First packet of a frame (of a layer's frame, where there are spatial layers). H.264
    /// and H.265 do not number their frames: parameter sets and the first slice behind them
    /// each look like a start, and only the timestamp tells that they are one.
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
    /// Where the payload tells of spatial layers.
    pub spatial: Option<SpatialInfo>,
}

/// What one payload says of the spatial layers of its picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpatialInfo {
    /// Last packet of the layer's frame.
    pub ends_frame: bool,
    /// The layer above refers to this frame.
    pub serves_upper: bool,
    /// The picture refers to no other.
    pub is_intra: bool,
    /// How many layers there are from here on, where this packet tells.
    pub layers: Option<u8>,
}

/// The payload contradicts its codec's RTP format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadError {
    /// It ends before its own headers do, or is empty.
    Truncated,
    /// A value that the format forbids, or a mode that WebRTC does not use.
    Malformed,
}

impl std::fmt::Display for PayloadError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            PayloadError::Truncated => "payload ends within its headers",
            PayloadError::Malformed => "payload violates its format",
        })
    }
}

impl std::error::Error for PayloadError {}

/// Reads the payload's headers.
///
/// # Errors
/// The payload is not of this codec's RTP format.
pub fn describe(codec: Codec, payload: &[u8]) -> Result<PayloadInfo, PayloadError> {
    match codec {
        Codec::Opus | Codec::Pcmu | Codec::Pcma | Codec::G722 => audio::describe(payload),
        Codec::Red => red::describe(payload),
        Codec::Vp8 => vp8::describe(payload),
        Codec::Vp9 => vp9::describe(payload),
        Codec::H264 => h264::describe(payload),
        Codec::H265 => h265::describe(payload),
        Codec::Av1 => av1::describe(payload),
    }
}

/// Overwrites those of the fields that the payload has; the length never changes. A picture
/// id is cut to the width of its field.
pub fn rewrite(
    codec: Codec,
    payload: &mut [u8],
    picture_id: Option<u16>,
    tl0_picture_index: Option<u8>,
) {
    let places = match codec {
        Codec::Vp8 => vp8::places(payload),
        Codec::Vp9 => vp9::places(payload),
        _ => return,
    };
    let Ok(places) = places else { return };
    if let (Some(place), Some(value)) = (places.picture_id, picture_id) {
        place.write(payload, value);
    }
    if let (Some(offset), Some(value)) = (places.tl0_picture_index, tl0_picture_index)
        && let Some(byte) = payload.get_mut(offset)
    {
        *byte = value;
    }
}

/// Where the rewritable fields of a VP8 or VP9 descriptor stand.
#[derive(Clone, Copy, Debug, Default)]
struct Places {
    picture_id: Option<PictureIdPlace>,
    tl0_picture_index: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
struct PictureIdPlace {
    offset: usize,
    id: PictureId,
}

impl PictureIdPlace {
    /// RFC 7741 §4.2 and RFC 9628 §4.2 alike: the first bit tells 7 bits from 15.
    fn read(reader: &mut Reader<'_>) -> Result<Self, PayloadError> {
        let offset = reader.offset;
        let first = reader.u8()?;
        let is_15_bit = first & 0x80 != 0;
        let mut value = u16::from(first & 0x7f);
        if is_15_bit {
            value = (value << 8) | u16::from(reader.u8()?);
        }
        Ok(Self {
            offset,
            id: PictureId { value, is_15_bit },
        })
    }

    fn write(self, payload: &mut [u8], value: u16) {
        let [high, low] = value.to_be_bytes();
        match payload.get_mut(self.offset..) {
            Some([first, second, ..]) if self.id.is_15_bit => {
                *first = 0x80 | high;
                *second = low;
            }
            Some([first, ..]) if !self.id.is_15_bit => *first = low & 0x7f,
            _ => {}
        }
    }
}

/// A cursor over bytes that come from the network.
#[derive(Clone, Copy, Debug)]
struct Reader<'a> {
    data: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    fn new(data: &'a [u8]) -> Self {
        Self { data, offset: 0 }
    }

    fn rest(&self) -> &'a [u8] {
        self.data.get(self.offset..).unwrap_or_default()
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], PayloadError> {
        let taken = self.rest().get(..length).ok_or(PayloadError::Truncated)?;
        self.offset += length;
        Ok(taken)
    }

    fn u8(&mut self) -> Result<u8, PayloadError> {
        let &byte = self.rest().first().ok_or(PayloadError::Truncated)?;
        self.offset += 1;
        Ok(byte)
    }

    fn u16(&mut self) -> Result<u16, PayloadError> {
        Ok(u16::from_be_bytes([self.u8()?, self.u8()?]))
    }
}
