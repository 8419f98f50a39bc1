//! The packets of one layer that may be asked for again: references into the bursts that
//! are held anyway, shared by all subscribers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use crate::handover::Burst;
use crate::limits::{CACHE_AGE, CACHE_PACKETS};

#[derive(Debug)]
struct Stored {
    burst: Arc<Burst>,
    packet: u32,
    at: Instant,
}

#[derive(Debug, Default)]
pub(crate) struct Cache {
    /// Sequence number of the first entry.
    first: i64,
    entries: VecDeque<Option<Stored>>,
}

impl Cache {
    pub(crate) fn insert(&mut self, now: Instant, burst: &Arc<Burst>, packet: u32) {
        let sequence = burst.packets[packet as usize].sequence;
        self.expire(now);
        let end = self.first + self.entries.len() as i64;
        if self.entries.is_empty() || sequence >= end + CACHE_PACKETS as i64 {
            self.entries.clear();
            self.first = sequence;
        } else if sequence < self.first {
            return;
        }
        let index = (sequence - self.first) as usize;
        if index >= self.entries.len() {
            self.entries.resize_with(index + 1, || None);
        }
        self.entries[index] = Some(Stored {
            burst: Arc::clone(burst),
            packet,
            at: now,
        });
        while self.entries.len() > CACHE_PACKETS {
            self.pop();
        }
    }

    pub(crate) fn get(&self, sequence: i64) -> Option<(&Arc<Burst>, u32)> {
        let index = usize::try_from(sequence.checked_sub(self.first)?).ok()?;
        let stored = self.entries.get(index)?.as_ref()?;
        Some((&stored.burst, stored.packet))
    }

    pub(crate) fn clear(&mut self) {
        self.entries = VecDeque::new();
    }

    /// Lets go of what is too old, and of the holes before what is left.
    fn expire(&mut self, now: Instant) {
        while let Some(front) = self.entries.front() {
            if front
                .as_ref()
                .is_some_and(|stored| stored.at + CACHE_AGE > now)
            {
                break;
            }
            self.pop();
        }
    }

    fn pop(&mut self) {
        self.entries.pop_front();
        self.first += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handover::{LayerKey, Packet};
    use std::time::Duration;

    fn burst(sequence: i64) -> Arc<Burst> {
        let packet = Packet {
            layer: LayerKey(1),
            came_us: 0,
            sequence,
            timestamp: 0,
            marker: false,
            keyframe: false,
            picture_id: None,
            tl0_picture_index: None,
            frame_number: None,
            targets: None,
            layers: Default::default(),
            extensions: 0..0,
            payload: 0..0,
        };
        Burst {
            packets: vec![packet],
            ..Burst::default()
        }
        .seal()
    }

    #[test]
    fn holds_what_came_out_of_order_for_a_second() {
        let now = Instant::now();
        let mut cache = Cache::default();
        for sequence in [10, 13, 11] {
            cache.insert(now, &burst(sequence), 0);
        }
        let held = |cache: &Cache, sequence| cache.get(sequence).is_some();
        assert!(held(&cache, 10) && held(&cache, 11) && held(&cache, 13));
        assert!(!held(&cache, 12) && !held(&cache, 9) && !held(&cache, i64::MIN));
        cache.insert(now + CACHE_AGE, &burst(14), 0);
        assert!(!held(&cache, 13) && held(&cache, 14));
    }

    #[test]
    fn is_bounded_whatever_the_numbers() {
        let now = Instant::now();
        let mut cache = Cache::default();
        for step in 0..5_000i64 {
            cache.insert(
                now + Duration::from_micros(1),
                &burst(step * step % 7919),
                0,
            );
            assert!(cache.entries.len() <= CACHE_PACKETS);
        }
        cache.insert(now, &burst(1 << 40), 0);
        assert_eq!(cache.entries.len(), 1);
    }
}
