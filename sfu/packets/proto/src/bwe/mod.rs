//! What the way to one subscriber carries, from what was sent to it and what it tells of that.
//!
//! In go packets as they are sent, transport-wide feedback, round trips; out come a target and
//! clusters to probe with. Time is microseconds of our clock. It knows no packet's bytes, no
//! slot and no layer. Each part says where its constants are from: [`delay`] and [`rate`] follow
//! draft-ietf-rmcat-gcc-02, [`loss`] tells random loss from congestion's, [`beside`] whose a queue
//! is, [`probe`] finds what is free, [`guard`] acts where feedback does not come.

mod beside;
mod delay;
mod guard;
mod history;
mod loss;
mod probe;
mod rate;
mod window;

use self::beside::{Beside, Seen, Verdict};
use self::delay::{Delay, Usage};
use self::guard::Guard;
use self::history::{History, Told};
use self::loss::Loss;
pub use self::probe::ProbeCluster;
use self::probe::Probes;
use self::rate::{Observed, Rate};
use self::window::Window;
use crate::jitter::Jitter;

/// What arrives, over so long (libwebrtc `bitrate_estimator.cc` has 150-500 ms).
const ACKNOWLEDGED_US: i64 = 500_000;
/// In over-use: the best of so short a time within so long. A queue lets nothing through faster
/// than the link, a stalled receiver reads what it missed at once; so a stall hardly lowers it.
const THROUGHPUT_US: i64 = 100_000;
const THROUGHPUT_WITHIN_US: i64 = 300_000;
/// Where packets are lost too, no stall is to blame: the last moment counts.
const THROUGHPUT_LOSS_US: i64 = 160_000;
/// Until a report tells, as elsewhere in the packet path.
const ROUND_TRIP_US: i64 = 100_000;
/// Transport-wide reference times wrap at 24 bits of 64 ms.
const REFERENCE_WRAP_US: i64 = 64_000 << 24;
/// Wanted is twice what is sent, unless more is asked for: what is shown next may take as much.
const WANTED_TIMES: f64 = 2.2;
/// A way counts as limited for so long after it last showed a limit.
const LIMITED_US: i64 = 30_000_000;
/// A probe that brought less than this has found the limit: the next one waits its time.
const FURTHER: f64 = 1.1;

#[derive(Clone, Copy, Debug)]
pub struct Config {
    pub start_bps: u64,
    pub min_bps: u64,
    pub max_bps: u64,
}

impl Config {
    /// The start is libwebrtc's (`kDefaultStartBitrateBps`), and the first probes are of 0.9 and
    /// 1.8 Mbit/s. The least carries one voice; the most is more than 49 tiles take.
    pub const DEFAULT: Self = Self {
        start_bps: 300_000,
        min_bps: 30_000,
        max_bps: 50_000_000,
    };
}

/// One packet that left, with a transport-wide number.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// Extended; its low 16 bits are on the wire.
    pub number: u64,
    pub bytes: usize,
    /// Of the probe that it belongs to; 0: none.
    pub cluster: u8,
}

/// Transport-wide feedback: per number from `base_sequence` on when it arrived, in µs of the
/// receiver's clock.
#[derive(Clone, Debug)]
pub struct Arrivals {
    pub base_sequence: u16,
    pub times_us: Vec<Option<i64>>,
}

impl Arrivals {
    /// Number and arrival, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u16, Option<i64>)> + Clone + '_ {
        let times = self.times_us.iter().enumerate();
        times.map(|(index, time_us)| (self.base_sequence.wrapping_add(index as u16), *time_us))
    }
}

/// What holds the target where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Nothing has: no limit was seen lately.
    Unlimited,
    /// A queue built up.
    Delay,
    /// More was lost as more was sent.
    Loss,
    /// The receiver is not heard.
    Silence,
}

/// Feedback that told nothing, by number.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    pub feedbacks: u64,
    pub received: u64,
    pub lost: u64,
    /// Received after they were told to be lost.
    pub late: u64,
    pub repeated: u64,
    pub unmatched: u64,
    pub clock_jumps: u64,
}

