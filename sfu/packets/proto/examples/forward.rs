//! Measures what forwarding one packet costs without the socket: one camera of 2.5 Mbit/s
//! in frames of nine packets, shown by 1 to 1000 slots, each of its own subscriber.
//!
//!     cargo run --release -p sfu-proto --example forward [SLOTS FRAMES]
//!
//! With a number of slots and of frames it runs that alone, for `tests/bench/instructions.py`.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sfu_proto::command::{
    Codec, CodecParameters, Command, Extension, IceCredentials, MediaKind, SlotParameters,
    SourceParameters, SrtpKeys, SrtpProfile,
};
use sfu_proto::ids::{SlotId, SourceId, TransportId};
use sfu_proto::router::{Router, RouterConfig};
use sfu_proto::srtp::{SrtpSender, master_salt_length};
use sfu_proto::stun::{BindingRequest, Role, StunKey};
use sfu_proto::transmit::{Datagram, Path, TransmitBatch};

const FRAME: [usize; 9] = [1180, 1179, 1180, 1178, 1180, 1180, 1177, 1180, 700];
const EXTENSIONS: &[(u8, Extension)] = &[
    (1, Extension::Mid),
    (3, Extension::AbsoluteSendTime),
    (4, Extension::TransportSequenceNumber),
];

fn main() {
    let numbers: Vec<u64> = std::env::args()
        .skip(1)
        .filter_map(|argument| argument.parse().ok())
        .collect();
    println!("profile slots packets ns_per_packet packets_per_run");
    if let [slots, frames] = numbers[..] {
        return measure(SrtpProfile::AeadAes128Gcm, slots, frames);
    }
    for profile in [SrtpProfile::AeadAes128Gcm, SrtpProfile::Aes128CmHmacSha1_80] {
        for slots in [1, 10, 100, 1000] {
            let frames = (200_000 / slots / FRAME.len() as u64).clamp(3, 2000);
            measure(profile, slots, frames);
        }
    }
}

fn measure(profile: SrtpProfile, slots: u64, frames: u64) {
    let start = Instant::now();
    let mut router = Router::new(RouterConfig::new(start, Duration::from_secs(1), 1));
    for number in 0..=slots {
        join(&mut router, start, profile, number);
    }
    router.handle_command(start, add_source());
    for number in 1..=slots {
        router.handle_command(start, add_slot(number));
        let (slot, source) = (SlotId(number), Some(SourceId(0)));
        router.handle_command(
            start,
            Command::Show {
                slot,
                source,
                layer: 0,
            },
        );
    }
    let (key, salt) = secret(profile, 0x80, 0);
    let publisher = SrtpSender::new(profile, &key, &salt).expect("lengths of the profile");
    let mut out = TransmitBatch::default();
    let mut sequence = 0;
    let frames: Vec<_> = (0..frames)
        .map(|frame| encode(&publisher, frame, &mut sequence))
        .collect();
    let (mut sent, mut runs, mut now) = (0u64, 0u64, start);
    let began = cpu_time();
    for mut frame in frames {
        now += Duration::from_millis(33);
        let mut batch: Vec<Datagram<'_>> = frame
            .iter_mut()
            .map(|data| Datagram {
                path: path(0),
                came_at: now,
                data,
            })
            .collect();
        router.handle_datagrams(now, &mut batch);
        loop {
            let has_more = router.poll_transmits(now, &mut out);
            for transmit in &out.transmits {
                sent += u64::from(transmit.len.div_ceil(u32::from(transmit.segment_size)));
                runs += 1;
            }
            out.clear();
            if !has_more {
                break;
            }
        }
        router.handle_timeout(now);
        while router.poll_event().is_some() {}
    }
    let busy = cpu_time() - began;
    let nanoseconds = busy.as_nanos() as u64 / sent.max(1);
    println!(
        "{profile:?} {slots} {sent} {nanoseconds} {:.1}",
        sent as f64 / runs as f64
    );
}

