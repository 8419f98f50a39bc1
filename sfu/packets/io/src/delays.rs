//! How long packets are with us: from the kernel's receive stamp until they have been sent on.
//!
//! In come batches with what their packets had waited when they were filled, and the times of
//! their sending. One look at the clock a batch, two where one system call does not carry it; what
//! a full socket keeps waiting counts as sent (its age is in the snapshot by itself). It knows
//! neither a stream nor a socket.

use std::time::Instant;

use sfu_proto::command::MediaKind;
use sfu_proto::histogram::Histogram;
use sfu_proto::transmit::TransmitBatch;

/// What one sendmmsg carries ([`crate::system`]). Of more than that, half has left halfway.
const ONE_CALL: usize = 64;

/// Each packet to each subscriber counts once.
#[derive(Debug, Default)]
pub(crate) struct Delays {
    pub(crate) audio: Histogram,
    pub(crate) video: Histogram,
}

/// When the sending of a large batch began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sending(Option<Instant>);

impl Sending {
    pub(crate) fn begin(batch: &TransmitBatch) -> Self {
        Self((batch.transmits.len() > ONE_CALL).then(Instant::now))
    }

    /// When it left, in the middle of its packets.
    fn end(self, now: Instant) -> Instant {
        let began = self.0.unwrap_or(now);
        began + now.saturating_duration_since(began) / 2
    }
}

impl Delays {
    /// `filled`: when the batch was. It has just been sent.
    pub(crate) fn add(&mut self, filled: Instant, began: Sending, batch: &TransmitBatch) {
        if !batch.forwarded.is_empty() {
            self.count(filled, began.end(Instant::now()), batch);
        }
    }

    fn count(&mut self, filled: Instant, left: Instant, batch: &TransmitBatch) {
        let since_us = left.saturating_duration_since(filled).as_micros() as u64;
        for forwarded in &batch.forwarded {
            let histogram = match forwarded.kind {
                MediaKind::Audio => &mut self.audio,
                MediaKind::Video => &mut self.video,
            };
            histogram.add(forwarded.waited_us + since_us, forwarded.packets);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sfu_proto::transmit::Forwarded;

    use super::*;

    #[test]
    fn packets_count_with_what_they_waited_and_what_their_sending_took() {
        let filled = Instant::now();
        let forwarded = |kind, waited_us, packets| Forwarded {
            kind,
            waited_us,
            packets,
        };
        let batch = TransmitBatch {
            forwarded: vec![
                forwarded(MediaKind::Audio, 100, 1),
                forwarded(MediaKind::Video, 13_000, 200),
                forwarded(MediaKind::Video, 9_000, 100),
            ],
            ..TransmitBatch::default()
        };
        let mut delays = Delays::default();
        delays.count(filled, filled + Duration::from_micros(50), &batch);
        assert_eq!((delays.audio.count(), delays.video.count()), (1, 300));
        assert_eq!(delays.audio.sum(), Duration::from_micros(150));
        assert_eq!(
            delays.video.sum(),
            Duration::from_micros(200 * 13_050 + 100 * 9_050)
        );
    }

    #[test]
    fn a_batch_of_many_calls_has_left_halfway() {
        let began = Instant::now();
        let ended = began + Duration::from_millis(2);
        assert_eq!(
            Sending(Some(began)).end(ended),
            began + Duration::from_millis(1)
        );
        assert_eq!(Sending(None).end(ended), ended);
    }
}
