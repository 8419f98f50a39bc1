//! The packet router: datagrams and commands in, datagrams and events out.
//!
//! One receive burst goes this way: told apart by its first byte, matched with a validated
//! 5-tuple, unprotected and parsed once ([`crate::ingress`]), handed down as one burst, then
//! rewritten and protected for one subscriber after another ([`crate::egress`]). The two
//! sides own separate state and meet only through the values of [`crate::handover`]; this
//! object carries those values, and knows neither a codec nor a sequence number.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::command::{Command, SrtpKeys};
use crate::demux::{Kind, classify};
use crate::drop::{DropCounters, DropReason};
use crate::egress::Egress;
use crate::event::Event;
use crate::handover::earlier;
use crate::ice::{IceEvent, IceTable};
use crate::ids::TransportId;
use crate::ingress::Ingress;
use crate::limits::REPLY_BYTES;
use crate::random::Random;
use crate::snapshot::{Snapshot, TransportSnapshot};
use crate::transmit::{Datagram, Path, Transmit, TransmitBatch};

/// What a router is told once, at its start.
#[derive(Clone, Debug)]
pub struct RouterConfig {
    pub start: Instant,
    /// Wall clock at `start`, since 1970: sender reports carry NTP time (RFC 3550 §4).
    pub start_unix: Duration,
    /// Seeds whatever must be unpredictable to a peer (first sequence numbers, RFC 3550 §5.1).
    pub seed: u64,
    /// Events that wait for [`Router::poll_event`]; more are lost and counted.
    pub event_capacity: usize,
    /// What a publisher without transport-wide feedback may send per video source (REMB).
    /// The default lets browsers reach 1080p and all simulcast layers below it.
    pub remb_cap_bps: u64,
}

impl RouterConfig {
    pub fn new(start: Instant, start_unix: Duration, seed: u64) -> Self {
        Self {
            start,
            start_unix,
            seed,
            event_capacity: 65536,
            remb_cap_bps: 5_000_000,
        }
    }
}

/// Owns every transport, source and slot.
pub struct Router {
    ice: IceTable,
    ingress: Ingress,
    egress: Egress,
    /// Answers to STUN, DTLS and BYE: they leave before any media.
    replies: TransmitBatch,
    events: VecDeque<Event>,
    event_capacity: usize,
    drops: DropCounters,
    totals: Totals,
    /// The last datagram's way and whose it is: bursts come from one peer mostly.
    last_path: Option<(Path, usize)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    datagrams_received: u64,
    bytes_received: u64,
    datagrams_sent: u64,
    bytes_sent: u64,
    events_dropped: u64,
}

impl Router {
    pub fn new(config: RouterConfig) -> Self {
        let clock = Clock::new(config.start, config.start_unix);
        let mut random = Random::new(config.seed);
        let (ice_seed, ssrc, egress_seed) = (random.next(), random.next() as u32, random.next());
        Self {
            ice: IceTable::new(ice_seed),
            ingress: Ingress::new(clock, config.remb_cap_bps, ssrc),
            egress: Egress::new(clock, egress_seed),
            replies: TransmitBatch::default(),
            events: VecDeque::new(),
            event_capacity: config.event_capacity,
            drops: DropCounters::default(),
            totals: Totals::default(),
            last_path: None,
        }
    }

