//! Links between a real receive side and a shard that takes when the test says so.

use std::time::{Duration, Instant};

use sfu_proto::command::{
    Codec, CodecParameters, Command, IceCredentials, MediaKind, SlotParameters, SourceParameters,
    SrtpKeys, SrtpProfile,
};
use sfu_proto::event::Event;
use sfu_proto::ids::{RoomId, SlotId, SourceId, TransportId};
use sfu_proto::router::RouterConfig;
use sfu_proto::send_side::SendSide;
use sfu_proto::srtp::{SrtpReceiver, SrtpSender};
use sfu_proto::stun::{BindingRequest, Role, StunKey};
use sfu_proto::transmit::{Datagram, Path, TransmitBatch};

use super::*;
use crate::machine::Machine;
use crate::shards::Hub;

const PUBLISHER: u64 = 1;
const VIEWER: u64 = 2;
const PROFILE: SrtpProfile = SrtpProfile::AeadAes128Gcm;

/// One who publishes Opus, on the first shard, and one who hears it, on the second.
struct Call {
    hub: Hub,
    shard: SendSide,
    shard_bell: Arc<Doorbell>,
    inbox: Inbox,
    now: Instant,
    microphone: SrtpSender,
    speaker: SrtpReceiver,
    packets: u16,
}

fn key(transport: u64, side: u8) -> (Vec<u8>, Vec<u8>) {
    (vec![transport as u8; 16], vec![side; 12])
}

fn path(transport: u64) -> Path {
    Path {
        socket: 0,
        local: None,
        remote: ([127, 0, 0, 1], 1000 + transport as u16).into(),
    }
}

fn opus() -> Vec<CodecParameters> {
    vec![CodecParameters {
        codec: Codec::Opus,
        payload_type: 111,
        rtx_payload_type: None,
        clock_rate: 48_000,
        format: String::new(),
        nack: false,
        pli: false,
        fir: false,
        transport_cc: false,
        ccfb: false,
        remb: false,
    }]
}

impl Call {
    /// `size` values fit into the ring.
    fn new(size: usize) -> Self {
        let now = Instant::now();
        let config = RouterConfig {
            shards: 2,
            first_takes: 0,
            ..RouterConfig::new(now, Duration::from_secs(1), 1)
        };
        let (receive, mut shards) = config.build();
        let shard = shards.pop().expect("two shards");
        let own = shards.pop().expect("two shards");
        let bell = || Arc::new(Doorbell::new().expect("a bell"));
        let shard_bell = bell();
        let (link, inbox) = link_of(size, 1, bell(), Arc::clone(&shard_bell));
        let remote = key(PUBLISHER, 1);
        let local = key(VIEWER, 0);
        let mut call = Self {
            hub: Hub::new(receive, own, vec![link]),
            shard,
            shard_bell,
            inbox,
            now,
            microphone: SrtpSender::new(PROFILE, &remote.0, &remote.1).expect("a key"),
            speaker: SrtpReceiver::new(PROFILE, &local.0, &local.1).expect("a key"),
            packets: 0,
        };
        call.join(PUBLISHER);
        call.join(VIEWER);
        call.publish_and_show();
        call.serve();
        call
    }

    fn command(&mut self, command: Command) {
        self.hub.handle_command(self.now, command);
    }

    fn join(&mut self, number: u64) {
        let transport = TransportId(number);
        let ice = IceCredentials {
            local_ufrag: format!("l{number}"),
            local_password: "local password, 22 long".into(),
            remote_ufrag: format!("r{number}"),
            remote_password: "remote password, 22 long".into(),
        };
        self.command(Command::AddTransport {
            transport,
            ice,
            extensions: Vec::new(),
        });
        let keys = SrtpKeys {
            profile: PROFILE,
            local: key(number, 0),
            remote: key(number, 1),
        };
        self.command(Command::SetKeys { transport, keys });
        let mut check = Vec::new();
        let request = BindingRequest {
            transaction_id: [number as u8; 12],
            username: &format!("l{number}:r{number}"),
            priority: 1,
            use_candidate: true,
            role: Role::Controlling(1),
        };
        request.encode(&mut check, &StunKey::new("local password, 22 long"));
        self.receive(number, &mut check);
    }

