//! Reports tell both sides the truth: clocks, losses, arrivals, round trips.

#![allow(clippy::unwrap_used)]

mod world;

use std::time::Duration;

use sfu_proto::command::{Codec, CodecParameters, Command, MediaKind, SourceParameters};
use sfu_proto::drop::DropReason;
use sfu_proto::ids::SourceId;
use sfu_proto::rtcp::*;
use world::*;

/// Seconds between 1900 and 1970.
const NTP_UNIX: u64 = 2_208_988_800;

fn sender_reports(mail: &Mail, ssrc: u32) -> Vec<(u64, u32)> {
    let all = mail.rtcp.iter().flat_map(|datagram| packets(datagram));
    all.filter_map(|packet| match packet.unwrap() {
        Packet::SenderReport {
            ssrc: held,
            ntp,
            rtp_timestamp,
            ..
        } if held == ssrc => Some((ntp, rtp_timestamp)),
        _ => None,
    })
    .collect()
}

fn report(ssrc: u32, ntp: u64, rtp_timestamp: u32) -> Vec<u8> {
    let mut rtcp = Vec::new();
    let info = SenderInfo {
        ssrc,
        ntp,
        rtp_timestamp,
        packets: 1,
        octets: 1,
    };
    write_sender_report(&mut rtcp, &info);
    rtcp
}

fn seconds(ntp: u64) -> f64 {
    ntp as f64 / (1u64 << 32) as f64
}

#[test]
fn sender_reports_carry_the_publishers_clock_into_the_slots_timeline() {
    let mut world = World::new();
    let mut publisher = world.peer();
    let mut subscriber = world.peer();
    let mut camera = world.camera(1, &publisher, 1111);
    let mut microphone = world.microphone(2, &publisher, 2222, None);
    world.video_slot(1, &subscriber);
    world.audio_slot(2, &subscriber, None);
    world.show(1, 1);
    world.show(2, 2);

    // On the publisher's clock, far from ours, this frame and this sound are of one moment.
    let moment = 12345u64 << 32;
    let (frame_at, sound_at) = (camera.timestamp, microphone.timestamp);
    let frame = camera.frame(true, &[300]);
    world.send(&publisher, &frame);
    let sound = microphone.packet(None);
    world.send(&publisher, &[sound]);
    world.send_rtcp(&mut publisher, &report(1111, moment, frame_at));
    world.send_rtcp(&mut publisher, &report(2222, moment, sound_at));
    let got = world.receive_rtp(&mut subscriber);
    let sent_at = world.now;
    world.advance_ms(300);
    let mail = world.receive(&mut subscriber);
    let video = sender_reports(&mail, slot_ssrc(1));
    let audio = sender_reports(&mail, slot_ssrc(2));
    assert_eq!((video.len(), audio.len()), (1, 1), "soon after the switch");

    // When, on our clock, were the two sampled?
    let sampled = |report: (u64, u32), rtp: &Rtp, clock_rate: f64| {
        let ahead = report.1.wrapping_sub(rtp.header.timestamp) as i32;
        seconds(report.0) - f64::from(ahead) / clock_rate
    };
    let of_video = sampled(video[0], &got[0], 90_000.0);
    let of_audio = sampled(audio[0], &got[1], 48_000.0);
    assert!((of_video - of_audio).abs() < 0.001, "{of_video} {of_audio}");
    let elapsed = (sent_at - world.start).as_secs_f64();
    let ours = (NTP_UNIX + 1_700_000_000) as f64 + elapsed;
    assert!((of_video - ours).abs() < 0.01, "{of_video} {ours}");
}

#[test]
fn a_switch_brings_a_report_of_the_same_participants_other_stream_too() {
    let mut world = World::new();
    let mut publisher = world.peer();
    let mut subscriber = world.peer();
    let mut camera = world.camera(1, &publisher, 1111);
    let mut microphone = world.microphone(2, &publisher, 2222, None);
    world.video_slot(1, &subscriber);
    world.audio_slot(2, &subscriber, None);
    world.show(2, 2);
    let sound = microphone.packet(None);
    let heard_at = microphone.timestamp;
    world.send(&publisher, &[sound]);
    world.send_rtcp(&mut publisher, &report(2222, 77 << 32, heard_at));
    world.advance_ms(300);
    world.receive(&mut subscriber);

    world.show(1, 1);
    let frame = camera.frame(true, &[300]);
    world.send(&publisher, &frame);
    world.advance_ms(300);
    let mail = world.receive(&mut subscriber);
    assert_eq!(
        sender_reports(&mail, slot_ssrc(1)).len(),
        1,
        "of the picture"
    );
    assert_eq!(sender_reports(&mail, slot_ssrc(2)).len(), 1, "of the sound");
}

