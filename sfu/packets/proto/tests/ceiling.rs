//! A publisher has a ceiling: it is told of it, and who ignores it grossly loses its video only.

#![allow(clippy::unwrap_used)]

mod world;

use std::time::Duration;

use sfu_proto::command::*;
use sfu_proto::drop::DropReason;
use sfu_proto::ids::SourceId;
use sfu_proto::router::{Router, RouterConfig};
use sfu_proto::rtcp::{Packet, packets};
use world::*;

const CEILING_BPS: u64 = 1_000_000;

fn world() -> World {
    let mut world = World::new();
    let mut config = RouterConfig::new(world.start, Duration::from_secs(1), 1);
    config.publisher_bitrate_bps = CEILING_BPS;
    world.router = Router::new(config);
    world
}

fn add_video(world: &mut World, peer: &Peer, id: u64, transport_cc: bool) -> Camera {
    let vp8 = CodecParameters {
        remb: true,
        pli: true,
        transport_cc,
        ..codec(Codec::Vp8, VP8, 90_000)
    };
    let mid = format!("v{id}");
    world.command(Command::AddSource {
        source: SourceId(id),
        parameters: SourceParameters {
            transport: peer.id,
            mid: mid.clone(),
            kind: MediaKind::Video,
            codecs: vec![vp8],
            rids: Vec::new(),
            announced: Vec::new(),
            room: None,
            is_screen: false,
        },
    });
    Camera::new(peer, 1000 + id as u32, None, &mid)
}

fn told(world: &mut World, peer: &mut Peer) -> Vec<u64> {
    let mail = world.receive(peer);
    let all = mail.rtcp.iter().flat_map(|datagram| packets(datagram));
    all.filter_map(|packet| match packet.unwrap() {
        Packet::Remb { bitrate_bps } => Some(bitrate_bps),
        _ => None,
    })
    .collect()
}

/// Ten packets of so many bytes each 100 ms.
fn film(
    world: &mut World,
    peer: &mut Peer,
    camera: &mut Camera,
    size: usize,
    rounds: u32,
) -> Vec<u64> {
    let mut heard = Vec::new();
    for round in 0..rounds {
        let frame = camera.frame(round % 10 == 0, &[size; 10]);
        world.send(peer, &frame);
        world.advance_ms(100);
        heard.extend(told(world, peer));
    }
    heard
}

#[test]
fn a_publisher_without_transport_feedback_is_never_told_more() {
    let mut world = world();
    let mut publisher = world.peer();
    add_video(&mut world, &publisher, 2, false);
    let mut camera = add_video(&mut world, &publisher, 1, false);
    let heard = film(&mut world, &mut publisher, &mut camera, 200, 50);
    assert!(heard.len() >= 3, "{heard:?}");
    // REMB has 18 bits of mantissa.
    assert!(
        heard
            .iter()
            .all(|bps| (990_000..=CEILING_BPS).contains(bps)),
        "{heard:?}"
    );
}

#[test]
fn a_publisher_that_estimates_for_itself_is_told_when_it_comes_near() {
    let mut world = world();
    let mut publisher = world.peer();
    let mut camera = add_video(&mut world, &publisher, 1, true);
    let heard = film(&mut world, &mut publisher, &mut camera, 500, 50);
    assert_eq!(heard, []);
    let heard = film(&mut world, &mut publisher, &mut camera, 1100, 50);
    assert!(heard.len() >= 3, "{heard:?}");
    assert!(
        heard
            .iter()
            .all(|bps| (990_000..=CEILING_BPS).contains(bps)),
        "{heard:?}"
    );
    assert_eq!(world.drops(DropReason::OverBitrate), 0);
}

#[test]
fn who_ignores_it_loses_its_video_until_it_heeds_and_nobody_else_loses_anything() {
    for times in [3, 10] {
        who_sends_so_many_times_the_ceiling(times);
    }
}

