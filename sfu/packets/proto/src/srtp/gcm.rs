//! AEAD_AES_128_GCM (RFC 7714), by ring, which uses VAES on processors without AVX-512 too.

use aws_lc_rs::error::Unspecified;
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, Tag, UnboundKey};

use super::packet_id::PacketId;

pub(super) const TAG: usize = 16;

pub(super) struct GcmKeys {
    key: LessSafeKey,
    salt: [u8; 12],
}

impl GcmKeys {
    pub(super) fn new(key: &[u8; 16], salt: [u8; 12]) -> Result<Self, Unspecified> {
        let key = UnboundKey::new(&AES_128_GCM, key).map_err(refused)?;
        let key = LessSafeKey::new(key);
        Ok(Self { key, salt })
    }

    pub(super) fn seal(
        &self,
        id: PacketId,
        aad: &[u8],
        payload: &mut [u8],
    ) -> Result<Tag, Unspecified> {
        self.key
            .seal_in_place_separate_tag(self.nonce(id), Aad::from(aad), payload)
            .map_err(refused)
    }

    pub(super) fn open(
        &self,
        id: PacketId,
        aad: &[u8],
        sealed: &mut [u8],
    ) -> Result<(), Unspecified> {
        self.key
            .open_in_place(self.nonce(id), Aad::from(aad), sealed)
            .map_err(refused)?;
        Ok(())
    }

    /// RFC 7714 §8.1 (SRTP) and §9.1 (SRTCP): zeros, SSRC, 48 bits of index, XOR salt.
    fn nonce(&self, id: PacketId) -> Nonce {
        let block = (u128::from(id.ssrc) << 48) | u128::from(id.index());
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

/// Both libraries tell no more than that.
fn refused(_: ring::error::Unspecified) -> Unspecified {
    Unspecified
}
