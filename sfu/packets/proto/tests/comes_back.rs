//! A picture that went because the way had become too narrow is there again soon after the way
//! is wide, also for who is sent nothing else, so that nothing tells.

#![allow(clippy::unwrap_used)]

mod behind;
mod world;

use std::time::Duration;

use behind::{Behind, Tells};
use sfu_link::Conditions;
use sfu_proto::command::{CodecParameters, MediaKind};
use world::publisher::{FRAME_MS, Publisher};
use world::*;

fn link(rate_bps: u64) -> Conditions {
    Conditions {
        delay: Duration::from_millis(25),
        rate_bps: Some(rate_bps),
        ..Conditions::default()
    }
}

struct Call {
    world: World,
    publisher: Publisher,
    behind: Behind,
}

impl Call {
    fn new(tells: Tells, codecs: Vec<CodecParameters>, seed: u64) -> Self {
        let mut world = World::configured(seed, |config| {
            config.publisher_bitrate_bps = 1 << 40;
            config.adapts = true;
        });
        let publisher = Publisher::new(&mut world, 1);
        let viewer = match tells {
            Tells::Arrivals => world.peer(),
            Tells::Remb | Tells::Acknowledgements => world.unnumbered_peer(),
        };
        world.slot_with(1, &viewer, MediaKind::Video, codecs, None);
        world.show(1, 1);
        Self {
            behind: Behind::new(viewer, link(5_000_000), tells, seed),
            world,
            publisher,
        }
    }

    /// Frames of the picture that began to arrive, and when the first did.
    fn run(&mut self, seconds: u64) -> (usize, Option<Duration>) {
        self.world.connect(&self.publisher.peer);
        self.world.connect(&self.behind.viewer);
        let began = self.world.now - self.world.start;
        for ms in 0..seconds * 1000 {
            if ms % FRAME_MS == 0 {
                let mut frame = self.publisher.frame(&mut self.world);
                let voice = self.publisher.microphone.as_mut();
                frame.extend(voice.map(|voice| voice.packet_with(Some(30), 80)));
                self.world.send(&self.publisher.peer, &frame);
            }
            self.behind.step(&mut self.world);
        }
        let came = self.behind.came.drain(..);
        let came = came.filter(|came| came.rtp.header.ssrc == slot_ssrc(1));
        let starts: Vec<_> = came.filter(|came| came.rtp.vp8().is_start).collect();
        (starts.len(), starts.first().map(|came| came.at - began))
    }
}

fn dips_and_comes_back(tells: Tells, codecs: &[CodecParameters]) {
    for seed in 1..=3 {
        let mut call = Call::new(tells, codecs.to_vec(), seed);
        let (before, _) = call.run(10);
        assert!(before > 250, "{before} frames of 300 before");
        call.behind.set(&call.world, link(40_000));
        call.run(20);
        call.behind.set(&call.world, link(5_000_000));
        let (_, first) = call.run(8);
        first.expect("within 8 s");
        let (after, _) = call.run(10);
        assert!(after > 100, "{after} frames of 300 after");
    }
}

#[test]
fn with_transport_wide_feedback() {
    dips_and_comes_back(Tells::Arrivals, &video_codecs());
}

#[test]
fn with_feedback_by_the_packets_own_numbers() {
    for has_rtx in [true, false] {
        let codecs = video_codecs().into_iter();
        let codecs = codecs.map(|codec| CodecParameters {
            rtx_payload_type: codec.rtx_payload_type.filter(|_| has_rtx),
            transport_cc: false,
            ccfb: true,
            ..codec
        });
        dips_and_comes_back(Tells::Acknowledgements, &codecs.collect::<Vec<_>>());
    }
}

#[test]
fn with_remb_alone() {
    dips_and_comes_back(Tells::Remb, &video_codecs());
}

/// There is nothing to probe it with.
#[test]
fn with_transport_wide_feedback_and_no_rtx() {
    for nack in [false, true] {
        let codecs = video_codecs().into_iter();
        let codecs = codecs.map(|codec| CodecParameters {
            rtx_payload_type: None,
            nack,
            ..codec
        });
        dips_and_comes_back(Tells::Arrivals, &codecs.collect::<Vec<_>>());
    }
}

/// Video that is sent again as it was has no transport-wide numbers: the voice beside it would be
/// judged in its place, and only it would be left of both.
#[test]
fn video_without_numbers_is_not_judged_by_the_voice() {
    let without_rtx = CodecParameters {
        rtx_payload_type: None,
        ..video_codecs().remove(0)
    };
    let mut call = Call::new(Tells::Arrivals, vec![without_rtx], 1);
    let voice = call.world.microphone(2, &call.publisher.peer, 7777, None);
    call.publisher.microphone = Some(voice);
    call.world.audio_slot(2, &call.behind.viewer, None);
    call.world.show(2, 2);
    call.run(5);
    // Too narrow for all of it.
    call.behind.set(&call.world, link(1_200_000));
    call.run(10);
    let (frames, _) = call.run(10);
    assert!(frames > 100, "{frames} frames of 300");
}
