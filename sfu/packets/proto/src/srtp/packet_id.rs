//! Which packet it is: what makes its nonce, and must never come twice.

/// What tells packets of one key apart: each pair is used once (RFC 3711 §9.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct PacketId {
    pub(super) ssrc: u32,
    index: u64,
}

impl PacketId {
    /// 2^16 * ROC + sequence number, of which 48 bits count (RFC 3711 §3.3.1).
    pub(super) fn rtp(ssrc: u32, index: u64) -> Self {
        Self {
            ssrc,
            index: index & ((1 << 48) - 1),
        }
    }

    /// The 31-bit SRTCP index (RFC 3711 §3.4).
    pub(super) fn rtcp(ssrc: u32, index: u32) -> Self {
        Self {
            ssrc,
            index: index.into(),
        }
    }

    pub(super) fn index(self) -> u64 {
        self.index
    }

    pub(super) fn roc(self) -> u32 {
        (self.index >> 16) as u32
    }
}
