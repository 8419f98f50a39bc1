//! What a subscriber tells of its transport-wide numbers becomes an estimate of its way, which
//! padding raises, and who tells nothing is not limited.

#![allow(clippy::unwrap_used)]

mod world;

use std::time::Duration;

use sfu_proto::command::Extension;
use sfu_proto::drop::DropReason;
use sfu_proto::rtcp::write_transport_feedback;
use world::*;

/// A viewer of one camera that tells what came, each 100 ms.
struct Call {
    scene: Scene,
    frames: u64,
    feedback_count: u8,
    /// Number and time of what came since.
    came: Vec<(u16, i64)>,
    next: Option<u16>,
    padding: usize,
    media: usize,
}

impl Call {
    fn new(adapts: bool) -> Self {
        Self {
            scene: Scene::of(World::configured(1, |config| config.adapts = adapts)),
            frames: 0,
            feedback_count: 0,
            came: Vec::new(),
            next: None,
            padding: 0,
            media: 0,
        }
    }

    /// 30 frames a second of three packets, 870 kbit/s, over a way of 10 ms.
    fn run(&mut self, seconds: u64, tells: bool) {
        for _ in 0..seconds * 30 {
            // Whose picture was off begins anew with one.
            let is_keyframe = self.frames.is_multiple_of(30);
            self.scene.frame(is_keyframe, &[1200; 3]);
            self.frames += 1;
            self.take();
            if tells && self.frames.is_multiple_of(3) {
                self.tell();
            }
            self.scene.world.advance(Duration::from_micros(33_333));
        }
    }

    fn take(&mut self) {
        let world = &self.scene.world;
        let now_us = (world.now - world.start).as_micros() as i64;
        for rtp in self.scene.receive() {
            let number = rtp.extension(Extension::TransportSequenceNumber);
            let number = u16::from_be_bytes(number.unwrap().try_into().unwrap());
            // A train is spread as a link of 20 Mbit/s would.
            let place = self.came.len() as i64;
            self.came.push((number, now_us + 10_000 + place * 120));
            match rtp.payload.is_empty() {
                true => {
                    assert_eq!(rtp.header.ssrc, slot_ssrc(1) + 1, "on the RTX stream");
                    self.padding += 1;
                }
                false => self.media += 1,
            }
        }
    }

    fn tell(&mut self) {
        let came = std::mem::take(&mut self.came);
        let Some(&(last, _)) = came.last() else {
            return;
        };
        let base = self.next.unwrap_or(came[0].0);
        let mut arrivals = vec![None; usize::from(last.wrapping_sub(base)) + 1];
        for (number, at) in came {
            arrivals[usize::from(number.wrapping_sub(base))] = Some(at);
        }
        self.next = Some(last.wrapping_add(1));
        let mut rtcp = Vec::new();
        write_transport_feedback(&mut rtcp, (1, 2), base, self.feedback_count, &arrivals);
        self.feedback_count = self.feedback_count.wrapping_add(1);
        self.scene.world.send_rtcp(&mut self.scene.viewer, &rtcp);
    }

    fn available_bps(&self) -> Option<u64> {
        let world = &self.scene.world;
        let snapshot = world.router.snapshot(world.now);
        let mut transports = snapshot.transports.iter();
        let viewer = transports.find(|held| held.transport == self.scene.viewer.id);
        viewer.unwrap().available_bps
    }
}

#[test]
fn padding_finds_out_that_twice_as_much_would_go_through() {
    let mut call = Call::new(true);
    call.run(5, true);
    let available = call.available_bps().unwrap();
    assert!(available > 1_700_000, "{available}");
    assert!(call.padding >= 10, "{} packets", call.padding);
    let before = call.padding;
    call.run(20, true);
    let more = call.padding - before;
    assert!(
        more < 100,
        "{more} packets of padding where enough is known"
    );
    assert_eq!(call.scene.world.slot(1).lost, 0);
    assert_eq!(call.media, 25 * 30 * 3);
}

#[test]
fn who_falls_silent_is_sent_less_and_less() {
    let mut call = Call::new(true);
    call.run(5, true);
    let before = call.available_bps().unwrap();
    call.run(2, false);
    let halved = call.available_bps().unwrap();
    assert!(halved <= before / 2, "{before}, then {halved}");
    call.run(8, false);
    let least = call.available_bps().unwrap();
    assert!(least <= before / 16, "{before}, then {least}");
    call.came.clear();
    call.next = None;
    call.run(10, true);
    let after = call.available_bps().unwrap();
    assert!(after > before / 2, "{before}, and after {after}");
}

#[test]
fn who_never_tells_is_not_limited() {
    let mut call = Call::new(true);
    call.run(1, false);
    assert_eq!(call.available_bps(), Some(300_000), "carefully at first");
    call.run(4, false);
    assert_eq!((call.available_bps(), call.padding), (None, 0));
    call.came.clear();
    call.run(5, true);
    assert!(call.available_bps().is_some(), "it tells now");
}

#[test]
fn feedback_for_nothing_is_counted_and_changes_nothing() {
    let mut call = Call::new(true);
    call.run(5, true);
    let before = call.available_bps();
    for count in 0..100 {
        let mut rtcp = Vec::new();
        let arrivals = vec![Some(i64::from(count) * 1_000); 200];
        write_transport_feedback(&mut rtcp, (1, 2), 30_000, count, &arrivals);
        let world = &mut call.scene.world;
        world.send_rtcp(&mut call.scene.viewer, &rtcp);
    }
    assert_eq!(call.available_bps(), before);
    assert_eq!(call.scene.world.drops(DropReason::FeedbackUnmatched), 100);
    call.scene.receive();
}

#[test]
fn adaptation_can_be_turned_off() {
    let mut call = Call::new(false);
    call.run(5, true);
    assert_eq!((call.available_bps(), call.padding), (None, 0));
}
