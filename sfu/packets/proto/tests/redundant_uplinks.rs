//! A publisher may send each sound twice (RFC 2198): whoever listens gets it once, and what was
//! lost on the way here too.

#![allow(clippy::unwrap_used)]

mod world;

use sfu_proto::codecs::red;
use sfu_proto::command::{Codec, CodecParameters};
use sfu_proto::drop::DropReason;
use sfu_proto::rtcp::{Packet, packets};
use world::*;

const SSRC: u32 = 2222;
const FIRST: u64 = 65_530;

struct Uplink {
    world: World,
    publisher: Peer,
    listener: Peer,
    sent: u64,
}

/// Payloads are their number, timestamps 960 apart.
fn sound(number: u64) -> Vec<u8> {
    format!("sound {number}").into_bytes()
}

fn timestamp(number: u64) -> u32 {
    (number as u32).wrapping_mul(960).wrapping_sub(5000)
}

fn packet(payload_type: u8, number: u64, payload: &[u8]) -> Sent {
    let build = Build {
        payload_type,
        marker: false,
        index: FIRST + number,
        timestamp: timestamp(number),
        ssrc: SSRC,
        extensions: vec![(1, b"a1".to_vec()), (4, vec![20])],
        payload,
        padding: 0,
    };
    build.sent()
}

/// A packet and those that are so many older, the oldest first.
fn redundant(number: u64, ages: &[u64]) -> Sent {
    let mut payload = Vec::new();
    for age in ages {
        let length = sound(number - age).len();
        red::write_older(&mut payload, OPUS, 960 * *age as u32, length);
    }
    red::write_newest(&mut payload, OPUS);
    let blocks = ages.iter().map(|age| sound(number - age));
    payload.extend(blocks.flatten().chain(sound(number)));
    packet(RED, number, &payload)
}

impl Uplink {
    fn new() -> Self {
        let mut world = World::new();
        let (publisher, listener) = (world.peer(), world.peer());
        world.add_microphone(1, &publisher, codecs(), None);
        world.audio_slot(1, &listener, None);
        world.show(1, 1);
        Self {
            world,
            publisher,
            listener,
            sent: 0,
        }
    }

    fn send(&mut self, packet: Sent) {
        self.sent += 1;
        self.world.send(&self.publisher, &[packet]);
        self.world.advance_ms(20);
    }

    /// As text, with how far they are behind the first in packets by number and by time.
    fn heard(&mut self) -> Vec<(String, u64, u32)> {
        let heard = self.world.receive_rtp(&mut self.listener);
        let first = heard[0].clone();
        let told = heard.iter().map(|rtp| {
            assert_eq!(rtp.header.payload_type, OPUS);
            let behind = rtp.header.timestamp.wrapping_sub(first.header.timestamp) / 960;
            let text = String::from_utf8(rtp.payload.clone()).unwrap();
            (text, rtp.index - first.index, behind)
        });
        told.collect()
    }
}

fn codecs() -> Vec<CodecParameters> {
    let mut codecs = audio_codecs();
    codecs.push(codec(Codec::Red, RED, 48_000));
    codecs
}

fn unbroken(numbers: std::ops::Range<u64>) -> Vec<(String, u64, u32)> {
    let first = numbers.start;
    let told = numbers.map(|number| {
        let text = String::from_utf8(sound(number)).unwrap();
        (text, number - first, (number - first) as u32)
    });
    told.collect()
}

#[test]
fn a_listener_who_knows_no_redundancy_hears_what_was_lost_too() {
    let mut uplink = Uplink::new();
    for number in 2..40 {
        // Over the end of 16 bits; one lost, and two in a row.
        if ![5, 9, 10, 23, 24].contains(&number) {
            uplink.send(redundant(number, &[2, 1]));
        }
    }
    assert_eq!(uplink.heard(), unbroken(2..40));
    assert_eq!(uplink.world.layer(1, 0).repaired, 5);
    assert_eq!(uplink.world.drops(DropReason::Duplicate), 0);
}

#[test]
fn what_was_recovered_stays_lost_to_the_publisher() {
    let mut uplink = Uplink::new();
    let mut lost = 0.0;
    for number in 2..152 {
        if number % 5 == 0 {
            continue;
        }
        uplink.send(redundant(number, &[1]));
        let mail = uplink.world.receive(&mut uplink.publisher);
        for packet in mail.rtcp.iter().flat_map(|datagram| packets(datagram)) {
            if let Packet::ReceiverReport { blocks } = packet.unwrap() {
                lost = f64::from(blocks.iter().next().unwrap().fraction_lost) / 256.0;
            }
        }
    }
    assert!((0.15..0.25).contains(&lost), "{lost} was reported");
    assert_eq!(uplink.heard(), unbroken(2..152));
}

#[test]
fn what_comes_late_after_all_is_a_duplicate() {
    let mut uplink = Uplink::new();
    for number in [2, 3, 5, 4, 6] {
        uplink.send(redundant(number, &[1]));
    }
    assert_eq!(uplink.heard(), unbroken(2..7));
    assert_eq!(uplink.world.drops(DropReason::Duplicate), 1);
}

#[test]
fn plain_and_redundant_packets_are_one_stream() {
    let mut uplink = Uplink::new();
    for number in 2..20 {
        match number % 3 {
            0 => uplink.send(packet(OPUS, number, &sound(number))),
            1 => uplink.send(redundant(number, &[])),
            _ => uplink.send(redundant(number, &[2, 1])),
        }
    }
    assert_eq!(uplink.heard(), unbroken(2..20));
    assert_eq!(uplink.world.slot(1).switches, 1, "no layer began anew");
}

/// Who repeats another than the packet right before (or another codec's) fills no hole with it.
#[test]
fn what_does_not_fit_the_hole_does_not_fill_it() {
    let mut uplink = Uplink::new();
    uplink.send(redundant(2, &[]));
    uplink.send(redundant(4, &[2]));
    let mut other = Vec::new();
    red::write_older(&mut other, 9, 960, 2);
    red::write_newest(&mut other, OPUS);
    other.extend([1, 1]);
    other.extend(sound(6));
    uplink.send(packet(RED, 6, &other));
    let heard = uplink.heard();
    let texts: Vec<_> = heard.iter().map(|(text, ..)| text.as_str()).collect();
    assert_eq!(texts, ["sound 2", "sound 4", "sound 6"]);
}

/// Malformed, of no codec, of itself, with nothing in it: one that leaves no hole.
#[test]
fn what_cannot_be_unpacked_costs_no_number() {
    let mut uplink = Uplink::new();
    uplink.send(redundant(2, &[]));
    for (number, payload) in [
        &[0x80 | OPUS, 0, 4][..],
        &[77, 1, 2],
        &[RED, OPUS, 3],
        &[OPUS],
    ]
    .into_iter()
    .enumerate()
    {
        uplink.send(packet(RED, 3 + number as u64, payload));
    }
    uplink.send(redundant(7, &[1]));
    let heard = uplink.heard();
    assert_eq!(heard.len(), 2);
    assert_eq!((&heard[1].0[..], heard[1].1), ("sound 7", 1));
    assert_eq!(uplink.world.drops(DropReason::PayloadMalformed), 4);
}
