//! Random and mutated input reaches every parser; none panics, hangs or contradicts itself.
//! The fuzz targets go deeper; these are quick, seeded, and run with every `cargo test`.

#![allow(clippy::unwrap_used)]

use std::time::Instant;

use sfu_proto::bwe::{Arrivals, Config, Estimator, Sent};
use sfu_proto::codecs::dependency::Dependencies;
use sfu_proto::codecs::{describe, red, rewrite};
use sfu_proto::command::{Codec, IceCredentials, SrtpProfile};
use sfu_proto::demux::classify;
use sfu_proto::ice::IceTable;
use sfu_proto::ids::TransportId;
use sfu_proto::srtp::{SrtpReceiver, SrtpSender, master_salt_length};
use sfu_proto::stun::{BindingRequest, Message, Role, StunKey};
use sfu_proto::transmit::{Path, TransmitBatch};

const ROUNDS: usize = 20_000;

const CODECS: [Codec; 10] = [
    Codec::Opus,
    Codec::Red,
    Codec::Pcmu,
    Codec::Pcma,
    Codec::G722,
    Codec::Vp8,
    Codec::Vp9,
    Codec::H264,
    Codec::H265,
    Codec::Av1,
];

/// xorshift64*: the tests must be the same on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 16) as usize % bound
    }

    fn bytes(&mut self, longest: usize) -> Vec<u8> {
        let length = self.below(longest + 1);
        (0..length).map(|_| self.next() as u8).collect()
    }

    /// Flips, cuts, extends or repeats.
    fn mutate(&mut self, data: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let position = self.below(data.len().max(1));
            match self.below(5) {
                0 => data.truncate(position),
                1 => data.extend(self.bytes(8)),
                2 if !data.is_empty() => data[position] = [0, 0xff, 0x7f, 0x80][self.below(4)],
                3 if !data.is_empty() => data[position] ^= 1 << self.below(8),
                _ => data.extend_from_within(position..),
            }
            data.truncate(1500);
        }
    }
}

fn credentials() -> IceCredentials {
    IceCredentials {
        local_ufrag: "ufrag".into(),
        local_password: "password".into(),
        remote_ufrag: "peer".into(),
        remote_password: "secret".into(),
    }
}

fn check() -> Vec<u8> {
    let mut data = Vec::new();
    let request = BindingRequest {
        transaction_id: [5; 12],
        username: "ufrag:peer",
        priority: 1,
        use_candidate: true,
        role: Role::Controlling(5),
    };
    request.encode(&mut data, &StunKey::new("password"));
    data
}

#[test]
fn demux() {
    let mut random = Random(1);
    for _ in 0..ROUNDS {
        let data = random.bytes(40);
        assert_eq!(classify(&data), classify(&data));
    }
}

#[test]
fn stun_and_ice() {
    let mut random = Random(2);
    let now = Instant::now();
    let mut table = IceTable::new(1);
    table.add(now, TransportId(1), credentials());
    let path = Path {
        socket: 0,
        local: None,
        remote: "192.0.2.1:9".parse().unwrap(),
    };
    let mut out = TransmitBatch::default();
    for round in 0..ROUNDS {
        let mut data = if round % 2 == 0 {
            check()
        } else {
            random.bytes(200)
        };
        random.mutate(&mut data);
        let is_authentic = Message::parse(&data)
            .is_ok_and(|message| message.is_authentic(&StunKey::new("password")));
        out.clear();
        let handled = table.handle(now, path, &data, &mut out);
        assert!(handled.is_err() || is_authentic);
    }
}

#[test]
fn srtp() {
    let mut random = Random(3);
    for profile in [SrtpProfile::AeadAes128Gcm, SrtpProfile::Aes128CmHmacSha1_80] {
        let salt = vec![1; master_salt_length(profile)];
        let sender = SrtpSender::new(profile, &[1; 16], &salt).unwrap();
        let mut receiver = SrtpReceiver::new(profile, &[1; 16], &salt).unwrap();
        for _ in 0..ROUNDS {
            let mut genuine = vec![0x80; 12];
            genuine.extend(random.bytes(60));
            sender.protect_rtp(&mut genuine, 0, 12, 0).unwrap();
            let mut packet = genuine.clone();
            random.mutate(&mut packet);
            let is_changed = packet != genuine;
            let header_len = random.below(40);
            let taken = receiver.unprotect_rtp(&mut packet.clone(), header_len);
            assert!(taken.is_err() || !is_changed);
            assert!(receiver.unprotect_rtcp(&mut packet).is_err());
        }
    }
}

