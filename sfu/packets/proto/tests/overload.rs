//! When sending falls behind, whole frames are left out by policy: audio last, and no holes.

#![allow(clippy::unwrap_used)]

mod world;

use std::time::Duration;

use sfu_proto::command::Command;
use sfu_proto::drop::DropReason;
use sfu_proto::ids::SlotId;
use sfu_proto::rtcp::Packet;
use sfu_proto::transmit::Datagram;
use world::*;

const LATE: Duration = Duration::from_millis(200);

struct Scene {
    world: World,
    publisher: Peer,
    viewer: Peer,
    camera: Camera,
    microphone: Microphone,
}

/// A viewer who sees a camera and hears a microphone.
fn scene() -> Scene {
    let mut world = World::without_ceiling();
    let mut publisher = world.peer();
    let mut viewer = world.peer();
    let mut camera = world.camera(1, &publisher, 1111);
    let mut microphone = world.microphone(2, &publisher, 2222, None);
    world.video_slot(1, &viewer);
    world.audio_slot(2, &viewer, None);
    world.show(1, 1);
    world.show(2, 2);
    let word = microphone.packet(None);
    world.send(&publisher, &camera.frame(true, &[500; 3]));
    world.send(&publisher, &[word]);
    assert_eq!(world.receive_rtp(&mut viewer).len(), 4);
    world.advance_ms(1_500);
    world.receive(&mut viewer);
    world.receive(&mut publisher);
    Scene {
        world,
        publisher,
        viewer,
        camera,
        microphone,
    }
}

#[test]
fn late_video_is_left_out_before_audio_and_begins_anew() {
    let mut scene = scene();
    let first = scene.camera.frame(false, &[500; 3]);
    scene.world.send(&scene.publisher, &first);
    let before = scene.world.receive_rtp(&mut scene.viewer);
    let mut waiting = scene.camera.frame(false, &[500; 3]);
    waiting.push(scene.microphone.packet(None));
    waiting.extend(scene.camera.frame(false, &[500; 3]));
    scene.world.fall_behind(&scene.publisher, &waiting, LATE);
    let got = scene.world.receive_rtp(&mut scene.viewer);
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].header.payload_type, OPUS);
    assert_eq!(scene.world.drops(DropReason::VideoShed), 6);
    assert_eq!(scene.world.drops(DropReason::AudioShed), 0);
    // A keyframe is asked for; until it comes nothing is sent that could not be decoded.
    scene.world.advance_ms(1_000);
    let mail = scene.world.receive(&mut scene.publisher);
    assert!(count_rtcp(&mail, |packet| matches!(packet, Packet::Pli { .. })) > 0);
    let broken = scene.camera.frame(false, &[500; 3]);
    scene.world.send(&scene.publisher, &broken);
    assert_eq!(scene.world.receive_rtp(&mut scene.viewer).len(), 0);
    let keyframe = scene.camera.frame(true, &[500; 3]);
    scene.world.send(&scene.publisher, &keyframe);
    let after = scene.world.receive_rtp(&mut scene.viewer);
    assert_eq!(after.len(), 3);
    assert_eq!(after[0].index, before[2].index + 1, "no hole to NACK");
}

#[test]
fn audio_goes_last() {
    let mut scene = scene();
    let word = scene.microphone.packet(None);
    let late = Duration::from_millis(399);
    scene.world.fall_behind(&scene.publisher, &[word], late);
    assert_eq!(scene.world.receive_rtp(&mut scene.viewer).len(), 1);
    let word = scene.microphone.packet(None);
    let too_late = Duration::from_millis(400);
    scene.world.fall_behind(&scene.publisher, &[word], too_late);
    assert_eq!(scene.world.receive_rtp(&mut scene.viewer).len(), 0);
    assert_eq!(scene.world.drops(DropReason::AudioShed), 1);
    let word = scene.microphone.packet(None);
    scene.world.send(&scene.publisher, &[word]);
    assert_eq!(scene.world.receive_rtp(&mut scene.viewer).len(), 1);
}

#[test]
fn what_is_sent_in_time_is_never_left_out() {
    let mut scene = scene();
    let frame = scene.camera.frame(false, &[500; 3]);
    scene
        .world
        .fall_behind(&scene.publisher, &frame, Duration::from_millis(149));
    assert_eq!(scene.world.receive_rtp(&mut scene.viewer).len(), 3);
    assert_eq!(scene.world.drops(DropReason::VideoShed), 0);
}