    fn publish_and_show(&mut self) {
        let (source, slot) = (SourceId(1), SlotId(1));
        self.command(Command::AddSource {
            source,
            parameters: SourceParameters {
                transport: TransportId(PUBLISHER),
                mid: "0".into(),
                kind: MediaKind::Audio,
                codecs: opus(),
                rids: Vec::new(),
                announced: vec![sfu_proto::command::AnnouncedSsrc {
                    ssrc: 7,
                    rtx_ssrc: None,
                }],
                room: None,
                is_screen: false,
            },
        });
        let parameters = SlotParameters {
            transport: TransportId(VIEWER),
            mid: "0".into(),
            kind: MediaKind::Audio,
            codecs: opus(),
            ssrc: 9,
            rtx_ssrc: None,
            cname: "c".into(),
            follows: None,
        };
        self.command(Command::AddSlot { slot, parameters });
        let source = Some(source);
        self.command(Command::Show {
            slot,
            source,
            layer: 0,
        });
    }

    fn receive(&mut self, from: u64, data: &mut [u8]) {
        let path = path(from);
        self.hub.handle_datagrams(
            self.now,
            &mut [Datagram {
                path,
                came_at: self.now,
                data,
            }],
        );
    }

    /// One packet of audio whose payload is its number.
    fn speak(&mut self) {
        self.packets += 1;
        let [high, low] = self.packets.to_be_bytes();
        let mut packet = vec![0x80, 111, high, low];
        packet.extend((u32::from(self.packets) * 960).to_be_bytes());
        packet.extend(7u32.to_be_bytes());
        packet.extend([high, low]);
        self.microphone
            .protect_rtp(&mut packet, 0, 12, 0)
            .expect("a whole header");
        self.receive(PUBLISHER, &mut packet);
    }

    /// The other worker's turn: sequence number and payload of what it sends.
    fn serve(&mut self) -> Vec<(u16, u16)> {
        while let Some(handed) = self.inbox.take() {
            self.shard.handle(self.now, handed);
        }
        let mut wishes = Vec::new();
        self.shard.take_asked(&mut wishes);
        self.inbox.ask(&mut wishes);
        self.hub.take_handed(self.now);
        let mut batch = TransmitBatch::default();
        while self.shard.poll_transmits(self.now, &mut batch) {}
        let datagrams = batch.transmits.iter().flat_map(|transmit| {
            let segment = usize::from(transmit.segment_size);
            batch.contents(transmit).chunks(segment)
        });
        datagrams.filter_map(|data| self.hear(data)).collect()
    }

    fn hear(&mut self, data: &[u8]) -> Option<(u16, u16)> {
        // A switch is marked.
        if data[1] & 0x7f != 111 {
            return None;
        }
        let mut data = data.to_vec();
        self.speaker.unprotect_rtp(&mut data, 12).expect("opens");
        let number = |at: usize| u16::from_be_bytes([data[at], data[at + 1]]);
        Some((number(2), number(12)))
    }

    /// The other worker dies, and the first sees it.
    fn lose_worker(&mut self) {
        let bell = || Arc::new(Doorbell::new().expect("a bell"));
        let (_, inbox) = link(1, bell(), bell());
        drop(std::mem::replace(&mut self.inbox, inbox));
        self.hub.take_handed(self.now);
    }

    fn left_out(&self) -> u64 {
        let snapshot = self.hub.snapshot(self.now);
        let mut drops = snapshot.drops.iter();
        let counted = drops.find(|(reason, _)| reason.label() == "worker_behind");
        counted.expect("every reason is there").1
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.hub.poll_event()).collect()
    }
}

