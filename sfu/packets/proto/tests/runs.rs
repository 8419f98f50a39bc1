//! Packets of nearly one size leave as one segmented send, padded so that players see no
//! difference.

#![allow(clippy::unwrap_used)]

mod world;

use sfu_proto::command::Command;
use sfu_proto::rtp::Header;
use world::*;

#[test]
fn a_frame_is_one_run_and_padding_changes_no_payload() {
    let mut world = World::new();
    let publisher = world.peer();
    let mut subscriber = world.peer();
    let mut camera = world.camera(1, &publisher, 1111);
    world.video_slot(1, &subscriber);
    world.show(1, 1);
    world.runs.clear();
    let sizes = [1180, 1179, 1175, 1180, 1168, 1180, 1177, 1180, 700];
    let frame = camera.frame(true, &sizes);
    world.send(&publisher, &frame);
    assert_eq!(world.runs, [9]);
    let got = world.receive_rtp(&mut subscriber);
    for ((got, sent), size) in got.iter().zip(&frame).zip(sizes) {
        assert_eq!(got.payload.len(), size);
        assert_eq!(got.header.has_padding, size < 1180 && size != 700);
        let header = Header::parse(&sent.packet).unwrap();
        assert_eq!(got.payload[5..], sent.packet[header.len + 5..]);
    }
}

#[test]
fn unequal_packets_leave_unpadded() {
    let mut world = World::new();
    let publisher = world.peer();
    let mut subscriber = world.peer();
    let mut camera = world.camera(1, &publisher, 1111);
    world.video_slot(1, &subscriber);
    world.show(1, 1);
    world.runs.clear();
    let frame = camera.frame(true, &[500, 600, 700]);
    world.send(&publisher, &frame);
    assert_eq!(world.runs, [1, 1, 1]);
    assert!(
        world
            .receive_rtp(&mut subscriber)
            .iter()
            .all(|rtp| !rtp.header.has_padding)
    );
}

#[test]
fn a_publishers_own_padding_is_taken_off() {
    let mut world = World::new();
    let publisher = world.peer();
    let mut subscriber = world.peer();
    let mut camera = world.camera(1, &publisher, 1111);
    world.video_slot(1, &subscriber);
    world.show(1, 1);
    let payload = camera.payload(0, true, 300);
    let padded = Build {
        padding: 200,
        ..camera.build(&payload, true)
    }
    .sent();
    world.send(&publisher, &[padded]);
    let got = world.receive_rtp(&mut subscriber);
    assert!(!got[0].header.has_padding);
    assert_eq!(got[0].payload.len(), 300);
}

#[test]
fn voices_of_one_size_leave_in_one_run() {
    let mut world = World::new();
    let mut subscriber = world.peer();
    let speakers: Vec<_> = (0..4).map(|_| world.peer()).collect();
    let mut microphones = Vec::new();
    for (peer, id) in speakers.iter().zip(1..) {
        microphones.push(world.microphone(id, peer, id as u32 * 1000, None));
        world.audio_slot(id, &subscriber, None);
        world.show(id, id);
    }
    for round in 0..150 {
        world.runs.clear();
        let burst = speakers
            .iter()
            .zip(&mut microphones)
            .map(|(peer, microphone)| {
                let sent = microphone.packet(Some(30));
                (peer.path, peer.protect(&sent.packet, sent.index))
            });
        let burst = burst.collect();
        world.deliver_all(burst);
        let got = world.receive_rtp(&mut subscriber);
        assert_eq!(got.len(), 4);
        assert!(got.iter().all(|rtp| !rtp.header.has_padding));
        if round >= 100 {
            assert_eq!(world.runs, [4], "without mid all are of one size");
        }
        world.advance_ms(20);
        world.receive(&mut subscriber);
    }
}

