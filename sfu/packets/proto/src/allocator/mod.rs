//! How one subscriber's bits are shared out among what it is shown. `docs/allocation.md` tells it
//! in prose.
//!
//! In come the bits that its way carries, and of each video slot the ladder of what could be sent
//! ([`ladder`]) with what was sent last; out goes a rung of each ladder, or none. Pure: it knows
//! no slot, no source, no packet and no clock, and remembers nothing but the [`Memory`] that it is
//! handed. Audio is not its business but for [`audible`]: it is taken off before.

mod ladder;
mod reason;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

pub(crate) use self::ladder::{Layer, Rung, TEMPORAL_LAYERS, build};
pub use self::reason::Reason;
pub(crate) use self::reason::{Circumstances, reason};

/// A better picture must fit with this much to spare, in percent: measured rates and estimates
/// move by some percent from second to second, and a switch for each would be worse than none.
const SPARE_PERCENT: u64 = 10;
/// Whoever went down stays for this long, twice as long each time that it came up in vain. With
/// 20 s after the first failure, a link on the edge of a layer makes two switches a minute at most.
const PATIENCE: Duration = Duration::from_secs(10);
const LONGEST_PATIENCE: Duration = Duration::from_secs(80);
/// Who goes down so soon after it came up came up in vain.
const IN_VAIN: Duration = Duration::from_secs(20);
/// Several rungs down within so long are one fall: estimates are lowest while a queue runs empty.
const ONE_FALL: Duration = Duration::from_secs(3);
/// Nobody waits whose picture fits with this much to spare: the link is another one now.
/// The more often it failed the more it takes.
const PLENTY_PERCENT: u64 = 40;
const MOST_PLENTY_PERCENT: u64 = 100;
/// What was silenced is heard again once it fits with this much to spare.
const AUDIBLE_SPARE_PERCENT: u64 = 20;

/// What one video slot could be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish<'a> {
    /// The worst first; what is more than the tile needs is not in it.
    pub(crate) ladder: &'a [Rung],
    /// The subscriber looks at it: it is served first.
    pub(crate) is_stage: bool,
    pub(crate) memory: Memory,
}

impl Wish<'_> {
    fn waits(&self, now: Instant) -> bool {
        self.memory.until.is_some_and(|until| now < until)
    }

    /// The best rung that is worse than what it fell from.
    fn below_fall(&self) -> Place {
        let (_, from) = self.memory.fell?;
        let is_below =
            |rung: &Rung| !rung.is_better_than(from) && (rung.layer, rung.temporal) != from;
        self.ladder.iter().rposition(is_below)
    }
}

/// What is remembered of a slot from one time to the next.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// What it was given: spatial and temporal layer, or nothing.
    given: Option<Option<(u8, u8)>>,
    raised: Option<Instant>,
    /// When it went down, and from what: not to be raised to that, or beyond, before `until`.
    fell: Option<(Instant, (u8, u8))>,
    until: Option<Instant>,
    patience: Option<Duration>,
}

impl Memory {
    /// The rung that it holds: the highest that is no better than what it was given.
    fn held(&self, ladder: &[Rung]) -> Option<Option<usize>> {
        let given = self.given?;
        Some(given.and_then(|given| ladder.iter().rposition(|rung| !rung.is_better_than(given))))
    }

    /// Something else is shown: what was learnt of the link stays.
    pub(crate) fn begin_anew(&mut self) {
        self.given = None;
        self.raised = None;
    }

    fn note(
        &mut self,
        now: Instant,
        before: Option<Option<usize>>,
        rung: Option<usize>,
        ladder: &[Rung],
    ) {
        match before {
            Some(before) if rung > before => self.raised = Some(now),
            Some(before) if rung < before => {
                let is_one_fall = |&(at, _): &(Instant, _)| now < at + ONE_FALL;
                let same = self.fell.filter(is_one_fall);
                let from = self.given.flatten().unwrap_or((u8::MAX, 0));
                self.fell = Some((now, same.map_or(from, |(_, from)| from)));
                let is_in_vain = self.raised.is_some_and(|raised| now < raised + IN_VAIN);
                let patience = match self.patience.filter(|_| is_in_vain || same.is_some()) {
                    Some(patience) if same.is_some() => patience,
                    Some(patience) => (patience * 2).min(LONGEST_PATIENCE),
                    None if is_in_vain => PATIENCE * 2,
                    None => PATIENCE,
                };
                self.patience = Some(patience);
                self.until = Some(now + patience);
            }
            _ => {}
        }
        self.given = Some(rung.map(|rung| (ladder[rung].layer, ladder[rung].temporal)));
    }
}

/// Where a slot stands, by index into its ladder; none: it is sent nothing.
pub(crate) type Place = Option<usize>;

