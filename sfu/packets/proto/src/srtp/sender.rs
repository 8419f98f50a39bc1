//! What we send: one key for all slots of a subscriber.

use super::kdf::MasterKey;
use super::keys::SessionKeys;
use super::packet_id::PacketId;
use super::{RTCP_ENCRYPTED, RTCP_HEADER, RTP_HEADER, SrtpError, read_u16, read_u32};
use crate::command::SrtpProfile;

/// Protects packets towards one peer.
pub struct SrtpSender {
    rtp: SessionKeys,
    rtcp: SessionKeys,
    /// One counter for all SSRCs: an index is then never used twice with the same SSRC, and
    /// a receiver, who tracks each SSRC alone, sees it only grow.
    rtcp_index: u32,
}

impl SrtpSender {
    pub fn new(profile: SrtpProfile, key: &[u8], salt: &[u8]) -> Result<Self, SrtpError> {
        let master = MasterKey::new(profile, key, salt)?;
        Ok(Self {
            rtp: SessionKeys::rtp(profile, &master)?,
            rtcp: SessionKeys::rtcp(profile, &master)?,
            rtcp_index: 0,
        })
    }

    /// Bytes that [`Self::protect_rtp`] adds.
    pub fn overhead(&self) -> usize {
        self.rtp.tag_length()
    }

    /// Encrypts the RTP packet `arena[start..]` in place and appends the tag.
    ///
    /// `header_len` bytes (fixed header, CSRCs, extensions) stay clear. The caller keeps the
    /// 64-bit sequence index of each slot; `roc` is its upper part. A pair of SSRC and index
    /// must never come twice with different contents (RFC 3711 §9.1).
    pub fn protect_rtp(
        &self,
        arena: &mut Vec<u8>,
        start: usize,
        header_len: usize,
        roc: u32,
    ) -> Result<(), SrtpError> {
        if header_len < RTP_HEADER {
            return Err(SrtpError::PacketLength);
        }
        let packet = arena.get(start..).ok_or(SrtpError::PacketLength)?;
        let sequence_number = read_u16(packet, 2).ok_or(SrtpError::PacketLength)?;
        let ssrc = read_u32(packet, 8).ok_or(SrtpError::PacketLength)?;
        let index = (u64::from(roc) << 16) | u64::from(sequence_number);
        self.rtp
            .seal_rtp(arena, start, header_len, PacketId::rtp(ssrc, index))
    }

    /// Encrypts the compound RTCP packet `arena[start..]` in place and appends index and tag.
    pub fn protect_rtcp(&mut self, arena: &mut Vec<u8>, start: usize) -> Result<(), SrtpError> {
        if self.rtcp_index >= RTCP_ENCRYPTED {
            return Err(SrtpError::KeyExhausted);
        }
        let packet = arena.get(start..).ok_or(SrtpError::PacketLength)?;
        let ssrc = read_u32(packet, RTCP_HEADER - 4).ok_or(SrtpError::PacketLength)?;
        let id = PacketId::rtcp(ssrc, self.rtcp_index);
        let trailer = (RTCP_ENCRYPTED | self.rtcp_index).to_be_bytes();
        self.rtcp.seal_rtcp(arena, start, id, trailer)?;
        self.rtcp_index += 1;
        Ok(())
    }
}

impl std::fmt::Debug for SrtpSender {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Keys never reach a log.
        formatter.debug_struct("SrtpSender").finish_non_exhaustive()
    }
}
