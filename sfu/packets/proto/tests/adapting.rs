//! A subscriber is sent what its way carries: audio first, then the picture that fits, and never
//! a hole in what it is sent.

#![allow(clippy::unwrap_used)]

mod world;

use std::collections::BTreeSet;

use sfu_proto::allocator::Reason;

use sfu_proto::command::{Command, SrtpProfile};
use sfu_proto::event::Event;
use sfu_proto::ids::{RoomId, SlotId, SourceId};
use sfu_proto::rtcp::{ReportBlock, write_receiver_report, write_remb};
use world::publisher::{self, Publisher};
use world::*;

const FRAME_MS: u64 = publisher::FRAME_MS;

/// What a viewer has got, looked at packet by packet.
#[derive(Default)]
struct Viewed {
    indices: BTreeSet<u64>,
    frames: Vec<(u32, Vp8)>,
    timestamps: Vec<u32>,
    bytes: usize,
    empty: usize,
}

impl Viewed {
    fn take(&mut self, mail: &[Rtp], ssrc: u32) {
        for rtp in mail.iter().filter(|rtp| rtp.header.ssrc == ssrc) {
            self.bytes += rtp.packet.len();
            assert!(self.indices.insert(rtp.index), "a number twice");
            if rtp.payload.is_empty() {
                self.empty += 1;
                continue;
            }
            let vp8 = rtp.vp8();
            if vp8.is_start {
                let camera = u32::from_be_bytes(vp8.tag[..4].try_into().unwrap());
                self.frames.push((camera, vp8));
                self.timestamps.push(rtp.header.timestamp);
            }
        }
    }

    /// No number is missing, pictures follow one another, time never goes back.
    fn is_unbroken(&self) {
        let (first, last) = (self.indices.first().unwrap(), self.indices.last().unwrap());
        assert_eq!(
            last - first + 1,
            self.indices.len() as u64,
            "numbers are missing"
        );
        for pair in self.frames.windows(2) {
            let ((before, one), (after, other)) = (&pair[0], &pair[1]);
            assert_eq!(other.picture_id, (one.picture_id + 1) & 0x7fff);
            let base = other.tl0.wrapping_sub(one.tl0);
            assert!(base <= 1, "a base frame is missing");
            assert!(
                before == after || other.is_keyframe,
                "a switch begins with a keyframe"
            );
        }
        for pair in self.timestamps.windows(2) {
            assert!((pair[1].wrapping_sub(pair[0]) as i32) > 0);
        }
    }

    fn layers(&self) -> BTreeSet<u32> {
        self.frames
            .iter()
            .map(|(camera, _)| camera % 1000)
            .collect()
    }
}

struct Room {
    world: World,
    publisher: Publisher,
    viewer: Peer,
    told: (bool, Option<Reason>),
}

impl Room {
    fn new() -> Self {
        let mut world = World::without_ceiling();
        let publisher = Publisher::new(&mut world, 1);
        let viewer = world.peer();
        world.video_slot(1, &viewer);
        world.show(1, 1);
        Self {
            world,
            publisher,
            viewer,
            told: (false, None),
        }
    }

    fn with_voice() -> Self {
        let mut room = Self::new();
        let peer = &room.publisher.peer;
        let microphone = room.world.microphone(2, peer, 7777, None);
        room.publisher.microphone = Some(microphone);
        room.world.audio_slot(2, &room.viewer, None);
        room.world.show(2, 2);
        room
    }

    fn cap(&mut self, kbps: Option<u64>) {
        self.world.command(Command::SetCap {
            transport: self.viewer.id,
            cap_bps: kbps.map(|kbps| kbps * 1000),
        });
    }

    fn run(&mut self, seconds: u64) -> Viewed {
        // Consent lasts for 30 s.
        self.world.connect(&self.publisher.peer);
        self.world.connect(&self.viewer);
        let mut viewed = Viewed::default();
        for _ in 0..seconds * 1000 / FRAME_MS {
            let frame = self.publisher.frame(&mut self.world);
            self.world.send(&self.publisher.peer, &frame);
            if let Some(microphone) = &mut self.publisher.microphone {
                let packet = microphone.packet(Some(30));
                self.world.send(&self.publisher.peer, &[packet]);
            }
            self.world.advance_ms(FRAME_MS);
            viewed.take(&self.world.receive_rtp(&mut self.viewer), slot_ssrc(1));
        }
        viewed
    }

    /// What its way lets through of the layers, as told.
    fn let_through(&mut self) -> Vec<Option<u8>> {
        let events = self.world.take_events().into_iter();
        let layers = events.filter_map(|event| match event {
            Event::SlotAdapted { layer, .. } => Some(layer),
            _ => None,
        });
        layers.collect()
    }

