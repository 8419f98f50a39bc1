//! A switch is seamless: whatever crosses on the way in, the way out is one unbroken stream.

#![allow(clippy::unwrap_used)]

mod world;

use std::collections::{BTreeMap, HashMap};

use sfu_proto::command::{Command, Extension, SrtpProfile};
use world::*;

#[test]
fn numbers_go_on_by_one_over_a_switch() {
    let mut world = World::new();
    let (one, two) = (world.peer(), world.peer());
    let mut subscriber = world.peer();
    let mut first = world.camera(1, &one, 1111);
    let mut second = world.camera(2, &two, 2222);
    world.video_slot(1, &subscriber);
    world.show(1, 1);
    let frame = first.frame(true, &[900, 900]);
    world.send(&one, &frame);
    world.advance_ms(40);
    world.show(1, 2);
    let frame = first.frame(false, &[900]);
    world.send(&one, &frame);
    world.advance_ms(40);
    let frame = second.frame(false, &[900]);
    world.send(&two, &frame);
    let frame = second.frame(true, &[900, 900]);
    world.send(&two, &frame);
    let frame = first.frame(false, &[900]);
    world.send(&one, &frame);

    let got = world.receive_rtp(&mut subscriber);
    let cameras: Vec<_> = got
        .iter()
        .map(|rtp| rtp.vp8().tag[..4] == 1111u32.to_be_bytes())
        .collect();
    assert_eq!(
        cameras,
        [true, true, true, false, false],
        "the old one until the keyframe"
    );
    for pair in got.windows(2) {
        assert_eq!(pair[1].index, pair[0].index + 1);
    }
    let (last, switched) = (&got[2], &got[3]);
    assert_eq!(
        switched.vp8().picture_id,
        (last.vp8().picture_id + 1) & 0x7fff
    );
    assert_eq!(switched.vp8().tl0, last.vp8().tl0.wrapping_add(1));
    let begun = got[0].header.timestamp;
    let elapsed = switched.header.timestamp.wrapping_sub(begun);
    assert_eq!(elapsed, 80 * 90, "by our clock, not by theirs");
}

#[test]
fn an_audio_slot_switches_at_once_on_the_20_ms_grid() {
    let mut world = World::new();
    let (one, two) = (world.peer(), world.peer());
    let mut subscriber = world.peer();
    let mut first = world.microphone(1, &one, 1111, None);
    let mut second = world.microphone(2, &two, 2222, None);
    world.audio_slot(1, &subscriber, None);
    world.show(1, 1);
    world.send(&one, &[first.packet(None)]);
    world.send(&two, &[second.packet(None)]);
    world.advance_ms(33);
    world.show(1, 2);
    world.send(&one, &[first.packet(None)]);
    world.send(&two, &[second.packet(None)]);
    let got = world.receive_rtp(&mut subscriber);
    assert_eq!(got.len(), 3);
    assert_eq!(got[2].index, got[1].index + 1);
    assert!(got[2].header.marker, "a talkspurt begins");
    let elapsed = got[2]
        .header
        .timestamp
        .wrapping_sub(got[1].header.timestamp);
    assert_eq!(elapsed % 960, 0);
}

/// A thousand switches between five cameras, with loss, reordering and padding-only packets
/// on the way in.
#[test]
fn output_numbers_never_collide_and_every_hole_is_a_loss_upstream() {
    for seed in 1..=3 {
        random_switches(seed, 350);
    }
}