pub struct Estimator {
    history: History,
    sent: Window,
    /// Of that, what probes were.
    padding: Window,
    /// On the receiver's clock.
    acknowledged: Window,
    delay: Delay,
    beside: Beside,
    loss: Loss,
    rate: Rate,
    probes: Probes,
    guard: Guard,
    round_trip_us: i64,
    /// From the newest packet that the last feedback told of to that feedback.
    response_us: i64,
    last_arrival_us: Option<i64>,
    /// Of what the jitter was last fed.
    last_sent_us: Option<i64>,
    jitter: Jitter,
    wanted_bps: Option<f64>,
    bounds: (f64, f64),
    pub counters: Counters,
}

impl Estimator {
    pub fn new(config: Config) -> Self {
        let bounds = (config.min_bps as f64, config.max_bps as f64);
        Self {
            history: History::new(),
            sent: Window::new(),
            padding: Window::new(),
            acknowledged: Window::new(),
            delay: Delay::new(),
            beside: Beside::new(),
            loss: Loss::default(),
            rate: Rate::new(config.start_bps as f64, bounds),
            probes: Probes::new(),
            guard: Guard::default(),
            round_trip_us: ROUND_TRIP_US,
            response_us: 0,
            last_arrival_us: None,
            last_sent_us: None,
            jitter: Jitter::default(),
            wanted_bps: None,
            bounds,
            counters: Counters::default(),
        }
    }

    pub fn on_sent(&mut self, now_us: i64, sent: Sent) {
        self.note(now_us, sent);
        self.on_sent_all(now_us, 1, sent.bytes);
        if sent.cluster != 0 {
            self.padding.add(now_us, sent.bytes);
            self.probes.sent(sent.cluster);
        }
    }

    /// Remembers a packet alone; [`Self::on_sent_all`] then counts all that left at once.
    #[inline]
    pub fn note(&mut self, now_us: i64, sent: Sent) {
        self.history
            .sent(now_us, sent.number, sent.bytes, sent.cluster);
    }

    /// So many packets, of so many bytes together, have left.
    pub fn on_sent_all(&mut self, now_us: i64, packets: u64, bytes: usize) {
        self.sent.add(now_us, bytes);
        self.guard.sent(now_us, packets);
    }

    pub fn on_round_trip(&mut self, round_trip_us: i64) {
        self.round_trip_us = round_trip_us.clamp(1_000, 2_000_000);
    }

    /// How long a packet and the answer to it take now, which is more than reports once a second
    /// say while a queue builds up.
    pub fn response_us(&self) -> i64 {
        self.round_trip_us.max(self.response_us)
    }

    /// What all that is to be shown would take; probes go no further.
    pub fn set_wanted_bps(&mut self, bps: Option<u64>) {
        self.wanted_bps = bps.map(|bps| bps as f64);
    }

    /// RFC 3550's, of the way from us: send times are ours, arrival times the receiver's.
    pub fn jitter_us(&self) -> f64 {
        self.jitter.us()
    }

    pub fn on_feedback(&mut self, now_us: i64, arrivals: &Arrivals) {
        self.on_told(now_us, arrivals.iter());
    }

    /// Of packets that need not follow each other: their numbers, rising, and arrivals.
    pub fn on_told(&mut self, now_us: i64, told: impl Iterator<Item = (u16, Option<i64>)>) {
        self.counters.feedbacks += 1;
        let received = self.match_all(now_us, told);
        if received == 0 {
            return;
        }
        if let Some(bps) = self.guard.heard(now_us, received, self.rate.target()) {
            self.rate.raise(bps);
        }
        self.judge(now_us);
    }

