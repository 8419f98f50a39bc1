//! What Python tells the packet path: commands go down, and never block on an answer.

use crate::ids::{RoomId, SlotId, SourceId, TransportId};

/// Credentials of one ICE generation (RFC 8445 §5.3). We are the lite agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceCredentials {
    pub local_ufrag: String,
    pub local_password: String,
    pub remote_ufrag: String,
    pub remote_password: String,
}

/// RTP header extensions that the packet path understands (RFC 8285), by meaning.
/// A peer's negotiated ids are in [`Command::AddTransport`]; ids are the same on all
/// m-lines of a bundle (RFC 8843 §8), and for both directions (RFC 8285 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extension {
    Mid,
    Rid,
    RepairedRid,
    AudioLevel,
    AbsoluteSendTime,
    TransportSequenceNumber,
    AbsoluteCaptureTime,
    PlayoutDelay,
    VideoOrientation,
    DependencyDescriptor,
    VideoLayersAllocation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaKind {
    Audio,
    Video,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    Opus,
    /// RFC 2198 redundancy, Opus inside.
    Red,
    Pcmu,
    Pcma,
    G722,
    Vp8,
    Vp9,
    H264,
    H265,
    Av1,
}

/// One codec on one m-line, as negotiated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodecParameters {
    pub codec: Codec,
    pub payload_type: u8,
    /// RFC 4588 payload type whose `apt` is `payload_type`.
    pub rtx_payload_type: Option<u8>,
    pub clock_rate: u32,
    /// Two entries are the same codec for forwarding only when this string is the same:
    /// what of `fmtp` matters to a decoder (H.264 `profile-level-id` class and
    /// `packetization-mode`; VP9 `profile-id`), canonical; empty where nothing does.
    pub format: String,
    pub nack: bool,
    pub pli: bool,
    pub fir: bool,
    pub transport_cc: bool,
    /// RFC 8888 feedback, where there is no transport-wide one.
    pub ccfb: bool,
    pub remb: bool,
}

/// A peer's published track (its send m-line).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceParameters {
    pub transport: TransportId,
    pub mid: String,
    pub kind: MediaKind,
    pub codecs: Vec<CodecParameters>,
    /// Simulcast rids from the highest layer to the lowest (RFC 8853); empty without simulcast.
    pub rids: Vec<String>,
    /// SSRCs announced by `a=ssrc`, with the RTX SSRC of a `FID` group.
    pub announced: Vec<AnnouncedSsrc>,
    /// The room whose audio positions this source competes for (audio only).
    pub room: Option<RoomId>,
    /// Text is read, not looked at: where not all fits it is sharp before it is smooth.
    pub is_screen: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnnouncedSsrc {
    pub ssrc: u32,
    pub rtx_ssrc: Option<u32>,
}

/// A peer's receive m-line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotParameters {
    pub transport: TransportId,
    pub mid: String,
    pub kind: MediaKind,
    pub codecs: Vec<CodecParameters>,
    pub ssrc: u32,
    pub rtx_ssrc: Option<u32>,
    pub cname: String,
    /// `Some`: an audio slot that follows this position of the room's loudest speakers
    /// (never its own participant's source). `None`: shows what [`Command::Show`] says.
    pub follows: Option<(RoomId, u8)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SrtpProfile {
    /// RFC 7714.
    AeadAes128Gcm,
    /// RFC 3711.
    Aes128CmHmacSha1_80,
}

#[derive(Clone, PartialEq, Eq)]
pub struct SrtpKeys {
    pub profile: SrtpProfile,
    /// Master key, then master salt, of what we send.
    pub local: (Vec<u8>, Vec<u8>),
    /// Master key, then master salt, of what the peer sends.
    pub remote: (Vec<u8>, Vec<u8>),
}

#[derive(Clone, Debug)]
pub enum Command {
    AddTransport {
        transport: TransportId,
        ice: IceCredentials,
        extensions: Vec<(u8, Extension)>,
    },
    /// ICE restart (RFC 8445 §9): the old generation stays valid until the new one nominates.
    RestartIce {
        transport: TransportId,
        ice: IceCredentials,
    },
    /// DTLS finished: from now on SRTP from the validated tuple is accepted, and slots send.
    SetKeys {
        transport: TransportId,
        keys: SrtpKeys,
    },
    /// One DTLS datagram to the nominated tuple.
    SendDtls {
        transport: TransportId,
        datagram: Vec<u8>,
    },
    /// Renegotiation may bring extensions that the first offer had not.
    SetExtensions {
        transport: TransportId,
        extensions: Vec<(u8, Extension)>,
    },
    /// Whether the way to a subscriber carries twice of what it is sent: then it gets video
    /// frame by frame, which costs less; else packet by packet, as the publisher paced them.
    /// True until said otherwise.
    SetHeadroom {
        transport: TransportId,
        has_headroom: bool,
    },
    /// What a subscriber is sent of pictures at most, whatever its way carries; voices are not
    /// counted. No cap until said otherwise.
    SetCap {
        transport: TransportId,
        cap_bps: Option<u64>,
    },
    /// Sends BYE for its slots, then forgets the transport, its sources and its slots.
    RemoveTransport {
        transport: TransportId,
    },

    AddSource {
        source: SourceId,
        parameters: SourceParameters,
    },
    /// False: packets are received and counted but not forwarded (a moderator's mute).
    SetForwarding {
        source: SourceId,
        forwarding: bool,
    },
    RemoveSource {
        source: SourceId,
    },

    AddSlot {
        slot: SlotId,
        parameters: SlotParameters,
    },
    /// From the source's next keyframe on (audio: at once) the slot shows `source`.
    /// `layer`: index into the source's rids, 0 the highest; the nearest active layer
    /// at or below is taken while that one is not active, else the nearest above.
    Show {
        slot: SlotId,
        source: Option<SourceId>,
        layer: u8,
    },
    /// The publisher was told to leave out the layers above `top` (0 the highest), which nobody is
    /// sent: that they are silent says nothing of what they could be. 0 until said otherwise.
    SetWanted {
        source: SourceId,
        top: u8,
    },
    /// Whether the slot shows what its subscriber looks at: of video, that is left out last
    /// when sending falls behind. False until said otherwise.
    SetStage {
        slot: SlotId,
        is_stage: bool,
    },
    RemoveSlot {
        slot: SlotId,
    },

    /// `positions`: the number of audio sources forwarded at once.
    AddRoom {
        room: RoomId,
        positions: u8,
    },
    RemoveRoom {
        room: RoomId,
    },
}

impl std::fmt::Debug for SrtpKeys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Keys never reach a log.
        formatter
            .debug_struct("SrtpKeys")
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}
