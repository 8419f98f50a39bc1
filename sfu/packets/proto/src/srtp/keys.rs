//! The two ciphers, with their keys expanded: what to encrypt and what to authenticate.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, Tag, UnboundKey};
use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;

use super::kdf::{Label, MasterKey};
use super::{RTCP_HEADER, RTCP_TRAILER, SrtpError};
use crate::command::SrtpProfile;

const GCM_TAG: usize = 16;
/// HMAC-SHA1 truncated to 80 bits.
const HMAC_TAG: usize = 10;

/// What tells packets of one key apart: each pair is used once (RFC 3711 §9.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct PacketId {
    pub(super) ssrc: u32,
    /// SRTP: 48 bits, ROC and sequence number. SRTCP: the 31-bit index.
    pub(super) index: u64,
}

/// Session keys of one direction, for RTP or for RTCP.
pub(super) enum SessionKeys {
    Gcm(GcmKeys),
    /// Boxed: the HMAC state is 1.7 KiB.
    Cm(Box<CmKeys>),
}

pub(super) struct GcmKeys {
    key: LessSafeKey,
    salt: [u8; 12],
}

pub(super) struct CmKeys {
    cipher: EncryptingKey,
    salt: [u8; 14],
    authentication: hmac::Key,
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
            SrtpProfile::AeadAes128Gcm => SessionKeys::Gcm(GcmKeys {
                key: LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key)?),
                salt: master.derive(salt)?,
            }),
            SrtpProfile::Aes128CmHmacSha1_80 => SessionKeys::Cm(Box::new(CmKeys {
                cipher: EncryptingKey::ctr(UnboundCipherKey::new(&AES_128, &key)?)?,
                salt: master.derive(salt)?,
                authentication: hmac::Key::new(
                    hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                    &master.derive::<20>(authentication)?,
                ),
            })),
        })
    }

    pub(super) fn tag_length(&self) -> usize {
        match self {
            SessionKeys::Gcm(_) => GCM_TAG,
            SessionKeys::Cm(_) => HMAC_TAG,
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
            SessionKeys::Cm(_) => HMAC_TAG,
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
                let sealed = packet.get_mut(..len + GCM_TAG).ok_or(Unspecified)?;
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

impl GcmKeys {
    fn seal(&self, id: PacketId, aad: &[u8], payload: &mut [u8]) -> Result<Tag, Unspecified> {
        self.key
            .seal_in_place_separate_tag(self.nonce(id), Aad::from(aad), payload)
    }

    fn open(&self, id: PacketId, aad: &[u8], sealed: &mut [u8]) -> Result<(), Unspecified> {
        self.key
            .open_in_place(self.nonce(id), Aad::from(aad), sealed)?;
        Ok(())
    }

    /// RFC 7714 §8.1 (SRTP) and §9.1 (SRTCP): zeros, SSRC, 48 bits of index, XOR salt.
    fn nonce(&self, id: PacketId) -> Nonce {
        let block = (u128::from(id.ssrc) << 48) | u128::from(id.index & INDEX_MASK);
        let mut nonce = [0; 12];
        for ((to, byte), salt) in nonce
            .iter_mut()
            .zip(&block.to_be_bytes()[4..])
            .zip(&self.salt)
        {
            *to = byte ^ salt;
        }
        Nonce::assume_unique_for_key(nonce)
    }
}

impl CmKeys {
    /// RFC 3711 §4.1.1. Counter mode: the same operation encrypts and decrypts.
    fn apply_keystream(&self, id: PacketId, payload: &mut [u8]) -> Result<(), Unspecified> {
        let context = EncryptionContext::Iv128(FixedLength::from(self.counter(id)));
        self.cipher.less_safe_encrypt(payload, context)?;
        Ok(())
    }

    /// (salt * 2^16) XOR (SSRC * 2^64) XOR (index * 2^16).
    fn counter(&self, id: PacketId) -> [u8; 16] {
        let block = (u128::from(id.ssrc) << 64) | (u128::from(id.index & INDEX_MASK) << 16);
        let mut counter = block.to_be_bytes();
        for (byte, salt) in counter.iter_mut().zip(&self.salt) {
            *byte ^= salt;
        }
        counter
    }

    /// RFC 3711 §4.2: `suffix` is the ROC, which SRTP authenticates and does not send.
    fn authenticate(&self, packet: &[u8], suffix: &[u8]) -> [u8; HMAC_TAG] {
        let mut context = hmac::Context::with_key(&self.authentication);
        context.update(packet);
        context.update(suffix);
        let mut tag = [0; HMAC_TAG];
        for (to, from) in tag.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        tag
    }
}

impl PacketId {
    fn roc(self) -> u32 {
        (self.index >> 16) as u32
    }
}

const INDEX_MASK: u64 = (1 << 48) - 1;

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
