//! What the ICE-lite side promises to peers, and to those who are not peers.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sfu_proto::command::IceCredentials;
use sfu_proto::drop::DropReason;
use sfu_proto::event::LostReason;
use sfu_proto::ice::{IceEvent, IceTable};
use sfu_proto::ids::TransportId;
use sfu_proto::stun::{BindingRequest, Class, Message, Role, StunKey};
use sfu_proto::transmit::{Path, TransmitBatch};

const ALICE: TransportId = TransportId(1);
const BOB: TransportId = TransportId(2);
const HIGH: u32 = 2_000_000;
const LOW: u32 = 1_000_000;

/// A table with a clock that only the test moves.
struct World {
    table: IceTable,
    now: Instant,
    sent: TransmitBatch,
}

/// One Binding request of a peer.
#[derive(Clone, Copy)]
struct Ask<'a> {
    from: Path,
    ufrag: &'a str,
    password: &'a str,
    priority: u32,
    use_candidate: bool,
    role: Role,
}

fn path(remote: &str) -> Path {
    Path {
        socket: 0,
        local: None,
        remote: remote.parse().unwrap(),
    }
}

fn credentials(ufrag: &str) -> IceCredentials {
    IceCredentials {
        local_ufrag: ufrag.into(),
        local_password: format!("password of {ufrag}"),
        remote_ufrag: "peer".into(),
        remote_password: "the peer's own".into(),
    }
}

/// A check for the transport whose ufrag is `alice`, plain and authentic.
fn ask(from: &str) -> Ask<'static> {
    Ask {
        from: path(from),
        ufrag: "alice",
        password: "password of alice",
        priority: HIGH,
        use_candidate: false,
        role: Role::Controlling(1),
    }
}

fn nominate(from: &str) -> Ask<'static> {
    Ask {
        use_candidate: true,
        ..ask(from)
    }
}

fn connected(transport: TransportId, remote: &str) -> Result<Option<IceEvent>, DropReason> {
    Ok(Some(IceEvent::Connected {
        transport,
        path: path(remote),
    }))
}

fn moved(transport: TransportId, remote: &str) -> Result<Option<IceEvent>, DropReason> {
    Ok(Some(IceEvent::Moved {
        transport,
        path: path(remote),
    }))
}

impl World {
    fn new() -> Self {
        let mut table = IceTable::new(1);
        let now = Instant::now();
        table.add(now, ALICE, credentials("alice"));
        table.add(now, BOB, credentials("bob"));
        Self {
            table,
            now,
            sent: TransmitBatch::default(),
        }
    }

    fn check(&mut self, ask: Ask<'_>) -> Result<Option<IceEvent>, DropReason> {
        let request = BindingRequest {
            transaction_id: *b"transaction!",
            username: &format!("{}:peer", ask.ufrag),
            priority: ask.priority,
            use_candidate: ask.use_candidate,
            role: ask.role,
        };
        let mut data = Vec::new();
        request.encode(&mut data, &StunKey::new(ask.password));
        self.receive(ask.from, &data)
    }

    fn receive(&mut self, from: Path, data: &[u8]) -> Result<Option<IceEvent>, DropReason> {
        self.sent.clear();
        self.table.handle(self.now, from, data, &mut self.sent)
    }

    fn answer(&self) -> Option<(Path, Message<'_>)> {
        let transmit = self.sent.transmits.first()?;
        let message = Message::parse(self.sent.contents(transmit)).unwrap();
        Some((transmit.path, message))
    }

    fn pass(&mut self, seconds: f64) {
        self.now += Duration::from_secs_f64(seconds);
    }

    fn nominated(&self, transport: TransportId) -> Option<SocketAddr> {
        self.table.nominated(transport).map(|path| path.remote)
    }

    fn owner(&self, remote: &str) -> Option<TransportId> {
        self.table.transport_of(&path(remote))
    }

    /// Lets time pass in the steps that the table asks for.
    fn events_until(&mut self, seconds: f64) -> Vec<IceEvent> {
        let end = self.now + Duration::from_secs_f64(seconds);
        let mut events = Vec::new();
        while let Some(deadline) = self
            .table
            .poll_timeout()
            .filter(|&deadline| deadline <= end)
        {
            self.now = self.now.max(deadline);
            events.extend(self.table.handle_timeout(self.now));
        }
        self.now = end;
        events
    }
}

