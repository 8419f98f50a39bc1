//! How a link is at one time.

use std::time::Duration;

/// Made from the default, which is a perfect link:
/// `Conditions { delay: Duration::from_millis(50), rate_bps: Some(1_000_000), ..Default::default() }`.
/// Probabilities are shares of 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditions {
    pub delay: Duration,
    /// Standard deviation of the delay. A packet does not overtake another by it.
    pub jitter: Duration,
    /// Probability that a packet is held back by `reorder_by`, so that others overtake it.
    pub reorder: f64,
    pub reorder_by: Duration,
    /// Probability that a packet is lost, whatever happens to others.
    pub loss: f64,
    /// Losses in bursts, beside those alone.
    pub gilbert: Option<Gilbert>,
    /// Probability that a packet comes twice.
    pub duplicate: f64,
    /// What passes the bottleneck; `None` is no bottleneck.
    pub rate_bps: Option<u64>,
    /// A packet that would wait longer than this for the bottleneck is dropped.
    pub queue: Duration,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            reorder: 0.0,
            reorder_by: Duration::from_millis(10),
            loss: 0.0,
            gilbert: None,
            duplicate: 0.0,
            rate_bps: None,
            queue: Duration::from_millis(300), // RFC 8867 §5.1
        }
    }
}

/// Loss with two states (Gilbert 1960, Elliott 1963): probabilities for each packet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gilbert {
    /// Of going from the good state to the bad.
    pub to_bad: f64,
    /// Of going back: the mean burst is `1 / to_good` packets.
    pub to_good: f64,
    pub loss_when_bad: f64,
    pub loss_when_good: f64,
}

impl Gilbert {
    /// The share of packets that it loses in the long run.
    pub fn mean_loss(&self) -> f64 {
        let bad = self.to_bad / (self.to_bad + self.to_good).max(f64::MIN_POSITIVE);
        bad * self.loss_when_bad + (1.0 - bad) * self.loss_when_good
    }
}
