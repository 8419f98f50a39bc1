//! What one subscriber gets over links that change, are lossy or shared, beside what is to be
//! reached: the whole send side in a simulation, 50 seeds each.
//!
//!     cargo run --release -p sfu-proto --example links -- [CASE [SEEDS]]
//!     cargo run --release -p sfu-proto --example links -- --show CASE SEED
//!
//! A case is named by the beginning of its name. `--show` prints one run by half seconds.

#![allow(clippy::unwrap_used)]

#[path = "../../tests/call/mod.rs"]
mod call;
mod cases;
#[path = "../../tests/world/mod.rs"]
mod world;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

use cases::{Case, Figures, Goal};

const SEEDS: u64 = 50;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--show", name, seed] => show(name, seed.parse().unwrap_or(1)),
        [] => table("", SEEDS),
        [name] => table(name, SEEDS),
        [name, seeds, ..] => table(name, seeds.parse().unwrap_or(SEEDS)),
    }
}

fn show(name: &str, seed: u64) {
    for case in named(name).into_iter().take(1) {
        let record = case.plan.run(seed);
        let spans = case.plan.spans();
        record.print(|at| {
            let span = spans.iter().rfind(|(since, _, _)| *since <= at);
            span.map_or(0, |&(_, _, rate)| rate)
        });
        for (what, value, _) in (case.measure)(&case.plan, &record) {
            println!("{what}: {value:.3}");
        }
    }
}

fn named(name: &str) -> Vec<Case> {
    let all = cases::all().into_iter();
    all.filter(|case| case.name.starts_with(name)).collect()
}

fn table(name: &str, seeds: u64) {
    println!(
        "{:<11}{:<25}{:>8}{:>9}{:>9}  {:<11}seed of the worst",
        "case", "figure", "goal", "median", "worst", "reached in"
    );
    for case in named(name) {
        print(&case, &run_all(&case, seeds));
    }
}

/// Of each seed, in order.
fn run_all(case: &Case, seeds: u64) -> Vec<Figures> {
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get());
    let next = AtomicU64::new(1);
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > seeds {
                        break;
                    }
                    let record = case.plan.run(seed);
                    let _ = sender.send((seed, (case.measure)(&case.plan, &record)));
                }
            });
        }
    });
    drop(sender);
    let mut all: Vec<_> = receiver.into_iter().collect();
    all.sort_by_key(|(seed, _)| *seed);
    all.into_iter().map(|(_, figures)| figures).collect()
}

fn print(case: &Case, runs: &[Figures]) {
    let Some(first) = runs.first() else {
        return;
    };
    for (place, &(what, _, goal)) in first.iter().enumerate() {
        let values: Vec<f64> = runs.iter().map(|figures| figures[place].1).collect();
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&one, &other| values[one].total_cmp(&values[other]));
        if matches!(goal, Goal::AtLeast(_)) {
            order.reverse();
        }
        let worst = order[order.len() - 1];
        let median = values[order[order.len() / 2]];
        let met = values.iter().filter(|&&value| goal.is_met(value)).count();
        let (goal, met) = match goal {
            Goal::AtLeast(least) => (format!("≥ {least}"), format!("{met} of {}", values.len())),
            Goal::AtMost(most) => (format!("≤ {most}"), format!("{met} of {}", values.len())),
            Goal::None => (String::new(), String::new()),
        };
        println!(
            "{:<11}{what:<25}{goal:>8}{median:>9.3}{:>9.3}  {met:<11}{}",
            case.name,
            values[worst],
            worst + 1
        );
    }
}
