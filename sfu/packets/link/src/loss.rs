//! Which packets the way loses.

use crate::conditions::{Conditions, Gilbert};
use crate::random::Random;

#[derive(Clone, Debug)]
pub(crate) struct Loss {
    alone: Random,
    state: Random,
    in_state: Random,
    is_bad: bool,
}

impl Loss {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            alone: Random::new(seed, 1),
            state: Random::new(seed, 2),
            in_state: Random::new(seed, 3),
            is_bad: false,
        }
    }

    pub(crate) fn strikes(&mut self, conditions: &Conditions) -> bool {
        let in_burst = match &conditions.gilbert {
            Some(gilbert) => self.burst_strikes(gilbert),
            None => {
                self.is_bad = false;
                false
            }
        };
        self.alone.happens(conditions.loss) || in_burst
    }

    fn burst_strikes(&mut self, gilbert: &Gilbert) -> bool {
        let leaves = match self.is_bad {
            true => gilbert.to_good,
            false => gilbert.to_bad,
        };
        self.is_bad ^= self.state.happens(leaves);
        self.in_state.happens(match self.is_bad {
            true => gilbert.loss_when_bad,
            false => gilbert.loss_when_good,
        })
    }
}
