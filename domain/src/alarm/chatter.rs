//! Chattering: an alarm that comes and goes faster than anybody can act. ISA-18.2 counts three alarms of one source in
//! one minute; DOMAIN lists it among the figures of which none is good.

use std::collections::HashMap;

use super::{Transition, What};
use crate::{
    id::{DeviceId, RuleId},
    time::MonoMs,
};

/// So many alarms of one source within [`WINDOW_MS`] are chattering: ISA-18.2.
const CHATTER_COUNT: usize = 3;
/// One minute, in milliseconds: ISA-18.2.
pub(crate) const WINDOW_MS: u64 = 60_000;

/// When one source last called. Moments are milliseconds of any one clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Recent {
    /// The newest last; 0: none yet. A moment 0 is taken for none, which is at most a call forgotten at the start.
    moments: [u64; CHATTER_COUNT],
}

impl Recent {
    /// Notes a call and says whether the source chatters.
    pub(crate) fn note(&mut self, at_ms: u64) -> bool {
        self.moments.rotate_left(1);
        self.moments[CHATTER_COUNT - 1] = at_ms;
        let first = self.moments[0];
        first != 0 && at_ms.saturating_sub(first) <= WINDOW_MS
    }

    const fn newest(&self) -> u64 {
        self.moments[CHATTER_COUNT - 1]
    }
}

/// Follows every source of a district in bounded memory.
#[derive(Debug)]
pub struct Chatter {
    recent: HashMap<(DeviceId, RuleId), Recent>,
    sources_max: usize,
}

impl Default for Chatter {
    /// For 100 000 sources that call within one minute, a flood beyond any so far; about 15 MiB at that worst.
    fn default() -> Self {
        Self::with_room_for(100_000)
    }
}

impl Chatter {
    /// Follows at most so many sources at once.
    pub fn with_room_for(sources_max: usize) -> Self {
        Self { recent: HashMap::new(), sources_max }
    }

    /// Whether this step makes its source chatter: the condition came, and so did two more within a minute before.
    pub fn follow(&mut self, transition: &Transition, now: MonoMs) -> bool {
        if !matches!(transition.what, What::Raised | What::Reoccurred) {
            return false;
        }
        let key = (transition.device.clone(), transition.rule.clone());
        if self.recent.len() >= self.sources_max && !self.recent.contains_key(&key) {
            self.recent.retain(|_, recent| now.0.saturating_sub(recent.newest()) <= WINDOW_MS);
            // Still no room: whoever is new is not followed, so that those who chatter already stay known.
            if self.recent.len() >= self.sources_max {
                return false;
            }
        }
        // One later than the clock: a process's first millisecond is 0, which stands for "never".
        self.recent.entry(key).or_default().note(now.0 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        alarm::{AlarmState, Severity},
        id::AlarmId,
        text::Text,
        time::UnixMs,
    };

    fn step(device: &str, what: What) -> Transition {
        Transition {
            alarm: AlarmId(1),
            device: DeviceId::new(device).unwrap(),
            rule: RuleId::new("GA-01").unwrap(),
            severity: Severity::III,
            is_latching: false,
            title: Text::default(),
            cause: Text::default(),
            what,
            state: AlarmState::ActiveUnacknowledged,
            set_aside: None,
            at: UnixMs(0),
            event_time: UnixMs(0),
            late_ms: 0,
            rule_version: None,
            by: None,
            note: String::new(),
            reading: None,
        }
    }

    #[test]
    fn the_third_call_within_a_minute_is_chattering() {
        let mut chatter = Chatter::default();
        let mut call = |what, at| chatter.follow(&step("a", what), MonoMs(at));
        assert!(!call(What::Raised, 0));
        assert!(!call(What::Returned, 5_000), "going is no call");
        assert!(!call(What::Reoccurred, 30_000));
        assert!(call(What::Reoccurred, 60_000), "a minute to the millisecond");
        assert!(!call(What::Reoccurred, 100_001), "the last three took more than a minute");
        assert!(call(What::Raised, 110_000), "a new alarm of the same source counts on");
    }

    #[test]
    fn sources_are_told_apart() {
        let mut chatter = Chatter::default();
        for (at, device) in [(0, "a"), (1_000, "b"), (2_000, "a"), (3_000, "b")] {
            assert!(!chatter.follow(&step(device, What::Raised), MonoMs(at)), "{device} at {at}");
        }
        assert!(chatter.follow(&step("a", What::Raised), MonoMs(4_000)));
    }

    #[test]
    fn memory_is_bounded_and_the_quiet_make_room() {
        let mut chatter = Chatter::with_room_for(2);
        let mut call = |device, at| chatter.follow(&step(device, What::Raised), MonoMs(at));
        for at in [1_000, 2_000] {
            assert!(!call("a", at) && !call("b", at) && !call("late", at));
        }
        assert!(call("a", 3_000) && call("b", 3_000) && !call("late", 3_000), "there is no room for a third");
        for at in [70_000, 71_000] {
            assert!(!call("late", at), "the others have been quiet for a minute");
        }
        assert!(call("late", 72_000));
    }
}
