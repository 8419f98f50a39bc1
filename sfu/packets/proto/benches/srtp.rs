//! What SRTP costs a 1200-byte packet, and ICE a datagram. `cargo bench -p sfu-proto --bench srtp`

#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Instant;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sfu_proto::command::{IceCredentials, SrtpProfile};
use sfu_proto::ice::IceTable;
use sfu_proto::ids::TransportId;
use sfu_proto::srtp::{SrtpReceiver, SrtpSender, master_salt_length};
use sfu_proto::stun::{BindingRequest, Role, StunKey};
use sfu_proto::transmit::{Path, TransmitBatch};

const PACKET: usize = 1200;
const HEADER: usize = 20;
const PROFILES: [(SrtpProfile, &str); 2] = [
    (SrtpProfile::AeadAes128Gcm, "gcm"),
    (SrtpProfile::Aes128CmHmacSha1_80, "cm_hmac"),
];

fn packet(sequence_number: u16) -> Vec<u8> {
    let mut packet = vec![0x90; PACKET];
    packet[2..4].copy_from_slice(&sequence_number.to_be_bytes());
    packet
}

fn protect(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("protect_rtp");
    group.throughput(Throughput::Bytes(PACKET as u64));
    for (profile, name) in PROFILES {
        let sender = SrtpSender::new(profile, &[1; 16], &vec![2; master_salt_length(profile)]);
        let sender = sender.unwrap();
        let mut arena = packet(1);
        arena.reserve(64);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                arena.truncate(PACKET);
                sender
                    .protect_rtp(black_box(&mut arena), 0, HEADER, 0)
                    .unwrap();
            });
        });
    }
    group.finish();
}

fn unprotect(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("unprotect_rtp");
    group.throughput(Throughput::Bytes(PACKET as u64));
    for (profile, name) in PROFILES {
        let salt = vec![2; master_salt_length(profile)];
        let sender = SrtpSender::new(profile, &[1; 16], &salt).unwrap();
        let mut receiver = SrtpReceiver::new(profile, &[1; 16], &salt).unwrap();
        let mut index = 0u32;
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(
                || {
                    index += 1;
                    let mut arena = packet(index as u16);
                    sender
                        .protect_rtp(&mut arena, 0, HEADER, index >> 16)
                        .unwrap();
                    arena
                },
                |arena| receiver.unprotect_rtp(arena, HEADER).unwrap(),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn ice(criterion: &mut Criterion) {
    let now = Instant::now();
    let mut table = IceTable::new(1);
    let mut out = TransmitBatch::default();
    for peer in 0..1000 {
        let (path, data) = check(peer);
        table.add(now, TransportId(peer.into()), credentials(peer));
        table.handle(now, path, &data, &mut out).unwrap();
    }
    let (path, data) = check(500);
    criterion.bench_function("ice_transport_of_1000", |bencher| {
        bencher.iter(|| table.transport_of(black_box(&path)));
    });
    criterion.bench_function("ice_check_on_validated_tuple", |bencher| {
        bencher.iter(|| {
            out.clear();
            table.handle(now, path, black_box(&data), &mut out)
        });
    });
}

fn credentials(peer: u16) -> IceCredentials {
    IceCredentials {
        local_ufrag: format!("ufrag{peer}"),
        local_password: "a password of 24 letters".into(),
        remote_ufrag: "peer".into(),
        remote_password: "secret".into(),
    }
}

fn check(peer: u16) -> (Path, Vec<u8>) {
    let request = BindingRequest {
        transaction_id: [5; 12],
        username: &format!("ufrag{peer}:peer"),
        priority: 1,
        use_candidate: true,
        role: Role::Controlling(5),
    };
    let mut data = Vec::new();
    request.encode(&mut data, &StunKey::new("a password of 24 letters"));
    let remote = ([192, 0, 2, 1], 1000 + peer).into();
    (
        Path {
            socket: 0,
            local: Some([203, 0, 113, 1].into()),
            remote,
        },
        data,
    )
}

criterion_group!(benches, protect, unprotect, ice);
criterion_main!(benches);
