//! What the packet path tells Python: events go up in batches, packets never do.

use std::net::SocketAddr;

use crate::allocator::Reason;
use crate::command::Codec;
use crate::ids::{RoomId, SlotId, SourceId, TransportId};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostReason {
    /// No authenticated Binding request for 30 s (RFC 7675 §5.1).
    ConsentExpired,
    /// Never nominated within the deadline after [`crate::command::Command::AddTransport`].
    NeverConnected,
    /// The worker that served it has died; another may serve its next transport.
    WorkerFailed,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// First nomination. Python starts or continues DTLS towards it.
    TransportConnected {
        transport: TransportId,
        remote: SocketAddr,
    },
    /// A later nomination moved the peer (new network, NAT rebinding, ICE restart).
    TransportMoved {
        transport: TransportId,
        remote: SocketAddr,
    },
    TransportLost {
        transport: TransportId,
        reason: LostReason,
    },
    /// One DTLS datagram from a validated tuple, in order of arrival. At most 64 wait per
    /// transport; more are counted drops.
    DtlsReceived {
        transport: TransportId,
        datagram: Vec<u8>,
    },
    /// The layers that carry packets, highest first, changed; empty: the source went silent
    /// (video only: no packet for 2 s). Learned from packets, never from SDP.
    SourceLayersChanged {
        source: SourceId,
        codec: Codec,
        /// Indices into the source's rids.
        layers: Vec<u8>,
    },
    /// The slot's stream now comes from `source` (its keyframe has been sent), or from nothing.
    SlotSwitched {
        slot: SlotId,
        source: Option<SourceId>,
    },
    /// The slot has no payload type for what the source sends.
    SlotUndecodable {
        slot: SlotId,
        source: SourceId,
        codec: Codec,
    },
    /// How the slot's picture was fitted to what its subscriber's way carries: whether it is off,
    /// and why it is not better. It goes away by itself.
    SlotAdapted {
        slot: SlotId,
        source: SourceId,
        is_off: bool,
        reason: Option<Reason>,
        /// The best layer that its way lets through, where that is not what it is told to show.
        layer: Option<u8>,
    },
    /// Which source each audio position carries. Stable: a source keeps its position while it
    /// stays among the loudest.
    AudioPositionsChanged {
        room: RoomId,
        positions: Vec<Option<SourceId>>,
    },
    /// The one who speaks now (RFC 6464 levels with hysteresis); keeps the last when all fall silent.
    DominantSpeakerChanged {
        room: RoomId,
        source: Option<SourceId>,
    },
    /// Voice activity of one source, with hysteresis (about 200 ms on, 800 ms off).
    SpeakingChanged { source: SourceId, speaking: bool },
    /// A worker has died of `reason` with the subscribers that it served; the others go on.
    WorkerFailed { worker: usize, reason: String },
}