fn random_switches(seed: u64, switches: usize) {
    let mut dice = Dice(seed);
    let mut world = World::seeded(seed);
    let mut subscriber = world.peer();
    world.video_slot(1, &subscriber);
    let peers: Vec<_> = (0..5).map(|_| world.peer()).collect();
    let mut cameras: Vec<_> = peers
        .iter()
        .zip(1..)
        .map(|(peer, number)| world.camera(number, peer, number as u32 * 1111))
        .collect();
    // Tag of every packet to the number under which it came out, and what was lost.
    let mut out: BTreeMap<u64, [u8; 8]> = BTreeMap::new();
    let mut lost_on_the_way = 0;
    let mut held: HashMap<usize, Sent> = HashMap::new();
    let mut timestamps: BTreeMap<u64, u32> = BTreeMap::new();
    for _ in 0..switches {
        world.show(1, 1 + dice.below(5));
        for _ in 0..1 + dice.below(4) {
            for (index, peer) in peers.iter().enumerate() {
                let is_keyframe = dice.below(3) == 0;
                let sizes = vec![60; 1 + dice.below(4) as usize];
                let mut packets = cameras[index].frame(is_keyframe, &sizes);
                if dice.below(10) == 0 {
                    let padding = Build {
                        padding: 9,
                        ..cameras[index].build(&[], false)
                    };
                    packets.push(padding.sent());
                }
                packets.extend(held.remove(&index));
                if packets.len() > 2 && dice.below(4) == 0 {
                    packets.swap(0, 1);
                }
                if dice.below(12) == 0 {
                    packets.pop();
                    lost_on_the_way += 1;
                } else if dice.below(8) == 0 {
                    held.insert(index, packets.pop().unwrap());
                }
                world.send(peer, &packets);
            }
            world.advance_ms(7);
            for rtp in world.receive_rtp(&mut subscriber) {
                let tag = if rtp.payload.is_empty() {
                    [0; 8]
                } else {
                    rtp.vp8().tag
                };
                assert_eq!(
                    out.insert(rtp.index, tag),
                    None,
                    "number {} used twice",
                    rtp.index
                );
                timestamps.insert(rtp.index, rtp.header.timestamp);
            }
        }
    }
    let (first, last) = (*out.keys().next().unwrap(), *out.keys().last().unwrap());
    let holes = (last - first + 1) as usize - out.len();
    // A packet held back over a switch is a loss too; there is at most one a switch.
    assert!(
        holes <= lost_on_the_way + switches,
        "{holes} holes, {lost_on_the_way} lost"
    );
    assert!(out.len() > switches * 3, "{} packets came out", out.len());
    assert_holes_are_losses(&out);
}

/// Between two neighbours out of one camera's stretch the distance out is the distance in.
fn assert_holes_are_losses(out: &BTreeMap<u64, [u8; 8]>) {
    let mut seen: HashMap<[u8; 8], u64> = HashMap::new();
    for (&index, &tag) in out.iter().filter(|(_, tag)| **tag != [0; 8]) {
        assert_eq!(seen.insert(tag, index), None, "a packet came out twice");
    }
    for pair in out.iter().collect::<Vec<_>>().windows(2) {
        let ((&before, one), (&after, two)) = (pair[0], pair[1]);
        let is_same_frame = one[..6] == two[..6] && *one != [0; 8];
        if is_same_frame {
            let (one, two) = (tag_packet(one), tag_packet(two));
            assert_eq!(after - before, two - one, "distance within a frame");
        }
    }
}

fn tag_packet(tag: &[u8; 8]) -> u64 {
    u64::from(u16::from_be_bytes([tag[6], tag[7]]))
}

