//! The cases: how the link changes, what is measured of it, and what is to be reached.

use std::time::Duration;

use sfu_link::Conditions;

use crate::call::{FOUR, Joins, Kind, Layers, Plan, Record, Step, THREE};

/// After each step the first seconds do not count; after one down a full queue is forgiven.
const SETTLES_S: f64 = 5.0;
const DOWN_SETTLES_S: f64 = 3.0;

#[derive(Clone, Copy)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
    /// Only looked at.
    None,
}

impl Goal {
    pub(crate) fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
            Self::None => true,
        }
    }
}

type Figure = (&'static str, f64, Goal);
pub(crate) type Figures = Vec<Figure>;

pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) plan: Plan,
    pub(crate) measure: fn(&Plan, &Record) -> Figures,
}

fn at(at_s: f64, kbps: u64, loss: f64) -> Step {
    let down = Conditions {
        delay: Duration::from_millis(50),
        rate_bps: Some(kbps * 1000),
        loss,
        ..Conditions::default()
    };
    let up_loss = loss;
    Step {
        at_s,
        down,
        up_loss,
    }
}

fn plan(layers: &'static Layers, lasts_s: f64, steps: Vec<Step>) -> Plan {
    let viewers = vec![Joins {
        at_s: 0.0,
        delay_ms: 0,
    }];
    Plan {
        layers,
        steps,
        lasts_s,
        viewers,
        tcp_s: None,
    }
}

fn variable_capacity(layers: &'static Layers) -> Plan {
    let rates = [(0.0, 1000), (40.0, 2500), (60.0, 600), (80.0, 1000)];
    let steps = rates.map(|(since, kbps)| at(since, kbps, 0.0));
    plan(layers, 100.0, steps.into())
}

fn back_after(kbps: u64, loss: f64, bad_s: f64) -> Plan {
    let steps = vec![
        at(0.0, 5000, 0.0),
        at(10.0, kbps, loss),
        at(10.0 + bad_s, 5000, 0.0),
    ];
    plan(&THREE, 10.0 + bad_s + 25.0, steps)
}

fn cold_start(kbps: u64) -> Plan {
    plan(&THREE, 40.0, vec![at(0.0, kbps, 0.0)])
}

fn random_loss(percent: f64) -> Plan {
    plan(&THREE, 45.0, vec![at(0.0, 5000, percent / 100.0)])
}

fn no_feedback() -> Plan {
    let lost = Step {
        up_loss: 1.0,
        ..at(20.0, 1000, 0.0)
    };
    let steps = vec![at(0.0, 1000, 0.0), lost, at(30.0, 1000, 0.0)];
    plan(&THREE, 50.0, steps)
}

fn sharing(kbps: u64, lasts_s: f64, viewers: Vec<Joins>, delay_ms: u64) -> Plan {
    let mut step = at(0.0, kbps, 0.0);
    step.down.delay = Duration::from_millis(delay_ms);
    Plan {
        viewers,
        ..plan(&THREE, lasts_s, vec![step])
    }
}

/// Three at 50 ms.
fn same_ways() -> Plan {
    let at = [0.0, 20.0, 40.0];
    let viewers = at.map(|at_s| Joins { at_s, delay_ms: 0 });
    sharing(3500, 120.0, viewers.into(), 50)
}

/// Five of 10 to 150 ms one way.
fn other_ways() -> Plan {
    let delays = [10, 25, 50, 100, 150];
    let viewers = delays.iter().enumerate().map(|(index, delay)| Joins {
        at_s: index as f64 * 10.0,
        delay_ms: delay - 10,
    });
    sharing(4000, 140.0, viewers.collect(), 10)
}

fn beside_tcp() -> Plan {
    Plan {
        tcp_s: Some((10.0, 68.0)),
        ..plan(&THREE, 70.0, vec![at(0.0, 2000, 0.0)])
    }
}

