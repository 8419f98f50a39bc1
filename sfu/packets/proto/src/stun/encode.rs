//! Writing: messages append themselves to an arena.

use std::net::{IpAddr, SocketAddr};

use super::crc32::crc32;
use super::message::ipv6_mask;
use super::{
    BINDING, Class, FINGERPRINT_XOR, HEADER, INTEGRITY, MAGIC_COOKIE, Role, StunKey, TransactionId,
    attribute,
};

/// A connectivity or consent check (RFC 8445 §7.2.2), as a full agent sends it. The server
/// itself sends none; self-check, tests and load test do.
#[derive(Clone, Copy, Debug)]
pub struct BindingRequest<'a> {
    pub transaction_id: TransactionId,
    /// `remote_ufrag:local_ufrag`, seen from the one who asks.
    pub username: &'a str,
    pub priority: u32,
    pub use_candidate: bool,
    pub role: Role,
}

/// The answer to a check: where it came from.
#[derive(Clone, Copy, Debug)]
pub struct BindingSuccess {
    pub transaction_id: TransactionId,
    pub mapped_address: SocketAddr,
}

/// A refusal, without reason phrase: no agent shows it, and it must stay small.
#[derive(Clone, Copy, Debug)]
pub struct BindingError<'a> {
    pub transaction_id: TransactionId,
    pub code: u16,
    /// For 420 (RFC 8489 §14.10).
    pub unknown: &'a [u16],
}

impl BindingRequest<'_> {
    pub fn encode(&self, arena: &mut Vec<u8>, key: &StunKey) {
        let mut writer = Writer::begin(arena, Class::Request, &self.transaction_id);
        writer.attribute(attribute::USERNAME, self.username.as_bytes());
        writer.attribute(attribute::PRIORITY, &self.priority.to_be_bytes());
        match self.role {
            Role::Controlling(tie) => {
                writer.attribute(attribute::ICE_CONTROLLING, &tie.to_be_bytes())
            }
            Role::Controlled(tie) => {
                writer.attribute(attribute::ICE_CONTROLLED, &tie.to_be_bytes())
            }
        }
        if self.use_candidate {
            writer.attribute(attribute::USE_CANDIDATE, &[]);
        }
        writer.finish(Some(key));
    }
}

impl BindingSuccess {
    pub fn encode(&self, arena: &mut Vec<u8>, key: &StunKey) {
        let mut writer = Writer::begin(arena, Class::Success, &self.transaction_id);
        writer.xor_mapped_address(self.mapped_address, &self.transaction_id);
        writer.finish(Some(key));
    }
}

impl BindingError<'_> {
    /// Signed where the request was authentic (RFC 8489 §9.1.4).
    pub fn encode(&self, arena: &mut Vec<u8>, key: Option<&StunKey>) {
        let mut writer = Writer::begin(arena, Class::Error, &self.transaction_id);
        let [class, number] = [self.code / 100, self.code % 100].map(|part| part as u8);
        writer.attribute(attribute::ERROR_CODE, &[0, 0, class, number]);
        if !self.unknown.is_empty() {
            let types: Vec<u8> = self
                .unknown
                .iter()
                .flat_map(|unknown| unknown.to_be_bytes())
                .collect();
            writer.attribute(attribute::UNKNOWN_ATTRIBUTES, &types);
        }
        writer.finish(key);
    }
}

struct Writer<'a> {
    arena: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> Writer<'a> {
    fn begin(arena: &'a mut Vec<u8>, class: Class, transaction_id: &TransactionId) -> Self {
        let start = arena.len();
        let class_bits = match class {
            Class::Request => 0x000,
            Class::Indication => 0x010,
            Class::Success => 0x100,
            Class::Error => 0x110,
        };
        arena.extend_from_slice(&(BINDING | class_bits).to_be_bytes());
        arena.extend_from_slice(&[0, 0]);
        arena.extend_from_slice(&MAGIC_COOKIE.to_be_bytes());
        arena.extend_from_slice(transaction_id);
        Self { arena, start }
    }

    fn attribute(&mut self, attribute_type: u16, value: &[u8]) {
        self.arena.extend_from_slice(&attribute_type.to_be_bytes());
        self.arena
            .extend_from_slice(&(value.len() as u16).to_be_bytes());
        self.arena.extend_from_slice(value);
        let padding = value.len().next_multiple_of(4) - value.len();
        self.arena.extend(std::iter::repeat_n(0, padding));
    }

    /// RFC 8489 §14.2.
    fn xor_mapped_address(&mut self, address: SocketAddr, transaction_id: &TransactionId) {
        let port = (address.port() ^ (MAGIC_COOKIE >> 16) as u16).to_be_bytes();
        match address.ip().to_canonical() {
            IpAddr::V4(ip) => {
                let [a, b, c, d] = (ip.to_bits() ^ MAGIC_COOKIE).to_be_bytes();
                let value = [0, 1, port[0], port[1], a, b, c, d];
                self.attribute(attribute::XOR_MAPPED_ADDRESS, &value);
            }
            IpAddr::V6(ip) => {
                let mut value = [
                    0, 2, port[0], port[1], 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                ];
                let masked = ip.to_bits() ^ ipv6_mask(transaction_id);
                value[4..].copy_from_slice(&masked.to_be_bytes());
                self.attribute(attribute::XOR_MAPPED_ADDRESS, &value);
            }
        }
    }

    /// MESSAGE-INTEGRITY, FINGERPRINT, length.
    fn finish(mut self, key: Option<&StunKey>) {
        if let Some(key) = key {
            let length = self.length() + 4 + INTEGRITY;
            let tag = key.sign(&self.arena[self.start..], length as u16);
            self.attribute(attribute::MESSAGE_INTEGRITY, tag.as_ref());
        }
        let length = (self.length() + 8) as u16;
        self.arena[self.start + 2..self.start + 4].copy_from_slice(&length.to_be_bytes());
        let fingerprint = crc32(&self.arena[self.start..]) ^ FINGERPRINT_XOR;
        self.attribute(attribute::FINGERPRINT, &fingerprint.to_be_bytes());
    }

    fn length(&self) -> usize {
        self.arena.len() - self.start - HEADER
    }
}
