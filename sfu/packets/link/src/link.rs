//! The link: packets wait for the bottleneck, are lost or not, and are on their way.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use crate::bottleneck::{Bottleneck, Waiting};
use crate::conditions::Conditions;
use crate::loss::Loss;
use crate::plan::Plan;
use crate::random::Random;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    Delivered,
    /// Behind the bottleneck, by chance.
    Lost,
    /// Before the bottleneck: the queue was full.
    QueueDropped,
    /// The second copy of one that was delivered.
    Duplicated,
    /// Was still inside when the link ended.
    Unfinished,
}

/// A packet and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed<T> {
    pub packet: T,
    pub size: usize,
    pub entered: Duration,
    /// When it came out, was lost or dropped.
    pub left: Duration,
    /// How long it waited for the bottleneck, without its own passing.
    pub queued: Duration,
    pub fate: Fate,
}

/// Times are since the link began and only grow. `T` is whatever stands for a packet.
#[derive(Debug)]
pub struct Link<T> {
    now: Duration,
    conditions: Conditions,
    steps: VecDeque<(Duration, Conditions)>,
    bottleneck: Bottleneck<T>,
    loss: Loss,
    jitter: Random,
    reorder: Random,
    duplicate: Random,
    /// Nobody who is not held back comes before this.
    last_arrival: Duration,
    on_the_way: BinaryHeap<Reverse<OnTheWay<T>>>,
    serial: u64,
}

impl<T: Clone> Link<T> {
    pub fn new(plan: impl Into<Plan>, seed: u64) -> Self {
        let plan = plan.into();
        Self {
            now: Duration::ZERO,
            conditions: plan.first,
            steps: plan.steps.into(),
            bottleneck: Bottleneck::new(plan.first.rate_bps),
            loss: Loss::new(seed),
            jitter: Random::new(seed, 4),
            reorder: Random::new(seed, 5),
            duplicate: Random::new(seed, 6),
            last_arrival: Duration::ZERO,
            on_the_way: BinaryHeap::new(),
            serial: 0,
        }
    }

    pub fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    /// How long a packet that came now would wait for the bottleneck.
    pub fn wait(&self) -> Duration {
        self.bottleneck.wait()
    }

    /// From now on it is so; what waits and what is on its way stays there.
    pub fn set(&mut self, now: Duration, conditions: Conditions) {
        self.advance(now);
        self.change(self.now, conditions);
    }

    /// From now on it goes by that plan, whose times count from now.
    pub fn follow(&mut self, now: Duration, plan: impl Into<Plan>) {
        let plan = plan.into();
        self.set(now, plan.first);
        let steps = plan.steps.into_iter();
        self.steps = steps.map(|(at, step)| (self.now + at, step)).collect();
    }

    /// `size` is what counts at the bottleneck, in bytes.
    pub fn send(&mut self, now: Duration, size: usize, packet: T) {
        self.advance(now);
        if self.bottleneck.wait() > self.conditions.queue {
            let dropped = Passed {
                packet,
                size,
                entered: self.now,
                left: self.now,
                queued: Duration::ZERO,
                fate: Fate::QueueDropped,
            };
            return self.put(dropped);
        }
        self.bottleneck.enter(self.now, size, packet);
        self.advance(now);
    }

    /// Next of what has come out until now, lost and dropped ones among it, in order of time.
    pub fn poll(&mut self, now: Duration) -> Option<Passed<T>> {
        self.advance(now);
        let is_due = self.on_the_way.peek()?.0.passed.left <= self.now;
        is_due
            .then(|| self.on_the_way.pop())
            .flatten()
            .map(|Reverse(next)| next.passed)
    }

    /// When to `poll` again at the latest, if nothing is sent until then.
    pub fn next_at(&self) -> Option<Duration> {
        let arrival = self.on_the_way.peek().map(|next| next.0.passed.left);
        let exit = self.bottleneck.next_exit();
        arrival.into_iter().chain(exit).min()
    }