#[test]
fn authentic_check_is_answered_with_the_address_it_came_from() {
    let mut world = World::new();
    assert_eq!(world.check(ask("192.0.2.1:1000")), Ok(None));
    let (to, answer) = world.answer().unwrap();
    assert_eq!(to, path("192.0.2.1:1000"));
    assert_eq!(answer.class, Class::Success);
    assert_eq!(answer.transaction_id, *b"transaction!");
    assert_eq!(
        answer.mapped_address,
        Some("192.0.2.1:1000".parse().unwrap())
    );
    assert!(answer.is_authentic(&StunKey::new("password of alice")));
}

#[test]
fn check_validates_its_tuple_and_only_nomination_connects() {
    let mut world = World::new();
    assert_eq!(world.owner("192.0.2.1:1000"), None);
    assert_eq!(world.check(ask("192.0.2.1:1000")), Ok(None));
    assert_eq!(world.owner("192.0.2.1:1000"), Some(ALICE));
    assert_eq!(world.owner("192.0.2.1:1001"), None);
    assert_eq!(world.nominated(ALICE), None);
    assert_eq!(
        world.check(nominate("192.0.2.1:1000")),
        connected(ALICE, "192.0.2.1:1000")
    );
    assert_eq!(world.check(nominate("192.0.2.1:1000")), Ok(None));
    assert_eq!(
        world.nominated(ALICE),
        Some("192.0.2.1:1000".parse().unwrap())
    );
    assert_eq!(world.nominated(BOB), None);
}

#[test]
fn wrong_password_validates_nothing() {
    let mut world = World::new();
    let forged = Ask {
        password: "guess",
        ..nominate("192.0.2.1:1000")
    };
    assert_eq!(world.check(forged), Err(DropReason::StunUnauthenticated));
    assert_eq!(world.owner("192.0.2.1:1000"), None);
    assert_eq!(world.answer().unwrap().1.error_code, Some(401));
    let unknown = Ask {
        ufrag: "nobody",
        ..nominate("192.0.2.1:1000")
    };
    assert_eq!(world.check(unknown), Err(DropReason::StunUnknownUser));
    assert_eq!(world.answer().unwrap().1.error_code, Some(401));
}

#[test]
fn checks_on_validated_tuples_must_be_authentic_too() {
    let mut world = World::new();
    world.check(nominate("192.0.2.1:1000")).unwrap();
    world.pass(20.0);
    let forged = Ask {
        password: "guess",
        ..nominate("192.0.2.1:1000")
    };
    assert_eq!(world.check(forged), Err(DropReason::StunUnauthenticated));
    let lost = IceEvent::Lost {
        transport: ALICE,
        reason: LostReason::ConsentExpired,
    };
    assert!(
        world.events_until(11.0).contains(&lost),
        "a forged check refreshed consent"
    );
}

#[test]
fn unauthenticated_requests_are_answered_with_no_more_bytes_than_they_had() {
    let bare = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat();
    let mut world = World::new();
    assert_eq!(
        world.receive(path("192.0.2.1:1"), &bare),
        Err(DropReason::StunUnauthenticated)
    );
    assert!(world.answer().is_none());
    for software in (0..64).step_by(4) {
        let mut longer = bare.clone();
        longer[3] = 4 + software;
        longer.extend([0x80, 0x22, 0, software]);
        longer.extend(vec![0; software.into()]);
        let remote = format!("192.0.2.1{software}:1");
        let dropped = world.receive(path(&remote), &longer);
        assert_eq!(dropped, Err(DropReason::StunUnauthenticated));
        assert!(world.sent.arena.len() <= longer.len());
        if let Some((_, answer)) = world.answer() {
            assert_eq!(answer.error_code, Some(400));
        }
    }
}

#[test]
fn unauthenticated_requests_are_answered_ten_times_a_second_and_source() {
    let mut world = World::new();
    let forged = |port: usize| Ask {
        password: "guess",
        from: path(&format!("192.0.2.1:{}", 1000 + port)),
        ..ask("192.0.2.1:1")
    };
    for port in 0..10 {
        assert_eq!(
            world.check(forged(port)),
            Err(DropReason::StunUnauthenticated)
        );
    }
    for port in 10..1000 {
        assert_eq!(world.check(forged(port)), Err(DropReason::StunRateLimited));
        assert!(world.answer().is_none());
    }
    // Peers behind the same address are not limited.
    assert_eq!(
        world.check(nominate("192.0.2.1:1")),
        connected(ALICE, "192.0.2.1:1")
    );
    world.pass(1.0);
    assert_eq!(world.check(forged(0)), Err(DropReason::StunUnauthenticated));
}