    /// How many packets it is news of.
    fn match_all(&mut self, now_us: i64, told: impl Iterator<Item = (u16, Option<i64>)>) -> u64 {
        let mut received = 0;
        for (number, time_us) in told {
            let number = self.history.extend(number);
            match self.history.tell(now_us, number, time_us.is_some()) {
                Told::Received {
                    sent_us,
                    bytes,
                    cluster,
                    was_lost,
                } => {
                    received += 1;
                    self.response_us = now_us - sent_us;
                    self.loss.received(was_lost);
                    self.counters.late += u64::from(was_lost);
                    let time_us = time_us.unwrap_or_default();
                    self.arrived(sent_us, time_us, usize::from(bytes), cluster);
                }
                Told::Lost => {
                    self.loss.lost();
                    self.counters.lost += 1;
                }
                Told::Repeated => self.counters.repeated += 1,
                // What was not received need not have been sent by anybody.
                Told::Unmatched => self.counters.unmatched += 1,
            }
        }
        self.counters.received += received;
        received
    }

    fn arrived(&mut self, sent_us: i64, time_us: i64, bytes: usize, cluster: u8) {
        let arrived_us = match self.last_arrival_us {
            Some(last) => last.wrapping_add(nearest(time_us.wrapping_sub(last))),
            None => time_us,
        };
        self.last_arrival_us = Some(arrived_us);
        // What left at once arrives one after the other; its first tells of the way.
        if cluster == 0 && self.last_sent_us != Some(sent_us) {
            self.last_sent_us = Some(sent_us);
            self.jitter.add(sent_us, arrived_us);
        }
        if self.delay.add(sent_us, arrived_us) {
            self.counters.clock_jumps += 1;
            self.acknowledged = Window::new();
        }
        self.acknowledged.add(arrived_us, bytes);
        if cluster != 0 {
            self.probes.received(cluster, arrived_us, bytes as u64);
        }
    }

    fn judge(&mut self, now_us: i64) {
        let arrived_us = self.acknowledged.newest_us();
        let acknowledged_bps = self.acknowledged.bps(arrived_us, ACKNOWLEDGED_US);
        let sent_bps = self.sent.bps(now_us, ACKNOWLEDGED_US);
        let round_trip_us = self.round_trip_us;
        self.loss
            .update(now_us, sent_bps, acknowledged_bps, round_trip_us);
        let usage = self.delay.usage();
        if self.gives_way_to_loss_alone(now_us, sent_bps, acknowledged_bps) {
            self.probes.contradict(now_us);
        } else {
            self.follow_delay(now_us, usage, acknowledged_bps);
        }
        self.take_probe(now_us, usage);
        let loss = self.loss.ratio();
        let most = self.guard.breaker(now_us, sent_bps, loss, round_trip_us);
        if let Some(most) = most {
            self.rate.limit(most);
        }
    }

    /// Where others keep the queue full.
    fn gives_way_to_loss_alone(
        &mut self,
        now_us: i64,
        sent_bps: f64,
        acknowledged_bps: f64,
    ) -> bool {
        let verdict = self.beside.see(&Seen {
            now_us,
            standing_us: self.delay.standing_us(),
            sent_bps,
            acknowledged_bps,
            loss: self.loss.ratio(),
            target: self.rate.target(),
        });
        match verdict {
            Verdict::Ours => {}
            Verdict::Others => self.delay.hold(),
            Verdict::Send(bps) => self.rate.share(now_us, bps),
            Verdict::Gone => self.delay.release(),
        }
        self.beside.is_sharing()
    }

    fn follow_delay(&mut self, now_us: i64, usage: Usage, acknowledged_bps: f64) {
        let arrived_us = self.acknowledged.newest_us();
        let round_trip_us = self.round_trip_us;
        if usage == Usage::Over {
            self.probes.contradict(now_us);
        }
        let has_loss = self.loss.has_excess();
        let throughput_bps = match has_loss {
            true => self.acknowledged.bps(arrived_us, THROUGHPUT_LOSS_US),
            false => self
                .acknowledged
                .peak_bps(arrived_us, THROUGHPUT_US, THROUGHPUT_WITHIN_US),
        };
        let is_not_ours = self.rate.update(&Observed {
            now_us,
            usage,
            standing_us: self.delay.standing_us(),
            acknowledged_bps,
            throughput_bps,
            has_loss,
            round_trip_us,
        });
        if is_not_ours {
            self.delay.rebase();
        }
    }

