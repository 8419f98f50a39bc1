//! What must not happen, whatever comes: panics, growth, foreign packets forwarded, drops
//! without a name.

#![allow(clippy::unwrap_used)]

mod world;

use std::time::Duration;

use sfu_proto::command::SrtpProfile;
use sfu_proto::drop::DropReason;
use sfu_proto::event::Event;
use sfu_proto::transmit::Path;
use world::*;

fn elsewhere() -> Path {
    Path {
        socket: 0,
        local: None,
        remote: "10.9.9.9:999".parse().unwrap(),
    }
}

#[test]
fn an_unknown_tuple_reaches_nothing_but_stun() {
    let mut world = World::new();
    let publisher = world.peer();
    let mut viewer = world.peer();
    let mut camera = world.camera(1, &publisher, 1111);
    world.video_slot(1, &viewer);
    world.show(1, 1);
    let frame = camera.frame(true, &[300]);
    let stolen = publisher.protect(&frame[0].packet, frame[0].index);
    world.take_events();
    world.deliver(
        elsewhere(),
        vec![stolen, dtls(100), vec![0x80, 200, 0, 1, 0, 0, 0, 0]],
    );
    assert_eq!(world.drops(DropReason::UnknownTuple), 3);
    assert_eq!(world.receive_rtp(&mut viewer).len(), 0);
    assert_eq!(world.take_events(), []);
}

#[test]
fn a_tuple_belongs_to_whoever_checked_it_last() {
    let mut world = World::new();
    let (one, other) = (world.peer(), world.peer());
    world.take_events();
    world.deliver(one.path, vec![dtls(50), other.check(), dtls(50)]);
    let owners: Vec<_> = world
        .take_events()
        .into_iter()
        .filter_map(|event| match event {
            Event::DtlsReceived { transport, .. } => Some(transport),
            _ => None,
        })
        .collect();
    assert_eq!(owners, [one.id, other.id]);
}

#[test]
fn replayed_and_mis_keyed_packets_are_not_forwarded() {
    let mut world = World::new();
    let publisher = world.peer();
    let other = world.peer();
    let mut viewer = world.peer();
    let mut camera = world.camera(1, &publisher, 1111);
    world.video_slot(1, &viewer);
    world.show(1, 1);
    let frame = camera.frame(true, &[300]);
    let good = publisher.protect(&frame[0].packet, frame[0].index);
    let frame = camera.frame(false, &[300]);
    let mis_keyed = other.protect(&frame[0].packet, frame[0].index);
    world.deliver(
        publisher.path,
        vec![good.clone(), good.clone(), mis_keyed, good],
    );
    assert_eq!(world.receive_rtp(&mut viewer).len(), 1);
    assert_eq!(world.drops(DropReason::SrtpReplayed), 2);
    assert_eq!(world.drops(DropReason::SrtpAuthentication), 1);
}

#[test]
fn dtls_waits_in_a_bounded_queue_that_empties_as_it_is_read() {
    let mut world = World::new();
    let peer = world.stranger(SrtpProfile::AeadAes128Gcm, EXTENSIONS);
    world.connect(&peer);
    world.take_events();
    let mut flood: Vec<_> = (0..100).map(|_| dtls(100)).collect();
    let mut batch: Vec<_> = flood
        .iter_mut()
        .map(|data| sfu_proto::transmit::Datagram {
            path: peer.path,
            came_at: world.now,
            data,
        })
        .collect();
    world.router.handle_datagrams(world.now, &mut batch);
    assert_eq!(world.drops(DropReason::DtlsQueueFull), 36);
    let waiting = std::iter::from_fn(|| world.router.poll_event()).count();
    assert_eq!(waiting, 64);
    world.deliver(peer.path, vec![dtls(100), dtls(2049)]);
    let received = world
        .take_events()
        .into_iter()
        .filter(|event| matches!(event, Event::DtlsReceived { .. }))
        .count();
    assert_eq!(received, 1);
    assert_eq!(world.drops(DropReason::DtlsTooLarge), 1);
}

