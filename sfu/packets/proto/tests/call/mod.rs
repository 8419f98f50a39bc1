//! A whole call over a simulated network: one publisher, the router, and subscribers behind one
//! link that they share, with a TCP beside them where a case wants it.
//!
//! In goes a [`Plan`], out comes a [`Record`] of every packet that entered the link and every
//! frame that could be shown. Estimator, allocator and the send side are the real ones; the
//! publisher's way in is perfect. Only the simulation's clock moves, in steps of a millisecond.

#![allow(dead_code, unreachable_pub, unused_imports, clippy::unwrap_used)]

mod publisher;
mod record;
mod tcp;
mod viewer;

use std::collections::BTreeMap;
use std::time::Duration;

use sfu_link::{Conditions, Fate, Link};

use self::publisher::Publisher;
pub use self::publisher::{FOUR, Layers, THREE};
pub use self::record::{Kind, Record, Row};
use self::tcp::Tcp;
use self::viewer::Viewer;
use crate::world::*;

/// IPv4 and UDP.
pub const UDP_OVERHEAD: usize = 28;
/// What was there before anybody watched: rates of layers are known by then.
const REHEARSAL_MS: u64 = 3_000;
const TICK_US: u64 = 1_000;
/// ICE consent is asked for again within 30 s.
const CONSENT_MS: u64 = 10_000;
const ESTIMATES_MS: u64 = 100;

/// How the shared link is from a time on.
#[derive(Clone, Copy)]
pub struct Step {
    pub at_s: f64,
    pub down: Conditions,
    /// Share of the feedback that is lost.
    pub up_loss: f64,
}

#[derive(Clone, Copy)]
pub struct Joins {
    pub at_s: f64,
    /// Of its own way, beyond the shared link.
    pub delay_ms: u64,
}

#[derive(Clone)]
pub struct Plan {
    pub layers: &'static Layers,
    pub steps: Vec<Step>,
    pub lasts_s: f64,
    pub viewers: Vec<Joins>,
    /// From when until when somebody downloads by TCP over the same link.
    pub tcp_s: Option<(f64, f64)>,
}

impl Plan {
    /// Since when, until when, and how many bits a second.
    pub fn spans(&self) -> Vec<(f64, f64, u64)> {
        let ends = self.steps.iter().skip(1).map(|step| step.at_s);
        let steps = self.steps.iter().zip(ends.chain([self.lasts_s]));
        let rate = |step: &Step| step.down.rate_bps.unwrap_or(u64::MAX);
        steps
            .map(|(step, end)| (step.at_s, end, rate(step)))
            .collect()
    }

    pub fn run(&self, seed: u64) -> Record {
        Call::new(self, seed).run()
    }
}

/// What goes over the link.
#[derive(Clone)]
enum Parcel {
    Datagram { viewer: usize, data: Vec<u8> },
    Segment(u64),
}

/// What happens beyond the link, at its time.
enum Due {
    AtViewer(usize, Vec<u8>),
    AtServer(usize, Vec<u8>),
    Acknowledged(u64),
}

struct Call<'a> {
    plan: &'a Plan,
    world: World,
    publisher: Publisher,
    viewers: Vec<Viewer>,
    joined: usize,
    link: Link<Parcel>,
    steps: usize,
    up_loss: f64,
    tcp: Tcp,
    dice: Dice,
    due: BTreeMap<(u64, u64), Due>,
    serial: u64,
    /// Of the plan: the rehearsal was before.
    now_us: u64,
    record: Record,
}

impl<'a> Call<'a> {
    fn new(plan: &'a Plan, seed: u64) -> Self {
        let configure = |config: &mut sfu_proto::router::RouterConfig| {
            config.hold = sfu_proto::router::HoldConfig::DEFAULT;
        };
        let mut world = World::configured(seed, configure);
        let mut publisher = Publisher::new(&mut world, plan.layers, seed);
        for ms in 0..REHEARSAL_MS {
            publisher.tick(&mut world, ms * TICK_US);
            world.advance(Duration::from_micros(TICK_US));
        }
        Self {
            plan,
            world,
            publisher,
            viewers: Vec::new(),
            joined: 0,
            link: Link::new(plan.steps[0].down, seed),
            steps: 0,
            up_loss: 0.0,
            tcp: Tcp::default(),
            dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            due: BTreeMap::new(),
            serial: 0,
            now_us: 0,
            record: Record::default(),
        }
    }

    fn run(mut self) -> Record {
        let end_us = (self.plan.lasts_s * 1e6) as u64;
        while self.now_us < end_us {
            self.follow_plan();
            self.world.advance(Duration::from_micros(TICK_US));
            self.now_us += TICK_US;
            let since_us = self.now_us + REHEARSAL_MS * TICK_US;
            self.publisher.tick(&mut self.world, since_us);
            self.post();
            self.drive_tcp();
            self.carry();
            self.happen();
            self.feed_back();
            self.look();
        }
        self.record.shown = self
            .viewers
            .into_iter()
            .map(|viewer| viewer.shown)
            .collect();
        self.record
    }

