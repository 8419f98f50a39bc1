//! What is measured is what happened: jitter, loss and delays against the truth of the test.

#![allow(clippy::unwrap_used)]

mod world;

use std::time::Duration;

use sfu_proto::codecs::red;
use sfu_proto::command::{Codec, Extension};
use sfu_proto::ids::SlotId;
use sfu_proto::router::HoldConfig;
use sfu_proto::rtcp::*;
use sfu_proto::snapshot::{LayerSnapshot, TransportSnapshot};
use world::*;

const FRAME_US: u64 = 33_333;

/// One packet, when it is sent and how long it is on its way; `None`: it is lost.
struct Trip {
    sent_us: u64,
    delay_us: Option<u64>,
    packet: Sent,
}

/// One publisher and its way here, which a test draws up beforehand.
struct Uplink {
    world: World,
    publisher: Peer,
    trips: Vec<Trip>,
}

impl Uplink {
    fn new() -> Self {
        let mut world = World::new();
        let publisher = world.peer();
        Self {
            world,
            publisher,
            trips: Vec::new(),
        }
    }

    fn with_camera() -> (Self, Camera) {
        let mut uplink = Self::new();
        let camera = uplink.world.camera(1, &uplink.publisher, 1111);
        (uplink, camera)
    }

    fn with_microphone() -> (Self, Microphone) {
        let mut uplink = Self::new();
        let microphone = uplink.world.microphone(1, &uplink.publisher, 2222, None);
        (uplink, microphone)
    }

    fn add(&mut self, sent_us: u64, delay_us: u64, packet: Sent) {
        self.trips.push(Trip {
            sent_us,
            delay_us: Some(delay_us),
            packet,
        });
    }

    fn lose(&mut self, sent_us: u64, packet: Sent) {
        self.trips.push(Trip {
            sent_us,
            delay_us: None,
            packet,
        });
    }

    /// A second of single-packet frames from a time on, on a way of 20 ms.
    fn add_second(&mut self, from_us: u64, camera: &mut Camera) {
        for frame in 0..30 {
            let packet = camera.frame(frame == 0, &[300]).remove(0);
            self.add(from_us + frame * FRAME_US, 20_000, packet);
        }
    }

    fn add_sounds(&mut self, from_us: u64, count: u64, microphone: &mut Microphone) {
        for number in 0..count {
            self.add(from_us + number * 20_000, 20_000, microphone.packet(None));
        }
    }

    /// All that arrives, in order.
    fn play(&mut self) {
        let mut arrivals: Vec<(u64, Sent)> = std::mem::take(&mut self.trips)
            .into_iter()
            .filter_map(|trip| Some((trip.sent_us + trip.delay_us?, trip.packet)))
            .collect();
        arrivals.sort_by_key(|(at, _)| *at);
        for (at, packet) in arrivals {
            let passed = self.world.now - self.world.start;
            let wait = Duration::from_micros(at).saturating_sub(passed);
            self.world.advance(wait);
            self.world.send(&self.publisher, &[packet]);
        }
    }

    fn layer(&self) -> LayerSnapshot {
        self.world.layer(1, 0)
    }

    fn assert_calm(&mut self, case: &str) -> LayerSnapshot {
        self.play();
        let snapshot = self.world.router.snapshot(self.world.now);
        let layers = snapshot.sources.iter().flat_map(|source| &source.layers);
        for layer in layers {
            assert_eq!((layer.lost, layer.lost_after_repair), (0, 0), "{case}");
            assert!(layer.jitter_s < 0.000_1, "{case}: {} s", layer.jitter_s);
            assert_eq!(layer.freezes, 0, "{case}");
        }
        self.layer()
    }
}

/// RFC 3550 A.8 as it is written, in seconds, of times of sampling and arrival.
fn rfc_3550_jitter(samples: &[(u64, u64)]) -> f64 {
    let transit = |&(sent, came): &(u64, u64)| came as f64 - sent as f64;
    let differences = samples
        .windows(2)
        .map(|pair| (transit(&pair[1]) - transit(&pair[0])).abs());
    let jitter = differences.fold(0.0, |jitter, difference| {
        jitter + (difference - jitter) / 16.0
    });
    jitter / 1e6
}

fn assert_near(measured: f64, truth: f64, what: &str) {
    let tolerance = (truth * 0.02).max(0.000_1);
    assert!(
        (measured - truth).abs() <= tolerance,
        "{what}: {measured} against {truth}"
    );
}

