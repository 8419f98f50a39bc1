//! One receive m-line of a subscriber: what it shows, what it waits for, how it numbers.

use std::cmp::Ordering;
use std::time::Instant;

use super::heard::Heard;
use super::redundancy::Redundant;
use super::retransmission::Retransmissions;
use super::rewrite::{Numbers, Rewrite};
use super::targets::ToldTargets;
use crate::allocator::{Memory, Reason};
use crate::command::{MediaKind, SlotParameters};
use crate::handover::{
    Burst, FrameLayers, Group, LayerDescription, LayerKey, Packet, Settled, SpatialLayers,
    has_layer,
};
use crate::ids::{SlotId, SourceId};
use crate::limits::MID_PACKETS;
use crate::meter::Meter;

/// What the subscriber's way carries of the source shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Limit {
    #[default]
    None,
    /// At most this layer of it, and of that up to this temporal layer.
    Layer(u8, u8),
    Nothing,
}

/// Ten seconds of video's clock: no packet comes so late.
const LATE_TICKS: u32 = 900_000;

/// Layers of one stream up to a spatial and a temporal one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Upto {
    pub(crate) spatial: u8,
    pub(crate) temporal: u8,
}

impl Upto {
    pub(crate) const ALL: Self = Self {
        spatial: SpatialLayers::MOST - 1,
        temporal: u8::MAX,
    };
}

/// Which layers of the stream that is shown are sent, and shall be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SentLayers {
    sent: Upto,
    wanted: Upto,
    /// Timestamp of the newest frame, while not all is sent.
    frame: Option<u32>,
    /// What was sent before the last frame that changed it, and the timestamp of that.
    before: Option<(u32, Upto)>,
}

impl SentLayers {
    const ALL: Self = Self {
        sent: Upto::ALL,
        wanted: Upto::ALL,
        frame: None,
        before: None,
    };

    /// `top`: the highest spatial layer of the stream; who is sent that is sent all. True: a keyframe
    /// must come before what is wanted can be sent, but for what opens it on its way.
    pub(crate) fn want(&mut self, wanted: Upto, top: u8) -> bool {
        let is_new = self.wanted.spatial != wanted.spatial;
        self.wanted = wanted;
        if wanted.spatial >= top && self.sent.spatial >= top {
            self.sent.spatial = wanted.spatial;
        }
        is_new && self.is_waiting()
    }

    /// For another spatial layer.
    pub(crate) fn is_waiting(&self) -> bool {
        self.wanted.spatial != self.sent.spatial
    }

    pub(crate) fn is_to_rise(&self) -> bool {
        self.wanted.spatial > self.sent.spatial
    }

    /// Another stream is shown, whose time is another one.
    pub(crate) fn begin_anew(&mut self) {
        (self.frame, self.before) = (None, None);
    }

    /// As they were when a frame of that timestamp was sent.
    pub(crate) fn at(&self, timestamp: u32) -> Self {
        match self.before {
            Some((since, sent)) if is_later(since, timestamp) => Self { sent, ..*self },
            _ => *self,
        }
    }

    /// Whether the packet goes out. `begun`: a frame that was sent in part. Fewer layers from the
    /// next frame on, more where the stream lets a receiver in.
    #[inline]
    pub(crate) fn lets_pass(&mut self, packet: &Packet, begun: Option<u32>) -> bool {
        self.sent == Upto::ALL && self.wanted == Upto::ALL && !packet.layers.spatial.are_several
            || self.decide(packet, begun)
    }

    #[inline(never)]
    fn decide(&mut self, packet: &Packet, begun: Option<u32>) -> bool {
        let newest = self.frame.or(begun);
        let is_new_frame = newest.is_none_or(|newest| is_later(packet.timestamp, newest));
        if is_new_frame {
            self.frame = Some(packet.timestamp);
            let before = self.sent;
            self.begin_frame(&packet.layers);
            if self.sent != before {
                self.before = Some((packet.timestamp, before));
            }
        }
        if self.sent == Upto::ALL && !packet.layers.spatial.are_several {
            self.frame = None;
        }
        self.has(&packet.layers)
    }

    fn begin_frame(&mut self, frame: &FrameLayers) {
        let (sent, wanted) = (self.sent.spatial, self.wanted.spatial);
        let is_whole = has_layer(frame.spatial.serves, sent);
        let is_open = wanted < sent || has_layer(frame.spatial.opens, wanted);
        if is_whole && is_open {
            self.sent.spatial = wanted;
        }
        let wanted = self.wanted_temporal();
        if wanted < self.sent.temporal {
            self.sent.temporal = wanted;
        } else if wanted > self.sent.temporal && frame.opens_from <= self.sent.temporal {
            self.sent.temporal = wanted.min(frame.opens_to.max(self.sent.temporal));
        }
    }

