//! A history of checks, commands and time: the tables stay bounded and agree with each other.
#![no_main]

use std::collections::HashSet;
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use sfu_proto::command::IceCredentials;
use sfu_proto::ice::IceTable;
use sfu_proto::ids::TransportId;
use sfu_proto::stun::{BindingRequest, Role, StunKey};
use sfu_proto::transmit::{Path, TransmitBatch};

const TRANSPORTS: u8 = 4;
const PORTS: u16 = 64;

fn credentials(name: u8) -> IceCredentials {
    IceCredentials {
        local_ufrag: format!("ufrag{name}"),
        local_password: "password".into(),
        remote_ufrag: "peer".into(),
        remote_password: "secret".into(),
    }
}

fn path(port: u8) -> Path {
    let remote = ([192, 0, 2, port & 3], u16::from(port) % PORTS).into();
    Path {
        socket: 0,
        local: None,
        remote,
    }
}

fn check(name: u8, flags: u8) -> Vec<u8> {
    let request = BindingRequest {
        transaction_id: [flags; 12],
        username: &format!("ufrag{name}:peer"),
        priority: u32::from(flags >> 4),
        use_candidate: flags & 1 != 0,
        role: if flags & 2 != 0 {
            Role::Controlled(1)
        } else {
            Role::Controlling(1)
        },
    };
    let password = if flags & 4 != 0 { "guess" } else { "password" };
    let mut data = Vec::new();
    request.encode(&mut data, &StunKey::new(password));
    data
}

fn routes(table: &IceTable, transport: TransportId) -> usize {
    let paths: HashSet<Path> = (0..=255).map(path).collect();
    paths
        .iter()
        .filter(|path| table.transport_of(path) == Some(transport))
        .count()
}

fuzz_target!(|data: &[u8]| {
    let mut now = Instant::now();
    let mut table = IceTable::new(1);
    let mut out = TransmitBatch::default();
    for step in data.chunks_exact(4) {
        let [action, name, port, flags] = *step else {
            continue;
        };
        let transport = TransportId((name % TRANSPORTS).into());
        out.clear();
        match action % 8 {
            0 => table.add(now, transport, credentials(name)),
            1 => table.restart(now, transport, credentials(name)),
            2 => table.remove(transport),
            3 => now += Duration::from_millis(u64::from(flags) * 100),
            4 => drop(table.handle_timeout(now)),
            5 => drop(table.handle(now, path(port), data, &mut out)),
            _ => drop(table.handle(now, path(port), &check(name, flags), &mut out)),
        }
        assert!(out.transmits.len() <= 1);
    }
    for transport in (0..TRANSPORTS).map(|name| TransportId(name.into())) {
        assert!(routes(&table, transport) <= 20);
    }
    // Time alone ends everything.
    for _ in 0..4 {
        now += Duration::from_secs(31);
        drop(table.handle_timeout(now));
    }
    assert_eq!(table.poll_timeout(), None);
    for transport in (0..TRANSPORTS).map(|name| TransportId(name.into())) {
        assert_eq!(table.nominated(transport), None);
        assert_eq!(routes(&table, transport), 0);
    }
});
