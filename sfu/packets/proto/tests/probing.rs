//! However a receiver answers, padding to it stays a small share of what it is to be sent: nobody
//! gets more out of the server than it asks for by telling that all is well.

#![allow(clippy::unwrap_used)]

use sfu_proto::bwe::{Arrivals, Config, Estimator, Sent};

const MEDIA_BPS: u64 = 1_000_000;
const PACKET_BYTES: usize = 1250;
const PACKETS_A_SECOND: i64 = MEDIA_BPS as i64 / 8 / PACKET_BYTES as i64;
const SECONDS: i64 = 60;

/// What a receiver tells of a packet: when it came, in µs after it left.
type Answer = fn(number: u64) -> i64;

struct Told {
    padding_bps: u64,
    target_bps: u64,
}

/// A steady stream, answered at once, packet by packet; `next_probe` is asked after each answer,
/// as the send side does.
fn told(wanted_bps: Option<u64>, answer: Answer) -> Told {
    let mut estimator = Estimator::new(Config::DEFAULT);
    let (mut number, mut padding) = (0, 0);
    for now_us in (0..SECONDS * 1_000_000).step_by(1_000_000 / PACKETS_A_SECOND as usize) {
        estimator.set_wanted_bps(wanted_bps);
        tell(
            &mut estimator,
            now_us,
            &mut number,
            (PACKET_BYTES, 0),
            answer,
        );
        while let Some(probe) = estimator.next_probe(now_us) {
            for _ in 0..probe.packets {
                let sent = (probe.packet_bytes as usize, probe.id);
                tell(&mut estimator, now_us, &mut number, sent, answer);
                padding += u64::from(probe.packet_bytes);
            }
        }
    }
    Told {
        padding_bps: padding * 8 / SECONDS as u64,
        target_bps: estimator.target_bps(),
    }
}

fn tell(
    estimator: &mut Estimator,
    now_us: i64,
    number: &mut u64,
    (bytes, cluster): (usize, u8),
    answer: Answer,
) {
    let sent = Sent {
        number: *number,
        bytes,
        cluster,
    };
    estimator.on_sent(now_us, sent);
    let arrivals = Arrivals {
        base_sequence: *number as u16,
        times_us: vec![Some(now_us + answer(*number))],
    };
    estimator.on_feedback(now_us, &arrivals);
    *number += 1;
}

fn as_if_there_were_no_limit(_: u64) -> i64 {
    20_000
}

fn anything(number: u64) -> i64 {
    20_000 + (number.wrapping_mul(6_364_136_223_846_793_005) >> 33) as i64 % 200_000
}

/// Trains one by one, and between them a queue that grows.
fn promises_that_are_broken(number: u64) -> i64 {
    match number % 400 {
        0..=200 => 20_000,
        more => 20_000 + (more as i64 - 200) * 1_000,
    }
}

const ANSWERS: [Answer; 3] = [
    as_if_there_were_no_limit,
    anything,
    promises_that_are_broken,
];

/// Padding is a fiftieth of the media at the most, and the target goes no further than what is
/// wanted and the fifth more that a probe of it has.
fn is_bounded(wanted_bps: Option<u64>, furthest_bps: u64) {
    for (index, answer) in ANSWERS.into_iter().enumerate() {
        let told = told(wanted_bps, answer);
        let padding_bps = told.padding_bps;
        assert!(
            padding_bps < MEDIA_BPS / 50,
            "answer {index}: {padding_bps} bit/s"
        );
        let target_bps = told.target_bps;
        assert!(
            target_bps <= furthest_bps,
            "answer {index}: {target_bps} bit/s"
        );
    }
}

/// Nothing tells what would be wanted: 2.2 times what is sent, of which probes are no part.
#[test]
fn probes_are_no_reason_for_more_of_them() {
    is_bounded(None, MEDIA_BPS * 22 / 10 * 12 / 10);
}

#[test]
fn what_is_wanted_bounds_what_is_probed_for() {
    is_bounded(Some(5 * MEDIA_BPS), MEDIA_BPS * 66 / 10);
}