#[test]
fn what_a_lite_agent_has_no_use_for_is_dropped() {
    let mut world = World::new();
    let from = path("192.0.2.1:1000");
    let mut request = Vec::new();
    let check = BindingRequest {
        transaction_id: [1; 12],
        username: "alice:peer",
        priority: 1,
        use_candidate: false,
        role: Role::Controlling(1),
    };
    check.encode(&mut request, &StunKey::new("password of alice"));
    request.truncate(request.len() - 8);
    request[3] -= 8;
    // Indication, success, error, and TURN's Allocate.
    for message_type in [[0x00, 0x11], [0x01, 0x01], [0x01, 0x11], [0x00, 0x03]] {
        let other = [&message_type[..], &request[2..]].concat();
        assert_eq!(world.receive(from, &other), Err(DropReason::StunUnexpected));
        assert!(world.answer().is_none());
    }
    assert_eq!(
        world.receive(from, &request[..21]),
        Err(DropReason::StunMalformed)
    );
    assert_eq!(
        world.receive(from, &[0; 2000]),
        Err(DropReason::StunMalformed)
    );
    assert_eq!(world.receive(from, &request), Ok(None));
}

#[test]
fn peer_that_believes_to_be_controlled_is_told_otherwise() {
    let mut world = World::new();
    let confused = Ask {
        role: Role::Controlled(1),
        ..nominate("192.0.2.1:1000")
    };
    assert_eq!(world.check(confused), Err(DropReason::StunRefused));
    let (_, answer) = world.answer().unwrap();
    assert_eq!(answer.error_code, Some(487));
    assert!(answer.is_authentic(&StunKey::new("password of alice")));
    assert_eq!(world.owner("192.0.2.1:1000"), None);
}

#[test]
fn chromium_moves_us_by_nominating_another_pair() {
    let mut world = World::new();
    world.check(nominate("192.0.2.1:1000")).unwrap();
    // A mobile network of lower priority is checked plainly, then chosen.
    let backup = Ask {
        priority: LOW,
        ..ask("198.51.100.1:2000")
    };
    assert_eq!(world.check(backup), Ok(None));
    let chosen = Ask {
        use_candidate: true,
        ..backup
    };
    assert_eq!(world.check(chosen), moved(ALICE, "198.51.100.1:2000"));
    // The old pair is still checked; that changes nothing.
    assert_eq!(world.check(ask("192.0.2.1:1000")), Ok(None));
    assert_eq!(
        world.nominated(ALICE),
        Some("198.51.100.1:2000".parse().unwrap())
    );
}

#[test]
fn aggressive_nomination_settles_on_the_highest_priority() {
    let mut world = World::new();
    let low = Ask {
        priority: LOW,
        ..nominate("192.0.2.1:1000")
    };
    let high = nominate("192.0.2.2:1000");
    assert_eq!(world.check(low), connected(ALICE, "192.0.2.1:1000"));
    assert_eq!(world.check(high), moved(ALICE, "192.0.2.2:1000"));
    for _ in 0..20 {
        world.pass(0.5);
        assert_eq!(world.check(low), Ok(None));
        assert_eq!(world.check(high), Ok(None));
    }
    assert_eq!(
        world.nominated(ALICE),
        Some("192.0.2.2:1000".parse().unwrap())
    );
}

#[test]
fn equal_priorities_do_not_flap() {
    let mut world = World::new();
    world.check(nominate("192.0.2.1:1000")).unwrap();
    for _ in 0..20 {
        world.pass(0.5);
        assert_eq!(world.check(nominate("192.0.2.2:1000")), Ok(None));
        assert_eq!(world.check(nominate("192.0.2.1:1000")), Ok(None));
    }
}

#[test]
fn silent_pair_gives_way_to_a_lower_priority() {
    let mut world = World::new();
    world.check(nominate("192.0.2.1:1000")).unwrap();
    let low = Ask {
        priority: LOW,
        ..nominate("192.0.2.2:1000")
    };
    world.pass(2.9);
    assert_eq!(world.check(low), Ok(None));
    world.pass(0.2);
    assert_eq!(world.check(low), moved(ALICE, "192.0.2.2:1000"));
}

#[test]
fn rebound_nat_moves_us_at_once() {
    let mut world = World::new();
    world.check(nominate("192.0.2.1:1000")).unwrap();
    assert_eq!(
        world.check(nominate("192.0.2.1:1001")),
        moved(ALICE, "192.0.2.1:1001")
    );
}

