//! A narrow way is sent no more at once than it carries: a keyframe goes out without loss, voices
//! do not wait for it, and what is on stage goes first.

#![allow(clippy::unwrap_used)]

mod behind;
mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use behind::{Behind, Came, Tells};
use sfu_link::Conditions;
use sfu_proto::command::{Command, Extension};
use sfu_proto::drop::DropReason;
use sfu_proto::ids::{SlotId, SourceId};
use world::publisher::{FRAME_MS, Publisher};
use world::*;

const VOICE: u64 = 9;
const LINK_BPS: u64 = 1_000_000;

fn link(rate_bps: u64) -> Conditions {
    Conditions {
        delay: Duration::from_millis(25),
        rate_bps: Some(rate_bps),
        ..Conditions::default()
    }
}

/// Cameras with a voice, and a viewer of all of them.
struct Call {
    world: World,
    publishers: Vec<Publisher>,
    behind: Behind,
    came: Vec<Came>,
}

impl Call {
    fn new(cameras: u64, seed: u64) -> Self {
        let mut world = World::configured(seed, |config| {
            config.publisher_bitrate_bps = 1 << 40;
        });
        let mut publishers: Vec<_> = (1..=cameras)
            .map(|source| Publisher::new(&mut world, source))
            .collect();
        let viewer = world.peer();
        let voice = world.microphone(VOICE, &publishers[0].peer, 7777, None);
        publishers[0].microphone = Some(voice);
        for source in 1..=cameras {
            world.video_slot(source, &viewer);
            world.show(source, source);
        }
        world.audio_slot(VOICE, &viewer, None);
        world.show(VOICE, VOICE);
        Self {
            behind: Behind::new(viewer, link(5_000_000), Tells::Arrivals, seed),
            world,
            publishers,
            came: Vec::new(),
        }
    }

    /// A call whose way has become narrow a while ago.
    fn narrow(cameras: u64, seed: u64) -> Self {
        let mut call = Self::new(cameras, seed);
        call.run(5_000);
        call.behind.set(&call.world, link(LINK_BPS));
        call.run(20_000);
        call.begin();
        call
    }

    fn begin(&mut self) {
        self.came.clear();
        self.behind.sent.clear();
        self.behind.dropped = 0;
    }

    fn run(&mut self, ms: u64) {
        for _ in 0..ms {
            let now_ms = (self.world.now - self.world.start).as_millis() as u64;
            if now_ms.is_multiple_of(5_000) {
                self.publishers
                    .iter()
                    .for_each(|one| self.world.connect(&one.peer));
                self.world.connect(&self.behind.viewer);
            }
            for publisher in &mut self.publishers {
                let mut packets = Vec::new();
                if now_ms.is_multiple_of(FRAME_MS) {
                    packets = publisher.frame(&mut self.world);
                }
                let voice = publisher.microphone.as_mut();
                let voice = voice.filter(|_| now_ms.is_multiple_of(20));
                packets.extend(voice.map(|voice| voice.packet_with(Some(30), 80)));
                if !packets.is_empty() {
                    self.world.send(&publisher.peer, &packets);
                }
            }
            self.behind.step(&mut self.world);
        }
        self.came.append(&mut self.behind.came);
    }

    /// Each camera's next frame is a keyframe, so large.
    fn keyframes(&mut self, bytes: usize) {
        for publisher in &mut self.publishers {
            publisher.keyframe_bytes = Some([bytes, bytes, bytes / 10]);
            let ssrcs = publisher.layers.iter().map(|layer| layer.ssrc);
            publisher.keyframe_wanted.extend(ssrcs);
        }
    }

    fn of(&self, slot: u64) -> impl Iterator<Item = &Came> {
        let came = self.came.iter();
        came.filter(move |came| came.rtp.header.ssrc == slot_ssrc(slot))
    }

    /// All numbers once and in order, time never goes back.
    fn is_in_order(&self, slot: u64) {
        for pair in self.of(slot).collect::<Vec<_>>().windows(2) {
            let (one, other) = (&pair[0].rtp, &pair[1].rtp);
            assert_eq!(other.index, one.index + 1);
            let passed = other.header.timestamp.wrapping_sub(one.header.timestamp);
            assert!(passed < 1 << 31, "time goes back");
        }
    }

    /// When the largest frame of the slot was whole.
    fn keyframe_whole(&self, slot: u64) -> (Duration, usize) {
        let mut frames: BTreeMap<u32, (Duration, usize)> = BTreeMap::new();
        for came in self.of(slot) {
            let frame = frames.entry(came.rtp.header.timestamp).or_default();
            *frame = (came.at, frame.1 + came.rtp.payload.len());
        }
        *frames.values().max_by_key(|(_, bytes)| *bytes).unwrap()
    }

    fn longest_wait(&self, slot: u64) -> Duration {
        self.of(slot).map(|came| came.queued).max().unwrap()
    }
}

#[test]
fn a_keyframe_goes_out_without_loss_and_no_voice_waits_for_it() {
    for seed in 1..=3 {
        let mut call = Call::narrow(1, seed);
        let began = call.world.now - call.world.start;
        call.keyframes(60_000);
        call.run(4_000);
        let (whole, bytes) = call.keyframe_whole(1);
        assert!(bytes > 50_000, "{bytes}");
        let took = (whole - began).as_millis();
        assert!((450..1000).contains(&took), "whole after {took} ms");
        assert_eq!(call.behind.dropped, 0, "in the link's queue");
        let waited = call.longest_wait(VOICE);
        assert!(waited < Duration::from_millis(60), "{waited:?}");
        call.is_in_order(1);
        call.is_in_order(VOICE);
        assert_eq!(call.world.drops(DropReason::PacerFull), 0);
    }
}