#[test]
fn a_frame_that_has_begun_goes_out_to_its_end() {
    let mut scene = scene();
    let mut packets = scene.camera.frame(false, &[500; 3]);
    let end = packets.split_off(2);
    scene.world.send(&scene.publisher, &packets);
    let begin = scene.world.receive_rtp(&mut scene.viewer);
    assert_eq!(begin.len(), 2);
    let mut waiting = end;
    waiting.extend(scene.camera.frame(false, &[500; 3]));
    scene.world.fall_behind(&scene.publisher, &waiting, LATE);
    let got = scene.world.receive_rtp(&mut scene.viewer);
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].index, begin[1].index + 1);
    assert!(got[0].header.marker, "the frame is whole");
    assert_eq!(scene.world.drops(DropReason::VideoShed), 3);
    let keyframe = scene.camera.frame(true, &[500; 3]);
    scene.world.send(&scene.publisher, &keyframe);
    let after = scene.world.receive_rtp(&mut scene.viewer);
    assert_eq!(after.len(), 3);
    assert_eq!(after[0].index, got[0].index + 1, "no hole to NACK");
}

#[test]
fn the_picture_on_stage_goes_after_the_small_ones() {
    let mut scene = scene();
    let mut other = scene.world.peer();
    scene.world.video_slot(3, &other);
    scene.world.show(3, 1);
    let (slot, is_stage) = (SlotId(1), true);
    scene.world.command(Command::SetStage { slot, is_stage });
    let keyframe = scene.camera.frame(true, &[500; 3]);
    scene.world.send(&scene.publisher, &keyframe);
    scene.world.receive_rtp(&mut scene.viewer);
    assert_eq!(scene.world.receive_rtp(&mut other).len(), 3);

    let frame = scene.camera.frame(false, &[500; 3]);
    scene.world.fall_behind(&scene.publisher, &frame, LATE);
    assert_eq!(scene.world.receive_rtp(&mut scene.viewer).len(), 3);
    assert_eq!(scene.world.receive_rtp(&mut other).len(), 0);
    assert_eq!(scene.world.drops(DropReason::VideoShed), 3);
    assert_eq!(scene.world.drops(DropReason::StageShed), 0);

    let frame = scene.camera.frame(false, &[500; 3]);
    let later = Duration::from_millis(250);
    scene.world.fall_behind(&scene.publisher, &frame, later);
    assert_eq!(scene.world.receive_rtp(&mut scene.viewer).len(), 0);
    assert_eq!(scene.world.drops(DropReason::StageShed), 3);
}

/// Nothing is taken from the router meanwhile, and no time passes.
fn wait_in_the_router(scene: &mut Scene, packets: &[Sent]) {
    for sent in packets {
        let mut data = scene.publisher.protect(&sent.packet, sent.index);
        let path = scene.publisher.path;
        let mut batch = [Datagram {
            path,
            data: &mut data,
        }];
        scene
            .world
            .router
            .handle_datagrams(scene.world.now, &mut batch);
    }
}

#[test]
fn where_too_many_wait_the_oldest_video_makes_room_and_audio_stays() {
    let mut scene = scene();
    let mut words = 0;
    for round in 0..9_000 {
        let mut packets = scene.camera.frame(false, &[60]);
        if round % 100 == 0 {
            packets.push(scene.microphone.packet(None));
            words += 1;
        }
        wait_in_the_router(&mut scene, &packets);
    }
    scene.world.collect();
    let got = scene.world.receive_rtp(&mut scene.viewer);
    assert_eq!(got.len(), words, "no picture without its keyframe");
    assert!(got.iter().all(|rtp| rtp.header.payload_type == OPUS));
    assert!(scene.world.drops(DropReason::VideoShed) > 0);
    for reason in [DropReason::AudioShed, DropReason::SendQueueFull] {
        assert_eq!(scene.world.drops(reason), 0);
    }
}

#[test]
fn too_much_audio_alone_is_bounded_too() {
    let mut scene = scene();
    for _ in 0..9_000 {
        let word = scene.microphone.packet(None);
        wait_in_the_router(&mut scene, &[word]);
    }
    scene.world.collect();
    let got = scene.world.receive_rtp(&mut scene.viewer).len();
    assert!(got <= 8192, "{got}");
    assert!(scene.world.drops(DropReason::AudioShed) > 0);
}

#[test]
fn lateness_is_told_before_anything_is_left_out() {
    let mut scene = scene();
    let frame = scene.camera.frame(false, &[500; 3]);
    wait_in_the_router(&mut scene, &frame);
    let now = scene.world.now + Duration::from_millis(121);
    assert!(scene.world.router.lateness(now) > 0.8);
    scene.world.now = now;
    scene.world.collect();
    assert_eq!(scene.world.receive_rtp(&mut scene.viewer).len(), 3);
    assert!(scene.world.router.lateness(now) < 0.01);
}