#[test]
fn peer_that_nominates_once_is_followed_to_its_new_address() {
    let mut world = World::new();
    world.check(ask("192.0.2.1:1000")).unwrap();
    world.check(nominate("192.0.2.1:1000")).unwrap();
    // Consent checks go on without USE-CANDIDATE, from behind a NAT that rebound.
    world.pass(5.0);
    assert_eq!(
        world.check(ask("192.0.2.1:1001")),
        moved(ALICE, "192.0.2.1:1001")
    );
    // Another network: only when the old one has long been silent.
    world.pass(14.0);
    assert_eq!(world.check(ask("198.51.100.1:2000")), Ok(None));
    world.pass(2.0);
    assert_eq!(
        world.check(ask("198.51.100.1:2000")),
        moved(ALICE, "198.51.100.1:2000")
    );
}

#[test]
fn restart_keeps_the_old_generation_until_the_new_one_nominates() {
    let mut world = World::new();
    world.check(nominate("192.0.2.1:1000")).unwrap();
    world.table.restart(world.now, ALICE, credentials("again"));
    assert_eq!(world.check(ask("192.0.2.1:1000")), Ok(None));
    assert_eq!(
        world.nominated(ALICE),
        Some("192.0.2.1:1000".parse().unwrap())
    );

    let renewed = Ask {
        ufrag: "again",
        password: "password of again",
        ..ask("198.51.100.1:1")
    };
    assert_eq!(world.check(renewed), Ok(None));
    assert_eq!(
        world.nominated(ALICE),
        Some("192.0.2.1:1000".parse().unwrap())
    );
    let chosen = Ask {
        use_candidate: true,
        priority: LOW,
        ..renewed
    };
    assert_eq!(world.check(chosen), moved(ALICE, "198.51.100.1:1"));
    assert_eq!(
        world.check(ask("192.0.2.1:1000")),
        Err(DropReason::StunUnknownUser)
    );
    // Packets that were under way on the old path still find their transport.
    assert_eq!(world.owner("192.0.2.1:1000"), Some(ALICE));
}

#[test]
fn restart_on_the_same_path_moves_nothing() {
    let mut world = World::new();
    world.check(nominate("192.0.2.1:1000")).unwrap();
    world.table.restart(world.now, ALICE, credentials("again"));
    let renewed = Ask {
        ufrag: "again",
        password: "password of again",
        ..nominate("192.0.2.1:1000")
    };
    assert_eq!(world.check(renewed), Ok(None));
    assert_eq!(
        world.check(ask("192.0.2.1:1000")),
        Err(DropReason::StunUnknownUser)
    );
}

#[test]
fn two_restarts_in_a_row_leave_the_used_and_the_newest_generation() {
    let mut world = World::new();
    world.check(nominate("192.0.2.1:1000")).unwrap();
    world.table.restart(world.now, ALICE, credentials("second"));
    world.table.restart(world.now, ALICE, credentials("third"));
    assert_eq!(world.check(ask("192.0.2.1:1000")), Ok(None));
    let second = Ask {
        ufrag: "second",
        password: "password of second",
        ..ask("192.0.2.1:1")
    };
    assert_eq!(world.check(second), Err(DropReason::StunUnknownUser));
    let third = Ask {
        ufrag: "third",
        password: "password of third",
        ..nominate("192.0.2.1:2")
    };
    assert_eq!(world.check(third), moved(ALICE, "192.0.2.1:2"));
}

#[test]
fn silence_for_thirty_seconds_loses_the_peer_once() {
    let mut world = World::new();
    world.table.remove(BOB);
    world.check(nominate("192.0.2.1:1000")).unwrap();
    for _ in 0..10 {
        assert_eq!(world.events_until(29.0), []);
        assert_eq!(world.check(ask("192.0.2.1:1000")), Ok(None));
    }
    let lost = IceEvent::Lost {
        transport: ALICE,
        reason: LostReason::ConsentExpired,
    };
    assert_eq!(world.events_until(29.9), []);
    assert_eq!(world.events_until(0.2), [lost]);
    assert_eq!(world.nominated(ALICE), None);
    assert_eq!(world.owner("192.0.2.1:1000"), None);
    assert_eq!(world.events_until(1000.0), []);
    assert_eq!(
        world.check(ask("192.0.2.1:1000")),
        Err(DropReason::StunUnknownUser)
    );
}

#[test]
fn lost_peer_comes_back_by_a_restart() {
    let mut world = World::new();
    world.check(nominate("192.0.2.1:1000")).unwrap();
    world.events_until(31.0);
    world.table.restart(world.now, ALICE, credentials("again"));
    let renewed = Ask {
        ufrag: "again",
        password: "password of again",
        ..nominate("192.0.2.1:1000")
    };
    assert_eq!(world.check(renewed), connected(ALICE, "192.0.2.1:1000"));
    let lost = IceEvent::Lost {
        transport: ALICE,
        reason: LostReason::ConsentExpired,
    };
    assert_eq!(world.events_until(31.0), [lost]);
}

