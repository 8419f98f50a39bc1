//! Both directions of a link, read from a line of text:
//! `delay=50,up:rate=500,down:rate=2500; at=20s,down:rate=600`.
//!
//! Items are `key=value`, parted by commas; `up:` or `down:` before a key is for that direction
//! alone. Steps are parted by semicolons; each but the first begins with `at=`, in seconds, and
//! changes only what it names.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::conditions::{Conditions, Gilbert};
use crate::plan::Plan;

/// Behind this, a link is no link; and it bounds what is on its way.
const LONGEST_DELAY_MS: f64 = 60_000.0;

/// A link from the side that is behind it to the rest of the world, and back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Network {
    pub up: Plan,
    pub down: Plan,
}

/// What of the text cannot be read, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSpec {
    pub item: String,
    pub reason: String,
}

impl fmt::Display for BadSpec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\"{}\": {}", self.item, self.reason)
    }
}

impl std::error::Error for BadSpec {}

impl FromStr for Network {
    type Err = BadSpec;

    fn from_str(text: &str) -> Result<Self, BadSpec> {
        let mut texts = text.split(';');
        let mut both = Both::default();
        both.read(texts.next().unwrap_or_default())?;
        let mut network = Self {
            up: both.up.into(),
            down: both.down.into(),
        };
        let mut last = Duration::ZERO;
        for text in texts {
            let (first, rest) = text.split_once(',').unwrap_or((text, ""));
            let at = step_time(first.trim())?;
            if at <= last {
                return Err(bad(
                    first,
                    "steps come in the order of their times, after 0",
                ));
            }
            both.read(rest)?;
            network.up = network.up.then(at, both.up);
            network.down = network.down.then(at, both.down);
            last = at;
        }
        Ok(network)
    }
}

#[derive(Default)]
struct Both {
    up: Conditions,
    down: Conditions,
}

impl Both {
    fn read(&mut self, text: &str) -> Result<(), BadSpec> {
        let mut seen: Vec<(bool, &str)> = Vec::new();
        let items = text.split(',').map(str::trim);
        for item in items.filter(|item| !item.is_empty()) {
            let (up, down, bare) = match item.split_once(':') {
                None => (true, true, item),
                Some(("up", bare)) => (true, false, bare),
                Some(("down", bare)) => (false, true, bare),
                Some(_) => return Err(bad(item, "a direction is up: or down:")),
            };
            let Some((key, value)) = bare.split_once('=') else {
                return Err(bad(item, "expected key=value"));
            };
            let directions = [(up, true), (down, false)];
            for (_, is_up) in directions.into_iter().filter(|(is_meant, _)| *is_meant) {
                if seen.contains(&(is_up, key)) {
                    return Err(bad(item, "the second of its kind in one step"));
                }
                seen.push((is_up, key));
                let conditions = match is_up {
                    true => &mut self.up,
                    false => &mut self.down,
                };
                set(conditions, key, value).map_err(|reason| bad(item, &reason))?;
            }
        }
        Ok(())
    }
}

fn set(conditions: &mut Conditions, key: &str, value: &str) -> Result<(), String> {
    match key {
        "delay" => conditions.delay = milliseconds(value)?,
        "jitter" => conditions.jitter = milliseconds(value)?,
        "queue" => conditions.queue = milliseconds(value)?,
        "loss" => conditions.loss = percent(value)?,
        "duplicate" => conditions.duplicate = percent(value)?,
        "rate" => conditions.rate_bps = rate(value)?,
        "reorder" => {
            let (share, by) = value.split_once('/').unwrap_or((value, "10"));
            conditions.reorder = percent(share)?;
            conditions.reorder_by = milliseconds(by)?;
        }
        "gilbert" => conditions.gilbert = gilbert(value)?,
        "at" => return Err("a time begins a step, behind a semicolon".to_owned()),
        _ => {
            return Err(format!(
                "no {key}: there are delay, jitter, reorder, loss, gilbert, rate, queue, duplicate"
            ));
        }
    }
    Ok(())
}

fn step_time(item: &str) -> Result<Duration, BadSpec> {
    let Some(value) = item.strip_prefix("at=") else {
        return Err(bad(
            item,
            "a step behind a semicolon begins with at=SECONDS",
        ));
    };
    let seconds = value.strip_suffix('s').unwrap_or(value).parse().ok();
    let at = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    at.ok_or_else(|| bad(item, "at is seconds, as at=10s"))
}

fn milliseconds(value: &str) -> Result<Duration, String> {
    let number = value.strip_suffix("ms").unwrap_or(value).parse().ok();
    number
        .filter(|number| (0.0..=LONGEST_DELAY_MS).contains(number))
        .map(|number| Duration::from_secs_f64(number / 1000.0))
        .ok_or_else(|| format!("{value} is not milliseconds from 0 to {LONGEST_DELAY_MS}"))
}

