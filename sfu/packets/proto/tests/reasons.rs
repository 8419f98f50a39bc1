//! Why a picture is not better is told rightly: one cause at a time is brought about in a world
//! that is well otherwise, and what the slot says then is looked at. Where nothing is amiss
//! nothing is claimed.

#![allow(clippy::unwrap_used)]

mod world;

use std::time::Duration;

use sfu_proto::allocator::Reason;
use sfu_proto::command::Command;
use sfu_proto::ids::{SlotId, SourceId};
use sfu_proto::rtcp::{ReportBlock, write_receiver_report, write_remb};
use world::publisher::{FRAME_MS, Publisher};
use world::*;

/// What is amiss, from some moment on.
#[derive(Clone, Copy, Debug)]
enum Cause {
    Nothing,
    /// The subscriber's way carries so many kbit/s.
    Downlink(u64),
    /// So many of a hundred packets are lost on their way in.
    Uplink(u64),
    /// The publisher sends these layers and no other.
    Sends(&'static [usize]),
    /// It leaves out what is above, having been told to.
    LeavesOut(u8),
    /// The tile asks for this layer.
    Tile(u8),
    /// The source has no other layer.
    OneLayer,
    Cap(u64),
    /// The server is so many milliseconds late, every so many frames.
    Late(u64, u64),
    /// Another subscriber's way carries so many kbit/s.
    OthersDownlink(u64),
}

use Cause::*;

struct Room {
    world: World,
    publisher: Publisher,
    viewer: Peer,
    other: Peer,
    dice: Dice,
}

impl Room {
    fn new() -> Self {
        let mut world = World::without_ceiling();
        let publisher = Publisher::new(&mut world, 1);
        let (viewer, other) = (world.unnumbered_peer(), world.unnumbered_peer());
        world.video_slot(1, &viewer);
        world.video_slot(2, &other);
        world.show(1, 1);
        world.show(2, 1);
        Self {
            world,
            publisher,
            viewer,
            other,
            dice: Dice(3),
        }
    }

    fn bring_about(&mut self, cause: Cause) {
        match cause {
            Sends(layers) => self.publisher.active = layers.to_vec(),
            LeavesOut(top) => {
                let source = SourceId(1);
                self.world.command(Command::SetWanted { source, top });
                self.publisher.active = (usize::from(top)..3).collect();
            }
            Tile(layer) => self.world.show_layer(1, 1, layer),
            OneLayer => {
                let peer = self.world.peer();
                let camera = self.world.camera(7, &peer, 7777);
                self.publisher.layers = vec![camera];
                self.publisher.active = vec![0];
                self.publisher.peer = peer;
                self.publisher.keyframe_wanted = [7777].into();
                self.world.show(1, 7);
            }
            Cap(kbps) => self.world.command(Command::SetCap {
                transport: self.viewer.id,
                cap_bps: Some(kbps * 1000),
            }),
            Nothing | Downlink(_) | Uplink(_) | Late(..) | OthersDownlink(_) => {}
        }
    }

    fn run(&mut self, cause: Cause, seconds: u64) {
        let peers = [&self.publisher.peer, &self.viewer, &self.other];
        peers.into_iter().for_each(|peer| self.world.connect(peer));
        for number in 0..seconds * 1000 / FRAME_MS {
            let mut frame = self.publisher.frame(&mut self.world);
            if let Uplink(percent) = cause {
                frame.retain(|_| self.dice.below(100) >= percent);
            }
            match cause {
                Late(ms, every) if number % every == 0 => {
                    let late = Duration::from_millis(ms);
                    self.world.fall_behind(&self.publisher.peer, &frame, late);
                }
                _ => self.world.send(&self.publisher.peer, &frame),
            }
            self.world.advance_ms(FRAME_MS);
            self.world.receive(&mut self.viewer);
            self.world.receive(&mut self.other);
            if number % 10 == 0 {
                self.report(cause);
            }
        }
    }

