//! A publisher and a viewer with good keys who send anything, while time and commands go on.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use sfu_proto::command::{
    Codec, CodecParameters, Command, Extension, IceCredentials, MediaKind, SlotParameters,
    SourceParameters, SrtpKeys, SrtpProfile,
};
use sfu_proto::ids::{RoomId, SlotId, SourceId, TransportId};
use sfu_proto::router::{Router, RouterConfig};
use sfu_proto::rtp::Header;
use sfu_proto::srtp::SrtpSender;
use sfu_proto::stun::{BindingRequest, Role, StunKey};
use sfu_proto::transmit::{Datagram, Path, TransmitBatch};

const PEERS: u8 = 2;

fn path(peer: u8) -> Path {
    Path {
        socket: 0,
        local: None,
        remote: ([192, 0, 2, peer], 1000).into(),
    }
}

/// The second peer has no transport-wide numbers, and tells by packets' own.
fn codec(peer: u8, codec: Codec, payload_type: u8) -> CodecParameters {
    CodecParameters {
        codec,
        payload_type,
        rtx_payload_type: Some(payload_type + 1),
        clock_rate: 90_000,
        format: String::new(),
        nack: true,
        pli: true,
        fir: true,
        transport_cc: peer == 0 && payload_type.is_multiple_of(4),
        ccfb: peer == 1,
        remb: true,
    }
}

fn codecs(peer: u8) -> Vec<CodecParameters> {
    vec![
        codec(peer, Codec::Vp8, 96),
        codec(peer, Codec::Vp9, 98),
        codec(peer, Codec::H264, 100),
        codec(peer, Codec::Av1, 102),
    ]
}

fn connect(router: &mut Router, now: Instant, peer: u8) {
    let transport = TransportId(peer.into());
    let ice = IceCredentials {
        local_ufrag: format!("ufrag{peer}"),
        local_password: "password".into(),
        remote_ufrag: "peer".into(),
        remote_password: "secret".into(),
    };
    let extensions = (1..)
        .zip(sfu_proto::rtp::EXTENSIONS)
        .filter(|&(_, one)| peer == 0 || one != Extension::TransportSequenceNumber)
        .collect::<Vec<(u8, Extension)>>();
    router.handle_command(
        now,
        Command::AddTransport {
            transport,
            ice,
            extensions,
        },
    );
    let mut check = Vec::new();
    let request = BindingRequest {
        transaction_id: [1; 12],
        username: &format!("ufrag{peer}:peer"),
        priority: 1,
        use_candidate: true,
        role: Role::Controlling(1),
    };
    request.encode(&mut check, &StunKey::new("password"));
    let data = &mut check;
    router.handle_datagrams(
        now,
        &mut [Datagram {
            path: path(peer),
            came_at: now,
            data,
        }],
    );
    let key = (vec![peer; 16], vec![peer; 12]);
    let keys = SrtpKeys {
        profile: SrtpProfile::AeadAes128Gcm,
        local: key.clone(),
        remote: key,
    };
    router.handle_command(now, Command::SetKeys { transport, keys });
}

fn publish(peer: u8, id: u64, kind: MediaKind) -> Command {
    Command::AddSource {
        source: SourceId(id),
        parameters: SourceParameters {
            transport: TransportId(peer.into()),
            mid: id.to_string(),
            kind,
            codecs: codecs(peer),
            rids: Vec::new(),
            announced: vec![sfu_proto::command::AnnouncedSsrc {
                ssrc: id as u32 * 2,
                rtx_ssrc: Some(id as u32 * 2 + 1),
            }],
            room: Some(RoomId(0)),
            is_screen: id == 2,
        },
    }
}

fn slot(peer: u8, id: u64, kind: MediaKind) -> Command {
    Command::AddSlot {
        slot: SlotId(id),
        parameters: SlotParameters {
            transport: TransportId(peer.into()),
            mid: id.to_string(),
            kind,
            codecs: codecs(peer),
            ssrc: id as u32,
            rtx_ssrc: id.is_multiple_of(2).then_some(100 + id as u32),
            cname: "c".into(),
            follows: (kind == MediaKind::Audio).then_some((RoomId(0), 0)),
        },
    }
}

