//! RTCP as bytes: compound and reduced-size packets, read and written.
//!
//! Reading iterates over borrowed slices and refuses what contradicts its own lengths
//! (RFC 3550 §6, RFC 3611, RFC 4585 §6, RFC 5104 §4.3.1, RFC 8888 §3.1,
//! draft-alvestrand-rmcat-remb, draft-holmer-rmcat-transport-wide-cc-extensions). Knows no stream and no peer.

mod congestion_feedback;
mod extended;
mod read;
mod transport_feedback;
mod write;

pub use congestion_feedback::{
    Acknowledgement, CongestionFeedback, StreamArrivals, StreamFeedback, write_congestion_feedback,
};
pub use extended::{
    ExtendedBlock, ExtendedBlocks, SinceReference, write_reference_time, write_since_reference,
};
pub use read::{MalformedRtcp, NackList, Packet, ReportBlock, ReportBlocks, Ssrcs, packets};
pub use transport_feedback::{TransportFeedback, write_transport_feedback};
pub use write::{
    SenderInfo, write_bye, write_fir, write_nack, write_pli, write_receiver_report, write_remb,
    write_sender_report, write_source_description,
};

pub(crate) const SENDER_REPORT: u8 = 200;
pub(crate) const RECEIVER_REPORT: u8 = 201;
pub(crate) const SOURCE_DESCRIPTION: u8 = 202;
pub(crate) const BYE: u8 = 203;
pub(crate) const TRANSPORT_LAYER: u8 = 205;
pub(crate) const PAYLOAD_SPECIFIC: u8 = 206;
pub(crate) const EXTENDED_REPORT: u8 = 207;

pub(crate) const FORMAT_NACK: u8 = 1;
pub(crate) const FORMAT_CONGESTION_FEEDBACK: u8 = 11;
pub(crate) const FORMAT_TRANSPORT_FEEDBACK: u8 = 15;
pub(crate) const FORMAT_PLI: u8 = 1;
pub(crate) const FORMAT_FIR: u8 = 4;
pub(crate) const FORMAT_APPLICATION: u8 = 15;

#[cfg(test)]
mod tests;