// -- jitter -----------------------------------------------------------------------------------

#[test]
fn jitter_of_video_is_that_of_the_first_packets_of_frames() {
    for swing_ms in [0, 2, 5, 9, 20] {
        let (mut uplink, mut camera) = Uplink::with_camera();
        let mut dice = Dice(swing_ms + 1);
        let mut firsts = Vec::new();
        for frame in 0..300u64 {
            for (place, packet) in (0..).zip(camera.frame(frame == 0, &[900; 4])) {
                let delay_us = 30_000 + dice.below(2_000 * swing_ms + 1);
                let sent_us = frame * FRAME_US;
                uplink.add(sent_us + place * 3_000, delay_us, packet);
                if place == 0 {
                    firsts.push((sent_us, sent_us + delay_us));
                }
            }
        }
        firsts.sort_by_key(|&(_, came)| came);
        uplink.play();
        let truth = rfc_3550_jitter(&firsts);
        assert_near(uplink.layer().jitter_s, truth, &format!("±{swing_ms} ms"));
        assert_eq!(uplink.layer().lost, 0);
    }
}

#[test]
fn jitter_of_sound_is_that_of_each_packet() {
    for swing_ms in [0, 2, 9, 20, 45] {
        let (mut uplink, mut microphone) = Uplink::with_microphone();
        let mut dice = Dice(swing_ms + 7);
        let mut samples = Vec::new();
        for number in 0..400u64 {
            let (sent_us, delay_us) = (number * 20_000, 50_000 + dice.below(2_000 * swing_ms + 1));
            uplink.add(sent_us, delay_us, microphone.packet(None));
            samples.push((sent_us, sent_us + delay_us));
        }
        samples.sort_by_key(|&(_, came)| came);
        let overtaken = samples.windows(2).filter(|pair| pair[1].0 < pair[0].0);
        let has_overtaken = overtaken.count() > 0;
        uplink.play();
        let layer = uplink.layer();
        assert_near(layer.jitter_s, rfc_3550_jitter(&samples), "sound");
        assert_eq!((layer.lost, layer.reordered > 0), (0, has_overtaken));
    }
}

/// Datagrams lay in the kernel while others had our cores: their way was even all the same.
#[test]
fn our_own_lateness_is_no_jitter() {
    let (mut uplink, mut microphone) = Uplink::with_microphone();
    let mut dice = Dice(3);
    for _ in 0..200 {
        let packet = microphone.packet(None);
        let lag = Duration::from_micros(dice.below(20_000));
        uplink.world.advance(lag);
        uplink.world.lag = lag;
        uplink.world.send(&uplink.publisher, &[packet]);
        uplink.world.advance(Duration::from_millis(20) - lag);
    }
    assert_near(uplink.layer().jitter_s, 0.0, "read late");
}

// -- nothing that happens in a call is a false loss or a spike of jitter -----------------------

#[test]
fn numbers_and_timestamps_that_wrap_are_none() {
    let (mut uplink, mut camera) = Uplink::with_camera();
    (camera.index, camera.timestamp) = (65_520, u32::MAX - 40_000);
    uplink.add_second(0, &mut camera);
    uplink.add_second(30 * FRAME_US, &mut camera);
    assert_eq!(uplink.assert_calm("a wrap").received, 60);
}

#[test]
fn another_ssrc_is_none() {
    let (mut uplink, mut camera) = Uplink::with_camera();
    uplink.add_second(0, &mut camera);
    let mut other = Camera::new(&uplink.publisher, 77_777, None, "v1");
    uplink.add_second(30 * FRAME_US, &mut other);
    uplink.assert_calm("another SSRC");
}

#[test]
fn discontinuous_sound_is_none() {
    let (mut uplink, mut microphone) = Uplink::with_microphone();
    let mut at_us = 0;
    for talkspurt in 0..5 {
        uplink.add_sounds(at_us, 20, &mut microphone);
        at_us += 20 * 20_000;
        for _ in 0..talkspurt {
            // 400 ms apart, as Opus tells of silence.
            microphone.timestamp = microphone.timestamp.wrapping_add(20 * 960);
            at_us += 400_000;
            uplink.add_sounds(at_us, 1, &mut microphone);
            at_us += 20_000;
        }
    }
    uplink.assert_calm("DTX");
}

