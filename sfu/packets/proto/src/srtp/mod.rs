//! SRTP and SRTCP (RFC 3711, RFC 7714).

use crate::command::SrtpProfile;
use crate::drop::DropReason;

/// Why keys were refused or a packet could not be protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SrtpError {
    /// Master key or salt of the wrong length for the profile.
    KeyLength,
    /// Shorter than the header it claims, or too long to be a datagram.
    PacketLength,
    /// 2^31 SRTCP packets under one key (RFC 3711 §9.2).
    KeyExhausted,
    Crypto,
}

/// A packet that authenticated: `packet[..len]` is plaintext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unprotected {
    pub len: usize,
    /// RFC 3711 §3.3.1: 2^16 * ROC + SEQ.
    pub index: u64,
}

#[derive(Debug)]
pub struct SrtpSender {}

#[allow(unused_variables)]
impl SrtpSender {
    pub fn new(profile: SrtpProfile, key: &[u8], salt: &[u8]) -> Result<Self, SrtpError> {
        todo!()
    }
    /// Bytes that `protect_rtp` adds.
    pub fn overhead(&self) -> usize {
        todo!()
    }
    pub fn protect_rtp(
        &self,
        arena: &mut Vec<u8>,
        start: usize,
        header_len: usize,
        roc: u32,
    ) -> Result<(), SrtpError> {
        todo!()
    }
    pub fn protect_rtcp(&mut self, arena: &mut Vec<u8>, start: usize) -> Result<(), SrtpError> {
        todo!()
    }
}

#[derive(Debug)]
pub struct SrtpReceiver {}

#[allow(unused_variables)]
impl SrtpReceiver {
    pub fn new(profile: SrtpProfile, key: &[u8], salt: &[u8]) -> Result<Self, SrtpError> {
        todo!()
    }
    pub fn unprotect_rtp(
        &mut self,
        packet: &mut [u8],
        header_len: usize,
    ) -> Result<Unprotected, DropReason> {
        todo!()
    }
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, DropReason> {
        todo!()
    }
}
