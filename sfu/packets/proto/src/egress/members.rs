//! Slots of one thing (a layer, a source, an audio position): who comes or goes costs the same
//! however many there are.

use rustc_hash::FxHashMap;

#[derive(Debug, Default)]
pub(crate) struct Members {
    list: Vec<usize>,
    /// Where each stands in the list.
    places: FxHashMap<usize, usize>,
}

impl Members {
    /// In no order.
    pub(crate) fn as_slice(&self) -> &[usize] {
        &self.list
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn insert(&mut self, slot: usize) {
        self.places.entry(slot).or_insert_with(|| {
            self.list.push(slot);
            self.list.len() - 1
        });
    }

    /// False: it was not in it.
    pub(crate) fn remove(&mut self, slot: usize) -> bool {
        let Some(place) = self.places.remove(&slot) else {
            return false;
        };
        self.list.swap_remove(place);
        if let Some(&moved) = self.list.get(place) {
            self.places.insert(moved, place);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_in_it_once_and_found_again() {
        let mut members = Members::default();
        for slot in [7, 3, 9, 3, 5] {
            members.insert(slot);
        }
        assert_eq!(members.as_slice(), [7, 3, 9, 5]);
        for gone in [3, 3, 5, 7] {
            members.remove(gone);
        }
        assert_eq!(members.as_slice(), [9]);
        members.insert(3);
        members.remove(9);
        members.remove(3);
        assert!(members.is_empty() && members.places.is_empty());
    }
}
