//! Reading: one pass over the attributes, nothing copied, nothing trusted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::crc32::crc32;
use super::{
    Class, FINGERPRINT_XOR, HEADER, INTEGRITY, MAGIC_COOKIE, Role, StunKey, TransactionId,
    attribute,
};

/// Why a datagram is no STUN message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StunError {
    /// Header, length or attribute framing is wrong (RFC 8489 §5, §14).
    Framing,
    /// An attribute that we understand has an impossible value.
    Attribute,
    /// FINGERPRINT is not last or does not match.
    Fingerprint,
}

/// A STUN message with the attributes that ICE has a use for.
///
/// Of an attribute that stands there twice the first counts, and what stands behind
/// MESSAGE-INTEGRITY is ignored (RFC 8489 §14, §14.5).
#[derive(Clone, Debug)]
pub struct Message<'a> {
    pub class: Class,
    pub method: u16,
    pub transaction_id: TransactionId,
    pub username: Option<&'a [u8]>,
    pub priority: Option<u32>,
    pub use_candidate: bool,
    pub role: Option<Role>,
    pub mapped_address: Option<SocketAddr>,
    pub error_code: Option<u16>,
    /// Comprehension-required attributes that we do not know (RFC 8489 §6.3).
    pub unknown: UnknownAttributes,
    integrity: Option<Integrity<'a>>,
}

#[derive(Clone, Copy, Debug)]
struct Integrity<'a> {
    /// The message up to the attribute.
    covered: &'a [u8],
    value: &'a [u8],
}

/// The first few; a 420 answer needs no more to be understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnknownAttributes {
    types: [u16; Self::KEPT],
    count: u8,
}

impl UnknownAttributes {
    const KEPT: usize = 4;

    pub fn as_slice(&self) -> &[u16] {
        self.types.get(..self.count.into()).unwrap_or_default()
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn push(&mut self, attribute_type: u16) {
        if let Some(free) = self.types.get_mut(usize::from(self.count)) {
            *free = attribute_type;
            self.count += 1;
        }
    }
}

impl<'a> Message<'a> {
    pub fn parse(data: &'a [u8]) -> Result<Self, StunError> {
        let mut message = Self::parse_header(data)?;
        let mut offset = HEADER;
        while offset < data.len() {
            let (attribute_type, value) = read_attribute(data, offset)?;
            let end = offset + 4 + value.len().next_multiple_of(4);
            if attribute_type == attribute::FINGERPRINT {
                check_fingerprint(data, offset, value)?;
            } else if message.integrity.is_none() {
                let covered = data.get(..offset).ok_or(StunError::Framing)?;
                message.take(attribute_type, value, covered)?;
            }
            offset = end;
        }
        Ok(message)
    }

    /// MESSAGE-INTEGRITY is there and verifies (RFC 8489 §14.5).
    pub fn is_authentic(&self, key: &StunKey) -> bool {
        self.integrity.is_some_and(|Integrity { covered, value }| {
            let length = covered.len() - HEADER + 4 + INTEGRITY;
            let tag = key.sign(covered, length as u16);
            verify_slices_are_equal(tag.as_ref(), value).is_ok()
        })
    }

    pub fn has_integrity(&self) -> bool {
        self.integrity.is_some()
    }

    fn parse_header(data: &[u8]) -> Result<Self, StunError> {
        let header: &[u8; HEADER] = data.first_chunk().ok_or(StunError::Framing)?;
        let (message_type, length) = (be16(header, 0), be16(header, 2));
        let is_framed = message_type < 0x4000
            && length % 4 == 0
            && usize::from(length) == data.len() - HEADER
            && header[4..8] == MAGIC_COOKIE.to_be_bytes();
        if !is_framed {
            return Err(StunError::Framing);
        }
        let mut transaction_id = [0; 12];
        transaction_id.copy_from_slice(&header[8..]);
        Ok(Self {
            class: class_of(message_type),
            method: method_of(message_type),
            transaction_id,
            username: None,
            priority: None,
            use_candidate: false,
            role: None,
            mapped_address: None,
            error_code: None,
            unknown: UnknownAttributes::default(),
            integrity: None,
        })
    }

