//! Which layers of the one stream that it shows a slot is sent, by its tile and its limit.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use super::Egress;
use super::slot::{Limit, Upto};
use crate::command::MediaKind;
use crate::handover::{LayerKey, Up};

/// A keyframe that was asked for takes a round trip and an encoding.
const ASK_AGAIN: Duration = Duration::from_secs(2);

impl Egress {
    /// The highest layers that the slot is sent of the stream that it shows now; a keyframe is asked
    /// for where they begin with none else.
    pub(super) fn refresh_layers(&mut self, index: usize) {
        let awaited = self.set_layers(index);
        self.up.extend(awaited.map(Up::KeyframeAwaited));
    }

    /// The layer of which a keyframe must come.
    pub(super) fn set_layers(&mut self, index: usize) -> Option<LayerKey> {
        let slot = &self.slots[index];
        let current = slot.current.and_then(|key| self.feeds.get(&key));
        let current = current.filter(|feed| feed.description.kind == MediaKind::Video);
        let Some(feed) = current else {
            self.slots[index].layers.want(Upto::ALL, Upto::ALL.spatial);
            return None;
        };
        let (key, description) = (feed.description.layer, &feed.description);
        let (wanted, top) = match (description.is_scalable(), slot.shown) {
            (false, _) => {
                let temporal = temporal_of(description.index, slot.limit);
                (
                    Upto {
                        temporal,
                        ..Upto::ALL
                    },
                    Upto::ALL.spatial,
                )
            }
            (true, Some((source, asked))) if source == description.source => {
                let (most, temporal) = match slot.limit {
                    Limit::Layer(most, temporal) if most >= asked => (most, temporal),
                    _ => (asked, u8::MAX),
                };
                let spatial = description.spatial(most);
                (Upto { spatial, temporal }, description.spatial(0))
            }
            // Until another source is shown in its place it goes on as it is.
            (true, _) => return None,
        };
        let is_closed = feed.is_closed();
        let layers = &mut self.slots[index].layers;
        let is_awaited = layers.want(wanted, top) && (is_closed || layers.is_to_rise());
        is_awaited.then_some(key)
    }

    /// The keyframe with which a slot would go on to another spatial layer may have been lost.
    pub(super) fn ask_again(&mut self, now: Instant, index: usize) {
        let slot = &mut self.slots[index];
        if !slot.layers.is_waiting() {
            slot.waits_since = None;
            return;
        }
        let since = *slot.waits_since.get_or_insert(now);
        if now >= since + ASK_AGAIN {
            slot.waits_since = Some(now);
            self.up.extend(slot.current.map(Up::KeyframeAwaited));
        }
    }
}

fn temporal_of(index: u8, limit: Limit) -> u8 {
    match limit {
        Limit::Layer(layer, upto) => match index.cmp(&layer) {
            Ordering::Equal => upto,
            // Until the keyframe of the smaller picture is here, as little as may be.
            Ordering::Less => 0,
            Ordering::Greater => u8::MAX,
        },
        _ => u8::MAX,
    }
}
