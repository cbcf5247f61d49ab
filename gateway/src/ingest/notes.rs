//! What the gateway itself notices about a node, as readings of the node as a device: ordinary rules raise ordinary
//! alarms from them. Pure.

use std::collections::BTreeMap;

use domain::{reading::Value, time::MonoMs};

use super::duplicate::DuplicateWatch;

/// Edge clock minus gateway clock in milliseconds.
const CLOCK_SKEW: &str = "edge.clock_skew_ms";
/// Two programs use the id.
pub(super) const DUPLICATE_ID: &str = "edge.duplicate_id";
/// It spoke for a device of another node.
const REFUSED_BIRTH: &str = "edge.refused_birth";

/// A skew is written when it moved by so many milliseconds: the network's own jitter stays below mostly.
const SKEW_STEP_MS: u64 = 250;
/// But not more often than that, in milliseconds, on a line where it does not,
const SKEW_PAUSE_MS: u64 = 10_000;
/// unless it jumps by so many milliseconds: that was the clock.
const SKEW_JUMP_MS: u64 = 5_000;
/// Every note is written at least so often, in milliseconds, so that it does not become stale.
const EVERY_MS: u64 = 60_000;
/// How long after its birth a node has to leave other nodes' devices alone, in milliseconds, before the refusal is over:
/// its devices are born one after the other.
const REFUSAL_CALM_MS: u64 = 30_000;

/// Whether a metric is one of the gateway's own notes, which no node may write.
pub(super) fn is_note(name: &str) -> bool {
    [CLOCK_SKEW, DUPLICATE_ID, REFUSED_BIRTH].contains(&name)
}

/// The notes about one node.
#[derive(Debug, Default)]
pub(super) struct Notes {
    skew_ms: Option<i64>,
    duplicate: DuplicateWatch,
    is_refused: bool,
    born: Option<MonoMs>,
    /// What was last written of each, and when.
    written: BTreeMap<&'static str, (Value, MonoMs)>,
}

impl Notes {
    /// The edge's clock at its latest message, minus ours.
    pub(super) fn skew(&mut self, skew_ms: i64) {
        self.skew_ms = Some(skew_ms);
    }

    /// Another connection took the node's id.
    pub(super) fn taken_over(&mut self, now: MonoMs) {
        self.duplicate.taken_over(now);
    }

    /// The node was born, whether or not it was there already.
    pub(super) fn born(&mut self, bd_seq: Option<u8>, was_there: bool, now: MonoMs) {
        self.duplicate.born(bd_seq, was_there, now);
        self.born = Some(now);
    }

    /// The node spoke for another node's device. True: that is new.
    pub(super) fn refused(&mut self) -> bool {
        self.born = None;
        !std::mem::replace(&mut self.is_refused, true)
    }

    /// The notes to be written now.
    pub(super) fn due(&mut self, now: MonoMs) -> Vec<(&'static str, Value)> {
        if self.born.is_some_and(|born| now.since_ms(born) >= REFUSAL_CALM_MS) {
            self.is_refused = false;
        }
        let skew = self.skew_ms.map(|skew| (CLOCK_SKEW, Value::Int(skew)));
        let flags = [
            (DUPLICATE_ID, Value::Bool(self.duplicate.is_duplicate(now))),
            (REFUSED_BIRTH, Value::Bool(self.is_refused)),
        ];
        let mut due = Vec::new();
        for (name, value) in flags.into_iter().chain(skew) {
            let is_due = self.written.get(name).is_none_or(|(before, at)| {
                let age_ms = now.since_ms(*at);
                age_ms >= EVERY_MS || has_moved(before, &value, age_ms)
            });
            if is_due {
                self.written.insert(name, (value.clone(), now));
                due.push((name, value));
            }
        }
        due
    }
}

fn has_moved(before: &Value, after: &Value, age_ms: u64) -> bool {
    match (before, after) {
        (Value::Int(before), Value::Int(after)) => {
            let moved = before.abs_diff(*after);
            moved >= SKEW_JUMP_MS || (moved >= SKEW_STEP_MS && age_ms >= SKEW_PAUSE_MS)
        }
        _ => before != after,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(due: &[(&'static str, Value)]) -> Vec<&'static str> {
        due.iter().map(|(name, _)| *name).collect()
    }

    #[test]
    fn a_jittering_line_does_not_write_a_skew_a_message() {
        let mut notes = Notes::default();
        notes.skew(0);
        assert_eq!(names(&notes.due(MonoMs(0))), [DUPLICATE_ID, REFUSED_BIRTH, CLOCK_SKEW]);
        notes.skew(-900);
        assert!(notes.due(MonoMs(SKEW_PAUSE_MS - 1)).is_empty());
        assert_eq!(notes.due(MonoMs(SKEW_PAUSE_MS)), [(CLOCK_SKEW, Value::Int(-900))]);
        notes.skew(-1000);
        assert!(notes.due(MonoMs(2 * SKEW_PAUSE_MS)).is_empty());
        assert_eq!(names(&notes.due(MonoMs(EVERY_MS))), [DUPLICATE_ID, REFUSED_BIRTH]);
        notes.skew(i64::MIN);
        assert_eq!(names(&notes.due(MonoMs(EVERY_MS + 1))), [CLOCK_SKEW], "a jump is written at once");
    }

    #[test]
    fn a_refusal_outlives_the_births_that_cause_it() {
        let mut notes = Notes::default();
        let mut written = Vec::new();
        for second in 0..300 {
            let now = MonoMs(second * 1000);
            if second % 20 == 0 && second <= 200 {
                notes.born(Some(0), true, now);
            }
            if second % 20 == 1 && second <= 181 {
                notes.refused();
            }
            let due = notes.due(now).into_iter().filter(|(name, _)| *name == REFUSED_BIRTH);
            written.extend(due.map(|(_, value)| (second, value)));
        }
        let changes: Vec<_> = written.windows(2).filter(|pair| pair[0].1 != pair[1].1).map(|pair| pair[1].0).collect();
        assert_eq!(changes, [1, 230], "true from the first refusal until half a minute after a birth without one");
    }
}
