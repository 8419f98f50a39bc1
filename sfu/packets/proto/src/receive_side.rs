//! The receive side of all transports, ICE included: datagrams and commands in, answers to
//! STUN and DTLS, events and [`Handed`] values out.
//!
//! It owns what one worker must own alone (addresses, replay windows, sources, speakers) and
//! knows of subscribers only which shard of the send side has which. Values for one shard
//! leave in the order in which things happened; so a subscriber sees them in order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::command::{Command, SrtpKeys};
use crate::demux::{Kind, classify};
use crate::drop::{DropCounters, DropReason};
use crate::event::{Event, LostReason};
use crate::events::EventQueue;
use crate::handover::{Asked, Down, Handed, earlier};
use crate::ice::{IceEvent, IceTable};
use crate::ids::TransportId;
use crate::ingress::Ingress;
use crate::ingress::hold::HoldConfig;
use crate::limits::REPLY_BYTES;
use crate::placement::{FIRST_TAKES, Placement};
use crate::random::Random;
use crate::send_side::SendSide;
use crate::snapshot::{Snapshot, TransportSnapshot};
use crate::stages::{self, Stage};
use crate::transmit::{Datagram, Path, Sent, Transmit, TransmitBatch};

/// What the packet path is told once, at its start.
#[derive(Clone, Debug)]
pub struct RouterConfig {
    pub start: Instant,
    /// Wall clock at `start`, since 1970: sender reports carry NTP time (RFC 3550 §4).
    pub start_unix: Duration,
    /// Seeds whatever must be unpredictable to a peer (first sequence numbers, RFC 3550 §5.1).
    pub seed: u64,
    /// Events that wait for [`ReceiveSide::poll_event`]; more are lost and counted.
    pub event_capacity: usize,
    /// What a publisher without transport-wide feedback may send per video source (REMB).
    /// The default lets browsers reach 1080p and all simulcast layers below it.
    pub remb_cap_bps: u64,
    /// What one publisher may send in all.
    pub publisher_bitrate_bps: u64,
    pub hold: HoldConfig,
    /// Subscribers' ways are estimated, and what they are sent follows from it.
    pub adapts: bool,
    /// Parts of the send side, each with subscribers of its own; 1 to 64.
    pub shards: usize,
    /// Video slots that the first of them takes before any other takes one.
    pub first_takes: usize,
}

impl RouterConfig {
    pub fn new(start: Instant, start_unix: Duration, seed: u64) -> Self {
        Self {
            start,
            start_unix,
            seed,
            event_capacity: 65536,
            remb_cap_bps: 5_000_000,
            publisher_bitrate_bps: 20_000_000,
            hold: HoldConfig::DEFAULT,
            adapts: true,
            shards: 1,
            first_takes: FIRST_TAKES,
        }
    }

    /// Both sides of the packet path; the shards in their order.
    pub fn build(&self) -> (ReceiveSide, Vec<SendSide>) {
        let clock = Clock::new(self.start, self.start_unix);
        let mut random = Random::new(self.seed);
        let receive = ReceiveSide {
            ice: IceTable::new(random.next()),
            ingress: Ingress::new(
                clock,
                self.remb_cap_bps,
                self.publisher_bitrate_bps,
                random.next() as u32,
                self.hold,
            ),
            placement: Placement::new(self.shards, self.first_takes),
            replies: TransmitBatch::default(),
            handed: Vec::new(),
            events: EventQueue::default(),
            event_capacity: self.event_capacity,
            drops: DropCounters::default(),
            totals: Totals::default(),
            last_path: None,
        };
        let shards = (0..self.shards).map(|_| SendSide::new(clock, random.next(), self.adapts));
        (receive, shards.collect())
    }
}

/// Owns every peer's addresses and keys for what it sends, every source and room.
pub struct ReceiveSide {
    ice: IceTable,
    ingress: Ingress,
    placement: Placement,
    /// Answers to STUN and DTLS: they leave before any media.
    replies: TransmitBatch,
    handed: Vec<Handed>,
    events: EventQueue,
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
    sent: Sent,
    events_dropped: u64,
}

