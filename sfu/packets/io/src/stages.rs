//! The clocks of [`sfu_proto::stages`], and what they have counted.
//!
//! Stages are told apart by a clock that costs some nanoseconds; what it cannot tell is when
//! the thread was not running. Sleeping and waking are the kernel's, and counted in CPU time.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sfu_proto::stages::{self, Stage};

use crate::system::{thread_cpu_time, ticks};

/// One of so many waits is measured: the clock of CPU time is a system call, and two of them at
/// each turn made small packets a quarter dearer.
const SAMPLED: u64 = 16;

static STARTED: OnceLock<(Instant, u64)> = OnceLock::new();
static WAITING_NS: AtomicU64 = AtomicU64::new(0);

pub(crate) fn start() {
    STARTED.get_or_init(|| (Instant::now(), ticks()));
    stages::start(ticks);
}

/// For systems without a cheaper clock.
#[cfg_attr(
    all(target_os = "linux", target_arch = "x86_64", not(feature = "portable")),
    expect(dead_code, reason = "this one has one")
)]
pub(crate) fn nanoseconds() -> u64 {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    ORIGIN.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// CPU time of going to sleep and waking up, by a sample.
pub(crate) fn waiting<T>(wait: impl FnOnce() -> T) -> T {
    thread_local! {
        static TURN: Cell<u64> = const { Cell::new(0) };
    }
    stages::pause();
    let is_measured = TURN.replace(TURN.get() + 1).is_multiple_of(SAMPLED);
    let result = match is_measured {
        true => {
            let began = thread_cpu_time();
            let result = wait();
            let spent = thread_cpu_time().saturating_sub(began);
            let spent = spent.as_nanos() as u64 * SAMPLED;
            WAITING_NS.fetch_add(spent, Ordering::Relaxed);
            result
        }
        false => wait(),
    };
    stages::enter(Stage::Rest);
    result
}

/// What all workers of this process have spent in each stage, by the wall clock, and on
/// waiting, by CPU time.
pub fn spent() -> Vec<(&'static str, Duration)> {
    let (at, since) = *STARTED.get_or_init(|| (Instant::now(), ticks()));
    let elapsed = ticks().saturating_sub(since).max(1);
    let seconds_a_tick = at.elapsed().as_secs_f64() / elapsed as f64;
    let totals = Stage::ALL.into_iter().zip(stages::totals());
    let stages = totals.map(|(stage, ticks)| {
        let seconds = ticks as f64 * seconds_a_tick;
        (stage.name(), Duration::from_secs_f64(seconds))
    });
    let waiting = Duration::from_nanos(WAITING_NS.load(Ordering::Relaxed));
    stages.chain([("wait", waiting)]).collect()
}
