//! The estimate follows the link: what RFC 8867 asks, and what broke others (no recovery after
//! loss, storms when feedback goes, collapse by a busy receiver).

mod path;

use std::time::Duration;

use path::Check::*;
use path::Step::*;
use path::{CALM, Receiver, follow};
use sfu_link::Conditions as Link;

const SIMULCAST: &[u64] = &[150_000, 500_000, 1_500_000];
const FOUR: &[u64] = &[150_000, 450_000, 900_000, 1_500_000];

fn link(rate_bps: u64) -> Link {
    Link {
        delay: Duration::from_millis(50),
        rate_bps: Some(rate_bps),
        ..Link::default()
    }
}

fn lossy(rate_bps: u64, loss: f64) -> Link {
    Link {
        loss,
        ..link(rate_bps)
    }
}

fn for_each_seed(name: &str, steps: impl Fn() -> Vec<path::Step>) {
    for seed in 1..=2 {
        follow(name, seed, steps());
    }
}

#[test]
fn variable_capacity() {
    for layers in [SIMULCAST, FOUR] {
        for_each_seed("RFC 8867 5.1", || {
            vec![
                Conditions(link(1_000_000)),
                Media(layers),
                Run(10.0),
                Run(30.0),
                Check("first at 1 Mbit/s", Utilisation(0.85)),
                Check("first at 1 Mbit/s", QueueBelow(60.0)),
                Conditions(link(2_500_000)),
                Run(5.0),
                Check("up", LayerBy(1_500_000, 4.5)),
                Run(15.0),
                Check("at 2.5 Mbit/s", Utilisation(0.9)),
                Check("at 2.5 Mbit/s", QueueBelow(60.0)),
                Conditions(link(600_000)),
                Run(3.0),
                Check("down", QueueLossBelow(0.16)),
                Check("down", SentBelowAfter(700_000, 1.0)),
                Run(17.0),
                Check("at 0.6 Mbit/s", Utilisation(0.8)),
                Check("at 0.6 Mbit/s", QueueBelow(60.0)),
                Conditions(link(1_000_000)),
                Run(5.0),
                Run(15.0),
                Check("at 1 Mbit/s again", Utilisation(0.8)),
                Check("at 1 Mbit/s again", QueueLossBelow(0.01)),
            ]
        });
    }
}

#[test]
fn cold_starts() {
    for_each_seed("5 Mbit/s", || {
        vec![
            Conditions(link(5_000_000)),
            Media(SIMULCAST),
            Run(10.0),
            Check("top layer", LayerBy(1_500_000, 2.0)),
            Check("no queue", QueueLossBelow(0.0)),
        ]
    });
    for_each_seed("1 Mbit/s", || {
        vec![
            Conditions(link(1_000_000)),
            Media(SIMULCAST),
            Run(40.0),
            Check("middle layer", LayerBy(500_000, 5.0)),
            Check("little lost", QueueLossBelow(0.01)),
        ]
    });
    for_each_seed("0.3 Mbit/s", || {
        vec![
            Conditions(link(300_000)),
            Media(SIMULCAST),
            Run(40.0),
            Check("low layer", LayerBy(150_000, 2.0)),
            Check("little lost", QueueLossBelow(0.01)),
        ]
    });
}

#[test]
fn random_loss_is_not_congestion() {
    for (loss, least) in [(0.05, 0.95), (0.1, 0.9), (0.2, 0.85)] {
        for_each_seed("loss", || {
            vec![
                Conditions(lossy(5_000_000, loss)),
                Media(SIMULCAST),
                Run(5.0),
                Run(40.0),
                Check("goes on", Utilisation(least)),
                Check("is steady", SwitchesAtMost(2)),
            ]
        });
    }
}

