//! What SRTP promises to the router, over whole packets and both profiles.

#![allow(clippy::unwrap_used)]

use sfu_proto::command::SrtpProfile::{self, AeadAes128Gcm, Aes128CmHmacSha1_80};
use sfu_proto::drop::DropReason;
use sfu_proto::srtp::{SrtpError, SrtpReceiver, SrtpSender, Unprotected, master_salt_length};

const PROFILES: [SrtpProfile; 2] = [AeadAes128Gcm, Aes128CmHmacSha1_80];
const HEADER: usize = 12;

fn pair(profile: SrtpProfile) -> (SrtpSender, SrtpReceiver) {
    let key: Vec<u8> = (0..16).collect();
    let salt: Vec<u8> = (100..).take(master_salt_length(profile)).collect();
    let sender = SrtpSender::new(profile, &key, &salt).unwrap();
    (sender, SrtpReceiver::new(profile, &key, &salt).unwrap())
}

fn rtp(ssrc: u32, sequence_number: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 96];
    packet.extend(sequence_number.to_be_bytes());
    packet.extend([0; 4]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

fn protected(sender: &SrtpSender, ssrc: u32, index: u64, payload: &[u8]) -> Vec<u8> {
    let mut packet = rtp(ssrc, index as u16, payload);
    sender
        .protect_rtp(&mut packet, 0, HEADER, (index >> 16) as u32)
        .unwrap();
    packet
}

fn receive(receiver: &mut SrtpReceiver, packet: &[u8]) -> Result<Unprotected, DropReason> {
    receiver.unprotect_rtp(&mut packet.to_vec(), HEADER)
}

fn sender_report(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 200, 0, 6];
    packet.extend(ssrc.to_be_bytes());
    packet.extend(0..20);
    packet
}

#[test]
fn what_is_protected_comes_back() {
    for profile in PROFILES {
        let (sender, mut receiver) = pair(profile);
        for (index, length) in [0, 1, 15, 16, 17, 160, 1200].into_iter().enumerate() {
            let payload = vec![0xa5; length];
            let mut packet = protected(&sender, 7, index as u64, &payload);
            assert_eq!(packet.len(), HEADER + length + sender.overhead());
            let unprotected = receiver.unprotect_rtp(&mut packet, HEADER).unwrap();
            assert_eq!(
                unprotected,
                Unprotected {
                    len: HEADER + length,
                    index: index as u64
                }
            );
            assert_eq!(packet[..unprotected.len], rtp(7, index as u16, &payload));
        }
    }
}

#[test]
fn packets_are_appended_behind_others_in_the_arena() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let mut arena = b"before".to_vec();
        arena.extend(rtp(1, 5, b"payload"));
        sender.protect_rtp(&mut arena, 6, HEADER, 0).unwrap();
        let rtcp_start = arena.len();
        arena.extend(sender_report(1));
        sender.protect_rtcp(&mut arena, rtcp_start).unwrap();
        assert!(arena.starts_with(b"before"));
        assert!(receive(&mut receiver, &arena[6..rtcp_start]).is_ok());
        assert!(receiver.unprotect_rtcp(&mut arena[rtcp_start..]).is_ok());
    }
}

#[test]
fn the_header_stays_clear_and_the_payload_does_not() {
    for profile in PROFILES {
        let (sender, _) = pair(profile);
        let packet = protected(&sender, 7, 3, &[0x55; 64]);
        assert_eq!(packet[..HEADER], rtp(7, 3, &[]));
        assert_ne!(packet[HEADER..HEADER + 64], [0x55; 64]);
    }
}

#[test]
fn replayed_packets_are_dropped() {
    for profile in PROFILES {
        let (sender, mut receiver) = pair(profile);
        let packets: Vec<_> = (100..1300)
            .map(|index| protected(&sender, 7, index, b"x"))
            .collect();
        for packet in &packets {
            assert!(receive(&mut receiver, packet).is_ok());
        }
        for packet in &packets {
            assert_eq!(
                receive(&mut receiver, packet),
                Err(DropReason::SrtpReplayed)
            );
        }
    }
}