    fn now(&self) -> Duration {
        Duration::from_micros(self.now_us)
    }

    fn seconds(&self) -> f64 {
        self.now_us as f64 / 1e6
    }

    fn follow_plan(&mut self) {
        let now_s = self.seconds();
        let steps = &self.plan.steps;
        if let Some(step) = steps.get(self.steps).filter(|step| step.at_s <= now_s) {
            self.steps += 1;
            self.up_loss = step.up_loss;
            self.link.set(self.now(), step.down);
        }
        let viewers = &self.plan.viewers;
        if let Some(joins) = viewers.get(self.joined).filter(|one| one.at_s <= now_s) {
            let viewer = Viewer::new(&mut self.world, self.joined, joins.delay_ms, &mut self.dice);
            self.joined += 1;
            self.viewers.push(viewer);
        }
        if (self.now_us / TICK_US).is_multiple_of(CONSENT_MS) {
            self.world.connect(&self.publisher.peer);
            for viewer in &self.viewers {
                self.world.connect(&viewer.peer);
            }
        }
    }

    /// What the router has sent goes into the link.
    fn post(&mut self) {
        let now = self.now();
        for (index, viewer) in self.viewers.iter().enumerate() {
            let remote = viewer.peer.path.remote;
            for data in self.world.mail.remove(&remote).unwrap_or_default() {
                let viewer = index;
                let size = data.len() + UDP_OVERHEAD;
                self.link.send(now, size, Parcel::Datagram { viewer, data });
            }
        }
    }

    fn drive_tcp(&mut self) {
        let now_s = self.seconds();
        let lasts = self.plan.tcp_s;
        if lasts.is_some_and(|(since, until)| (since..until).contains(&now_s)) {
            while let Some(segment) = self.tcp.next(self.now_us) {
                self.link
                    .send(self.now(), tcp::SEGMENT_BYTES, Parcel::Segment(segment));
            }
        }
    }

    fn carry(&mut self) {
        let now = self.now();
        while let Some(passed) = self.link.poll(now) {
            self.record.rows.push(Row::of(&passed));
            if passed.fate != Fate::Delivered {
                continue;
            }
            let left_us = passed.left.as_micros() as u64;
            match passed.packet {
                Parcel::Datagram { viewer, data } => {
                    let delay_us = self.plan.viewers[viewer].delay_ms * 1000;
                    self.at(left_us + delay_us, Due::AtViewer(viewer, data));
                }
                Parcel::Segment(segment) => {
                    let back_us = self.link.conditions().delay.as_micros() as u64;
                    self.at(left_us + back_us, Due::Acknowledged(segment));
                }
            }
        }
    }

    fn at(&mut self, at_us: u64, due: Due) {
        self.serial += 1;
        self.due.insert((at_us, self.serial), due);
    }

    fn happen(&mut self) {
        while let Some(entry) = self.due.first_entry() {
            let at_us = entry.key().0;
            if at_us > self.now_us {
                break;
            }
            match entry.remove() {
                Due::AtViewer(viewer, data) => self.viewers[viewer].take(at_us, data),
                Due::AtServer(viewer, data) => {
                    let path = self.viewers[viewer].peer.path;
                    self.world.deliver(path, vec![data]);
                }
                Due::Acknowledged(segment) => self.tcp.acknowledged(self.now_us, segment),
            }
        }
    }

    fn feed_back(&mut self) {
        let back_us = self.link.conditions().delay.as_micros() as u64;
        for index in 0..self.viewers.len() {
            let viewer = &mut self.viewers[index];
            let back_us = back_us + self.plan.viewers[index].delay_ms * 1000;
            for rtcp in viewer.speak(self.now_us) {
                let is_lost = f64::from(self.dice.throw()) < self.up_loss * f64::from(1u32 << 31);
                if !is_lost {
                    let data = self.viewers[index].peer.protect_rtcp(&rtcp);
                    self.at(self.now_us + back_us, Due::AtServer(index, data));
                }
            }
        }
    }

    fn look(&mut self) {
        if (self.now_us / TICK_US).is_multiple_of(ESTIMATES_MS) {
            let snapshot = self.world.router.snapshot(self.world.now);
            let of = |viewer: &Viewer| {
                let mut transports = snapshot.transports.iter();
                let held = transports.find(|held| held.transport == viewer.peer.id);
                held.and_then(|held| held.available_bps)
            };
            let estimates = self.viewers.iter().map(of).collect();
            self.record.estimates.push((self.seconds(), estimates));
        }
    }
}