    fn report(&mut self, cause: Cause) {
        let of = |own: bool| match cause {
            Downlink(kbps) if own => Some(kbps),
            OthersDownlink(kbps) if !own => Some(kbps),
            _ => None,
        };
        report(&mut self.world, &mut self.viewer, 1, of(true));
        report(&mut self.world, &mut self.other, 2, of(false));
    }
}

/// What arrived, and how much the way carries if it loses what is more.
fn report(world: &mut World, viewer: &mut Peer, slot: u64, kbps: Option<u64>) {
    let block = ReportBlock {
        ssrc: slot_ssrc(slot),
        fraction_lost: if kbps.is_some() { 40 } else { 0 },
        lost: 0,
        highest_sequence: 0,
        jitter: 0,
        last_sender_report: 0,
        delay_since: 0,
    };
    let mut rtcp = Vec::new();
    write_receiver_report(&mut rtcp, 1, &[block]);
    write_remb(
        &mut rtcp,
        1,
        kbps.map_or(50_000_000, |kbps| kbps * 1000),
        &[],
    );
    world.send_rtcp(viewer, &rtcp);
}

#[test]
fn each_cause_is_named_and_none_where_nothing_is_amiss() {
    let (downlink, uplink) = (Some(Reason::YourDownlink), Some(Reason::SendersUplink));
    let (camera, cap) = (Some(Reason::SendersCamera), Some(Reason::ModeratorsCap));
    let (tile, busy) = (Some(Reason::TileIsSmall), Some(Reason::ServerIsBusy));
    let cases: Vec<(Cause, Option<Reason>)> = vec![
        (Nothing, None),
        (OthersDownlink(80), None),
        (Downlink(10_000), None),
        (Cap(10_000), None),
        (Uplink(1), None),
        (Late(20, 5), None),
        (Downlink(1_200), downlink),
        (Downlink(700), downlink),
        (Downlink(400), downlink),
        (Downlink(190), downlink),
        (Downlink(80), downlink),
        (Downlink(20), downlink),
        (Uplink(8), uplink),
        (Uplink(15), uplink),
        (Uplink(30), uplink),
        (Sends(&[1, 2]), camera),
        (Sends(&[2]), camera),
        (Tile(1), tile),
        (Tile(2), tile),
        (OneLayer, Some(Reason::NoHigherLayer)),
        (Cap(1_200), cap),
        (Cap(700), cap),
        (Cap(190), cap),
        (Cap(80), cap),
        (Cap(0), cap),
        (Late(200, 20), busy),
        (Late(300, 60), busy),
    ];
    let mut wrong = Vec::new();
    for &(cause, expected) in &cases {
        let mut room = Room::new();
        room.run(Nothing, 4);
        assert_eq!(room.world.slot(1).reason, None, "before {cause:?}");
        room.bring_about(cause);
        room.run(cause, 14);
        let told = room.world.slot(1).reason;
        if told != expected {
            wrong.push((cause, told, expected));
        }
        if let (Nothing, Some(reason)) = (cause, told) {
            panic!("{reason:?} is claimed where nothing is amiss");
        }
    }
    assert!(wrong.is_empty(), "of {}: {wrong:?}", cases.len());
}

/// What was left out for one cause is not blamed on whoever left it out.
#[test]
fn what_a_sender_leaves_out_since_it_was_told_to_is_not_its_fault() {
    for (cause, expected) in [
        (Downlink(700), Reason::YourDownlink),
        (Cap(700), Reason::ModeratorsCap),
    ] {
        let mut room = Room::new();
        room.run(Nothing, 4);
        room.bring_about(cause);
        room.run(cause, 6);
        room.bring_about(LeavesOut(1));
        room.run(cause, 14);
        assert_eq!(room.world.slot(1).reason, Some(expected), "{cause:?}");
    }
}

/// Two at once: the one nearest to who looks.
#[test]
fn of_two_causes_the_nearest_is_told() {
    let mut room = Room::new();
    room.run(Nothing, 4);
    room.bring_about(Sends(&[1, 2]));
    room.bring_about(Cap(190));
    room.run(Uplink(15), 14);
    assert_eq!(room.world.slot(1).reason, Some(Reason::ModeratorsCap));
    room.world.command(Command::SetCap {
        transport: room.viewer.id,
        cap_bps: None,
    });
    room.run(Uplink(15), 14);
    assert_eq!(room.world.slot(1).reason, Some(Reason::SendersUplink));
    // Consent lasts for 30 s.
    room.run(Nothing, 20);
    room.run(Nothing, 10);
    assert_eq!(room.world.slot(1).reason, Some(Reason::SendersCamera));
    let slot = SlotId(1);
    room.world.command(Command::Show {
        slot,
        source: Some(SourceId(1)),
        layer: 1,
    });
    room.run(Nothing, 3);
    assert_eq!(room.world.slot(1).reason, Some(Reason::TileIsSmall));
}
