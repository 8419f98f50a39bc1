//! Transport-wide feedback: any bytes can be read to their end, and any arrivals come back as they
//! were.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sfu_proto::rtcp::{Packet, TransportFeedback, packets, write_transport_feedback};

fn only(datagram: &[u8]) -> Option<TransportFeedback<'_>> {
    match packets(datagram).next()?.ok()? {
        Packet::TransportFeedback(feedback) => Some(feedback),
        _ => None,
    }
}

fn read_any(data: &[u8]) {
    let mut datagram = vec![0x8f, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
    datagram.extend_from_slice(data);
    datagram.truncate((datagram.len() / 4 * 4).min(1 << 18));
    let words = (datagram.len() / 4 - 1) as u16;
    datagram[2..4].copy_from_slice(&words.to_be_bytes());
    if let Some(feedback) = only(&datagram)
        && let Ok(arrivals) = feedback.arrivals()
    {
        assert_eq!(arrivals.len(), usize::from(feedback.status_count));
    }
}

/// Steps of 10 ms and more, back and forth, with holes.
fn write_any(data: &[u8]) {
    let mut at_us = 100_000_000;
    let arrivals = data.iter().take(4096).enumerate().map(|(index, &byte)| {
        at_us += i64::from(byte as i8) * 10_000 * i64::from(byte % 7);
        (index == 0 || byte > 40).then_some(at_us)
    });
    let arrivals: Vec<_> = arrivals.collect();
    if arrivals.is_empty() {
        return;
    }
    let mut written = Vec::new();
    let count = write_transport_feedback(&mut written, (1, 2), 65_500, 3, &arrivals);
    assert!((1..=arrivals.len()).contains(&count));
    let read = only(&written).expect("what was written can be read");
    assert_eq!((read.base_sequence, read.feedback_count), (65_500, 3));
    let read = read.arrivals().expect("to its end");
    assert_eq!(read.len(), count);
    for (read, meant) in read.iter().zip(&arrivals) {
        match (read, meant) {
            (None, None) => {}
            // In units of 250 µs, rounded down.
            (Some(read), Some(meant)) => assert!((0..250).contains(&(meant - read))),
            other => panic!("{other:?}"),
        }
    }
}

fuzz_target!(|data: &[u8]| {
    read_any(data);
    write_any(data);
});
