//! A stream's descriptors, one after the other: each is preceded by its length.

#![no_main]

use sfu_proto::codecs::dependency::Dependencies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut known = Dependencies::default();
    let mut rest = data;
    while let Some((&length, after)) = rest.split_first() {
        let (descriptor, after) = after.split_at(usize::from(length).min(after.len()));
        rest = after;
        let before = known.spatial_layers();
        match known.read(descriptor) {
            Ok(frame) => {
                assert!(frame.top < 8 && frame.spatial_layer <= frame.top);
                assert!(frame.spatial_layer < known.spatial_layers());
                assert!(frame.opens & !frame.serves == 0);
            }
            Err(_) => assert_eq!(known.spatial_layers(), before),
        }
    }
});