fn who_sends_so_many_times_the_ceiling(times: usize) {
    let mut world = world();
    let (greedy, other) = (world.peer(), world.peer());
    let mut viewer = world.peer();
    let mut camera = add_video(&mut world, &greedy, 1, true);
    let mut microphone = world.microphone(2, &greedy, 22, None);
    let mut innocent = add_video(&mut world, &other, 3, true);
    for (slot, source) in [(1, 1), (3, 3)] {
        world.video_slot(slot, &viewer);
        world.show(slot, source);
    }
    world.audio_slot(2, &viewer, None);
    world.show(2, 2);
    let mut round = |world: &mut World, size: usize| {
        let frame = camera.frame(true, &[size; 10]);
        world.send(&greedy, &frame);
        world.send(&greedy, &[microphone.packet(None)]);
        let frame = innocent.frame(true, &[300]);
        world.send(&other, &frame);
        let got = world.receive_rtp(&mut viewer);
        // Their consent must not end meanwhile.
        for peer in [&greedy, &other, &viewer] {
            world.connect(peer);
        }
        world.advance_ms(100);
        [1, 2, 3].map(|slot| {
            got.iter()
                .filter(|rtp| rtp.header.ssrc == slot_ssrc(slot))
                .count()
        })
    };
    let counts: Vec<_> = (0..100).map(|_| round(&mut world, 1250 * times)).collect();
    assert_eq!(counts[2], [10, 1, 1]);
    assert!(
        counts.iter().all(|count| count[1..] == [1, 1]),
        "{counts:?}"
    );
    assert!(counts[30..].iter().all(|count| count[0] == 0), "{counts:?}");
    let dropped = world.drops(DropReason::OverBitrate);
    assert!(dropped >= 700, "{dropped}");
    let counts: Vec<_> = (0..100).map(|_| round(&mut world, 500)).collect();
    assert!(
        counts[60..].iter().all(|count| *count == [10, 1, 1]),
        "{counts:?}"
    );
}

fn cameras(peer: &Peer) -> [Camera; 3] {
    let layers = [("f", 11), ("h", 12), ("q", 13)];
    layers.map(|(rid, ssrc)| Camera::new(peer, ssrc, Some(rid), "v1"))
}

/// Three layers, and kbit/s of the highest.
fn film_in_layers(world: &mut World, layers: &mut [Camera], peer: &Peer, kbps: u64, ms: u64) {
    for _ in 0..ms / 100 {
        for (camera, kbps) in layers.iter_mut().zip([kbps, 100, 50]) {
            let packets = (kbps as usize * 100 / 8).div_ceil(1000);
            let frame = camera.frame(true, &vec![1000; packets]);
            world.send(peer, &frame);
        }
        world.advance_ms(100);
    }
}

#[test]
fn a_camera_has_a_share_that_ten_times_as_much_is_not_of() {
    let mut world = World::configured(1, |config| config.adapts = false);
    let (greedy, mut viewer) = (world.peer(), world.peer());
    world.add_camera(1, &greedy, &["f", "h", "q"]);
    let mut layers = cameras(&greedy);
    let mut screen = add_video(&mut world, &greedy, 2, true);
    for slot in [1, 2] {
        world.video_slot(slot, &viewer);
        world.show(slot, slot);
    }
    let mut second = |world: &mut World, kbps: u64| {
        film_in_layers(world, &mut layers, &greedy, kbps, 500);
        let frame = screen.frame(true, &[1000]);
        world.send(&greedy, &frame);
        film_in_layers(world, &mut layers, &greedy, kbps, 500);
        let got = world.receive_rtp(&mut viewer);
        for peer in [&greedy, &viewer] {
            world.connect(peer);
        }
        [1, 2].map(|slot| {
            let mut all = got.iter().map(|rtp| rtp.header.ssrc);
            all.any(|ssrc| ssrc == slot_ssrc(slot))
        })
    };
    // What is planned at most, half as much again as its share, and ten times the plan.
    for (kbps, goes_on) in [(2_400, true), (6_500, true), (17_000, false), (500, true)] {
        let seconds: Vec<_> = (0..8).map(|_| second(&mut world, kbps)).collect();
        let settled = &seconds[3..];
        let is_expected = |seen: &[bool; 2]| *seen == [goes_on, true];
        assert!(
            settled.iter().all(is_expected),
            "{kbps} kbit/s: {seconds:?}"
        );
        assert!(seconds.iter().all(|seen| seen[1]), "the screen goes on");
    }
    assert!(world.drops(DropReason::OverBitrate) > 1000);
}

