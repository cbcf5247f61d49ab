//! Chattering: an alarm that comes and goes faster than anybody can act. ISA-18.2 counts three alarms of one source in
//! one minute; DOMAIN lists it among the figures of which none is good.

use std::collections::HashMap;

use super::{Transition, What};
use crate::{
    id::{AlarmId, DeviceId, RuleId},
    time::{MonoMs, Now, UnixMs},
};

/// So many alarms of one source within [`WINDOW_MS`] are chattering: ISA-18.2.
const CHATTER_COUNT: usize = 3;
/// One minute, in milliseconds: ISA-18.2.
pub(crate) const WINDOW_MS: u64 = 60_000;

/// So far back calls of an earlier process still count, in milliseconds: chattering is shown for ten minutes, and was found
/// out within the minute before.
pub const RECALL_MS: u64 = 11 * WINDOW_MS;

/// The condition of an alarm came, in an earlier process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Which alarm.
    pub alarm: AlarmId,
    /// Its device.
    pub device: DeviceId,
    /// Its rule.
    pub rule: RuleId,
    /// When, by the gateway's wall clock.
    pub at: UnixMs,
}

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

/// Later than the clock, so that there is a moment for what was before this process began, and 0 stands for "never".
const fn moment(now: MonoMs) -> u64 {
    now.0 + RECALL_MS
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
        let is_call = matches!(transition.what, What::Raised | What::Reoccurred);
        is_call && self.note((transition.device.clone(), transition.rule.clone()), moment(now))
    }

    /// Takes up what an earlier process saw, call by call in their order; says whether that one made its source chatter.
    /// What is older than [`RECALL_MS`], or in the future, is passed over.
    pub fn recall(&mut self, call: &Call, now: Now) -> bool {
        match u64::try_from(now.wall.since_ms(call.at)) {
            Ok(age_ms) if age_ms < RECALL_MS => {
                self.note((call.device.clone(), call.rule.clone()), moment(now.mono) - age_ms)
            }
            Ok(_) | Err(_) => false,
        }
    }

    fn note(&mut self, source: (DeviceId, RuleId), moment: u64) -> bool {
        if self.recent.len() >= self.sources_max && !self.recent.contains_key(&source) {
            self.recent.retain(|_, recent| moment.saturating_sub(recent.newest()) <= WINDOW_MS);
            // Still no room: whoever is new is not followed, so that those who chatter already stay known.
            if self.recent.len() >= self.sources_max {
                return false;
            }
        }
        self.recent.entry(source).or_default().note(moment)
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
    fn a_new_process_takes_up_what_the_last_one_saw() {
        let mut chatter = Chatter::default();
        let now = Now { wall: UnixMs(1_790_000_000_000), mono: MonoMs(3) };
        let mut recall = |device: &str, age_ms: i64| {
            let (device, rule) = (DeviceId::new(device).unwrap(), RuleId::new("GA-01").unwrap());
            chatter.recall(&Call { alarm: AlarmId(1), device, rule, at: now.wall.plus_ms(-age_ms) }, now)
        };
        assert!(!recall("a", 700_000), "too long ago");
        assert!(!recall("a", 600_000) && !recall("a", 590_000) && recall("a", 580_000), "it chattered ten minutes ago");
        assert!(!recall("b", 50_000) && !recall("b", 40_000) && !recall("b", -9));
        assert!(
            chatter.follow(&step("b", What::Reoccurred), MonoMs(10_000)),
            "two calls before the restart, one after"
        );
        assert!(!chatter.follow(&step("a", What::Reoccurred), MonoMs(10_000)));
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