#[test]
fn sender_reports_come_each_second_while_packets_flow() {
    let Scene {
        mut world,
        publisher,
        mut viewer,
        mut camera,
    } = Scene::new();
    let mut reports = 0;
    for round in 0..100 {
        let frame = camera.frame(round == 0, &[300]);
        world.send(&publisher, &frame);
        world.advance_ms(50);
        reports += sender_reports(&world.receive(&mut viewer), slot_ssrc(1)).len();
    }
    assert!((5..=6).contains(&reports), "{reports} in 5 s and a switch");
    world.advance(Duration::from_secs(2));
    world.receive(&mut viewer);
    world.advance(Duration::from_secs(5));
    assert_eq!(
        world.receive(&mut viewer).rtcp.len(),
        0,
        "silence needs no report"
    );
}

#[test]
fn publishers_learn_what_was_lost_and_how_long_ago_they_reported() {
    let mut world = World::new();
    let mut publisher = world.peer();
    let mut microphone = world.microphone(1, &publisher, 1111, None);
    let ntp = 777u64 << 32 | 0x8000_0000;
    for packet in 0..20 {
        let sent = microphone.packet(None);
        if packet % 5 != 4 {
            world.send(&publisher, &[sent]);
        }
        if packet == 0 {
            world.send_rtcp(&mut publisher, &report(1111, ntp, 1));
        }
        world.advance_ms(20);
    }
    world.advance_ms(200);
    let mail = world.receive(&mut publisher);
    let all = mail.rtcp.iter().flat_map(|datagram| packets(datagram));
    let blocks: Vec<_> = all
        .filter_map(|packet| match packet.unwrap() {
            Packet::ReceiverReport { blocks } => Some(blocks.iter().collect::<Vec<_>>()),
            _ => None,
        })
        .flatten()
        .collect();
    assert_eq!(blocks.len(), 1, "one report in 600 ms");
    let block = blocks[0];
    assert_eq!((block.ssrc, block.lost), (1111, 3));
    assert_eq!(block.highest_sequence, 518);
    assert_eq!(block.fraction_lost, (3 * 256 / 19) as u8);
    assert_eq!(block.last_sender_report, (ntp >> 16) as u32);
    let delay = f64::from(block.delay_since) / 65536.0;
    assert!((0.45..0.55).contains(&delay), "{delay}");
}

#[test]
fn the_round_trip_is_read_from_receiver_reports() {
    let Scene {
        mut world,
        publisher,
        mut viewer,
        mut camera,
    } = Scene::new();
    let frame = camera.frame(true, &[300]);
    world.send(&publisher, &frame);
    world.advance_ms(10);
    let ntp = sender_reports(&world.receive(&mut viewer), slot_ssrc(1))[0].0;
    world.advance_ms(530);
    let block = ReportBlock {
        ssrc: slot_ssrc(1),
        fraction_lost: 64,
        lost: 7,
        highest_sequence: 0,
        jitter: 900,
        last_sender_report: (ntp >> 16) as u32,
        delay_since: 65536 / 2,
    };
    let mut rtcp = Vec::new();
    write_receiver_report(&mut rtcp, 1, &[block]);
    write_remb(&mut rtcp, 1, 1_234_000, &[]);
    world.send_rtcp(&mut viewer, &rtcp);
    let snapshot = world.router.snapshot(world.now);
    let transport = snapshot
        .transports
        .iter()
        .find(|held| held.transport == viewer.id);
    let transport = transport.unwrap();
    let round_trip = transport.round_trip_time_s.unwrap();
    assert!((0.029..0.031).contains(&round_trip), "{round_trip}");
    assert_eq!(transport.remb_bps.unwrap() / 1000, 1234);
    let slot = world.slot(1);
    assert_eq!(
        (slot.fraction_lost, slot.lost, slot.jitter_s),
        (0.25, 7, 0.01)
    );
}

