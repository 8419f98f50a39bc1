//! Opus (RFC 7587), G.711 and G.722 (RFC 3551 §4.5): each packet stands alone.

use super::{PayloadError, PayloadInfo};

pub(super) const STANDS_ALONE: PayloadInfo = PayloadInfo {
    keyframe: true,
    frame_start: true,
    resolution: None,
    spatial_layer: 0,
    temporal_layer: 0,
    switching_point: true,
    picture_id: None,
    tl0_picture_index: None,
    discardable: false,
    spatial: None,
};

pub(super) fn describe(payload: &[u8]) -> Result<PayloadInfo, PayloadError> {
    if payload.is_empty() {
        return Err(PayloadError::Truncated);
    }
    Ok(STANDS_ALONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switching_is_possible_at_every_packet() {
        assert!(describe(&[0xfc]).unwrap().keyframe);
        assert_eq!(describe(&[]), Err(PayloadError::Truncated));
    }
}