impl ReceiveSide {
    /// Takes one receive burst; decrypts in place.
    pub fn handle_datagrams(&mut self, now: Instant, batch: &mut [Datagram<'_>]) {
        for datagram in batch {
            self.totals.datagrams_received += 1;
            self.totals.bytes_received += datagram.data.len() as u64;
            if let Err(reason) = self.handle_datagram(now, datagram) {
                self.drops.count(reason);
            }
        }
        stages::enter(Stage::Plan);
        self.ingress.finish_burst(now);
        self.settle();
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
                let came_at = datagram.came_at.min(now);
                self.ingress
                    .receive_rtp(now, came_at, receiver, datagram.data)
            }
            Kind::Rtcp => {
                let receiver = self.receiver_at(path)?;
                let came_at = datagram.came_at.min(now);
                self.ingress
                    .receive_rtcp(now, came_at, receiver, datagram.data)
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
        let (transport, path, event) = match event {
            IceEvent::Connected { transport, path } => {
                let remote = path.remote;
                let event = Event::TransportConnected { transport, remote };
                (transport, Some(path), event)
            }
            IceEvent::Moved { transport, path } => {
                let remote = path.remote;
                let event = Event::TransportMoved { transport, remote };
                (transport, Some(path), event)
            }
            IceEvent::Lost { transport, reason } => {
                let event = Event::TransportLost { transport, reason };
                (transport, None, event)
            }
        };
        let is_shared = path.as_ref().is_some_and(Path::is_within_host);
        self.ingress.set_shares_clock(transport, is_shared);
        self.ingress.down.push(Down::Path { transport, path });
        self.push_event(event);
    }

    /// What has happened inside becomes values for the shards and events, in order.
    fn settle(&mut self) {
        let mut down = std::mem::take(&mut self.ingress.down);
        for down in down.drain(..) {
            let to = match &down {
                Down::Burst(burst) => self.placement.among(self.ingress.watchers(burst)),
                other => self.placement.shards_for(other),
            };
            if !to.is_empty() {
                self.handed.push(Handed { to, down });
            }
        }
        self.ingress.down = down;
        for event in std::mem::take(&mut self.ingress.events) {
            self.push_event(event);
        }
    }

    /// Moves what waits for the shards to the end of `handed`.
    pub fn take_handed(&mut self, handed: &mut Vec<Handed>) {
        handed.append(&mut self.handed);
    }

    /// What a shard of the send side asks for.
    pub fn handle_asked(&mut self, now: Instant, shard: usize, asked: Asked) {
        self.ingress.handle_up(now, shard, asked.0);
        self.settle();
    }

    /// The shard's worker has died. Its transports are lost, so that their peers come again
    /// and are given to other shards.
    pub fn lose_shard(&mut self, now: Instant, shard: usize) {
        for transport in self.placement.close(shard) {
            self.handle_command(now, Command::RemoveTransport { transport });
            let reason = LostReason::WorkerFailed;
            self.push_event(Event::TransportLost { transport, reason });
        }
    }

    /// Commands that name an unknown id do nothing: it may have gone meanwhile.
    pub fn handle_command(&mut self, now: Instant, command: Command) {
        self.last_path = None;
        let to = self.placement.follow(&command);
        let command = Arc::new(command);
        // The send side hears of it before what follows from it here: of a source's end before
        // the end of its layers.
        if !to.is_empty() {
            let down = Down::Command(Arc::clone(&command));
            self.handed.push(Handed { to, down });
        }
        self.obey(now, &command);
        self.settle();
    }

    /// What of a command concerns the receive side.
    fn obey(&mut self, now: Instant, command: &Command) {
        match command {
            Command::AddTransport {
                transport,
                ice,
                extensions,
            } => {
                self.ice.add(now, *transport, ice.clone());
                self.ingress.add_transport(*transport, extensions);
            }
            Command::RestartIce { transport, ice } => {
                self.ice.restart(now, *transport, ice.clone());
            }
            Command::SetKeys { transport, keys } => self.set_keys(*transport, keys),
            Command::SendDtls {
                transport,
                datagram,
            } => self.send_dtls(*transport, datagram),
            Command::SetExtensions {
                transport,
                extensions,
            } => self.ingress.set_extensions(*transport, extensions),
            Command::RemoveTransport { transport } => {
                self.ingress.remove_transport(now, *transport);
                self.ice.remove(*transport);
            }
            Command::AddSource { source, parameters } => {
                self.ingress.add_source(now, *source, parameters.clone());
            }
            Command::SetForwarding { source, forwarding } => {
                self.ingress.set_forwarding(now, *source, *forwarding);
            }
            Command::RemoveSource { source } => self.ingress.remove_source(now, *source),
            Command::AddRoom { room, positions } => self.ingress.add_room(*room, *positions),
            Command::RemoveRoom { room } => self.ingress.remove_room(*room),
            Command::SetHeadroom { .. }
            | Command::SetCap { .. }
            | Command::AddSlot { .. }
            | Command::SetStage { .. }
            | Command::SetWanted { .. }
            | Command::Show { .. }
            | Command::RemoveSlot { .. } => {}
        }
    }

    /// Keys come from our own DTLS, checked there; wrong lengths leave the transport mute, in
    /// both directions, and count in both.
    fn set_keys(&mut self, transport: TransportId, keys: &SrtpKeys) {
        if self.ingress.set_keys(transport, keys).is_err() {
            self.drops.count(DropReason::NoKeys);
        }
    }

    fn send_dtls(&mut self, transport: TransportId, datagram: &[u8]) {
        if let Err(reason) = self.try_send_dtls(transport, datagram) {
            self.drops.count(reason);
        }
    }

    fn try_send_dtls(&mut self, transport: TransportId, datagram: &[u8]) -> Result<(), DropReason> {
        let path = self.ice.nominated(transport).ok_or(DropReason::NoPath)?;
        let len = u16::try_from(datagram.len()).map_err(|_| DropReason::DtlsTooLarge)?;
        if self.replies.arena.len() >= REPLY_BYTES {
            return Err(DropReason::SendQueueFull);
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
        Ok(())
    }

    /// When [`ReceiveSide::handle_timeout`] wants to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        earlier(self.ingress.poll_timeout(), self.ice.poll_timeout())
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.last_path = None;
        if self.ice.poll_timeout().is_some_and(|at| at <= now) {
            for event in self.ice.handle_timeout(now) {
                self.handle_ice(event);
            }
        }
        self.ingress.handle_timeout(now);
        self.settle();
    }

    /// Appends the waiting answers.
    pub fn poll_transmits(&mut self, out: &mut TransmitBatch) {
        let first = out.transmits.len();
        out.take(&mut self.replies);
        self.totals.sent.count(&out.transmits[first..]);
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.events.pop_first()?;
        if let Event::DtlsReceived { transport, .. } = event {
            self.ingress.dtls_taken(transport);
        }
        Some(event)
    }

    /// Queues an event, also one of a shard that shares this queue.
    pub(crate) fn push_event(&mut self, event: Event) {
        self.events.push(event);
        if self.events.len() <= self.event_capacity {
            return;
        }
        self.totals.events_dropped += 1;
        if let Some(Event::DtlsReceived { transport, .. }) = self.events.pop_last() {
            self.ingress.dtls_taken(transport);
        }
    }

    /// The system's clock, which may have been slewed since the start.
    pub fn set_wall_clock(&mut self, now: Instant, since_unix: Duration) {
        self.ingress.set_wall_clock(now, since_unix);
    }

    /// Without what the shards know.
    pub fn snapshot(&self, now: Instant) -> Snapshot {
        Snapshot {
            datagrams_received: self.totals.datagrams_received,
            bytes_received: self.totals.bytes_received,
            datagrams_sent: self.totals.sent.datagrams,
            bytes_sent: self.totals.sent.bytes,
            drops: self.drops.iter().collect(),
            events_dropped: self.totals.events_dropped,
            transports: self.transport_snapshots(),
            sources: self.ingress.source_snapshots(now),
            ..Snapshot::default()
        }
    }

    fn transport_snapshots(&self) -> Vec<TransportSnapshot> {
        let transports = self.ingress.receivers();
        let transports = transports.map(|(transport, receiver)| TransportSnapshot {
            transport,
            remote: self.ice.nominated(transport).map(|path| path.remote),
            has_keys: receiver.srtp.is_some(),
            packets_received: receiver.packets,
            bytes_received: receiver.bytes,
            round_trip_time_s: seconds(receiver.extended_round_trip.map(|(known, _)| known)),
            round_trip_last_s: seconds(receiver.extended_round_trip.map(|(_, last)| last)),
            delay_up_s: receiver.one_way().map(|way| way.up_us / 1e6),
            delay_down_s: receiver.one_way().map(|way| way.down_us / 1e6),
            delay_error_s: receiver
                .one_way()
                .and_then(|way| way.error_us)
                .map(|us| us / 1e6),
            ..TransportSnapshot::default()
        });
        transports.collect()
    }

    /// Counts what the socket layer had to drop.
    pub fn count_drops(&mut self, reason: DropReason, packets: u64) {
        self.drops.add(reason, packets);
    }
}

fn seconds(duration: Option<Duration>) -> Option<f64> {
    duration.map(|duration| duration.as_secs_f64())
}
