//! One peer on the wire: ICE, then DTLS, then media both ways.
//!
//! Datagrams and time in, datagrams out; measures go to the worker's, which all its peers share.
//! Knows no socket and no signalling.

mod dtls;
mod ice;

use std::net::SocketAddr;
use std::sync::Arc;

use sfu_proto::demux::{Kind, classify};
use sfu_proto::rtp::ExtensionMap;
use sfu_proto::srtp::{SrtpReceiver, SrtpSender};

pub(crate) use dtls::{DtlsConfig, Identity};
pub(crate) use ice::IceConfig;

use crate::context::Context;
use crate::publish::{PublishCounts, Publisher, PublisherConfig};
use crate::receive::{Played, ReceiveCounts, Receiver, StreamConfig};
use crate::system::SocketOptions;
use crate::time::{Epoch, NEVER, Nanos};
use dtls::{Dtls, Keys};
use ice::Ice;

pub(crate) struct PeerConfig {
    /// The server's candidate.
    pub(crate) remote: SocketAddr,
    pub(crate) ice: IceConfig,
    pub(crate) dtls: DtlsConfig,
    pub(crate) cname: String,
    pub(crate) extensions: ExtensionMap,
    pub(crate) streams: Vec<StreamConfig>,
    pub(crate) publisher: PublisherConfig,
    pub(crate) socket: SocketOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeerState {
    Checking,
    Handshaking,
    Connected,
    Failed,
    Closed,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PeerCounts {
    pub(crate) started_at: Nanos,
    pub(crate) checked_at: Option<Nanos>,
    pub(crate) connected_at: Option<Nanos>,
    /// Datagrams that were nothing we know, or that did not authenticate.
    pub(crate) refused: u64,
    /// Media that overtook the last message of the handshake, as UDP allows.
    pub(crate) early: u64,
    pub(crate) receive: ReceiveCounts,
    pub(crate) publish: PublishCounts,
}

pub(crate) struct Peer {
    state: PeerState,
    ice: Ice,
    dtls: Dtls,
    srtp: Option<(SrtpSender, SrtpReceiver)>,
    receiver: Receiver,
    publisher: Publisher,
    counts: PeerCounts,
}

impl Peer {
    /// `number` tells this peer from all others of the process.
    pub(crate) fn new(
        number: u32,
        config: PeerConfig,
        identity: &Arc<Identity>,
        now: Nanos,
        epoch: &Epoch,
    ) -> Self {
        Self {
            state: PeerState::Checking,
            ice: Ice::new(number, &config.ice, now),
            receiver: Receiver::new(number, &config.streams, &config.extensions, &config.cname),
            dtls: Dtls::new(config.dtls, identity, epoch.instant(now)),
            srtp: None,
            publisher: Publisher::new(number, config.publisher, config.extensions, config.cname),
            counts: PeerCounts {
                started_at: now,
                ..PeerCounts::default()
            },
        }
    }

    pub(crate) fn state(&self) -> PeerState {
        self.state
    }

    pub(crate) fn counts(&self) -> PeerCounts {
        let mut counts = self.counts;
        counts.receive = self.receiver.counts();
        counts.publish = self.publisher.counts();
        counts
    }

    /// Gaps are measured from here on.
    pub(crate) fn reset_gaps(&mut self, now: Nanos) {
        self.receiver.reset_gaps(now);
    }

    /// See the receiver.
    pub(crate) fn take_played(&mut self) -> Vec<Played> {
        self.receiver.take_played()
    }

    pub(crate) fn set_speaking(&mut self, is_speaking: bool) {
        self.publisher.set_speaking(is_speaking);
    }

    /// `came_at`: when the kernel got it, or when we did.
    pub(crate) fn handle_datagram(
        &mut self,
        context: &mut Context<'_>,
        came_at: Nanos,
        data: &mut [u8],
    ) {
        match classify(data) {
            Some(Kind::Stun) => self.handle_stun(context, data),
            Some(Kind::Dtls) => self.handle_dtls(context, data),
            Some(Kind::Rtp) => self.handle_rtp(context, came_at, data),
            Some(Kind::Rtcp) => self.handle_rtcp(context, came_at, data),
            None => self.counts.refused += 1,
        }
    }

    pub(crate) fn handle_timeout(&mut self, context: &mut Context<'_>) {
        self.ice.handle_timeout(context.now, context.out);
        if self.state == PeerState::Handshaking {
            self.dtls
                .handle_timeout(context.epoch, context.now, context.out);
            self.follow_dtls(context);
        }
        if let Some((sender, _)) = &mut self.srtp {
            self.receiver.handle_timeout(context, sender);
            self.publisher.handle_timeout(context, sender);
        }
    }

    pub(crate) fn next_timeout(&self) -> Nanos {
        let ice = self.ice.next_timeout();
        let rest = match self.state {
            PeerState::Handshaking => self.dtls.next_timeout(),
            PeerState::Connected => {
                let receiver = self.receiver.next_timeout();
                receiver.min(self.publisher.next_timeout())
            }
            PeerState::Checking => NEVER,
            PeerState::Failed | PeerState::Closed => return NEVER,
        };
        ice.min(rest)
    }

    /// The goodbye of a closed tab: DTLS says it, if it ever began.
    pub(crate) fn close(&mut self, context: &mut Context<'_>) {
        if self.state == PeerState::Connected {
            self.dtls.close(context.epoch, context.out);
        }
        self.state = PeerState::Closed;
    }

    fn handle_stun(&mut self, context: &mut Context<'_>, data: &[u8]) {
        if !self.ice.handle(context.now, data, context.out) {
            self.counts.refused += 1;
        } else if self.ice.is_connected() && self.state == PeerState::Checking {
            self.state = PeerState::Handshaking;
            self.counts.checked_at = Some(context.now);
            self.dtls
                .handle_timeout(context.epoch, context.now, context.out);
            self.follow_dtls(context);
        }
    }

    fn handle_dtls(&mut self, context: &mut Context<'_>, data: &[u8]) {
        self.dtls
            .handle(context.epoch, context.now, data, context.out);
        self.follow_dtls(context);
    }

    fn follow_dtls(&mut self, context: &Context<'_>) {
        if self.dtls.has_failed() {
            self.state = PeerState::Failed;
        } else if self.dtls.is_closed() {
            self.state = PeerState::Closed;
        } else if let Some(keys) = self.dtls.take_keys() {
            self.connect(context.now, &keys);
        }
    }

    fn connect(&mut self, now: Nanos, keys: &Keys) {
        let sender = SrtpSender::new(keys.profile, &keys.local.0, &keys.local.1);
        let receiver = SrtpReceiver::new(keys.profile, &keys.remote.0, &keys.remote.1);
        let (Ok(sender), Ok(receiver)) = (sender, receiver) else {
            self.state = PeerState::Failed;
            return;
        };
        self.srtp = Some((sender, receiver));
        self.state = PeerState::Connected;
        self.counts.connected_at = Some(now);
        self.publisher.start(now);
    }

    fn handle_rtp(&mut self, context: &mut Context<'_>, came_at: Nanos, data: &mut [u8]) {
        let Some((sender, receiver)) = &mut self.srtp else {
            return self.count_early();
        };
        let is_taken = self
            .receiver
            .handle_rtp(context, came_at, data, receiver, sender);
        self.counts.refused += u64::from(!is_taken);
    }

    fn count_early(&mut self) {
        match self.state {
            PeerState::Handshaking => self.counts.early += 1,
            _ => self.counts.refused += 1,
        }
    }

    fn handle_rtcp(&mut self, context: &mut Context<'_>, came_at: Nanos, data: &mut [u8]) {
        let Some((sender, receiver)) = &mut self.srtp else {
            return self.count_early();
        };
        let Ok(length) = receiver.unprotect_rtcp(data) else {
            self.counts.refused += 1;
            return;
        };
        for packet in sfu_proto::rtcp::packets(&data[..length]).flatten() {
            self.receiver.handle_rtcp(came_at, &packet);
            self.publisher.handle_rtcp(context, &packet, sender);
        }
    }
}