#[test]
fn loss_that_ends_leaves_nothing_behind() {
    for_each_seed("20 % for 60 s", || {
        vec![
            Conditions(lossy(5_000_000, 0.0)),
            Media(SIMULCAST),
            Run(10.0),
            Conditions(lossy(5_000_000, 0.2)),
            Run(60.0),
            Conditions(lossy(5_000_000, 0.0)),
            Run(15.0),
            Check("top layer again", LayerBy(1_500_000, 8.0)),
        ]
    });
}

#[test]
fn it_comes_back_from_almost_nothing() {
    for rate in [50_000, 150_000] {
        for_each_seed("narrow for 40 s", || {
            vec![
                Conditions(link(5_000_000)),
                Media(SIMULCAST),
                Run(10.0),
                Conditions(link(rate)),
                Run(40.0),
                Conditions(link(5_000_000)),
                Run(15.0),
                Check("top layer again", LayerBy(1_500_000, 8.0)),
            ]
        });
    }
}

#[test]
fn without_feedback_it_halves_and_comes_back() {
    for_each_seed("no feedback", || {
        vec![
            Conditions(link(2_000_000)),
            Media(SIMULCAST),
            Run(10.0),
            Check("before", TargetBetween(1_500_000, 2_600_000)),
            Receiver(Receiver {
                tells: false,
                ..CALM
            }),
            Run(2.0),
            Check("halved", TargetBetween(500_000, 1_300_000)),
            Run(8.0),
            Check("on the ground", TargetBetween(30_000, 60_000)),
            Receiver(CALM),
            Run(12.0),
            Check("back", LayerBy(1_500_000, 10.0)),
            Check("no storm", QueueLossBelow(0.01)),
        ]
    });
}

#[test]
fn a_busy_receiver_is_no_narrow_link() {
    let busy = Receiver {
        stall_ms: 250,
        stalls_every_ms: 700,
        jitter_ms: 10,
        ..CALM
    };
    for_each_seed("busy", || {
        vec![
            Conditions(Link {
                delay: Duration::from_millis(1),
                ..Link::default()
            }),
            Media(SIMULCAST),
            Receiver(busy),
            Run(5.0),
            Run(60.0),
            Check("what flows goes on", Utilisation(0.97)),
            Check("no layer is lost", SwitchesAtMost(1)),
        ]
    });
}

#[test]
fn two_clocks_drift_apart() {
    for drift in [-200, 200] {
        for_each_seed("drift", || {
            vec![
                Conditions(link(2_500_000)),
                Media(SIMULCAST),
                Receiver(Receiver { drift, ..CALM }),
                Run(5.0),
                Run(120.0),
                Check("as without", Utilisation(0.95)),
                Check("steady", SwitchesAtMost(2)),
            ]
        });
    }
}

#[test]
fn more_to_send_after_a_long_time_with_little() {
    for_each_seed("a voice, then a camera", || {
        vec![
            Conditions(link(2_500_000)),
            Media(&[]),
            Run(60.0),
            Media(SIMULCAST),
            Run(10.0),
            Check("top layer", LayerBy(1_500_000, 4.0)),
            Check("no queue", QueueLossBelow(0.01)),
        ]
    });
}

#[test]
fn a_flow_beside_takes_its_part() {
    for_each_seed("beside", || {
        vec![
            Conditions(link(2_500_000)),
            Media(SIMULCAST),
            Run(10.0),
            Beside(1_200_000),
            Run(5.0),
            Run(20.0),
            Check("the layer that fits", Utilisation(0.8)),
            Check("little queue", QueueBelow(130.0)),
            Check("probes that promise too much are rarer", SwitchesAtMost(8)),
            Beside(0),
            Run(25.0),
            Check("top layer again", LayerBy(1_500_000, 22.0)),
        ]
    });
}

#[test]
fn a_longer_way_is_no_queue() {
    for_each_seed("longer way", || {
        vec![
            Conditions(link(5_000_000)),
            Media(SIMULCAST),
            Run(10.0),
            Conditions(Link {
                delay: Duration::from_millis(130),
                ..link(5_000_000)
            }),
            Run(15.0),
            Check("found out", LayerBy(1_500_000, 10.0)),
        ]
    });
}
