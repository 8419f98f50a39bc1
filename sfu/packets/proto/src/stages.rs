//! Where a worker's time goes, stage by stage, for `make bench`.
//!
//! Whoever goes over to another stage says so ([`enter`]); the time since the last word is the
//! stage's before. Without the feature `stages` all of it compiles to nothing. This crate has
//! no clock: whoever measures brings one ([`start`]).

/// What a worker does with a packet, in the order in which it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The system call, telling apart, parsing, counting.
    Receive,
    Unprotect,
    /// Holding, handing over, numbering, choosing runs.
    Plan,
    /// Header, extensions and payload of each subscriber's packet.
    Rewrite,
    Protect,
    Send,
    /// Timers, reports, commands.
    Rest,
}

impl Stage {
    pub const ALL: [Self; 7] = [
        Self::Receive,
        Self::Unprotect,
        Self::Plan,
        Self::Rewrite,
        Self::Protect,
        Self::Send,
        Self::Rest,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::Unprotect => "unprotect",
            Self::Plan => "plan",
            Self::Rewrite => "rewrite",
            Self::Protect => "protect",
            Self::Send => "send",
            Self::Rest => "rest",
        }
    }
}

/// Ticks that each stage took.
pub type Ticks = [u64; Stage::ALL.len()];

#[cfg(any(test, feature = "stages"))]
mod meter {
    use std::cell::Cell;

    use super::{Stage, Ticks};

    /// One thread's account.
    pub(super) struct Meter {
        stage: Cell<Option<Stage>>,
        since: Cell<u64>,
        ticks: [Cell<u64>; Stage::ALL.len()],
    }

    impl Meter {
        pub(super) const fn new() -> Self {
            Self {
                stage: Cell::new(None),
                since: Cell::new(0),
                ticks: [const { Cell::new(0) }; Stage::ALL.len()],
            }
        }

        /// No stage: the time is nobody's.
        pub(super) fn enter(&self, now: u64, stage: Option<Stage>) {
            let since = self.since.replace(now);
            if let Some(previous) = self.stage.replace(stage) {
                let ticks = &self.ticks[previous as usize];
                ticks.set(ticks.get() + now.saturating_sub(since));
            }
        }

        pub(super) fn take(&self) -> Ticks {
            std::array::from_fn(|stage| self.ticks[stage].take())
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn time_is_of_the_stage_that_was_entered_last() {
            let meter = Meter::new();
            meter.enter(100, Some(Stage::Receive));
            meter.enter(130, Some(Stage::Send));
            meter.enter(135, Some(Stage::Receive));
            meter.enter(136, None);
            meter.enter(500, Some(Stage::Send));
            let ticks = meter.take();
            assert_eq!(ticks[Stage::Receive as usize], 31);
            assert_eq!(ticks[Stage::Send as usize], 5);
            assert_eq!(ticks.iter().sum::<u64>(), 36);
            assert_eq!(meter.take(), Ticks::default());
        }
    }
}

#[cfg(feature = "stages")]
mod running {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::meter::Meter;
    use super::{Stage, Ticks};

    static CLOCK: OnceLock<fn() -> u64> = OnceLock::new();
    static TOTALS: [AtomicU64; Stage::ALL.len()] = [const { AtomicU64::new(0) }; Stage::ALL.len()];

    thread_local! {
        static METER: Meter = const { Meter::new() };
    }

    /// Measures by this clock from now on.
    pub fn start(clock: fn() -> u64) {
        CLOCK.get_or_init(|| clock);
    }

    #[inline]
    fn go_over(stage: Option<Stage>) {
        if let Some(clock) = CLOCK.get() {
            METER.with(|meter| meter.enter(clock(), stage));
        }
    }

    /// This thread's time is of `stage` from now on.
    #[inline]
    pub fn enter(stage: Stage) {
        go_over(Some(stage));
    }

    /// This thread is about to sleep; what it has counted is added to the totals.
    pub fn pause() {
        go_over(None);
        let ticks = METER.with(Meter::take);
        for (total, ticks) in TOTALS.iter().zip(ticks) {
            total.fetch_add(ticks, Ordering::Relaxed);
        }
    }

    /// Of all threads.
    pub fn totals() -> Ticks {
        std::array::from_fn(|stage| TOTALS[stage].load(Ordering::Relaxed))
    }
}

#[cfg(feature = "stages")]
pub use running::{enter, pause, start, totals};

#[cfg(not(feature = "stages"))]
#[inline(always)]
pub fn enter(_: Stage) {}

#[cfg(not(feature = "stages"))]
#[inline(always)]
pub fn pause() {}