#[test]
fn a_mute_is_none_whether_timestamps_go_on_or_not() {
    for do_go_on in [true, false] {
        let (mut uplink, mut camera) = Uplink::with_camera();
        uplink.add_second(0, &mut camera);
        if do_go_on {
            camera.timestamp = camera.timestamp.wrapping_add(8 * 90_000);
        }
        uplink.add_second(9_000_000, &mut camera);
        uplink.play();
        let layer = uplink.layer();
        assert_eq!(layer.lost, 0);
        assert_near(layer.jitter_s, 0.0, "a mute");
        assert_eq!(layer.freezes, 0, "timestamps go on: {do_go_on}");
    }
}

#[test]
fn half_a_minute_of_silence_is_none() {
    let (mut uplink, mut microphone) = Uplink::with_microphone();
    uplink.add_sounds(0, 50, &mut microphone);
    microphone.timestamp = microphone.timestamp.wrapping_add(30 * 48_000);
    uplink.add_sounds(31_000_000, 50, &mut microphone);
    uplink.assert_calm("30 s of silence");
}

#[test]
fn a_layer_that_stops_and_comes_back_is_none() {
    let mut uplink = Uplink::new();
    uplink.world.add_camera(1, &uplink.publisher, &["f", "h"]);
    let mut large = Camera::new(&uplink.publisher, 1111, Some("f"), "v1");
    let mut small = Camera::new(&uplink.publisher, 1112, Some("h"), "v1");
    for second in 0..6 {
        let from_us = second * 30 * FRAME_US;
        uplink.add_second(from_us, &mut small);
        if second % 3 != 1 {
            uplink.add_second(from_us, &mut large);
        } else {
            large.timestamp = large.timestamp.wrapping_add(30 * 3000);
        }
    }
    uplink.assert_calm("a layer that pauses");
}

#[test]
fn retransmissions_are_none() {
    let (mut uplink, mut camera) = Uplink::with_camera();
    for frame in 0..90u64 {
        let packet = camera.frame(frame == 0, &[300]).remove(0);
        let again = camera.rtx(&packet, 1112, frame + 5);
        uplink.add(frame * FRAME_US, 20_000, packet);
        if frame % 9 == 8 {
            uplink.add(frame * FRAME_US + 70_000, 20_000, again);
        }
    }
    let layer = uplink.assert_calm("RTX of what was not lost");
    assert_eq!((layer.repaired, layer.duplicates), (0, 0));
    assert_eq!((layer.expected, layer.received), (90, 90));
}

#[test]
fn redundant_sound_is_none() {
    let mut uplink = Uplink::new();
    let mut codecs = audio_codecs();
    codecs.push(codec(Codec::Red, RED, 48_000));
    uplink
        .world
        .add_microphone(1, &uplink.publisher, codecs, None);
    for number in 2..100u64 {
        uplink.add(number * 20_000, 20_000, redundant(number));
    }
    let layer = uplink.assert_calm("RED");
    assert_eq!((layer.repaired, layer.received), (0, 98));
}

#[test]
fn padding_of_a_probe_is_none() {
    let (mut uplink, mut camera) = Uplink::with_camera();
    for frame in 0..60u64 {
        let sent_us = frame * FRAME_US;
        let packet = camera.frame(frame == 0, &[300]).remove(0);
        uplink.add(sent_us, 20_000, packet);
        if frame % 10 == 5 {
            for place in 1..9 {
                let mut padding = camera.build(&[], false);
                padding.timestamp = padding.timestamp.wrapping_sub(3000);
                padding.padding = 200;
                uplink.add(sent_us + place * 500, 20_000, padding.sent());
            }
        }
    }
    let layer = uplink.assert_calm("padding");
    assert_eq!((layer.expected, layer.received), (108, 108));
    assert_eq!(layer.frames, 60);
}

#[test]
fn duplicates_are_counted_and_nothing_else() {
    let (mut uplink, mut camera) = Uplink::with_camera();
    for frame in 0..70u64 {
        let packet = camera.frame(frame == 0, &[300]).remove(0);
        uplink.add(frame * FRAME_US, 20_000, packet.clone());
        if frame % 7 == 3 {
            uplink.add(frame * FRAME_US, 25_000, packet);
        }
    }
    let layer = uplink.assert_calm("duplicates");
    assert_eq!((layer.duplicates, layer.received), (10, 70));
}