#[test]
fn what_the_other_worker_is_given_it_sends_in_order() {
    let mut call = Call::new(64);
    for _ in 0..10 {
        call.speak();
    }
    let heard = call.serve();
    assert_eq!(heard.len(), 10);
    for (step, (sequence, payload)) in heard.iter().enumerate() {
        assert_eq!(*payload, 1 + step as u16);
        assert_eq!(*sequence, heard[0].0.wrapping_add(step as u16));
    }
    assert_eq!(call.left_out(), 0);
}

#[test]
fn a_full_ring_leaves_bursts_out_and_the_stream_goes_on_without_a_hole() {
    let mut call = Call::new(64);
    call.speak();
    let first = call.serve();
    for _ in 0..100 {
        call.speak();
    }
    assert!(call.left_out() > 30, "{}", call.left_out());
    let mut heard = call.serve();
    let in_time = heard.len() as u16;
    call.speak();
    heard.extend(call.serve());
    assert_eq!(heard.len(), usize::from(in_time) + 1);
    assert_eq!(heard[usize::from(in_time)].1, 102, "the newest is heard");
    for (step, (sequence, _)) in heard.iter().enumerate() {
        assert_eq!(*sequence, first[0].0.wrapping_add(1 + step as u16));
    }
    assert_eq!(u64::from(100 - in_time), call.left_out());
}

#[test]
fn packets_in_the_ring_are_bounded_where_it_has_room_for_more() {
    let mut call = Call::new(4 * RING_PACKETS);
    for _ in 0..RING_PACKETS + 500 {
        call.speak();
    }
    assert_eq!(call.left_out(), 500);
    let waiting: usize = std::iter::from_fn(|| call.inbox.take())
        .map(|handed| handed.packets())
        .sum();
    assert_eq!(waiting, RING_PACKETS);
}

#[test]
fn commands_are_kept_in_order_when_the_ring_is_full() {
    let mut call = Call::new(16);
    let slot = SlotId(1);
    for _ in 0..100 {
        for source in [None, Some(SourceId(1))] {
            call.command(Command::Show {
                slot,
                source,
                layer: 0,
            });
        }
    }
    assert!(call.hub.poll_timeout().is_some(), "it will try again");
    for _ in 0..100 {
        call.serve();
    }
    call.speak();
    assert_eq!(call.serve().len(), 1, "the last command counts");
}

#[test]
fn nothing_waits_for_a_dead_worker() {
    let mut call = Call::new(16);
    call.lose_worker();
    // A layer begins for every shard that there is.
    for forwarding in [false, true] {
        let source = SourceId(1);
        call.command(Command::SetForwarding { source, forwarding });
    }
    for _ in 0..100 {
        call.speak();
    }
    assert_eq!(call.left_out(), 0, "to nobody");
    let next = call.hub.poll_timeout();
    let soon = call.now + Duration::from_millis(10);
    assert!(next.is_none_or(|next| next > soon), "it tries no more");
}

#[test]
fn a_worker_that_takes_nothing_is_given_up_and_its_transports_are_lost() {
    let mut call = Call::new(16);
    call.events();
    let slot = SlotId(1);
    for _ in 0..RING_BACKLOG + 20 {
        call.command(Command::Show {
            slot,
            source: None,
            layer: 0,
        });
    }
    call.hub.take_handed(call.now);
    let events = call.events();
    assert!(
        matches!(
            &events[..],
            [
                Event::WorkerFailed { worker: 1, .. },
                Event::TransportLost {
                    transport: TransportId(VIEWER),
                    ..
                },
            ]
        ),
        "{events:?}"
    );
    assert!(call.inbox.is_abandoned());
    call.hub.take_handed(call.now);
    assert_eq!(call.events(), [], "it is told once");
}

