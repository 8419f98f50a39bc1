//! Clusters of padding that find out, in one round trip, whether more would go through.
//!
//! A cluster leaves as one train, and what it is spread to on its way is the rate of the
//! narrowest link. It is as many bytes as its rate carries in 15 ms, so that it queues for
//! little even where the link is many times slower.

/// Bytes of a cluster: so long at its rate (libwebrtc `probe_controller.cc`, 15 ms).
const TRAIN_S: f64 = 0.015;
const FEWEST_PACKETS: u32 = 5;
/// A packet of padding alone: 255 bytes (RFC 3550 §5.1), header, extensions and tag; the least
/// is a narrow link's.
const PADDING_BYTES: (u32, u32) = (80, 290);
/// The first two, times the first estimate; later ones, times the estimate (same place; a
/// cluster that went through whole is followed by one of [`STEP_ON`]).
const FIRST: [f64; 2] = [3.0, 6.0];
const STEP: f64 = 2.0;
const STEP_ON: f64 = 3.0;
/// So much of the goal is reached for another cluster to follow (same place, 0.7).
const GOES_ON: f64 = 0.7;
/// Of what is measured, as the target (libwebrtc `probe_bitrate_estimator.cc`, 0.95).
const TARGET: f64 = 0.95;
/// So many of a cluster's packets must arrive (same place, 0.8).
const ARRIVED: f64 = 0.8;
/// How often more is tried for. The goal is the top layer within 5 s of a step up, of which the
/// allocator and the keyframe take one.
const INTERVAL_US: i64 = 2_500_000;
/// Where nobody answers: 6 kbit/s.
const KNOCK_US: i64 = 500_000;
/// However fast the way was, into silence goes what every way carries.
const KNOCK_BPS: f64 = 64_000.0;
/// Clusters are this far apart at the least, whatever the feedback to them promises.
const APART_US: i64 = 100_000;
/// Where what a probe promised was not so (traffic beside, a shaper that lets bursts through),
/// the same promise is not believed for a while, longer each time. A lower one is another: a link
/// that got narrow contradicts what was right, and would else be taken for what it is not.
const DISBELIEF_US: (i64, i64) = (5_000_000, 40_000_000);
const SAME: f64 = 1.25;
/// And after a drop: the queue is empty by then, and may have been a passing one.
const AFTER_DROP_US: i64 = 1_000_000;
/// Over-use so soon after a probe contradicts it.
const CONTRADICTED_US: i64 = 4_000_000;
/// A result is waited for so long beyond the round trip.
const PATIENCE_US: i64 = 600_000;

/// What the caller shall send, all at once, and name in [`super::Sent::cluster`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeCluster {
    pub id: u8,
    pub goal_bps: u64,
    pub packets: u32,
    /// Of each packet on the wire, about.
    pub packet_bytes: u32,
}

#[derive(Debug)]
struct Open {
    id: u8,
    goal_bps: f64,
    began_us: i64,
    sent: u32,
    received: u32,
    bytes: u64,
    first_bytes: u64,
    arrivals: Option<(i64, i64)>,
}

#[derive(Debug)]
pub(super) struct Probes {
    open: Option<Open>,
    last_id: u8,
    first: usize,
    /// Goal of a cluster that shall follow at once.
    follow_bps: Option<f64>,
    next_us: i64,
    last_began_us: i64,
    /// When and to what a result has raised the target, until that is confirmed.
    raised: Option<(i64, f64)>,
    /// Not believed, and until when.
    disbelieved: Option<(f64, i64)>,
    disbelief_us: i64,
}

impl Probes {
    pub(super) fn new() -> Self {
        Self {
            open: None,
            last_id: 0,
            first: 0,
            follow_bps: None,
            next_us: 0,
            last_began_us: i64::MIN,
            raised: None,
            disbelieved: None,
            disbelief_us: DISBELIEF_US.0,
        }
    }

    /// The next cluster, where more is wanted than is known to go through.
    pub(super) fn next(
        &mut self,
        now_us: i64,
        target: f64,
        wanted: f64,
        round_trip_us: i64,
    ) -> Option<ProbeCluster> {
        if let Some(open) = &self.open {
            if now_us < open.began_us + round_trip_us + PATIENCE_US {
                return None;
            }
            self.open = None;
        }
        if target >= wanted {
            self.follow_bps = None;
            return None;
        }
        if now_us < self.last_began_us.saturating_add(APART_US) {
            return None;
        }
        let goal = match (self.follow_bps.take(), FIRST.get(self.first)) {
            (Some(goal), _) => goal,
            (None, Some(times)) => target * times,
            (None, None) if now_us >= self.next_us => target * STEP,
            (None, None) => return None,
        };
        self.first += 1;
        self.next_us = now_us + INTERVAL_US;
        // A little above what is wanted, or the result would always fall short of it.
        Some(self.begin(now_us, goal.min(wanted * 1.2)))
    }