#[test]
fn new_keys_forget_nothing_that_was_counted() {
    let (mut uplink, mut camera) = Uplink::with_camera();
    uplink.add_second(0, &mut camera);
    let first = uplink.assert_calm("before");
    uplink.publisher.keys.remote.0[0] ^= 1;
    uplink.publisher.sender = sfu_proto::srtp::SrtpSender::new(
        uplink.publisher.keys.profile,
        &uplink.publisher.keys.remote.0,
        &uplink.publisher.keys.remote.1,
    )
    .unwrap();
    uplink.world.set_keys(&uplink.publisher);
    uplink.add_second(2_000_000, &mut camera);
    let layer = uplink.assert_calm("after");
    assert_eq!(layer.received, first.received + 30);
    assert_eq!(layer.expected, first.expected + 30);
}

/// Sounds of three packets in each.
fn redundant(number: u64) -> Sent {
    let sound = |number: u64| format!("sound {number}").into_bytes();
    let mut payload = Vec::new();
    for age in [2, 1] {
        red::write_older(
            &mut payload,
            OPUS,
            960 * age as u32,
            sound(number - age).len(),
        );
    }
    red::write_newest(&mut payload, OPUS);
    for age in [2, 1, 0] {
        payload.extend(sound(number - age));
    }
    Build {
        payload_type: RED,
        marker: false,
        index: number,
        timestamp: number as u32 * 960,
        ssrc: 2222,
        extensions: vec![(1, b"a1".to_vec())],
        payload: &payload,
        padding: 0,
    }
    .sent()
}

// -- loss -------------------------------------------------------------------------------------

#[test]
fn loss_up_is_told_before_and_after_repair() {
    let (mut uplink, mut camera) = Uplink::with_camera();
    let mut dice = Dice(11);
    let (mut lost, mut repaired) = (0, 0);
    for frame in 0..400u64 {
        let sent_us = frame * FRAME_US;
        let packet = camera.frame(frame == 0, &[300]).remove(0);
        let is_end = frame == 0 || frame == 399;
        if is_end || dice.below(100) >= 8 {
            uplink.add(sent_us, 20_000, packet);
            continue;
        }
        let again = camera.rtx(&packet, 1112, frame + 5);
        uplink.lose(sent_us, packet);
        lost += 1;
        if dice.below(4) > 0 {
            uplink.add(sent_us + 60_000, 20_000, again);
            repaired += 1;
        }
    }
    uplink.play();
    let layer = uplink.layer();
    assert!(repaired > 10 && lost > repaired, "{lost} {repaired}");
    assert_eq!((layer.expected, layer.lost), (400, lost));
    assert_eq!(layer.repaired, repaired as u64);
    assert_eq!(layer.lost_after_repair, (lost - repaired) as u64);
    assert_near(layer.jitter_s, 0.0, "repairs tell nothing of the way");
}

#[test]
fn what_redundancy_brings_back_is_lost_before_repair_alone() {
    let mut uplink = Uplink::new();
    let mut codecs = audio_codecs();
    codecs.push(codec(Codec::Red, RED, 48_000));
    uplink
        .world
        .add_microphone(1, &uplink.publisher, codecs, None);
    for number in 2..99u64 {
        match number % 11 {
            0 => uplink.lose(number * 20_000, redundant(number)),
            // Late: it was recovered before it came.
            1 if number > 60 => uplink.add(number * 20_000, 50_000, redundant(number)),
            _ => uplink.add(number * 20_000, 20_000, redundant(number)),
        }
    }
    uplink.play();
    let layer = uplink.layer();
    assert_eq!((layer.lost, layer.lost_after_repair), (8, 0));
    assert!(layer.repaired_red >= 8 && layer.repaired == layer.repaired_red);
}

/// A receiver as RFC 3550 A.3 has it, of what one slot was sent.
#[derive(Default)]
struct Listener {
    first: Option<u64>,
    highest: u64,
    received: u64,
    prior: (u64, u64),
}

impl Listener {
    fn take(&mut self, index: u64) {
        let first = self.first.get_or_insert(index);
        *first = index.min(*first);
        self.highest = self.highest.max(index);
        self.received += 1;
    }

    fn report(&mut self, slot: u64) -> ReportBlock {
        let expected = self.highest - self.first.unwrap() + 1;
        let (before, received) = std::mem::replace(&mut self.prior, (expected, self.received));
        let (expected_now, received_now) = (expected - before, self.received - received);
        let lost_now = expected_now.saturating_sub(received_now);
        ReportBlock {
            ssrc: slot_ssrc(slot),
            fraction_lost: (lost_now * 256 / expected_now.max(1)).min(255) as u8,
            lost: (expected as i64 - self.received as i64) as i32,
            highest_sequence: self.highest as u32,
            jitter: 0,
            last_sender_report: 0,
            delay_since: 0,
        }
    }
}

