//! The receive side of all transports: datagrams become bursts of parsed packets.
//!
//! In come datagrams from validated tuples and what egress wants of publishers; out go
//! [`Down`] values and events. It knows no subscriber, no slot and no socket.
//! Split by what happens: [`media`] the way of an RTP packet, [`resolve`] whose stream it
//! is, [`layers`] how they come and go, [`rates`] what they cost, [`hold`] frames held to their end, [`control`] RTCP
//! received, [`redundant`] sound sent twice, [`feedback`] RTCP owed to publishers, [`wishes`] what the send side wants.

mod acknowledgements;
mod arrivals;
mod bandwidth;
mod cadence;
mod ceiling;
mod control;
mod feedback;
pub(crate) mod hold;
mod keyframes;
mod layer;
mod layers;
mod media;
mod nack;
mod numbering;
mod peer_clock;
mod rates;
mod receiver;
mod reception;
mod redundant;
mod report_rate;
mod resolve;
mod scalability;
mod source;
mod speakers;
mod view;
mod wishes;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use slab::Slab;

use self::hold::{HoldConfig, Holds};
use self::layer::Layer;
use self::receiver::Receiver;
use self::source::Source;
use self::speakers::Speakers;
use crate::clock::Clock;
use crate::command::{Extension, MediaKind, SourceParameters, SrtpKeys};
use crate::drop::DropReason;
use crate::event::Event;
use crate::handover::{Burst, Down, earlier};
use crate::ids::{RoomId, SourceId, TransportId};
use crate::limits::{DTLS_DATAGRAM, DTLS_WAITING};
use crate::rtp::ExtensionMap;
use crate::srtp::SrtpError;
use crate::timers::Timers;

/// What wakes the receive side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// Index in the slab of receivers.
    Receiver(usize),
    Room(RoomId),
    /// What layers cost.
    Rates,
}

pub(crate) struct Ingress {
    clock: Clock,
    /// Of the system as it is now, to which peers' clocks are compared.
    wall: Clock,
    bandwidth_cap_bps: u64,
    ceiling_bps: u64,
    /// Of the RTCP that we send to publishers.
    ssrc: u32,
    receivers: Slab<Receiver>,
    by_transport: FxHashMap<TransportId, usize>,
    sources: Slab<Source>,
    by_source: FxHashMap<SourceId, usize>,
    layers: Slab<Layer>,
    generation: u32,
    rooms: FxHashMap<RoomId, Speakers>,
    timers: Timers<Timer>,
    next_rates: Option<Instant>,
    /// The burst being received.
    draft: Burst,
    holds: Holds,
    pub(crate) down: Vec<Down>,
    pub(crate) events: Vec<Event>,
}

impl Ingress {
    pub(crate) fn new(
        clock: Clock,
        bandwidth_cap_bps: u64,
        ceiling_bps: u64,
        ssrc: u32,
        hold: HoldConfig,
    ) -> Self {
        Self {
            clock,
            wall: clock,
            bandwidth_cap_bps,
            ceiling_bps,
            ssrc,
            receivers: Slab::new(),
            by_transport: FxHashMap::default(),
            sources: Slab::new(),
            by_source: FxHashMap::default(),
            layers: Slab::new(),
            generation: 0,
            rooms: FxHashMap::default(),
            timers: Timers::default(),
            next_rates: None,
            draft: Burst::default(),
            holds: Holds::new(hold),
            down: Vec::new(),
            events: Vec::new(),
        }
    }

    pub(crate) fn receiver_of(&self, transport: TransportId) -> Option<usize> {
        self.by_transport.get(&transport).copied()
    }

    // -- commands ---------------------------------------------------------------------------

    pub(crate) fn add_transport(&mut self, id: TransportId, extensions: &[(u8, Extension)]) {
        if self.by_transport.contains_key(&id) {
            return;
        }
        let extensions = ExtensionMap::new(extensions);
        let (cap, ceiling) = (self.bandwidth_cap_bps, self.ceiling_bps);
        let receiver = Receiver::new(id, extensions, cap, ceiling);
        let index = self.receivers.insert(receiver);
        self.by_transport.insert(id, index);
    }

    pub(crate) fn set_extensions(&mut self, id: TransportId, extensions: &[(u8, Extension)]) {
        if let Some(index) = self.receiver_of(id) {
            self.receivers[index].extensions = ExtensionMap::new(extensions);
        }
    }

