//! Any transport-wide feedback, at any time, for whatever was sent: the estimate stays within its
//! bounds, and probes stay small.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sfu_proto::bwe::{Arrivals, Config, Estimator, Sent};
use sfu_proto::rtcp::{Packet, packets};

fuzz_target!(|data: &[u8]| {
    let mut estimator = Estimator::new(Config::DEFAULT);
    let (mut now_us, mut number) = (0i64, 65_000u64);
    for chunk in data.chunks(40) {
        let (head, rest) = chunk.split_at(chunk.len().min(4));
        let [kind, wait, size, many] = std::array::from_fn(|at| head.get(at).copied().unwrap_or(0));
        now_us += i64::from(wait) * 1_000;
        match kind % 5 {
            0 => {
                for _ in 0..many {
                    let (bytes, cluster) = (usize::from(size) * 6, wait % 3);
                    estimator.on_sent(
                        now_us,
                        Sent {
                            number,
                            bytes,
                            cluster,
                        },
                    );
                    number += 1;
                }
            }
            1 => {
                for packet in packets(rest) {
                    if let Ok(Packet::TransportFeedback(feedback)) = packet
                        && let Ok(times_us) = feedback.arrivals()
                    {
                        let base_sequence = feedback.base_sequence;
                        estimator.on_feedback(
                            now_us,
                            &Arrivals {
                                base_sequence,
                                times_us,
                            },
                        );
                    }
                }
            }
            2 => {
                let times_us = rest.iter().map(|&byte| {
                    (byte > 40).then(|| now_us + i64::from(byte) * 250 * i64::from(size))
                });
                let base_sequence = (number as u16).wrapping_sub(u16::from(many));
                let times_us = times_us.collect();
                estimator.on_feedback(
                    now_us,
                    &Arrivals {
                        base_sequence,
                        times_us,
                    },
                );
            }
            3 => {
                // As feedback by streams tells: of some numbers, not of those between.
                let base = (number as u16).wrapping_sub(u16::from(many));
                let told = (0u16..).zip(rest).filter(|(_, byte)| **byte % 3 > 0);
                let told = told.map(|(index, &byte)| {
                    let time_us = (byte > 40).then(|| now_us - i64::from(byte) * 976);
                    (base.wrapping_add(index), time_us)
                });
                estimator.on_told(now_us, told);
            }
            _ => {
                estimator.handle_timeout(now_us);
                estimator.on_round_trip(i64::from(size) * 1_000);
                estimator.set_wanted_bps((many > 9).then(|| u64::from(many) << (size % 40)));
            }
        }
        if let Some(probe) = estimator.next_probe(now_us) {
            assert!(probe.packets >= 5 && probe.packets * probe.packet_bytes < 200_000);
        }
        let target = estimator.target_bps();
        assert!((Config::DEFAULT.min_bps..=Config::DEFAULT.max_bps).contains(&target));
    }
});
