//! Two programs under one node id: they put each other out again and again, or answer one request twice. Pure.

use std::collections::VecDeque;

use domain::time::MonoMs;

/// So many take-overs within [`WINDOW_MS`] are two programs. Fewer are a node whose line is cut and comes back before
/// the broker has noticed: with a keep-alive of ten seconds that cannot happen more often.
const TAKEOVERS: usize = 4;
/// In milliseconds.
const WINDOW_MS: u64 = 60_000;
/// After so long without a take-over, in milliseconds, the trouble is over.
const CALM_MS: u64 = 300_000;

/// Watches one node id.
#[derive(Debug, Default)]
pub(super) struct DuplicateWatch {
    takeovers: VecDeque<MonoMs>,
    latest_bd_seq: Option<u8>,
    is_duplicate: bool,
}

impl DuplicateWatch {
    /// A connection of this id was put out by another one.
    pub(super) fn taken_over(&mut self, now: MonoMs) {
        self.takeovers.push_back(now);
        while self.takeovers.front().is_some_and(|at| now.since_ms(*at) > WINDOW_MS) {
            self.takeovers.pop_front();
        }
        self.is_duplicate |= self.takeovers.len() >= TAKEOVERS;
    }

    /// The node was born, although it was there already (`was_there`) or not. One program counts its connections up by
    /// one, or starts over from 0; a number out of the row, while the one before is still there, is another program's.
    pub(super) fn born(&mut self, bd_seq: Option<u8>, was_there: bool, now: MonoMs) {
        let is_in_row = match (self.latest_bd_seq, bd_seq) {
            (Some(before), Some(number)) => number == before || number == before.wrapping_add(1) || number == 0,
            (None, _) | (_, None) => true,
        };
        self.latest_bd_seq = bd_seq;
        if was_there && !is_in_row {
            self.taken_over(now);
        }
    }

    /// Whether the id is in use twice as far as can be seen.
    pub(super) fn is_duplicate(&mut self, now: MonoMs) -> bool {
        if self.takeovers.back().is_none_or(|last| now.since_ms(*last) > CALM_MS) {
            self.is_duplicate = false;
        }
        self.is_duplicate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_within_a_minute_are_two_programs_until_five_calm_minutes() {
        let mut watch = DuplicateWatch::default();
        watch.taken_over(MonoMs(0));
        watch.taken_over(MonoMs(61_000));
        watch.taken_over(MonoMs(62_000));
        watch.taken_over(MonoMs(63_000));
        assert!(!watch.is_duplicate(MonoMs(63_000)));
        watch.taken_over(MonoMs(64_000));
        assert!(watch.is_duplicate(MonoMs(64_000)));
        assert!(watch.is_duplicate(MonoMs(64_000 + CALM_MS)));
        assert!(!watch.is_duplicate(MonoMs(64_001 + CALM_MS)));
    }

    fn is_duplicate_after(births: &[(u8, bool)]) -> bool {
        let mut watch = DuplicateWatch::default();
        for (second, (bd_seq, was_there)) in births.iter().enumerate() {
            watch.born(Some(*bd_seq), *was_there, MonoMs(second as u64 * 1000));
        }
        watch.is_duplicate(MonoMs(births.len() as u64 * 1000))
    }

    #[test]
    fn births_that_answer_each_other_with_two_numbers_are_two_programs() {
        assert!(is_duplicate_after(&[(3, false), (7, true), (3, true), (7, true), (3, true)]));
    }

    #[test]
    fn one_program_that_comes_and_goes_is_one() {
        assert!(!is_duplicate_after(&[(3, false), (4, true), (5, true), (6, true), (7, true), (8, true)]));
        assert!(!is_duplicate_after(&[(0, false), (0, true), (0, true), (0, true), (0, true), (0, true)]));
        assert!(!is_duplicate_after(&[(3, false), (9, false), (3, false), (9, false), (3, false), (9, false)]));
    }
}
