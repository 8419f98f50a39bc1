//! The packet path on several threads: the first worker receives for all and serves its share
//! of the subscribers, the others serve theirs.
//!
//! [`Hub`] and [`Shard`] are the machines of those workers. They carry values between the
//! receive side and the shards of the send side, as `sfu_proto::router::Router` does on one
//! thread, but over rings. Neither looks into the values.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use sfu_proto::command::Command;
use sfu_proto::drop::DropReason;
use sfu_proto::event::Event;
use sfu_proto::handover::{Asked, Handed, earlier};
use sfu_proto::receive_side::ReceiveSide;
use sfu_proto::send_side::SendSide;
use sfu_proto::snapshot::Snapshot;
use sfu_proto::transmit::{Datagram, TransmitBatch};

use crate::links::{Inbox, Link};
use crate::machine::Machine;

/// Values taken over a turn, so that what they make is sent before more is taken.
const TAKEN_A_TURN: usize = 256;

/// How soon to look again whether a full ring has room.
const RETRY: Duration = Duration::from_millis(1);

/// Of the worker that receives.
pub(crate) struct Hub {
    receive: ReceiveSide,
    /// The first shard, served by this worker.
    own: SendSide,
    /// To the others, from the second on.
    links: Vec<Link>,
    lost: Vec<bool>,
    /// Workers that were given up.
    news: VecDeque<Event>,
    retry: Option<Instant>,
    handed: Vec<Handed>,
    asked: Vec<Asked>,
}

impl Hub {
    pub(crate) fn new(receive: ReceiveSide, own: SendSide, links: Vec<Link>) -> Self {
        Self {
            receive,
            own,
            lost: vec![false; links.len()],
            links,
            news: VecDeque::new(),
            retry: None,
            handed: Vec::new(),
            asked: Vec::new(),
        }
    }

    fn hand_over(&mut self, now: Instant) {
        let (own, links) = (&mut self.own, &mut self.links);
        self.receive.take_handed(&mut self.handed);
        for handed in self.handed.drain(..) {
            handed.deal(|shard, handed| match shard.checked_sub(1) {
                None => own.handle(now, handed),
                Some(index) => links[index].give(handed),
            });
        }
        self.own.take_asked(&mut self.asked);
        for asked in self.asked.drain(..) {
            self.receive.handle_asked(now, 0, asked);
        }
        self.flush(now);
    }

    fn flush(&mut self, now: Instant) {
        let mut is_behind = false;
        for link in &mut self.links {
            link.flush();
            is_behind |= link.is_behind();
            let left_out = link.take_left_out();
            if left_out > 0 {
                self.receive.count_drops(DropReason::WorkerBehind, left_out);
            }
        }
        self.retry = is_behind.then(|| now + RETRY);
    }

    /// Once for each: their subscribers are told, and come again to others.
    fn bury_dead(&mut self, now: Instant) {
        for (index, link) in self.links.iter_mut().enumerate() {
            let is_dead = link.is_abandoned() || link.is_given_up();
            if !is_dead || std::mem::replace(&mut self.lost[index], true) {
                continue;
            }
            let worker = index + 1;
            self.receive.lose_shard(now, worker);
            if link.is_given_up() {
                let reason = "it takes nothing from the others".into();
                self.news.push_back(Event::WorkerFailed { worker, reason });
            }
            link.give_up();
        }
    }
}

impl Machine for Hub {
    fn handle_datagrams(&mut self, now: Instant, datagrams: &mut [Datagram<'_>]) {
        self.receive.handle_datagrams(now, datagrams);
        self.hand_over(now);
    }

    fn handle_command(&mut self, now: Instant, command: Command) {
        self.receive.handle_command(now, command);
        self.hand_over(now);
    }

    fn set_wall_clock(&mut self, now: Instant, since_unix: Duration) {
        self.receive.set_wall_clock(now, since_unix);
    }

    fn take_handed(&mut self, now: Instant) -> bool {
        self.bury_dead(now);
        for (index, link) in self.links.iter_mut().enumerate() {
            for _ in 0..TAKEN_A_TURN {
                let Some(asked) = link.take_wish() else { break };
                self.receive.handle_asked(now, index + 1, asked);
            }
        }
        self.hand_over(now);
        self.has_handed()
    }

    fn has_handed(&self) -> bool {
        self.links.iter().any(Link::has_wishes)
    }

    fn lateness(&self, now: Instant) -> f64 {
        self.own.lateness(now)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.receive.handle_timeout(now);
        self.own.handle_timeout(now);
        self.hand_over(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let media = earlier(self.receive.poll_timeout(), self.own.poll_timeout());
        earlier(media, self.retry)
    }

    fn poll_transmits(&mut self, now: Instant, batch: &mut TransmitBatch) -> bool {
        self.receive.poll_transmits(batch);
        let has_more = self.own.poll_transmits(now, batch);
        self.hand_over(now);
        has_more
    }

    fn poll_event(&mut self) -> Option<Event> {
        let event = self.news.pop_front().or_else(|| self.receive.poll_event());
        event.or_else(|| self.own.poll_event())
    }

    fn snapshot(&self, now: Instant) -> Snapshot {
        let mut snapshot = self.receive.snapshot(now);
        snapshot.absorb(self.own.snapshot(now));
        snapshot
    }

    fn count_drops(&mut self, reason: DropReason, packets: u64) {
        self.receive.count_drops(reason, packets);
    }
}

/// Of a worker that only sends.
pub(crate) struct Shard {
    side: SendSide,
    inbox: Inbox,
    retry: Option<Instant>,
    asked: Vec<Asked>,
}

impl Shard {
    pub(crate) fn new(side: SendSide, inbox: Inbox) -> Self {
        Self {
            side,
            inbox,
            retry: None,
            asked: Vec::new(),
        }
    }

    fn ask(&mut self, now: Instant) {
        self.side.take_asked(&mut self.asked);
        self.inbox.ask(&mut self.asked);
        self.retry = self.inbox.is_behind().then(|| now + RETRY);
    }
}

impl Machine for Shard {
    /// It has no socket to receive from.
    fn handle_datagrams(&mut self, _now: Instant, _datagrams: &mut [Datagram<'_>]) {}

    /// Commands come through the receiving worker, in order with what happens there.
    fn handle_command(&mut self, _now: Instant, _command: Command) {}

    fn take_handed(&mut self, now: Instant) -> bool {
        for _ in 0..TAKEN_A_TURN {
            let Some(handed) = self.inbox.take() else {
                break;
            };
            self.side.handle(now, handed);
        }
        self.ask(now);
        self.has_handed()
    }

    fn has_handed(&self) -> bool {
        !self.inbox.is_empty()
    }

    fn is_abandoned(&self) -> bool {
        self.inbox.is_abandoned() && self.inbox.is_empty()
    }

    fn lateness(&self, now: Instant) -> f64 {
        self.side.lateness(now)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.side.handle_timeout(now);
        self.ask(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        earlier(self.side.poll_timeout(), self.retry)
    }

    fn poll_transmits(&mut self, now: Instant, batch: &mut TransmitBatch) -> bool {
        let has_more = self.side.poll_transmits(now, batch);
        self.ask(now);
        has_more
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.side.poll_event()
    }

    fn snapshot(&self, now: Instant) -> Snapshot {
        self.side.snapshot(now)
    }

    fn count_drops(&mut self, reason: DropReason, packets: u64) {
        self.side.count_drops(reason, packets);
    }
}