    fn take_probe(&mut self, now_us: i64, usage: Usage) {
        self.probes.confirm(now_us);
        let before = self.target();
        let shown = self.probes.result(now_us, self.wanted(now_us));
        let Some(bps) = shown else {
            return;
        };
        if usage == Usage::Normal {
            self.rate.raise(bps);
            self.loss.raise(bps);
        }
        if self.target() < before * FURTHER {
            self.probes.do_not_follow();
        }
    }

    fn wanted(&self, now_us: i64) -> f64 {
        let sent = self.sent.bps(now_us, ACKNOWLEDGED_US);
        // Or probes would be a reason for more of them.
        let media = sent - self.padding.bps(now_us, ACKNOWLEDGED_US);
        let wanted = self.wanted_bps.unwrap_or(media * WANTED_TIMES);
        wanted.clamp(self.bounds.0, self.bounds.1)
    }

    /// Padding to send now, if any.
    pub fn next_probe(&mut self, now_us: i64) -> Option<ProbeCluster> {
        let is_normal = self.delay.usage() == Usage::Normal && !self.beside.is_sharing();
        let has_begun = self.counters.received > 0;
        let is_stuck = has_begun && !is_normal && self.sent_bps(now_us) == 0;
        if self.guard.is_silent() || is_stuck {
            // Where nothing else is sent any more, nothing else would ever be heard.
            return self.probes.knock(now_us, self.target());
        }
        if !is_normal || !has_begun {
            return None;
        }
        let (target, wanted) = (self.target(), self.wanted(now_us));
        self.probes.next(now_us, target, wanted, self.round_trip_us)
    }

    /// When [`Self::handle_timeout`] wants to be called at the latest.
    pub fn poll_timeout(&self, can_probe: bool) -> Option<i64> {
        let knocks = can_probe && self.guard.is_silent();
        let knock_us = knocks.then(|| self.probes.next_us());
        match (self.guard.next_us(), knock_us) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    pub fn handle_timeout(&mut self, now_us: i64) {
        let sent_bps = self.sent.bps(now_us, ACKNOWLEDGED_US);
        let target = self.rate.target();
        if let Some(bps) = self.guard.silence(now_us, target, sent_bps) {
            self.rate.limit(bps);
        }
    }

    pub fn target_bps(&self) -> u64 {
        self.target() as u64
    }

    fn target(&self) -> f64 {
        // Beside others losses follow what they send.
        let cap = self.loss.cap_bps().filter(|_| !self.beside.is_sharing());
        let cap = cap.unwrap_or(f64::MAX);
        self.rate.target().min(cap).max(self.bounds.0)
    }

    pub fn sent_bps(&self, now_us: i64) -> u64 {
        self.sent.bps(now_us, ACKNOWLEDGED_US) as u64
    }

    pub fn acknowledged_bps(&self) -> u64 {
        let arrived_us = self.acknowledged.newest_us();
        self.acknowledged.bps(arrived_us, ACKNOWLEDGED_US) as u64
    }

    /// How long packets wait on their way now, beyond the least of the last half minute.
    pub fn queueing_us(&self) -> i64 {
        self.delay.standing_us()
    }

    pub fn loss(&self) -> f64 {
        self.loss.ratio()
    }

    pub fn why(&self, now_us: i64) -> Why {
        let decreased = self.rate.decreased_us;
        if self.guard.is_silent() {
            Why::Silence
        } else if self.loss.cap_bps().is_some() {
            Why::Loss
        } else if decreased.is_some_and(|at| now_us - at < LIMITED_US) {
            Why::Delay
        } else {
            Why::Unlimited
        }
    }
}

/// The difference of two reference times, over the wrap.
fn nearest(difference_us: i64) -> i64 {
    match difference_us.rem_euclid(REFERENCE_WRAP_US) {
        forward if forward < REFERENCE_WRAP_US / 2 => forward,
        backward => backward - REFERENCE_WRAP_US,
    }
}