#[test]
fn peer_that_never_nominates_is_given_up_after_thirty_seconds() {
    let mut world = World::new();
    world.table.remove(BOB);
    world.pass(20.0);
    world.check(ask("192.0.2.1:1000")).unwrap();
    let lost = IceEvent::Lost {
        transport: ALICE,
        reason: LostReason::NeverConnected,
    };
    assert_eq!(world.events_until(11.0), [lost]);
}

#[test]
fn tuple_goes_over_to_another_transport_only_by_an_authentic_check() {
    let mut world = World::new();
    world.check(nominate("192.0.2.1:1000")).unwrap();
    let bob = Ask {
        ufrag: "bob",
        password: "password of bob",
        ..nominate("192.0.2.1:1000")
    };
    let forged = Ask {
        password: "guess",
        ..bob
    };
    assert_eq!(world.check(forged), Err(DropReason::StunUnauthenticated));
    assert_eq!(world.owner("192.0.2.1:1000"), Some(ALICE));
    assert_eq!(world.check(bob), connected(BOB, "192.0.2.1:1000"));
    assert_eq!(world.owner("192.0.2.1:1000"), Some(BOB));
    // Alice's end does not take Bob's tuple along; her next check takes it back.
    world.check(ask("192.0.2.1:1000")).unwrap();
    assert_eq!(world.owner("192.0.2.1:1000"), Some(ALICE));
    world.check(bob).unwrap();
    world.table.remove(ALICE);
    assert_eq!(world.owner("192.0.2.1:1000"), Some(BOB));
}

#[test]
fn twenty_tuples_are_kept_and_the_nominated_one_always() {
    let mut world = World::new();
    world.check(nominate("192.0.2.1:1000")).unwrap();
    for port in 2000..2100 {
        world.pass(0.01);
        world
            .check(Ask {
                priority: LOW,
                ..ask(&format!("192.0.2.2:{port}"))
            })
            .unwrap();
    }
    let is_kept = |port: &u16| world.owner(&format!("192.0.2.2:{port}")) == Some(ALICE);
    let kept: Vec<u16> = (2000..2100).filter(is_kept).collect();
    assert_eq!(kept, (2081..2100).collect::<Vec<u16>>());
    assert_eq!(world.owner("192.0.2.1:1000"), Some(ALICE));
    assert_eq!(
        world.nominated(ALICE),
        Some("192.0.2.1:1000".parse().unwrap())
    );
}

#[test]
fn removed_transport_leaves_nothing_behind() {
    let mut world = World::new();
    world.check(nominate("192.0.2.1:1000")).unwrap();
    world.table.restart(world.now, ALICE, credentials("again"));
    world.table.remove(ALICE);
    assert_eq!(world.owner("192.0.2.1:1000"), None);
    assert_eq!(world.nominated(ALICE), None);
    for ufrag in ["alice", "again"] {
        let password = format!("password of {ufrag}");
        let check = Ask {
            ufrag,
            password: &password,
            ..ask("192.0.2.1:1000")
        };
        assert_eq!(world.check(check), Err(DropReason::StunUnknownUser));
    }
    let lost = IceEvent::Lost {
        transport: BOB,
        reason: LostReason::NeverConnected,
    };
    assert_eq!(world.events_until(100.0), [lost]);
    assert_eq!(world.table.poll_timeout(), None);
}

#[test]
fn mapped_ipv4_addresses_are_the_same_tuple() {
    let mut world = World::new();
    world.check(nominate("[::ffff:192.0.2.1]:1000")).unwrap();
    let (_, answer) = world.answer().unwrap();
    assert_eq!(
        answer.mapped_address,
        Some("192.0.2.1:1000".parse().unwrap())
    );
    assert_eq!(world.owner("192.0.2.1:1000"), Some(ALICE));
    assert_eq!(world.owner("[::ffff:192.0.2.1]:1000"), Some(ALICE));
    assert_eq!(world.check(nominate("192.0.2.1:1000")), Ok(None));
}

#[test]
fn tuples_differ_by_the_local_address_that_was_asked() {
    let mut world = World::new();
    let asked = |local: &str| Path {
        local: Some(local.parse().unwrap()),
        ..path("192.0.2.1:1")
    };
    world
        .check(Ask {
            from: asked("203.0.113.1"),
            ..nominate("192.0.2.1:1")
        })
        .unwrap();
    assert_eq!(world.table.transport_of(&asked("203.0.113.1")), Some(ALICE));
    assert_eq!(world.table.transport_of(&asked("203.0.113.2")), None);
    assert_eq!(world.table.nominated(ALICE), Some(asked("203.0.113.1")));
}