    /// Until a smaller picture can be sent as few frames of the large one as may be.
    fn wanted_temporal(&self) -> u8 {
        match self.wanted.spatial.cmp(&self.sent.spatial) {
            Ordering::Less => 0,
            Ordering::Equal => self.wanted.temporal,
            Ordering::Greater => u8::MAX,
        }
    }

    /// Frames of these layers are sent.
    pub(crate) fn has(&self, frame: &FrameLayers) -> bool {
        frame.temporal <= self.sent.temporal && has_layer(frame.spatial.serves, self.sent.spatial)
    }

    /// The packet is the last of its picture here, whatever the publisher sends behind it.
    #[inline]
    pub(crate) fn ends_picture(&self, packet: &Packet) -> bool {
        has_layer(packet.layers.spatial.ends, self.sent.spatial)
    }

    pub(crate) fn highest(&self) -> Upto {
        self.sent
    }
}

/// Whether a timestamp comes after another; what is further back than any packet comes late is of a
/// clock that was set anew.
fn is_later(timestamp: u32, newest: u32) -> bool {
    let ahead = timestamp.wrapping_sub(newest) as i32;
    ahead > 0 || ahead.unsigned_abs() > LATE_TICKS
}

pub(crate) struct Slot {
    pub(crate) id: SlotId,
    /// Index in the slab of senders.
    pub(crate) sender: usize,
    pub(crate) parameters: SlotParameters,
    /// What the slot is told to show, and at which layer.
    pub(crate) shown: Option<(SourceId, u8)>,
    /// Sent now.
    pub(crate) current: Option<LayerKey>,
    /// Sent from its next keyframe on.
    pub(crate) wanted: Option<LayerKey>,
    /// Sent from its next keyframe on if that comes before that of what is wanted.
    pub(crate) stopgap: Option<LayerKey>,
    /// What the last event said.
    pub(crate) told: Option<SourceId>,
    pub(crate) told_undecodable: Option<LayerKey>,
    pub(crate) limit: Limit,
    /// More would be sent if its subscriber's way carried it.
    pub(crate) is_limited: bool,
    pub(crate) memory: Memory,
    /// Of sound: how it could go along with what follows it, and for how many packets it does.
    pub(super) redundant: Option<Redundant>,
    pub(super) distance: u8,
    pub(crate) layers: SentLayers,
    pub(crate) targets: ToldTargets,
    /// For another spatial layer of the stream that it shows.
    pub(crate) waits_since: Option<Instant>,
    /// Why the picture is not better, and since when that seems so.
    pub(crate) suspected: (Option<Reason>, Option<Instant>),
    /// What the last event said: why, whether it is off, the best layer that is let through.
    pub(crate) told_reason: (Option<Reason>, bool, Option<u8>),
    /// Something was left out for lack of time, and when that was noticed.
    pub(crate) was_shed: bool,
    pub(crate) shed_at: Option<Instant>,
    /// Shows what the subscriber looks at.
    pub(crate) is_stage: bool,
    /// The publisher's timestamp of the last keyframe that was paced.
    pub(crate) paced_keyframe: Option<u32>,
    /// The publisher's timestamp of a frame that has been sent in part.
    pub(crate) begun: Option<u32>,
    /// Is sent packets as they arrive, not frame by frame.
    pub(crate) takes_arrivals: bool,
    pub(crate) rewrite: Rewrite,
    /// Of the RTX stream, with its roll-over counter.
    pub(crate) rtx_sequence: i64,
    pub(crate) retransmissions: Retransmissions,
    pub(crate) is_reported_on: bool,
    /// A sender report is due soon after a switch.
    pub(crate) is_report_due: bool,
    /// Something was sent since the last sender report.
    pub(crate) has_sent: bool,
    pub(crate) counters: SlotCounters,
    pub(crate) heard: Heard,
    pub(crate) meter: Meter,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SlotCounters {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    /// Of payload, as sender reports count them.
    pub(crate) octets: u64,
    pub(crate) retransmitted: u64,
    pub(crate) nacks_received: u64,
    pub(crate) keyframe_requests_received: u64,
    pub(crate) switches: u64,
    pub(crate) frames: u64,
    pub(crate) keyframes: u64,
}

impl Slot {
    pub(crate) fn new(id: SlotId, sender: usize, parameters: SlotParameters, random: u64) -> Self {
        let redundant = Redundant::of(&parameters);
        Self {
            id,
            sender,
            parameters,
            shown: None,
            current: None,
            wanted: None,
            stopgap: None,
            told: None,
            told_undecodable: None,
            limit: Limit::None,
            is_limited: false,
            memory: Memory::default(),
            redundant,
            distance: 0,
            layers: SentLayers::ALL,
            targets: ToldTargets::default(),
            waits_since: None,
            suspected: (None, None),
            told_reason: (None, false, None),
            was_shed: false,
            shed_at: None,
            is_stage: false,
            paced_keyframe: None,
            begun: None,
            takes_arrivals: false,
            rewrite: Rewrite::new(random),
            rtx_sequence: (random.rotate_left(17) & 0x7fff) as i64,
            retransmissions: Retransmissions::default(),
            is_reported_on: false,
            is_report_due: false,
            has_sent: false,
            counters: SlotCounters::default(),
            heard: Heard::default(),
            meter: Meter::default(),
        }
    }

