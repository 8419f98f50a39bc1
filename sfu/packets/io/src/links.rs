//! What goes from the receiving worker to each of the others, and what comes back: two rings
//! of one producer and one consumer.
//!
//! Nobody ever waits for the other end. Where a ring has no room for more media, whole bursts
//! are left out for that worker alone, counted, and told to it, so that its subscribers go on
//! from the next keyframe ([`Missed`]). Commands are not left out: they wait on this side, in
//! order, and a worker that lets too many wait counts as dead.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rtrb::{Consumer, Producer, PushError, RingBuffer};
use sfu_proto::handover::{Asked, Handed, Missed};

use crate::doorbell::Doorbell;
use crate::limits::{RING_BACKLOG, RING_PACKETS, RING_VALUES, RING_WISHES};

/// The part of the ring that only commands may use, an eighth: twenty people's joining.
const RESERVED: usize = 8;

/// Values that can wait for the next packet, and are as many before they ring by themselves.
const UNRUNG: usize = 256;

/// The receiving worker's end.
pub(crate) struct Link {
    shard: usize,
    /// Nothing once the worker is given up.
    ring: Option<Producer<Handed>>,
    wishes: Consumer<Asked>,
    bell: Arc<Doorbell>,
    packets: Arc<AtomicUsize>,
    reserved: usize,
    backlog: VecDeque<Handed>,
    missed: Missed,
    left_out: u64,
    /// Something was put into the ring since the last ring of the bell that cannot wait.
    has_news: bool,
    /// What can, since then.
    unrung: usize,
}

/// The other worker's end.
pub(crate) struct Inbox {
    ring: Consumer<Handed>,
    wishes: Upward<Asked>,
    bell: Arc<Doorbell>,
    packets: Arc<AtomicUsize>,
}

/// A ring up, and what found it full.
struct Upward<T> {
    ring: Producer<T>,
    waiting: VecDeque<T>,
}

/// A link to `shard`, whose worker sleeps at `shard_bell`.
pub(crate) fn link(shard: usize, bell: Arc<Doorbell>, shard_bell: Arc<Doorbell>) -> (Link, Inbox) {
    link_of(RING_VALUES, shard, bell, shard_bell)
}

fn link_of(
    size: usize,
    shard: usize,
    bell: Arc<Doorbell>,
    shard_bell: Arc<Doorbell>,
) -> (Link, Inbox) {
    let (ring, inbox) = RingBuffer::new(size);
    let (wish, wishes) = RingBuffer::new(RING_WISHES);
    let packets = Arc::new(AtomicUsize::new(0));
    let link = Link {
        shard,
        ring: Some(ring),
        wishes,
        bell: shard_bell,
        packets: Arc::clone(&packets),
        reserved: size / RESERVED,
        backlog: VecDeque::new(),
        missed: Missed::default(),
        left_out: 0,
        has_news: false,
        unrung: 0,
    };
    let inbox = Inbox {
        ring: inbox,
        wishes: Upward {
            ring: wish,
            waiting: VecDeque::new(),
        },
        bell,
        packets,
    };
    (link, inbox)
}

impl Link {
    /// Hands a value over, or keeps it, or leaves it out.
    pub(crate) fn give(&mut self, handed: Handed) {
        if self.is_given_up() {
            return;
        }
        if handed.may_be_left_out() {
            self.give_media(handed);
        } else if self.backlog.is_empty() {
            self.put_or_keep(handed);
        } else {
            self.keep(handed);
        }
    }

    fn give_media(&mut self, handed: Handed) {
        self.tell_missed();
        let packets = handed.packets();
        let waiting = self.packets.load(Ordering::Relaxed);
        let is_full = waiting > 0 && waiting + packets > RING_PACKETS;
        if is_full || !self.missed.is_empty() || !self.has_room_for_media() {
            self.missed.note(&handed);
            self.left_out += packets.max(1) as u64;
            return;
        }
        self.packets.fetch_add(packets, Ordering::Relaxed);
        self.put_or_keep(handed);
    }

