//! Which packets to one subscriber make one segmented send (UDP_SEGMENT).
//!
//! A run's datagrams are of one size, the last may be shorter. Encoders cut a frame into
//! sizes that differ by a few bytes; RTP padding (RFC 3550 §5.1) closes such gaps, which
//! made 9.0 of 2.25 packets a run and halved the CPU time of forwarding.

use std::ops::Range;

use crate::limits::{RUN_BYTES, RUN_PADDING, RUN_SEGMENTS};
use crate::transmit::{Path, TransmitBatch};

/// A datagram as the plan sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Without padding.
    pub(crate) size: usize,
    pub(crate) can_pad: bool,
    /// Pieces of different classes (DSCP) never share a run.
    pub(crate) class: u8,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) pieces: Range<usize>,
    pub(crate) segment_size: usize,
}

impl Run {
    pub(crate) fn padding(&self, index: usize, size: usize) -> usize {
        let is_last = index + 1 == self.pieces.end;
        if is_last { 0 } else { self.segment_size - size }
    }
}

/// The longest run that begins at `from`, where there must be a piece.
pub(crate) fn next_run(pieces: impl Fn(usize) -> Option<Piece>, from: usize) -> Option<Run> {
    let first = pieces(from)?;
    let (mut largest, mut smallest) = (first.size, first.size);
    // The size of members that cannot be padded.
    let mut fixed = (!first.can_pad).then_some(first.size);
    let mut end = from + 1;
    while let Some(piece) = pieces(end) {
        let size = largest.max(piece.size);
        let count = end - from + 1;
        let fits = count <= RUN_SEGMENTS && size * count <= RUN_BYTES;
        let is_even = size - smallest <= RUN_PADDING && fixed.is_none_or(|fixed| fixed == size);
        if !fits || !is_even || piece.class != first.class {
            break;
        }
        largest = size;
        smallest = smallest.min(piece.size);
        if !piece.can_pad {
            if piece.size < largest {
                // Stands well as the last, and nothing after it.
                end += 1;
                break;
            }
            fixed = Some(piece.size);
        }
        end += 1;
    }
    Some(Run {
        pieces: from..end,
        segment_size: largest,
    })
}

/// How much smaller a datagram of `size` is than those of the batch's last run, if it may
/// stand behind them.
pub(crate) fn gap_to_last(
    out: &TransmitBatch,
    path: Path,
    class: u8,
    size: usize,
) -> Option<usize> {
    let last = out.transmits.last()?;
    let segment_size = usize::from(last.segment_size);
    let len = last.len as usize;
    let is_behind =
        last.path == path && last.dscp == class && last.start as usize + len == out.arena.len();
    let is_even = len.is_multiple_of(segment_size);
    let fits = len / segment_size < RUN_SEGMENTS && len + segment_size <= RUN_BYTES;
    let gap = segment_size.checked_sub(size)?;
    (is_behind && is_even && fits).then_some(gap)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(sizes: &[(usize, bool)]) -> Vec<(usize, usize)> {
        let piece = |index: usize| {
            sizes.get(index).map(|&(size, can_pad)| Piece {
                size,
                can_pad,
                class: 0,
            })
        };
        let (mut from, mut runs) = (0, Vec::new());
        while let Some(run) = next_run(piece, from) {
            for index in run.pieces.clone() {
                let padding = run.padding(index, sizes[index].0);
                assert!(padding <= RUN_PADDING && (padding == 0 || sizes[index].1));
                let is_last = index + 1 == run.pieces.end;
                assert!(is_last || sizes[index].0 + padding == run.segment_size);
            }
            assert!(run.pieces.len() <= RUN_SEGMENTS);
            assert!(run.segment_size * run.pieces.len() <= RUN_BYTES);
            runs.push((run.pieces.len(), run.segment_size));
            from = run.pieces.end;
        }
        assert_eq!(from, sizes.len());
        runs
    }

    fn paddable(sizes: &[usize]) -> Vec<(usize, bool)> {
        sizes.iter().map(|&size| (size, true)).collect()
    }

    #[test]
    fn nearly_equal_packets_and_a_short_last_one_are_one_run() {
        assert_eq!(runs(&paddable(&[1190, 1200, 1184, 1199, 300])), [(5, 1200)]);
        assert_eq!(runs(&paddable(&[300, 1190, 1200])), [(1, 300), (2, 1200)]);
        assert_eq!(runs(&paddable(&[1183, 1200])), [(1, 1183), (1, 1200)]);
        assert_eq!(runs(&paddable(&[1190, 1200, 1210])), [(2, 1200), (1, 1210)]);
    }

    #[test]
    fn what_cannot_be_padded_joins_only_where_it_fits() {
        assert_eq!(runs(&[(100, false), (100, false), (90, false)]), [(3, 100)]);
        assert_eq!(runs(&[(100, false), (110, true)]), [(1, 100), (1, 110)]);
        assert_eq!(runs(&[(100, true), (110, false), (108, true)]), [(3, 110)]);
        assert_eq!(
            runs(&[(110, true), (100, false), (100, false)]),
            [(2, 110), (1, 100)]
        );
    }

    #[test]
    fn runs_stay_within_the_kernels_bounds() {
        assert_eq!(
            runs(&paddable(&[100; 130])),
            [(64, 100), (64, 100), (2, 100)]
        );
        assert_eq!(runs(&paddable(&[1400; 50])), [(46, 1400), (4, 1400)]);
    }

    #[test]
    fn any_sizes_make_valid_runs() {
        let mut state = 9u64;
        for _ in 0..200 {
            let sizes: Vec<_> = (0..100)
                .map(|_| {
                    state = state.wrapping_mul(6364136223846793005).wrapping_add(99991);
                    (1150 + (state >> 33) as usize % 60, state >> 60 != 0)
                })
                .collect();
            runs(&sizes);
        }
    }

    #[test]
    fn classes_do_not_mix() {
        let piece = |index: usize| {
            (index < 2).then_some(Piece {
                size: 100,
                can_pad: true,
                class: index as u8,
            })
        };
        assert_eq!(next_run(piece, 0).map(|run| run.pieces), Some(0..1));
    }
}
