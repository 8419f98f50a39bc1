//! REMB as received, and as written: what is read back is what was said, as far as 18 bits tell.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sfu_proto::rtcp::{Packet, packets, write_remb};

fuzz_target!(|data: &[u8]| {
    let mut datagram = vec![0x8f, 206, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    datagram.extend_from_slice(b"REMB");
    datagram.extend_from_slice(data);
    datagram.truncate(datagram.len() / 4 * 4);
    let words = datagram.len() / 4 - 1;
    datagram[2..4].copy_from_slice(&(words as u16).to_be_bytes());
    if words <= usize::from(u16::MAX) {
        let read = packets(&datagram).next().expect("one");
        assert_eq!(read.is_ok(), data.len() >= 4);
    }
    let Some((bitrate, ssrcs)) = data.split_first_chunk() else {
        return;
    };
    let bitrate_bps = u64::from_be_bytes(*bitrate);
    let ssrcs = ssrcs
        .chunks_exact(4)
        .map(|ssrc| u32::from_be_bytes([ssrc[0], ssrc[1], ssrc[2], ssrc[3]]));
    let mut written = Vec::new();
    write_remb(&mut written, 1, bitrate_bps, &ssrcs.collect::<Vec<_>>());
    let mut all = packets(&written);
    let Some(Ok(Packet::Remb { bitrate_bps: read })) = all.next() else {
        panic!("what was written cannot be read");
    };
    assert!(read <= bitrate_bps && bitrate_bps - read <= bitrate_bps >> 17);
    assert!(all.next().is_none());
});
