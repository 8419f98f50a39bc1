//! How one direction of a link changes over time.

use std::time::Duration;

use crate::conditions::Conditions;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    pub first: Conditions,
    /// From each time on; in their order.
    pub steps: Vec<(Duration, Conditions)>,
}

impl Plan {
    /// From that time on it is so; times only grow.
    #[must_use]
    pub fn then(mut self, at: Duration, conditions: Conditions) -> Self {
        debug_assert!(self.steps.last().is_none_or(|(last, _)| *last <= at));
        self.steps.push((at, conditions));
        self
    }

    pub fn at(&self, time: Duration) -> &Conditions {
        let begun = self.steps.iter().rev().find(|(at, _)| *at <= time);
        begun.map_or(&self.first, |(_, conditions)| conditions)
    }
}

/// It never changes.
impl From<Conditions> for Plan {
    fn from(first: Conditions) -> Self {
        Self {
            first,
            steps: Vec::new(),
        }
    }
}