#[test]
fn dtls_answers_leave_to_the_nominated_tuple() {
    let mut world = World::new();
    let mut peer = world.stranger(SrtpProfile::AeadAes128Gcm, EXTENSIONS);
    let command = |world: &mut World, peer: &Peer| {
        let (transport, datagram) = (peer.id, dtls(64));
        world.command(sfu_proto::command::Command::SendDtls {
            transport,
            datagram,
        });
    };
    command(&mut world, &peer);
    assert_eq!(world.receive(&mut peer).other.len(), 0);
    world.connect(&peer);
    command(&mut world, &peer);
    assert_eq!(world.receive(&mut peer).other, [dtls(64)]);
}

#[test]
fn one_peer_may_send_64_streams() {
    let mut world = World::new();
    let publisher = world.peer();
    world.camera(1, &publisher, 1);
    for ssrc in 1..=80 {
        let mut camera = Camera::new(&publisher, ssrc, None, "v1");
        let frame = camera.frame(true, &[60]);
        world.send(&publisher, &frame);
    }
    let snapshot = world.router.snapshot(world.now);
    assert_eq!(snapshot.sources[0].layers.len(), 64);
    assert_eq!(world.drops(DropReason::TooManySsrcs), 16);
}

#[test]
fn layers_beyond_the_eighth_are_counted_as_the_eighth() {
    let mut world = World::new();
    let publisher = world.peer();
    let rids = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    world.add_camera(1, &publisher, &rids);
    for (ssrc, rid) in (1..).zip(rids) {
        let mut camera = Camera::new(&publisher, ssrc, Some(rid), "v1");
        let frame = camera.frame(true, &[60]);
        world.send(&publisher, &frame);
    }
    let snapshot = world.router.snapshot(world.now);
    let layers = snapshot.sources[0].layers.iter();
    let highest = layers.map(|layer| layer.layer).max();
    assert_eq!(highest, Some(7));
}

#[test]
fn what_is_sent_again_and_waits_for_a_full_socket_is_bounded() {
    let mut world = World::new();
    // The bound is that of one shard.
    let config = sfu_proto::router::RouterConfig::new(world.start, Duration::from_secs(1), 1);
    world.router = sfu_proto::router::Router::new(config);
    let publisher = world.peer();
    let mut camera = world.camera(1, &publisher, 1111);
    let mut viewers: Vec<_> = (1..=40)
        .map(|slot| {
            let viewer = world.peer();
            world.video_slot(slot, &viewer);
            world.show(slot, 1);
            viewer
        })
        .collect();
    for round in 0..2 {
        let frame = camera.frame(round == 0, &[60; 250]);
        world.send(&publisher, &frame);
    }
    for (slot, viewer) in (1..).zip(&mut viewers) {
        let got = world.receive_rtp(viewer);
        let numbers: Vec<_> = got.iter().map(|rtp| rtp.header.sequence_number).collect();
        assert_eq!(numbers.len(), 500);
        for part in numbers.chunks(250) {
            let mut nack = Vec::new();
            sfu_proto::rtcp::write_nack(&mut nack, 1, slot_ssrc(slot), part);
            let mut data = viewer.protect_rtcp(&nack);
            let path = viewer.path;
            let mut batch = [sfu_proto::transmit::Datagram {
                path,
                came_at: world.now,
                data: &mut data,
            }];
            // Nothing is taken from the router meanwhile.
            world.router.handle_datagrams(world.now, &mut batch);
        }
    }
    assert_eq!(world.drops(DropReason::SendQueueFull), 40 * 500 - 16_384);
}

#[test]
fn feedback_that_claims_more_than_is_kept_is_dropped() {
    let mut world = World::new();
    let mut viewer = world.peer();
    let claim = |count: u16| {
        let mut feedback = Vec::new();
        let arrivals = [Some(1_000_000), None];
        sfu_proto::rtcp::write_transport_feedback(&mut feedback, (1, 2), 0, 0, &arrivals);
        feedback[14..16].copy_from_slice(&count.to_be_bytes());
        feedback
    };
    world.send_rtcp(&mut viewer, &claim(2));
    assert_eq!(world.drops(DropReason::RtcpMalformed), 0);
    world.send_rtcp(&mut viewer, &claim(4097));
    assert_eq!(world.drops(DropReason::RtcpMalformed), 1);
    world.send_rtcp(&mut viewer, &claim(4096));
    assert_eq!(
        world.drops(DropReason::RtcpMalformed),
        2,
        "it has no so many"
    );
}

