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
        let mut reader = known.clone();
        match known.read(descriptor) {
            Ok(frame) => {
                if let Some(targets) = known.take_targets() {
                    let mask = targets.up_to(Some(length % 8), length / 8 % 8);
                    assert_eq!(mask & !targets.all(), 0);
                    let data = targets.rewrite(descriptor, mask).expect("its own");
                    assert!(data.len() <= descriptor.len() + 5);
                    let read = reader.read(&data).expect("as well-formed as before");
                    assert_eq!(
                        (read.number, read.temporal_layer),
                        (frame.number, frame.temporal_layer)
                    );
                    assert!(reader.take_targets().is_some());
                }
                assert!(frame.top < 8 && frame.spatial_layer <= frame.top);
                assert!(frame.spatial_layer < known.spatial_layers());
                assert!(frame.opens & !frame.serves == 0);
            }
            Err(_) => assert_eq!(known.spatial_layers(), before),
        }
    }
});
