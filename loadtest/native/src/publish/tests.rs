use std::time::Instant;

use sfu_proto::codecs::describe;
use sfu_proto::command::{Codec, SrtpProfile};
use sfu_proto::rtp::{Elements, Header, split_rtx};
use sfu_proto::srtp::SrtpReceiver;

use super::*;
use crate::context::Measures;
use crate::outbox::Outbox;
use crate::stamp::Stamp;
use crate::time::{Epoch, MILLISECOND};

const KEY: [u8; 16] = [7; 16];
const FRAME: Nanos = SECOND / 30;

/// A publisher, and what came of it on the other side.
struct World {
    publisher: Publisher,
    sender: SrtpSender,
    receiver: SrtpReceiver,
    extensions: ExtensionMap,
    epoch: Epoch,
}

#[derive(Debug)]
struct Got {
    at: Nanos,
    header: Header,
    rid: Option<Vec<u8>>,
    payload: Vec<u8>,
}

impl World {
    fn new(config: PublisherConfig) -> Self {
        let extensions = ExtensionMap::new(&[
            (4, Extension::Mid),
            (10, Extension::Rid),
            (11, Extension::RepairedRid),
            (3, Extension::TransportSequenceNumber),
        ]);
        let profile = SrtpProfile::AeadAes128Gcm;
        let mut publisher = Publisher::new(0, config, extensions, "cname".to_owned());
        publisher.start(0);
        Self {
            publisher,
            sender: SrtpSender::new(profile, &KEY, &KEY[..12]).unwrap(),
            receiver: SrtpReceiver::new(profile, &KEY, &KEY[..12]).unwrap(),
            extensions,
            epoch: Epoch::new(Instant::now(), 0, SECOND),
        }
    }

    /// Everything that is due before `end`, as the other side reads it.
    fn run_to(&mut self, end: Nanos) -> Vec<Got> {
        let mut got = Vec::new();
        while self.publisher.next_timeout() < end {
            let now = self.publisher.next_timeout();
            got.extend(self.act(now, |publisher, context, sender| {
                publisher.handle_timeout(context, sender);
            }));
        }
        got
    }

    fn hear(&mut self, now: Nanos, rtcp: &[u8]) -> Vec<Got> {
        self.act(now, |publisher, context, sender| {
            for packet in rtcp::packets(rtcp).flatten() {
                publisher.handle_rtcp(context, &packet, sender);
            }
        })
    }

