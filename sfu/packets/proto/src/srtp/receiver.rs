//! What a peer sends us: verified, never twice, decrypted in place.

use super::kdf::MasterKey;
use super::keys::SessionKeys;
use super::packet_id::PacketId;
use super::replay::Streams;
use super::{RTCP_ENCRYPTED, RTCP_HEADER, RTCP_TRAILER, RTP_HEADER, SrtpError, read_u16, read_u32};
use crate::command::SrtpProfile;
use crate::drop::DropReason;
use crate::limits::{REPLAY_WINDOW, REPLAY_WINDOW_RTCP, SRTCP_STREAMS, SSRCS_PER_TRANSPORT};

/// A packet that authenticated: `packet[..len]` is plaintext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unprotected {
    pub len: usize,
    /// RFC 3711 §3.3.1: 2^16 * ROC + SEQ.
    pub index: u64,
}

const RTP_WINDOW_WORDS: usize = REPLAY_WINDOW.div_ceil(64);
const RTCP_WINDOW_WORDS: usize = REPLAY_WINDOW_RTCP.div_ceil(64);

/// Unprotects packets from one peer.
pub struct SrtpReceiver {
    rtp: SessionKeys,
    rtcp: SessionKeys,
    rtp_streams: Streams<RTP_WINDOW_WORDS>,
    rtcp_streams: Streams<RTCP_WINDOW_WORDS>,
}

impl SrtpReceiver {
    pub fn new(profile: SrtpProfile, key: &[u8], salt: &[u8]) -> Result<Self, SrtpError> {
        let master = MasterKey::new(profile, key, salt)?;
        Ok(Self {
            rtp: SessionKeys::rtp(profile, &master)?,
            rtcp: SessionKeys::rtcp(profile, &master)?,
            rtp_streams: Streams::new(SSRCS_PER_TRANSPORT),
            rtcp_streams: Streams::new(SRTCP_STREAMS),
        })
    }

    /// Verifies and decrypts an SRTP packet in place. `header_len`: the clear RTP header with
    /// CSRCs and extensions. On error the packet's bytes are undefined and no state changed.
    pub fn unprotect_rtp(
        &mut self,
        packet: &mut [u8],
        header_len: usize,
    ) -> Result<Unprotected, DropReason> {
        if header_len < RTP_HEADER || packet.len() < header_len + self.rtp.tag_length() {
            return Err(DropReason::RtpMalformed);
        }
        let sequence_number = read_u16(packet, 2).ok_or(DropReason::RtpMalformed)?;
        let ssrc = read_u32(packet, 8).ok_or(DropReason::RtpMalformed)?;
        let index = self.rtp_index(ssrc, sequence_number)?;
        let len = self
            .rtp
            .open_rtp(packet, header_len, PacketId::rtp(ssrc, index))
            .map_err(|_| DropReason::SrtpAuthentication)?;
        self.rtp_streams.insert(ssrc, index);
        Ok(Unprotected { len, index })
    }

    /// Verifies and decrypts an SRTCP packet in place; returns its plain length. On error the
    /// packet's bytes are undefined and no state changed.
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, DropReason> {
        if packet.len() < RTCP_HEADER + RTCP_TRAILER + self.rtcp.tag_length() {
            return Err(DropReason::RtcpMalformed);
        }
        let ssrc = read_u32(packet, RTCP_HEADER - 4).ok_or(DropReason::RtcpMalformed)?;
        let trailer = self
            .rtcp
            .rtcp_trailer_offset(packet.len())
            .and_then(|offset| read_u32(packet, offset))
            .ok_or(DropReason::RtcpMalformed)?;
        let id = self.rtcp_id(ssrc, trailer)?;
        let len = self
            .rtcp
            .open_rtcp(packet, id, trailer.to_be_bytes())
            .map_err(|_| DropReason::SrtpAuthentication)?;
        self.rtcp_streams.insert(ssrc, id.index());
        Ok(len)
    }

    /// The index to verify with; the replay window is asked first, being cheaper.
    fn rtp_index(&self, ssrc: u32, sequence_number: u16) -> Result<u64, DropReason> {
        let Some(window) = self.rtp_streams.get(ssrc) else {
            let has_room = self.rtp_streams.has_room();
            return has_room
                .then_some(sequence_number.into())
                .ok_or(DropReason::TooManySsrcs);
        };
        let index = guess_index(window.highest(), sequence_number);
        index
            .filter(|&index| window.is_fresh(index))
            .ok_or(DropReason::SrtpReplayed)
    }

    fn rtcp_id(&self, ssrc: u32, trailer: u32) -> Result<PacketId, DropReason> {
        if trailer & RTCP_ENCRYPTED == 0 {
            // Both profiles negotiate encrypted SRTCP (RFC 5764 §4.1.2).
            return Err(DropReason::SrtpAuthentication);
        }
        let id = PacketId::rtcp(ssrc, trailer & !RTCP_ENCRYPTED);
        match self.rtcp_streams.get(ssrc) {
            Some(window) if !window.is_fresh(id.index()) => Err(DropReason::SrtpReplayed),
            None if !self.rtcp_streams.has_room() => Err(DropReason::TooManySsrcs),
            _ => Ok(id),
        }
    }
}

/// RFC 3711 §3.3.1: of all indices with this sequence number the one nearest to the highest
/// index seen; `None` where that lies before the stream's beginning.
fn guess_index(highest: u64, sequence_number: u16) -> Option<u64> {
    let distance = sequence_number.wrapping_sub(highest as u16) as i16;
    highest.checked_add_signed(distance.into())
}

impl std::fmt::Debug for SrtpReceiver {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Keys never reach a log.
        formatter
            .debug_struct("SrtpReceiver")
            .field("rtp_streams", &self.rtp_streams)
            .field("rtcp_streams", &self.rtcp_streams)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_guess_follows_rfc_3711_across_the_wrap() {
        for (highest, sequence_number, expected) in [
            (0x0_0005, 6, Some(0x0_0006)),
            (0x0_fffe, 1, Some(0x1_0001)),
            (0x1_0001, 0xfffe, Some(0x0_fffe)),
            (0x0_0005, 0xfff0, None),
            (0x1_0000, 0x7fff, Some(0x1_7fff)),
            (0x1_0000, 0x8001, Some(0x0_8001)),
            (0x1_8000, 0xffff, Some(0x1_ffff)),
            (0x1_8001, 0x0000, Some(0x2_0000)),
        ] {
            assert_eq!(
                guess_index(highest, sequence_number),
                expected,
                "{highest:x} {sequence_number:x}"
            );
        }
    }
}
