//! SRTP and SRTCP: plaintext packets in, protected datagrams out, and back.
//!
//! Two profiles: AEAD_AES_128_GCM (RFC 7714), which costs a quarter of the other here, and
//! AES_CM_128_HMAC_SHA1_80 (RFC 3711). Keys are derived and expanded once, when DTLS hands
//! over the master key (RFC 5764 §4.2); nothing is allocated for a packet. Knows no RTP
//! beyond the fixed header: how long the clear header is, the caller says.

mod cm;
mod gcm;
mod kdf;
mod keys;
mod packet_id;
mod receiver;
mod replay;
mod sender;
#[cfg(test)]
mod vectors;

pub use receiver::{SrtpReceiver, Unprotected};
pub use sender::SrtpSender;

use crate::command::SrtpProfile;

/// Why keys were refused or a packet could not be protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SrtpError {
    /// Master key or salt of the wrong length for the profile.
    KeyLength,
    /// Shorter than the header that must stay clear.
    PacketLength,
    /// 2^31 SRTCP packets under one key (RFC 3711 §9.2).
    KeyExhausted,
    /// The cryptographic library refused; it does so for no input that gets this far.
    Crypto,
}

impl std::fmt::Display for SrtpError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            SrtpError::KeyLength => "SRTP master key or salt has the wrong length",
            SrtpError::PacketLength => "packet is shorter than its header",
            SrtpError::KeyExhausted => "SRTCP index is used up",
            SrtpError::Crypto => "cryptographic library failed",
        })
    }
}

impl std::error::Error for SrtpError {}

impl From<aws_lc_rs::error::Unspecified> for SrtpError {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        SrtpError::Crypto
    }
}

/// Master key length of both profiles, which are AES-128.
pub const MASTER_KEY_LENGTH: usize = 16;

/// RFC 5764 §4.1.2, RFC 7714 §12.
pub fn master_salt_length(profile: SrtpProfile) -> usize {
    match profile {
        SrtpProfile::AeadAes128Gcm => 12,
        SrtpProfile::Aes128CmHmacSha1_80 => 14,
    }
}

/// The fixed RTP header (RFC 3550 §5.1), never encrypted.
const RTP_HEADER: usize = 12;
/// The first eight bytes of a compound RTCP packet stay clear (RFC 3711 §3.4).
const RTCP_HEADER: usize = 8;
/// The E bit and the 31-bit SRTCP index (RFC 3711 §3.4).
const RTCP_TRAILER: usize = 4;
const RTCP_ENCRYPTED: u32 = 1 << 31;

fn read_u16(data: &[u8], offset: usize) -> Option<u16> {
    let bytes = data.get(offset..offset + 2)?;
    Some(u16::from_be_bytes(bytes.try_into().ok()?))
}

fn read_u32(data: &[u8], offset: usize) -> Option<u32> {
    let bytes = data.get(offset..offset + 4)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}
