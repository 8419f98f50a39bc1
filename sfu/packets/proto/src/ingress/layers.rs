//! Layers come and go: by media and silence, by BYE, by a mute, by another encoder.
//!
//! Subscribers know a layer by its key. A stream that goes on after a pause in what they were
//! sent is a new layer to them, which begins at a keyframe and leaves no hole behind.

use std::time::{Duration, Instant};

use super::Ingress;
use super::layer::Layer;
use super::scalability::Said;
use crate::event::Event;
use crate::handover::{Down, FrameLayers, LayerDescription, LayerKey, ShardSet, SpatialLayers};

/// Whoever changes its spatial layers with each packet costs no more than one who does so with
/// each keyframe.
const TELL_SPATIAL: Duration = Duration::from_millis(250);

impl Ingress {
    fn new_key(&mut self, index: usize) -> LayerKey {
        self.generation += 1;
        LayerKey::new(self.generation, index)
    }

    pub(super) fn add_layer(&mut self, source: usize, index: u8, ssrc: u32, now: Instant) -> usize {
        let slot = self.layers.vacant_key();
        let key = self.new_key(slot);
        self.layers
            .insert(Layer::new(key, source, index, ssrc, now));
        self.sources[source].layers.push(slot);
        slot
    }

    /// Its stream has gone over to another m-line: as often as a peer pleases, so it must not stay.
    pub(super) fn remove_layer(&mut self, index: usize) {
        let layer = self.layers.remove(index);
        self.sources[layer.source]
            .layers
            .retain(|&held| held != index);
        self.down.push(Down::LayerEnded(layer.key));
        self.tell_layers(layer.source);
    }

    pub(super) fn layer_of(&self, key: LayerKey) -> Option<usize> {
        let layer = self.layers.get(key.index())?;
        (layer.key == key).then_some(key.index())
    }

    /// Media came: the layer carries packets from now on, if it did not already.
    pub(super) fn activate(&mut self, now: Instant, index: usize) {
        let layer = &mut self.layers[index];
        let source = layer.source;
        if !layer.is_active {
            layer.is_active = true;
            self.begin_rates(now);
            self.tell_layers(source);
        }
        let (layer, source) = (&mut self.layers[index], &self.sources[source]);
        if layer.is_passed_down || !source.is_forwarding {
            return;
        }
        let Some(codec) = layer.codec.map(|codec| source.codec(codec)) else {
            return;
        };
        layer.is_passed_down = true;
        // Its first packets follow: those who do not want them will say so.
        layer.watched_by = ShardSet::ALL;
        self.down
            .push(Down::LayerStarted(Box::new(LayerDescription {
                layer: layer.key,
                source: source.id,
                index: layer.index,
                kind: source.kind,
                codec: codec.codec,
                format: codec.format.clone(),
                clock_rate: codec.clock_rate,
                spatial_layers: layer.told_spatial.0,
            })));
    }

    /// Where a packet's frame stands. A stream that has other spatial layers than before, which
    /// is so at keyframes, is another one to subscribers.
    pub(super) fn place(&mut self, now: Instant, index: usize, said: &Said<'_>) -> FrameLayers {
        let layer = &mut self.layers[index];
        let mut layers = layer.scalability.place(said);
        if self.sources[layer.source].rids.len() > 1 {
            // Its layers are those of the rids.
            layers.spatial = SpatialLayers::ONE;
        } else if layer.scalability.spatial_layers() != layer.told_spatial {
            self.note_spatial_layers(now, index);
        }
        layers
    }

    fn note_spatial_layers(&mut self, now: Instant, index: usize) {
        let layer = &mut self.layers[index];
        if layer
            .told_spatial_at
            .is_some_and(|at| now < at + TELL_SPATIAL)
        {
            return;
        }
        let (source, told) = (layer.source, layer.scalability.spatial_layers());
        let before = std::mem::replace(&mut layer.told_spatial, told);
        layer.told_spatial_at = Some(now);
        if told.0 != before.0 {
            layer.rates.set_spatial_layers(told.0);
            self.end_layer(index);
        }
        self.tell_layers(source);
    }

    pub(super) fn deactivate(&mut self, index: usize) {
        let layer = &mut self.layers[index];
        if !std::mem::replace(&mut layer.is_active, false) {
            return;
        }
        layer.keyframes.settle();
        if std::mem::replace(&mut layer.is_passed_down, false) {
            self.down.push(Down::LayerSilent(layer.key));
        }
        let source = layer.source;
        self.tell_layers(source);
    }

    /// Subscribers forget the layer; its stream goes on, as a new layer to them.
    pub(super) fn end_layer(&mut self, index: usize) {
        let key = self.new_key(index);
        let layer = &mut self.layers[index];
        if layer.is_passed_down {
            self.down.push(Down::LayerEnded(layer.key));
        }
        layer.begin_anew(key);
    }

    fn tell_layers(&mut self, source: usize) {
        let layers = &self.layers;
        let source = &mut self.sources[source];
        let active = || {
            source
                .layers
                .iter()
                .map(|&layer| &layers[layer])
                .filter(|l| l.is_active)
        };
        let of_layer = |layer: &Layer| {
            let (layers, top) = layer.told_spatial;
            layer.index + (layers - 1 - top)..layer.index + layers
        };
        let mut indices: Vec<u8> = active().flat_map(of_layer).collect();
        indices.sort_unstable();
        indices.dedup();
        let codec = active().chain(source.layers.iter().map(|&layer| &layers[layer]));
        let Some(codec) = codec.filter_map(|layer| layer.codec).next() else {
            return;
        };
        if source.told_layers != indices {
            source.told_layers.clone_from(&indices);
            let codec = source.codec(codec).codec;
            self.events.push(Event::SourceLayersChanged {
                source: source.id,
                codec,
                layers: indices,
            });
        }
    }
}
