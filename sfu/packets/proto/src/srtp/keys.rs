//! The two ciphers, with their keys expanded: what to encrypt and what to authenticate.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::error::Unspecified;

use super::cm::{self, CmKeys};
use super::gcm::{self, GcmKeys};
use super::kdf::{Label, MasterKey};
use super::packet_id::PacketId;
use super::{RTCP_HEADER, RTCP_TRAILER, SrtpError};
use crate::command::SrtpProfile;

/// Session keys of one direction, for RTP or for RTCP.
pub(super) enum SessionKeys {
    /// Boxed, since keys are expanded: half a KiB here, and with the HMAC state 1.7 below.
    Gcm(Box<GcmKeys>),
    Cm(Box<CmKeys>),
}

impl SessionKeys {
    pub(super) fn rtp(profile: SrtpProfile, master: &MasterKey) -> Result<Self, SrtpError> {
        let labels = [
            Label::RtpEncryption,
            Label::RtpAuthentication,
            Label::RtpSalt,
        ];
        Self::derive(profile, master, labels)
    }

    pub(super) fn rtcp(profile: SrtpProfile, master: &MasterKey) -> Result<Self, SrtpError> {
        let labels = [
            Label::RtcpEncryption,
            Label::RtcpAuthentication,
            Label::RtcpSalt,
        ];
        Self::derive(profile, master, labels)
    }

    fn derive(
        profile: SrtpProfile,
        master: &MasterKey,
        [encryption, authentication, salt]: [Label; 3],
    ) -> Result<Self, SrtpError> {
        let key: [u8; 16] = master.derive(encryption)?;
        Ok(match profile {
            SrtpProfile::AeadAes128Gcm => {
                SessionKeys::Gcm(Box::new(GcmKeys::new(&key, master.derive(salt)?)?))
            }
            SrtpProfile::Aes128CmHmacSha1_80 => {
                let authentication = master.derive(authentication)?;
                let keys = CmKeys::new(&key, master.derive(salt)?, &authentication)?;
                SessionKeys::Cm(Box::new(keys))
            }
        })
    }

    pub(super) fn tag_length(&self) -> usize {
        match self {
            SessionKeys::Gcm(_) => gcm::TAG,
            SessionKeys::Cm(_) => cm::TAG,
        }
    }

    /// Encrypts the packet `arena[start..]` behind its header and appends the tag.
    pub(super) fn seal_rtp(
        &self,
        arena: &mut Vec<u8>,
        start: usize,
        header_len: usize,
        id: PacketId,
    ) -> Result<(), SrtpError> {
        let (header, payload) = split(arena, start, header_len)?;
        match self {
            SessionKeys::Gcm(keys) => {
                let tag = keys.seal(id, header, payload)?;
                arena.extend_from_slice(tag.as_ref());
            }
            SessionKeys::Cm(keys) => {
                keys.apply_keystream(id, payload)?;
                let tag = keys.authenticate(&arena[start..], &id.roc().to_be_bytes());
                arena.extend_from_slice(&tag);
            }
        }
        Ok(())
    }

    /// Verifies and decrypts in place; returns the length without the tag.
    pub(super) fn open_rtp(
        &self,
        packet: &mut [u8],
        header_len: usize,
        id: PacketId,
    ) -> Result<usize, Unspecified> {
        let len = packet
            .len()
            .checked_sub(self.tag_length())
            .ok_or(Unspecified)?;
        match self {
            SessionKeys::Gcm(keys) => {
                let (header, payload) =
                    packet.split_at_mut_checked(header_len).ok_or(Unspecified)?;
                keys.open(id, header, payload)?;
            }
            SessionKeys::Cm(keys) => {
                let (body, tag) = packet.split_at_mut_checked(len).ok_or(Unspecified)?;
                let expected = keys.authenticate(body, &id.roc().to_be_bytes());
                verify_slices_are_equal(&expected, tag)?;
                keys.apply_keystream(id, body.get_mut(header_len..).ok_or(Unspecified)?)?;
            }
        }
        Ok(len)
    }

    /// Encrypts the compound packet `arena[start..]` and appends trailer and tag, in the
    /// order of the profile: RFC 3711 §3.4 tag last, RFC 7714 §9.2 trailer last.
    pub(super) fn seal_rtcp(
        &self,
        arena: &mut Vec<u8>,
        start: usize,
        id: PacketId,
        trailer: [u8; RTCP_TRAILER],
    ) -> Result<(), SrtpError> {
        let (header, payload) = split(arena, start, RTCP_HEADER)?;
        match self {
            SessionKeys::Gcm(keys) => {
                let tag = keys.seal(id, &rtcp_associated_data(header, trailer), payload)?;
                arena.extend_from_slice(tag.as_ref());
                arena.extend_from_slice(&trailer);
            }
            SessionKeys::Cm(keys) => {
                keys.apply_keystream(id, payload)?;
                arena.extend_from_slice(&trailer);
                let tag = keys.authenticate(&arena[start..], &[]);
                arena.extend_from_slice(&tag);
            }
        }
        Ok(())
    }

    /// Where the E bit and the index stand in a protected packet of this length.
    pub(super) fn rtcp_trailer_offset(&self, protected_length: usize) -> Option<usize> {
        let after_trailer = match self {
            SessionKeys::Gcm(_) => 0,
            SessionKeys::Cm(_) => cm::TAG,
        };
        protected_length.checked_sub(RTCP_TRAILER + after_trailer)
    }

    /// Verifies and decrypts in place; returns the length of the plain compound packet.
    pub(super) fn open_rtcp(
        &self,
        packet: &mut [u8],
        id: PacketId,
        trailer: [u8; RTCP_TRAILER],
    ) -> Result<usize, Unspecified> {
        let overhead = self.tag_length() + RTCP_TRAILER;
        let len = packet.len().checked_sub(overhead).ok_or(Unspecified)?;
        match self {
            SessionKeys::Gcm(keys) => {
                let sealed = packet.get_mut(..len + gcm::TAG).ok_or(Unspecified)?;
                let (header, payload) = sealed
                    .split_at_mut_checked(RTCP_HEADER)
                    .ok_or(Unspecified)?;
                keys.open(id, &rtcp_associated_data(header, trailer), payload)?;
            }
            SessionKeys::Cm(keys) => {
                let (body, tag) = packet
                    .split_at_mut_checked(len + RTCP_TRAILER)
                    .ok_or(Unspecified)?;
                verify_slices_are_equal(&keys.authenticate(body, &[]), tag)?;
                keys.apply_keystream(id, body.get_mut(RTCP_HEADER..len).ok_or(Unspecified)?)?;
            }
        }
        Ok(len)
    }
}

/// RFC 7714 §9.2: the clear header, then the E bit with the index.
fn rtcp_associated_data(
    header: &[u8],
    trailer: [u8; RTCP_TRAILER],
) -> [u8; RTCP_HEADER + RTCP_TRAILER] {
    let mut aad = [0; RTCP_HEADER + RTCP_TRAILER];
    for (to, from) in aad.iter_mut().zip(header.iter().chain(&trailer)) {
        *to = *from;
    }
    aad
}

fn split(
    arena: &mut [u8],
    start: usize,
    header_len: usize,
) -> Result<(&mut [u8], &mut [u8]), SrtpError> {
    arena
        .get_mut(start..)
        .and_then(|packet| packet.split_at_mut_checked(header_len))
        .ok_or(SrtpError::PacketLength)
}
