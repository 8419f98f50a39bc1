//! What the receive side and the send side hand to each other, and nothing else.
//!
//! [`Down`] goes from ingress to egress, [`Up`] comes back. Both are plain values: egress is
//! sharded by subscriber, over threads too, and each shard is fed with clones over a ring.
//! Outside this crate they are [`Handed`], which says for which shards, and [`Asked`].

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::allocator::TEMPORAL_LAYERS;
use crate::codecs::dependency::ActiveTargets;
use crate::command::{Codec, Command, MediaKind};
use crate::ids::{RoomId, SourceId, TransportId};
use crate::transmit::Path;

/// Shards of the send side, by index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardSet(u64);

impl ShardSet {
    pub const MOST: usize = 64;
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const ALL: Self = Self(u64::MAX);

    pub(crate) fn one(shard: usize) -> Self {
        Self(1 << shard)
    }

    /// The first `count`, 1 to 64.
    pub(crate) fn first(count: usize) -> Self {
        Self(u64::MAX >> (Self::MOST - count))
    }

    pub(crate) fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn join(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn set(&mut self, shard: usize, is_in: bool) {
        match is_in {
            true => self.insert(shard),
            false => self.remove(shard),
        }
    }

    pub(crate) fn insert(&mut self, shard: usize) {
        self.0 |= 1 << shard;
    }

    pub(crate) fn remove(&mut self, shard: usize) {
        self.0 &= !(1 << shard);
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let shard = left.trailing_zeros();
            left &= left.checked_sub(1)?;
            Some(shard as usize)
        })
    }
}

/// One value for some shards.
#[derive(Clone, Debug)]
pub struct Handed {
    pub to: ShardSet,
    pub(crate) down: Down,
}

impl Handed {
    /// Packets of a burst; none of what is no burst.
    pub fn packets(&self) -> usize {
        match &self.down {
            Down::Burst(burst) => burst.packets.len(),
            _ => 0,
        }
    }

    /// Media and reports, of which more will come: where a shard has no room for them they
    /// may be left out, a burst as a whole, and the shard told by [`Missed`].
    pub fn may_be_left_out(&self) -> bool {
        matches!(
            self.down,
            Down::Burst(_)
                | Down::Control { .. }
                | Down::Reported { .. }
                | Down::LayerClock { .. }
                | Down::LayerRates(_)
        )
    }

    /// Nobody needs to be woken for it: statistics, which are as good with the next packet.
    pub fn can_wait(&self) -> bool {
        matches!(
            self.down,
            Down::LayerClock { .. }
                | Down::LayerRates(_)
                | Down::Reported {
                    report: Report::Reception { .. }
                        | Report::Estimate { .. }
                        | Report::Arrivals { .. }
                        | Report::Acknowledged { .. },
                    ..
                }
        )
    }

    /// To each of its shards, the last of which gets the original.
    pub fn deal(self, mut give: impl FnMut(usize, Handed)) {
        let mut shards = self.to.iter();
        let Some(mut shard) = shards.next() else {
            return;
        };
        for next in shards {
            give(shard, self.clone());
            shard = next;
        }
        give(shard, self);
    }
}

/// Layers of which a shard was not given some packets, to be told to it before it is given
/// more of them.
#[derive(Debug, Default)]
pub struct Missed(BTreeSet<LayerKey>);