#[test]
fn a_camera_that_comes_near_its_share_is_told_of_it() {
    let mut world = World::configured(1, |config| config.adapts = false);
    let mut publisher = world.peer();
    let Command::AddSource {
        source,
        mut parameters,
    } = add_camera(1, &publisher, &["f", "h", "q"])
    else {
        panic!()
    };
    parameters.codecs[0].remb = true;
    world.command(Command::AddSource { source, parameters });
    let mut layers = cameras(&publisher);
    film_in_layers(&mut world, &mut layers, &publisher, 2_400, 4_000);
    assert_eq!(told(&mut world, &mut publisher), []);
    film_in_layers(&mut world, &mut layers, &publisher, 4_800, 4_000);
    let heard = told(&mut world, &mut publisher);
    assert!(heard.len() >= 3, "{heard:?}");
    let is_share = |bps: &u64| (4_990_000..=5_000_000).contains(bps);
    assert!(heard.iter().all(is_share), "{heard:?}");
}

/// What came of a second's worth of packets, each of these many bytes.
fn second(
    world: &mut World,
    publisher: &mut Peer,
    viewer: &mut Peer,
    packets: usize,
    mut next: impl FnMut() -> Sent,
) -> usize {
    for _ in 0..10 {
        let burst: Vec<_> = (0..packets / 10).map(|_| next()).collect();
        world.send(publisher, &burst);
        world.advance_ms(100);
    }
    let count = world.receive_rtp(viewer).len();
    for peer in [publisher, viewer] {
        world.connect(peer);
    }
    count
}

#[test]
fn sound_beyond_what_any_codec_makes_is_dropped_until_it_ends() {
    let mut world = World::new();
    let (mut greedy, mut viewer) = (world.peer(), world.peer());
    let mut microphone = world.microphone(1, &greedy, 11, None);
    world.audio_slot(1, &viewer, None);
    world.show(1, 1);
    // Some 10 Mbit/s in tiny packets.
    let size = microphone.packet(None).packet.len() * 8;
    let packets = 10_000_000 / size;
    let counts: Vec<_> = (0..3)
        .map(|_| {
            second(&mut world, &mut greedy, &mut viewer, packets, || {
                microphone.packet(None)
            })
        })
        .collect();
    assert_eq!(counts[2], 0, "{counts:?}");
    assert!(world.drops(DropReason::OverBitrate) > 0);
    let counts: Vec<_> = (0..6)
        .map(|_| {
            second(&mut world, &mut greedy, &mut viewer, 50, || {
                microphone.packet(None)
            })
        })
        .collect();
    assert_eq!(counts[5], 50, "{counts:?}");
}

#[test]
fn a_flood_of_tiny_packets_is_as_dear_as_one_of_large_ones() {
    let mut world = world();
    let (mut greedy, mut viewer) = (world.peer(), world.peer());
    let mut camera = add_video(&mut world, &greedy, 1, true);
    world.video_slot(1, &viewer);
    world.show(1, 1);
    // Nearly the same bits in few packets and in many.
    let mut frame = || camera.frame(true, &[1100]).remove(0);
    let counts: Vec<_> = (0..5)
        .map(|_| second(&mut world, &mut greedy, &mut viewer, 140, &mut frame))
        .collect();
    assert_eq!(counts, [140; 5]);
    let mut frame = || camera.frame(true, &[12]).remove(0);
    let counts: Vec<_> = (0..5)
        .map(|_| second(&mut world, &mut greedy, &mut viewer, 2_000, &mut frame))
        .collect();
    assert!(counts[0] < 1_000, "{counts:?}");
    assert_eq!(counts[4], 0, "{counts:?}");
}
