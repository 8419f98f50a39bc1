//! Why a datagram or packet went no further. Every drop has a name and a counter.

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $label:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum DropReason { $($(#[$doc])* $name,)* }

        impl DropReason {
            pub const ALL: &'static [DropReason] = &[$(DropReason::$name,)*];

            /// The label of the exported counter.
            pub fn label(self) -> &'static str {
                match self { $(DropReason::$name => $label,)* }
            }
        }
    };
}

reasons! {
    /// First byte in no range of RFC 7983 §7, or too short.
    NotDemultiplexed = "not_demultiplexed",
    StunMalformed = "stun_malformed",
    /// Username of no transport here.
    StunUnknownUser = "stun_unknown_user",
    /// MESSAGE-INTEGRITY does not verify.
    StunUnauthenticated = "stun_unauthenticated",
    StunRateLimited = "stun_rate_limited",
    /// STUN class or method that a lite agent has no use for.
    StunUnexpected = "stun_unexpected",
    /// An authentic check that is answered with an error: an attribute that we do not know
    /// (420), a peer that believes to be controlled (487).
    StunRefused = "stun_refused",
    /// DTLS, RTP or RTCP from a 5-tuple without a validated check.
    UnknownTuple = "unknown_tuple",
    DtlsQueueFull = "dtls_queue_full",
    /// Larger than any handshake's, or than one datagram can be.
    DtlsTooLarge = "dtls_too_large",
    /// RTP or RTCP, from a peer or for it, before DTLS finished.
    NoKeys = "no_keys",
    RtpMalformed = "rtp_malformed",
    RtcpMalformed = "rtcp_malformed",
    SrtpAuthentication = "srtp_authentication",
    SrtpReplayed = "srtp_replayed",
    /// No m-line claims this SSRC.
    UnknownSsrc = "unknown_ssrc",
    TooManySsrcs = "too_many_ssrcs",
    UnknownPayloadType = "unknown_payload_type",
    PayloadMalformed = "payload_malformed",
    /// A packet that an RTX or duplicate already brought.
    Duplicate = "duplicate",
    /// Carries padding only (RFC 3550 §5.1); nothing to forward.
    PaddingOnly = "padding_only",
    /// The source is muted by a moderator.
    NotForwarding = "not_forwarding",
    /// Video of a publisher that sends far more than the ceiling for long, or more sound than
    /// any codec makes.
    OverBitrate = "over_bitrate",
    /// For one subscriber: from before the packet with which its slot began.
    Late = "late",
    /// An RTX packet whose original is unknown or malformed.
    RtxUnmatched = "rtx_unmatched",
    /// A NACKed packet that is no longer stored.
    NackTooOld = "nack_too_old",
    /// A NACKed packet of a picture from before a keyframe that went out since.
    NackSuperseded = "nack_superseded",
    /// A NACKed packet sent too often, or again within a round trip.
    NackLimited = "nack_limited",
    /// A NACKed packet beyond the share of its bitrate that a subscriber may have sent again.
    NackOverBudget = "nack_over_budget",
    /// For a peer that is gone, or has nominated no way to it yet.
    NoPath = "no_path",
    /// RTCP of a peer that reports more than anybody needs, or what is left of it.
    TooManyReports = "too_many_reports",
    /// Transport-wide feedback that tells of nothing that was sent, or of what was told before.
    FeedbackUnmatched = "feedback_unmatched",
    /// A worker has not kept up: it is not given a burst, or a report.
    WorkerBehind = "worker_behind",
    /// The socket was full for longer than the send queue's bound.
    SendQueueFull = "send_queue_full",
    /// For one subscriber: the sender fell behind, and small pictures are the first to go.
    VideoShed = "video_shed",
    /// For one subscriber: the sender fell further behind, and the picture on stage goes too.
    StageShed = "stage_shed",
    /// For one subscriber: the sender fell so far behind that audio came too late.
    AudioShed = "audio_shed",
    /// For one subscriber whose way is narrow: a frame for which too much waited already.
    PacerFull = "pacer_full",
    SendFailed = "send_failed",
    /// Datagram larger than the receive buffer.
    Truncated = "truncated",
}

/// One counter a reason.
#[derive(Clone, Debug)]
pub struct DropCounters([u64; DropReason::ALL.len()]);

impl Default for DropCounters {
    fn default() -> Self {
        Self([0; DropReason::ALL.len()])
    }
}

impl DropCounters {
    pub fn count(&mut self, reason: DropReason) {
        self.add(reason, 1);
    }

    pub fn add(&mut self, reason: DropReason, packets: u64) {
        self.0[reason as usize] += packets;
    }

    pub fn get(&self, reason: DropReason) -> u64 {
        self.0[reason as usize]
    }

    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL
            .iter()
            .map(|&reason| (reason, self.get(reason)))
    }
}
