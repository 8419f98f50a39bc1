//! However many viewers ask, a publisher is asked within a bucket, and one keyframe serves all.

#![allow(clippy::unwrap_used)]

mod world;

use sfu_proto::event::Event;
use sfu_proto::ids::{SlotId, SourceId};
use sfu_proto::rtcp::{Packet, write_fir, write_pli};
use world::*;

fn plis(mail: &Mail) -> usize {
    count_rtcp(mail, |packet| {
        matches!(packet, Packet::Pli { media_ssrc: 1111 })
    })
}

#[test]
fn one_keyframe_serves_every_waiting_slot() {
    let mut world = World::new();
    let mut publisher = world.peer();
    let mut camera = world.camera(1, &publisher, 1111);
    let frame = camera.frame(true, &[300]);
    world.send(&publisher, &frame);
    let mut subscribers: Vec<_> = (0..50).map(|_| world.peer()).collect();
    for (subscriber, slot) in subscribers.iter().zip(1..) {
        world.video_slot(slot, subscriber);
        world.show(slot, 1);
    }
    world.advance_ms(100);
    assert_eq!(plis(&world.receive(&mut publisher)), 1);
    let frame = camera.frame(true, &[300, 300]);
    world.send(&publisher, &frame);
    for subscriber in &mut subscribers {
        assert_eq!(world.receive_rtp(subscriber).len(), 2);
    }
    let switched = world
        .events
        .iter()
        .filter(|event| matches!(event, Event::SlotSwitched { .. }))
        .count();
    assert_eq!(switched, 50);
    for _ in 0..20 {
        world.advance_ms(100);
        let frame = camera.frame(false, &[300]);
        world.send(&publisher, &frame);
    }
    assert_eq!(
        plis(&world.receive(&mut publisher)),
        0,
        "nobody waits any longer"
    );
}

#[test]
fn the_keyframe_that_begins_a_layer_needs_no_request() {
    let mut world = World::new();
    let mut publisher = world.peer();
    let mut camera = world.camera(1, &publisher, 1111);
    let mut viewer = world.peer();
    world.video_slot(1, &viewer);
    world.show(1, 1);
    let frame = camera.frame(true, &[300]);
    world.send(&publisher, &frame);
    assert_eq!(world.receive_rtp(&mut viewer).len(), 1);
    world.advance_ms(1000);
    assert_eq!(plis(&world.receive(&mut publisher)), 0);
}

#[test]
fn a_hundred_askers_cost_the_publisher_one_request_a_second() {
    let mut world = World::new();
    let mut publisher = world.peer();
    let mut camera = world.camera(1, &publisher, 1111);
    let mut viewer = world.peer();
    world.video_slot(1, &viewer);
    world.show(1, 1);
    let frame = camera.frame(true, &[300]);
    world.send(&publisher, &frame);
    world.receive(&mut publisher);
    let (mut pli, mut fir) = (Vec::new(), Vec::new());
    write_pli(&mut pli, 1, slot_ssrc(1));
    write_fir(&mut fir, 1, slot_ssrc(1), 1);
    let mut asked = 0;
    for round in 0..200 {
        world.send_rtcp(&mut viewer, if round % 2 == 0 { &pli } else { &fir });
        world.advance_ms(50);
        // The encoder answers every request, as browsers do.
        let now = plis(&world.receive(&mut publisher));
        asked += now;
        let frame = camera.frame(now > 0, &[300]);
        world.send(&publisher, &frame);
    }
    // 10 s: a burst of 3, then one a second.
    assert!((10..=13).contains(&asked), "{asked} requests");
    assert_eq!(world.slot(1).plis_received, 200);
}

#[test]
fn the_request_is_repeated_until_the_keyframe_comes() {
    let mut world = World::new();
    let mut publisher = world.peer();
    let mut camera = world.camera(1, &publisher, 1111);
    let viewer = world.peer();
    let frame = camera.frame(false, &[300]);
    world.send(&publisher, &frame);
    world.video_slot(1, &viewer);
    world.show(1, 1);
    let mut asked = 0;
    for _ in 0..60 {
        world.advance_ms(33);
        let frame = camera.frame(false, &[300]);
        world.send(&publisher, &frame);
        asked += plis(&world.receive(&mut publisher));
    }
    assert!((3..=5).contains(&asked), "{asked} requests in 2 s");
}