    /// The publisher leaves out the layers above this one, since it was told to.
    fn leave_out_above(&mut self, top: u8) {
        self.world.command(Command::SetWanted {
            source: SourceId(1),
            top,
        });
        self.publisher.active = (usize::from(top)..3).collect();
    }

    /// What is new of whether the picture is off, and why it is not better.
    fn adapted(&mut self, slot: u64) -> Vec<(bool, Option<Reason>)> {
        let mut adapted = Vec::new();
        for event in self.world.take_events() {
            match event {
                Event::SlotAdapted {
                    slot: held,
                    is_off,
                    reason,
                    ..
                } if held == SlotId(slot) && self.told != (is_off, reason) => {
                    self.told = (is_off, reason);
                    adapted.push(self.told);
                }
                _ => {}
            }
        }
        adapted
    }
}

/// Its way carries so much, and loses what is more.
fn narrow(world: &mut World, viewer: &mut Peer, slot: u64, kbps: u64) {
    let block = ReportBlock {
        ssrc: slot_ssrc(slot),
        fraction_lost: 64,
        lost: 7,
        highest_sequence: 0,
        jitter: 900,
        last_sender_report: 0,
        delay_since: 0,
    };
    let mut rtcp = Vec::new();
    write_receiver_report(&mut rtcp, 1, &[block]);
    write_remb(&mut rtcp, 1, kbps * 1000, &[]);
    for _ in 0..3 {
        world.send_rtcp(viewer, &rtcp);
    }
}

fn kbps(viewed: &Viewed, seconds: u64) -> u64 {
    viewed.bytes as u64 * 8 / 1000 / seconds
}

#[test]
fn without_a_limit_all_is_sent_and_nothing_is_claimed() {
    let mut room = Room::new();
    let viewed = room.run(12);
    viewed.is_unbroken();
    assert!(viewed.frames.len() >= 350, "{}", viewed.frames.len());
    assert!(
        room.adapted(1)
            .iter()
            .all(|&(is_off, reason)| !is_off && reason.is_none())
    );
}

#[test]
fn a_voice_that_comes_before_the_picture_does_not_lift_the_bound_of_the_start() {
    let mut room = Room::with_voice();
    let mut viewed = Viewed::default();
    for step in 0..60 {
        if let Some(microphone) = &mut room.publisher.microphone {
            let packet = microphone.packet(Some(30));
            room.world.send(&room.publisher.peer, &[packet]);
        }
        if step >= 30 && step % 3 == 0 {
            let frame = room.publisher.frame(&mut room.world);
            room.world.send(&room.publisher.peer, &frame);
        }
        room.world.advance_ms(FRAME_MS / 3);
        viewed.take(&room.world.receive_rtp(&mut room.viewer), slot_ssrc(1));
    }
    assert_eq!(viewed.layers(), BTreeSet::from([3]));
}

#[test]
fn each_limit_gets_the_best_that_fits_and_no_number_is_missing() {
    // kbit/s, the layer that fits, its highest temporal layer.
    let cases = [
        (2000, 1, 2),
        (1200, 1, 1),
        (700, 2, 2),
        (400, 2, 1),
        (190, 3, 2),
        (115, 3, 1),
        (80, 3, 0),
    ];
    for (limit, layer, temporal) in cases {
        let mut room = Room::new();
        room.run(3);
        room.cap(Some(limit));
        room.run(6);
        let viewed = room.run(8);
        viewed.is_unbroken();
        assert_eq!(viewed.layers(), BTreeSet::from([layer]), "{limit} kbit/s");
        let shares = [4, 2, 1];
        let frames = 8000 / FRAME_MS as usize / shares[temporal];
        let got = viewed.frames.len();
        assert!(
            got.abs_diff(frames) <= 4,
            "{limit} kbit/s: {got} of {frames} frames"
        );
        assert!(kbps(&viewed, 8) <= limit, "{limit}: {}", kbps(&viewed, 8));
    }
}

#[test]
fn limits_that_come_and_go_leave_one_unbroken_stream() {
    let mut dice = Dice(11);
    for _ in 0..4 {
        let mut room = Room::new();
        let mut viewed = Viewed::default();
        for _ in 0..12 {
            let limit = 70 + dice.below(2500);
            room.cap((limit < 2300).then_some(limit));
            let more = room.run(1 + dice.below(4));
            viewed.indices.extend(more.indices);
            viewed.frames.extend(more.frames);
            viewed.timestamps.extend(more.timestamps);
        }
        viewed.is_unbroken();
    }
}

