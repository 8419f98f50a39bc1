//! Any datagram is of one kind or of none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sfu_proto::demux::classify;

fuzz_target!(|data: &[u8]| {
    let kind = classify(data);
    assert!(kind.is_none() || data.len() >= 8);
});
