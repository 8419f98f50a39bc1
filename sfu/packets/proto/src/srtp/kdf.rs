//! Session keys from the master key (RFC 3711 §4.3), derived once: the key derivation rate
//! is 0, as DTLS-SRTP has it (RFC 5764 §4.1.2).

use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;

use super::{MASTER_KEY_LENGTH, SrtpError, master_salt_length};
use crate::command::SrtpProfile;

/// RFC 3711 §4.3.1 and §4.3.2.
#[derive(Clone, Copy, Debug)]
pub(super) enum Label {
    RtpEncryption = 0,
    RtpAuthentication = 1,
    RtpSalt = 2,
    RtcpEncryption = 3,
    RtcpAuthentication = 4,
    RtcpSalt = 5,
}

pub(super) struct MasterKey {
    prf: EncryptingKey,
    salt: [u8; 14],
}

impl MasterKey {
    pub(super) fn new(profile: SrtpProfile, key: &[u8], salt: &[u8]) -> Result<Self, SrtpError> {
        if key.len() != MASTER_KEY_LENGTH || salt.len() != master_salt_length(profile) {
            return Err(SrtpError::KeyLength);
        }
        // RFC 7714 §11: the 96-bit salt is padded on the right to the 112 bits of RFC 3711.
        let mut padded = [0; 14];
        for (to, from) in padded.iter_mut().zip(salt) {
            *to = *from;
        }
        let prf = EncryptingKey::ctr(UnboundCipherKey::new(&AES_128, key)?)?;
        Ok(Self { prf, salt: padded })
    }

    /// AES in counter mode over zeros, starting at (label XOR salt) * 2^16.
    pub(super) fn derive<const N: usize>(&self, label: Label) -> Result<[u8; N], SrtpError> {
        let mut counter = [0; 16];
        counter[..14].copy_from_slice(&self.salt);
        counter[7] ^= label as u8;
        let mut derived = [0; N];
        let context = EncryptionContext::Iv128(FixedLength::from(counter));
        self.prf.less_safe_encrypt(&mut derived, context)?;
        Ok(derived)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3711 appendix B.3.
    fn master() -> MasterKey {
        let key = hex("E1F97A0D3E018BE0D64FA32C06DE4139");
        let salt = hex("0EC675AD498AFEEBB6960B3AABE6");
        MasterKey::new(SrtpProfile::Aes128CmHmacSha1_80, &key, &salt).unwrap()
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn derives_the_keys_of_rfc_3711_b3() {
        let master = master();
        let encryption: [u8; 16] = master.derive(Label::RtpEncryption).unwrap();
        let salt: [u8; 14] = master.derive(Label::RtpSalt).unwrap();
        let authentication: [u8; 94] = master.derive(Label::RtpAuthentication).unwrap();
        assert_eq!(encryption.to_vec(), hex("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(salt.to_vec(), hex("30CBBC08863D8C85D49DB34A9AE1"));
        assert_eq!(
            authentication.to_vec(),
            hex(concat!(
                "CEBE321F6FF7716B6FD4AB49AF256A15",
                "6D38BAA48F0A0ACF3C34E2359E6CDBCE",
                "E049646C43D9327AD175578EF7227098",
                "6371C10C9A369AC2F94A8C5FBCDDDC25",
                "6D6E919A48B610EF17C2041E47403576",
                "6B68642C59BBFC2F34DB60DBDFB2",
            ))
        );
    }

    #[test]
    fn wrong_lengths_are_refused() {
        for profile in [SrtpProfile::AeadAes128Gcm, SrtpProfile::Aes128CmHmacSha1_80] {
            let salt = vec![0; master_salt_length(profile)];
            assert!(MasterKey::new(profile, &[0; 16], &salt).is_ok());
            assert_eq!(
                MasterKey::new(profile, &[0; 15], &salt).err(),
                Some(SrtpError::KeyLength)
            );
            assert_eq!(
                MasterKey::new(profile, &[0; 16], &salt[1..]).err(),
                Some(SrtpError::KeyLength)
            );
            assert_eq!(
                MasterKey::new(profile, &[], &[]).err(),
                Some(SrtpError::KeyLength)
            );
        }
    }
}