fn camera_of(world: &mut World, publisher: &Peer, codec: CodecParameters) -> Camera {
    world.command(Command::AddSource {
        source: SourceId(1),
        parameters: SourceParameters {
            transport: publisher.id,
            mid: "v1".to_owned(),
            kind: MediaKind::Video,
            codecs: vec![codec],
            rids: Vec::new(),
            announced: Vec::new(),
            room: None,
            is_screen: false,
        },
    });
    Camera::new(publisher, 1111, None, "v1")
}

#[test]
fn transport_wide_feedback_tells_every_arrival() {
    let mut world = World::new();
    let mut publisher = world.peer();
    let mut camera = world.camera(1, &publisher, 1111);
    camera.transport_sequence = Some(65_500);
    let mut arrived = std::collections::BTreeMap::new();
    let mut told = std::collections::BTreeMap::new();
    for round in 0..100u64 {
        let number = camera.transport_sequence.unwrap();
        let frame = camera.frame(round == 0, &[300]);
        if round % 7 != 6 {
            world.send(&publisher, &frame);
            arrived.insert(number, (world.now - world.start).as_micros() as i64);
        }
        world.advance_ms(9);
        for datagram in world.receive(&mut publisher).rtcp {
            for packet in packets(&datagram) {
                let Packet::TransportFeedback(feedback) = packet.unwrap() else {
                    continue;
                };
                for (offset, arrival) in (0..).zip(feedback.arrivals().unwrap()) {
                    let number = feedback.base_sequence.wrapping_add(offset);
                    assert_eq!(told.insert(number, arrival), None, "told once");
                }
            }
        }
    }
    let received = told
        .iter()
        .filter_map(|(number, at)| Some((*number, (*at)?)));
    let received: std::collections::BTreeMap<_, _> = received.collect();
    assert!(received.len() > 75, "{}", received.len());
    for (number, at) in received {
        assert!((arrived[&number] - at).abs() <= 250, "number {number}");
    }
}

#[test]
fn a_publisher_without_transport_wide_numbers_is_told_of_every_arrival_by_its_own() {
    let mut world = World::new();
    let mut publisher = world.unnumbered_peer();
    let vp8 = CodecParameters {
        ccfb: true,
        remb: true,
        ..codec(Codec::Vp8, VP8, 90_000)
    };
    let mut camera = camera_of(&mut world, &publisher, vp8);
    camera.index = 65_500;
    let mut arrived = std::collections::BTreeMap::new();
    let mut told = std::collections::BTreeMap::new();
    let mut start_us = None;
    for round in 0..100u64 {
        let number = camera.index as u16;
        let frame = camera.frame(round == 0, &[300]);
        if round % 7 != 6 {
            world.send(&publisher, &frame);
            arrived.insert(number, (world.now - world.start).as_micros() as i64);
        }
        world.advance_ms(9);
        for datagram in world.receive(&mut publisher).rtcp {
            for packet in packets(&datagram) {
                let packet = packet.unwrap();
                assert!(!matches!(packet, Packet::TransportFeedback(_)));
                assert!(
                    !matches!(packet, Packet::Remb { .. }),
                    "it estimates for itself"
                );
                let Packet::CongestionFeedback(feedback) = packet else {
                    continue;
                };
                let at_us = (i64::from(feedback.timestamp) * 1_000_000) >> 16;
                for stream in feedback.streams() {
                    assert_eq!(stream.ssrc, 1111);
                    told.extend(stream.iter().map(|(number, fate)| match fate {
                        Acknowledgement::Received(ago) => {
                            (number, Some(at_us - i64::from(ago) * 1_000_000 / 1024))
                        }
                        _ => (number, None),
                    }));
                }
            }
        }
    }
    assert!(told.values().flatten().count() > 75, "{}", told.len());
    assert!(told.values().filter(|came| came.is_none()).count() >= 10);
    for (number, at_us) in told {
        let Some(at_us) = at_us else {
            assert!(!arrived.contains_key(&number), "number {number} came");
            continue;
        };
        // One offset between the clocks, and what 1/1024 s and 1/65536 s leave.
        let offset = at_us - arrived[&number];
        let known = *start_us.get_or_insert(offset);
        assert!((offset - known).abs() <= 1_500, "number {number}");
    }
}

