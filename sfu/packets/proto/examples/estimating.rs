//! What estimator, pacer and allocator take of a core for 500 subscribers: the same call with and
//! without them, over wide ways and over narrow ones. Only the time within the router counts.
//!
//!     cargo run --release -p sfu-proto --example estimating

#![allow(clippy::unwrap_used)]

#[path = "../tests/behind/mod.rs"]
mod behind;
#[path = "../tests/world/mod.rs"]
mod world;

use std::time::Duration;

use behind::{Behind, Tells};
use sfu_link::Conditions;
use sfu_proto::command::Command;
use sfu_proto::router::HoldConfig;
use world::publisher::{FRAME_MS, Publisher};
use world::*;

/// Simulated; what they take grows with their number alone.
const SUBSCRIBERS: u64 = 50;
const COUNTED: f64 = 500.0;
const SETTLES_MS: u64 = 10_000;
const LASTS_MS: u64 = 20_000;
const CAMERA: u64 = 1;
const VOICE: u64 = 2;

struct Spent {
    share_of_core: f64,
    packets_a_second: f64,
}

fn main() {
    println!("ways        % of a core without    with    added, for {COUNTED} subscribers");
    // Without estimates a cap makes the same choice.
    for (name, rate_bps, cap_bps) in [
        ("5 Mbit/s", 5_000_000, None),
        ("0.4 Mbit/s", 400_000, Some(320_000)),
    ] {
        let (without, with) = (run(rate_bps, false, cap_bps), run(rate_bps, true, None));
        println!(
            "{name:<12}{:>12.1} ({:.0} packets){:>8.1} ({:.0} packets){:>8.1}",
            without.share_of_core,
            without.packets_a_second,
            with.share_of_core,
            with.packets_a_second,
            with.share_of_core
                - without.share_of_core * with.packets_a_second / without.packets_a_second
        );
    }
}

fn run(rate_bps: u64, adapts: bool, cap_bps: Option<u64>) -> Spent {
    let mut world = World::configured(1, |config| {
        config.hold = HoldConfig::DEFAULT;
        config.adapts = adapts;
    });
    let mut publisher = Publisher::new(&mut world, CAMERA);
    publisher.microphone = Some(world.microphone(VOICE, &publisher.peer, 7777, None));
    let way = Conditions {
        delay: Duration::from_millis(25),
        rate_bps: Some(rate_bps),
        ..Conditions::default()
    };
    let viewers = (0..SUBSCRIBERS).map(|number| {
        let viewer = world.peer();
        let (picture, voice) = (10 + number * 2, 11 + number * 2);
        world.video_slot(picture, &viewer);
        world.audio_slot(voice, &viewer, None);
        world.show(picture, CAMERA);
        world.show(voice, VOICE);
        let transport = viewer.id;
        world.command(Command::SetCap { transport, cap_bps });
        Behind::new(viewer, way, Tells::Arrivals, number)
    });
    let mut viewers: Vec<Behind> = viewers.collect();
    let mut before = (Duration::ZERO, 0);
    for ms in 0..SETTLES_MS + LASTS_MS {
        if ms == SETTLES_MS {
            before = (world.spent, sent(&viewers));
        }
        step(&mut world, &mut publisher, &mut viewers, ms);
    }
    let seconds = LASTS_MS as f64 / 1e3;
    let spent = (world.spent - before.0).as_secs_f64() / seconds;
    Spent {
        share_of_core: 100.0 * spent * COUNTED / SUBSCRIBERS as f64,
        packets_a_second: (sent(&viewers) - before.1) as f64 / seconds / SUBSCRIBERS as f64,
    }
}

fn sent(viewers: &[Behind]) -> usize {
    viewers.iter().map(|viewer| viewer.sent.len()).sum()
}

fn step(world: &mut World, publisher: &mut Publisher, viewers: &mut [Behind], ms: u64) {
    if ms.is_multiple_of(5_000) {
        world.connect(&publisher.peer);
        viewers.iter().for_each(|one| world.connect(&one.viewer));
    }
    let mut packets = Vec::new();
    if ms.is_multiple_of(FRAME_MS) {
        packets = publisher.frame(world);
    }
    let voice = publisher.microphone.as_mut();
    let voice = voice.filter(|_| ms.is_multiple_of(20));
    packets.extend(voice.map(|voice| voice.packet_with(Some(30), 80)));
    if !packets.is_empty() {
        world.send(&publisher.peer, &packets);
    }
    world.advance_ms(1);
    for viewer in viewers {
        viewer.look(world);
        viewer.came.clear();
    }
}