#[test]
fn without_loss_there_are_no_holes_at_all() {
    let mut dice = Dice(5);
    let mut world = World::new();
    let mut subscriber = world.peer();
    world.video_slot(1, &subscriber);
    let peers: Vec<_> = (0..4).map(|_| world.peer()).collect();
    let mut cameras: Vec<_> = peers
        .iter()
        .zip(1..)
        .map(|(peer, number)| world.camera(number, peer, number as u32 * 1111))
        .collect();
    let (mut next, mut picture_id, mut timestamp) = (None, None::<u16>, None::<u32>);
    for _ in 0..1000 {
        world.show(1, 1 + dice.below(4));
        for (index, peer) in peers.iter().enumerate() {
            let is_keyframe = dice.below(2) == 0;
            let frame = cameras[index].frame(is_keyframe, &[50, 50]);
            world.send(peer, &frame);
            if dice.below(5) == 0 {
                let padding = Build {
                    padding: 9,
                    ..cameras[index].build(&[], false)
                }
                .sent();
                world.send(peer, &[padding]);
            }
        }
        world.advance_ms(33);
        for rtp in world.receive_rtp(&mut subscriber) {
            let index = rtp.index;
            assert_eq!(next.replace(index + 1).unwrap_or(index), index);
            let id = rtp.vp8().picture_id;
            let expected = match (picture_id, rtp.vp8().is_start) {
                (Some(previous), true) => (previous + 1) & 0x7fff,
                (Some(previous), false) => previous,
                (None, _) => id,
            };
            assert_eq!(id, expected);
            picture_id = Some(id);
            let step = rtp
                .header
                .timestamp
                .wrapping_sub(timestamp.unwrap_or(rtp.header.timestamp));
            assert!(step < 90_000, "timestamps never go back: {step}");
            timestamp = Some(rtp.header.timestamp);
        }
    }
    assert!(next.is_some());
}

#[test]
fn late_packets_from_before_the_switch_are_dropped() {
    let mut world = World::new();
    let (one, two) = (world.peer(), world.peer());
    let mut subscriber = world.peer();
    let mut first = world.camera(1, &one, 1111);
    let mut second = world.camera(2, &two, 2222);
    world.video_slot(1, &subscriber);
    world.show(1, 1);
    let mut old = first.frame(true, &[100, 100, 100]);
    let late = old.remove(1);
    world.send(&one, &old);
    world.show(1, 2);
    let early = second.frame(false, &[100]);
    let frame = second.frame(true, &[100]);
    world.send(&two, &frame);
    world.send(&two, &early);
    world.send(&one, &[late]);
    let got = world.receive_rtp(&mut subscriber);
    let first = got[0].index;
    assert_eq!(
        got.iter().map(|rtp| rtp.index - first).collect::<Vec<_>>(),
        [0, 2, 3]
    );
}

#[test]
fn frame_numbers_of_the_dependency_descriptor_go_on_by_one() {
    let mut extensions = EXTENSIONS.to_vec();
    extensions.push((9, Extension::DependencyDescriptor));
    let mut world = World::new();
    let mut peer = || world.peer_with(SrtpProfile::AeadAes128Gcm, &extensions);
    let (one, two, mut subscriber) = (peer(), peer(), peer());
    let mut cameras = [world.camera(1, &one, 1111), world.camera(2, &two, 2222)];
    world.video_slot(1, &subscriber);
    let mut numbers = Vec::new();
    for (round, (camera, peer)) in [(0, &one), (1, &two), (0, &one)].into_iter().enumerate() {
        world.show(1, camera as u64 + 1);
        for frame in 0..3u16 {
            let camera = &mut cameras[camera];
            let payload = camera.payload(0, frame == 0, 100);
            let mut build = camera.build(&payload, true);
            // Numbers that fall from camera to camera, and wrap.
            let number = 65534u16
                .wrapping_add(frame)
                .wrapping_sub(round as u16 * 300);
            let [high, low] = number.to_be_bytes();
            build.extensions.push((9, vec![0xc0, high, low]));
            world.send(peer, &[build.sent()]);
            camera.end_frame();
        }
        for rtp in world.receive_rtp(&mut subscriber) {
            let descriptor = rtp.extension(Extension::DependencyDescriptor).unwrap();
            assert_eq!(descriptor[0], 0xc0);
            numbers.push(u16::from_be_bytes([descriptor[1], descriptor[2]]));
        }
    }
    assert_eq!(numbers.len(), 9);
    assert!(
        numbers
            .windows(2)
            .all(|pair| pair[1] == pair[0].wrapping_add(1)),
        "{numbers:?}"
    );
}

