//! A frame leaves in one piece, no later than it could be decoded, and never late.

#![allow(clippy::unwrap_used)]

mod world;

use std::time::Duration;

use sfu_proto::command::Command;
use sfu_proto::router::HoldConfig;
use world::*;

const HOLD: HoldConfig = HoldConfig {
    frame: Duration::from_millis(14),
    join: Duration::from_millis(2),
};

/// One camera, a viewer, and the first keyframe seen.
struct Scene {
    world: World,
    publisher: Peer,
    viewer: Peer,
    camera: Camera,
}

impl Scene {
    fn new() -> Self {
        let mut world = World::holding(1, HOLD);
        let publisher = world.peer();
        let viewer = world.peer();
        let camera = world.camera(1, &publisher, 1111);
        world.video_slot(1, &viewer);
        world.show(1, 1);
        let mut scene = Self {
            world,
            publisher,
            viewer,
            camera,
        };
        let keyframe = scene.camera.frame(true, &[1000; 3]);
        scene.send(&keyframe);
        assert_eq!(scene.got(), 3);
        scene.world.advance_ms(33);
        scene.world.receive(&mut scene.viewer);
        scene.world.runs.clear();
        scene
    }

    fn send(&mut self, packets: &[Sent]) {
        self.world.send(&self.publisher, packets);
    }

    fn got(&mut self) -> usize {
        self.world.receive_rtp(&mut self.viewer).len()
    }

    fn set_headroom(&mut self, has_headroom: bool) {
        let transport = self.viewer.id;
        self.world.command(Command::SetHeadroom {
            transport,
            has_headroom,
        });
    }

    /// A frame whose packets come 1 ms apart; how many had left after each.
    fn spread(&mut self, sizes: &[usize]) -> Vec<usize> {
        let frame = self.camera.frame(false, sizes);
        let mut got = Vec::new();
        for packet in &frame {
            self.world.advance_ms(1);
            self.send(std::slice::from_ref(packet));
            got.push(self.got());
        }
        got
    }
}

#[test]
fn a_frame_waits_for_its_marker_and_leaves_as_one_run_at_once() {
    let mut scene = Scene::new();
    let frame = scene.camera.frame(false, &[1000; 9]);
    for packet in &frame[..8] {
        scene.send(std::slice::from_ref(packet));
        scene.world.advance_ms(1);
        assert_eq!(scene.got(), 0);
    }
    scene.send(&frame[8..]);
    assert_eq!(scene.world.runs, [9]);
    let got = scene.world.receive_rtp(&mut scene.viewer);
    let packets: Vec<_> = got.iter().map(|rtp| rtp.vp8().tag[7]).collect();
    assert_eq!(packets, [0, 1, 2, 3, 4, 5, 6, 7, 8], "in order");
    assert!(got.windows(2).all(|two| two[1].index == two[0].index + 1));
}

#[test]
fn a_frame_without_its_marker_leaves_with_the_next_ones_first_packet() {
    let mut scene = Scene::new();
    let frame = scene.camera.frame(false, &[1000; 4]);
    scene.send(&frame[..3]);
    scene.world.advance_ms(5);
    assert_eq!(scene.got(), 0);
    let next = scene.camera.frame(false, &[1000; 4]);
    scene.send(&next[..1]);
    assert_eq!(
        scene.got(),
        3,
        "the next frame's packet waits for its own marker"
    );
    scene.send(&next[1..]);
    assert_eq!(scene.got(), 4);
    // The marker comes again as a repair: nothing waits for anything.
    scene.send(&frame[3..]);
    assert_eq!(scene.got(), 1);
}