#[test]
fn codec_descriptors() {
    let mut random = Random(4);
    for codec in CODECS {
        for _ in 0..ROUNDS {
            let mut payload = random.bytes(48);
            random.mutate(&mut payload);
            let described = describe(codec, &payload);
            let length = payload.len();
            let [picture_id, tl0_picture_index] = [random.next() as u16, random.next() as u16];
            rewrite(
                codec,
                &mut payload,
                Some(picture_id),
                Some(tl0_picture_index as u8),
            );
            assert_eq!(payload.len(), length);
            let Ok(before) = described else { continue };
            let after = describe(codec, &payload).unwrap();
            assert_eq!(after.keyframe, before.keyframe);
            assert_eq!(
                after.tl0_picture_index.is_some(),
                before.tl0_picture_index.is_some()
            );
            if let Some(index) = after.tl0_picture_index {
                assert_eq!(index, tl0_picture_index as u8);
            }
            let Some(id) = after.picture_id else { continue };
            let mask = if id.is_15_bit { 0x7fff } else { 0x7f };
            assert_eq!(id.value, picture_id & mask);
            assert_eq!(before.picture_id.map(|id| id.is_15_bit), Some(id.is_15_bit));
        }
    }
}

#[test]
fn dependency_descriptors() {
    let mut random = Random(8);
    // Two spatial layers, of each a key frame and one after it.
    let structure = [0xc0, 0, 1, 0x80, 0x01, 0x11, 0xd5, 0x0e, 0x08, 0x80, 0];
    let mut known = Dependencies::default();
    let mut described = 0;
    for _ in 0..ROUNDS {
        let mut descriptor = match random.below(2) {
            0 => random.bytes(48),
            _ => structure.to_vec(),
        };
        random.mutate(&mut descriptor);
        let Ok(frame) = known.read(&descriptor) else {
            continue;
        };
        assert!(frame.spatial_layer <= frame.top && frame.top < 8);
        assert!(frame.spatial_layer < known.spatial_layers());
        assert_eq!(frame.opens & !frame.serves, 0);
        described += 1;
    }
    assert!(described > ROUNDS / 100);
}

/// Feedback for what was never sent, from clocks that jump, told again and again.
#[test]
fn any_feedback_leaves_the_estimate_within_its_bounds() {
    let mut random = Random(7);
    for _ in 0..ROUNDS / 400 {
        let mut estimator = Estimator::new(Config::DEFAULT);
        let (mut now_us, mut number) = (0, 65_000);
        for _ in 0..400 {
            now_us += (random.next() % 100_000) as i64;
            for _ in 0..random.next() % 40 {
                let (bytes, cluster) = (random.next() as usize % 1500, random.next() as u8 % 3);
                let sent = Sent {
                    number,
                    bytes,
                    cluster,
                };
                estimator.on_sent(now_us, sent);
                number += 1;
            }
            let wild = random.next().is_multiple_of(8);
            let times = (0..random.next() % 60).map(|_| {
                let jump = if wild { random.next() as i64 } else { 0 };
                let late = (random.next() % 300_000) as i64;
                (!random.next().is_multiple_of(4))
                    .then(|| now_us.wrapping_add(late).wrapping_add(jump))
            });
            let times_us = times.collect();
            let base_sequence = (number as u16).wrapping_sub(random.next() as u16 % 80);
            let arrivals = Arrivals {
                base_sequence,
                times_us,
            };
            estimator.on_feedback(now_us, &arrivals);
            estimator.handle_timeout(now_us);
            if let Some(probe) = estimator.next_probe(now_us) {
                assert!(probe.packets >= 5 && probe.packets * probe.packet_bytes < 200_000);
            }
            let bounds = Config::DEFAULT.min_bps..=Config::DEFAULT.max_bps;
            assert!(bounds.contains(&estimator.target_bps()));
        }
    }
}

/// What can be read of redundant sound is the same when it is written again.
#[test]
fn redundant_sound_survives_writing() {
    let mut random = Random(0x2198);
    let mut read = 0;
    for _ in 0..ROUNDS {
        let mut data = Vec::new();
        for _ in 0..random.below(4) {
            red::write_older(
                &mut data,
                111,
                960 * random.below(17) as u32,
                random.below(40),
            );
        }
        red::write_newest(&mut data, 111);
        data.extend(random.bytes(200));
        if random.below(2) == 0 {
            random.mutate(&mut data);
        }
        let Ok(payload) = red::Payload::parse(&data) else {
            continue;
        };
        read += 1;
        let mut again = Vec::new();
        for older in payload.older() {
            red::write_older(&mut again, older.payload_type, older.age, older.data.len());
        }
        red::write_newest(&mut again, payload.newest_type);
        again.extend(payload.older().flat_map(|older| older.data));
        again.extend(payload.newest);
        assert_eq!(again, data);
    }
    assert!(read > ROUNDS / 4, "{read}");
}