/// A datagram of RTCP can hold hundreds, and the way to other workers is everybody's.
#[test]
fn reports_of_one_peer_are_passed_on_at_a_bounded_rate_and_others_are_heard() {
    let mut world = World::new();
    let mut publisher = world.peer();
    let (mut chatty, mut calm) = (world.peer(), world.peer());
    let mut camera = world.camera(1, &publisher, 1111);
    for (slot, viewer) in [(1, &chatty), (2, &calm)] {
        world.video_slot(slot, viewer);
        world.show(slot, 1);
    }
    let frame = camera.frame(true, &[60; 3]);
    world.send(&publisher, &frame);
    let numbers: Vec<_> = world
        .receive_rtp(&mut calm)
        .iter()
        .map(|rtp| rtp.header.sequence_number)
        .collect();
    let mut reports = Vec::new();
    for _ in 0..100 {
        sfu_proto::rtcp::write_pli(&mut reports, 1, slot_ssrc(1));
    }
    for _ in 0..100 {
        world.send_rtcp(&mut chatty, &reports);
    }
    assert_eq!(world.drops(DropReason::TooManyReports), 100 - 40);
    let mut nack = Vec::new();
    sfu_proto::rtcp::write_nack(&mut nack, 1, slot_ssrc(2), &numbers[..1]);
    world.send_rtcp(&mut calm, &nack);
    assert_eq!(world.receive_rtp(&mut calm).len(), 1);
    world.advance_ms(1000);
    for _ in 0..30 {
        world.send_rtcp(&mut chatty, &reports);
    }
    assert_eq!(world.drops(DropReason::TooManyReports), 60 + 10);
    let mail = world.receive(&mut publisher);
    let asked = count_rtcp(&mail, |packet| {
        matches!(packet, sfu_proto::rtcp::Packet::Pli { .. })
    });
    assert!(asked <= 5, "{asked}");
}

/// Numbers, times, markers and keyframes at random: no panic, few requests, and nobody else's
/// picture suffers.
#[test]
fn a_stream_without_sense_harms_no_other() {
    let mut world = World::new();
    let mut publisher = world.peer();
    let other = world.peer();
    let mut viewer = world.peer();
    let mut mad = world.camera(1, &publisher, 1111);
    let mut sane = world.camera(2, &other, 2222);
    for (slot, source) in [(1, 1), (2, 2)] {
        world.video_slot(slot, &viewer);
        world.show(slot, source);
    }
    let mut random = 1u64;
    let (mut asked, mut seen) = (0, 0);
    for round in 0..2000u32 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        if random >> 50 & 15 == 0 {
            mad.index += random >> 20 & 0x3fff;
        }
        let mut packets = mad.frame(random >> 40 & 7 == 0, &[40; 2]);
        for sent in &mut packets {
            // The next in order for SRTP, what it says is another matter.
            let timestamp = (random >> 8) as u32;
            sent.packet[4..8].copy_from_slice(&timestamp.to_be_bytes());
            sent.packet[1] ^= (random >> 33) as u8 & 0x80;
        }
        world.send(&publisher, &packets);
        let frame = sane.frame(round == 0, &[60]);
        world.send(&other, &frame);
        world.advance_ms(5);
        let got = world.receive_rtp(&mut viewer);
        seen += got
            .iter()
            .filter(|rtp| rtp.header.ssrc == slot_ssrc(2))
            .count();
        asked += count_rtcp(&world.receive(&mut publisher), |packet| {
            matches!(packet, sfu_proto::rtcp::Packet::Pli { .. })
        });
    }
    assert_eq!(seen, 2000);
    assert!(asked <= 3 + 11, "{asked} in ten seconds");
}

#[test]
fn a_stream_that_hops_between_m_lines_leaves_nothing_behind() {
    let mut world = World::new();
    let publisher = world.peer();
    let mut viewer = world.peer();
    let mut camera = world.camera(1, &publisher, 5);
    world.camera(2, &publisher, 6);
    world.video_slot(1, &viewer);
    world.show(1, 1);
    for hop in 0..100 {
        camera.mid = ["v1", "v2"][hop % 2].to_owned();
        let frame = camera.frame(true, &[60]);
        world.send(&publisher, &frame);
    }
    let snapshot = world.router.snapshot(world.now);
    let layers: usize = snapshot.sources.iter().map(|one| one.layers.len()).sum();
    assert_eq!(layers, 1);
    assert_eq!(world.receive_rtp(&mut viewer).len(), 50);
}