    pub(crate) fn set_keys(&mut self, id: TransportId, keys: &SrtpKeys) -> Result<(), SrtpError> {
        let Some(index) = self.receiver_of(id) else {
            return Ok(());
        };
        if self.receivers[index].set_keys(keys)? {
            self.begin_streams_anew(index);
        }
        Ok(())
    }

    /// Under other keys packets are counted from no roll-over again (RFC 3711 §3.3.1): what was
    /// known of a stream's numbers would make them 65 536 or more too old.
    fn begin_streams_anew(&mut self, receiver: usize) {
        let streams = self.receivers[receiver].streams.iter();
        let layers: Vec<usize> = streams.filter_map(|stream| stream.layer).collect();
        for layer in layers {
            self.end_layer(layer);
            self.layers[layer].forget_numbers();
        }
        self.receivers[receiver].acknowledgements = Default::default();
    }

    /// Whether the transport's peer is on our host.
    pub(crate) fn set_shares_clock(&mut self, id: TransportId, is_shared: bool) {
        if let Some(index) = self.receiver_of(id) {
            self.receivers[index].peer_clock.is_ours = is_shared;
        }
    }

    pub(crate) fn set_wall_clock(&mut self, now: Instant, since_unix: Duration) {
        self.wall.set_wall(now, since_unix);
    }

    pub(crate) fn remove_transport(&mut self, now: Instant, id: TransportId) {
        let Some(index) = self.by_transport.remove(&id) else {
            return;
        };
        let lines = std::mem::take(&mut self.receivers[index].lines);
        for source in lines.iter().filter_map(|line| line.source) {
            self.remove_source(now, self.sources[source].id);
        }
        self.receivers.remove(index);
    }

    pub(crate) fn add_source(&mut self, now: Instant, id: SourceId, parameters: SourceParameters) {
        let Some(receiver) = self.receiver_of(parameters.transport) else {
            return;
        };
        if self.by_source.contains_key(&id) {
            return;
        }
        let line = self.receivers[receiver].line(&parameters.mid);
        if let Some(previous) = self.receivers[receiver].lines[line].source {
            self.remove_source(now, self.sources[previous].id);
        }
        let source = self
            .sources
            .insert(Source::new(id, receiver, parameters, self.ceiling_bps));
        self.by_source.insert(id, source);
        self.receivers[receiver].lines[line].source = Some(source);
        self.refresh_feedback(receiver);
    }

    pub(crate) fn remove_source(&mut self, now: Instant, id: SourceId) {
        let Some(index) = self.by_source.remove(&id) else {
            return;
        };
        self.leave_room(now, index);
        let source = self.sources.remove(index);
        for layer in source.layers {
            let layer = self.layers.remove(layer);
            self.down.push(Down::LayerEnded(layer.key));
        }
        let receiver = &mut self.receivers[source.receiver];
        for line in &mut receiver.lines {
            line.source = line.source.filter(|&held| held != index);
        }
        for stream in &mut receiver.streams {
            stream.layer = stream.layer.filter(|&layer| self.layers.contains(layer));
        }
        self.refresh_feedback(source.receiver);
    }

    pub(crate) fn set_forwarding(&mut self, now: Instant, id: SourceId, is_forwarding: bool) {
        let Some(&index) = self.by_source.get(&id) else {
            return;
        };
        if std::mem::replace(&mut self.sources[index].is_forwarding, is_forwarding) == is_forwarding
        {
            return;
        }
        if is_forwarding {
            return;
        }
        self.leave_room(now, index);
        self.end_layers(index);
    }

    /// After a mute the stream begins anew, at a keyframe and without a hole.
    fn end_layers(&mut self, source: usize) {
        for layer in self.sources[source].layers.clone() {
            self.end_layer(layer);
        }
    }

    /// The publisher has sent too much for too long: its pictures stop until it does not.
    fn shut(&mut self, receiver: usize, kind: MediaKind) {
        let lines = self.receivers[receiver].lines.iter();
        let sources: Vec<usize> = lines.filter_map(|line| line.source).collect();
        for source in sources {
            if self.sources[source].kind == kind {
                self.end_layers(source);
            }
        }
    }

    pub(crate) fn add_room(&mut self, room: RoomId, positions: u8) {
        self.rooms
            .entry(room)
            .or_insert_with(|| Speakers::new(positions));
    }

    pub(crate) fn remove_room(&mut self, room: RoomId) {
        self.rooms.remove(&room);
    }

