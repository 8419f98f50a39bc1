//! Where the frames of one stream stand among its layers, by what its codec's payload or its
//! dependency descriptors say.
//!
//! In comes what one packet says, in order of arrival; out goes what the send side must know to leave
//! the packet out. Knows no subscriber: who is sent which layers is decided there.

use std::sync::Arc;

use crate::codecs::dependency::{ActiveTargets, Dependencies, FrameDependencies, beyond_as_top};
use crate::codecs::{PayloadInfo, SpatialInfo};
use crate::command::Codec;
use crate::handover::{FrameLayers, SpatialLayers};

/// So many pictures without their highest layer, one after the other: it is not sent any more.
const SHORT_PICTURES: u8 = 3;

/// What one packet says.
pub(super) struct Said<'p> {
    pub(super) codec: Codec,
    pub(super) info: &'p PayloadInfo,
    pub(super) descriptor: Option<&'p [u8]>,
    /// The packet is its picture's last.
    pub(super) marker: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Scalability {
    /// Made by the first descriptor that is of use.
    dependencies: Option<Box<Dependencies>>,
    spatial: Spatial,
    /// Of the packet that was placed last.
    targets: Option<Arc<ActiveTargets>>,
}

/// The spatial layers of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Spatial {
    layers: u8,
    /// The highest that is sent now.
    top: u8,
    /// Pictures that lately ended below it.
    short: u8,
    /// Lower layers do not serve those above but in key pictures.
    is_closed: bool,
}

impl Default for Spatial {
    fn default() -> Self {
        Self {
            layers: 1,
            top: 0,
            short: 0,
            is_closed: false,
        }
    }
}

impl Scalability {
    /// Of a packet that does not tell all need it.
    pub(super) fn place(&mut self, said: &Said<'_>) -> FrameLayers {
        let place = self.find_place(said);
        let dependencies = self.dependencies.as_mut();
        let targets = dependencies.and_then(|dependencies| dependencies.take_targets());
        self.targets = targets.map(Arc::new);
        place
    }

    /// What the packet that was placed last says of its stream's decode targets.
    pub(super) fn take_targets(&mut self) -> Option<Arc<ActiveTargets>> {
        self.targets.take()
    }

    fn find_place(&mut self, said: &Said<'_>) -> FrameLayers {
        let info = said.info;
        match said.codec {
            Codec::Vp8 => of_vp8(info),
            Codec::Vp9 => {
                // Its payload tells all but which decode targets its descriptors have.
                if let Some(descriptor) = said.descriptor {
                    let dependencies = self.dependencies.get_or_insert_default();
                    let _ = dependencies.read(descriptor);
                }
                FrameLayers {
                    spatial: match info.spatial {
                        Some(told) => self.spatial.of_vp9(info, told, said.marker),
                        None => SpatialLayers::ONE,
                    },
                    ..of_vp9(info)
                }
            }
            // Their payloads do not tell, or not in every packet.
            Codec::Av1 | Codec::H264 | Codec::H265 => said
                .descriptor
                .map_or_else(FrameLayers::default, |descriptor| {
                    self.described(descriptor)
                }),
            _ => FrameLayers::default(),
        }
    }

    /// How many spatial layers the stream has, and the highest that is sent now.
    pub(super) fn spatial_layers(&self) -> (u8, u8) {
        (self.spatial.layers, self.spatial.top)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.spatial.is_closed
    }

    fn described(&mut self, descriptor: &[u8]) -> FrameLayers {
        let dependencies = self.dependencies.get_or_insert_default();
        let Ok(frame) = dependencies.read(descriptor) else {
            // Everyone may need it; nobody may begin with it.
            return FrameLayers {
                spatial: SpatialLayers {
                    opens: 0,
                    ..SpatialLayers::ONE
                },
                ..FrameLayers::within(0)
            };
        };
        self.spatial.layers = match dependencies.is_layered() {
            true => dependencies.spatial_layers().min(SpatialLayers::MOST),
            false => 1,
        };
        FrameLayers {
            spatial: self.spatial.of_frame(&frame),
            ..of_frame(&frame)
        }
    }
}