/// The publisher's way loses 10 % (and repairs half of that late), the viewer's none or 5 %.
fn losses_down(lost_of_100: u64) {
    let Scene {
        mut world,
        publisher,
        mut viewer,
        mut camera,
    } = Scene::new();
    let mut dice = Dice(5 + lost_of_100);
    let (mut listener, mut lost_down, mut sent, mut lost_up) = (Listener::default(), 0, 0, 0);
    let mut late: Vec<Sent> = Vec::new();
    let mut worst: f64 = 0.0;
    for frame in 0..900u64 {
        let packet = camera.frame(frame % 100 == 0, &[300]).remove(0);
        let is_lost = frame % 100 != 0 && dice.below(100) < 10;
        if is_lost && dice.below(2) == 0 {
            late.push(camera.rtx(&packet, 1112, frame + 5));
        } else if is_lost {
            lost_up += 1;
        } else {
            world.send(&publisher, &[packet]);
        }
        if frame % 7 == 6 {
            world.send(&publisher, &std::mem::take(&mut late));
        }
        for rtp in world.receive_rtp(&mut viewer) {
            if rtp.header.ssrc != slot_ssrc(1) {
                continue;
            }
            sent += 1;
            match frame > 0 && dice.below(100) < lost_of_100 {
                true => lost_down += 1,
                false => listener.take(rtp.index),
            }
        }
        world.advance(Duration::from_micros(FRAME_US));
        if frame % 30 == 29 {
            let mut rtcp = Vec::new();
            write_receiver_report(&mut rtcp, 1, &[listener.report(1)]);
            world.send_rtcp(&mut viewer, &rtcp);
            worst = worst.max(world.slot(1).fraction_lost);
        }
    }
    let slot = world.slot(1);
    assert!(lost_up > 20, "{lost_up}");
    // The newest may be on their way, or lost and not yet missed.
    let near = |measured: i64, truth: i64| (measured - truth).abs() <= 3;
    assert!(
        near(slot.lost_up as i64, lost_up),
        "{} {lost_up}",
        slot.lost_up
    );
    assert!(near(slot.expected as i64, sent), "{} {sent}", slot.expected);
    assert!(near(slot.lost, lost_down), "{} {lost_down}", slot.lost);
    if lost_of_100 == 0 {
        assert_eq!(slot.lost, 0);
        assert!(worst < 0.02, "a share of {worst} was nobody's");
    }
}

#[test]
fn what_the_publisher_lost_is_not_lost_to_its_viewers() {
    losses_down(0);
}

#[test]
fn what_viewers_lose_is_told_without_what_the_publisher_lost() {
    losses_down(5);
}

// -- delays -----------------------------------------------------------------------------------

#[test]
fn packets_are_forwarded_as_late_as_they_were_held_and_read() {
    let hold = HoldConfig::DEFAULT;
    let mut scene = Scene::of(World::holding(1, hold));
    scene.world.lag = Duration::from_micros(300);
    for is_keyframe in [true, false] {
        let frame = scene.camera.frame(is_keyframe, &[900; 3]);
        scene.world.forwarded.clear();
        for packet in frame {
            scene.send(&[packet]);
            scene.world.advance_ms(4);
        }
    }
    let waited: Vec<_> = scene
        .world
        .forwarded
        .iter()
        .map(|forwarded| (forwarded.waited_us, forwarded.packets))
        .collect();
    assert_eq!(waited, [(8_300, 1), (4_300, 1), (300, 1)]);
}

#[test]
fn each_viewer_counts() {
    let mut scene = Scene::new();
    let more: Vec<_> = (2..30).map(|_| scene.world.peer()).collect();
    for (slot, viewer) in (2..).zip(&more) {
        scene.world.video_slot(slot, viewer);
        scene.world.show(slot, 1);
    }
    scene.frame(true, &[1000; 20]);
    let packets: u64 = scene.world.forwarded.iter().map(|held| held.packets).sum();
    assert_eq!(packets, 29 * 20);
}