/// What comes late finds its number, sent or left out; none is sent twice.
#[test]
fn disorder_on_the_way_in_leaves_no_number_twice_and_none_missing() {
    let mut room = Room::new();
    room.run(2);
    room.cap(Some(1200));
    room.run(3);
    let mut dice = Dice(5);
    let mut viewed = Viewed::default();
    let mut late: Vec<Sent> = Vec::new();
    for _ in 0..300 {
        let mut now: Vec<Sent> = std::mem::take(&mut late);
        for sent in room.publisher.frame(&mut room.world) {
            match dice.below(10) {
                0 => late.push(sent),
                _ => now.insert(dice.below(now.len() as u64 + 1) as usize, sent),
            }
        }
        room.world.send(&room.publisher.peer, &now);
        room.world.advance_ms(FRAME_MS);
        viewed.take(&room.world.receive_rtp(&mut room.viewer), slot_ssrc(1));
    }
    room.world.send(&room.publisher.peer, &late);
    room.world.advance_ms(FRAME_MS);
    viewed.take(&room.world.receive_rtp(&mut room.viewer), slot_ssrc(1));
    let (first, last) = (
        viewed.indices.first().unwrap(),
        viewed.indices.last().unwrap(),
    );
    let missing = last - first + 1 - viewed.indices.len() as u64;
    assert_eq!(missing, 0, "of {}", viewed.indices.len());
    assert!(
        viewed.empty > 0,
        "late packets of frames left out fill their numbers"
    );
}

#[test]
fn the_picture_goes_before_the_voice_and_comes_back_by_itself() {
    let mut room = Room::with_voice();
    room.run(3);
    room.adapted(1);
    room.cap(Some(60));
    room.run(1);
    let voice = room.world.slot(2).packets;
    let viewed = room.run(5);
    assert!(viewed.frames.is_empty(), "{} frames", viewed.frames.len());
    assert!(
        room.world.slot(2).packets >= voice + 150,
        "the voice goes on"
    );
    assert_eq!(room.adapted(1), [(true, Some(Reason::ModeratorsCap))]);
    room.cap(None);
    let viewed = room.run(5);
    assert!(viewed.frames.len() > 120 && viewed.frames[0].1.is_keyframe);
    assert_eq!(room.adapted(1), [(false, None)]);
}

#[test]
fn a_cap_is_for_pictures_alone() {
    let mut room = Room::with_voice();
    room.run(3);
    room.adapted(1);
    room.cap(Some(0));
    room.run(1);
    let voice = room.world.slot(2).packets;
    let viewed = room.run(4);
    assert!(viewed.frames.is_empty());
    assert!(room.world.slot(2).packets >= voice + 115);
    assert_eq!(room.adapted(1), [(true, Some(Reason::ModeratorsCap))]);
}

#[test]
fn where_the_voices_alone_are_too_many_the_quietest_go_first() {
    let mut world = World::new();
    world.command(Command::AddRoom {
        room: RoomId(9),
        positions: 3,
    });
    let speakers: Vec<Peer> = (0..3).map(|_| world.peer()).collect();
    let sources = speakers.iter().enumerate();
    let mut microphones: Vec<Microphone> = sources
        .map(|(index, peer)| world.microphone(index as u64 + 1, peer, 5000 + index as u32, Some(9)))
        .collect();
    let mut viewer = world.unnumbered_peer();
    for slot in 0..3 {
        world.audio_slot(slot, &viewer, Some((9, slot as u8)));
    }
    // 127 less the loudness.
    let levels = [20, 45, 10];
    let mut run = |world: &mut World| {
        for _ in 0..150 {
            for ((microphone, peer), level) in microphones.iter_mut().zip(&speakers).zip(levels) {
                let packet = microphone.packet_with(Some(level), 80);
                world.send(peer, &[packet]);
            }
            world.advance_ms(20);
        }
    };
    let counts = |world: &World| [0, 1, 2].map(|slot| world.slot(slot).packets);
    run(&mut world);
    let mut shown = [0; 3];
    for (position, source) in world
        .take_events()
        .iter()
        .rev()
        .find_map(|event| match event {
            Event::AudioPositionsChanged { positions, .. } => Some(positions.clone()),
            _ => None,
        })
        .unwrap()
        .iter()
        .enumerate()
    {
        shown[position] = source.unwrap().0 as usize - 1;
    }
    narrow(&mut world, &mut viewer, 0, 150);
    run(&mut world);
    let before = counts(&world);
    run(&mut world);
    let after = counts(&world);
    for slot in 0..3 {
        let is_heard = after[slot] > before[slot];
        assert_eq!(
            is_heard,
            shown[slot] != 1,
            "slot {slot} plays {}",
            shown[slot]
        );
    }
}

