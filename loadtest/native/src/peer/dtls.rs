//! DTLS 1.2 in either role (`dimpl`, sans-IO), up to the SRTP keys (RFC 5764 §4.2).

use std::sync::Arc;
use std::time::Instant;

use dimpl::certificate::calculate_fingerprint;
use dimpl::{Config, DtlsCertificate, Output};
use sfu_proto::command::SrtpProfile;
use sfu_proto::srtp::{MASTER_KEY_LENGTH, master_salt_length};

use crate::outbox::Outbox;
use crate::time::{Epoch, NEVER, Nanos};

/// Larger than the MTU that dimpl keeps to.
const DATAGRAM: usize = 2048;

/// The certificate that all peers of the process show, as a browser's tabs may.
pub(crate) struct Identity {
    certificate: DtlsCertificate,
    config: Arc<Config>,
}

impl Identity {
    pub(crate) fn new() -> Result<Self, String> {
        let certificate = dimpl::certificate::generate_self_signed_certificate()
            .map_err(|error| error.to_string())?;
        // A tuple has passed its ICE check, so that a cookie would prove nothing more.
        let config = Config::builder()
            .use_server_cookie(false)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self {
            certificate,
            config: Arc::new(config),
        })
    }

    /// SHA-256, as `a=fingerprint` has it.
    pub(crate) fn fingerprint(&self) -> String {
        self.certificate.fingerprint_str()
    }
}

pub(crate) struct DtlsConfig {
    pub(crate) is_client: bool,
    /// SHA-256 of the certificate that the answer announced.
    pub(crate) remote_fingerprint: Vec<u8>,
}

pub(super) struct Keys {
    pub(super) profile: SrtpProfile,
    pub(super) local: (Vec<u8>, Vec<u8>),
    pub(super) remote: (Vec<u8>, Vec<u8>),
}

pub(super) struct Dtls {
    dtls: Box<dimpl::Dtls>,
    config: DtlsConfig,
    next_at: Nanos,
    is_trusted: bool,
    has_failed: bool,
    is_closed: bool,
    keys: Option<Keys>,
}

impl Dtls {
    pub(super) fn new(config: DtlsConfig, identity: &Identity, now: Instant) -> Self {
        let (shared, certificate) = (Arc::clone(&identity.config), identity.certificate.clone());
        let mut dtls = Box::new(dimpl::Dtls::new_12(shared, certificate, now));
        dtls.set_active(config.is_client);
        Self {
            dtls,
            config,
            next_at: NEVER,
            is_trusted: false,
            has_failed: false,
            is_closed: false,
            keys: None,
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// The other side has said goodbye.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    pub(super) fn next_timeout(&self) -> Nanos {
        self.next_at
    }

    /// Once, when the handshake is over.
    pub(super) fn take_keys(&mut self) -> Option<Keys> {
        self.keys.take()
    }

    pub(super) fn handle_timeout(&mut self, epoch: &Epoch, now: Nanos, out: &mut Outbox) {
        if !self.has_failed {
            self.has_failed = self.dtls.handle_timeout(epoch.instant(now)).is_err();
            self.poll(epoch, out);
        }
    }

    pub(super) fn handle(&mut self, epoch: &Epoch, now: Nanos, data: &[u8], out: &mut Outbox) {
        if !self.has_failed {
            self.has_failed = self.dtls.handle_timeout(epoch.instant(now)).is_err()
                || self.dtls.handle_packet(data).is_err();
            self.poll(epoch, out);
        }
    }

    pub(super) fn close(&mut self, epoch: &Epoch, out: &mut Outbox) {
        if self.dtls.close().is_ok() {
            self.poll(epoch, out);
        }
    }

    fn poll(&mut self, epoch: &Epoch, out: &mut Outbox) {
        let mut buffer = [0; DATAGRAM];
        while !self.has_failed {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(packet) => out.push_slice(packet),
                Output::PeerCert(certificate) => {
                    let fingerprint = calculate_fingerprint(certificate);
                    self.is_trusted = fingerprint == self.config.remote_fingerprint;
                    self.has_failed = !self.is_trusted;
                }
                Output::KeyingMaterial(material, profile) if self.is_trusted => {
                    self.keys = split_keys(&material, profile, self.config.is_client);
                    self.has_failed = self.keys.is_none();
                }
                Output::KeyingMaterial(..) | Output::BufferTooSmall { .. } => {
                    self.has_failed = true
                }
                Output::CloseNotify => self.is_closed = true,
                Output::Timeout(at) => {
                    self.next_at = epoch.nanos(at);
                    return;
                }
                _ => {}
            }
        }
    }
}

/// RFC 5764 §4.2: client key, server key, client salt, server salt.
fn split_keys(material: &[u8], profile: dimpl::SrtpProfile, is_client: bool) -> Option<Keys> {
    let profile = match profile {
        dimpl::SrtpProfile::AEAD_AES_128_GCM => SrtpProfile::AeadAes128Gcm,
        dimpl::SrtpProfile::AES128_CM_SHA1_80 => SrtpProfile::Aes128CmHmacSha1_80,
        _ => return None,
    };
    let salt_length = master_salt_length(profile);
    let (keys, salts) = material.split_at_checked(2 * MASTER_KEY_LENGTH)?;
    let (client_key, server_key) = keys.split_at_checked(MASTER_KEY_LENGTH)?;
    let (client_salt, server_salt) = salts.get(..2 * salt_length)?.split_at(salt_length);
    let client = (client_key.to_vec(), client_salt.to_vec());
    let server = (server_key.to_vec(), server_salt.to_vec());
    let (local, remote) = if is_client {
        (client, server)
    } else {
        (server, client)
    };
    Some(Keys {
        profile,
        local,
        remote,
    })
}