    /// What is still inside, as unfinished.
    pub fn finish(self) -> impl Iterator<Item = Passed<T>> {
        let now = self.now;
        let on_the_way = self.on_the_way.into_sorted_vec().into_iter().rev();
        let waiting = self.bottleneck.into_waiting().map(move |waiting| Passed {
            queued: waiting.began.unwrap_or(now) - waiting.entered,
            packet: waiting.packet,
            size: waiting.size,
            entered: waiting.entered,
            left: now,
            fate: Fate::Unfinished,
        });
        let is_whole = move |one: &Passed<T>| one.left <= now || one.fate != Fate::Duplicated;
        let on_the_way = on_the_way
            .map(|Reverse(next)| next.passed)
            .filter(is_whole)
            .map(move |one| match one.left <= now {
                true => one,
                false => Passed {
                    left: now,
                    fate: Fate::Unfinished,
                    ..one
                },
            });
        on_the_way.chain(waiting)
    }

    /// Steps and exits until now, in their order.
    fn advance(&mut self, now: Duration) {
        loop {
            let step = self.steps.front().map(|(at, _)| *at);
            let exit = self.bottleneck.next_exit();
            match (step, exit) {
                (step, Some(exit)) if exit <= now && step.is_none_or(|step| exit <= step) => {
                    self.leave(exit);
                }
                (Some(step), _) if step <= now => {
                    if let Some((at, conditions)) = self.steps.pop_front() {
                        self.change(at, conditions);
                    }
                }
                _ => break,
            }
        }
        self.now = self.now.max(now);
    }

    fn change(&mut self, at: Duration, conditions: Conditions) {
        self.bottleneck.set_rate(at, conditions.rate_bps);
        self.conditions = conditions;
    }

    /// Out of the bottleneck and on its way.
    fn leave(&mut self, at: Duration) {
        let Some(waiting) = self.bottleneck.leave(at) else {
            return;
        };
        let is_lost = self.loss.strikes(&self.conditions);
        let comes_twice = self.duplicate.happens(self.conditions.duplicate);
        let arrival = self.arrival(at);
        if is_lost {
            return self.put(passed(waiting, at, Fate::Lost));
        }
        let original = passed(waiting, arrival, Fate::Delivered);
        let copy = comes_twice.then(|| Passed {
            fate: Fate::Duplicated,
            ..original.clone()
        });
        self.put(original);
        copy.into_iter().for_each(|copy| self.put(copy));
    }

    fn arrival(&mut self, left_at: Duration) -> Duration {
        let Conditions { delay, jitter, .. } = self.conditions;
        let swing = jitter.mul_f64(self.jitter.normal() + 3.0);
        let delayed = (delay + swing).saturating_sub(jitter * 3);
        let arrival = self.last_arrival.max(left_at + delayed);
        if self.reorder.happens(self.conditions.reorder) {
            return arrival + self.conditions.reorder_by;
        }
        self.last_arrival = arrival;
        arrival
    }

    fn put(&mut self, passed: Passed<T>) {
        let serial = self.serial;
        self.serial += 1;
        self.on_the_way.push(Reverse(OnTheWay { passed, serial }));
    }
}

fn passed<T>(waiting: Waiting<T>, left: Duration, fate: Fate) -> Passed<T> {
    Passed {
        queued: waiting.began.unwrap_or(left) - waiting.entered,
        packet: waiting.packet,
        size: waiting.size,
        entered: waiting.entered,
        left,
        fate,
    }
}

/// Ordered by when it comes out, and then as it went in.
#[derive(Debug)]
struct OnTheWay<T> {
    passed: Passed<T>,
    serial: u64,
}

impl<T> OnTheWay<T> {
    fn key(&self) -> (Duration, u64) {
        (self.passed.left, self.serial)
    }
}

impl<T> PartialEq for OnTheWay<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for OnTheWay<T> {}

impl<T> PartialOrd for OnTheWay<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for OnTheWay<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}
