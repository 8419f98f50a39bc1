//! Where the frames of one stream stand among its layers, by what its codec's payload or its
//! dependency descriptors say.
//!
//! In comes what one packet says, in order of arrival; out goes what the send side must know to leave
//! the packet out. Knows no subscriber: who is sent which layers is decided there.

use crate::codecs::PayloadInfo;
use crate::codecs::dependency::{Dependencies, FrameDependencies};
use crate::command::Codec;
use crate::handover::Temporal;

#[derive(Debug, Default)]
pub(crate) struct Scalability {
    /// Made by the first descriptor that is of use.
    dependencies: Option<Box<Dependencies>>,
}

impl Scalability {
    /// Of a packet that does not tell all need it.
    pub(crate) fn place(
        &mut self,
        codec: Codec,
        info: &PayloadInfo,
        descriptor: Option<&[u8]>,
    ) -> Temporal {
        match codec {
            Codec::Vp8 => of_vp8(info),
            Codec::Vp9 => of_vp9(info),
            // Their payloads do not tell, or not in every packet.
            Codec::Av1 | Codec::H264 | Codec::H265 => descriptor
                .and_then(|descriptor| self.described(descriptor))
                .map_or_else(Temporal::default, |frame| of_frame(&frame)),
            _ => Temporal::default(),
        }
    }

    fn described(&mut self, descriptor: &[u8]) -> Option<FrameDependencies> {
        let dependencies = self.dependencies.get_or_insert_default();
        dependencies.read(descriptor).ok()
    }
}

fn of_vp8(info: &PayloadInfo) -> Temporal {
    let layer = info.temporal_layer;
    match info.switching_point {
        _ if info.keyframe => Temporal::from_keyframe(layer),
        // RFC 7741 §4.2: it refers to the base layer alone, and so needs none between.
        true if layer > 0 => Temporal {
            layer,
            opens_from: layer - 1,
            opens_to: layer,
        },
        _ => Temporal::within(layer),
    }
}

fn of_vp9(info: &PayloadInfo) -> Temporal {
    let layer = info.temporal_layer;
    match info.switching_point {
        _ if info.keyframe => Temporal::from_keyframe(layer),
        // RFC 9628 §4.2: nothing after it refers to what was above it before.
        true => Temporal {
            layer,
            opens_from: layer,
            opens_to: u8::MAX,
        },
        false => Temporal::within(layer),
    }
}

fn of_frame(frame: &FrameDependencies) -> Temporal {
    match frame.opens_to {
        Some(opens_to) => Temporal {
            layer: frame.temporal_layer,
            opens_from: frame.needed_from,
            opens_to,
        },
        None => Temporal::within(frame.temporal_layer),
    }
}