    fn has_room_for_media(&self) -> bool {
        let free = self.ring.as_ref().map_or(0, Producer::slots);
        self.backlog.is_empty() && free > self.reserved
    }

    /// Before anything more of the layers in question.
    fn tell_missed(&mut self) {
        if !self.missed.is_empty() && self.has_room_for_media() {
            let missed = self.missed.take(self.shard);
            self.put_or_keep(missed);
        }
    }

    fn put_or_keep(&mut self, handed: Handed) {
        let Some(ring) = &mut self.ring else {
            return;
        };
        let can_wait = handed.can_wait();
        match ring.push(handed) {
            Ok(()) if can_wait => {
                self.unrung += 1;
                self.has_news |= self.unrung >= UNRUNG;
            }
            Ok(()) => self.has_news = true,
            Err(PushError::Full(handed)) => self.keep(handed),
        }
    }

    fn keep(&mut self, handed: Handed) {
        if self.backlog.len() >= RING_BACKLOG {
            self.give_up();
        }
        if self.ring.is_some() {
            self.backlog.push_back(handed);
        }
    }

    /// Nothing is handed to the dead, nor does anything wait for them.
    pub(crate) fn give_up(&mut self) {
        self.ring = None;
        self.backlog = VecDeque::new();
        self.missed = Missed::default();
    }

    /// Goes on with what waits, and wakes the other worker if there is anything new.
    pub(crate) fn flush(&mut self) {
        while let Some(ring) = &mut self.ring
            && ring.slots() > 0
            && let Some(handed) = self.backlog.pop_front()
        {
            self.put_or_keep(handed);
        }
        self.tell_missed();
        if std::mem::take(&mut self.has_news) {
            self.unrung = 0;
            self.bell.ring();
        }
    }

    /// Something waits for room in the ring.
    pub(crate) fn is_behind(&self) -> bool {
        !self.backlog.is_empty() || !self.missed.is_empty()
    }

    /// The other worker has ended.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.ring.as_ref().is_some_and(Producer::is_abandoned)
    }

    /// The other worker has let too much wait.
    pub(crate) fn is_given_up(&self) -> bool {
        self.ring.is_none()
    }

    pub(crate) fn take_wish(&mut self) -> Option<Asked> {
        self.wishes.pop().ok()
    }

    pub(crate) fn has_wishes(&self) -> bool {
        !self.wishes.is_empty()
    }

    /// Packets and reports left out since the last call.
    pub(crate) fn take_left_out(&mut self) -> u64 {
        std::mem::take(&mut self.left_out)
    }
}

impl Inbox {
    pub(crate) fn take(&mut self) -> Option<Handed> {
        let handed = self.ring.pop().ok()?;
        self.packets.fetch_sub(handed.packets(), Ordering::Relaxed);
        Some(handed)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// The receiving worker has ended, or given this one up.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.ring.is_abandoned()
    }

    /// Passes wishes up, in order; what finds no room waits for the next call.
    pub(crate) fn ask(&mut self, wishes: &mut Vec<Asked>) {
        if self.wishes.pass(wishes) {
            self.bell.ring();
        }
    }

    pub(crate) fn is_behind(&self) -> bool {
        !self.wishes.waiting.is_empty()
    }
}

impl<T: Copy> Upward<T> {
    /// Whether anything went up.
    fn pass(&mut self, wishes: &mut Vec<T>) -> bool {
        self.waiting.extend(wishes.drain(..));
        let mut has_news = false;
        while let Some(&wish) = self.waiting.front()
            && self.ring.push(wish).is_ok()
        {
            self.waiting.pop_front();
            has_news = true;
        }
        // Whoever takes none of so many has died, and this worker's time is over as well.
        self.waiting.truncate(RING_BACKLOG);
        has_news
    }
}

#[cfg(test)]
#[path = "links_tests.rs"]
mod tests;