#[test]
fn the_transports_of_a_dead_worker_go_to_others() {
    let mut call = Call::new(16);
    call.events();
    call.lose_worker();
    let events = call.events();
    assert!(
        matches!(
            &events[..],
            [Event::TransportLost {
                transport: TransportId(VIEWER),
                ..
            }]
        ),
        "{events:?}"
    );
    call.join(3);
    let snapshot = call.hub.snapshot(call.now);
    let joined = snapshot.transports.iter();
    let mut joined = joined.filter(|transport| transport.transport == TransportId(3));
    assert!(joined.next().is_some_and(|transport| transport.has_keys));
}

/// The viewer's report on what it was sent.
fn report(call: &mut Call, index: u32) {
    let remote = key(VIEWER, 1);
    let mut reporter = SrtpSender::new(PROFILE, &remote.0, &remote.1).expect("a key");
    // RFC 3550 §6.4.2: one block about SSRC 9.
    let mut rtcp = vec![0x81, 201, 0, 7, 0, 0, 0, 5, 0, 0, 0, 9];
    rtcp.resize(32, 0);
    for _ in 0..index {
        let mut skipped = rtcp.clone();
        reporter.protect_rtcp(&mut skipped, 0).expect("protects");
    }
    reporter.protect_rtcp(&mut rtcp, 0).expect("protects");
    call.receive(VIEWER, &mut rtcp);
}

#[test]
fn statistics_wake_nobody_and_come_with_the_next_packet() {
    let mut call = Call::new(1024);
    call.speak();
    call.serve();
    call.shard_bell.lie_down();
    for index in 0..10 {
        report(&mut call, index);
    }
    assert!(!call.shard_bell.alarm.is_set());
    call.speak();
    assert!(call.shard_bell.alarm.is_set());
    assert_eq!(call.serve().len(), 1);
    assert!(call.inbox.is_empty());
    // So many are worth a waking.
    call.shard_bell.alarm.clear();
    call.shard_bell.lie_down();
    for index in 10..10 + UNRUNG as u32 {
        report(&mut call, index);
    }
    assert!(call.shard_bell.alarm.is_set());
}

#[test]
fn of_two_workers_that_take_nothing_both_are_told() {
    let now = Instant::now();
    let config = RouterConfig {
        shards: 3,
        ..RouterConfig::new(now, Duration::from_secs(1), 1)
    };
    let (receive, mut shards) = config.build();
    let bell = || Arc::new(Doorbell::new().expect("a bell"));
    let (links, _inboxes): (Vec<_>, Vec<_>) = (1..3)
        .map(|shard| link_of(16, shard, bell(), bell()))
        .unzip();
    let mut hub = Hub::new(receive, shards.remove(0), links);
    for _ in 0..RING_BACKLOG + 20 {
        hub.handle_command(now, Command::RemoveRoom { room: RoomId(1) });
    }
    hub.take_handed(now);
    let events = std::iter::from_fn(|| hub.poll_event());
    let failed: Vec<usize> = events
        .filter_map(|event| match event {
            Event::WorkerFailed { worker, .. } => Some(worker),
            _ => None,
        })
        .collect();
    assert_eq!(failed, [1, 2]);
}

#[test]
fn wishes_beyond_the_ring_wait_in_order_and_are_bounded() {
    let (ring, mut taken) = RingBuffer::new(RING_WISHES);
    let waiting = VecDeque::new();
    let mut up = Upward { ring, waiting };
    let most = RING_WISHES + RING_BACKLOG;
    assert!(up.pass(&mut (0..most + 5).collect()));
    assert_eq!(taken.slots(), RING_WISHES);
    assert!(!up.pass(&mut vec![most + 5]), "no room, no news");
    let mut seen = Vec::new();
    while !taken.is_empty() {
        seen.extend(std::iter::from_fn(|| taken.pop().ok()));
        up.pass(&mut Vec::new());
    }
    assert_eq!(seen, (0..most).collect::<Vec<_>>());
}