    fn act(
        &mut self,
        now: Nanos,
        act: impl FnOnce(&mut Publisher, &mut Context<'_>, &mut SrtpSender),
    ) -> Vec<Got> {
        let (mut out, mut measures) = (Outbox::default(), Measures::default());
        let mut context = Context {
            now,
            epoch: &self.epoch,
            out: &mut out,
            measures: &mut measures,
        };
        act(&mut self.publisher, &mut context, &mut self.sender);
        let datagrams = out
            .datagrams()
            .filter(|datagram| !(192..224).contains(&datagram[1]));
        datagrams
            .map(|datagram| {
                let mut packet = datagram.to_vec();
                let header = Header::parse(&packet).unwrap();
                let length = self
                    .receiver
                    .unprotect_rtp(&mut packet, header.len)
                    .unwrap()
                    .len;
                let elements = Elements::parse(&packet, &header.extension, &self.extensions);
                let rid = elements.get(Extension::Rid, &packet).map(<[u8]>::to_vec);
                let payload = packet[header.len..length].to_vec();
                Got {
                    at: now,
                    header,
                    rid,
                    payload,
                }
            })
            .collect()
    }
}

fn layer(rid: &str, ssrc: u32, packets: u16) -> LayerConfig {
    LayerConfig {
        rid: Some(rid.to_owned()),
        ssrc,
        rtx_ssrc: ssrc + 1,
        packets,
        keyframe_packets: packets * 2,
        payload: 500,
        resolution: (320, 180),
        temporal_layers: 1,
    }
}

fn camera(spread: f64) -> World {
    World::new(PublisherConfig {
        video: Some(VideoConfig {
            mid: "1".to_owned(),
            payload_type: 96,
            rtx_payload_type: Some(97),
            frames_per_second: 30,
            spread,
            layers: vec![layer("q", 10, 1), layer("f", 20, 3)],
        }),
        audio: None,
    })
}

fn is_keyframe(got: &Got) -> bool {
    describe(Codec::Vp8, &got.payload).unwrap().keyframe
}

#[test]
fn each_frame_has_the_packets_of_all_layers_spread_over_its_time() {
    let mut world = camera(0.4);
    world.run_to(FRAME - MILLISECOND);
    let frame = world.run_to(2 * FRAME - MILLISECOND);
    let ssrcs: Vec<_> = frame.iter().map(|got| got.header.ssrc).collect();
    assert_eq!(ssrcs, [10, 20, 20, 20]);
    let markers: Vec<_> = frame.iter().map(|got| got.header.marker).collect();
    assert_eq!(markers, [true, false, false, true]);
    let took = frame[3].at - frame[0].at;
    let expected = FRAME * 2 / 5;
    assert!(
        took.abs_diff(expected) < MILLISECOND,
        "{took} of {expected}"
    );
    assert_eq!(Stamp::read(&frame[1].payload).unwrap().packets, 3);
}

#[test]
fn a_keyframe_comes_first_and_when_it_is_asked_for() {
    let mut world = camera(0.0);
    let first = world.run_to(FRAME - MILLISECOND);
    assert_eq!(first.len(), 2 + 6);
    assert!(is_keyframe(&first[0]) && is_keyframe(&first[2]));
    assert!(!world.run_to(SECOND).iter().any(is_keyframe));
    let mut pli = Vec::new();
    rtcp::write_pli(&mut pli, 1, 20);
    rtcp::write_pli(&mut pli, 1, 99);
    world.hear(SECOND, &pli);
    let answered = world.run_to(2 * SECOND);
    let keyframes: Vec<_> = answered.iter().filter(|got| is_keyframe(got)).collect();
    assert_eq!(keyframes.len(), 1);
    assert_eq!(keyframes[0].header.ssrc, 20);
    assert!(keyframes[0].at <= SECOND + FRAME);
    let counts = world.publisher.counts();
    assert_eq!((counts.keyframes_asked, counts.keyframes), (1, 3));
}

#[test]
fn what_is_asked_for_again_comes_again_as_it_was() {
    let mut world = camera(0.0);
    let sent = world.run_to(SECOND);
    let original = sent.iter().rfind(|got| got.header.ssrc == 20).unwrap();
    let number = original.header.sequence_number;
    let mut nack = Vec::new();
    rtcp::write_nack(&mut nack, 1, 20, &[number, number.wrapping_add(100)]);
    let again = world.hear(SECOND, &nack);
    assert_eq!(again.len(), 1);
    let header = &again[0].header;
    assert_eq!((header.ssrc, header.payload_type), (21, 97));
    assert_eq!(header.timestamp, original.header.timestamp);
    let (original_number, payload) = split_rtx(&again[0].payload).unwrap();
    assert_eq!((original_number, payload), (number, &original.payload[..]));
}

#[test]
fn layers_name_themselves_until_a_report_tells_of_them() {
    let mut world = camera(0.0);
    let named = world.run_to(FRAME - MILLISECOND);
    assert_eq!(named[0].rid.as_deref(), Some(&b"q"[..]));
    assert_eq!(named[2].rid.as_deref(), Some(&b"f"[..]));
    let mut report = Vec::new();
    let block = rtcp::ReportBlock {
        ssrc: 20,
        fraction_lost: 0,
        lost: 0,
        highest_sequence: 5,
        jitter: 0,
        last_sender_report: 0,
        delay_since: 0,
    };
    rtcp::write_receiver_report(&mut report, 1, &[block]);
    world.hear(FRAME - MILLISECOND, &report);
    let later = world.run_to(2 * FRAME - MILLISECOND);
    let rids: Vec<_> = later.iter().map(|got| got.rid.is_some()).collect();
    assert_eq!(rids, [true, false, false, false]);
}

#[test]
fn sound_is_a_packet_each_20_ms() {
    let mut world = World::new(PublisherConfig {
        video: None,
        audio: Some(AudioConfig {
            mid: "0".to_owned(),
            ssrc: 15,
            payload_type: 111,
            payload: 80,
            packet_ms: 20,
            is_speaking: true,
        }),
    });
    let got = world.run_to(SECOND);
    assert_eq!(got.len(), 50);
    assert!(got.iter().all(|got| got.payload.len() == 80));
    let step = got[1].header.timestamp - got[0].header.timestamp;
    assert_eq!((step, got[1].at - got[0].at), (960, 20 * MILLISECOND));
}
