//! Every reason to drop a packet has a counter that rises when it happens.

#![allow(clippy::unwrap_used)]

mod world;

use std::time::Duration;

use sfu_proto::command::{Command, Extension, SrtpProfile};
use sfu_proto::drop::DropReason;
use sfu_proto::ids::{SlotId, SourceId};
use sfu_proto::rtcp::write_nack;
use sfu_proto::stun::{BindingRequest, Role, StunKey};
use sfu_proto::transmit::Datagram;
use world::*;

/// A publisher whose camera a subscriber sees in slot 1, and one keyframe of it.
struct Stage {
    world: World,
    publisher: Peer,
    viewer: Peer,
    camera: Camera,
}

impl Stage {
    fn new() -> Self {
        let mut world = World::new();
        let (publisher, viewer) = (world.peer(), world.peer());
        let camera = world.camera(1, &publisher, 1111);
        world.video_slot(1, &viewer);
        world.show(1, 1);
        let mut stage = Self {
            world,
            publisher,
            viewer,
            camera,
        };
        stage.frame(true, &[300]);
        stage
    }

    fn frame(&mut self, is_keyframe: bool, sizes: &[usize]) -> Vec<Sent> {
        let frame = self.camera.frame(is_keyframe, sizes);
        self.send(&frame);
        frame
    }

    fn send(&mut self, packets: &[Sent]) {
        self.world.send(&self.publisher, packets);
    }

    fn payload(&mut self, payload: &[u8], padding: u8) {
        let build = self.camera.build(payload, true);
        let sent = Build { padding, ..build }.sent();
        self.send(&[sent]);
    }

    fn deliver(&mut self, datagrams: Vec<Vec<u8>>) {
        self.world.deliver(self.publisher.path, datagrams);
    }

    fn protected(&mut self) -> Vec<u8> {
        let frame = self.camera.frame(false, &[300]);
        self.publisher.protect(&frame[0].packet, frame[0].index)
    }

    /// NACKs all that the viewer has got.
    fn nack(&mut self) {
        let got = self.world.receive_rtp(&mut self.viewer);
        let numbers: Vec<_> = got.iter().map(|rtp| rtp.header.sequence_number).collect();
        self.nack_these(&numbers);
    }

    fn nack_these(&mut self, numbers: &[u16]) {
        let mut rtcp = Vec::new();
        write_nack(&mut rtcp, 1, slot_ssrc(1), numbers);
        self.world.send_rtcp(&mut self.viewer, &rtcp);
    }

    fn send_dtls(&mut self, peer: &Peer, len: usize) {
        // Not collected: what leaves waits.
        let command = Command::SendDtls {
            transport: peer.id,
            datagram: dtls(len),
        };
        self.world.router.handle_command(self.world.now, command);
    }

    /// A request of the publisher, signed with a password.
    fn check(&self, password: &str, role: Role) -> Vec<u8> {
        let mut out = Vec::new();
        let request = BindingRequest {
            transaction_id: [7; 12],
            username: "local1:remote1",
            priority: 1,
            use_candidate: true,
            role,
        };
        request.encode(&mut out, &StunKey::new(password));
        out
    }
}