    /// Takes one receive burst; decrypts in place.
    pub fn handle_datagrams(&mut self, now: Instant, batch: &mut [Datagram<'_>]) {
        for datagram in batch {
            self.totals.datagrams_received += 1;
            self.totals.bytes_received += datagram.data.len() as u64;
            if let Err(reason) = self.handle_datagram(now, datagram) {
                self.drops.count(reason);
            }
        }
        self.ingress.finish_burst();
        self.hand_over(now);
    }

    fn handle_datagram(
        &mut self,
        now: Instant,
        datagram: &mut Datagram<'_>,
    ) -> Result<(), DropReason> {
        let path = datagram.path;
        match classify(datagram.data).ok_or(DropReason::NotDemultiplexed)? {
            Kind::Stun => self.handle_stun(now, path, datagram.data),
            Kind::Dtls => {
                let receiver = self.receiver_at(path)?;
                self.ingress.receive_dtls(receiver, datagram.data)
            }
            Kind::Rtp => {
                let receiver = self.receiver_at(path)?;
                self.ingress.receive_rtp(now, receiver, datagram.data)
            }
            Kind::Rtcp => {
                let receiver = self.receiver_at(path)?;
                self.ingress.receive_rtcp(now, receiver, datagram.data)
            }
        }
    }

    /// Only a validated 5-tuple reaches anything beyond STUN.
    fn receiver_at(&mut self, path: Path) -> Result<usize, DropReason> {
        if let Some((last, receiver)) = self.last_path
            && last == path
        {
            return Ok(receiver);
        }
        let transport = self.ice.transport_of(&path);
        let receiver = transport.and_then(|transport| self.ingress.receiver_of(transport));
        let receiver = receiver.ok_or(DropReason::UnknownTuple)?;
        self.last_path = Some((path, receiver));
        Ok(receiver)
    }

    fn handle_stun(&mut self, now: Instant, path: Path, data: &[u8]) -> Result<(), DropReason> {
        if self.replies.arena.len() >= REPLY_BYTES {
            return Err(DropReason::SendQueueFull);
        }
        let event = self.ice.handle(now, path, data, &mut self.replies)?;
        // A check can take a 5-tuple over, or evict one, without being worth an event.
        self.last_path = None;
        if let Some(event) = event {
            self.handle_ice(event);
        }
        Ok(())
    }

    fn handle_ice(&mut self, event: IceEvent) {
        self.last_path = None;
        let event = match event {
            IceEvent::Connected { transport, path } => {
                self.egress.set_path(transport, Some(path));
                Event::TransportConnected {
                    transport,
                    remote: path.remote,
                }
            }
            IceEvent::Moved { transport, path } => {
                self.egress.set_path(transport, Some(path));
                Event::TransportMoved {
                    transport,
                    remote: path.remote,
                }
            }
            IceEvent::Lost { transport, reason } => {
                self.egress.set_path(transport, None);
                Event::TransportLost { transport, reason }
            }
        };
        self.push_event(event);
    }

    /// What one side has for the other, and events of both.
    fn hand_over(&mut self, now: Instant) {
        for down in std::mem::take(&mut self.ingress.down) {
            self.egress.handle_down(now, down);
        }
        for up in std::mem::take(&mut self.egress.up) {
            self.ingress.handle_up(now, up);
        }
        for event in std::mem::take(&mut self.ingress.events) {
            self.push_event(event);
        }
        for event in std::mem::take(&mut self.egress.events) {
            self.push_event(event);
        }
    }

    /// Commands that name an unknown id do nothing: it may have gone meanwhile.
    pub fn handle_command(&mut self, now: Instant, command: Command) {
        self.last_path = None;
        match command {
            Command::AddTransport {
                transport,
                ice,
                extensions,
            } => {
                self.ice.add(now, transport, ice);
                self.ingress.add_transport(transport, &extensions);
                self.egress.add_transport(transport, &extensions);
            }
            Command::RestartIce { transport, ice } => self.ice.restart(now, transport, ice),
            Command::SetKeys { transport, keys } => self.set_keys(transport, &keys),
            Command::SendDtls {
                transport,
                datagram,
            } => self.send_dtls(transport, &datagram),
            Command::SetExtensions {
                transport,
                extensions,
            } => {
                self.ingress.set_extensions(transport, &extensions);
                self.egress.set_extensions(transport, &extensions);
            }
            Command::RemoveTransport { transport } => {
                self.egress.remove_transport(transport, &mut self.replies);
                self.ingress.remove_transport(now, transport);
                self.ice.remove(transport);
            }
            Command::AddSource { source, parameters } => {
                self.egress.add_source(source, parameters.transport);
                self.ingress.add_source(now, source, parameters);
            }
            Command::SetForwarding { source, forwarding } => {
                self.ingress.set_forwarding(now, source, forwarding);
            }
            Command::RemoveSource { source } => {
                self.ingress.remove_source(now, source);
                self.egress.remove_source(source);
            }
            Command::AddSlot { slot, parameters } => self.egress.add_slot(slot, parameters),
            Command::Show {
                slot,
                source,
                layer,
            } => self.egress.show(slot, source, layer),
            Command::RemoveSlot { slot } => self.egress.remove_slot(slot),
            Command::AddRoom { room, positions } => self.ingress.add_room(room, positions),
            Command::RemoveRoom { room } => {
                self.ingress.remove_room(room);
                self.egress.remove_room(room);
            }
        }
        self.hand_over(now);
    }

    /// Keys come from our own DTLS, checked there; wrong lengths leave the transport mute.
    fn set_keys(&mut self, transport: TransportId, keys: &SrtpKeys) {
        let both = self
            .ingress
            .set_keys(transport, keys)
            .and_then(|()| self.egress.set_keys(transport, keys));
        if both.is_err() {
            self.drops.count(DropReason::NoKeys);
        }
    }

    fn send_dtls(&mut self, transport: TransportId, datagram: &[u8]) {
        let Some(path) = self.ice.nominated(transport) else {
            return;
        };
        let Ok(len) = u16::try_from(datagram.len()) else {
            return;
        };
        if len == 0 || self.replies.arena.len() >= REPLY_BYTES {
            return self.drops.count(DropReason::SendQueueFull);
        }
        let start = self.replies.arena.len() as u32;
        self.replies.arena.extend_from_slice(datagram);
        let len32 = u32::from(len);
        self.replies.transmits.push(Transmit {
            path,
            start,
            len: len32,
            segment_size: len,
            dscp: 0,
        });
    }

    /// When [`Router::handle_timeout`] wants to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let media = earlier(self.ingress.poll_timeout(), self.egress.poll_timeout());
        earlier(media, self.ice.poll_timeout())
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.last_path = None;
        if self.ice.poll_timeout().is_some_and(|at| at <= now) {
            for event in self.ice.handle_timeout(now) {
                self.handle_ice(event);
            }
        }
        self.ingress.handle_timeout(now);
        self.egress.handle_timeout(now);
        self.hand_over(now);
    }

