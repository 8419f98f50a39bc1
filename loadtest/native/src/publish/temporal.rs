//! Temporal layers: which frames need which, in the patterns that browsers' encoders use for one,
//! two and three layers (L1T1, L1T2 and L1T3 of the W3C's scalability modes).

/// A frame's place in the pattern.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) layer: u8,
    /// How many frames before it is the one that it needs; 0 is none.
    pub(super) depends: u8,
    /// Needs no other than the lowest layer: whoever gets less can get more from here on.
    pub(super) is_sync: bool,
    /// Frames of the lowest layer until this one (TL0PICIDX).
    pub(super) base_index: u8,
}

/// Layer, distance to the frame that it needs, sync.
type Pattern = &'static [(u8, u8, bool)];
const ONE: Pattern = &[(0, 1, false)];
const TWO: Pattern = &[(0, 2, false), (1, 1, true)];
const THREE: Pattern = &[(0, 4, false), (2, 1, true), (1, 2, true), (2, 1, false)];

#[derive(Debug)]
pub(super) struct Temporal {
    pattern: Pattern,
    since_keyframe: usize,
    base_index: u8,
}

impl Temporal {
    pub(super) fn new(layers: u8) -> Self {
        Self {
            pattern: match layers {
                3.. => THREE,
                2 => TWO,
                _ => ONE,
            },
            since_keyframe: 0,
            base_index: 0,
        }
    }

    pub(super) fn next(&mut self, is_keyframe: bool) -> Place {
        self.since_keyframe = match is_keyframe {
            true => 0,
            false => self.since_keyframe + 1,
        };
        let (layer, depends, is_sync) = self.pattern[self.since_keyframe % self.pattern.len()];
        if layer == 0 {
            self.base_index = self.base_index.wrapping_add(1);
        }
        Place {
            layer,
            depends: if is_keyframe { 0 } else { depends },
            is_sync,
            base_index: self.base_index,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_needs_a_higher_layer() {
        for layers in 1..=3 {
            let mut temporal = Temporal::new(layers);
            let places: Vec<_> = (0..40)
                .map(|frame| temporal.next(frame % 13 == 0))
                .collect();
            for (frame, place) in places.iter().enumerate() {
                assert_eq!(place.depends == 0, frame % 13 == 0);
                let needed = places[frame - usize::from(place.depends)];
                assert!(needed.layer <= place.layer && place.layer < layers);
                assert!(!place.is_sync || needed.layer == 0);
                assert!(frame % 13 >= usize::from(place.depends));
            }
        }
    }

    #[test]
    fn the_lowest_layer_is_counted() {
        let mut temporal = Temporal::new(3);
        let counts: Vec<_> = (0..9)
            .map(|frame| temporal.next(frame == 0).base_index)
            .collect();
        assert_eq!(counts, [1, 1, 1, 1, 2, 2, 2, 2, 3]);
    }
}