/// Does what must raise the counter; false where only a socket can.
fn provoke(stage: &mut Stage, reason: DropReason) -> bool {
    let controlling = Role::Controlling(1);
    match reason {
        DropReason::NotDemultiplexed => stage.deliver(vec![vec![200; 20], vec![], vec![128; 5]]),
        DropReason::StunMalformed => stage.deliver(vec![vec![0; 20]]),
        DropReason::StunUnknownUser => {
            let mut check = stage.check("local password 1", controlling);
            let user = check.windows(6).position(|text| text == b"local1");
            check[user.unwrap() + 5] = b'9';
            strip_fingerprint(&mut check);
            stage.deliver(vec![check]);
        }
        DropReason::StunUnauthenticated => {
            let check = stage.check("another password", controlling);
            stage.deliver(vec![check]);
        }
        DropReason::StunRateLimited => {
            let check = stage.check("another password", controlling);
            stage.deliver(vec![check; 11]);
        }
        DropReason::StunUnexpected => {
            let mut check = stage.check("local password 1", controlling);
            strip_fingerprint(&mut check);
            check[1] = 0x11;
            stage.deliver(vec![check]);
        }
        DropReason::StunRefused => {
            let check = stage.check("local password 1", Role::Controlled(1));
            stage.deliver(vec![check]);
        }
        DropReason::UnknownTuple => {
            let mut path = stage.publisher.path;
            path.remote.set_port(999);
            stage.world.deliver(path, vec![dtls(50)]);
        }
        DropReason::DtlsQueueFull => {
            let mut flood = vec![dtls(50); 65];
            let path = stage.publisher.path;
            let now = stage.world.now;
            let datagrams = flood.iter_mut().map(|data| Datagram {
                path,
                came_at: now,
                data,
            });
            let mut batch: Vec<_> = datagrams.collect();
            stage.world.router.handle_datagrams(now, &mut batch);
        }
        DropReason::DtlsTooLarge => {
            let peer = stage.world.peer();
            stage.send_dtls(&peer, 65_536);
            assert_eq!(stage.world.drops(reason), 1);
            stage.deliver(vec![dtls(2049)]);
        }
        DropReason::NoKeys => {
            let stranger = stage.world.stranger(SrtpProfile::AeadAes128Gcm, EXTENSIONS);
            stage.world.connect(&stranger);
            let packet = stage.protected();
            stage.world.deliver(stranger.path, vec![packet]);
        }
        DropReason::RtpMalformed => stage.deliver(vec![vec![0x8f; 12]]),
        DropReason::RtcpMalformed => {
            let report = [0x80, 201, 0, 9, 0, 0, 0, 1];
            stage.world.send_rtcp(&mut stage.publisher, &report);
        }
        DropReason::SrtpAuthentication => {
            let mut packet = stage.protected();
            *packet.last_mut().unwrap() ^= 1;
            stage.deliver(vec![packet]);
        }
        DropReason::SrtpReplayed => {
            let packet = stage.protected();
            stage.deliver(vec![packet; 2]);
        }
        DropReason::UnknownSsrc => {
            let mut camera = Camera::new(&stage.viewer, 5, None, "nobody's");
            let frame = camera.frame(true, &[60]);
            stage.world.send(&stage.viewer, &frame);
        }
        DropReason::TooManySsrcs => {
            for ssrc in 1..=64 {
                let mut camera = Camera::new(&stage.publisher, ssrc, None, "v1");
                stage.send(&camera.frame(true, &[60]));
            }
        }
        DropReason::UnknownPayloadType => {
            let payload = stage.camera.payload(0, true, 60);
            let build = stage.camera.build(&payload, true);
            let other = Build {
                payload_type: 99,
                ..build
            };
            stage.send(&[other.sent()]);
        }
        // Announces an extension of the descriptor (RFC 7741 §4.2) that is not there.
        DropReason::PayloadMalformed => stage.payload(&[0x90], 0),
        DropReason::Duplicate => {
            let frame = stage.frame(false, &[300]);
            let again = stage.camera.rtx(&frame[0], 2222, 1);
            stage.send(&[again]);
        }
        DropReason::PaddingOnly => stage.payload(&[], 100),
        DropReason::NotForwarding => {
            stage.world.command(Command::SetForwarding {
                source: SourceId(1),
                forwarding: false,
            });
            stage.frame(false, &[300]);
        }
        DropReason::OverBitrate => {
            for _ in 0..20 {
                stage.frame(false, &[1100; 130]);
            }
        }
        DropReason::Late => {
            let late = stage.camera.frame(false, &[300]);
            stage.frame(false, &[300]);
            stage.world.show(1, 2);
            let other = stage.world.peer();
            let mut second = stage.world.camera(2, &other, 2222);
            stage.world.show(1, 2);
            let early = second.frame(false, &[300]);
            stage.world.send(&other, &second.frame(true, &[300]));
            stage.world.send(&other, &early);
            stage.send(&late);
        }
        DropReason::RtxUnmatched => {
            let microphone = stage.world.peer();
            let camera = stage.world.camera(3, &microphone, 3333);
            let frame = camera.clone().frame(true, &[300]);
            let again = camera.rtx(&frame[0], 4444, 1);
            stage.world.send(&microphone, &[again]);
        }
        DropReason::NackTooOld => stage.nack_these(&[1]),
        DropReason::NackLimited => {
            let got = stage.world.receive_rtp(&mut stage.viewer);
            let number = got[0].header.sequence_number;
            stage.nack_these(&[number]);
            stage.nack_these(&[number]);
        }
        DropReason::NackSuperseded => {
            let got = stage.world.receive_rtp(&mut stage.viewer);
            stage.frame(true, &[300]);
            stage.nack_these(&[got[0].header.sequence_number]);
        }
        DropReason::NackOverBudget => {
            for _ in 0..60 {
                stage.frame(false, &[1100; 10]);
                stage.nack();
            }
        }
        DropReason::NoPath => {
            let stranger = stage.world.stranger(SrtpProfile::AeadAes128Gcm, EXTENSIONS);
            stage.send_dtls(&stranger, 100);
        }
        DropReason::SendQueueFull => {
            let peer = stage.world.peer();
            for _ in 0..600 {
                stage.send_dtls(&peer, 2000);
            }
        }
        DropReason::VideoShed => {
            let frame = stage.camera.frame(false, &[300]);
            let behind = Duration::from_millis(200);
            stage.world.fall_behind(&stage.publisher, &frame, behind);
        }
        DropReason::FeedbackUnmatched => {
            let mut feedback = Vec::new();
            let arrivals = [Some(1_000_000)];
            sfu_proto::rtcp::write_transport_feedback(&mut feedback, (1, 2), 40_000, 0, &arrivals);
            stage.world.send_rtcp(&mut stage.viewer, &feedback);
        }
        // It fell silent, and is given less than such frames need.
        DropReason::PacerFull => {
            let got = stage.world.receive_rtp(&mut stage.viewer);
            let number = got[0].extension(Extension::TransportSequenceNumber);
            let number = u16::from_be_bytes(number.unwrap().try_into().unwrap());
            let (mut feedback, arrivals) = (Vec::new(), [Some(1_000_000)]);
            sfu_proto::rtcp::write_transport_feedback(&mut feedback, (1, 2), number, 0, &arrivals);
            stage.world.send_rtcp(&mut stage.viewer, &feedback);
            for _ in 0..20 {
                stage.frame(false, &[60]);
                stage.world.advance_ms(100);
            }
            stage.frame(false, &[1100; 100]);
            stage.frame(false, &[60]);
        }
        DropReason::TooManyReports => {
            let mut reports = Vec::new();
            for _ in 0..100 {
                sfu_proto::rtcp::write_pli(&mut reports, 1, slot_ssrc(1));
            }
            for _ in 0..50 {
                stage.world.send_rtcp(&mut stage.viewer, &reports);
            }
        }
        DropReason::StageShed => {
            let (slot, is_stage) = (SlotId(1), true);
            stage.world.command(Command::SetStage { slot, is_stage });
            let frame = stage.camera.frame(false, &[300]);
            let behind = Duration::from_millis(250);
            stage.world.fall_behind(&stage.publisher, &frame, behind);
        }
        DropReason::AudioShed => {
            let speaker = stage.world.peer();
            let mut microphone = stage.world.microphone(3, &speaker, 3333, None);
            stage.world.audio_slot(3, &stage.viewer, None);
            stage.world.show(3, 3);
            let word = microphone.packet(None);
            stage.world.send(&speaker, &[word]);
            let word = microphone.packet(None);
            stage
                .world
                .fall_behind(&speaker, &[word], Duration::from_millis(500));
        }
        DropReason::SendFailed | DropReason::Truncated | DropReason::WorkerBehind => return false,
    }
    true
}

/// Its last attribute; without it whatever stands before may be changed.
fn strip_fingerprint(check: &mut Vec<u8>) {
    check.truncate(check.len() - 8);
    let len = (check.len() - 20) as u16;
    check[2..4].copy_from_slice(&len.to_be_bytes());
}

#[test]
fn each_reason_is_counted_when_it_happens() {
    let mut of_sockets = Vec::new();
    for &reason in DropReason::ALL {
        let mut stage = Stage::new();
        assert_eq!(stage.world.drops(reason), 0, "{reason:?}");
        if !provoke(&mut stage, reason) {
            of_sockets.push(reason);
            continue;
        }
        assert!(stage.world.drops(reason) > 0, "{reason:?}");
    }
    // The tests of the socket crate provoke these.
    let socket_crate = [
        DropReason::WorkerBehind,
        DropReason::SendFailed,
        DropReason::Truncated,
    ];
    assert_eq!(of_sockets, socket_crate);
}