impl Spatial {
    fn of_vp9(&mut self, info: &PayloadInfo, told: SpatialInfo, marker: bool) -> SpatialLayers {
        let layer = info.spatial_layer;
        let is_key = told.is_intra && layer == 0;
        match told.layers {
            Some(layers) if is_key => self.begin(layers),
            Some(layers) => self.layers = self.layers.max(layers),
            None => {}
        }
        if layer > self.top {
            self.top = layer;
            self.layers = self.layers.max(layer + 1);
        }
        let of_picture = SpatialLayers {
            are_several: true,
            serves: match told.serves_upper {
                true => u8::MAX << layer,
                false => 1 << layer,
            },
            opens: if is_key { u8::MAX } else { 0 },
            ends: u8::from(told.ends_frame) << layer,
        };
        let place = self.up_to_top(of_picture);
        if !told.is_intra && layer < self.top && !told.serves_upper {
            self.is_closed = true;
        }
        if marker {
            self.end_picture(layer);
        }
        place
    }

    fn begin(&mut self, layers: u8) {
        *self = Self {
            layers,
            top: layers - 1,
            ..Self::default()
        };
    }

    fn end_picture(&mut self, layer: u8) {
        self.short = if layer < self.top { self.short + 1 } else { 0 };
        if self.short == SHORT_PICTURES {
            self.top = layer;
            self.short = 0;
        }
    }

    fn of_frame(&mut self, frame: &FrameDependencies) -> SpatialLayers {
        self.top = frame.top.min(self.layers - 1);
        let is_below = frame.spatial_layer < self.top;
        // Temporal layers other than the base serve in both kinds of stream.
        if frame.opens == u8::MAX {
            self.is_closed = false;
        } else if is_below && frame.serves >> self.top & 1 == 0 {
            self.is_closed = true;
        }
        self.up_to_top(SpatialLayers {
            are_several: true,
            serves: frame.serves,
            opens: frame.opens,
            ends: u8::from(frame.ends_frame) << frame.spatial_layer,
        })
    }

    fn up_to_top(&self, layers: SpatialLayers) -> SpatialLayers {
        if self.layers == 1 {
            return SpatialLayers::ONE;
        }
        let as_top = |mask| beyond_as_top(mask, self.top);
        SpatialLayers {
            serves: as_top(layers.serves),
            opens: as_top(layers.opens),
            ends: as_top(layers.ends),
            ..layers
        }
    }
}

fn of_vp8(info: &PayloadInfo) -> FrameLayers {
    let temporal = info.temporal_layer;
    match info.switching_point {
        _ if info.keyframe => FrameLayers::from_keyframe(temporal),
        // RFC 7741 §4.2: it refers to the base layer alone, and so needs none between.
        true if temporal > 0 => FrameLayers {
            opens_from: temporal - 1,
            opens_to: temporal,
            ..FrameLayers::within(temporal)
        },
        _ => FrameLayers::within(temporal),
    }
}

fn of_vp9(info: &PayloadInfo) -> FrameLayers {
    let temporal = info.temporal_layer;
    match info.switching_point {
        _ if info.keyframe => FrameLayers::from_keyframe(temporal),
        // RFC 9628 §4.2: nothing after it refers to what was above it before.
        true => FrameLayers {
            opens_from: temporal,
            opens_to: u8::MAX,
            ..FrameLayers::within(temporal)
        },
        false => FrameLayers::within(temporal),
    }
}

fn of_frame(frame: &FrameDependencies) -> FrameLayers {
    let temporal = frame.temporal_layer;
    match frame.opens_to {
        Some(opens_to) => FrameLayers {
            opens_from: frame.needed_from,
            opens_to,
            ..FrameLayers::within(temporal)
        },
        None => FrameLayers::within(temporal),
    }
}
