use super::*;

fn only(datagram: &[u8]) -> Packet<'_> {
    let mut all = packets(datagram);
    let first = all.next().expect("one packet").expect("well-formed");
    assert!(all.next().is_none());
    first
}

const BLOCK: ReportBlock = ReportBlock {
    ssrc: 7,
    fraction_lost: 3,
    lost: -5,
    highest_sequence: 0x1_0002,
    jitter: 90,
    last_sender_report: 0x1234_5678,
    delay_since: 65536,
};

#[test]
fn receiver_reports_round_trip() {
    let mut out = Vec::new();
    write_receiver_report(&mut out, 1, &[BLOCK, ReportBlock { lost: 9, ..BLOCK }]);
    let Packet::ReceiverReport { blocks } = only(&out) else {
        panic!("not a receiver report")
    };
    let blocks: Vec<_> = blocks.iter().collect();
    assert_eq!(blocks, [BLOCK, ReportBlock { lost: 9, ..BLOCK }]);
}

#[test]
fn compound_of_sender_report_description_and_bye_round_trips() {
    let mut out = Vec::new();
    let info = SenderInfo {
        ssrc: 5,
        ntp: 1 << 40,
        rtp_timestamp: 9,
        packets: 3,
        octets: 4,
    };
    write_sender_report(&mut out, &info);
    write_source_description(&mut out, 5, "abc");
    write_bye(&mut out, &[5, 6]);
    let all: Vec<_> = packets(&out)
        .map(|packet| packet.expect("well-formed"))
        .collect();
    assert_eq!(all.len(), 3);
    let Packet::SenderReport {
        ssrc,
        ntp,
        rtp_timestamp,
        ..
    } = all[0]
    else {
        panic!()
    };
    assert_eq!((ssrc, ntp, rtp_timestamp), (5, 1 << 40, 9));
    let Packet::Bye(ssrcs) = all[2] else { panic!() };
    assert_eq!(ssrcs.iter().collect::<Vec<_>>(), [5, 6]);
}

#[test]
fn nack_packs_and_unpacks_across_the_wrap() {
    let lost = [65530, 65535, 0, 9, 10, 300];
    let mut out = Vec::new();
    write_nack(&mut out, 1, 2, &lost);
    let Packet::Nack {
        media_ssrc,
        lost: list,
    } = only(&out)
    else {
        panic!()
    };
    assert_eq!(media_ssrc, 2);
    assert_eq!(list.iter().collect::<Vec<_>>(), lost);
}

#[test]
fn keyframe_requests_and_remb_round_trip() {
    let mut out = Vec::new();
    write_pli(&mut out, 1, 2);
    write_fir(&mut out, 1, 3, 4);
    write_remb(&mut out, 1, 5_000_000, &[9]);
    let all: Vec<_> = packets(&out)
        .map(|packet| packet.expect("well-formed"))
        .collect();
    assert!(matches!(all[0], Packet::Pli { media_ssrc: 2 }));
    let Packet::Fir(ssrcs) = all[1] else { panic!() };
    assert_eq!(ssrcs.iter().collect::<Vec<_>>(), [3]);
    let Packet::Remb { bitrate_bps } = all[2] else {
        panic!()
    };
    assert!(
        (4_999_900..=5_000_000).contains(&bitrate_bps),
        "{bitrate_bps}"
    );
}

#[test]
fn transport_feedback_round_trips_losses_reordering_and_long_gaps() {
    let arrivals = [
        Some(1_000_000),
        None,
        Some(1_000_500),
        Some(999_750),
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        Some(2_000_000),
        Some(2_000_250),
    ];
    let mut out = Vec::new();
    let written = write_transport_feedback(&mut out, (1, 2), 65530, 7, &arrivals);
    assert_eq!((written, out.len() % 4), (arrivals.len(), 0));
    let Packet::TransportFeedback(feedback) = only(&out) else {
        panic!()
    };
    assert_eq!(
        (feedback.base_sequence, feedback.feedback_count),
        (65530, 7)
    );
    assert_eq!(feedback.arrivals(), Ok(arrivals.to_vec()));
}

