//! STUN Binding messages (RFC 8489) with the attributes of ICE (RFC 8445 §16.1).
//!
//! Datagrams in, borrowed [`Message`]s out, and the other way round: [`BindingRequest`],
//! [`BindingSuccess`] and [`BindingError`] append themselves to an arena. Short-term
//! credentials only (RFC 8489 §9.1). Knows no transport and keeps no state: who may ask what
//! is the question of [`crate::ice`].

mod crc32;
mod encode;
mod message;

pub use encode::{BindingError, BindingRequest, BindingSuccess};
pub use message::{Message, StunError, UnknownAttributes};

use aws_lc_rs::hmac;

/// RFC 8489 §5.
pub const MAGIC_COOKIE: u32 = 0x2112_A442;
/// The only method that ICE uses (RFC 8489 §18.2).
pub const BINDING: u16 = 0x001;

const HEADER: usize = 20;
const INTEGRITY: usize = 20;
const FINGERPRINT_XOR: u32 = 0x5354_554e;

pub type TransactionId = [u8; 12];

/// RFC 8489 §5: the two class bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    Request,
    Indication,
    Success,
    Error,
}

/// Who decides on nomination, with the tie-breaker (RFC 8445 §16.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    Controlling(u64),
    Controlled(u64),
}

/// A short-term password with its HMAC state computed (RFC 8489 §9.1.1), which is 1.7 KiB.
#[derive(Clone)]
pub struct StunKey(Box<hmac::Key>);

impl StunKey {
    pub fn new(password: &str) -> Self {
        let algorithm = hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY;
        Self(Box::new(hmac::Key::new(algorithm, password.as_bytes())))
    }

    /// MESSAGE-INTEGRITY over `message`, its length field replaced (RFC 8489 §14.5).
    fn sign(&self, message: &[u8], length: u16) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        let (head, tail) = message.split_at(message.len().min(2));
        context.update(head);
        context.update(&length.to_be_bytes());
        context.update(tail.get(2..).unwrap_or_default());
        context.sign()
    }
}

impl std::fmt::Debug for StunKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Passwords never reach a log.
        formatter.debug_struct("StunKey").finish_non_exhaustive()
    }
}

mod attribute {
    pub(super) const MAPPED_ADDRESS: u16 = 0x0001;
    pub(super) const USERNAME: u16 = 0x0006;
    pub(super) const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub(super) const ERROR_CODE: u16 = 0x0009;
    pub(super) const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
    pub(super) const REALM: u16 = 0x0014;
    pub(super) const NONCE: u16 = 0x0015;
    pub(super) const MESSAGE_INTEGRITY_SHA256: u16 = 0x001C;
    pub(super) const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    pub(super) const PRIORITY: u16 = 0x0024;
    pub(super) const USE_CANDIDATE: u16 = 0x0025;
    pub(super) const FINGERPRINT: u16 = 0x8028;
    pub(super) const ICE_CONTROLLED: u16 = 0x8029;
    pub(super) const ICE_CONTROLLING: u16 = 0x802A;
}