pub(crate) fn all() -> Vec<Case> {
    let case = |name, plan, measure| Case {
        name,
        plan,
        measure,
    };
    vec![
        case("5.1", variable_capacity(&THREE), steps),
        case("5.1-four", variable_capacity(&FOUR), steps),
        case(
            "down",
            plan(&THREE, 40.0, vec![at(0.0, 2500, 0.0), at(20.0, 600, 0.0)]),
            down,
        ),
        case(
            "up",
            plan(&THREE, 45.0, vec![at(0.0, 600, 0.0), at(20.0, 2500, 0.0)]),
            up,
        ),
        case("cold-5", cold_start(5000), cold_5),
        case("cold-1", cold_start(1000), cold_1),
        case("cold-0.3", cold_start(300), cold_03),
        case("loss-5", random_loss(5.0), |plan, record| {
            lossy(plan, record, 0.95)
        }),
        case("loss-10", random_loss(10.0), |plan, record| {
            lossy(plan, record, 0.9)
        }),
        case("after-loss", back_after(5000, 0.2, 60.0), back),
        case("after-50", back_after(50, 0.0, 30.0), back),
        case("after-150", back_after(150, 0.0, 40.0), back),
        case("silence", no_feedback(), silence),
        case("5.4", same_ways(), |plan, record| fair(plan, record, 0.95)),
        case("5.5", other_ways(), |plan, record| fair(plan, record, 0.85)),
        case("5.6", beside_tcp(), tcp),
    ]
}

fn utilisation(plan: &Plan, record: &Record, goal: Goal) -> Figure {
    ("utilisation", record.utilisation(plan, SETTLES_S), goal)
}

fn queue_loss(plan: &Plan, record: &Record, goal: Goal) -> Figure {
    ("queue loss %", record.queue_loss(0.0, plan.lasts_s), goal)
}

fn switches(plan: &Plan, record: &Record, since_s: f64, goal: Goal) -> Figure {
    let a_minute = record.switches_a_minute(since_s, plan.lasts_s);
    ("switches a minute", a_minute, goal)
}

fn first_frame(record: &Record, goal: Goal) -> Figure {
    ("first frame after s", record.first_frame_after(0.0), goal)
}

fn top_layer(record: &Record, since_s: f64, goal: Goal) -> Figure {
    ("top layer after s", record.top_layer_after(since_s), goal)
}

fn steps(plan: &Plan, record: &Record) -> Figures {
    let spans = plan.spans();
    let mut calm = vec![(SETTLES_S, spans[0].1)];
    for pair in spans.windows(2) {
        let settles = if pair[1].2 < pair[0].2 {
            DOWN_SETTLES_S
        } else {
            0.0
        };
        calm.push((pair[1].0 + settles, pair[1].1));
    }
    vec![
        utilisation(plan, record, Goal::AtLeast(0.85)),
        (
            "calm queue p95 ms",
            record.queueing_ms(&calm),
            Goal::AtMost(60.0),
        ),
        queue_loss(plan, record, Goal::AtMost(1.0)),
        switches(plan, record, 0.0, Goal::None),
    ]
}

fn down(plan: &Plan, record: &Record) -> Figures {
    let (step, until) = (20.0, plan.lasts_s);
    let peak = record.peak_second_bps(step, until) / 2.5e6;
    vec![
        (
            "under capacity after s",
            record.under_after(step, 600_000.0, until),
            Goal::AtMost(1.0),
        ),
        (
            "queue < 100 ms after s",
            record.queue_short_after(step, until),
            Goal::AtMost(2.5),
        ),
        (
            "queue loss %",
            record.queue_loss(step, until),
            Goal::AtMost(3.0),
        ),
        ("peak of old rate", peak, Goal::AtMost(1.3)),
        (
            "freezes > 500 ms",
            record.freezes(step, until),
            Goal::AtMost(1.0),
        ),
    ]
}

fn up(plan: &Plan, record: &Record) -> Figures {
    vec![
        top_layer(record, 20.0, Goal::AtMost(5.0)),
        queue_loss(plan, record, Goal::None),
    ]
}

