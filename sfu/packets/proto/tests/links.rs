//! What one subscriber gets over links that change: the short forms of `make bench-links`, bounds
//! instead of medians.

#![allow(clippy::unwrap_used)]

mod call;
mod world;

use std::time::Duration;

use call::{Joins, Plan, Record, Step, THREE};
use sfu_link::Conditions;

fn at(at_s: f64, kbps: u64) -> Step {
    let down = Conditions {
        delay: Duration::from_millis(50),
        rate_bps: Some(kbps * 1000),
        ..Conditions::default()
    };
    Step {
        at_s,
        down,
        up_loss: 0.0,
    }
}

fn run(lasts_s: f64, steps: Vec<Step>) -> Record {
    run_beside(None, lasts_s, steps)
}

fn run_beside(tcp_s: Option<(f64, f64)>, lasts_s: f64, steps: Vec<Step>) -> Record {
    let viewers = vec![Joins {
        at_s: 0.0,
        delay_ms: 0,
    }];
    let plan = Plan {
        layers: &THREE,
        steps,
        lasts_s,
        viewers,
        tcp_s,
    };
    plan.run(1)
}

#[test]
fn who_comes_over_a_narrow_link_sees_something_at_once_and_loses_little() {
    let record = run(10.0, vec![at(0.0, 1000)]);
    let first = record.first_frame_after(0.0);
    assert!(first < 0.5, "the first frame after {first:.2} s");
    let lost = record.queue_loss(0.0, 10.0);
    assert!(lost < 5.0, "{lost:.1} % lost, and a third without a start");
}

#[test]
fn who_comes_over_a_wide_link_soon_has_the_best() {
    let record = run(5.0, vec![at(0.0, 5000)]);
    let top = record.top_layer_after(0.0);
    assert!(top < 2.0, "{top:.2} s");
    assert_eq!(record.queue_loss(0.0, 5.0), 0.0);
}

#[test]
fn what_leaves_is_halved_within_two_seconds_of_silence() {
    let silent = Step {
        up_loss: 1.0,
        ..at(10.0, 1000)
    };
    let record = run(20.0, vec![at(0.0, 1000), silent]);
    let before = record.offered_bps(7.0, 10.0);
    let halved = record.under_after(10.0, before / 2.0, 20.0);
    assert!(halved <= 2.0, "after {halved:.1} s");
    let in_the_end = record.offered_bps(17.0, 20.0);
    assert!(in_the_end < 120_000.0, "{in_the_end:.0} bit/s");
}

#[test]
fn a_link_that_gets_better_is_used() {
    let record = run(16.0, vec![at(0.0, 600), at(8.0, 2500)]);
    let top = record.top_layer_after(8.0);
    assert!(top < 8.0, "{top:.2} s");
}

#[test]
fn a_download_beside_does_not_take_all() {
    let record = run_beside(Some((8.0, 38.0)), 44.0, vec![at(0.0, 2000)]);
    let [media, tcp] = [false, true].map(|is_tcp| record.share_of_link(is_tcp, 15.0, 38.0, 2e6));
    assert!(media > 0.15 && tcp > 0.25, "{media:.2} and {tcp:.2}");
    let after = record.mean_estimate(0, 42.0, 44.0);
    assert!(after > 1.2e6, "{after:.0} bit/s when it has ended");
}