    pub(super) fn do_not_follow(&mut self) {
        self.follow_bps = None;
    }

    pub(super) fn next_us(&self) -> i64 {
        self.next_us
    }

    /// A few small packets into the silence.
    pub(super) fn knock(&mut self, now_us: i64, target: f64) -> Option<ProbeCluster> {
        if now_us < self.next_us {
            return None;
        }
        self.next_us = now_us + KNOCK_US;
        Some(self.begin(now_us, target.min(KNOCK_BPS)))
    }

    fn begin(&mut self, now_us: i64, goal_bps: f64) -> ProbeCluster {
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        self.last_began_us = now_us;
        self.open = Some(Open {
            id: self.last_id,
            goal_bps,
            began_us: now_us,
            sent: 0,
            received: 0,
            bytes: 0,
            first_bytes: 0,
            arrivals: None,
        });
        let bytes = (goal_bps * TRAIN_S / 8.0) as u32;
        let packet_bytes = (bytes / FEWEST_PACKETS).clamp(PADDING_BYTES.0, PADDING_BYTES.1);
        ProbeCluster {
            id: self.last_id,
            goal_bps: goal_bps as u64,
            packets: (bytes / packet_bytes).max(FEWEST_PACKETS),
            packet_bytes,
        }
    }

    pub(super) fn sent(&mut self, cluster: u8) {
        if let Some(open) = self.open.as_mut().filter(|open| open.id == cluster) {
            open.sent += 1;
        }
    }

    pub(super) fn received(&mut self, cluster: u8, arrived_us: i64, bytes: u64) {
        let Some(open) = self.open.as_mut().filter(|open| open.id == cluster) else {
            return;
        };
        open.received += 1;
        open.bytes += bytes;
        open.first_bytes = open.first_bytes.max(bytes);
        let (first, last) = open.arrivals.unwrap_or((arrived_us, arrived_us));
        open.arrivals = Some((first.min(arrived_us), last.max(arrived_us)));
    }

    /// After each feedback: the rate that a cluster has shown.
    pub(super) fn result(&mut self, now_us: i64, wanted: f64) -> Option<f64> {
        let open = self.open.as_ref()?;
        let needed = f64::from(open.sent) * ARRIVED;
        if open.sent < FEWEST_PACKETS || f64::from(open.received) < needed {
            return None;
        }
        let (first, last) = open.arrivals?;
        // The first packet's bytes were there when the spread began (packet-train dispersion).
        let bits = open.bytes.saturating_sub(open.first_bytes) as f64 * 8.0;
        let measured = bits * 1e6 / (last - first).max(1) as f64;
        let goal = open.goal_bps;
        let shown = measured.min(goal);
        self.open = None;
        if shown >= goal * GOES_ON && shown < wanted {
            let times = if shown >= goal * TARGET {
                STEP_ON
            } else {
                STEP
            };
            self.follow_bps = Some(shown * times);
        }
        let shown = if measured < goal {
            measured * TARGET
        } else {
            goal
        };
        if self.is_disbelieved(now_us, shown) {
            self.follow_bps = None;
            return None;
        }
        self.raised = Some((now_us, shown));
        Some(shown)
    }

    fn is_disbelieved(&self, now_us: i64, bps: f64) -> bool {
        let is_same = |known: f64| (known / SAME..known * SAME).contains(&bps);
        self.disbelieved
            .is_some_and(|(known, until)| now_us < until && is_same(known))
    }

    /// The way is over-used: what was probed shortly before was wrong.
    pub(super) fn contradict(&mut self, now_us: i64) {
        self.follow_bps = None;
        self.open = None;
        self.next_us = self.next_us.max(now_us + AFTER_DROP_US);
        if let Some((raised_us, bps)) = self.raised.take()
            && now_us - raised_us < CONTRADICTED_US
        {
            self.disbelieved = Some((bps, now_us + self.disbelief_us));
            self.disbelief_us = (self.disbelief_us * 2).min(DISBELIEF_US.1);
        }
    }

    /// What it promised has held.
    pub(super) fn confirm(&mut self, now_us: i64) {
        let has_held = |&(raised_us, _): &(i64, f64)| now_us - raised_us >= CONTRADICTED_US;
        if self.raised.take_if(|raised| has_held(raised)).is_some() {
            self.disbelief_us = (self.disbelief_us / 2).max(DISBELIEF_US.0);
        }
    }
}