#[test]
fn a_frame_without_any_end_leaves_in_time() {
    let mut scene = Scene::new();
    let frame = scene.camera.frame(false, &[1000; 4]);
    scene.send(&frame[..1]);
    scene.world.advance_ms(10);
    scene.send(&frame[1..2]);
    assert_eq!(
        scene.world.router.poll_timeout(),
        Some(scene.world.now + Duration::from_millis(4)),
        "counted from the first packet"
    );
    scene.world.advance(Duration::from_micros(3_999));
    assert_eq!(scene.got(), 0);
    scene.world.advance(Duration::from_micros(1));
    assert_eq!(scene.got(), 2);
    // What is left of the frame has its own time.
    scene.send(&frame[2..3]);
    scene.world.advance_ms(13);
    assert_eq!(scene.got(), 0);
    scene.world.advance_ms(1);
    assert_eq!(scene.got(), 1);
}

#[test]
fn a_frame_that_has_left_asks_for_no_timer() {
    let mut scene = Scene::new();
    let before = scene.world.router.poll_timeout();
    scene.spread(&[1000; 5]);
    assert_eq!(scene.world.router.poll_timeout(), before);
}

#[test]
fn a_frame_larger_than_a_run_leaves_in_parts() {
    let mut scene = Scene::new();
    let got = scene.spread(&[1100; 130]);
    assert!(got.iter().filter(|&&packets| packets > 0).count() >= 3);
    assert_eq!(got.iter().sum::<usize>(), 130);
    assert!(scene.world.runs.iter().all(|&packets| packets <= 64));
    scene.world.runs.clear();
    let small = scene.camera.frame(false, &[100; 130]);
    scene.send(&small);
    assert_eq!(scene.world.runs, [64, 64, 2]);
}

#[test]
fn repairs_and_overtaken_packets_do_not_wait() {
    let mut scene = Scene::new();
    let frame = scene.camera.frame(false, &[1000; 4]);
    scene.send(&[frame[0].clone(), frame[1].clone(), frame[3].clone()]);
    assert_eq!(scene.got(), 3);
    let next = scene.camera.frame(false, &[1000; 3]);
    scene.send(&next[..2]);
    assert_eq!(scene.got(), 0);
    scene.send(&frame[2..3]);
    assert_eq!(scene.got(), 1, "the repair alone");
    scene.send(&next[2..]);
    assert_eq!(scene.got(), 3);
}

#[test]
fn packets_out_of_order_within_a_frame_are_held_together() {
    let mut scene = Scene::new();
    let frame = scene.camera.frame(false, &[1000; 4]);
    scene.send(&[frame[1].clone(), frame[0].clone(), frame[2].clone()]);
    assert_eq!(scene.got(), 0);
    scene.send(&frame[3..]);
    assert_eq!(scene.got(), 4);
}

#[test]
fn audio_waits_for_company_only_and_never_for_a_frame() {
    let mut scene = Scene::new();
    let speaker = scene.world.peer();
    let mut microphone = scene.world.microphone(2, &speaker, 2222, None);
    scene.world.audio_slot(2, &scene.viewer, None);
    scene.world.show(2, 2);
    let second = scene.world.peer();
    let mut second_microphone = scene.world.microphone(3, &second, 3333, None);
    scene.world.audio_slot(3, &scene.viewer, None);
    scene.world.show(3, 3);
    let frame = scene.camera.frame(false, &[1000; 4]);
    scene.send(&frame[..2]);
    // Nobody else has spoken lately.
    let word = microphone.packet(None);
    scene.world.send(&speaker, &[word]);
    assert_eq!(scene.got(), 1);
    scene.world.advance(Duration::from_micros(500));
    let word = second_microphone.packet(None);
    scene.world.send(&second, &[word]);
    scene.world.advance(Duration::from_micros(1_999));
    assert_eq!(scene.got(), 0);
    scene.world.advance(Duration::from_micros(1));
    let got = scene.world.receive_rtp(&mut scene.viewer);
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].header.payload_type, OPUS);
    // A frame that ends takes along whatever waits.
    for (peer, voice) in [
        (&speaker, &mut microphone),
        (&second, &mut second_microphone),
    ] {
        let word = voice.packet(None);
        scene.world.send(peer, &[word]);
    }
    assert_eq!(scene.got(), 1, "the first of them found nobody");
    scene.send(&frame[2..]);
    assert_eq!(scene.got(), 5);
}

