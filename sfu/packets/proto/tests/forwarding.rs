//! What a subscriber gets is what the publisher sent, under the subscriber's own numbers.

#![allow(clippy::unwrap_used)]

mod world;

use sfu_proto::command::{Codec, Command, Extension, MediaKind, SrtpProfile};
use sfu_proto::drop::DropReason;
use sfu_proto::event::Event;
use sfu_proto::ids::{SlotId, SourceId};
use sfu_proto::srtp::SrtpSender;
use world::*;

fn sequence_numbers(rtp: &[Rtp]) -> Vec<u16> {
    rtp.iter().map(|rtp| rtp.header.sequence_number).collect()
}

fn is_continuous(rtp: &[Rtp]) -> bool {
    rtp.windows(2)
        .all(|pair| pair[1].index == pair[0].index + 1)
}

#[test]
fn a_video_reaches_its_subscriber_and_decrypts_to_what_was_sent() {
    for profile in [SrtpProfile::AeadAes128Gcm, SrtpProfile::Aes128CmHmacSha1_80] {
        let mut world = World::new();
        let publisher = world.peer_with(profile, EXTENSIONS);
        let mut subscriber = world.peer_with(profile, EXTENSIONS);
        let mut camera = world.camera(1, &publisher, 1111);
        world.video_slot(1, &subscriber);
        world.show(1, 1);

        let key = camera.frame(true, &[1100, 1100, 500]);
        world.send(&publisher, &key);
        world.advance_ms(33);
        let delta = camera.frame(false, &[1100, 90]);
        world.send(&publisher, &delta);

        let got = world.receive_rtp(&mut subscriber);
        assert_eq!(got.len(), 5);
        assert!(is_continuous(&got), "{:?}", sequence_numbers(&got));
        for (got, sent) in got.iter().zip(key.iter().chain(&delta)) {
            let header = sfu_proto::rtp::Header::parse(&sent.packet).unwrap();
            assert_eq!(got.header.ssrc, slot_ssrc(1));
            assert_eq!(got.header.marker, header.marker);
            // All but the picture id and TL0PICIDX.
            assert_eq!(got.payload[..2], sent.packet[header.len..header.len + 2]);
            assert_eq!(got.payload[5..], sent.packet[header.len + 5..]);
        }
        assert_eq!(
            got[3]
                .header
                .timestamp
                .wrapping_sub(got[0].header.timestamp),
            3000
        );
        assert!(world.events.contains(&Event::SlotSwitched {
            slot: SlotId(1),
            source: Some(SourceId(1)),
        }));
    }
}

#[test]
fn nothing_is_sent_before_a_keyframe() {
    let Scene {
        mut world,
        publisher,
        mut viewer,
        mut camera,
    } = Scene::new();
    let frame = camera.frame(false, &[500, 500]);
    world.send(&publisher, &frame);
    assert_eq!(world.receive_rtp(&mut viewer).len(), 0);
    let frame = camera.frame(true, &[500, 500]);
    world.send(&publisher, &frame);
    assert_eq!(world.receive_rtp(&mut viewer).len(), 2);
}

#[test]
fn under_new_keys_a_stream_is_counted_from_its_first_number_again() {
    let mut scene = Scene::new();
    scene.camera.index = 65_534;
    scene.frame(true, &[500, 500, 500, 500]);
    assert_eq!(scene.got(), 4, "over the roll-over");

    let keys = &mut scene.publisher.keys;
    keys.remote.0 = vec![0xee; 16];
    scene.publisher.sender = SrtpSender::new(keys.profile, &keys.remote.0, &keys.remote.1).unwrap();
    scene.world.set_keys(&scene.publisher);
    scene.camera.index = 2;
    scene.frame(true, &[500, 500]);
    assert_eq!(scene.got(), 2);
    assert_eq!(scene.world.layer(1, 0).lost, 0);

    scene.world.set_keys(&scene.publisher);
    scene.frame(false, &[500]);
    assert_eq!(scene.got(), 1, "the same keys change nothing");
}

#[test]
fn nothing_is_sent_or_taken_before_the_keys_are_set() {
    let mut world = World::new();
    let publisher = world.peer();
    let mut subscriber = world.stranger(SrtpProfile::AeadAes128Gcm, EXTENSIONS);
    world.connect(&subscriber);
    let mut camera = world.camera(1, &publisher, 1111);
    world.video_slot(1, &subscriber);
    world.show(1, 1);
    let frame = camera.frame(true, &[500]);
    world.send(&publisher, &frame);
    let datagram = publisher.protect(&frame[0].packet, frame[0].index);
    world.deliver(subscriber.path, vec![datagram]);
    assert_eq!(world.drops(DropReason::NoKeys), 1);
    assert!(!world.mail.contains_key(&subscriber.path.remote));

    world.set_keys(&subscriber);
    let frame = camera.frame(true, &[500]);
    world.send(&publisher, &frame);
    assert_eq!(world.receive_rtp(&mut subscriber).len(), 1);
}