/// What this thread has run, where the system tells; else the wall clock, which counts
/// whatever else the machine does.
fn cpu_time() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let running = stat.and_then(|stat| stat.split(' ').next()?.parse().ok());
    running.map_or_else(
        || START.get_or_init(Instant::now).elapsed(),
        Duration::from_nanos,
    )
}

fn path(number: u64) -> Path {
    let [.., high, low] = number.to_be_bytes();
    Path {
        socket: 0,
        local: None,
        remote: SocketAddr::from(([10, 0, high, low], 5000)),
    }
}

fn secret(profile: SrtpProfile, side: u8, number: u64) -> (Vec<u8>, Vec<u8>) {
    (
        vec![side ^ number as u8; 16],
        vec![side; master_salt_length(profile)],
    )
}

fn join(router: &mut Router, now: Instant, profile: SrtpProfile, number: u64) {
    let transport = TransportId(number);
    let ice = IceCredentials {
        local_ufrag: format!("local{number}"),
        local_password: "local password".to_owned(),
        remote_ufrag: "remote".to_owned(),
        remote_password: "remote password".to_owned(),
    };
    let extensions = EXTENSIONS.to_vec();
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
        transaction_id: [0; 12],
        username: &format!("local{number}:remote"),
        priority: 1,
        use_candidate: true,
        role: Role::Controlling(1),
    };
    request.encode(&mut check, &StunKey::new("local password"));
    router.handle_datagrams(
        now,
        &mut [Datagram {
            path: path(number),
            came_at: now,
            data: &mut check,
        }],
    );
    let (local, remote) = (secret(profile, 0x40, number), secret(profile, 0x80, number));
    let keys = SrtpKeys {
        profile,
        local,
        remote,
    };
    router.handle_command(now, Command::SetKeys { transport, keys });
    router.poll_transmits(now, &mut TransmitBatch::default());
}

fn vp8() -> CodecParameters {
    CodecParameters {
        codec: Codec::Vp8,
        payload_type: 96,
        rtx_payload_type: Some(97),
        clock_rate: 90_000,
        format: String::new(),
        nack: true,
        pli: true,
        fir: false,
        transport_cc: true,
        ccfb: false,
        remb: false,
    }
}

fn add_source() -> Command {
    let parameters = SourceParameters {
        transport: TransportId(0),
        mid: "0".to_owned(),
        kind: MediaKind::Video,
        codecs: vec![vp8()],
        rids: Vec::new(),
        announced: Vec::new(),
        room: None,
        is_screen: false,
    };
    Command::AddSource {
        source: SourceId(0),
        parameters,
    }
}

fn add_slot(number: u64) -> Command {
    let parameters = SlotParameters {
        transport: TransportId(number),
        mid: "1".to_owned(),
        kind: MediaKind::Video,
        codecs: vec![vp8()],
        ssrc: 7,
        rtx_ssrc: Some(8),
        cname: "c".to_owned(),
        follows: None,
    };
    Command::AddSlot {
        slot: SlotId(number),
        parameters,
    }
}

/// One frame, protected; the first is a keyframe.
fn encode(publisher: &SrtpSender, frame: u64, sequence: &mut u64) -> Vec<Vec<u8>> {
    let packets = FRAME.iter().enumerate().map(|(index, &size)| {
        let marker = u8::from(index + 1 == FRAME.len()) << 7;
        let mut packet = vec![0x80, marker | 96];
        packet.extend((*sequence as u16).to_be_bytes());
        packet.extend((frame as u32 * 3000).to_be_bytes());
        packet.extend(99u32.to_be_bytes());
        packet.extend([0x80 | u8::from(index == 0) << 4, 0xe0]);
        packet.extend((0x8000 | (frame as u16 & 0x7fff)).to_be_bytes());
        packet.extend([frame as u8, 0x20]);
        packet.extend([u8::from(frame > 0), 2, 0, 0x9d, 1, 0x2a, 0x80, 2, 0x68, 1]);
        packet.resize(12 + size, 0xaa);
        publisher
            .protect_rtp(&mut packet, 0, 12, (*sequence >> 16) as u32)
            .expect("a whole header");
        *sequence += 1;
        packet
    });
    packets.collect()
}
