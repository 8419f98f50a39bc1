//! Holding a video frame's packets until its last one is there, once for all subscribers.
//!
//! A frame cannot be decoded before its last packet, so to whoever has headroom a frame in
//! one piece is as good as its packets one by one, and one run for UDP_SEGMENT costs a
//! fraction of nine sends. In come packets that were counted and acknowledged on arrival;
//! out go bursts. Audio waits for company only, and shortly. It knows neither a source nor
//! a slot, and no clock: its deadlines are obeyed by whoever calls.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::handover::{Burst, LayerKey, Packet, Settled, earlier};
use crate::limits::{ARRIVALS_WANTED, RUN_BYTES, RUN_OVERHEAD, RUN_SEGMENTS};

/// How long packets may wait for others, so that they leave as one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldConfig {
    /// Longest that a packet of video waits for the end of its frame. Zero: not at all.
    pub frame: Duration,
    /// How long audio waits for whatever else leaves then.
    pub join: Duration,
}

impl HoldConfig {
    pub const NONE: Self = Self {
        frame: Duration::ZERO,
        join: Duration::ZERO,
    };

    /// A frame that is paced over 40 % of 33 ms ends after 13.3 ms; nothing waits 15 ms. Eight
    /// voices at 50 packets a second are 2.5 ms apart.
    pub const DEFAULT: Self = Self {
        frame: Duration::from_millis(14),
        join: Duration::from_millis(3),
    };
}

/// One layer's frame that has begun and not ended.
#[derive(Debug, Default)]
pub(crate) struct Held {
    open: Burst,
    /// When the frame leaves, whole or not.
    due: Option<Instant>,
    /// The newest packet's.
    timestamp: u32,
    sequence: Option<i64>,
    /// Its frame has ended.
    has_ended: bool,
    arrivals_wanted: Option<Instant>,
    /// Packets are passed on as they arrive, too.
    passes_arrivals: bool,
}

impl Held {
    pub(crate) fn want_arrivals(&mut self, now: Instant) {
        self.arrivals_wanted = Some(now + ARRIVALS_WANTED);
    }

    pub(crate) fn passes_arrivals(&self) -> bool {
        self.passes_arrivals
    }

    /// A repair, or a packet that was overtaken by its frame's last: no run waits for it.
    fn is_late(&self, packet: &Packet) -> bool {
        let is_newest_frame = packet.timestamp == self.timestamp;
        self.sequence.is_some_and(|newest| match is_newest_frame {
            true => self.has_ended,
            false => packet.sequence < newest,
        })
    }

    fn has_room(&self, packet: &Packet) -> bool {
        let packets = self.open.packets.len() + 1;
        let payload = (packet.payload.end - packet.extensions.start) as usize;
        let bytes = self.open.bytes.len() + payload + packets * RUN_OVERHEAD;
        packets <= RUN_SEGMENTS && bytes <= RUN_BYTES
    }

    fn settle(&mut self, now: Instant) -> Settled {
        if !self.open.packets.is_empty() {
            return Settled::Not;
        }
        self.passes_arrivals = self.arrivals_wanted.is_some_and(|until| until > now);
        Settled::Yes {
            arrivals_follow: self.passes_arrivals,
        }
    }
}

/// Where the layers' frames are found.
pub(crate) trait Layers {
    fn held(&mut self, layer: LayerKey) -> Option<&mut Held>;
}

/// What leaves next, and when.
#[derive(Debug)]
pub(crate) struct Holds {
    config: HoldConfig,
    ready: Burst,
    ready_at: Option<Instant>,
    /// Of frames that have begun, in order; those that ended earlier are skipped.
    deadlines: VecDeque<(Instant, LayerKey)>,
    last_voice: Option<(Instant, LayerKey)>,
}

impl Holds {
    pub(crate) fn new(config: HoldConfig) -> Self {
        Self {
            config,
            ready: Burst::default(),
            ready_at: None,
            deadlines: VecDeque::new(),
            last_voice: None,
        }
    }

    pub(crate) fn take_audio(&mut self, now: Instant, draft: &Burst, packet: &Packet) {
        self.ready.push(draft, packet);
        let wait = match self.expects_company(now, packet.layer) {
            true => self.config.join,
            false => Duration::ZERO,
        };
        self.be_ready(now + wait);
    }

    /// Where several speak their packets come closer together than they may wait. Who speaks
    /// alone would wait for nothing.
    fn expects_company(&mut self, now: Instant, layer: LayerKey) -> bool {
        let last = self.last_voice.replace((now, layer));
        last.is_some_and(|(at, other)| {
            other != layer && now.saturating_duration_since(at) < self.config.join
        })
    }

    pub(crate) fn take_video(
        &mut self,
        now: Instant,
        held: &mut Held,
        draft: &Burst,
        packet: &Packet,
    ) {
        if self.config.frame.is_zero() || held.is_late(packet) {
            self.ready.push(draft, packet);
            return self.be_ready(now);
        }
        if packet.timestamp != held.timestamp || !held.has_room(packet) {
            self.end_frame(now, held);
        }
        if held.open.packets.is_empty() {
            let due = now + self.config.frame;
            held.due = Some(due);
            self.deadlines.push_back((due, packet.layer));
        }
        held.open.push(draft, packet);
        held.timestamp = packet.timestamp;
        held.sequence = held.sequence.max(Some(packet.sequence));
        held.has_ended = packet.marker;
        if packet.marker {
            self.end_frame(now, held);
        }
    }

    fn end_frame(&mut self, now: Instant, held: &mut Held) {
        if held.due.take().is_some() {
            self.ready.append(&mut held.open);
            self.be_ready(now);
        }
    }

    fn be_ready(&mut self, at: Instant) {
        self.ready_at = earlier(self.ready_at, Some(at));
    }

    /// The end of frames that have waited long enough.
    pub(crate) fn expire(&mut self, now: Instant, layers: &mut impl Layers) {
        while let Some(&(due, layer)) = self.deadlines.front() {
            let held = layers.held(layer).filter(|held| held.due == Some(due));
            match held {
                Some(_) if due > now => return,
                Some(held) => self.end_frame(now, held),
                None => {}
            }
            self.deadlines.pop_front();
        }
    }

    /// What leaves now; its groups say how their layers stand.
    pub(crate) fn release(&mut self, now: Instant, layers: &mut impl Layers) -> Option<Burst> {
        self.ready_at.take_if(|at| *at <= now)?;
        let mut burst = std::mem::take(&mut self.ready).grouped();
        for group in &mut burst.groups {
            if let Some(held) = layers.held(group.layer) {
                group.has_arrived = held.passes_arrivals;
                group.settled = held.settle(now);
            }
        }
        Some(burst)
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        earlier(self.ready_at, self.deadlines.front().map(|&(due, _)| due))
    }
}
