//! What is lost comes back: from publishers by NACK, to subscribers from the store.

#![allow(clippy::unwrap_used)]

mod world;

use sfu_proto::command::{Codec, CodecParameters, MediaKind};
use sfu_proto::drop::DropReason;
use sfu_proto::rtcp::{Packet, packets, write_nack};
use sfu_proto::rtp::split_rtx;
use world::*;

fn nack(slot: u64, numbers: &[u16]) -> Vec<u8> {
    let mut rtcp = Vec::new();
    write_nack(&mut rtcp, 1, slot_ssrc(slot), numbers);
    rtcp
}

fn nacked(mail: &Mail) -> Vec<u16> {
    let all = mail.rtcp.iter().flat_map(|datagram| packets(datagram));
    all.filter_map(|packet| match packet.unwrap() {
        Packet::Nack { lost, .. } => Some(lost.iter().collect::<Vec<_>>()),
        _ => None,
    })
    .flatten()
    .collect()
}

#[test]
fn a_nack_is_answered_on_the_rtx_stream_with_the_unpadded_original() {
    let Scene {
        mut world,
        publisher,
        mut viewer,
        mut camera,
    } = Scene::new();
    let frame = camera.frame(true, &[1000, 995, 990]);
    world.send(&publisher, &frame);
    let got = world.receive_rtp(&mut viewer);
    let number = got[1].header.sequence_number;
    world.send_rtcp(&mut viewer, &nack(1, &[number]));
    let again = world.receive_rtp(&mut viewer);
    assert_eq!(again.len(), 1);
    let again = &again[0];
    assert_eq!(
        (again.header.ssrc, again.header.payload_type),
        (slot_ssrc(1) + 1, VP8_RTX)
    );
    assert_eq!(again.header.timestamp, got[1].header.timestamp);
    assert_eq!(
        split_rtx(&again.payload),
        Some((number, &got[1].payload[..]))
    );
    assert!(!again.header.has_padding);
    assert_eq!(world.slot(1).retransmitted, 1);
}

#[test]
fn what_one_nack_asks_for_leaves_as_one_run() {
    let Scene {
        mut world,
        publisher,
        mut viewer,
        mut camera,
    } = Scene::new();
    let frame = camera.frame(true, &[1000, 995, 1000, 700, 998, 640]);
    world.send(&publisher, &frame);
    let got = world.receive_rtp(&mut viewer);
    let numbers: Vec<_> = got.iter().map(|rtp| rtp.header.sequence_number).collect();
    world.runs.clear();
    world.send_rtcp(&mut viewer, &nack(1, &numbers));
    assert_eq!(world.runs, [4, 2], "a shorter one ends a run");
    let again = world.receive_rtp(&mut viewer);
    assert_eq!(again.len(), 6);
    for (again, first) in again.iter().zip(&got) {
        let original = (first.header.sequence_number, &first.payload[..]);
        assert_eq!(split_rtx(&again.payload), Some(original));
    }
    let is_padded: Vec<_> = again.iter().map(|rtp| rtp.header.has_padding).collect();
    assert_eq!(is_padded, [false, true, false, false, false, false]);
}

#[test]
fn a_nack_from_before_a_switch_brings_what_was_sent_then() {
    let Scene {
        mut world,
        publisher,
        mut viewer,
        mut camera,
    } = Scene::new();
    let other = world.peer();
    let mut second = world.camera(2, &other, 2222);
    let frame = camera.frame(true, &[300, 300]);
    world.send(&publisher, &frame);
    world.show(1, 2);
    let frame = second.frame(true, &[300]);
    world.send(&other, &frame);
    let got = world.receive_rtp(&mut viewer);
    let numbers: Vec<_> = got.iter().map(|rtp| rtp.header.sequence_number).collect();
    world.send_rtcp(&mut viewer, &nack(1, &numbers));
    let again = world.receive_rtp(&mut viewer);
    let payloads: Vec<_> = again
        .iter()
        .map(|rtp| split_rtx(&rtp.payload).unwrap())
        .collect();
    for (got, again) in got.iter().zip(payloads) {
        assert_eq!(again, (got.header.sequence_number, &got.payload[..]));
    }
}