#[test]
fn without_headroom_packets_leave_as_they_come() {
    let mut scene = Scene::new();
    scene.set_headroom(false);
    // Goes over where a frame ends.
    assert_eq!(scene.spread(&[1000; 3]), [0, 0, 3]);
    assert_eq!(scene.spread(&[1000; 3]), [0, 0, 3]);
    assert_eq!(scene.spread(&[1000; 3]), [1, 1, 1]);
    scene.set_headroom(true);
    assert_eq!(scene.spread(&[1000; 3]), [1, 1, 1]);
    assert_eq!(scene.spread(&[1000; 3]), [0, 0, 3]);
}

#[test]
fn viewers_with_and_without_headroom_each_get_every_packet_once() {
    let mut scene = Scene::new();
    let mut slow = scene.world.peer();
    scene.world.video_slot(9, &slow);
    scene.world.show(9, 1);
    scene.world.command(Command::SetHeadroom {
        transport: slow.id,
        has_headroom: false,
    });
    let keyframe = scene.camera.frame(true, &[1000; 3]);
    scene.send(&keyframe);
    scene.spread(&[1000; 3]);
    scene.world.receive(&mut slow);
    for _ in 0..5 {
        assert_eq!(scene.spread(&[1000; 3]), [0, 0, 3]);
        assert_eq!(scene.world.receive_rtp(&mut slow).len(), 3);
    }
    // It leaves: nobody needs arrivals any more, and soon none are passed on.
    scene
        .world
        .command(Command::RemoveTransport { transport: slow.id });
    scene.world.advance_ms(2_100);
    scene.spread(&[1000; 3]);
    assert_eq!(scene.spread(&[1000; 3]), [0, 0, 3]);
}

/// The receivers' replay windows refuse a packet that comes twice, so opening is the check.
#[test]
fn headroom_may_change_at_any_time_without_a_hole_or_a_repeat() {
    let mut scene = Scene::new();
    let second = scene.world.peer();
    let mut other = scene.world.camera(2, &second, 2222);
    let mut state = 7u64;
    let mut random = |bound: u64| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(99991);
        (state >> 33) % bound
    };
    let mut packets = std::collections::VecDeque::new();
    let mut highest: Option<u64> = None;
    let (mut shown, mut frames) = (1, 0);
    let (mut received, mut skipped) = (0u64, 0u64);
    for _ in 0..6_000 {
        if packets.is_empty() {
            frames += 1;
            let sizes = vec![600; 1 + random(9) as usize];
            let is_keyframe = frames % 7 == 0;
            let camera = if shown == 1 {
                &mut scene.camera
            } else {
                &mut other
            };
            packets.extend(camera.frame(is_keyframe, &sizes));
        }
        let count = (1 + random(3) as usize).min(packets.len());
        let burst: Vec<_> = packets.drain(..count).collect();
        let publisher = if shown == 1 {
            &scene.publisher
        } else {
            &second
        };
        scene.world.send(publisher, &burst);
        match random(40) {
            0..4 => {
                let has_headroom = random(2) == 0;
                scene.set_headroom(has_headroom);
            }
            4 if packets.is_empty() => {
                shown = 3 - shown;
                scene.world.show(1, shown);
            }
            _ => {}
        }
        scene.world.advance(Duration::from_micros(random(3_000)));
        for rtp in scene.world.receive_rtp(&mut scene.viewer) {
            received += 1;
            if let Some(highest) = highest {
                skipped += rtp.index.saturating_sub(highest + 1);
                assert!(rtp.index > highest, "order is kept");
            }
            highest = Some(rtp.index);
        }
    }
    assert!(received > 5_000);
    assert_eq!(skipped, 0);
}