#[test]
fn extensions_are_renumbered_for_each_subscriber() {
    let mut world = World::new();
    let publisher = world.peer();
    let other_ids = &[
        (11, Extension::VideoOrientation),
        (12, Extension::TransportSequenceNumber),
        (13, Extension::Mid),
    ];
    let mut one = world.peer_with(SrtpProfile::AeadAes128Gcm, other_ids);
    let mut two = world.peer_with(SrtpProfile::AeadAes128Gcm, &[]);
    let mut camera = world.camera(1, &publisher, 1111);
    for (slot, peer) in [(1, &one), (2, &two)] {
        world.video_slot(slot, peer);
        world.show(slot, 1);
    }
    let payload = camera.payload(0, true, 300);
    let mut build = camera.build(&payload, true);
    build.extensions.push((7, vec![1]));
    world.send(
        &publisher,
        &[build.sent(), camera.build(&payload, true).sent()],
    );

    let got = world.receive_rtp(&mut one);
    assert_eq!(
        got[0].extension(Extension::VideoOrientation),
        Some(&[1u8][..])
    );
    assert_eq!(got[0].extension(Extension::Mid), Some(&b"s1"[..]));
    let numbers: Vec<_> = got
        .iter()
        .map(|got| got.extension(Extension::TransportSequenceNumber).unwrap())
        .collect();
    assert_eq!(numbers, [[0, 0], [0, 1]]);
    assert_eq!(world.receive_rtp(&mut two)[0].header.extension, None);
}

#[test]
fn a_voice_carries_nothing_that_its_listener_does_not_read() {
    let mut world = World::new();
    let speaker = world.peer();
    let mut numbered = world.peer();
    let by_time = &[(5, Extension::AbsoluteSendTime)];
    let mut timed = world.peer_with(SrtpProfile::AeadAes128Gcm, by_time);
    let mut microphone = world.microphone(1, &speaker, 2222, None);
    for (slot, peer) in [(1, &numbered), (2, &timed)] {
        world.slot_with(
            slot,
            peer,
            MediaKind::Audio,
            vec![codec(Codec::Opus, OPUS, 48_000)],
            None,
        );
        world.show(slot, 1);
    }
    // The first 100 say their mid as well.
    for _ in 0..=100 {
        let packet = microphone.packet_with(Some(30), 80);
        world.send(&speaker, &[packet]);
        world.advance_ms(20);
    }

    let heard = world.receive_rtp(&mut numbered).pop().unwrap();
    assert!(
        heard
            .extension(Extension::TransportSequenceNumber)
            .is_some()
    );
    assert_eq!(heard.extension(Extension::AbsoluteSendTime), None);
    assert_eq!(heard.extension(Extension::AudioLevel), None);
    // RFC 3550's header, one block of a number alone, the sound.
    assert_eq!(heard.packet.len(), 12 + 8 + 80);
    let heard = world.receive_rtp(&mut timed).pop().unwrap();
    assert!(heard.extension(Extension::AbsoluteSendTime).is_some());
}

#[test]
fn padding_only_packets_cost_no_number() {
    let Scene {
        mut world,
        publisher,
        mut viewer,
        mut camera,
    } = Scene::new();
    for round in 0..20 {
        let frame = camera.frame(round == 0, &[400, 300]);
        world.send(&publisher, &frame);
        let padding = Build {
            padding: 200,
            ..camera.build(&[], false)
        }
        .sent();
        world.send(&publisher, &[padding]);
    }
    let got = world.receive_rtp(&mut viewer);
    assert_eq!(got.len(), 40);
    assert!(is_continuous(&got), "{:?}", sequence_numbers(&got));
    assert_eq!(world.drops(DropReason::PaddingOnly), 20);
}

#[test]
fn a_padding_only_packet_that_comes_late_fills_the_number_it_cost() {
    let Scene {
        mut world,
        publisher,
        mut viewer,
        mut camera,
    } = Scene::new();
    let frame = camera.frame(true, &[400]);
    let padding = Build {
        padding: 200,
        ..camera.build(&[], false)
    }
    .sent();
    let next = camera.frame(false, &[400]);
    world.send(&publisher, &frame);
    world.send(&publisher, &next);
    world.send(&publisher, &[padding]);
    let mut got = world.receive_rtp(&mut viewer);
    assert_eq!(got.len(), 3);
    assert_eq!(got[2].payload.len(), 0);
    got.sort_by_key(|rtp| rtp.index);
    assert!(is_continuous(&got));
}