fn small_command(choice: u8, id: u8) -> Command {
    let (source, slot_id) = (SourceId(u64::from(id & 3)), SlotId(u64::from(id >> 4 & 3)));
    let peer = id & 1;
    match choice % 10 {
        0..=2 => Command::Show {
            slot: slot_id,
            source: (id & 0x80 == 0).then_some(source),
            layer: id >> 6,
        },
        9 => Command::SetStage {
            slot: slot_id,
            is_stage: id & 0x80 == 0,
        },
        3 => Command::SetForwarding {
            source,
            forwarding: id & 0x80 == 0,
        },
        4 => Command::RemoveSource { source },
        5 => publish(peer, u64::from(id & 3), MediaKind::Video),
        6 => Command::RemoveSlot { slot: slot_id },
        7 => Command::SetHeadroom {
            transport: TransportId(u64::from(peer)),
            has_headroom: id & 0x80 == 0,
        },
        _ => slot(peer, u64::from(id >> 4 & 3), MediaKind::Video),
    }
}

fn protect(senders: &mut [SrtpSender], peer: u8, packet: &[u8]) -> Option<Vec<u8>> {
    let mut packet = packet.to_vec();
    let sender = &mut senders[usize::from(peer)];
    let is_rtcp = packet.get(1).is_some_and(|kind| (192..=223).contains(kind));
    let protected = match is_rtcp {
        true => sender.protect_rtcp(&mut packet, 0),
        false => {
            let header = Header::parse(&packet).ok()?;
            sender.protect_rtp(&mut packet, 0, header.len, 0)
        }
    };
    protected.ok().map(|()| packet)
}

fuzz_target!(|data: &[u8]| {
    let start = Instant::now();
    let mut now = start;
    let mut router = Router::new(RouterConfig::new(start, Duration::from_secs(1), 1));
    let mut senders = Vec::new();
    for peer in 0..PEERS {
        connect(&mut router, now, peer);
        let sender = SrtpSender::new(SrtpProfile::AeadAes128Gcm, &[peer; 16], &[peer; 12]);
        senders.push(sender.expect("lengths of the profile"));
    }
    router.handle_command(
        now,
        Command::AddRoom {
            room: RoomId(0),
            positions: 1,
        },
    );
    for (id, kind) in [
        (0, MediaKind::Video),
        (1, MediaKind::Audio),
        (2, MediaKind::Video),
    ] {
        router.handle_command(now, publish(id as u8 & 1, id, kind));
        router.handle_command(now, slot(1 - (id as u8 & 1), id, kind));
        let source = Some(SourceId(id));
        router.handle_command(
            now,
            Command::Show {
                slot: SlotId(id),
                source,
                layer: 0,
            },
        );
    }
    let mut out = TransmitBatch::default();
    let mut rest = data;
    while let Some((&[action, len], after)) = rest.split_first_chunk() {
        let (packet, after) = after.split_at(usize::from(len).min(after.len()));
        rest = after;
        now += Duration::from_millis(u64::from(action >> 4));
        match action & 3 {
            0 => router.handle_command(now, small_command(action >> 2, len)),
            1 => {
                now += Duration::from_millis(u64::from(len) * 4);
                router.handle_timeout(now);
            }
            peer => {
                if let Some(mut data) = protect(&mut senders, peer & 1, packet) {
                    let path = path(peer & 1);
                    let data = &mut data;
                    router.handle_datagrams(
                        now,
                        &mut [Datagram {
                            path,
                            came_at: now,
                            data,
                        }],
                    );
                }
            }
        }
        while router.poll_transmits(now, &mut out) {
            out.clear();
        }
        for transmit in &out.transmits {
            assert!(transmit.segment_size > 0 && !out.contents(transmit).is_empty());
        }
        out.clear();
        while router.poll_event().is_some() {}
    }
    drop(router.snapshot(now));
});
