//! A controlling ICE agent with one pair (RFC 8445): it checks, nominates and keeps consent
//! (RFC 7675), and answers checks, since not every server is ICE-lite.

use sfu_proto::stun::{
    BindingRequest, BindingSuccess, Class, Message, Role, StunKey, TransactionId,
};

use crate::outbox::Outbox;
use crate::time::{MILLISECOND, Nanos, SECOND};

/// RFC 8445 §14.3 begins with 500 ms; browsers check a new pair every 50 ms.
const FIRST_RETRY: Nanos = 50 * MILLISECOND;
const LAST_RETRY: Nanos = 500 * MILLISECOND;
/// RFC 7675 §5.1: 5 s, spread from 0.8 to 1.2 so that peers do not ask in step.
const CONSENT: Nanos = 4 * SECOND;
const CONSENT_SPREAD: Nanos = 2 * SECOND;
/// RFC 8445 §5.1.2.1: a peer reflexive candidate, the first of its kind.
const PRIORITY: u32 = 110 << 24 | 0xff_ffff;

pub(crate) struct IceConfig {
    pub(crate) local_ufrag: String,
    pub(crate) local_password: String,
    pub(crate) remote_ufrag: String,
    pub(crate) remote_password: String,
}

pub(super) struct Ice {
    username: String,
    local_key: StunKey,
    remote_key: StunKey,
    number: u32,
    checks: u32,
    is_connected: bool,
    retry: Nanos,
    next_at: Nanos,
}

impl Ice {
    pub(super) fn new(number: u32, config: &IceConfig, now: Nanos) -> Self {
        Self {
            username: format!("{}:{}", config.remote_ufrag, config.local_ufrag),
            local_key: StunKey::new(&config.local_password),
            remote_key: StunKey::new(&config.remote_password),
            number,
            checks: 0,
            is_connected: false,
            retry: FIRST_RETRY,
            next_at: now,
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.is_connected
    }

    pub(super) fn next_timeout(&self) -> Nanos {
        self.next_at
    }

    pub(super) fn handle_timeout(&mut self, now: Nanos, out: &mut Outbox) {
        if now < self.next_at {
            return;
        }
        self.checks += 1;
        let request = BindingRequest {
            transaction_id: self.transaction(self.checks),
            username: &self.username,
            priority: PRIORITY,
            use_candidate: true,
            role: Role::Controlling(self.number.into()),
        };
        let mut datagram = Vec::with_capacity(128);
        request.encode(&mut datagram, &self.remote_key);
        out.push_slice(&datagram);
        self.next_at = now + self.wait();
    }

    /// Whether it was an authentic message of this pair.
    pub(super) fn handle(&mut self, now: Nanos, data: &[u8], out: &mut Outbox) -> bool {
        let Ok(message) = Message::parse(data) else {
            return false;
        };
        match message.class {
            Class::Success => self.handle_success(now, &message),
            Class::Request => self.answer(&message, out),
            Class::Error | Class::Indication => false,
        }
    }

    fn handle_success(&mut self, now: Nanos, message: &Message<'_>) -> bool {
        let is_ours = message.transaction_id[..8] == self.transaction(0)[..8];
        if !is_ours || !message.is_authentic(&self.remote_key) {
            return false;
        }
        if !self.is_connected {
            self.is_connected = true;
            self.next_at = now + self.wait();
        }
        true
    }

    fn answer(&mut self, message: &Message<'_>, out: &mut Outbox) -> bool {
        if !message.is_authentic(&self.local_key) {
            return false;
        }
        let success = BindingSuccess {
            transaction_id: message.transaction_id,
            // We do not know how we are seen, and no agent needs to be told by us.
            mapped_address: ([0, 0, 0, 0], 0).into(),
        };
        let mut datagram = Vec::with_capacity(64);
        success.encode(&mut datagram, &self.local_key);
        out.push_slice(&datagram);
        true
    }

    fn wait(&mut self) -> Nanos {
        if self.is_connected {
            let turn = Nanos::from(
                self.number
                    .wrapping_mul(7919)
                    .wrapping_add(self.checks * 613),
            );
            return CONSENT + turn % 1024 * CONSENT_SPREAD / 1024;
        }
        let wait = self.retry;
        self.retry = (self.retry * 2).min(LAST_RETRY);
        wait
    }

    /// The first eight bytes tell that an answer is for us.
    fn transaction(&self, check: u32) -> TransactionId {
        let mut id = *b"ldts\0\0\0\0\0\0\0\0";
        id[4..8].copy_from_slice(&self.number.to_be_bytes());
        id[8..].copy_from_slice(&check.to_be_bytes());
        id
    }
}