#[test]
fn late_packets_within_the_window_are_taken_once() {
    for profile in PROFILES {
        let (sender, mut receiver) = pair(profile);
        let [late, too_late] = [1077, 1076].map(|index| protected(&sender, 7, index, b"x"));
        receive(&mut receiver, &protected(&sender, 7, 1000, b"x")).unwrap();
        receive(&mut receiver, &protected(&sender, 7, 2100, b"x")).unwrap();
        assert!(receive(&mut receiver, &late).is_ok());
        assert_eq!(receive(&mut receiver, &late), Err(DropReason::SrtpReplayed));
        assert_eq!(
            receive(&mut receiver, &too_late),
            Err(DropReason::SrtpReplayed)
        );
    }
}

#[test]
fn roll_over_survives_loss_and_disorder_up_to_half_the_sequence_space() {
    for profile in PROFILES {
        let (sender, mut receiver) = pair(profile);
        let mut index = 60_000u64;
        for step in [1, 30_000, 32_767, 2, 32_767, 32_767, 1] {
            index += step;
            let unprotected = receive(&mut receiver, &protected(&sender, 7, index, b"x"));
            assert_eq!(unprotected.map(|unprotected| unprotected.index), Ok(index));
        }
        let wrap = (index & !0xffff) + 0x1_0000;
        for index in [wrap - 2, wrap + 1, wrap - 1, wrap] {
            let unprotected = receive(&mut receiver, &protected(&sender, 7, index, b"x"));
            assert_eq!(unprotected.map(|unprotected| unprotected.index), Ok(index));
        }
    }
}

#[test]
fn changed_packets_are_dropped_and_leave_no_trace() {
    for profile in PROFILES {
        let (sender, mut receiver) = pair(profile);
        let genuine = protected(&sender, 7, 50, b"payload");
        for position in 0..genuine.len() {
            let mut changed = genuine.clone();
            changed[position] ^= 1;
            let dropped = receive(&mut receiver, &changed);
            assert_eq!(
                dropped,
                Err(DropReason::SrtpAuthentication),
                "byte {position}"
            );
        }
        assert_eq!(receive(&mut receiver, &genuine).unwrap().index, 50);
        // A forged jump ahead must not move the window past the next genuine packet.
        assert!(receive(&mut receiver, &rtp(7, 30_000, &[0; 64])).is_err());
        assert_eq!(
            receive(&mut receiver, &protected(&sender, 7, 51, b"x"))
                .unwrap()
                .index,
            51
        );
    }
}

#[test]
fn other_keys_authenticate_nothing() {
    for profile in PROFILES {
        let (_, mut receiver) = pair(profile);
        let salt = vec![9; master_salt_length(profile)];
        let mut stranger = SrtpSender::new(profile, &[9; 16], &salt).unwrap();
        for index in 0..200 {
            let packet = protected(&stranger, index as u32, index, b"payload");
            assert_eq!(
                receive(&mut receiver, &packet),
                Err(DropReason::SrtpAuthentication)
            );
        }
        let mut report = sender_report(7);
        stranger.protect_rtcp(&mut report, 0).unwrap();
        let dropped = receiver.unprotect_rtcp(&mut report);
        assert_eq!(dropped, Err(DropReason::SrtpAuthentication));
    }
}

#[test]
fn at_most_64_ssrcs_are_kept_and_only_genuine_ones_count() {
    for profile in PROFILES {
        let (sender, mut receiver) = pair(profile);
        for ssrc in 1000..2000 {
            assert!(receive(&mut receiver, &rtp(ssrc, 1, &[0; 64])).is_err());
        }
        for ssrc in 0..64 {
            assert!(receive(&mut receiver, &protected(&sender, ssrc, 1, b"x")).is_ok());
        }
        let one_more = receive(&mut receiver, &protected(&sender, 64, 1, b"x"));
        assert_eq!(one_more, Err(DropReason::TooManySsrcs));
        assert!(receive(&mut receiver, &protected(&sender, 63, 2, b"x")).is_ok());
    }
}