#[test]
fn a_stream_of_no_m_line_is_a_counted_drop() {
    let mut world = World::new();
    let publisher = world.peer();
    let mut camera = Camera::new(&publisher, 5, None, "nobody's");
    let frame = camera.frame(true, &[60]);
    world.send(&publisher, &frame);
    assert_eq!(world.drops(DropReason::UnknownSsrc), 1);
    let mut camera = world.camera(1, &publisher, 6);
    let payload = camera.payload(0, true, 60);
    let other = Build {
        payload_type: 99,
        ..camera.build(&payload, true)
    }
    .sent();
    let known = camera.frame(true, &[60]);
    world.send(&publisher, &known);
    world.send(&publisher, &[other]);
    assert_eq!(world.drops(DropReason::UnknownPayloadType), 1);
}

#[test]
fn events_that_nobody_reads_are_bounded_and_counted() {
    let start = std::time::Instant::now();
    let mut config =
        sfu_proto::router::RouterConfig::new(start, std::time::Duration::from_secs(1), 1);
    config.event_capacity = 0;
    let mut world = World::new();
    world.router = sfu_proto::router::Router::new(config);
    let peer = world.stranger(SrtpProfile::AeadAes128Gcm, EXTENSIONS);
    world.connect(&peer);
    let snapshot = world.router.snapshot(world.now);
    assert_eq!(snapshot.events_dropped, 1);
}

/// Its publisher's state may change with every packet; nobody else's events may suffer.
#[test]
fn whoever_says_bye_again_and_again_pushes_nobodys_events_out() {
    let mut world = World::new();
    let mut config = sfu_proto::router::RouterConfig::new(world.start, Duration::from_secs(1), 1);
    config.event_capacity = 16;
    world.router = sfu_proto::router::Router::new(config);
    let mut restless = world.peer();
    let mut camera = world.camera(1, &restless, 1111);
    let viewer = world.peer();
    world.video_slot(1, &viewer);
    world.show(1, 1);
    let newcomer = world.stranger(SrtpProfile::AeadAes128Gcm, EXTENSIONS);
    world.take_events();
    let mut bye = Vec::new();
    sfu_proto::rtcp::write_bye(&mut bye, &[1111]);
    let mut datagrams = Vec::new();
    for _ in 0..500 {
        let frame = camera.frame(true, &[60]);
        datagrams.push((
            restless.path,
            restless.protect(&frame[0].packet, frame[0].index),
        ));
        datagrams.push((restless.path, restless.protect_rtcp(&bye)));
    }
    datagrams.insert(700, (newcomer.path, newcomer.check()));
    // Each its own burst, and nobody reads.
    let mut out = sfu_proto::transmit::TransmitBatch::default();
    for (path, data) in &mut datagrams {
        let mut batch = [sfu_proto::transmit::Datagram {
            path: *path,
            came_at: world.now,
            data,
        }];
        world.router.handle_datagrams(world.now, &mut batch);
        while world.router.poll_transmits(world.now, &mut out) {}
        out.clear();
    }
    let snapshot = world.router.snapshot(world.now);
    assert_eq!(snapshot.events_dropped, 0);
    world.collect();
    let events = world.take_events();
    assert!(events.len() <= 4, "{events:?}");
    assert!(events.iter().any(|event| matches!(event,
        Event::TransportConnected { transport, .. } if *transport == newcomer.id)));
    assert!(events.iter().any(|event| matches!(event,
        Event::SourceLayersChanged { layers, .. } if layers.is_empty())));
}