fn cold_5(plan: &Plan, record: &Record) -> Figures {
    vec![
        top_layer(record, 0.0, Goal::AtMost(2.0)),
        queue_loss(plan, record, Goal::None),
    ]
}

fn cold_1(plan: &Plan, record: &Record) -> Figures {
    vec![
        queue_loss(plan, record, Goal::AtMost(1.0)),
        first_frame(record, Goal::None),
        utilisation(plan, record, Goal::None),
    ]
}

fn cold_03(plan: &Plan, record: &Record) -> Figures {
    vec![
        (
            "voice lost % from 1 s",
            record.voice_loss(1.0, plan.lasts_s),
            Goal::AtMost(0.5),
        ),
        first_frame(record, Goal::AtMost(2.0)),
        queue_loss(plan, record, Goal::None),
    ]
}

fn lossy(plan: &Plan, record: &Record, least: f64) -> Figures {
    let until = plan.lasts_s;
    vec![
        utilisation(plan, record, Goal::AtLeast(least)),
        switches(plan, record, SETTLES_S, Goal::AtMost(2.0)),
        (
            "freezes > 500 ms",
            record.freezes(SETTLES_S, until),
            Goal::AtMost(6.0),
        ),
        (
            "sent again %",
            record.share(Kind::Again, SETTLES_S, until),
            Goal::None,
        ),
    ]
}

fn back(plan: &Plan, record: &Record) -> Figures {
    let spans = plan.spans();
    let (bad, good) = (spans[1], spans[2]);
    vec![
        top_layer(record, good.0, Goal::AtMost(8.0)),
        (
            "voice lost % before",
            record.voice_loss(bad.0 + DOWN_SETTLES_S, bad.1),
            Goal::None,
        ),
    ]
}

fn silence(plan: &Plan, record: &Record) -> Figures {
    let before = record.offered_bps(17.0, 20.0);
    let peak = record.peak_second_bps(30.0, plan.lasts_s) / 1e6;
    vec![
        (
            "halved after s",
            record.under_after(20.0, before / 2.0, 30.0),
            Goal::AtMost(2.0),
        ),
        ("peak after of capacity", peak, Goal::AtMost(1.3)),
        (
            "queue loss % after",
            record.queue_loss(30.0, plan.lasts_s),
            Goal::None,
        ),
        (
            "sent again % after",
            record.share(Kind::Again, 30.0, 35.0),
            Goal::None,
        ),
        (
            "padding % after",
            record.share(Kind::Padding, 30.0, 35.0),
            Goal::None,
        ),
        (
            "utilisation after 35 s",
            {
                let late = Plan {
                    steps: vec![at(35.0, 1000, 0.0)],
                    ..plan.clone()
                };
                record.utilisation(&late, 0.0)
            },
            Goal::None,
        ),
    ]
}

fn fair(plan: &Plan, record: &Record, least: f64) -> Figures {
    let since = plan.viewers.last().map_or(0.0, |last| last.at_s) + 10.0;
    let until = plan.lasts_s;
    vec![
        (
            "Jain over estimates",
            record.fairness(since, until),
            Goal::AtLeast(least),
        ),
        (
            "Jain over what came",
            record.fairness_of_rates(since, until),
            Goal::None,
        ),
        (
            "queue p95 ms",
            record.queueing_ms(&[(since, until)]),
            Goal::None,
        ),
        ("queue loss %", record.queue_loss(since, until), Goal::None),
    ]
}

fn tcp(plan: &Plan, record: &Record) -> Figures {
    let (since, until) = plan.tcp_s.unwrap_or_default();
    let share = |is_tcp| record.share_of_link(is_tcp, since + SETTLES_S, until, 2e6);
    vec![
        ("media's share", share(false), Goal::AtLeast(0.25)),
        ("TCP's share", share(true), Goal::AtLeast(0.25)),
    ]
}