/// Sizes of one run's packets without and with headroom, of four voices and two pictures that
/// come at once.
#[test]
fn voices_and_pictures_of_several_leave_in_a_run_of_each_kind() {
    for has_headroom in [true, false] {
        let mut world = World::new();
        let mut subscriber = world.peer();
        let transport = subscriber.id;
        world.command(Command::SetHeadroom {
            transport,
            has_headroom,
        });
        let speakers: Vec<_> = (0..4).map(|_| world.peer()).collect();
        let (mut microphones, mut cameras) = (Vec::new(), Vec::new());
        for (peer, id) in speakers.iter().zip(1..) {
            microphones.push(world.microphone(id, peer, id as u32 * 1000, None));
            world.audio_slot(id, &subscriber, None);
            world.show(id, id);
        }
        for (peer, id) in speakers[..2].iter().zip(11..) {
            cameras.push(world.camera(id, peer, id as u32 * 1000));
            world.video_slot(id, &subscriber);
            world.show(id, id);
        }
        for round in 0..150 {
            world.runs.clear();
            let mut burst = Vec::new();
            for (index, (peer, microphone)) in speakers.iter().zip(&mut microphones).enumerate() {
                if let Some(camera) = cameras.get_mut(index) {
                    let frame = camera.frame(round == 0, &[600 + index * 12]);
                    burst.push((peer.path, peer.protect(&frame[0].packet, frame[0].index)));
                }
                let sent = microphone.packet_of(60 + index * 5);
                burst.push((peer.path, peer.protect(&sent.packet, sent.index)));
            }
            world.deliver_all(burst);
            let got = world.receive_rtp(&mut subscriber);
            assert_eq!(got.len(), 6);
            if round >= 100 {
                // Without padding a voice joins only as a run's last.
                let voices: &[usize] = if has_headroom { &[4] } else { &[2, 2] };
                assert_eq!(world.runs, [voices, &[2]].concat());
            }
            let is_padded = |rtp: &&Rtp| rtp.header.has_padding;
            let voices = got.iter().filter(|rtp| rtp.header.payload_type == OPUS);
            let padded = voices.filter(is_padded).count();
            assert!(has_headroom || padded == 0);
            world.advance_ms(20);
            world.receive(&mut subscriber);
        }
    }
}

#[test]
fn a_thousand_subscribers_are_walked_in_pieces_of_the_arena() {
    let mut world = World::new();
    let publisher = world.peer();
    let mut camera = world.camera(1, &publisher, 1111);
    let mut subscribers: Vec<_> = (0..400).map(|_| world.peer()).collect();
    for (subscriber, slot) in subscribers.iter().zip(1..) {
        world.video_slot(slot, subscriber);
        world.show(slot, 1);
    }
    let frame = camera.frame(true, &[1100; 9]);
    let mut datagrams: Vec<_> = frame
        .iter()
        .map(|sent| publisher.protect(&sent.packet, sent.index))
        .collect();
    let mut batch: Vec<_> = datagrams
        .iter_mut()
        .map(|data| sfu_proto::transmit::Datagram {
            path: publisher.path,
            came_at: world.now,
            data,
        })
        .collect();
    world.router.handle_datagrams(world.now, &mut batch);
    let mut out = sfu_proto::transmit::TransmitBatch::default();
    let mut fills = 0;
    while world.router.poll_transmits(world.now, &mut out) {
        fills += 1;
        assert!(out.arena.len() < sfu_proto::transmit::TransmitBatch::ARENA_TARGET + 20_000);
        for transmit in &out.transmits {
            let pieces = out
                .contents(transmit)
                .chunks(usize::from(transmit.segment_size));
            let mail = world.mail.entry(transmit.path.remote).or_default();
            mail.extend(pieces.map(<[u8]>::to_vec));
        }
        out.clear();
    }
    assert!(fills > 10);
    for transmit in &out.transmits {
        let pieces = out
            .contents(transmit)
            .chunks(usize::from(transmit.segment_size));
        let mail = world.mail.entry(transmit.path.remote).or_default();
        mail.extend(pieces.map(<[u8]>::to_vec));
    }
    for subscriber in &mut subscribers {
        assert_eq!(world.receive_rtp(subscriber).len(), 9);
    }
}
