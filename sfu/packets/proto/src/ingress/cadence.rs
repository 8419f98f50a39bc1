//! When the frames of one stream came, each by its first packet, and when they were sampled.
//!
//! In go RTP timestamps and the kernel's receive stamps; out come jitter, frame rate, pauses that
//! the publisher did not make and, from its clock, the delay since capture. Only what came by
//! itself counts: repairs, padding and the later packets of a frame tell of pacing, not of the way.

use crate::jitter::Jitter;
use crate::meter::Meter;

/// A pause is a freeze where it is longer than three frames and by this longer than one, as
/// receivers count them (W3C webrtc-stats, freezeCount).
const FREEZE_US: f64 = 150_000.0;
/// No queue on the way holds packets for longer; who mutes may stop its timestamps, too.
const LONGEST_HELD_US: f64 = 5e6;
/// Frames after which their usual distance is known.
const KNOWN_FRAMES: u32 = 10;

#[derive(Clone, Copy, Debug)]
pub(super) struct FrameStart {
    pub(super) timestamp: u32,
    pub(super) clock_rate: u32,
    pub(super) came_us: i64,
    /// Packets of the stream that have not come so far.
    pub(super) missing: u64,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Cadence {
    jitter: Jitter,
    last: Option<FrameStart>,
    /// The last frame's timestamp as a time that does not wrap.
    sampled_us: i64,
    /// The usual distance of frames, and of how many that is.
    interval_us: f64,
    known: u32,
    meter: Meter,
    pub(super) freezes: u64,
    pub(super) frozen_us: u64,
    /// By the last sender report: an RTP timestamp and its NTP time.
    report: Option<(u32, u64)>,
    /// Arrival less the publisher's own time of capture; of its clock, smoothed.
    capture_us: Option<f64>,
}

impl Cadence {
    /// A frame's first packet has come by itself. False: it looks like one, and is not.
    pub(super) fn begin_frame(&mut self, frame: FrameStart) -> bool {
        if let Some(last) = self.last {
            if last.timestamp == frame.timestamp {
                return false;
            }
            let ticks = frame.timestamp.wrapping_sub(last.timestamp) as i32;
            let media_us = i64::from(ticks) * 1_000_000 / i64::from(frame.clock_rate.max(1));
            self.sampled_us += media_us;
            self.note_pause(&last, &frame, media_us as f64);
        }
        self.jitter.add(self.sampled_us, frame.came_us);
        self.last = Some(frame);
        true
    }

    /// A pause is the publisher's where its timestamps know of it and nothing is missing.
    fn note_pause(&mut self, last: &FrameStart, frame: &FrameStart, media_us: f64) {
        let gap_us = (frame.came_us - last.came_us) as f64;
        let limit = (3.0 * self.interval_us).max(self.interval_us + FREEZE_US);
        let held_us = gap_us - media_us;
        let was_held = held_us > FREEZE_US && held_us < LONGEST_HELD_US;
        let is_late = was_held || frame.missing > last.missing;
        if self.known >= KNOWN_FRAMES && gap_us > limit && is_late {
            self.freezes += 1;
            self.frozen_us += gap_us as u64;
        }
        if media_us > 0.0 && media_us < 1_000_000.0 {
            self.known = self.known.saturating_add(1);
            let weight = f64::from(self.known.min(16));
            self.interval_us += (media_us - self.interval_us) / weight;
        }
    }

    /// Counts a frame, whichever packet of it came first.
    pub(super) fn count(&mut self, now_ms: u64) {
        self.meter.add(now_ms, 1);
    }

    /// Other clocks follow.
    pub(super) fn begin_anew(&mut self) {
        self.last = None;
        self.jitter.begin_anew();
        self.known = 0;
        self.interval_us = 0.0;
        self.capture_us = None;
        self.report = None;
    }

    /// The publisher's clocks, by its sender report.
    pub(super) fn sampled(&mut self, timestamp: u32, ntp: u64) {
        self.report = Some((timestamp, ntp));
    }

    /// When a timestamp was sampled, by the publisher's NTP clock.
    pub(super) fn ntp_of(&self, timestamp: u32, clock_rate: u32) -> Option<u64> {
        let (known, ntp) = self.report?;
        let ticks = i64::from(timestamp.wrapping_sub(known) as i32);
        let since = (i128::from(ticks) << 32) / i128::from(clock_rate.max(1));
        Some(ntp.wrapping_add(since as u64))
    }

    /// `us` is arrival on our clock less capture on the publisher's. One that was set begins anew.
    pub(super) fn captured(&mut self, us: i64) {
        let us = us as f64;
        let known = self.capture_us.filter(|known| (us - known).abs() < 1e6);
        self.capture_us = Some(known.map_or(us, |known| known + (us - known) / 8.0));
    }

    pub(super) fn capture_us(&self) -> Option<f64> {
        self.capture_us
    }

    pub(super) fn jitter_s(&self) -> f64 {
        self.jitter.us() / 1e6
    }

    pub(super) fn jitter_ticks(&self, clock_rate: u32) -> u32 {
        (self.jitter_s() * f64::from(clock_rate)) as u32
    }

    pub(super) fn frames_per_second(&self, now_ms: u64) -> f64 {
        self.meter.bits_per_second(now_ms) as f64 / 8.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames of 33 ms; each `(distance in time of sampling, of arrival, packets missing so far)`.
    fn after(frames: &[(i64, i64, u64)]) -> Cadence {
        let mut cadence = Cadence::default();
        let (mut sampled, mut came_us) = (u32::MAX - 90_000, 5_000_000);
        let usual = vec![(33, 33, 0); 30];
        for &(media_ms, gap_ms, missing) in usual.iter().chain(frames) {
            sampled = sampled.wrapping_add((media_ms * 90) as u32);
            came_us += gap_ms * 1000;
            cadence.begin_frame(FrameStart {
                timestamp: sampled,
                clock_rate: 90_000,
                came_us,
                missing,
            });
        }
        cadence
    }

    #[test]
    fn what_was_kept_from_us_is_a_freeze_and_a_pause_of_the_publishers_is_none() {
        assert_eq!(after(&[(33, 33, 0)]).freezes, 0);
        assert_eq!(after(&[(1000, 1000, 0)]).freezes, 0, "still pictures");
        assert_eq!(after(&[(30_000, 30_000, 0)]).freezes, 0, "muted");
        let held = after(&[(33, 500, 0)]);
        assert_eq!((held.freezes, held.frozen_us), (1, 500_000));
        let lost = after(&[(495, 495, 40)]);
        assert_eq!((lost.freezes, lost.frozen_us), (1, 495_000));
        assert_eq!(after(&[(99, 99, 3)]).freezes, 0, "two frames are no freeze");
    }

    #[test]
    fn a_long_pause_is_no_jitter() {
        assert_eq!(after(&[(30_000, 30_000, 0), (33, 33, 0)]).jitter_s(), 0.0);
        assert_eq!(after(&[(33, 30_000, 0), (33, 33, 0)]).jitter_s(), 0.0);
    }

    #[test]
    fn capture_is_followed_and_a_set_clock_at_once() {
        let mut cadence = Cadence::default();
        for _ in 0..100 {
            cadence.captured(40_000);
        }
        assert_eq!(cadence.capture_us(), Some(40_000.0));
        cadence.captured(-90_000_000);
        assert_eq!(cadence.capture_us(), Some(-90_000_000.0));
    }
}