/// As a share of 1.
fn percent(value: &str) -> Result<f64, String> {
    let number: Option<f64> = value.strip_suffix('%').unwrap_or(value).parse().ok();
    number
        .filter(|number| (0.0..=100.0).contains(number))
        .map(|number| number / 100.0)
        .ok_or_else(|| format!("{value} is not percent from 0 to 100"))
}

fn rate(value: &str) -> Result<Option<u64>, String> {
    if value == "none" {
        return Ok(None);
    }
    let number: Option<f64> = value.parse().ok();
    number
        .filter(|number| (0.001..=1e8).contains(number))
        .map(|number| Some((number * 1000.0).round() as u64))
        .ok_or_else(|| {
            format!("{value} is not kbit/s above 0, or none; for no way through, say loss=100")
        })
}

fn gilbert(value: &str) -> Result<Option<Gilbert>, String> {
    if value == "none" {
        return Ok(None);
    }
    let numbers: Vec<f64> = value.split('/').map(percent).collect::<Result<_, _>>()?;
    let (loss_when_bad, loss_when_good) = match numbers.len() {
        2 => (1.0, 0.0),
        3 => (numbers[2], 0.0),
        4 => (numbers[2], numbers[3]),
        _ => return Err("gilbert is P/R, or P/R/BAD, or P/R/BAD/GOOD, in percent".to_owned()),
    };
    Ok(Some(Gilbert {
        to_bad: numbers[0],
        to_good: numbers[1],
        loss_when_bad,
        loss_when_good,
    }))
}

fn bad(item: &str, reason: &str) -> BadSpec {
    BadSpec {
        item: item.trim().to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_line_is_for_both_directions_but_what_says_otherwise() {
        let read = network("delay=50, loss=1,up:rate=500,down:rate=2500,down:queue=100ms");
        assert_eq!(read.up.first.delay, 50 * MS);
        assert_eq!(read.down.first.loss, 0.01);
        assert_eq!(read.up.first.rate_bps, Some(500_000));
        assert_eq!(read.down.first.rate_bps, Some(2_500_000));
        assert_eq!(
            (read.up.first.queue, read.down.first.queue),
            (300 * MS, 100 * MS)
        );
        assert_eq!(network(""), Network::default());
    }

    #[test]
    fn steps_change_what_they_name() {
        let read = network("delay=50,rate=1000; at=10s,rate=2500; at=20.5,down:rate=none,loss=5");
        let steps = &read.down.steps;
        assert_eq!((steps[0].0, steps[1].0), (10_000 * MS, 20_500 * MS));
        assert_eq!(steps[0].1.rate_bps, Some(2_500_000));
        assert_eq!((steps[1].1.rate_bps, steps[1].1.delay), (None, 50 * MS));
        assert_eq!(read.up.at(25_000 * MS).rate_bps, Some(2_500_000));
        assert_eq!(read.up.at(9_999 * MS).rate_bps, Some(1_000_000));
        assert_eq!(
            (read.up.at(25_000 * MS).loss, read.up.first.loss),
            (0.05, 0.0)
        );
    }

    #[test]
    fn what_has_several_numbers_has_defaults() {
        let read = network("reorder=2/20,gilbert=1/25").up.first;
        assert_eq!((read.reorder, read.reorder_by), (0.02, 20 * MS));
        let gilbert = read.gilbert.expect("given");
        assert_eq!((gilbert.to_good, gilbert.loss_when_bad), (0.25, 1.0));
        let gilbert = network("gilbert=1/25/50/0.1")
            .up
            .first
            .gilbert
            .expect("given");
        assert_eq!(
            (gilbert.loss_when_bad, gilbert.loss_when_good),
            (0.5, 0.001)
        );
        assert_eq!(
            network("gilbert=1/25;at=1,gilbert=none").up.steps[0]
                .1
                .gilbert,
            None
        );
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        for (text, item) in [
            ("delay", "delay"),
            ("delay=fast", "delay=fast"),
            ("delay=50,delay=60", "delay=60"),
            ("up:delay=50,delay=60", "delay=60"),
            ("left:delay=50", "left:delay=50"),
            ("speed=3", "speed=3"),
            ("loss=101", "loss=101"),
            ("loss=NaN", "loss=NaN"),
            ("delay=-1", "delay=-1"),
            ("rate=0", "rate=0"),
            ("rate=inf", "rate=inf"),
            ("gilbert=1", "gilbert=1"),
            ("at=3s,delay=1", "at=3s"),
            ("delay=1;rate=5", "rate=5"),
            ("delay=1;at=-3,rate=5", "at=-3"),
            ("delay=1;at=5,rate=5;at=4,rate=6", "at=4"),
        ] {
            let error = text.parse::<Network>().expect_err(text);
            assert_eq!(error.item, item, "{text}: {error}");
        }
    }
}