fn transport(world: &World, peer: &Peer) -> TransportSnapshot {
    let snapshot = world.router.snapshot(world.now);
    let mut transports = snapshot.transports.into_iter();
    transports.find(|held| held.transport == peer.id).unwrap()
}

fn extended(mail: &Mail) -> Vec<ExtendedBlock> {
    let all = mail.rtcp.iter().flat_map(|datagram| packets(datagram));
    all.flat_map(|packet| match packet.unwrap() {
        Packet::Extended { blocks, .. } => blocks.iter().collect::<Vec<_>>(),
        _ => Vec::new(),
    })
    .collect()
}

fn server_ssrc(mail: &Mail) -> u32 {
    let mut all = mail.rtcp.iter().flat_map(|datagram| packets(datagram));
    let ssrc = all.find_map(|packet| match packet.unwrap() {
        Packet::Extended { ssrc, .. } => Some(ssrc),
        _ => None,
    });
    ssrc.unwrap()
}

/// Whoever receives nothing reports nothing, and answers our time.
#[test]
fn the_round_trip_to_one_who_only_sends_is_measured() {
    for round_trip_ms in [0, 20, 100, 300, 600] {
        let (mut uplink, mut microphone) = Uplink::with_microphone();
        uplink.add_sounds(0, 50, &mut microphone);
        uplink.play();
        uplink.world.advance_ms(100);
        let mail = uplink.world.receive(&mut uplink.publisher);
        let [ExtendedBlock::ReferenceTime { ntp }] = extended(&mail)[..] else {
            panic!("our time, once a second: {:?}", extended(&mail));
        };
        // Since when it was asked for, but for the way.
        let kept_ms = 250;
        let asked = uplink.world.now;
        let since = asked - uplink.world.start;
        let ago = ntp_now(since) - ntp;
        let kept = Duration::from_millis(kept_ms + round_trip_ms);
        uplink.world.advance(kept);
        let delay_since = (ago >> 16) as u32 + ((kept_ms << 16) / 1000) as u32;
        let mut rtcp = Vec::new();
        let since = SinceReference {
            ssrc: server_ssrc(&mail),
            last_reference: (ntp >> 16) as u32,
            delay_since,
        };
        write_since_reference(&mut rtcp, 2222, &since);
        uplink.world.send_rtcp(&mut uplink.publisher, &rtcp);
        let told = transport(&uplink.world, &uplink.publisher);
        let truth = round_trip_ms as f64 / 1000.0;
        for measured in [told.round_trip_time_s, told.round_trip_last_s] {
            assert!((measured.unwrap() - truth).abs() < 0.000_1, "{measured:?}");
        }
    }
}

/// The test world's wall clock.
fn ntp_now(since: Duration) -> u64 {
    let unix = Duration::from_secs(1_700_000_000) + since;
    let seconds = unix.as_secs() + 2_208_988_800;
    (seconds << 32) + (u64::from(unix.subsec_nanos()) << 32) / 1_000_000_000
}

#[test]
fn whoever_says_its_time_is_told_when_it_came() {
    let mut world = World::new();
    let mut viewer = world.peer();
    let mut rtcp = Vec::new();
    write_reference_time(&mut rtcp, 4711, 0x0102_0304_0506_0708);
    world.send_rtcp(&mut viewer, &rtcp);
    let mail = world.receive(&mut viewer);
    let since = SinceReference {
        ssrc: 4711,
        last_reference: 0x0304_0506,
        delay_since: 0,
    };
    assert_eq!(extended(&mail), [ExtendedBlock::Since(since)]);
}