/// Shares out `budget_bps` anew. `wishes` in order of importance; the stage comes first anyway.
/// Leaves in `places` one place for each, and what is to be remembered in the wishes.
pub(crate) fn allocate(
    now: Instant,
    budget_bps: u64,
    wishes: &mut [Wish<'_>],
    places: &mut Vec<Place>,
) {
    let lasting = share_out(less(budget_bps, SPARE_PERCENT), wishes);
    let plenty = plenty_percent(now, wishes);
    let plenty = plenty.map(|percent| share_out(less(budget_bps, percent), wishes));
    // Each keeps what it holds, or rises to what will last; those in front come first again.
    let limits = wishes.iter().enumerate().map(|(index, wish)| {
        let raised = match (&plenty, wish.waits(now)) {
            (Some(plenty), true) => plenty[index].max(lasting[index].min(wish.below_fall())),
            _ => lasting[index],
        };
        let held = wish.memory.held(wish.ladder).flatten();
        raised.max(held).map_or(0, |rung| rung + 1)
    });
    let limits: Vec<usize> = limits.collect();
    let mut shares = Shares::new(budget_bps, wishes, limits);
    shares.share_out();
    // What is left then is for whoever may rise.
    shares.left_bps = shares
        .left_bps
        .saturating_sub(budget_bps - less(budget_bps, SPARE_PERCENT));
    for (index, wish) in wishes
        .iter()
        .enumerate()
        .filter(|(_, wish)| !wish.waits(now))
    {
        shares.limits[index] = wish.ladder.len();
    }
    shares.share_out();
    *places = shares.places;
    for (wish, &place) in wishes.iter_mut().zip(places.iter()) {
        let held = wish.memory.held(wish.ladder);
        wish.memory.note(now, held, place, wish.ladder);
    }
}

/// What it takes that all are given the least that there is of them.
pub(crate) fn least(wishes: &[Wish<'_>]) -> u64 {
    let lowest = wishes.iter().filter_map(|wish| wish.ladder.first());
    let sum: u64 = lowest.map(|rung| rung.bitrate_bps).sum();
    sum * (100 + SPARE_PERCENT) / 100 + 1
}

/// What it takes that all are given all that they can use, and keep it; where somebody waits, what
/// it takes that nobody does.
pub(crate) fn wanted(now: Instant, wishes: &[Wish<'_>]) -> u64 {
    let tops = wishes.iter().filter_map(|wish| wish.ladder.last());
    let sum: u64 = tops.map(|rung| rung.bitrate_bps).sum();
    sum * (100 + plenty_percent(now, wishes).unwrap_or(SPARE_PERCENT)) / 100
}

/// Of those that wait, the longest patience says how much is plenty.
fn plenty_percent(now: Instant, wishes: &[Wish<'_>]) -> Option<u64> {
    let waiting = wishes.iter().filter(|wish| wish.waits(now));
    let patience = waiting.filter_map(|wish| wish.memory.patience).max()?;
    let percent = PLENTY_PERCENT * patience.as_secs() / PATIENCE.as_secs();
    Some(percent.min(MOST_PLENTY_PERCENT))
}

fn less(bps: u64, percent: u64) -> u64 {
    bps.saturating_mul(100) / (100 + percent)
}

fn cost(ladder: &[Rung], place: Place) -> u64 {
    place.map_or(0, |rung| ladder[rung].bitrate_bps)
}

/// The best that fits, whatever was before.
fn share_out(budget_bps: u64, wishes: &[Wish<'_>]) -> Vec<Place> {
    let limits = wishes.iter().map(|wish| wish.ladder.len()).collect();
    let mut shares = Shares::new(budget_bps, wishes, limits);
    shares.share_out();
    shares.places
}

struct Shares<'a> {
    left_bps: u64,
    places: Vec<Place>,
    /// Nobody climbs beyond so many rungs.
    limits: Vec<usize>,
    wishes: &'a [Wish<'a>],
}

impl<'a> Shares<'a> {
    fn new(left_bps: u64, wishes: &'a [Wish<'a>], limits: Vec<usize>) -> Self {
        Self {
            left_bps,
            places: vec![None; wishes.len()],
            limits,
            wishes,
        }
    }

    /// The stage gets a decent picture, then everyone a picture at all, then the stage all that
    /// it can use, then the others a rung at a time each.
    fn share_out(&mut self) {
        let all = 0..self.wishes.len();
        let (stages, tiles): (Vec<usize>, Vec<usize>) =
            all.clone().partition(|&index| self.wishes[index].is_stage);
        for &index in &stages {
            self.climb(index, ladder::decent(self.wishes[index].ladder));
        }
        all.for_each(|index| self.climb(index, 1));
        for &index in &stages {
            self.climb(index, usize::MAX);
        }
        let mut climbing = tiles;
        while !climbing.is_empty() {
            climbing.retain(|&index| self.places[index].is_some() && self.step(index));
        }
    }

    /// Up to so many rungs above the ground, as far as it fits.
    fn climb(&mut self, index: usize, rungs: usize) {
        while self.places[index].map_or(0, |rung| rung + 1) < rungs && self.step(index) {}
    }

    /// False: there is no next rung, or it costs too much.
    fn step(&mut self, index: usize) -> bool {
        let ladder = self.wishes[index].ladder;
        let next = self.places[index].map_or(0, |rung| rung + 1);
        let Some(rung) = ladder.get(next).filter(|_| next < self.limits[index]) else {
            return false;
        };
        let more = rung
            .bitrate_bps
            .saturating_sub(cost(ladder, self.places[index]));
        let Some(left) = self.left_bps.checked_sub(more) else {
            return false;
        };
        self.left_bps = left;
        self.places[index] = Some(next);
        true
    }
}

/// One voice that a subscriber could hear.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Voice {
    pub(crate) bitrate_bps: u64,
    pub(crate) loudness: u8,
    pub(crate) is_silenced: bool,
}

/// Which voices fit: where not all do, the quietest go first. One that was silenced comes back
/// once it fits with something to spare. The loudest is always heard: nothing is worth less than
/// silence.
pub(crate) fn audible(budget_bps: u64, voices: &[Voice]) -> Vec<bool> {
    let mut order: Vec<usize> = (0..voices.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(voices[index].loudness));
    let mut heard = vec![false; voices.len()];
    let mut used = 0;
    for (rank, index) in order.into_iter().enumerate() {
        let voice = voices[index];
        let limit = match voice.is_silenced {
            true => less(budget_bps, AUDIBLE_SPARE_PERCENT),
            false => budget_bps,
        };
        if rank > 0 && used + voice.bitrate_bps > limit {
            break;
        }
        used += voice.bitrate_bps;
        heard[index] = true;
    }
    heard
}