impl Missed {
    pub fn note(&mut self, left_out: &Handed) {
        if let Down::Burst(burst) = &left_out.down {
            self.0.extend(burst.groups.iter().map(|group| group.layer));
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What to hand to the shard.
    pub fn take(&mut self, shard: usize) -> Handed {
        let layers = std::mem::take(&mut self.0);
        Handed {
            to: ShardSet::one(shard),
            down: Down::Missed(layers.into_iter().collect()),
        }
    }
}

/// One wish of a shard.
#[derive(Clone, Copy, Debug)]
pub struct Asked(pub(crate) Up);

/// One unbroken stream of one source: a simulcast layer, or the whole source. A new
/// encoder (other SSRC or codec) is a new layer, since decoding starts anew with it.
/// Upper half: generation; lower half: index in the receive side's slab. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LayerKey(pub(crate) u64);

impl LayerKey {
    pub(crate) fn new(generation: u32, index: usize) -> Self {
        Self(u64::from(generation) << 32 | index as u64)
    }

    pub(crate) fn index(self) -> usize {
        self.0 as u32 as usize
    }
}

/// One packet worth forwarding, parsed once.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) layer: LayerKey,
    /// When the kernel received it, on our clock.
    pub(crate) came_us: i64,
    /// The publisher's number, extended, without the numbers of packets that nobody gets.
    pub(crate) sequence: i64,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    /// Decoding can start here.
    pub(crate) keyframe: bool,
    pub(crate) picture_id: Option<u16>,
    pub(crate) tl0_picture_index: Option<u8>,
    /// Of the dependency descriptor.
    pub(crate) frame_number: Option<u16>,
    /// What it says of several decode targets.
    pub(crate) targets: Option<Arc<ActiveTargets>>,
    pub(crate) layers: FrameLayers,
    /// Elements to forward, each as extension index, length, data.
    pub(crate) extensions: Range<u32>,
    pub(crate) payload: Range<u32>,
}

/// Where the frame of a packet stands among its stream's layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameLayers {
    /// 0 is the base; of streams without layers always.
    pub(crate) temporal: u8,
    /// Who is sent this temporal layer may be sent from this frame on...
    pub(crate) opens_from: u8,
    /// ... those up to this one.
    pub(crate) opens_to: u8,
    pub(crate) spatial: SpatialLayers,
}

/// Of a stream's spatial layers, one bit each, the lowest first. Bits beyond the highest layer that
/// is sent now are as that layer's: who is sent more is sent the best there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SpatialLayers {
    pub(crate) are_several: bool,
    /// Who is sent the layers up to it needs the frame.
    pub(crate) serves: u8,
    /// Who is sent the frame may be sent the layers up to it from this picture on.
    pub(crate) opens: u8,
    /// The packet is the last of its picture to who is sent the layers up to it.
    pub(crate) ends: u8,
}

impl SpatialLayers {
    pub(crate) const MOST: u8 = 8;
    /// Of a stream that has but one.
    pub(crate) const ONE: Self = Self {
        are_several: false,
        serves: u8::MAX,
        opens: u8::MAX,
        ends: 0,
    };
}

/// Whether the bit of a spatial layer is set.
pub(crate) fn has_layer(mask: u8, spatial: u8) -> bool {
    mask >> spatial & 1 != 0
}

impl FrameLayers {
    pub(crate) fn from_keyframe(temporal: u8) -> Self {
        Self {
            temporal,
            opens_from: 0,
            opens_to: u8::MAX,
            spatial: SpatialLayers::ONE,
        }
    }

    /// It opens no temporal layer.
    pub(crate) fn within(temporal: u8) -> Self {
        Self {
            temporal,
            opens_from: u8::MAX,
            opens_to: 0,
            spatial: SpatialLayers::ONE,
        }
    }
}

impl Default for FrameLayers {
    /// Of a stream without layers.
    fn default() -> Self {
        Self::from_keyframe(0)
    }
}

/// The packets of one receive burst in plaintext, held once for all subscribers; it lives
/// on as the retransmission store.
#[derive(Debug, Default)]
pub(crate) struct Burst {
    pub(crate) packets: Vec<Packet>,
    pub(crate) bytes: Vec<u8>,
    /// Packets of one layer stand together.
    pub(crate) groups: Vec<Group>,
    /// Just arrived, for the slots that take packets as they come; the same packets follow,
    /// frame by frame, for the others.
    pub(crate) is_arrivals: bool,
    /// When the last of it came; lateness counts from here, over rings too.
    pub(crate) came_at: Option<Instant>,
}

#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) layer: LayerKey,
    pub(crate) packets: Range<u32>,
    /// The first packet where a switch may happen.
    pub(crate) keyframe: Option<u32>,
    /// Its packets were passed on as arrivals before.
    pub(crate) has_arrived: bool,
    pub(crate) settled: Settled,
}

/// What the end of a group of held packets says of its layer. Slots go over from held frames
/// to arrivals, and back, only where both have brought the same packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// More has arrived than was released.
    Not,
    Yes {
        /// From here on packets come as they arrive, too.
        arrivals_follow: bool,
    },
}

impl Burst {
    pub(crate) fn payload(&self, packet: &Packet) -> &[u8] {
        &self.bytes[packet.payload.start as usize..packet.payload.end as usize]
    }

    pub(crate) fn extensions(&self, packet: &Packet) -> &[u8] {
        &self.bytes[packet.extensions.start as usize..packet.extensions.end as usize]
    }