#[test]
fn what_acknowledges_more_than_anybody_keeps_is_not_read() {
    let Scene {
        mut world,
        mut viewer,
        ..
    } = Scene::new();
    let before = world.drops(DropReason::RtcpMalformed);
    let mut rtcp = Vec::new();
    let times_us = vec![None; 2049];
    let streams = [1, 2].map(|ssrc| StreamArrivals {
        ssrc,
        first_sequence: 0,
        times_us: &times_us,
    });
    write_congestion_feedback(&mut rtcp, 1, (0, 0), &streams);
    world.send_rtcp(&mut viewer, &rtcp);
    assert_eq!(world.drops(DropReason::RtcpMalformed), before + 1);
}

#[test]
fn remb_lets_a_publisher_without_transport_feedback_send_its_full_layers() {
    let mut world = World::new();
    let mut publisher = world.peer();
    let vp8 = CodecParameters {
        remb: true,
        ..codec(Codec::Vp8, VP8, 90_000)
    };
    let mut camera = camera_of(&mut world, &publisher, vp8);
    let mut told = Vec::new();
    for round in 0..60 {
        let frame = camera.frame(round == 0, &[300]);
        world.send(&publisher, &frame);
        world.advance_ms(33);
        for datagram in world.receive(&mut publisher).rtcp {
            told.extend(
                packets(&datagram).filter_map(|packet| match packet.unwrap() {
                    Packet::Remb { bitrate_bps } => Some(bitrate_bps),
                    _ => None,
                }),
            );
        }
    }
    assert!((2..=4).contains(&told.len()), "{told:?}");
    assert!(
        told.iter().all(|bps| (4_900_000..=5_000_000).contains(bps)),
        "{told:?}"
    );
}

#[test]
fn a_publishers_bye_silences_its_layer() {
    let mut world = World::new();
    let mut publisher = world.peer();
    let mut camera = world.camera(1, &publisher, 1111);
    let frame = camera.frame(true, &[300]);
    world.send(&publisher, &frame);
    assert!(world.layer(1, 0).active);
    let mut rtcp = Vec::new();
    write_bye(&mut rtcp, &[1111]);
    world.send_rtcp(&mut publisher, &rtcp);
    assert!(!world.layer(1, 0).active);
    let frame = camera.frame(false, &[300]);
    world.send(&publisher, &frame);
    assert!(world.layer(1, 0).active, "and packets bring it back");
}

#[test]
fn the_snapshot_tells_rates_frames_and_sizes() {
    let Scene {
        mut world,
        publisher,
        mut camera,
        ..
    } = Scene::new();
    for round in 0..60 {
        let frame = camera.frame(round % 30 == 0, &[1000, 1000]);
        world.send(&publisher, &frame);
        world.advance_ms(50);
    }
    let layer = world.layer(1, 0);
    assert_eq!((layer.packets, layer.frames, layer.keyframes), (120, 60, 2));
    assert_eq!((layer.width, layer.height), (640, 360));
    assert!(
        (320_000..350_000).contains(&layer.bitrate_bps),
        "{}",
        layer.bitrate_bps
    );
    let slot = world.slot(1);
    assert_eq!((slot.packets, slot.source), (120, Some(SourceId(1))));
    assert!(
        (320_000..350_000).contains(&slot.bitrate_bps),
        "{}",
        slot.bitrate_bps
    );
}

/// Sixty streams and a thousand packets at once are the most that one publisher is reported on.
#[test]
fn feedback_fits_into_one_packet_of_the_network_however_much_there_is() {
    let mut world = World::new();
    let mut publisher = world.peer();
    world.camera(1, &publisher, 1);
    let mut number = 0;
    let mut cameras: Vec<_> = (1..=60)
        .map(|ssrc| Camera::new(&publisher, ssrc, None, "v1"))
        .collect();
    let mut largest = 0;
    for round in 0..30 {
        for camera in &mut cameras {
            camera.transport_sequence = Some(number);
            let frame = camera.frame(round == 0, &[60; 4]);
            number = number.wrapping_add(4);
            world.send(&publisher, &frame);
        }
        world.advance_ms(50);
        let mail = world.receive(&mut publisher);
        largest = mail.rtcp.iter().map(Vec::len).fold(largest, usize::max);
    }
    assert!((700..=1300).contains(&largest), "{largest}");
}