#[test]
fn congestion_feedback_round_trips_streams_losses_and_odd_numbers() {
    let now_us = 20_000_000;
    let stream = |ssrc, first_sequence, times_us| StreamArrivals {
        ssrc,
        first_sequence,
        times_us,
    };
    let one = [
        Some(now_us),
        None,
        Some(now_us - 250_000),
        Some(now_us - 9_000_000),
        Some(now_us + 5_000),
    ];
    let streams = [
        stream(7, 65_534, &one[..]),
        stream(8, 3, &[]),
        stream(9, 1, &one[1..3]),
    ];
    let mut out = Vec::new();
    write_congestion_feedback(&mut out, 1, (now_us, 0xabcd_1234), &streams);
    let sizes: usize = streams.iter().map(StreamArrivals::size).sum();
    assert_eq!(out.len(), 12 + sizes);
    let Packet::CongestionFeedback(feedback) = only(&out) else {
        panic!()
    };
    assert_eq!((feedback.timestamp, feedback.metrics), (0xabcd_1234, 7));
    let told: Vec<_> = feedback.streams().collect();
    let ssrcs: Vec<u32> = told.iter().map(|stream| stream.ssrc).collect();
    assert_eq!(ssrcs, [7, 8, 9]);
    let metrics: Vec<_> = told[0].iter().collect();
    assert_eq!(
        metrics,
        [
            (65_534, Acknowledgement::Received(0)),
            (65_535, Acknowledgement::Lost),
            (0, Acknowledgement::Received(256)),
            (1, Acknowledgement::ReceivedSometime),
            (2, Acknowledgement::Received(0)),
        ]
    );
    assert_eq!(told[1].iter().count(), 0);
    assert_eq!(told[2].iter().count(), 2);
}

#[test]
fn congestion_feedback_reads_over_ecn_marks_and_refuses_what_is_not_there() {
    // RFC 8888 §3.1: R, two bits of ECN, thirteen of the offset.
    let mut packet = vec![0x8b, 205, 0, 5];
    packet.extend_from_slice(&[0, 0, 0, 1]);
    packet.extend_from_slice(&[0, 0, 0, 7, 0, 5, 0, 2, 0xe4, 0x00, 0xbf, 0xff]);
    packet.extend_from_slice(&[1, 2, 3, 4]);
    let Packet::CongestionFeedback(feedback) = only(&packet) else {
        panic!()
    };
    assert_eq!(feedback.timestamp, 0x0102_0304);
    let stream = feedback.streams().next().expect("one");
    let metrics: Vec<_> = stream.iter().collect();
    assert_eq!(
        metrics,
        [
            (5, Acknowledgement::Received(1024)),
            (6, Acknowledgement::ReceivedSometime),
        ]
    );
    for (at, wrong) in [(15, 3), (15, 1), (14, 1), (14, 0x40)] {
        let mut packet = packet.clone();
        packet[at] = wrong;
        let read = packets(&packet).next().expect("one");
        // An odd number of blocks is padded to the same length.
        assert_eq!(read.is_err(), (at, wrong) != (15, 1), "{at} {wrong}");
    }
    let mut short = packet[..8].to_vec();
    short[3] = 1;
    assert!(packets(&short).next().expect("one").is_err());
}

#[test]
fn transport_feedback_ends_where_a_delta_does_not_fit() {
    let mut out = Vec::new();
    let arrivals = [Some(0), Some(60_000_000)];
    assert_eq!(
        write_transport_feedback(&mut out, (1, 2), 0, 0, &arrivals),
        1
    );
}

#[test]
fn lengths_that_lie_are_refused() {
    let mut out = Vec::new();
    write_receiver_report(&mut out, 1, &[BLOCK]);
    for cut in 1..out.len() {
        assert!(
            packets(&out[..cut]).any(|packet| packet.is_err()),
            "cut at {cut}"
        );
    }
    out[0] |= 2;
    assert!(
        packets(&out).next().expect("one").is_err(),
        "two blocks announced, one there"
    );
}

#[test]
fn no_bytes_panic() {
    let mut state = 1u64;
    for _ in 0..20_000 {
        let mut data: Vec<u8> = (0..40)
            .map(|_| {
                state = state
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                (state >> 56) as u8
            })
            .collect();
        (data[0], data[2], data[3]) = (0x80 | data[0] & 0x3f, 0, data[3] % 10);
        data[1] = 200 + data[1] % 8;
        if data[0] & 0x1f == 11 {
            // A count that can be right.
            (data[14], data[15]) = (0, data[15] % 8);
        }
        for packet in packets(&data).flatten() {
            match packet {
                Packet::TransportFeedback(feedback) => drop(feedback.arrivals()),
                Packet::CongestionFeedback(feedback) => {
                    let count: usize = feedback.streams().map(|stream| stream.iter().count()).sum();
                    assert_eq!(count, feedback.metrics);
                }
                Packet::Nack { lost, .. } => drop(lost.iter().count()),
                Packet::Fir(ssrcs) | Packet::Bye(ssrcs) => drop(ssrcs.iter().count()),
                Packet::SenderReport { blocks, .. } => drop(blocks.iter().count()),
                _ => {}
            }
        }
    }
}
