//! What the codec targets have in common.

use sfu_proto::codecs::{describe, rewrite};
use sfu_proto::command::Codec;

/// Describing never panics; rewriting keeps the length and changes only what it should.
pub fn check_descriptor(codec: Codec, payload: &[u8]) {
    let described = describe(codec, payload);
    let mut rewritten = payload.to_vec();
    rewrite(codec, &mut rewritten, Some(0x5a5a), Some(0xa5));
    assert_eq!(rewritten.len(), payload.len());
    let Ok(mut expected) = described else { return };
    if let Some(id) = &mut expected.picture_id {
        id.value = if id.is_15_bit { 0x5a5a } else { 0x5a };
    }
    if let Some(index) = &mut expected.tl0_picture_index {
        *index = 0xa5;
    }
    assert_eq!(describe(codec, &rewritten), Ok(expected));
}
