//! AES_CM_128_HMAC_SHA1_80 (RFC 3711).

use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;

use super::packet_id::PacketId;

/// HMAC-SHA1 truncated to 80 bits.
pub(super) const TAG: usize = 10;

pub(super) struct CmKeys {
    cipher: EncryptingKey,
    salt: [u8; 14],
    authentication: hmac::Key,
}

impl CmKeys {
    pub(super) fn new(
        key: &[u8; 16],
        salt: [u8; 14],
        authentication: &[u8; 20],
    ) -> Result<Self, Unspecified> {
        let algorithm = hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY;
        Ok(Self {
            cipher: EncryptingKey::ctr(UnboundCipherKey::new(&AES_128, key)?)?,
            salt,
            authentication: hmac::Key::new(algorithm, authentication),
        })
    }

    /// RFC 3711 §4.1.1. Counter mode: the same operation encrypts and decrypts.
    pub(super) fn apply_keystream(
        &self,
        id: PacketId,
        payload: &mut [u8],
    ) -> Result<(), Unspecified> {
        let context = EncryptionContext::Iv128(FixedLength::from(self.counter(id)));
        self.cipher.less_safe_encrypt(payload, context)?;
        Ok(())
    }

    /// (salt * 2^16) XOR (SSRC * 2^64) XOR (index * 2^16).
    fn counter(&self, id: PacketId) -> [u8; 16] {
        let block = (u128::from(id.ssrc) << 64) | (u128::from(id.index()) << 16);
        let mut counter = block.to_be_bytes();
        for (byte, salt) in counter.iter_mut().zip(&self.salt) {
            *byte ^= salt;
        }
        counter
    }

    /// RFC 3711 §4.2: `suffix` is the ROC, which SRTP authenticates and does not send.
    pub(super) fn authenticate(&self, packet: &[u8], suffix: &[u8]) -> [u8; TAG] {
        let mut context = hmac::Context::with_key(&self.authentication);
        context.update(packet);
        context.update(suffix);
        let mut tag = [0; TAG];
        for (to, from) in tag.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        tag
    }
}
