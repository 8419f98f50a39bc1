//! RFC 8888 feedback: any bytes can be read to their end, and any arrivals come back as they were.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sfu_proto::rtcp::{
    Acknowledgement, CongestionFeedback, Packet, StreamArrivals, packets, write_congestion_feedback,
};

const NOW_US: i64 = 10_000_000;

fn only(datagram: &[u8]) -> Option<CongestionFeedback<'_>> {
    match packets(datagram).next()?.ok()? {
        Packet::CongestionFeedback(feedback) => Some(feedback),
        _ => None,
    }
}

fn read_any(data: &[u8]) {
    let mut datagram = vec![0x8b, 205, 0, 0, 0, 0, 0, 1];
    datagram.extend_from_slice(data);
    datagram.truncate((datagram.len() / 4 * 4).min(1 << 18));
    let words = (datagram.len() / 4 - 1) as u16;
    datagram[2..4].copy_from_slice(&words.to_be_bytes());
    if let Some(feedback) = only(&datagram) {
        let metrics: usize = feedback.streams().map(|stream| stream.iter().count()).sum();
        assert_eq!(metrics, feedback.metrics);
        assert!(metrics * 2 + 12 <= datagram.len());
    }
}

fn write_any(data: &[u8]) {
    let times_of = |part: &[u8]| {
        let times = part.iter();
        times
            .map(|&byte| (byte > 60).then(|| NOW_US - i64::from(byte) * 40_000))
            .collect::<Vec<_>>()
    };
    let times: Vec<_> = data
        .split(|&byte| byte == 13)
        .take(64)
        .map(times_of)
        .collect();
    let streams: Vec<_> = (0..)
        .zip(&times)
        .map(|(ssrc, times_us)| StreamArrivals {
            ssrc,
            first_sequence: 65_500,
            times_us,
        })
        .collect();
    let mut written = Vec::new();
    write_congestion_feedback(&mut written, 1, (NOW_US, 7), &streams);
    if written.len() > 1 << 17 {
        return;
    }
    let read = only(&written).expect("what was written can be read");
    assert_eq!(read.timestamp, 7);
    assert_eq!(read.streams().count(), streams.len());
    for (read, meant) in read.streams().zip(&streams) {
        assert_eq!(read.iter().count(), meant.times_us.len());
        for ((_, read), meant) in read.iter().zip(meant.times_us) {
            match (read, *meant) {
                (Acknowledgement::Lost, None) => {}
                (Acknowledgement::Received(ago), Some(time_us)) => {
                    let told_us = i64::from(ago) * 1_000_000 / 1024;
                    assert!((NOW_US - time_us - told_us).abs() <= 500);
                }
                // Longer ago than can be told.
                (Acknowledgement::ReceivedSometime, Some(time_us)) => {
                    assert!(NOW_US - time_us > 7_990_000);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

fuzz_target!(|data: &[u8]| {
    read_any(data);
    write_any(data);
});
