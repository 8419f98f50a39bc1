//! Which packets were sent when, by transport-wide number, until feedback tells their fate.
//!
//! A ring of 8 bytes a packet that grows with what is on its way at once. Whatever feedback
//! names that is not in it, or was told before, changes nothing but a counter.

/// Room at first, and at most: 4 KiB, and 2 s of 20 Mbit/s.
const FEWEST: usize = 512;
const MOST: usize = 4096;
/// A packet whose fate is open for so long is not waited for: as long as RTT and feedback
/// interval together take on bad ways (libwebrtc keeps 60 s, `transport_feedback_adapter.cc`).
const WAITED_US: u32 = 2_000_000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fate {
    #[default]
    Unused,
    Open,
    Lost,
    Received,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    /// The low bits: an hour is more than a ring lasts.
    sent_us: u32,
    bytes: u16,
    cluster: u8,
    fate: Fate,
}

/// What feedback has told of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Received {
        sent_us: i64,
        bytes: u16,
        cluster: u8,
        /// Was told to be lost before.
        was_lost: bool,
    },
    Lost,
    /// Nothing new.
    Repeated,
    /// Never sent, or so long ago that nobody knows.
    Unmatched,
}

#[derive(Debug)]
pub(super) struct History {
    entries: Vec<Entry>,
    /// The number after the last that was sent.
    next: u64,
}

impl History {
    pub(super) fn new() -> Self {
        Self {
            entries: vec![Entry::default(); FEWEST],
            next: 0,
        }
    }

    /// The one step that each packet to each subscriber pays for: a look and eight bytes.
    #[inline]
    pub(super) fn sent(&mut self, now_us: i64, number: u64, bytes: usize, cluster: u8) {
        let entry = Entry {
            sent_us: now_us as u32,
            bytes: bytes as u16,
            cluster,
            fate: Fate::Open,
        };
        self.next = number + 1;
        let mask = self.entries.len() - 1;
        let Some(place) = self.entries.get_mut(number as usize & mask) else {
            return;
        };
        let previous = std::mem::replace(place, entry);
        if previous.fate == Fate::Open {
            self.keep(number, previous, entry);
        }
    }

    /// The ring is too small for what is on its way: what stood there is waited for.
    #[cold]
    fn keep(&mut self, number: u64, previous: Entry, entry: Entry) {
        let age_us = entry.sent_us.wrapping_sub(previous.sent_us);
        let room = self.entries.len();
        if age_us >= WAITED_US || room == MOST {
            return;
        }
        self.entries[number as usize & (room - 1)] = previous;
        self.next = number;
        self.grow();
        self.entries[number as usize & (2 * room - 1)] = entry;
        self.next = number + 1;
    }

    fn grow(&mut self) {
        let (room, half) = (self.entries.len() * 2, self.entries.len());
        let mut larger = vec![Entry::default(); room];
        for number in self.next.saturating_sub(half as u64)..self.next {
            larger[number as usize & (room - 1)] = self.entries[number as usize & (half - 1)];
        }
        self.entries = larger;
    }

    /// The extended number that 16 bits stand for: the newest such that was sent.
    pub(super) fn extend(&self, number: u16) -> Option<u64> {
        let last = self.next.checked_sub(1)?;
        last.checked_sub(u64::from((last as u16).wrapping_sub(number)))
    }

    /// `now_us` gives the send time its high bits back.
    pub(super) fn tell(&mut self, now_us: i64, number: Option<u64>, is_received: bool) -> Told {
        let held = number.filter(|number| number + self.entries.len() as u64 >= self.next);
        let Some(number) = held else {
            return Told::Unmatched;
        };
        let mask = self.entries.len() - 1;
        let entry = &mut self.entries[number as usize & mask];
        match (entry.fate, is_received) {
            (Fate::Unused, _) => Told::Unmatched,
            (Fate::Open, false) => {
                entry.fate = Fate::Lost;
                Told::Lost
            }
            (Fate::Open | Fate::Lost, true) => {
                let was_lost = entry.fate == Fate::Lost;
                entry.fate = Fate::Received;
                // Signed: another worker read the clock, perhaps before the packet left here.
                let ago_us = (now_us as u32).wrapping_sub(entry.sent_us) as i32;
                Told::Received {
                    sent_us: now_us - i64::from(ago_us),
                    bytes: entry.bytes,
                    cluster: entry.cluster,
                    was_lost,
                }
            }
            (Fate::Lost, false) | (Fate::Received, _) => Told::Repeated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(told: Told) -> bool {
        matches!(told, Told::Received { .. })
    }

    #[test]
    fn each_packet_is_told_once() {
        let mut history = History::new();
        history.sent(5_000_000_000, 70_000, 1200, 3);
        let number = history.extend(70_000u32 as u16);
        assert_eq!(number, Some(70_000));
        assert_eq!(history.tell(5_000_000_100, number, false), Told::Lost);
        assert_eq!(history.tell(5_000_000_100, number, false), Told::Repeated);
        let told = history.tell(5_000_100_000, number, true);
        assert_eq!(
            told,
            Told::Received {
                sent_us: 5_000_000_000,
                bytes: 1200,
                cluster: 3,
                was_lost: true
            }
        );
        assert_eq!(history.tell(5_000_100_000, number, true), Told::Repeated);
        assert_eq!(history.tell(0, Some(69_999), true), Told::Unmatched);
        assert_eq!(history.tell(0, Some(3), true), Told::Unmatched);
        assert_eq!(history.tell(0, None, true), Told::Unmatched);
    }

    #[test]
    fn it_grows_with_what_is_on_its_way_and_no_further() {
        let mut history = History::new();
        for number in 0..100_000 {
            history.sent(number as i64 * 10, number, 1200, 0);
        }
        assert_eq!(history.entries.len(), MOST);
        let oldest = 100_000 - MOST as u64;
        assert!(received(history.tell(1_000_000, Some(oldest), true)));
        assert_eq!(
            history.tell(1_000_000, Some(oldest - 1), true),
            Told::Unmatched
        );
    }

    #[test]
    fn it_stays_small_where_feedback_comes() {
        let mut history = History::new();
        for number in 0..10_000 {
            history.sent(number as i64 * 1000, number, 1200, 0);
            history.tell(number as i64 * 1000, Some(number), true);
        }
        assert_eq!(history.entries.len(), FEWEST);
    }

    #[test]
    fn nothing_was_sent_before_the_first() {
        assert_eq!(History::new().extend(7), None);
        let mut history = History::new();
        history.sent(0, 0, 100, 0);
        assert_eq!(history.extend(65_535), None);
    }
}
