//! The world of one call into a peer: the time, where datagrams go, and what is measured.

use crate::histogram::Histogram;
use crate::outbox::Outbox;
use crate::time::{Epoch, Nanos};

/// What all peers of a worker add to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measures {
    /// From the sending of a frame's last packet to the coming of the last that was missing.
    pub(crate) frame_delay: Histogram,
    /// From the sending of a frame's first packet to the same moment: when it can be decoded.
    pub(crate) frame_total: Histogram,
    pub(crate) audio_delay: Histogram,
    /// From the kernel's time stamp to our reading, of the peers that have time stamps.
    pub(crate) reading_late: Histogram,
    /// From the time when a packet should be sent to when it was.
    pub(crate) sending_late: Histogram,
}

impl Measures {
    pub(crate) fn add(&mut self, other: &Self) {
        self.frame_delay.add(&other.frame_delay);
        self.frame_total.add(&other.frame_total);
        self.audio_delay.add(&other.audio_delay);
        self.reading_late.add(&other.reading_late);
        self.sending_late.add(&other.sending_late);
    }
}

/// The world of one call into a peer.
pub(crate) struct Context<'a> {
    pub(crate) now: Nanos,
    pub(crate) epoch: &'a Epoch,
    pub(crate) out: &'a mut Outbox,
    pub(crate) measures: &'a mut Measures,
}
