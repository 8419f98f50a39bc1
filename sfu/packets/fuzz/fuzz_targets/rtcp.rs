//! RTCP datagrams: every list can be read to its end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sfu_proto::rtcp::{Packet, packets};

fuzz_target!(|data: &[u8]| {
    let mut read = 0;
    for packet in packets(data) {
        read += 1;
        match packet {
            Ok(Packet::SenderReport { blocks, .. } | Packet::ReceiverReport { blocks }) => {
                blocks.iter().count()
            }
            Ok(Packet::Bye(ssrcs) | Packet::Fir(ssrcs)) => ssrcs.iter().count(),
            Ok(Packet::Nack { lost, .. }) => lost.iter().count(),
            Ok(Packet::CongestionFeedback(feedback)) => {
                let count = feedback.streams().map(|stream| stream.iter().count()).sum();
                assert_eq!(feedback.metrics, count);
                count
            }
            Ok(Packet::TransportFeedback(feedback)) => {
                let arrivals = feedback.arrivals().map_or(0, |arrivals| arrivals.len());
                assert!(arrivals <= usize::from(feedback.status_count));
                arrivals
            }
            _ => 0,
        };
    }
    assert!(read <= data.len() / 4 + 1);
});
