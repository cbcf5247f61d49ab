//! Which neighbours become one chunk. Pure.

use std::ops::Range;

use crate::store::{batch::JournalId, codec::chunk};

/// A chunk as far as merging cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) id: i64,
    /// The series' seal after it was added.
    pub(super) through: JournalId,
    pub(super) reading_count: usize,
}

/// A chunk of so many readings is left alone; the index `chunk_small` says the same.
const SMALL_BELOW: usize = chunk::READINGS_MAX / 2;
/// So many readings are worth a chunk of their own although more would fit.
pub(super) const ENOUGH: u32 = 24_576;
/// So many small chunks are merged although they do not come to [`ENOUGH`]: a series with a reading an hour would
/// otherwise keep a chunk for each.
pub(super) const PIECES_MAX: u32 = 16;

/// The first neighbours that are to become one chunk; `pieces` are all chunks of a series from some place on, in order
/// of arrival.
///
/// What is merged stays together in that order: a chunk of another sealing is never in between, so that of equal times the
/// earlier arrival stays first.
pub(super) fn next_merge(pieces: &[Piece]) -> Option<Range<usize>> {
    let mut start = 0;
    while start < pieces.len() {
        let run_length = pieces[start..].iter().take_while(|piece| piece.reading_count < SMALL_BELOW).count();
        let run = start..start + run_length;
        if let Some(found) = merge_within(pieces, run) {
            return Some(found);
        }
        start += run_length + 1;
    }
    None
}

/// The first merge among small neighbours.
fn merge_within(pieces: &[Piece], run: Range<usize>) -> Option<Range<usize>> {
    let mut start = run.start;
    while start < run.end {
        let mut end = start;
        let mut sum = 0;
        while end < run.end && sum + pieces[end].reading_count <= chunk::READINGS_MAX {
            sum += pieces[end].reading_count;
            end += 1;
        }
        let is_full = sum >= ENOUGH as usize || end < run.end;
        end = whole_sealings(pieces, start..end);
        let merged = &pieces[start..end];
        let (count, sum) = (merged.len(), merged.iter().map(|piece| piece.reading_count).sum::<usize>());
        // A large piece is not written anew for little: at most every time that its chunk grows fourfold.
        let grows_by = |factor| merged.first().is_some_and(|first| first.reading_count * factor <= sum);
        if count >= 2 && (is_full && grows_by(2) || count >= PIECES_MAX as usize && grows_by(4)) {
            return Some(start..end);
        }
        start += 1;
    }
    None
}

/// Shortened so that no chunk of the last sealing is left behind: it would have to stand after the merged one.
fn whole_sealings(pieces: &[Piece], range: Range<usize>) -> usize {
    let mut end = range.end;
    while end > range.start
        && let (Some(last), Some(next)) = (pieces.get(end - 1), pieces.get(end))
        && last.through == next.through
    {
        end -= 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pieces(counts: &[usize]) -> Vec<Piece> {
        (1..).zip(counts).map(|(id, &reading_count)| Piece { id, through: JournalId(id), reading_count }).collect()
    }

    /// Merges until nothing is left to do, and answers the sizes.
    fn settled(counts: &[usize]) -> Vec<usize> {
        let mut counts = counts.to_vec();
        while let Some(range) = next_merge(&pieces(&counts)) {
            let sum = counts[range.clone()].iter().sum();
            counts.splice(range, [sum]);
        }
        counts
    }

    #[test]
    fn quarters_of_an_hour_become_chunks_of_hours() {
        assert_eq!(settled(&[900; 28]), [25_200]);
        assert_eq!(settled(&[900; 72]), [32_400, 32_400]);
        assert_eq!(settled(&[3600; 11]), [32_400, 3600, 3600]);
        assert_eq!(next_merge(&pieces(&[3600; 6])), None, "another may come");
        assert_eq!(settled(&[16_384, 32_768, 24_000]), [16_384, 32_768, 24_000]);
    }

    #[test]
    fn single_readings_are_gathered_without_writing_the_large_ones_again_and_again() {
        assert_eq!(settled(&[1; 16]), [16]);
        let (mut counts, mut written) = (Vec::new(), 0);
        for _ in 0..10_000 {
            counts.extend([1]);
            while let Some(range) = next_merge(&pieces(&counts)) {
                let sum: usize = counts[range.clone()].iter().sum();
                written += sum;
                counts.splice(range, [sum]);
            }
        }
        assert!(counts.len() < 60, "{counts:?}");
        assert!(written < 60_000, "10 000 readings were written {written} times in all");
    }

    #[test]
    fn a_sealing_of_several_chunks_is_not_torn() {
        let piece = |id, through, reading_count| Piece { id, through: JournalId(through), reading_count };
        let torn = [piece(1, 1, 3600), piece(2, 2, 15_200), piece(3, 2, 15_200)];
        assert_eq!(next_merge(&torn), Some(1..3));
        // The end of a long tail goes with what follows it.
        let tail = [piece(1, 1, 32_768), piece(2, 1, 1200), piece(3, 2, 15_900), piece(4, 3, 15_900)];
        assert_eq!(next_merge(&tail), Some(1..3));
    }

    proptest! {
        #[test]
        fn what_is_merged_fits_and_stands_together(
            sealings in proptest::collection::vec(proptest::collection::vec(1_usize..=chunk::READINGS_MAX, 1..4), 0..40)
        ) {
            let all: Vec<Piece> = (1..).zip(sealings).flat_map(|(through, counts)| {
                counts.into_iter().map(move |reading_count| Piece { id: 0, through: JournalId(through), reading_count })
            }).collect();
            if let Some(range) = next_merge(&all) {
                prop_assert!(range.len() >= 2);
                prop_assert!(all[range.clone()].iter().map(|piece| piece.reading_count).sum::<usize>() <= chunk::READINGS_MAX);
                prop_assert!(all[range.clone()].iter().all(|piece| piece.reading_count < SMALL_BELOW));
                let next = all.get(range.end).map(|piece| piece.through);
                prop_assert_ne!(next, Some(all[range.end - 1].through));
            }
        }
    }
}