#[test]
fn a_path_that_comes_back_goes_on_at_a_keyframe_without_a_hole() {
    let Scene {
        mut world,
        publisher,
        mut viewer,
        mut camera,
    } = Scene::new();
    let frame = camera.frame(true, &[100]);
    world.send(&publisher, &frame);
    let before = world.receive_rtp(&mut viewer)[0].index;
    // Only the publisher keeps its consent fresh.
    for _ in 0..4 {
        world.advance_ms(9_000);
        world.connect(&publisher);
        let frame = camera.frame(false, &[100]);
        world.send(&publisher, &frame);
    }
    let frame = camera.frame(false, &[100]);
    world.receive(&mut viewer);
    world.send(&publisher, &frame);
    assert_eq!(world.receive_rtp(&mut viewer).len(), 0, "the path is lost");
    let (transport, ice) = (viewer.id, viewer.credentials());
    world.command(Command::RestartIce { transport, ice });
    world.connect(&viewer);
    let highest = world.slot(1).packets;
    let frames = [camera.frame(false, &[100]), camera.frame(true, &[100])].concat();
    world.send(&publisher, &frames);
    let got = world.receive_rtp(&mut viewer);
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].index, before + highest, "the next number");
}

/// A camera in two sizes, both of which carry packets already, and a slot that shows it large.
fn two_sizes(world: &mut World) -> (Peer, Peer, Camera, Camera) {
    let (publisher, subscriber) = (world.peer(), world.peer());
    world.add_camera(1, &publisher, &["f", "h"]);
    let mut large = Camera::new(&publisher, 1111, Some("f"), "v1");
    let mut small = Camera::new(&publisher, 2222, Some("h"), "v1");
    for camera in [&mut large, &mut small] {
        let frame = camera.frame(true, &[900]);
        world.send(&publisher, &frame);
    }
    world.video_slot(1, &subscriber);
    world.show_layer(1, 1, 0);
    (publisher, subscriber, large, small)
}

fn cameras(world: &mut World, subscriber: &mut Peer) -> Vec<u32> {
    let got = world.receive_rtp(subscriber);
    for pair in got.windows(2) {
        assert_eq!(pair[1].index, pair[0].index + 1);
        assert_ne!(pair[1].header.timestamp, pair[0].header.timestamp);
    }
    let ssrc = |rtp: &Rtp| u32::from_be_bytes(rtp.vp8().tag[..4].try_into().unwrap());
    got.iter().map(ssrc).collect()
}

#[test]
fn a_small_picture_is_shown_until_the_large_one_is_there() {
    let mut world = World::without_adaptation();
    let (publisher, mut subscriber, mut large, mut small) = two_sizes(&mut world);
    for (is_keyframe, is_large) in [
        (false, false),
        (true, false),
        (false, true),
        (false, false),
        (true, true),
        (false, false),
        (true, false),
        (false, true),
    ] {
        let camera = if is_large { &mut large } else { &mut small };
        let frame = camera.frame(is_keyframe, &[900]);
        world.send(&publisher, &frame);
        world.advance_ms(20);
    }
    let shown = cameras(&mut world, &mut subscriber);
    assert_eq!(shown, [2222, 2222, 1111, 1111]);
}

#[test]
fn the_large_picture_is_not_preceded_by_a_small_one_that_comes_later() {
    let mut world = World::without_adaptation();
    let (publisher, mut subscriber, mut large, mut small) = two_sizes(&mut world);
    let both = [large.frame(true, &[900]), small.frame(true, &[700])].concat();
    world.send(&publisher, &both);
    world.advance_ms(20);
    let frame = small.frame(true, &[700]);
    world.send(&publisher, &frame);
    assert_eq!(cameras(&mut world, &mut subscriber), [1111]);
}

#[test]
fn a_slot_that_shows_a_source_waits_for_the_size_it_wants() {
    let mut world = World::without_adaptation();
    let (publisher, mut subscriber, mut large, mut small) = two_sizes(&mut world);
    let frame = large.frame(true, &[900]);
    world.send(&publisher, &frame);
    world.show_layer(1, 1, 1);
    world.show_layer(1, 1, 0);
    let frame = small.frame(true, &[700]);
    world.send(&publisher, &frame);
    assert_eq!(cameras(&mut world, &mut subscriber), [1111]);
}