/// Pictures, voices, packets sent again and probes.
#[test]
fn all_together_is_no_more_than_the_way_carries() {
    let mut call = Call::narrow(2, 1);
    call.keyframes(40_000);
    call.run(10_000);
    let mut most = 0;
    for (place, &(since, _)) in call.behind.sent.iter().enumerate() {
        let until = since + Duration::from_secs(1);
        let second = call.behind.sent[place..].iter();
        let second = second.take_while(|(at, _)| *at < until);
        most = most.max(second.map(|(_, bytes)| bytes * 8).sum::<usize>());
    }
    assert!(most as u64 <= LINK_BPS * 11 / 10, "{most} bit/s");
    assert_eq!(call.behind.dropped, 0);
}

#[test]
fn what_is_on_stage_goes_first() {
    for stage in 1..=2 {
        let mut call = Call::new(2, 1);
        let (slot, is_stage) = (SlotId(stage), true);
        call.world.command(Command::SetStage { slot, is_stage });
        call.run(5_000);
        call.behind.set(&call.world, link(LINK_BPS));
        call.run(20_000);
        call.begin();
        call.keyframes(40_000);
        call.run(3_000);
        let (of_stage, _) = call.keyframe_whole(stage);
        let (of_other, _) = call.keyframe_whole(3 - stage);
        assert!(of_stage < of_other, "{of_stage:?}, {of_other:?}");
        call.is_in_order(1);
        call.is_in_order(2);
    }
}

/// The packets of a picture that comes on stage do not overtake those that wait.
#[test]
fn another_stage_keeps_each_picture_in_order() {
    let mut call = Call::narrow(2, 1);
    for round in 0..20 {
        if round % 5 == 0 {
            call.keyframes(30_000);
        }
        for slot in 1..=2 {
            let is_stage = (round + slot) % 2 == 0;
            let slot = SlotId(slot);
            call.world.command(Command::SetStage { slot, is_stage });
        }
        call.run(150);
    }
    call.is_in_order(1);
    call.is_in_order(2);
}

/// A keyframe that takes the way longer than anything else may wait goes out, those that lean on it
/// after it, and nobody asks for another.
#[test]
fn a_slide_of_seconds_goes_out_once() {
    let mut call = Call::narrow(1, 1);
    call.keyframes(180_000);
    let asked = call.world.layer(1, 0).plis_sent;
    call.run(6_000);
    assert_eq!(call.world.drops(DropReason::PacerFull), 0);
    assert_eq!(call.behind.dropped, 0);
    call.is_in_order(1);
    let newest = call.of(1).last().unwrap().at;
    let now = call.world.now - call.world.start;
    assert!(now - newest < Duration::from_millis(500));
    assert!(call.world.layer(1, 0).plis_sent <= asked + 1);
}

/// What would take the way many seconds goes, and the picture comes back by itself.
#[test]
fn what_would_wait_too_long_is_left_out_by_whole_frames() {
    let mut call = Call::narrow(1, 1);
    call.keyframes(700_000);
    call.run(1_000);
    assert!(call.world.drops(DropReason::PacerFull) > 0);
    call.publishers[0].keyframe_bytes = None;
    call.run(4_000);
    assert_eq!(call.behind.dropped, 0);
    let newest = call.of(1).last().unwrap().at;
    let now = call.world.now - call.world.start;
    assert!(now - newest < Duration::from_millis(500));
    // What is estimated beyond what the link carries is felt by who fills it for so long.
    let waited = call.longest_wait(VOICE);
    assert!(waited < Duration::from_millis(250), "{waited:?}");
}

#[test]
fn a_slot_that_goes_leaves_nothing_behind_and_costs_the_other_nothing() {
    let mut call = Call::narrow(2, 1);
    call.keyframes(60_000);
    call.run(200);
    call.world.command(Command::RemoveSlot { slot: SlotId(1) });
    // What is on its way.
    call.run(500);
    call.came.clear();
    call.run(3_000);
    assert_eq!(call.of(1).count(), 0);
    assert!(call.of(2).count() > 100);
    call.is_in_order(2);
}

#[test]
fn a_source_that_goes_while_its_packets_wait_leaves_no_hole() {
    let mut call = Call::narrow(2, 1);
    call.keyframes(60_000);
    call.run(200);
    call.world.command(Command::RemoveSource {
        source: SourceId(1),
    });
    call.world.show(1, 2);
    call.run(4_000);
    call.is_in_order(1);
    call.is_in_order(2);
    let newest = call.of(1).last().unwrap().at;
    let now = call.world.now - call.world.start;
    assert!(now - newest < Duration::from_millis(500));
}

/// A mid is in the first packets alone, and more are numbered when the first leaves.
#[test]
fn a_slot_that_begins_while_packets_wait_is_in_order() {
    let mut call = Call::narrow(1, 1);
    call.keyframes(60_000);
    call.run(100);
    call.world.video_slot(2, &call.behind.viewer);
    call.world.show(2, 1);
    call.run(4_000);
    call.is_in_order(1);
    call.is_in_order(2);
    let mut first = call.of(2).take(3);
    assert!(first.all(|came| came.rtp.extension(Extension::Mid).is_some()));
    assert!(call.of(2).count() > 100);
}
