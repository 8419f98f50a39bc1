//! Every bound of the packet path, in one table. Beyond a bound: a counted drop.

use std::time::Duration;

/// Streams that one peer may send; RTX streams count.
pub(crate) const SSRCS_PER_TRANSPORT: usize = 64;
/// RTCP has a sender SSRC per receive m-line too (Firefox), and there may be 128 m-lines.
pub(crate) const SRTCP_STREAMS: usize = 256;
/// Packets of a stream, back from its newest, of which we know whether they came: one second of
/// 10 Mbit/s, so that a late retransmission is no replay. A multiple of 64.
pub(crate) const REPLAY_WINDOW: usize = 1024;
/// The same of RTCP, of which a stream has a few packets a second.
pub(crate) const REPLAY_WINDOW_RTCP: usize = 128;
/// Layers of one source: three simulcast encodings are common, RFC 8853 knows no bound.
pub(crate) const LAYERS_PER_SOURCE: usize = 8;

/// 5-tuples of one peer that are validated; the one checked longest ago makes room.
pub(crate) const TUPLES_PER_TRANSPORT: usize = 20;
/// Without an authenticated check for so long a peer is lost (RFC 7675 §5.1).
pub(crate) const CONSENT: Duration = Duration::from_secs(30);
/// As long as a browser itself tries before it calls ICE failed.
pub(crate) const CONNECT: Duration = Duration::from_secs(30);
/// Unauthenticated requests that are answered, a second and source.
pub(crate) const STUN_ANSWERS: u8 = 10;
/// No check is longer: a username of 513 bytes (RFC 8489 §14.3) leaves room to spare.
pub(crate) const STUN_BYTES: usize = 1280;

/// DTLS datagrams that wait for Python, per transport: in the protocol's queue, and as many that
/// are handed over already.
pub const DTLS_WAITING: u16 = 64;
/// A DTLS flight is cut to the path MTU; a datagram of more is no handshake.
pub(crate) const DTLS_DATAGRAM: usize = 2048;
/// Answers to STUN, DTLS and BYE that wait for the socket, in bytes.
pub(crate) const REPLY_BYTES: usize = 1 << 20;

/// Packets held for retransmission per layer: 1.7 s of a 2.5 Mbit/s stream.
pub(crate) const CACHE_PACKETS: usize = 512;
/// A retransmission later than this comes too late for an interactive player.
pub(crate) const CACHE_AGE: Duration = Duration::from_secs(1);
/// Received packets that wait to be forwarded while the socket is full.
pub(crate) const PENDING_PACKETS: usize = 8192;
/// Video that has waited so long to be forwarded is left out, and begins anew at a keyframe.
pub(crate) const VIDEO_LATE: Duration = Duration::from_millis(150);
/// The picture on stage goes on for as long again, nearly: by then all others are left out.
pub(crate) const STAGE_LATE: Duration = Duration::from_millis(250);
/// Audio is left out last: no jitter buffer waits longer.
pub(crate) const AUDIO_LATE: Duration = Duration::from_millis(400);
/// Where more waits for its turn on a narrow way, whole frames are left out. Half of libwebrtc's
/// kMaxExpectedQueueLength, and what is a second old is sent again to nobody either; a keyframe
/// of 60 kB takes half of it at 1 Mbit/s.
pub(crate) const PACED_LONGEST: Duration = Duration::from_secs(1);
/// And so many bytes: keyframes of 25 tiles. A frame that has begun may double it.
pub(crate) const PACED_BYTES: usize = 2 << 20;
/// RTCP datagrams and retransmissions that wait while the socket is full.
pub(crate) const PENDING_CONTROL: usize = 16384;

