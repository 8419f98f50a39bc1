//! A subscriber behind a simulated link: the estimator sends to it what it dares, in layers.
//!
//! A test is a plan of steps, read from top to bottom: how the link is, what there is to send,
//! how long it runs, and what must be true of that run. Only the simulation's clock moves.

#![allow(dead_code, unreachable_pub)]

use std::collections::BTreeMap;
use std::time::Duration;

use sfu_link::{Conditions, Fate, Link};
use sfu_proto::bwe::{Arrivals, Config, Estimator, Sent};

pub enum Step {
    /// Of the way down; the way up has its delay alone.
    Conditions(Conditions),
    /// Rates of the video's layers, lowest first, in bit/s. A voice goes along always.
    Media(&'static [u64]),
    Receiver(Receiver),
    /// Other packets on the same link, in bit/s, evenly spaced.
    Beside(u64),
    Run(f64),
    /// Of the last run.
    Check(&'static str, Check),
}

pub enum Check {
    /// Video that arrives first-time, of what the best layer that fits would bring.
    Utilisation(f64),
    /// In ms, 95th percentile.
    QueueBelow(f64),
    QueueLossBelow(f64),
    TargetBetween(u64, u64),
    /// Never below, in the whole run.
    TargetNeverBelow(u64),
    /// After so many s of the run the layer of this rate is sent, and stays for its rest.
    LayerBy(u64, f64),
    SentBelowAfter(u64, f64),
    SwitchesAtMost(u32),
}

/// How the receiver takes packets and tells of them.
#[derive(Clone, Copy)]
pub struct Receiver {
    pub feedback_ms: u64,
    pub tells: bool,
    /// Its clock gains so many µs a second.
    pub drift: i64,
    /// A busy machine: stands still for up to so long, now and then, and reads all at once after.
    pub stall_ms: u64,
    pub stalls_every_ms: u64,
    /// Each reading is late by up to so much.
    pub jitter_ms: u64,
}

pub const CALM: Receiver = Receiver {
    feedback_ms: 100,
    tells: true,
    drift: 0,
    stall_ms: 0,
    stalls_every_ms: 0,
    jitter_ms: 0,
};

const AUDIO_BPS: u64 = 40_000;
const FRAME_MS: u64 = 33;

#[derive(Clone, Copy, Debug)]
enum Kind {
    Media,
    Padding,
    Beside,
}

struct Packet {
    number: u64,
    bytes: usize,
    kind: Kind,
}

#[derive(Default)]
struct Observed {
    seconds: f64,
    sent: BTreeMap<u64, usize>,
    media_bytes: u64,
    best_bytes: f64,
    queued_ms: Vec<f64>,
    dropped: u64,
    passed: u64,
    targets: Vec<(f64, u64)>,
    layers: Vec<(f64, u64)>,
    switches: u32,
}

pub struct Path {
    now_ms: u64,
    number: u64,
    estimator: Estimator,
    down: Link<std::rc::Rc<Packet>>,
    conditions: Conditions,
    receiver: Receiver,
    layers: &'static [u64],
    layer: Option<usize>,
    changed_ms: u64,
    queue: Vec<usize>,
    beside_bps: u64,
    beside_due: f64,
    dice: u64,
    stalled_until: u64,
    next_stall: u64,
    arrived: BTreeMap<u64, i64>,
    told_up_to: u64,
    feedback_due: u64,
    feedback: Vec<(u64, Arrivals)>,
    observed: Observed,
}

pub fn follow(name: &str, seed: u64, steps: Vec<Step>) {
    let mut path = Path::new(seed);
    for step in steps {
        match step {
            Step::Conditions(conditions) => path.set(conditions),
            Step::Media(layers) => path.layers = layers,
            Step::Receiver(receiver) => path.receiver = receiver,
            Step::Beside(bps) => path.beside_bps = bps,
            Step::Run(seconds) => path.run(seconds),
            Step::Check(what, check) => path.check(&format!("{name}, seed {seed}: {what}"), check),
        }
    }
}

impl Path {
    fn new(seed: u64) -> Self {
        let conditions = Conditions::default();
        Self {
            now_ms: 0,
            number: 65_000,
            estimator: Estimator::new(Config::DEFAULT),
            down: Link::new(conditions, seed),
            conditions,
            receiver: CALM,
            layers: &[],
            layer: None,
            changed_ms: 0,
            queue: Vec::new(),
            beside_bps: 0,
            beside_due: 0.0,
            dice: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            stalled_until: 0,
            next_stall: 0,
            arrived: BTreeMap::new(),
            told_up_to: 65_000,
            feedback_due: 0,
            feedback: Vec::new(),
            observed: Observed::default(),
        }
    }

    fn set(&mut self, conditions: Conditions) {
        self.conditions = conditions;
        self.down
            .set(Duration::from_millis(self.now_ms), conditions);
    }

    fn roll(&mut self, below: u64) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        if below == 0 { 0 } else { self.dice % below }
    }

    fn run(&mut self, seconds: f64) {
        self.observed = Observed::default();
        let end = self.now_ms + (seconds * 1000.0) as u64;
        let begin = self.now_ms;
        while self.now_ms < end {
            self.step(begin);
            self.now_ms += 1;
        }
        self.observed.seconds = seconds;
        if std::env::var_os("SHOW").is_some() {
            self.show();
        }
    }

    fn show(&self) {
        let observed = &self.observed;
        let mut next = 0.0;
        for (&(at, target), &(_, layer)) in observed.targets.iter().zip(&observed.layers) {
            if at >= next {
                next += 0.5;
                let sent = observed.sent.get(&(at as u64)).copied().unwrap_or(0) * 8;
                println!("  {at:6.1} s target {target:8} layer {layer:7} sent/s {sent}");
            }
        }
        let counters = self.estimator.counters;
        println!(
            "  utilisation {:.3} queue p95 {:.0} ms dropped {:.4} switches {} {counters:?}",
            self.utilisation(),
            self.queue_ms(),
            self.queue_loss(),
            observed.switches
        );
    }

    fn step(&mut self, begin: u64) {
        let now_us = self.now_ms as i64 * 1000;
        self.receive();
        self.tell();
        if self
            .estimator
            .poll_timeout(true)
            .is_some_and(|at| at <= now_us)
        {
            self.estimator.handle_timeout(now_us);
        }
        self.choose();
        if self.now_ms.is_multiple_of(20) {
            self.send(AUDIO_BPS as usize / 8 / 50, Kind::Media, 0);
        }
        if self.now_ms.is_multiple_of(FRAME_MS) {
            self.encode();
        }
        self.pace();
        if let Some(probe) = self.estimator.next_probe(now_us) {
            for _ in 0..probe.packets {
                self.send(probe.packet_bytes as usize, Kind::Padding, probe.id);
            }
        }
        self.disturb();
        if self.now_ms.is_multiple_of(1000) {
            let round_trip = self.conditions.delay * 2 + self.down.wait();
            self.estimator.on_round_trip(round_trip.as_micros() as i64);
        }
        let at = (self.now_ms - begin) as f64 / 1000.0;
        let rate = self.layer.map_or(0, |layer| self.layers[layer]);
        let target = self.estimator.target_bps();
        self.observed.targets.push((at, target));
        self.observed.layers.push((at, rate));
        self.observed.best_bytes += self.best() as f64 / 8.0 / 1000.0;
    }

    /// The best layer that the link carries beside the voice.
    fn best(&self) -> u64 {
        let lost = 1.0 - self.conditions.loss;
        let rate = self.conditions.rate_bps.unwrap_or(u64::MAX);
        let fits = |layer: &&u64| **layer + AUDIO_BPS + self.beside_bps <= rate;
        let best = self.layers.iter().rfind(fits).copied().unwrap_or(0);
        (best as f64 * lost) as u64
    }

    /// What an allocator does, in short: up where it fits and not soon after a change.
    fn choose(&mut self) {
        let target = self.estimator.target_bps() as f64;
        let fits = |room: f64| {
            let rates = self.layers.iter();
            let fitting = rates.filter(|&&rate| (rate + AUDIO_BPS) as f64 * room <= target);
            fitting.count().checked_sub(1)
        };
        let (up, down) = (fits(1.005), fits(0.98));
        let next = if down < self.layer {
            down
        } else if up > self.layer && self.now_ms - self.changed_ms >= 300 {
            up
        } else {
            self.layer
        };
        if next != self.layer {
            self.layer = next;
            self.changed_ms = self.now_ms;
            self.observed.switches += 1;
        }
        let top = self.layers.last().map(|&top| (top + AUDIO_BPS) * 6 / 5);
        self.estimator.set_wanted_bps(top);
    }

    /// A frame of three times the size begins a layer.
    fn encode(&mut self) {
        let Some(layer) = self.layer else {
            return;
        };
        let is_key = self.now_ms - self.changed_ms < FRAME_MS;
        let mean = self.layers[layer] * FRAME_MS / 8000;
        let varied = mean * (80 + self.roll(41)) / 100;
        let mut left = if is_key { varied * 3 } else { varied } as usize;
        while left > 0 {
            let bytes = left.min(1200);
            self.queue.push(bytes);
            left -= bytes;
        }
    }

    /// A frame at once where there is headroom; else in parts, half as fast again as the target.
    fn pace(&mut self) {
        let target = self.estimator.target_bps() as f64;
        let layer = self.layer.map_or(0, |layer| self.layers[layer]) as f64;
        let mut budget = match target > 2.0 * layer {
            true => usize::MAX,
            false if self.now_ms.is_multiple_of(5) => (target * 1.5 / 8.0 / 200.0) as usize,
            false => 0,
        };
        while budget > 0 && !self.queue.is_empty() {
            let bytes = self.queue.remove(0);
            budget = budget.saturating_sub(bytes);
            self.send(bytes, Kind::Media, 0);
        }
    }

    fn disturb(&mut self) {
        self.beside_due += self.beside_bps as f64 / 8000.0;
        while self.beside_due >= 1000.0 {
            self.beside_due -= 1000.0;
            self.send(1000, Kind::Beside, 0);
        }
    }

    fn send(&mut self, bytes: usize, kind: Kind, cluster: u8) {
        let number = self.number;
        if !matches!(kind, Kind::Beside) {
            self.number += 1;
            let sent = Sent {
                number,
                bytes,
                cluster,
            };
            self.estimator.on_sent(self.now_ms as i64 * 1000, sent);
            let second = self.observed.targets.len() as u64 / 1000;
            *self.observed.sent.entry(second).or_default() += bytes;
        }
        let packet = std::rc::Rc::new(Packet {
            number,
            bytes,
            kind,
        });
        self.down
            .send(Duration::from_millis(self.now_ms), bytes, packet);
    }

    fn receive(&mut self) {
        if self.receiver.stalls_every_ms > 0 && self.now_ms >= self.next_stall {
            self.stalled_until = self.now_ms + self.roll(self.receiver.stall_ms);
            self.next_stall = self.now_ms + self.roll(self.receiver.stalls_every_ms * 2);
        }
        while let Some(passed) = self.down.poll(Duration::from_millis(self.now_ms)) {
            let packet = &passed.packet;
            let is_ours = !matches!(packet.kind, Kind::Beside);
            if is_ours {
                self.observed.passed += 1;
                self.observed
                    .queued_ms
                    .push(passed.queued.as_secs_f64() * 1000.0);
            }
            match passed.fate {
                Fate::QueueDropped if is_ours => self.observed.dropped += 1,
                Fate::Delivered if is_ours => {
                    if matches!(packet.kind, Kind::Media) {
                        self.observed.media_bytes += packet.bytes as u64;
                    }
                    let left_us = passed.left.as_micros() as i64;
                    let late_us = self.roll(self.receiver.jitter_ms * 1000) as i64;
                    let read_us = left_us.max(self.stalled_until as i64 * 1000) + late_us;
                    let drift = read_us / 1_000_000 * self.receiver.drift;
                    // On a grid of 250 µs, as feedback has it.
                    let told_us = (read_us + drift + 77_000_123) / 250 * 250;
                    self.arrived.insert(packet.number, told_us);
                }
                _ => {}
            }
        }
    }

    fn tell(&mut self) {
        let now_us = self.now_ms as i64 * 1000;
        let is_due = self.now_ms >= self.feedback_due && self.now_ms >= self.stalled_until;
        if is_due && let Some((&highest, _)) = self.arrived.last_key_value() {
            self.feedback_due = self.now_ms + self.receiver.feedback_ms;
            if highest >= self.told_up_to {
                let first = self.arrived.keys().next().copied().unwrap_or(highest);
                let base = self.told_up_to.min(first);
                let times = (base..=highest).map(|number| self.arrived.remove(&number));
                let arrivals = Arrivals {
                    base_sequence: base as u16,
                    times_us: times.collect(),
                };
                self.told_up_to = highest + 1;
                let back = self.conditions.delay.as_millis() as u64;
                if self.receiver.tells {
                    self.feedback.push((self.now_ms + back, arrivals));
                }
            } else {
                self.arrived.clear();
            }
        }
        let now_ms = self.now_ms;
        for (_, arrivals) in self.feedback.extract_if(.., |(at, _)| *at <= now_ms) {
            self.estimator.on_feedback(now_us, &arrivals);
        }
    }

    fn utilisation(&self) -> f64 {
        let audio = AUDIO_BPS as f64 / 8.0 * self.observed.seconds * (1.0 - self.conditions.loss);
        (self.observed.media_bytes as f64 - audio) / self.observed.best_bytes.max(1.0)
    }

    fn queue_ms(&self) -> f64 {
        let mut queued = self.observed.queued_ms.clone();
        queued.sort_by(f64::total_cmp);
        queued.get(queued.len() * 95 / 100).copied().unwrap_or(0.0)
    }

    fn queue_loss(&self) -> f64 {
        self.observed.dropped as f64 / self.observed.passed.max(1) as f64
    }

    fn check(&self, what: &str, check: Check) {
        let observed = &self.observed;
        match check {
            Check::Utilisation(least) => {
                let reached = self.utilisation();
                assert!(reached >= least, "{what}: utilisation is {reached:.3}");
            }
            Check::QueueBelow(most) => {
                let reached = self.queue_ms();
                assert!(reached <= most, "{what}: p95 is {reached:.1} ms");
            }
            Check::QueueLossBelow(most) => {
                let reached = self.queue_loss();
                assert!(reached <= most, "{what}: lost {reached:.4}");
            }
            Check::TargetBetween(least, most) => {
                let reached = self.estimator.target_bps();
                let is_between = (least..=most).contains(&reached);
                assert!(is_between, "{what}: target is {reached}");
            }
            Check::TargetNeverBelow(least) => {
                let reached = observed.targets.iter().map(|&(_, target)| target).min();
                assert!(reached >= Some(least), "{what}: target fell to {reached:?}");
            }
            Check::LayerBy(rate, seconds) => {
                let before = observed.layers.iter().rfind(|&&(_, layer)| layer < rate);
                let since = before.map_or(0.0, |&(at, _)| at);
                assert!(since <= seconds, "{what}: not before {since:.2} s");
            }
            Check::SentBelowAfter(bps, seconds) => {
                let after = observed.sent.range(seconds.ceil() as u64..);
                let most = after.map(|(_, bytes)| bytes * 8).max().unwrap_or(0);
                assert!(most as u64 <= bps, "{what}: {most} bit/s were sent");
            }
            Check::SwitchesAtMost(most) => {
                let reached = observed.switches;
                assert!(reached <= most, "{what}: {reached} switches");
            }
        }
    }
}
