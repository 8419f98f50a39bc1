//! What a link promises, by the packets that go through it.

use std::time::Duration;

use sfu_link::{Conditions, Fate, Gilbert, Link, Passed, Plan};

const MS: Duration = Duration::from_millis(1);
/// 1250 bytes are 10 ms of 1 Mbit/s.
const SIZE: usize = 1250;

/// `count` packets, one each `gap`, and all that came of them.
fn run(plan: impl Into<Plan>, seed: u64, count: u32, gap: Duration) -> Vec<Passed<u32>> {
    let mut link = Link::new(plan, seed);
    let mut passed = Vec::new();
    for number in 0..count {
        let now = gap * number;
        passed.extend(std::iter::from_fn(|| link.poll(now)));
        link.send(now, SIZE, number);
    }
    while let Some(at) = link.next_at() {
        passed.extend(std::iter::from_fn(|| link.poll(at)));
    }
    passed
}

fn share(passed: &[Passed<u32>], fate: Fate) -> f64 {
    passed.iter().filter(|one| one.fate == fate).count() as f64 / passed.len() as f64
}

fn perfect() -> Conditions {
    Conditions::default()
}

fn limited(rate_bps: u64) -> Conditions {
    Conditions {
        delay: 50 * MS,
        rate_bps: Some(rate_bps),
        ..perfect()
    }
}

#[test]
fn a_perfect_link_passes_all_at_once() {
    let passed = run(perfect(), 1, 100, MS);
    assert_eq!(passed.len(), 100);
    for (one, number) in passed.iter().zip(0..) {
        assert_eq!((one.packet, one.fate), (number, Fate::Delivered));
        assert_eq!((one.entered, one.left), (MS * number, MS * number));
    }
}

#[test]
fn delay_is_exact() {
    let delay = Duration::from_micros(50_123);
    let passed = run(Conditions { delay, ..perfect() }, 1, 50, MS);
    assert!(passed.iter().all(|one| one.left == one.entered + delay));
}

#[test]
fn jitter_swings_around_the_delay_and_keeps_the_order() {
    let conditions = Conditions {
        delay: 50 * MS,
        jitter: 5 * MS,
        ..perfect()
    };
    let passed = run(conditions, 3, 5000, 40 * MS);
    assert!(passed.is_sorted_by_key(|one| one.packet));
    let delays: Vec<_> = passed
        .iter()
        .map(|one| (one.left - one.entered).as_secs_f64() * 1e3)
        .collect();
    let mean = delays.iter().sum::<f64>() / delays.len() as f64;
    let deviation = (delays
        .iter()
        .map(|delay| (delay - mean).powi(2))
        .sum::<f64>()
        / delays.len() as f64)
        .sqrt();
    assert!((49.7..50.3).contains(&mean), "{mean}");
    assert!((4.7..5.3).contains(&deviation), "{deviation}");
    assert!(delays.iter().all(|delay| (35.0..=65.0).contains(delay)));
    // Closer together than the jitter, they still come as they went.
    assert!(run(conditions, 3, 5000, MS).is_sorted_by_key(|one| one.packet));
}

#[test]
fn held_back_packets_are_overtaken() {
    let conditions = Conditions {
        delay: 50 * MS,
        reorder: 0.1,
        reorder_by: 15 * MS,
        ..perfect()
    };
    let passed = run(conditions, 5, 2000, 10 * MS);
    let held = passed
        .iter()
        .filter(|one| one.left - one.entered == 65 * MS)
        .count();
    assert!((150..250).contains(&held), "{held}");
    assert_eq!(
        passed
            .iter()
            .filter(|one| one.left - one.entered == 50 * MS)
            .count(),
        2000 - held
    );
    let overtaken = passed
        .windows(2)
        .filter(|two| two[0].packet > two[1].packet)
        .count();
    assert!((100..=held).contains(&overtaken), "{overtaken}");
}

#[test]
fn loss_comes_near_its_share_and_is_the_seeds() {
    let conditions = Conditions {
        loss: 0.1,
        ..perfect()
    };
    let lost = |seed| -> Vec<_> {
        let passed = run(conditions, seed, 20_000, MS);
        assert_eq!(passed.len(), 20_000);
        assert!((0.09..0.11).contains(&share(&passed, Fate::Lost)));
        passed
            .into_iter()
            .filter(|one| one.fate == Fate::Lost)
            .map(|one| one.packet)
            .collect()
    };
    assert_eq!(lost(1), lost(1));
    assert_ne!(lost(1), lost(2));
}

#[test]
fn bursts_have_their_share_and_length() {
    let gilbert = Gilbert {
        to_bad: 0.01,
        to_good: 0.2,
        loss_when_bad: 1.0,
        loss_when_good: 0.0,
    };
    let conditions = Conditions {
        gilbert: Some(gilbert),
        ..perfect()
    };
    let passed = run(conditions, 9, 100_000, MS);
    let lost = share(&passed, Fate::Lost);
    assert!((lost - gilbert.mean_loss()).abs() < 0.008, "{lost}");
    let is_lost: Vec<_> = passed.iter().map(|one| one.fate == Fate::Lost).collect();
    let bursts = is_lost.windows(2).filter(|two| !two[0] && two[1]).count();
    let length = lost * 100_000.0 / bursts as f64;
    assert!((4.5..5.5).contains(&length), "{length}");
}