#[test]
fn nobody_asks_for_a_slot_that_shows_something_else_by_now() {
    let mut world = World::new();
    let mut publisher = world.peer();
    let mut camera = world.camera(1, &publisher, 1111);
    let viewer = world.peer();
    world.video_slot(1, &viewer);
    let frame = camera.frame(false, &[300]);
    world.send(&publisher, &frame);
    world.show(1, 1);
    world.advance_ms(20);
    assert_eq!(plis(&world.receive(&mut publisher)), 1);
    world.command(sfu_proto::command::Command::Show {
        slot: SlotId(1),
        source: None,
        layer: 0,
    });
    for _ in 0..60 {
        world.advance_ms(33);
        let frame = camera.frame(false, &[300]);
        world.send(&publisher, &frame);
    }
    assert_eq!(plis(&world.receive(&mut publisher)), 0);
}

#[test]
fn simulcast_layers_are_learned_from_packets_and_fall_back_when_they_cease() {
    let mut world = World::new();
    let publisher = world.peer();
    let mut viewer = world.peer();
    world.add_camera(1, &publisher, &["f", "h", "q"]);
    let mut full = Camera::new(&publisher, 1001, Some("f"), "v1");
    let mut quarter = Camera::new(&publisher, 1003, Some("q"), "v1");
    world.video_slot(1, &viewer);
    world.show_layer(1, 1, 1);
    let mut from = |world: &mut World, camera: &mut Camera, is_keyframe: bool| {
        let frame = camera.frame(is_keyframe, &[100]);
        world.send(&publisher, &frame);
        let got = world.receive_rtp(&mut viewer);
        got.iter()
            .map(|rtp| u32::from_be_bytes(rtp.vp8().tag[..4].try_into().unwrap()))
            .collect()
    };
    let nothing: [u32; 0] = [];
    let got: Vec<u32> = from(&mut world, &mut full, true);
    assert_eq!(got, [1001], "above, while there is nothing at or below");
    let got: Vec<u32> = from(&mut world, &mut quarter, false);
    assert_eq!(got, nothing);
    let got: Vec<u32> = from(&mut world, &mut quarter, true);
    assert_eq!(got, [1003], "the nearest at or below");
    for _ in 0..40 {
        world.advance_ms(33);
        let _: Vec<u32> = from(&mut world, &mut full, false);
    }
    let layers: Vec<_> = world
        .take_events()
        .into_iter()
        .filter_map(|event| match event {
            Event::SourceLayersChanged {
                source: SourceId(1),
                layers,
                ..
            } => Some(layers),
            _ => None,
        })
        .collect();
    assert_eq!(layers, [vec![0], vec![0, 2], vec![0]]);
    let got: Vec<u32> = from(&mut world, &mut full, true);
    assert_eq!(got, [1001]);
}

#[test]
fn mid_and_rid_need_to_stand_on_the_first_packets_only() {
    let mut world = World::new();
    let publisher = world.peer();
    let mut viewer = world.peer();
    world.add_camera(1, &publisher, &["f", "h"]);
    let mut half = Camera::new(&publisher, 1002, Some("h"), "v1");
    world.video_slot(1, &viewer);
    world.show(1, 1);
    let frame = half.frame(true, &[100]);
    world.send(&publisher, &frame);
    let payload = half.payload(0, true, 100);
    let bare = Build {
        extensions: Vec::new(),
        ..half.build(&payload, true)
    }
    .sent();
    world.send(&publisher, &[bare]);
    assert_eq!(world.receive_rtp(&mut viewer).len(), 2);
    // Removed and published again on the same m-line: the SSRC is still known.
    world.command(sfu_proto::command::Command::RemoveSource {
        source: SourceId(1),
    });
    world.command(sfu_proto::command::Command::AddSource {
        source: SourceId(2),
        parameters: sfu_proto::command::SourceParameters {
            transport: publisher.id,
            mid: "v1".to_owned(),
            kind: sfu_proto::command::MediaKind::Video,
            codecs: video_codecs(),
            rids: vec!["f".to_owned(), "h".to_owned()],
            announced: Vec::new(),
            room: None,
            is_screen: false,
        },
    });
    world.show(1, 2);
    half.end_frame();
    let payload = half.payload(0, true, 100);
    let bare = Build {
        extensions: Vec::new(),
        ..half.build(&payload, true)
    }
    .sent();
    world.send(&publisher, &[bare]);
    assert_eq!(world.receive_rtp(&mut viewer).len(), 1);
    assert_eq!(world.slot(1).layer, 1);
}
