//! How many reports one peer may have passed on: a trickle and a burst.
//!
//! One datagram of RTCP can hold hundreds, each becomes a value on the way to another worker,
//! and that way is shared with everybody's media.

use crate::limits::{REPORTS_A_SECOND, REPORTS_BURST};

#[derive(Debug)]
pub(crate) struct ReportRate {
    left: u64,
    /// What has trickled in until then is in `left`.
    at_ms: u64,
}

impl Default for ReportRate {
    fn default() -> Self {
        Self {
            left: REPORTS_BURST,
            at_ms: 0,
        }
    }
}

impl ReportRate {
    pub(crate) fn has_left(&mut self, now_ms: u64) -> bool {
        let gone = now_ms.saturating_sub(self.at_ms);
        self.at_ms = self.at_ms.max(now_ms);
        let gained = gone.saturating_mul(REPORTS_A_SECOND / 1000);
        self.left = self.left.saturating_add(gained).min(REPORTS_BURST);
        self.left > 0
    }

    pub(crate) fn spend(&mut self, reports: u64) {
        self.left = self.left.saturating_sub(reports);
    }
}
