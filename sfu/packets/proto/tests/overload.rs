//! When sending falls behind, whole frames are left out by policy: audio last, and no holes.

#![allow(clippy::unwrap_used)]

mod world;

use std::time::{Duration, Instant};

use sfu_proto::command::{Command, MediaKind};
use sfu_proto::drop::DropReason;
use sfu_proto::handover::{Missed, earlier};
use sfu_proto::ids::{SlotId, SourceId};
use sfu_proto::receive_side::{ReceiveSide, RouterConfig};
use sfu_proto::router::HoldConfig;
use sfu_proto::rtcp::{Packet, write_pli};
use sfu_proto::send_side::SendSide;
use sfu_proto::transmit::{Datagram, Path, TransmitBatch};
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

impl Scene {
    /// The slot shows nothing and waits for a keyframe, which has been asked for.
    fn leave_out_a_frame(&mut self) {
        let frame = self.camera.frame(false, &[500; 3]);
        self.world.fall_behind(&self.publisher, &frame, LATE);
        assert!(self.keyframes_asked() > 0);
        assert!(self.world.receive_rtp(&mut self.viewer).is_empty());
    }

    /// How often the publisher is asked within a second.
    fn keyframes_asked(&mut self) -> usize {
        self.world.advance_ms(1_000);
        let mail = self.world.receive(&mut self.publisher);
        count_rtcp(&mail, |packet| matches!(packet, Packet::Pli { .. }))
    }

    fn goes_on_at_a_keyframe(&mut self) {
        let keyframe = self.camera.frame(true, &[500; 3]);
        self.world.send(&self.publisher, &keyframe);
        assert_eq!(self.world.receive_rtp(&mut self.viewer).len(), 3);
    }
}

#[test]
fn a_keyframe_that_is_left_out_too_is_asked_for_again() {
    let mut scene = scene();
    scene.leave_out_a_frame();
    for _ in 0..3 {
        let keyframe = scene.camera.frame(true, &[500; 3]);
        scene.world.fall_behind(&scene.publisher, &keyframe, LATE);
        assert!(scene.keyframes_asked() > 0, "the keyframe was not sent");
        assert!(scene.world.receive_rtp(&mut scene.viewer).is_empty());
    }
    scene.goes_on_at_a_keyframe();
    assert_eq!(scene.keyframes_asked(), 0);
}

#[test]
fn the_first_keyframe_of_another_source_that_is_left_out_is_asked_for_again() {
    let mut scene = scene();
    let mut other = scene.world.camera(3, &scene.publisher, 3333);
    let broken = other.frame(false, &[500; 3]);
    scene.world.send(&scene.publisher, &broken);
    scene.world.show(1, 3);
    assert!(scene.keyframes_asked() > 0);
    let keyframe = other.frame(true, &[500; 3]);
    scene.world.fall_behind(&scene.publisher, &keyframe, LATE);
    assert!(scene.keyframes_asked() > 0, "the keyframe was not sent");
    scene.world.receive_rtp(&mut scene.viewer);
    let keyframe = other.frame(true, &[500; 3]);
    scene.world.send(&scene.publisher, &keyframe);
    assert_eq!(scene.world.receive_rtp(&mut scene.viewer).len(), 3);
}

#[test]
fn keyframes_that_are_all_left_out_are_asked_for_at_a_bounded_rate() {
    let mut scene = scene();
    scene.leave_out_a_frame();
    let begin = scene.world.now;
    while scene.world.now < begin + Duration::from_secs(10) {
        let keyframe = scene.camera.frame(true, &[500; 3]);
        scene.world.fall_behind(&scene.publisher, &keyframe, LATE);
        scene.world.advance_ms(10);
    }
    let mail = scene.world.receive(&mut scene.publisher);
    let asked = count_rtcp(&mail, |packet| matches!(packet, Packet::Pli { .. }));
    assert!(
        (5..=13).contains(&asked),
        "{asked}: three, and one a second"
    );
}

#[test]
fn a_viewer_who_asks_while_its_slot_waits_is_heard() {
    let mut scene = scene();
    scene.leave_out_a_frame();
    let keyframe = scene.camera.frame(true, &[500; 3]);
    wait_in_the_router(&mut scene, &keyframe);
    let mut asks = Vec::new();
    write_pli(&mut asks, 1, slot_ssrc(1));
    scene.world.send_rtcp(&mut scene.viewer, &asks);
    assert!(scene.keyframes_asked() > 0);
}

