//! Two programs under one node id: they put each other out again and again. Pure.

use std::collections::VecDeque;

use domain::time::MonoMs;

/// So many take-overs within [`WINDOW_MS`] are two programs. One or two are a node that reconnects after a cut line.
const TAKEOVERS: usize = 3;
/// In milliseconds.
const WINDOW_MS: u64 = 60_000;
/// After so long without a take-over, in milliseconds, the trouble is over.
const CALM_MS: u64 = 300_000;

/// Watches one node id.
#[derive(Debug, Default)]
pub(super) struct DuplicateWatch {
    takeovers: VecDeque<MonoMs>,
    is_duplicate: bool,
}

impl DuplicateWatch {
    /// A connection of this id was put out by another one, or a node that was there was born anew.
    pub(super) fn note(&mut self, now: MonoMs) {
        self.takeovers.push_back(now);
        while self.takeovers.front().is_some_and(|at| now.since_ms(*at) > WINDOW_MS) {
            self.takeovers.pop_front();
        }
        self.is_duplicate |= self.takeovers.len() >= TAKEOVERS;
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
    fn three_within_a_minute_are_two_programs_until_five_calm_minutes() {
        let mut watch = DuplicateWatch::default();
        watch.note(MonoMs(0));
        watch.note(MonoMs(61_000));
        watch.note(MonoMs(62_000));
        assert!(!watch.is_duplicate(MonoMs(62_000)));
        watch.note(MonoMs(63_000));
        assert!(watch.is_duplicate(MonoMs(63_000)));
        assert!(watch.is_duplicate(MonoMs(63_000 + CALM_MS)));
        assert!(!watch.is_duplicate(MonoMs(63_001 + CALM_MS)));
    }
}