    /// It is told to show something else: what was said of its picture does not hold for that.
    pub(crate) fn begin_anew(&mut self) {
        self.told_undecodable = None;
        self.suspected = (None, None);
        self.told_reason = (None, false, None);
        self.memory.begin_anew();
    }

    /// Whether packets of the layer may be for this slot.
    pub(crate) fn takes_layer(&self, layer: LayerKey) -> bool {
        [self.current, self.wanted, self.stopgap].contains(&Some(layer))
    }

    pub(crate) fn is_audio(&self) -> bool {
        self.parameters.kind == MediaKind::Audio
    }

    /// Index of the slot's codec that takes what a layer carries.
    pub(crate) fn codec_for(&self, layer: &LayerDescription) -> Option<usize> {
        if layer.kind != self.parameters.kind {
            return None;
        }
        self.parameters.codecs.iter().position(|codec| {
            codec.codec == layer.codec
                && codec.format == layer.format
                && codec.clock_rate == layer.clock_rate
        })
    }

    /// Whether a group of packets is for this slot: each must come once, as an arrival or in its
    /// frame. Where both have brought the same, the slot goes over to what suits its headroom.
    pub(crate) fn takes(&mut self, burst: &Burst, group: &Group, has_headroom: bool) -> bool {
        if burst.is_arrivals {
            return self.takes_arrivals;
        }
        let is_current = self.current == Some(group.layer);
        let is_served = is_current && self.takes_arrivals && group.has_arrived;
        if let Settled::Yes { arrivals_follow } = group.settled
            && is_current
        {
            self.takes_arrivals = arrivals_follow && !has_headroom;
        }
        !is_served
    }

    /// Marks the end of a picture, and the begin of a talkspurt at a switch (RFC 3551 §4.1), so
    /// that the receiver's jitter buffer may adapt there.
    #[inline]
    pub(crate) fn marks(&self, layers: &SentLayers, packet: &Packet, numbers: &Numbers) -> bool {
        packet.marker || layers.ends_picture(packet) || numbers.is_first && self.is_audio()
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.counters.packets > 0
    }

    pub(crate) fn needs_mid(&self) -> bool {
        !self.is_reported_on && self.counters.packets < u64::from(MID_PACKETS)
    }

    /// Without RTX a lost packet goes out again under its own number: it must then be the
    /// same to the bit, or one SRTP nonce would protect two packets (RFC 7714 §8.1).
    pub(crate) fn resends_as_it_was(&self, codec: usize) -> bool {
        let parameters = &self.parameters;
        parameters.codecs[codec].nack && self.rtx(codec).is_none()
    }

    /// SSRC and payload type of retransmissions.
    pub(crate) fn rtx(&self, codec: usize) -> Option<(u32, u8)> {
        let payload_type = self.parameters.codecs[codec].rtx_payload_type?;
        Some((self.parameters.rtx_ssrc?, payload_type))
    }

    /// RFC 8837 §5, medium priority: EF for audio, AF42 for interactive video.
    pub(crate) fn dscp(&self) -> u8 {
        if self.is_audio() { 46 } else { 36 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is asked for again after a switch was sent before it.
    #[test]
    fn the_layers_of_a_moment_ago_are_known() {
        let low = Upto {
            spatial: 0,
            temporal: u8::MAX,
        };
        let mut layers = SentLayers::ALL;
        let spatial = SpatialLayers {
            are_several: true,
            serves: u8::MAX,
            opens: u8::MAX,
            ends: 0b01,
        };
        let mut packet = Packet {
            layer: LayerKey(1),
            sequence: 0,
            timestamp: 3000,
            marker: false,
            keyframe: true,
            picture_id: None,
            tl0_picture_index: None,
            frame_number: None,
            targets: None,
            came_us: 0,
            layers: FrameLayers {
                spatial,
                ..FrameLayers::default()
            },
            extensions: 0..0,
            payload: 0..0,
        };
        assert!(layers.lets_pass(&packet, None) && !layers.ends_picture(&packet));
        layers.want(low, 1);
        packet.timestamp = 6000;
        assert!(layers.lets_pass(&packet, None) && layers.ends_picture(&packet));
        assert!(layers.at(6000).ends_picture(&packet));
        assert!(!layers.at(3000).ends_picture(&packet));
        layers.begin_anew();
        assert!(layers.at(3000).ends_picture(&packet));
    }
}