    pub(crate) fn clear(&mut self) {
        self.packets.clear();
        self.bytes.clear();
    }

    /// Appends a packet of another burst.
    pub(crate) fn push(&mut self, from: &Burst, packet: &Packet) {
        let start = self.bytes.len() as u32;
        let bytes = packet.extensions.start..packet.payload.end;
        self.bytes
            .extend_from_slice(&from.bytes[bytes.start as usize..bytes.end as usize]);
        let shift = |at: u32| at - bytes.start + start;
        self.packets.push(Packet {
            extensions: shift(packet.extensions.start)..shift(packet.extensions.end),
            payload: shift(packet.payload.start)..shift(packet.payload.end),
            ..packet.clone()
        });
    }

    /// Takes over all packets of another burst, and leaves it empty.
    pub(crate) fn append(&mut self, from: &mut Burst) {
        if self.packets.is_empty() {
            std::mem::swap(self, from);
            return;
        }
        let shift = self.bytes.len() as u32;
        self.bytes.append(&mut from.bytes);
        let move_on = |range: Range<u32>| range.start + shift..range.end + shift;
        self.packets
            .extend(from.packets.drain(..).map(|packet| Packet {
                extensions: move_on(packet.extensions.clone()),
                payload: move_on(packet.payload.clone()),
                ..packet
            }));
    }

    /// The packets of some layers alone; nothing if there are none.
    pub(crate) fn only(&self, is_wanted: impl Fn(LayerKey) -> bool) -> Option<Arc<Self>> {
        let mut part = Self {
            is_arrivals: self.is_arrivals,
            came_at: self.came_at,
            ..Self::default()
        };
        for group in self.groups.iter().filter(|group| is_wanted(group.layer)) {
            let packets = group.packets.start as usize..group.packets.end as usize;
            for packet in &self.packets[packets] {
                part.push(self, packet);
            }
        }
        (!part.packets.is_empty()).then(|| part.seal())
    }

    /// Brings the packets of each layer together, in order of arrival.
    pub(crate) fn seal(self) -> Arc<Self> {
        Arc::new(self.grouped())
    }

    pub(crate) fn grouped(mut self) -> Self {
        self.packets.sort_by_key(|packet| packet.layer);
        for (index, packet) in self.packets.iter().enumerate() {
            let index = index as u32;
            match self.groups.last_mut() {
                Some(group) if group.layer == packet.layer => group.packets.end = index + 1,
                _ => self.groups.push(Group {
                    layer: packet.layer,
                    packets: index..index + 1,
                    keyframe: None,
                    has_arrived: false,
                    settled: Settled::Not,
                }),
            }
            let group = self
                .groups
                .last_mut()
                .expect("one was just pushed or extended");
            if packet.keyframe && group.keyframe.is_none() {
                group.keyframe = Some(index);
            }
        }
        self
    }
}

/// What egress must know of a layer to show it.
#[derive(Clone, Debug)]
pub(crate) struct LayerDescription {
    pub(crate) layer: LayerKey,
    pub(crate) source: SourceId,
    /// Into the source's rids; 0 is the highest.
    pub(crate) index: u8,
    pub(crate) kind: MediaKind,
    pub(crate) codec: Codec,
    pub(crate) format: String,
    pub(crate) clock_rate: u32,
    /// That the stream is made of: rungs of one ladder as simulcast's layers are.
    pub(crate) spatial_layers: u8,
}

impl LayerDescription {
    /// The spatial layer of the stream that stands for a layer of its source, of which 0 is the
    /// highest.
    pub(crate) fn spatial(&self, index: u8) -> u8 {
        let top = self.spatial_layers.saturating_sub(1);
        top - index.min(top)
    }

    /// The other way round.
    pub(crate) fn index_of(&self, spatial: u8) -> u8 {
        let top = self.spatial_layers.saturating_sub(1);
        self.index + (top - spatial.min(top))
    }

    pub(crate) fn is_scalable(&self) -> bool {
        self.spatial_layers > 1
    }
}

/// What a layer costs, as it was measured where its packets come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LayerRate {
    pub(crate) layer: LayerKey,
    /// Of the layers of its stream so many higher ones are left out.
    pub(crate) without: u8,
    /// Of which lower ones go on without those above: see [`SpatialLayers`].
    pub(crate) is_closed: bool,
    /// Bits a second of its temporal layers up to and with this one.
    pub(crate) upto_bps: [u64; TEMPORAL_LAYERS],
    /// The highest temporal layer there is.
    pub(crate) top_temporal: u8,
    /// Much of it is lost on its way from the publisher.
    pub(crate) is_lossy: bool,
    /// Of a voice: 0 is silence, 127 the overload point.
    pub(crate) loudness: u8,
}