#[test]
fn a_rate_passes_that_much_and_no_more() {
    // Twice what fits; the queue takes 300 ms of it.
    let passed = run(limited(1_000_000), 1, 2000, 5 * MS);
    let delivered: Vec<_> = passed
        .iter()
        .filter(|one| one.fate == Fate::Delivered)
        .collect();
    assert!(
        delivered
            .windows(2)
            .all(|two| two[1].left - two[0].left == 10 * MS)
    );
    assert_eq!(delivered[0].left, 60 * MS);
    let dropped = share(&passed, Fate::QueueDropped);
    assert!((0.47..0.5).contains(&dropped), "{dropped}");
    let longest = delivered.iter().map(|one| one.queued).max().expect("some");
    assert!((290 * MS..=300 * MS).contains(&longest), "{longest:?}");
    for one in &delivered {
        assert_eq!(one.left - one.entered, one.queued + 60 * MS);
    }
}

#[test]
fn less_than_the_rate_waits_for_nobody() {
    let passed = run(limited(1_000_000), 1, 500, 10 * MS);
    assert!(
        passed
            .iter()
            .all(|one| one.fate == Fate::Delivered && one.queued == Duration::ZERO)
    );
}

#[test]
fn a_step_of_the_rate_counts_from_its_time_on() {
    // 200 packets at once wait 2 s at 1 Mbit/s, but after 1 s they go four times as fast.
    let first = Conditions {
        queue: 10_000 * MS,
        ..limited(1_000_000)
    };
    let plan = Plan::from(first).then(
        1005 * MS,
        Conditions {
            rate_bps: Some(4_000_000),
            ..first
        },
    );
    let passed = run(plan, 1, 200, Duration::ZERO);
    let left: Vec<_> = passed.iter().map(|one| one.left - 50 * MS).collect();
    assert_eq!(left[99], 1000 * MS);
    // Half of it at the old rate, half at the new.
    assert_eq!(left[100], 1005 * MS + Duration::from_micros(1250));
    assert_eq!(left[101] - left[100], Duration::from_micros(2500));
    assert_eq!(passed.len(), 200);
}

#[test]
fn what_is_set_by_hand_counts_from_now_on() {
    let mut link = Link::new(limited(1_000_000), 1);
    (0..20).for_each(|number| link.send(Duration::ZERO, SIZE, number));
    assert_eq!(link.wait(), 200 * MS);
    link.set(
        100 * MS,
        Conditions {
            delay: 10 * MS,
            ..limited(500_000)
        },
    );
    assert_eq!(
        link.wait(),
        200 * MS,
        "ten packets are left, twice as long each"
    );
    let mut passed: Vec<Passed<i32>> = Vec::new();
    while let Some(at) = link.next_at() {
        passed.extend(std::iter::from_fn(|| link.poll(at)));
    }
    assert_eq!(passed[9].left, 150 * MS);
    assert_eq!(
        passed[10].left,
        150 * MS,
        "the shorter way overtakes nobody"
    );
    assert_eq!(passed[19].left, 310 * MS);
}

#[test]
fn some_packets_come_twice() {
    let conditions = Conditions {
        delay: 50 * MS,
        duplicate: 0.1,
        ..perfect()
    };
    let passed = run(conditions, 4, 2000, MS);
    let copies: Vec<_> = passed
        .windows(2)
        .filter(|two| two[1].fate == Fate::Duplicated)
        .collect();
    assert!((150..250).contains(&copies.len()), "{}", copies.len());
    assert!(
        copies
            .iter()
            .all(|two| two[0].packet == two[1].packet && two[0].left == two[1].left)
    );
    assert_eq!(passed.len(), 2000 + copies.len());
}

#[test]
fn what_is_inside_at_the_end_is_unfinished() {
    let mut link = Link::new(limited(1_000_000), 1);
    (0..10).for_each(|number| link.send(Duration::ZERO, SIZE, number));
    // Two have come, five are on their way, three wait.
    let now = 74 * MS;
    let came = std::iter::from_fn(|| link.poll(now)).count();
    let left: Vec<_> = link.finish().collect();
    assert_eq!((came, left.len()), (2, 8));
    assert!(
        left.iter()
            .all(|one| one.fate == Fate::Unfinished && one.left == now)
    );
    assert_eq!(
        left.iter().map(|one| one.packet).collect::<Vec<_>>(),
        (2..10).collect::<Vec<_>>()
    );
}

#[test]
fn chance_of_one_kind_does_not_change_the_others() {
    let fates = |loss: f64| -> Vec<_> {
        let conditions = Conditions {
            delay: 50 * MS,
            jitter: 5 * MS,
            loss,
            ..perfect()
        };
        run(conditions, 8, 500, 40 * MS)
    };
    let (clean, lossy) = (fates(0.0), fates(0.3));
    let arrivals: std::collections::HashMap<_, _> =
        clean.iter().map(|one| (one.packet, one.left)).collect();
    let delivered = lossy.iter().filter(|one| one.fate == Fate::Delivered);
    assert!(delivered.clone().count() > 300);
    assert!(
        delivered
            .into_iter()
            .all(|one| arrivals[&one.packet] == one.left)
    );
}
