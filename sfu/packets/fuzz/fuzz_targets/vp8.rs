#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    sfu_fuzz::check_descriptor(sfu_proto::command::Codec::Vp8, data);
});