#[test]
fn reordered_packets_keep_their_own_numbers() {
    let Scene {
        mut world,
        publisher,
        mut viewer,
        mut camera,
    } = Scene::new();
    let mut frames = camera.frame(true, &[400, 400, 400, 400, 400]);
    frames.swap(1, 3);
    frames.swap(2, 4);
    for packet in &frames {
        world.send(&publisher, std::slice::from_ref(packet));
    }
    let got = world.receive_rtp(&mut viewer);
    let first = got[0].index;
    let order: Vec<_> = got.iter().map(|rtp| rtp.index - first).collect();
    assert_eq!(order, [0, 3, 4, 1, 2]);
    for rtp in &got {
        assert_eq!(u64::from(rtp.vp8().tag[7]), rtp.index - first);
    }
}

#[test]
fn the_roll_over_counter_follows_through_wraps() {
    let mut world = World::new();
    let publisher = world.peer();
    let mut subscriber = world.peer();
    let mut camera = world.camera(1, &publisher, 1111);
    world.video_slot(1, &subscriber);
    world.show(1, 1);
    let mut previous = None;
    for round in 0..2_200 {
        let sizes = [60; 64];
        let frame = camera.frame(round == 0, &sizes);
        world.send(&publisher, &frame);
        // As fast as the publisher's ceiling lets it.
        world.advance_ms(9);
        for rtp in world.receive_rtp(&mut subscriber) {
            let index = rtp.index;
            assert_eq!(
                previous
                    .replace(index)
                    .map_or(index, |previous| previous + 1),
                index
            );
        }
    }
    assert!(previous.unwrap() > 2 << 16, "wrapped twice");
}

#[test]
fn a_muted_source_is_counted_and_not_forwarded() {
    let Scene {
        mut world,
        publisher,
        mut viewer,
        mut camera,
    } = Scene::new();
    let frame = camera.frame(true, &[400]);
    world.send(&publisher, &frame);
    let before = world.receive_rtp(&mut viewer);

    world.command(Command::SetForwarding {
        source: SourceId(1),
        forwarding: false,
    });
    let frame = camera.frame(true, &[400, 400]);
    world.send(&publisher, &frame);
    assert_eq!(world.receive_rtp(&mut viewer).len(), 0);
    assert_eq!(world.drops(DropReason::NotForwarding), 2);

    world.command(Command::SetForwarding {
        source: SourceId(1),
        forwarding: true,
    });
    let frame = camera.frame(false, &[400]);
    world.send(&publisher, &frame);
    assert_eq!(
        world.receive_rtp(&mut viewer).len(),
        0,
        "waits for a keyframe"
    );
    let frame = camera.frame(true, &[400]);
    world.send(&publisher, &frame);
    let after = world.receive_rtp(&mut viewer);
    assert_eq!(after[0].index, before[0].index + 1);
}

#[test]
fn a_codec_that_the_subscriber_lacks_is_told_once_and_costs_no_number() {
    let mut world = World::new();
    let publisher = world.peer();
    let mut subscriber = world.peer();
    let mut camera = world.camera(1, &publisher, 1111);
    let h264 = codec(sfu_proto::command::Codec::H264, H264, 90_000);
    world.slot_with(
        1,
        &subscriber,
        sfu_proto::command::MediaKind::Video,
        vec![h264],
        None,
    );
    world.show(1, 1);
    for _ in 0..5 {
        let frame = camera.frame(true, &[400]);
        world.send(&publisher, &frame);
    }
    assert_eq!(world.receive_rtp(&mut subscriber).len(), 0);
    let told = world
        .events
        .iter()
        .filter(|event| matches!(event, Event::SlotUndecodable { .. }))
        .count();
    assert_eq!(told, 1);
}

#[test]
fn bye_is_said_to_a_subscriber_who_is_removed() {
    let mut world = World::new();
    let mut subscriber = world.peer();
    world.video_slot(1, &subscriber);
    world.video_slot(2, &subscriber);
    world.command(Command::RemoveTransport {
        transport: subscriber.id,
    });
    let mail = world.receive(&mut subscriber);
    let byes = count_rtcp(&mail, |packet| match packet {
        sfu_proto::rtcp::Packet::Bye(ssrcs) => ssrcs.iter().eq([slot_ssrc(1), slot_ssrc(2)]),
        _ => false,
    });
    assert_eq!(byes, 1);
    assert_eq!(world.router.snapshot(world.now).slots.len(), 0);
}