#[test]
fn one_packet_is_sent_again_at_most_ten_times_and_once_a_round_trip() {
    let Scene {
        mut world,
        publisher,
        mut viewer,
        mut camera,
    } = Scene::new();
    let frame = camera.frame(true, &[300, 300]);
    world.send(&publisher, &frame);
    let number = world.receive_rtp(&mut viewer)[0].header.sequence_number;
    let mut answered = 0;
    for _ in 0..90 {
        world.send_rtcp(&mut viewer, &nack(1, &[number]));
        answered += world.receive_rtp(&mut viewer).len();
        world.advance_ms(10);
    }
    // A round trip is 100 ms until a report tells.
    assert_eq!(answered, 9);
    assert_eq!(world.drops(DropReason::NackLimited), 81);
}

#[test]
fn what_is_no_longer_stored_is_a_counted_drop() {
    let Scene {
        mut world,
        publisher,
        mut viewer,
        mut camera,
    } = Scene::new();
    let frame = camera.frame(true, &[300]);
    world.send(&publisher, &frame);
    let number = world.receive_rtp(&mut viewer)[0].header.sequence_number;
    world.advance_ms(1500);
    let frame = camera.frame(false, &[300]);
    world.send(&publisher, &frame);
    world.receive(&mut viewer);
    world.send_rtcp(&mut viewer, &nack(1, &[number, number.wrapping_add(500)]));
    assert_eq!(world.receive_rtp(&mut viewer).len(), 0);
    assert_eq!(world.drops(DropReason::NackTooOld), 2);
}

#[test]
fn without_rtx_the_packet_goes_out_again_exactly_as_it_was() {
    let mut world = World::new();
    let publisher = world.peer();
    let mut viewer = world.peer();
    let mut camera = world.camera(1, &publisher, 1111);
    let plain = CodecParameters {
        nack: true,
        ..codec(Codec::Vp8, 120, 90_000)
    };
    world.slot_with(1, &viewer, MediaKind::Video, vec![plain], None);
    world.show(1, 1);
    let frame = camera.frame(true, &[1000, 995, 990]);
    world.send(&publisher, &frame);
    let sent = world.mail.get(&viewer.path.remote).unwrap().clone();
    let number = world.receive_rtp(&mut viewer)[1].header.sequence_number;
    world.advance_ms(50);
    world.receive(&mut viewer);
    world.send_rtcp(&mut viewer, &nack(1, &[number]));
    // One nonce must not protect two different packets (RFC 7714 §8.1).
    assert_eq!(
        world.mail.get(&viewer.path.remote).unwrap()[..],
        [sent[1].clone()]
    );
}

#[test]
fn publishers_are_asked_for_lost_packets_and_the_answer_is_forwarded() {
    let Scene {
        mut world,
        mut publisher,
        mut viewer,
        mut camera,
    } = Scene::new();
    let frame = camera.frame(true, &[300, 300, 300, 300]);
    world.send(&publisher, &[frame[0].clone(), frame[3].clone()]);
    world.advance_ms(6);
    let asked = nacked(&world.receive(&mut publisher));
    let numbers: Vec<_> = frame[1..3].iter().map(|sent| sent.index as u16).collect();
    assert_eq!(asked, numbers);

    let answer: Vec<_> = [1, 2]
        .iter()
        .map(|&packet| camera.rtx(&frame[packet], 1112, 7 + packet as u64))
        .collect();
    world.send(&publisher, &answer);
    // Twice is once too often, and no duplicate of the network's.
    let again = camera.rtx(&frame[1], 1112, 20);
    world.send(&publisher, &[again]);
    let mut got = world.receive_rtp(&mut viewer);
    got.sort_by_key(|rtp| rtp.index);
    let order: Vec<_> = got.iter().map(|rtp| rtp.vp8().tag[7]).collect();
    assert_eq!(order, [0, 1, 2, 3]);
    let layer = world.layer(1, 0);
    assert_eq!((layer.lost, layer.repaired, layer.duplicates), (2, 2, 0));
    assert_eq!(world.drops(DropReason::Duplicate), 1);
}