#[test]
fn at_most_256_senders_of_reports_are_kept() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let mut receive = |ssrc| {
            let mut packet = sender_report(ssrc);
            sender.protect_rtcp(&mut packet, 0).unwrap();
            receiver.unprotect_rtcp(&mut packet)
        };
        for ssrc in 0..256 {
            assert!(receive(ssrc).is_ok());
        }
        assert_eq!(receive(256), Err(DropReason::TooManySsrcs));
        assert!(receive(255).is_ok());
    }
}

#[test]
fn rtcp_comes_back_once() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        for ssrc in [1, 2, 1] {
            let mut packet = sender_report(ssrc);
            sender.protect_rtcp(&mut packet, 0).unwrap();
            let again = packet.clone();
            let len = receiver.unprotect_rtcp(&mut packet).unwrap();
            assert_eq!(packet[..len], sender_report(ssrc));
            let replayed = receiver.unprotect_rtcp(&mut again.clone());
            assert_eq!(replayed, Err(DropReason::SrtpReplayed));
        }
    }
}

#[test]
fn late_rtcp_within_the_window_is_taken_once() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let packets: Vec<_> = (0..129)
            .map(|_| {
                let mut packet = sender_report(1);
                sender.protect_rtcp(&mut packet, 0).unwrap();
                packet
            })
            .collect();
        let mut receive = |at: usize| receiver.unprotect_rtcp(&mut packets[at].clone());
        assert!(receive(128).is_ok());
        assert_eq!(receive(0), Err(DropReason::SrtpReplayed));
        assert!(receive(1).is_ok());
        assert_eq!(receive(1), Err(DropReason::SrtpReplayed));
    }
}

#[test]
fn changed_rtcp_is_dropped() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let mut genuine = sender_report(1);
        sender.protect_rtcp(&mut genuine, 0).unwrap();
        for position in 0..genuine.len() {
            let mut changed = genuine.clone();
            // The E bit too: unencrypted SRTCP is never taken.
            changed[position] ^= 0x80;
            let dropped = receiver.unprotect_rtcp(&mut changed);
            assert_eq!(
                dropped,
                Err(DropReason::SrtpAuthentication),
                "byte {position}"
            );
        }
        assert!(receiver.unprotect_rtcp(&mut genuine).is_ok());
    }
}

#[test]
fn packets_too_short_are_malformed() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let shortest = HEADER + sender.overhead();
        for length in 0..shortest {
            let dropped = receiver.unprotect_rtp(&mut vec![0x80; length], HEADER);
            assert_eq!(dropped, Err(DropReason::RtpMalformed));
        }
        let beyond = receiver.unprotect_rtp(&mut vec![0x80; shortest], HEADER + 1);
        assert_eq!(beyond, Err(DropReason::RtpMalformed));
        for length in 0..8 + 4 + sender.overhead() {
            let dropped = receiver.unprotect_rtcp(&mut vec![0x80; length]);
            assert_eq!(dropped, Err(DropReason::RtcpMalformed));
        }
        let mut short = vec![0x80; 7];
        assert_eq!(
            sender.protect_rtcp(&mut short, 0),
            Err(SrtpError::PacketLength)
        );
        assert_eq!(
            sender.protect_rtp(&mut short, 0, HEADER, 0),
            Err(SrtpError::PacketLength)
        );
        assert_eq!(
            sender.protect_rtp(&mut short, 9, HEADER, 0),
            Err(SrtpError::PacketLength)
        );
        let mut whole = rtp(1, 1, b"");
        assert_eq!(
            sender.protect_rtp(&mut whole, 0, HEADER + 1, 0),
            Err(SrtpError::PacketLength)
        );
    }
}

#[test]
fn keys_are_not_printed() {
    for profile in PROFILES {
        let (sender, receiver) = pair(profile);
        let printed = format!("{sender:?} {receiver:?}");
        assert!(!printed.contains("100, 101") && !printed.contains("0, 1, 2, 3"));
    }
}