    /// Fills `out` until it is full; true while more is waiting.
    pub fn poll_transmits(&mut self, now: Instant, out: &mut TransmitBatch) -> bool {
        let first = out.transmits.len();
        self.take_replies(out);
        let has_more = self.egress.poll_transmits(now, out);
        // Switches happen on the way.
        self.hand_over(now);
        for transmit in &out.transmits[first..] {
            self.totals.datagrams_sent += u64::from(
                transmit
                    .len
                    .div_ceil(u32::from(transmit.segment_size.max(1))),
            );
            self.totals.bytes_sent += u64::from(transmit.len);
        }
        has_more
    }

    fn take_replies(&mut self, out: &mut TransmitBatch) {
        let shift = out.arena.len() as u32;
        out.arena.append(&mut self.replies.arena);
        let replies = self.replies.transmits.drain(..);
        out.transmits.extend(replies.map(|reply| Transmit {
            start: reply.start + shift,
            ..reply
        }));
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        if let Event::DtlsReceived { transport, .. } = event {
            self.ingress.dtls_taken(transport);
        }
        Some(event)
    }

    fn push_event(&mut self, event: Event) {
        if self.events.len() < self.event_capacity {
            self.events.push_back(event);
            return;
        }
        self.totals.events_dropped += 1;
        if let Event::DtlsReceived { transport, .. } = event {
            self.ingress.dtls_taken(transport);
        }
    }

    pub fn snapshot(&self, now: Instant) -> Snapshot {
        let mut drops = self.drops.clone();
        for (reason, packets) in self.egress.drops.iter() {
            drops.add(reason, packets);
        }
        Snapshot {
            datagrams_received: self.totals.datagrams_received,
            bytes_received: self.totals.bytes_received,
            datagrams_sent: self.totals.datagrams_sent,
            bytes_sent: self.totals.bytes_sent,
            drops: drops.iter().collect(),
            events_dropped: self.totals.events_dropped,
            transports: self.transport_snapshots(),
            sources: self.ingress.source_snapshots(now),
            slots: self.egress.slot_snapshots(now),
        }
    }

    fn transport_snapshots(&self) -> Vec<TransportSnapshot> {
        let transports = self
            .ingress
            .receivers()
            .filter_map(|(transport, receiver)| {
                let sender = self.egress.sender_of(transport)?;
                Some(TransportSnapshot {
                    transport,
                    remote: self.ice.nominated(transport).map(|path| path.remote),
                    has_keys: receiver.srtp.is_some(),
                    packets_received: receiver.packets,
                    packets_sent: sender.packets,
                    bytes_received: receiver.bytes,
                    bytes_sent: sender.bytes,
                    round_trip_time_s: sender.round_trip.map(|round_trip| round_trip.as_secs_f64()),
                    remb_bps: sender.remb_bps,
                })
            });
        transports.collect()
    }

    /// Counts what the socket layer had to drop.
    pub fn count_drops(&mut self, reason: DropReason, packets: u64) {
        self.drops.add(reason, packets);
    }
}
