#![no_main]

use sfu_proto::command::Codec;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    sfu_fuzz::check_descriptor(Codec::Opus, data);
    sfu_fuzz::check_descriptor(Codec::Red, data);
});
