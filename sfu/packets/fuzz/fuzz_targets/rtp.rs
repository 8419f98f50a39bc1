//! RTP headers, extensions and padding: whatever parses stays within the packet.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sfu_proto::command::Extension;
use sfu_proto::rtp::{EXTENSIONS, Elements, ExtensionMap, Header, split_rtx, strip_padding};

fuzz_target!(|data: &[u8]| {
    let ids: Vec<(u8, Extension)> = (1..).zip(EXTENSIONS).collect();
    let map = ExtensionMap::new(&ids);
    let Ok(header) = Header::parse(data) else {
        return;
    };
    let payload = &data[header.len..];
    let _ = (strip_padding(payload), split_rtx(payload));
    let elements = Elements::parse(data, &header.extension, &map);
    for extension in EXTENSIONS {
        if let Some(element) = elements.get(extension, data) {
            assert!(element.len() <= header.len);
        }
    }
});