    fn take(
        &mut self,
        attribute_type: u16,
        value: &'a [u8],
        covered: &'a [u8],
    ) -> Result<(), StunError> {
        match attribute_type {
            attribute::USERNAME => _ = self.username.get_or_insert(value),
            attribute::PRIORITY => {
                _ = self
                    .priority
                    .get_or_insert(u32::from_be_bytes(sized(value)?))
            }
            attribute::USE_CANDIDATE => self.use_candidate = true,
            attribute::ICE_CONTROLLING => {
                let role = Role::Controlling(u64::from_be_bytes(sized(value)?));
                self.role.get_or_insert(role);
            }
            attribute::ICE_CONTROLLED => {
                let role = Role::Controlled(u64::from_be_bytes(sized(value)?));
                self.role.get_or_insert(role);
            }
            attribute::XOR_MAPPED_ADDRESS => {
                let address = read_xor_address(value, &self.transaction_id)?;
                self.mapped_address.get_or_insert(address);
            }
            attribute::ERROR_CODE => _ = self.error_code.get_or_insert(read_error_code(value)?),
            attribute::MESSAGE_INTEGRITY => {
                let value = sized::<INTEGRITY>(value).map(|_| value)?;
                self.integrity = Some(Integrity { covered, value });
            }
            attribute::MAPPED_ADDRESS
            | attribute::UNKNOWN_ATTRIBUTES
            | attribute::REALM
            | attribute::NONCE
            | attribute::MESSAGE_INTEGRITY_SHA256 => {}
            0..0x8000 => self.unknown.push(attribute_type),
            _ => {}
        }
        Ok(())
    }
}

/// RFC 8489 §5: M11..M7 C1 M6..M4 C0 M3..M0.
fn class_of(message_type: u16) -> Class {
    match (message_type & 0x100 != 0, message_type & 0x010 != 0) {
        (false, false) => Class::Request,
        (false, true) => Class::Indication,
        (true, false) => Class::Success,
        (true, true) => Class::Error,
    }
}

fn method_of(message_type: u16) -> u16 {
    (message_type & 0x000f) | ((message_type & 0x00e0) >> 1) | ((message_type & 0x3e00) >> 2)
}

/// Type and value; the value's padding must be there too.
fn read_attribute(data: &[u8], offset: usize) -> Result<(u16, &[u8]), StunError> {
    let header: &[u8; 4] = data
        .get(offset..)
        .and_then(|rest| rest.first_chunk())
        .ok_or(StunError::Framing)?;
    let length = usize::from(be16(header, 2));
    let value = data
        .get(offset + 4..offset + 4 + length.next_multiple_of(4))
        .and_then(|padded| padded.get(..length))
        .ok_or(StunError::Framing)?;
    Ok((be16(header, 0), value))
}

fn check_fingerprint(data: &[u8], offset: usize, value: &[u8]) -> Result<(), StunError> {
    let covered = data.get(..offset).ok_or(StunError::Framing)?;
    let is_last = offset + 8 == data.len();
    let matches = value == (crc32(covered) ^ FINGERPRINT_XOR).to_be_bytes();
    (is_last && matches)
        .then_some(())
        .ok_or(StunError::Fingerprint)
}

/// RFC 8489 §14.2.
fn read_xor_address(value: &[u8], transaction_id: &TransactionId) -> Result<SocketAddr, StunError> {
    let (&[_, family, port_high, port_low], address) =
        value.split_first_chunk().ok_or(StunError::Attribute)?;
    let port = u16::from_be_bytes([port_high, port_low]) ^ (MAGIC_COOKIE >> 16) as u16;
    let ip = match family {
        1 => IpAddr::V4(Ipv4Addr::from_bits(
            u32::from_be_bytes(sized(address)?) ^ MAGIC_COOKIE,
        )),
        2 => {
            let mask = ipv6_mask(transaction_id);
            IpAddr::V6(Ipv6Addr::from_bits(
                u128::from_be_bytes(sized(address)?) ^ mask,
            ))
        }
        _ => return Err(StunError::Attribute),
    };
    Ok(SocketAddr::new(ip, port))
}

/// Magic cookie and transaction id, as one number.
pub(super) fn ipv6_mask(transaction_id: &TransactionId) -> u128 {
    let mut mask = [0; 16];
    mask[..4].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
    mask[4..].copy_from_slice(transaction_id);
    u128::from_be_bytes(mask)
}

/// RFC 8489 §14.8.
fn read_error_code(value: &[u8]) -> Result<u16, StunError> {
    match value {
        [_, _, class @ 3..=6, number @ 0..=99, ..] => {
            Ok(u16::from(*class) * 100 + u16::from(*number))
        }
        _ => Err(StunError::Attribute),
    }
}

fn sized<const N: usize>(value: &[u8]) -> Result<[u8; N], StunError> {
    value.try_into().map_err(|_| StunError::Attribute)
}

fn be16<const N: usize>(header: &[u8; N], offset: usize) -> u16 {
    u16::from_be_bytes([header[offset], header[offset + 1]])
}