/// Nothing is taken from the router meanwhile, and no time passes.
fn wait_in_the_router(scene: &mut Scene, packets: &[Sent]) {
    for sent in packets {
        let mut data = scene.publisher.protect(&sent.packet, sent.index);
        let path = scene.publisher.path;
        let mut batch = [Datagram {
            path,
            came_at: scene.world.now,
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
fn a_keyframe_that_made_room_is_asked_for_again() {
    let mut scene = scene();
    scene.leave_out_a_frame();
    let keyframe = scene.camera.frame(true, &[60]);
    wait_in_the_router(&mut scene, &keyframe);
    for _ in 0..9_000 {
        let frame = scene.camera.frame(false, &[60]);
        wait_in_the_router(&mut scene, &frame);
    }
    scene.world.collect();
    assert!(scene.world.receive_rtp(&mut scene.viewer).is_empty());
    assert!(scene.keyframes_asked() > 0, "the keyframe was not sent");
    scene.goes_on_at_a_keyframe();
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

/// Both sides of the packet path, and between them a ring that has no room at times.
struct Apart {
    receive: ReceiveSide,
    send: SendSide,
    now: Instant,
    has_room: bool,
    missed: Missed,
    /// What was sent to anybody.
    mail: Vec<(Path, Vec<u8>)>,
}

impl Apart {
    fn new(world: &World) -> Self {
        let config = RouterConfig {
            hold: HoldConfig::NONE,
            ..RouterConfig::new(world.now, Duration::from_secs(1_700_000_000), 1)
        };
        let (receive, mut shards) = config.build();
        Self {
            receive,
            send: shards.pop().unwrap(),
            now: world.now,
            has_room: true,
            missed: Missed::default(),
            mail: Vec::new(),
        }
    }

    /// Does between the sides what their workers do.
    fn carry(&mut self) {
        if self.has_room && !self.missed.is_empty() {
            self.send.handle(self.now, self.missed.take(0));
        }
        let mut handed = Vec::new();
        self.receive.take_handed(&mut handed);
        for handed in handed {
            match self.has_room || !handed.may_be_left_out() {
                true => self.send.handle(self.now, handed),
                false => self.missed.note(&handed),
            }
        }
        let mut batch = TransmitBatch::default();
        while self.send.poll_transmits(self.now, &mut batch) {}
        for transmit in &batch.transmits {
            let pieces = batch.contents(transmit);
            let pieces = pieces.chunks(usize::from(transmit.segment_size));
            self.mail
                .extend(pieces.map(|data| (transmit.path, data.to_vec())));
        }
        let mut asked = Vec::new();
        self.send.take_asked(&mut asked);
        for asked in asked {
            self.receive.handle_asked(self.now, 0, asked);
        }
    }

    fn command(&mut self, command: Command) {
        self.receive.handle_command(self.now, command);
        self.carry();
    }

    fn deliver(&mut self, path: Path, data: &mut [u8]) {
        let mut batch = [Datagram {
            path,
            came_at: self.now,
            data,
        }];
        self.receive.handle_datagrams(self.now, &mut batch);
        self.carry();
    }

    fn connect(&mut self, peer: &Peer) {
        self.command(Command::AddTransport {
            transport: peer.id,
            ice: peer.credentials(),
            extensions: EXTENSIONS.to_vec(),
        });
        self.deliver(peer.path, &mut peer.check());
        self.command(Command::SetKeys {
            transport: peer.id,
            keys: peer.keys.clone(),
        });
    }

    fn send(&mut self, peer: &Peer, packets: &[Sent]) {
        for sent in packets {
            self.deliver(peer.path, &mut peer.protect(&sent.packet, sent.index));
        }
    }

    fn advance(&mut self, duration: Duration) {
        let end = self.now + duration;
        let next = |apart: &Self| {
            let next = earlier(apart.receive.poll_timeout(), apart.send.poll_timeout());
            next.filter(|&at| at <= end)
        };
        while let Some(at) = next(self) {
            self.now = self.now.max(at);
            self.receive.handle_timeout(self.now);
            self.send.handle_timeout(self.now);
            self.carry();
        }
        self.now = end;
    }

    fn receive(&mut self, peer: &mut Peer) -> Mail {
        let (own, others) = std::mem::take(&mut self.mail)
            .into_iter()
            .partition(|(path, _)| *path == peer.path);
        self.mail = others;
        let mut mail = Mail::default();
        let own: Vec<(Path, Vec<u8>)> = own;
        for (_, datagram) in own {
            peer.open(datagram, &mut mail);
        }
        mail
    }

    /// How often the publisher is asked within a second.
    fn keyframes_asked(&mut self, publisher: &mut Peer) -> usize {
        self.advance(Duration::from_secs(1));
        let mail = self.receive(publisher);
        count_rtcp(&mail, |packet| matches!(packet, Packet::Pli { .. }))
    }
}

#[test]
fn a_keyframe_that_a_part_of_the_send_side_missed_is_asked_for_again() {
    let mut world = World::new();
    let [mut publisher, mut viewer] = [world.peer(), world.peer()];
    let mut camera = Camera::new(&publisher, 1111, None, "v1");
    let mut apart = Apart::new(&world);
    apart.connect(&publisher);
    apart.connect(&viewer);
    apart.command(add_camera(1, &publisher, &[]));
    let slot = add_slot(1, &viewer, MediaKind::Video, video_codecs(), None);
    apart.command(slot);
    apart.command(Command::Show {
        slot: SlotId(1),
        source: Some(SourceId(1)),
        layer: 0,
    });
    apart.send(&publisher, &camera.frame(false, &[500]));
    assert!(apart.keyframes_asked(&mut publisher) > 0);
    apart.has_room = false;
    apart.send(&publisher, &camera.frame(true, &[500; 3]));
    apart.has_room = true;
    assert!(apart.keyframes_asked(&mut publisher) > 0, "it was missed");
    assert!(apart.receive(&mut viewer).rtp.is_empty());
    apart.send(&publisher, &camera.frame(true, &[500; 3]));
    assert_eq!(apart.receive(&mut viewer).rtp.len(), 3);
}