/// Up 70 ms and down 30, by clocks that agree.
#[test]
fn ways_are_told_apart_by_clocks_that_agree() {
    let Scene {
        mut world,
        publisher,
        mut viewer,
        mut camera,
    } = Scene::new();
    let (up, down) = (Duration::from_millis(70), Duration::from_millis(30));
    for _ in 0..40 {
        let frame = camera.frame(true, &[300]);
        world.send(&publisher, &frame);
        world.advance_ms(1_000);
        let mail = world.receive(&mut viewer);
        let reports = mail.rtcp.iter().flat_map(|datagram| packets(datagram));
        let sent = reports.filter_map(|packet| match packet.unwrap() {
            Packet::SenderReport { ntp, .. } => Some(ntp),
            _ => None,
        });
        let Some(ntp) = sent.last() else { continue };
        // It comes to the viewer now, as far as that can tell, which answers at once.
        let left = ntp_now(world.now - world.start + down);
        world.advance(down + up);
        let mut rtcp = Vec::new();
        let block = ReportBlock {
            ssrc: slot_ssrc(1),
            fraction_lost: 0,
            lost: 0,
            highest_sequence: 0,
            jitter: 0,
            last_sender_report: (ntp >> 16) as u32,
            delay_since: ((left - ntp) >> 16) as u32 - ntp_middle(down),
        };
        write_receiver_report(&mut rtcp, 1, &[block]);
        write_reference_time(&mut rtcp, 1, left);
        world.send_rtcp(&mut viewer, &rtcp);
    }
    let told = transport(&world, &viewer);
    let ms = |seconds: Option<f64>| (seconds.unwrap() * 1000.0).round();
    assert_eq!(ms(told.round_trip_time_s), 100.0);
    assert_eq!((ms(told.delay_up_s), ms(told.delay_down_s)), (70.0, 30.0));
    assert_eq!(ms(told.delay_error_s), 70.0, "nobody knows that they agree");
}

fn ntp_middle(duration: Duration) -> u32 {
    ((duration.as_micros() << 16) / 1_000_000) as u32
}

/// By feedback on each packet: the way down alone, whatever the publisher's way did before.
#[test]
fn jitter_and_loss_of_the_way_down_are_its_own() {
    let Scene {
        mut world,
        publisher,
        mut viewer,
        mut camera,
    } = Scene::new();
    let mut dice = Dice(21);
    let (mut samples, mut lost, mut told) = (Vec::new(), 0, 0u64);
    let mut arrivals: Vec<(u16, Option<i64>)> = Vec::new();
    for frame in 0..600u64 {
        let packets = camera.frame(frame % 100 == 0, &[300]);
        // The publisher's way is anything but even.
        world.advance(Duration::from_micros(dice.below(40_000)));
        world.send(&publisher, &packets);
        let sent_us = (world.now - world.start).as_micros() as u64;
        for rtp in world.receive_rtp(&mut viewer) {
            let number = rtp.extension(Extension::TransportSequenceNumber).unwrap();
            let number = u16::from_be_bytes(number.try_into().unwrap());
            let came_us = sent_us + 40_000 + dice.below(9_000);
            let is_lost = rtp.header.ssrc == slot_ssrc(1) && dice.below(100) < 4;
            arrivals.push((number, (!is_lost).then_some(came_us as i64)));
            told += 1;
            lost += u64::from(is_lost);
            if !is_lost && rtp.header.ssrc == slot_ssrc(1) {
                samples.push((sent_us, came_us));
            }
        }
        world.advance(Duration::from_millis(60));
        let mut rtcp = Vec::new();
        let Some(&(base, _)) = arrivals.first().filter(|_| frame % 5 == 4) else {
            continue;
        };
        let times: Vec<_> = arrivals.drain(..).map(|(_, time)| time).collect();
        if times.iter().any(Option::is_some) {
            write_transport_feedback(&mut rtcp, (1, slot_ssrc(1)), base, frame as u8, &times);
            world.send_rtcp(&mut viewer, &rtcp);
        } else {
            (told, lost) = (told - times.len() as u64, lost - times.len() as u64);
        }
    }
    let way = transport(&world, &viewer);
    let truth = rfc_3550_jitter(&samples);
    let measured = way.jitter_down_s.unwrap();
    // Arrivals are told in steps of 250 us.
    assert!(
        (measured - truth).abs() < 0.001_f64.max(truth / 10.0),
        "{measured} {truth}"
    );
    // The first that leave are not noted yet.
    let near = |measured: u64, truth: u64| truth >= measured && truth - measured <= 4;
    assert!(near(way.reported_packets, told) && near(way.reported_lost, lost));
    assert!(told > 200 && lost > 4, "{told} {lost}");
}

#[test]
fn a_slot_tells_of_frames_and_keyframes() {
    let mut scene = Scene::new();
    for frame in 0..60 {
        scene.frame(frame % 20 == 0, &[500; 3]);
        scene.world.advance(Duration::from_micros(FRAME_US));
    }
    let slot = scene.world.slot(1);
    assert_eq!((slot.slot, slot.frames, slot.keyframes), (SlotId(1), 60, 3));
    let layer = scene.world.layer(1, 0);
    assert_eq!((layer.frames, layer.keyframes), (60, 3));
    let rate = layer.frames_per_second;
    assert!((29.0..=31.0).contains(&rate), "{rate}");
}