#[test]
fn a_packet_that_never_comes_is_asked_for_at_most_ten_times() {
    let Scene {
        mut world,
        mut publisher,
        mut camera,
        ..
    } = Scene::new();
    let frame = camera.frame(true, &[300, 300, 300]);
    world.send(&publisher, &[frame[0].clone(), frame[2].clone()]);
    let mut asked = 0;
    for _ in 0..60 {
        world.advance_ms(33);
        let frame = camera.frame(false, &[300]);
        world.send(&publisher, &frame);
        asked += nacked(&world.receive(&mut publisher)).len();
    }
    assert_eq!(asked, 10);
}

#[test]
fn an_rtx_packet_of_nothing_known_is_a_counted_drop() {
    let Scene {
        mut world,
        publisher,
        mut camera,
        ..
    } = Scene::new();
    let frame = camera.frame(true, &[300]);
    let rtx = camera.rtx(&frame[0], 1112, 1);
    world.send(&publisher, &[rtx]);
    assert_eq!(world.drops(DropReason::RtxUnmatched), 1);
}

#[test]
fn whoever_nacks_everything_costs_a_share_more_and_harms_nobody() {
    let Scene {
        mut world,
        publisher,
        viewer: mut greedy,
        mut camera,
    } = Scene::new();
    let mut honest = world.peer();
    world.video_slot(2, &honest);
    world.show(2, 1);
    let (mut sent, mut again) = (0, 0);
    for _ in 0..80 {
        let frame = camera.frame(sent == 0, &[1000; 9]);
        world.send(&publisher, &frame);
        world.receive(&mut honest);
        let rtp = world.receive_rtp(&mut greedy);
        let numbers: Vec<_> = rtp.iter().map(|rtp| rtp.header.sequence_number).collect();
        sent += rtp.iter().map(|rtp| rtp.packet.len()).sum::<usize>();
        // Each packet three times, as fast as the round trip allows.
        for _ in 0..3 {
            world.send_rtcp(&mut greedy, &nack(1, &numbers));
            let rtp = world.receive_rtp(&mut greedy);
            again += rtp.iter().map(|rtp| rtp.packet.len()).sum::<usize>();
            world.advance_ms(110);
        }
    }
    let allowed = sent * 15 / 100 + 512 * 1024;
    assert!(
        (allowed * 9 / 10..=allowed * 21 / 20).contains(&again),
        "{again} of {sent}"
    );
    assert!(world.drops(DropReason::NackOverBudget) > 0);
    let frame = camera.frame(false, &[1000; 9]);
    world.send(&publisher, &frame);
    let rtp = world.receive_rtp(&mut honest);
    let numbers: Vec<_> = rtp.iter().map(|rtp| rtp.header.sequence_number).collect();
    world.send_rtcp(&mut honest, &nack(2, &numbers));
    assert_eq!(world.receive_rtp(&mut honest).len(), 9);
}

/// Under a number of its own it would have to be the same to the bit, which only slots that may be asked see to.
#[test]
fn who_may_not_ask_is_sent_nothing_again() {
    let mut world = World::new();
    let [publisher, mut viewer] = [world.peer(), world.peer()];
    let mut microphone = world.microphone(1, &publisher, 100, None);
    world.audio_slot(1, &viewer, None);
    world.show(1, 1);
    world.send(
        &publisher,
        &[microphone.packet(None), microphone.packet(None)],
    );
    let got = world.receive_rtp(&mut viewer);
    let number = got[0].header.sequence_number;
    world.send_rtcp(&mut viewer, &nack(1, &[number]));
    assert!(world.receive_rtp(&mut viewer).is_empty());
}