/// Random plaintext under good keys gets past SRTP, and must not get further than parsers.
#[test]
fn no_bytes_of_an_authentic_peer_panic() {
    let mut world = World::new();
    let mut peer = world.peer();
    let mut viewer = world.peer();
    world.camera(1, &peer, 1);
    world.microphone(2, &peer, 2, None);
    world.video_slot(1, &viewer);
    world.video_slot(2, &peer);
    world.show(1, 1);
    world.show(2, 1);
    let mut state = 3u64;
    let mut next = move || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) as u32
    };
    for round in 0..30_000u64 {
        let len = 12 + next() as usize % 90;
        let mut packet: Vec<u8> = (0..len).map(|_| next() as u8).collect();
        if round % 3 == 0 {
            packet[0] = 0x80 | packet[0] & 0x1f;
            packet[1] = 200 + packet[1] % 8;
            packet[2..4].copy_from_slice(&((next() % 12) as u16).to_be_bytes());
            // Often enough it speaks of a slot that exists.
            packet[8..12].copy_from_slice(&slot_ssrc(2).to_be_bytes());
            world.send_rtcp(&mut peer, &packet);
        } else {
            packet[0] = 0x80 | packet[0] & 0x31;
            packet[1] = packet[1] & 0x80 | [VP8, VP8_RTX, OPUS, 3][next() as usize % 4];
            packet[2..4].copy_from_slice(&((round / 2) as u16).to_be_bytes());
            packet[8..12].copy_from_slice(&(1 + next() % 3).to_be_bytes());
            if sfu_proto::rtp::Header::parse(&packet).is_ok() {
                world.send(
                    &peer,
                    &[Sent {
                        packet,
                        index: round / 2,
                    }],
                );
            }
        }
        if round % 64 == 0 {
            world.advance_ms(5);
            world.take_events();
            world.receive(&mut viewer);
            world.mail.clear();
        }
    }
}

#[test]
fn no_bytes_of_a_stranger_panic_and_every_datagram_is_counted() {
    let mut world = World::new();
    let peer = world.peer();
    let mut state = 7u64;
    let before: u64 = world
        .router
        .snapshot(world.now)
        .drops
        .iter()
        .map(|(_, count)| count)
        .sum();
    for round in 0..20_000 {
        let datagram: Vec<u8> = (0..round % 60)
            .map(|_| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(99991);
                (state >> 56) as u8
            })
            .collect();
        let path = if round % 2 == 0 {
            peer.path
        } else {
            elsewhere()
        };
        world.deliver(path, vec![datagram]);
    }
    let snapshot = world.router.snapshot(world.now);
    let drops: u64 = snapshot.drops.iter().map(|(_, count)| count).sum();
    let passed_up = world
        .take_events()
        .into_iter()
        .filter(|event| matches!(event, Event::DtlsReceived { .. }))
        .count();
    assert_eq!(drops - before + passed_up as u64, 20_000);
}

#[test]
fn packets_that_wait_for_a_full_socket_are_bounded() {
    let mut world = World::without_ceiling();
    let publisher = world.peer();
    let mut viewer = world.peer();
    let mut camera = world.camera(1, &publisher, 1111);
    world.video_slot(1, &viewer);
    world.show(1, 1);
    let keyframe = camera.frame(true, &[60]);
    world.send(&publisher, &keyframe);
    assert_eq!(world.receive_rtp(&mut viewer).len(), 1);
    for _ in 0..9000 {
        let frame = camera.frame(false, &[60]);
        let mut data = publisher.protect(&frame[0].packet, frame[0].index);
        let path = publisher.path;
        let mut batch = [sfu_proto::transmit::Datagram {
            path,
            came_at: world.now,
            data: &mut data,
        }];
        // Nothing is taken from the router meanwhile.
        world.router.handle_datagrams(world.now, &mut batch);
    }
    // The oldest go, and with them the use of all that follow.
    assert!(world.drops(DropReason::VideoShed) > 0);
    world.collect();
    assert_eq!(world.receive_rtp(&mut viewer).len(), 0);
    let keyframe = camera.frame(true, &[60]);
    world.send(&publisher, &keyframe);
    assert_eq!(world.receive_rtp(&mut viewer).len(), 1);
}

#[test]
fn a_nack_of_thousands_is_taken_in_part() {
    let mut world = World::new();
    let publisher = world.peer();
    let mut viewer = world.peer();
    let mut camera = world.camera(1, &publisher, 1111);
    world.video_slot(1, &viewer);
    world.show(1, 1);
    let frame = camera.frame(true, &[60; 400]);
    world.send(&publisher, &frame);
    let got = world.receive_rtp(&mut viewer);
    let numbers: Vec<_> = got.iter().map(|rtp| rtp.header.sequence_number).collect();
    assert_eq!(numbers.len(), 400);
    let mut nack = Vec::new();
    sfu_proto::rtcp::write_nack(&mut nack, 1, slot_ssrc(1), &numbers);
    world.send_rtcp(&mut viewer, &nack);
    assert_eq!(world.receive_rtp(&mut viewer).len(), 256);
}
