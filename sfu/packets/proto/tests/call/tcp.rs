//! A long download by TCP: CUBIC (RFC 9438) with losses known from what arrives after them. No
//! byte matters, so what is lost is not sent again, but new segments are.

/// With headers.
pub const SEGMENT_BYTES: usize = 1500;
/// RFC 9438 §4.1 and §4.6, RFC 6928 for the initial window, RFC 6298 for the least timeout.
const C: f64 = 0.4;
const BETA: f64 = 0.7;
const INITIAL: f64 = 10.0;
const TIMEOUT_US: u64 = 1_000_000;
/// A segment is lost if so many that were sent later have come (RFC 6675).
const REORDERING: u64 = 3;

pub struct Tcp {
    next: u64,
    /// Sent and neither acknowledged nor known to be lost, oldest first.
    flying: std::collections::VecDeque<u64>,
    window: f64,
    slow_start: bool,
    /// Window before the last loss, and when that was.
    most: f64,
    since_us: u64,
    /// Losses of what was sent before count once.
    recovered_at: u64,
    heard_us: u64,
}

impl Default for Tcp {
    fn default() -> Self {
        Self {
            next: 0,
            flying: std::collections::VecDeque::new(),
            window: INITIAL,
            slow_start: true,
            most: 0.0,
            since_us: 0,
            recovered_at: 0,
            heard_us: 0,
        }
    }
}

impl Tcp {
    /// A segment that may be sent now.
    pub fn next(&mut self, now_us: u64) -> Option<u64> {
        if self.flying.is_empty() {
            self.heard_us = now_us;
        } else if now_us > self.heard_us + TIMEOUT_US {
            self.flying.clear();
            self.lose(now_us);
            self.window = 1.0;
            self.heard_us = now_us;
        }
        if self.flying.len() as f64 >= self.window {
            return None;
        }
        self.next += 1;
        self.flying.push_back(self.next);
        Some(self.next)
    }

    pub fn acknowledged(&mut self, now_us: u64, segment: u64) {
        self.heard_us = now_us;
        self.flying.retain(|&held| held != segment);
        let mut has_lost = false;
        while let Some(&oldest) = self
            .flying
            .front()
            .filter(|&&held| held + REORDERING < segment)
        {
            self.flying.pop_front();
            has_lost |= oldest > self.recovered_at;
        }
        if has_lost {
            self.lose(now_us);
        } else if self.slow_start {
            self.window += 1.0;
        } else {
            self.grow(now_us);
        }
    }

    fn lose(&mut self, now_us: u64) {
        self.recovered_at = self.next;
        self.slow_start = false;
        self.most = self.window;
        self.since_us = now_us;
        self.window = (self.window * BETA).max(2.0);
    }

    fn grow(&mut self, now_us: u64) {
        let since_s = (now_us - self.since_us) as f64 / 1e6;
        let whole_s = (self.most * (1.0 - BETA) / C).cbrt();
        let goal = C * (since_s - whole_s).powi(3) + self.most;
        let step = (goal - self.window).clamp(0.01, self.window * 0.5);
        self.window += step / self.window;
    }
}
