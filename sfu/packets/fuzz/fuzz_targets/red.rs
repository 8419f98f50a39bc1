//! Redundant sound: what parses lies within the payload, and is the same written again.
#![no_main]

use sfu_proto::codecs::red::{FURTHEST, LONGEST, Payload, write_newest, write_older};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(payload) = Payload::parse(data) else {
        return;
    };
    let mut again = Vec::new();
    for older in payload.older() {
        assert!(older.age <= FURTHEST && older.data.len() <= LONGEST);
        write_older(&mut again, older.payload_type, older.age, older.data.len());
    }
    write_newest(&mut again, payload.newest_type);
    for older in payload.older() {
        again.extend_from_slice(older.data);
    }
    again.extend_from_slice(payload.newest);
    assert_eq!(again, data);
});