    fn refresh_feedback(&mut self, receiver: usize) {
        let receiver = &mut self.receivers[receiver];
        let sources = receiver.lines.iter().filter_map(|line| line.source);
        let codecs = sources.flat_map(|source| &self.sources[source].codecs);
        let (mut has_transport_cc, mut has_ccfb, mut has_remb) = (false, false, false);
        for codec in codecs {
            has_transport_cc |= codec.transport_cc;
            has_ccfb |= codec.ccfb;
            has_remb |= codec.remb;
        }
        receiver.has_transport_feedback = has_transport_cc;
        // Two that tell the same would be heeded twice.
        receiver.has_congestion_feedback = has_ccfb && !has_transport_cc;
        receiver.has_remb = has_remb;
    }

    // -- DTLS -------------------------------------------------------------------------------

    pub(crate) fn receive_dtls(&mut self, index: usize, data: &[u8]) -> Result<(), DropReason> {
        let receiver = &mut self.receivers[index];
        if data.len() > DTLS_DATAGRAM {
            return Err(DropReason::DtlsTooLarge);
        }
        if receiver.dtls_waiting >= DTLS_WAITING {
            return Err(DropReason::DtlsQueueFull);
        }
        receiver.dtls_waiting += 1;
        let transport = receiver.id;
        self.events.push(Event::DtlsReceived {
            transport,
            datagram: data.to_vec(),
        });
        Ok(())
    }

    /// Python has taken a DTLS datagram: there is room for another.
    pub(crate) fn dtls_taken(&mut self, transport: TransportId) {
        if let Some(index) = self.receiver_of(transport) {
            let waiting = &mut self.receivers[index].dtls_waiting;
            *waiting = waiting.saturating_sub(1);
        }
    }

    // -- time -------------------------------------------------------------------------------

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        earlier(self.timers.next(), self.holds.next())
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, timer)) = self.timers.pop_due(now) {
            match timer {
                Timer::Receiver(index) => self.wake_receiver(now, at, index),
                Timer::Room(room) => self.wake_room(now, room),
                Timer::Rates => self.tell_rates(now),
            }
        }
        self.release(now);
    }

    /// Makes sure that the receiver is looked at by then.
    fn wake(&mut self, receiver: usize, at: Option<Instant>) {
        let Some(at) = at else { return };
        let timer = &mut self.receivers[receiver].timer;
        if timer.is_none_or(|timer| at < timer) {
            *timer = Some(at);
            self.timers.set(at, Timer::Receiver(receiver));
        }
    }

    fn wake_receiver(&mut self, now: Instant, at: Instant, index: usize) {
        let Some(receiver) = self.receivers.get_mut(index) else {
            return;
        };
        if receiver.timer != Some(at) {
            return;
        }
        receiver.timer = None;
        let next = self.give_feedback(now, index);
        self.wake(index, next);
    }

    // -- the burst ----------------------------------------------------------------------------

    /// Hands down what need not wait of the received burst, after all that it made happen.
    pub(crate) fn finish_burst(&mut self, now: Instant) {
        if self.draft.packets.is_empty() {
            return;
        }
        let mut draft = std::mem::take(&mut self.draft);
        for packet in &draft.packets {
            let layer = self.layers.get_mut(packet.layer.index());
            // It may have ended with a later packet of the burst.
            let Some(layer) = layer.filter(|layer| layer.key == packet.layer) else {
                continue;
            };
            match self.sources[layer.source].kind {
                MediaKind::Audio => self.holds.take_audio(now, &draft, packet),
                MediaKind::Video => {
                    self.holds.take_video(now, &mut layer.held, &draft, packet);
                }
            }
        }
        self.pass_arrivals(now, &mut draft);
        draft.clear();
        self.draft = draft;
        self.release(now);
    }

    /// What viewers without headroom watch goes down at once.
    fn pass_arrivals(&mut self, now: Instant, draft: &mut Burst) {
        let layers = &self.layers;
        draft.packets.retain(|packet| {
            let layer = layers.get(packet.layer.index());
            layer.is_some_and(|layer| layer.key == packet.layer && layer.held.passes_arrivals())
        });
        if !draft.packets.is_empty() {
            let mut burst = std::mem::take(draft);
            burst.is_arrivals = true;
            burst.came_at = Some(now);
            self.down.push(Down::Burst(burst.seal()));
        }
    }

    /// Hands down what has waited long enough, and what is complete.
    fn release(&mut self, now: Instant) {
        self.holds.expire(now, &mut self.layers);
        if let Some(mut burst) = self.holds.release(now, &mut self.layers) {
            burst.came_at = Some(now);
            self.down.push(Down::Burst(Arc::new(burst)));
        }
    }
}