/// Packets of one layer that we ask its publisher for at once.
pub(crate) const MISSING_PACKETS: usize = 256;
/// A hole wider than this is an outage: ask for a keyframe, not for packets.
pub(crate) const NACK_GAP: i64 = 128;
pub(crate) const NACK_TRIES: u8 = 10;
/// Reordering on the link is this short nearly always; asking earlier asks for nothing.
pub(crate) const NACK_DELAY: Duration = Duration::from_millis(5);
/// Least time before asking for, or sending, a packet again, however short the reported round trip.
pub(crate) const NACK_SPACING: Duration = Duration::from_millis(20);
/// Round trip until a report tells.
pub(crate) const DEFAULT_ROUND_TRIP: Duration = Duration::from_millis(100);
/// What one subscriber may have sent again: this share of what it is sent, in percent. Losses
/// above it are congestion, which more packets make worse.
pub(crate) const RESENT_PERCENT: u64 = 15;
/// And so many bytes at once: an outage of 400 ms in 25 tiles of 10 Mbit/s together.
pub(crate) const RESENT_BURST: u64 = 512 * 1024;
/// Reports, NACKs and keyframe requests of one peer that are passed on. 128 slots reported on
/// twice a second are an eighth of it.
pub(crate) const REPORTS_A_SECOND: u64 = 2000;
/// And so many at once: a compound packet for each slot, some times over.
pub(crate) const REPORTS_BURST: u64 = 4000;
/// Sound of one publisher, all its sources: two of 510 kbit/s, each twice as RED has it.
pub(crate) const AUDIO_BITRATE: u64 = 2_000_000;
/// What a packet counts towards a publisher's ceiling at least: forwarding costs by the packet,
/// and 20 Mbit/s of empty ones would be as many as 400 Mbit/s of full ones.
pub(crate) const PACKET_BYTES: usize = 500;
/// Sequence numbers taken from one received NACK packet.
pub(crate) const NACKED_PER_PACKET: usize = 256;

/// Packets that one received transport-wide feedback may tell of: as many as are remembered.
pub(crate) const FEEDBACK_PACKETS: usize = 4096;

/// Keyframe requests upstream per layer: sustained, at once, and the least distance.
pub(crate) const KEYFRAME_REFILL: Duration = Duration::from_secs(1);
pub(crate) const KEYFRAME_BURST: u32 = 3;
pub(crate) const KEYFRAME_DISTANCE: Duration = Duration::from_millis(300);
/// What one costs that is asked for newcomers alone, of [`KEYFRAME_REFILL`]: they share it with
/// those who come meanwhile, so that ten seconds of a storm take ten, its burst counted in.
pub(crate) const KEYFRAME_SHARED: Duration = Duration::from_millis(1300);

/// RFC 8843 §15.2: the mid goes along until the first report shows that it came, or for this
/// many packets.
pub(crate) const MID_PACKETS: u32 = 100;

/// Kernel's UDP_MAX_SEGMENTS was 64 until Linux 6.9.
pub(crate) const RUN_SEGMENTS: usize = 64;
/// A run is one IP packet to the kernel: below 65535 less headers.
pub(crate) const RUN_BYTES: usize = 65_000;
/// Gap that padding may close: 9.0 instead of 2.25 packets a run with Chromium's sizes.
pub(crate) const RUN_PADDING: usize = 16;

/// What a header and SRTP add to a payload at most, roughly: a frame of many packets leaves
/// in parts that are one run each.
pub(crate) const RUN_OVERHEAD: usize = 64;
/// Packets go on as they arrive for so long after a viewer without headroom was last served.
pub(crate) const ARRIVALS_WANTED: Duration = Duration::from_secs(2);

/// Reports each second (RFC 3550 §6.2 allows it at these rates), feedback more often.
pub(crate) const REPORT_INTERVAL: Duration = Duration::from_secs(1);
pub(crate) const TRANSPORT_FEEDBACK_INTERVAL: Duration = Duration::from_millis(50);
/// Packets in one transport-wide feedback.
pub(crate) const TRANSPORT_FEEDBACK_PACKETS: usize = 512;

/// A simulcast layer without packets for so long is inactive.
pub(crate) const LAYER_SILENCE: Duration = Duration::from_secs(1);
/// A video source without packets for so long is silent.
pub(crate) const SOURCE_SILENCE: Duration = Duration::from_secs(2);