/// What a subscriber reports about one of its slots.
#[derive(Clone, Debug)]
pub(crate) enum Report {
    Reception {
        block: crate::rtcp::ReportBlock,
        arrived: Instant,
    },
    Lost {
        ssrc: u32,
        sequence_numbers: Vec<u16>,
    },
    KeyframeWanted {
        ssrc: u32,
    },
    Estimate {
        bitrate_bps: u64,
    },
    /// Transport-wide feedback; it may wait on its way between the workers.
    Arrivals {
        arrivals: crate::bwe::Arrivals,
        came_at: Instant,
    },
    /// Feedback by packets' own numbers (RFC 8888).
    Acknowledged {
        told: Acknowledgements,
        came_at: Instant,
    },
}

/// What RFC 8888 feedback says.
#[derive(Clone, Debug)]
pub(crate) struct Acknowledgements {
    /// 16.16 fixed point seconds of the subscriber's clock.
    pub(crate) timestamp: u32,
    /// SSRC, sequence number, what became of it.
    pub(crate) packets: Vec<(u32, u16, crate::rtcp::Acknowledgement)>,
}

#[derive(Clone, Debug)]
pub(crate) enum Down {
    Burst(Arc<Burst>),
    /// Carries packets, for the first time or again.
    LayerStarted(Box<LayerDescription>),
    LayerSilent(LayerKey),
    /// No packet of it will come again.
    LayerEnded(LayerKey),
    /// The publisher's clocks: this RTP timestamp was sampled at this time of our clock.
    LayerClock {
        layer: LayerKey,
        timestamp: u32,
        sampled_us: i64,
    },
    LayerRates(Vec<LayerRate>),
    Positions {
        room: RoomId,
        positions: Vec<Option<SourceId>>,
    },
    /// RTCP in plaintext for a publisher.
    Control {
        transport: TransportId,
        rtcp: Vec<u8>,
    },
    Reported {
        transport: TransportId,
        report: Report,
    },
    /// Packets of these layers were left out.
    Missed(Vec<LayerKey>),
    /// Where the transport is reached; nowhere once consent is lost.
    Path {
        transport: TransportId,
        path: Option<Path>,
    },
    /// For all that it concerns: what of it is for the receive side alone, a shard leaves.
    Command(Arc<Command>),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Up {
    /// A slot waits for one, to begin with it.
    KeyframeAwaited(LayerKey),
    /// The layer's packets are for some slot of this shard, or for none.
    Watched(LayerKey),
    Unwatched(LayerKey),
    /// Slots of this shard follow the room's audio positions, or none does any longer.
    Followed(RoomId),
    Unfollowed(RoomId),
    /// No slot waits any longer.
    KeyframeUnawaited(LayerKey),
    /// A viewer of this layer cannot go on without one.
    KeyframeAsked(LayerKey),
    /// Some viewer of this layer must have packets as they arrive. Holds for a while, and is
    /// said again with every frame: whoever stops saying it, in whatever way, costs nothing.
    ArrivalsWanted(LayerKey),
    RoundTrip {
        transport: TransportId,
        round_trip: Duration,
    },
}

/// A layer's clock as egress uses it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClockPoint {
    pub(crate) timestamp: u32,
    pub(crate) sampled_us: i64,
}

impl ClockPoint {
    /// The layer's RTP timestamp at a time of our clock.
    pub(crate) fn timestamp_at(&self, us: i64, clock_rate: u32) -> u32 {
        let ticks = (us - self.sampled_us) as i128 * i128::from(clock_rate) / 1_000_000;
        self.timestamp.wrapping_add(ticks as u32)
    }

    /// The time by our clock of a timestamp that is less than half a turn away.
    pub(crate) fn time_of(&self, timestamp: u32, clock_rate: u32) -> i64 {
        let ticks = timestamp.wrapping_sub(self.timestamp) as i32;
        self.sampled_us + i64::from(ticks) * 1_000_000 / i64::from(clock_rate.max(1))
    }
}

/// The earlier of two deadlines, where there are any.
pub fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