#[test]
fn one_slow_viewer_costs_the_others_nothing() {
    let mut room = Room::new();
    let mut fast = room.world.peer_with(SrtpProfile::AeadAes128Gcm, EXTENSIONS);
    room.world.video_slot(2, &fast);
    room.world.show(2, 1);
    room.cap(Some(100));
    room.run(4);
    room.world.receive(&mut fast);
    let mut viewed = Viewed::default();
    for _ in 0..5 {
        room.run(1);
        viewed.take(&room.world.receive_rtp(&mut fast), slot_ssrc(2));
    }
    viewed.is_unbroken();
    assert!(viewed.frames.len() >= 145, "{}", viewed.frames.len());
    assert_eq!(viewed.layers(), BTreeSet::from([1]));
}

#[test]
fn the_reason_is_named_and_goes_away() {
    let mut room = Room::new();
    room.run(10);
    assert!(
        room.adapted(1).iter().all(|&(_, reason)| reason.is_none()),
        "none on a clean way"
    );
    room.cap(Some(400));
    room.run(3);
    assert_eq!(room.adapted(1), [(false, Some(Reason::ModeratorsCap))]);
    room.cap(None);
    room.run(3);
    assert_eq!(room.adapted(1), [(false, None)]);
    room.world.show_layer(1, 1, 2);
    room.run(2);
    assert_eq!(room.adapted(1), [(false, Some(Reason::TileIsSmall))]);
    room.world.show_layer(1, 1, 0);
    room.run(2);
    assert_eq!(room.adapted(1), [(false, None)]);
    room.publisher.active = vec![1, 2];
    room.run(5);
    assert_eq!(room.adapted(1), [], "layers come and go: not at once");
    room.run(10);
    assert_eq!(room.adapted(1), [(false, Some(Reason::SendersCamera))]);
    room.publisher.active = vec![0, 1, 2];
    room.run(4);
    assert_eq!(room.adapted(1), [(false, None)]);
}

#[test]
fn a_lossy_uplink_is_the_senders() {
    let mut room = Room::new();
    room.run(4);
    room.adapted(1);
    let mut dice = Dice(3);
    for _ in 0..700 {
        let mut frame = room.publisher.frame(&mut room.world);
        frame.retain(|_| dice.below(10) > 0);
        room.world.send(&room.publisher.peer, &frame);
        room.world.advance_ms(FRAME_MS);
        room.world.receive(&mut room.viewer);
    }
    assert_eq!(room.adapted(1), [(false, Some(Reason::SendersUplink))]);
}

#[test]
fn what_was_said_of_one_picture_is_said_anew_of_the_next() {
    let mut room = Room::new();
    let other = room.world.peer();
    room.world.add_camera(2, &other, &["f", "h", "q"]);
    room.run(2);
    room.cap(Some(400));
    room.run(3);
    assert_eq!(room.adapted(1), [(false, Some(Reason::ModeratorsCap))]);
    room.world.show(1, 2);
    room.told = (false, None);
    room.run(3);
    assert_eq!(
        room.adapted(1),
        [],
        "of what sends nothing nothing is amiss"
    );
    room.world.show(1, 1);
    room.run(3);
    assert_eq!(room.adapted(1), [(false, Some(Reason::ModeratorsCap))]);
}

#[test]
fn what_no_way_lets_through_may_be_left_out_and_is_asked_for_again() {
    let mut room = Room::new();
    room.run(3);
    room.let_through();
    // A little more than the layer seems to cost in the second in which it falls silent.
    room.cap(Some(800));
    room.run(3);
    assert_eq!(room.let_through(), [Some(1)]);
    room.leave_out_above(1);
    room.run(12);
    assert_eq!(
        room.let_through(),
        [],
        "that it is silent now is no news, and its sender is not to blame"
    );
    room.cap(None);
    room.run(1);
    assert_eq!(room.let_through(), [None], "it would fit again");
    room.leave_out_above(0);
    let viewed = room.run(3);
    assert!(viewed.layers().contains(&1), "{:?}", viewed.layers());
    assert_eq!(room.let_through(), []);
}

/// Nobody has ever seen the layer: what it would take is a guess.
#[test]
fn a_layer_that_was_never_sent_is_asked_for_where_it_may_fit() {
    let mut room = Room::new();
    room.leave_out_above(2);
    room.cap(Some(400));
    room.run(3);
    assert_eq!(room.let_through(), [Some(2)]);
    room.cap(Some(5000));
    room.run(3);
    assert_eq!(room.let_through(), [None]);
}

#[test]
fn a_layer_that_its_sender_leaves_out_unasked_is_the_senders() {
    let mut room = Room::new();
    room.run(3);
    room.adapted(1);
    room.publisher.active = vec![1, 2];
    room.run(15);
    assert_eq!(room.adapted(1), [(false, Some(Reason::SendersCamera))]);
}
