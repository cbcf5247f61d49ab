//! How one watch is judged: does its condition hold, since when, and what does that make of its alarm.

use super::{
    evaluation::{Change, Evaluation},
    io::Link,
    plan::{ProgramKind, SlotAt, Watch, WatchAt},
    state::{Phase, WatchState},
};
use crate::{
    alarm::{AlarmInput, Severity},
    reading::{Quality, Reading, Value},
    time::MonoMs,
};

/// What is known of a condition at this moment.
#[derive(Debug, Clone, Copy)]
struct Finding {
    /// Bit i: alternative i holds.
    held: u8,
    /// Whether an alarm of it must not return, even if no alternative holds: something is not known, or what the rule
    /// waits for has not come.
    keeps: bool,
    /// When this finding may change without a reading.
    changes_at: Option<MonoMs>,
}

/// Whether a test holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Yes,
    No,
    /// The device declared the metric, but has not sent a usable value yet.
    Unknown,
    /// The device has no such metric.
    Absent,
}

impl Evaluation<'_> {
    /// Judges one watch; `trigger` is the reading that gives the reason to.
    pub(super) fn judge(&mut self, at: WatchAt, trigger: Option<&Reading>) {
        let engine = self.engine;
        let watch = &engine.plan.watches[at as usize];
        let old = self.watch(at);
        let finding = match &watch.program.kind {
            ProgramKind::Values { any, held_until } => {
                let held = self.held(watch, any, old.held, trigger);
                if held == 0 && old.phase == Phase::Clear && old.wake.is_none() && old.alarm.is_none() {
                    return;
                }
                let keeps = held == 0
                    && old.alarm.is_some()
                    && self.is_judged(watch)
                    && (self.waits_for(watch, held_until.clone()) || old.is_inherited && self.is_undecided(watch, any));
                Finding { held, keeps, changes_at: None }
            }
            ProgramKind::Stale { after_ms } => {
                if trigger.is_some() && old.phase == Phase::Clear {
                    return;
                }
                if !self.is_online(watch.slot) && watch.severity != Severity::I {
                    return self.freeze(at);
                }
                self.staleness(watch, after_ms)
            }
            ProgramKind::Offline => {
                if self.is_covered_by_node(watch) {
                    return self.freeze(at);
                }
                let is_offline = self.link(watch.slot).link != Some(Link::Online);
                Finding { held: u8::from(is_offline), keeps: false, changes_at: None }
            }
        };
        self.advance(at, finding, trigger);
    }

    /// Judges the watches of a slot that look at links.
    pub(super) fn judge_presence(&mut self, slot: SlotAt) {
        let plan = &self.engine.plan;
        for at in plan.slots[slot as usize].watches.clone() {
            match plan.watches[at as usize].program.kind {
                ProgramKind::Stale { .. } | ProgramKind::Offline => self.judge(at, None),
                ProgramKind::Values { .. } => {}
            }
        }
    }

    fn verdict(&self, watch: &Watch, place: usize, was_held: bool) -> Verdict {
        let Some(series) = watch.series[place] else { return Verdict::Absent };
        let Some(latest) = &self.series(series).latest else { return Verdict::Unknown };
        test(watch, place, &latest.value, was_held)
    }

    /// Whether nothing says that the rule is not to be judged now.
    fn is_judged(&self, watch: &Watch) -> bool {
        watch.program.only_while.clone().all(|place| self.verdict(watch, place, false) != Verdict::No)
    }

    /// Which alternatives hold, while the rule is judged. The value just read is at hand and not looked up.
    fn held(
        &self,
        watch: &Watch,
        any: &[(std::ops::Range<usize>, u64)],
        held_before: u8,
        trigger: Option<&Reading>,
    ) -> u8 {
        let verdict = |place: usize, was_held| match trigger {
            Some(Reading { series, value: Some(value), .. }) if watch.series[place] == Some(series.0) => {
                test(watch, place, value, was_held)
            }
            _ => self.verdict(watch, place, was_held),
        };
        let mut held = 0;
        for (bit, (places, _)) in any.iter().enumerate() {
            let was_held = held_before & (1 << bit) != 0;
            if places.clone().all(|place| verdict(place, was_held) == Verdict::Yes) {
                held |= 1 << bit;
            }
        }
        if held != 0 && !self.is_judged(watch) { 0 } else { held }
    }

    /// Whether something that a raised alarm waits for is known not to have come.
    fn waits_for(&self, watch: &Watch, held_until: std::ops::Range<usize>) -> bool {
        held_until.into_iter().any(|place| self.verdict(watch, place, false) == Verdict::No)
    }

    /// Whether one of the alternatives may hold, for all that was read since the start.
    fn is_undecided(&self, watch: &Watch, any: &[(std::ops::Range<usize>, u64)]) -> bool {
        any.iter().any(|(places, _)| {
            places.clone().all(|place| matches!(self.verdict(watch, place, true), Verdict::Yes | Verdict::Unknown))
        })
    }

    fn staleness(&self, watch: &Watch, after_ms: &[u64]) -> Finding {
        let online_since = self.link(watch.slot).since;
        let mut finding = Finding { held: 0, keeps: false, changes_at: None };
        for (place, &after_ms) in after_ms.iter().enumerate() {
            let Some(series) = watch.series[place] else { continue };
            let fresh_at = self.series(series).fresh_at;
            // Coming online gives a device time to report, but only a reading ends an alarm.
            finding.keeps |= fresh_at.plus_ms(after_ms) <= self.now.mono;
            let stale_at = fresh_at.max(online_since).plus_ms(after_ms);
            if stale_at <= self.now.mono {
                finding.held = 1;
            } else {
                finding.changes_at = earliest(finding.changes_at, Some(stale_at));
            }
        }
        finding
    }

    /// Whether the device is known to be online.
    fn is_online(&self, slot: SlotAt) -> bool {
        self.link(slot).link == Some(Link::Online)
    }

    /// Whether the node's own alarm says already that nobody speaks for this device. A severity I rule never yields.
    fn is_covered_by_node(&self, watch: &Watch) -> bool {
        let plan = &self.engine.plan;
        let node = plan.slots[watch.slot as usize].node;
        node != watch.slot
            && watch.severity != Severity::I
            && plan.slots[node as usize].has_offline_rule
            && !self.is_online(node)
    }

    /// Nothing can be said: what was raised stays, what was only pending is dropped.
    fn freeze(&mut self, at: WatchAt) {
        let old = self.watch(at);
        let phase = match old.phase {
            Phase::Clear | Phase::Pending => Phase::Clear,
            Phase::Holds | Phase::Leaving { .. } => Phase::Holds,
        };
        let after = WatchState { phase, held: 0, wake: None, ..old.clone() };
        self.put(at, after);
    }

    /// Moves a watch on by what was found.
    fn advance(&mut self, at: WatchAt, finding: Finding, trigger: Option<&Reading>) {
        let engine = self.engine;
        let watch = &engine.plan.watches[at as usize];
        let now = self.now.mono;
        let mut state = self.watch(at).clone();
        for bit in 0..state.since.len() {
            if finding.held & !state.held & (1 << bit) != 0 {
                state.since[bit] = now;
            }
        }
        state.held = finding.held;
        state.is_inherited &= finding.held == 0;
        state.wake = finding.changes_at;
        match state.phase {
            Phase::Clear | Phase::Pending => match self.raising(watch, &state) {
                Raising::Not => state.phase = Phase::Clear,
                Raising::At(due) => {
                    state.phase = Phase::Pending;
                    state.wake = earliest(state.wake, Some(due));
                }
                Raising::Now(alternative) => {
                    state.phase = Phase::Holds;
                    let change = self.change(watch, trigger, self.raised_cause(watch, alternative), alternative);
                    state.alarm = Some(match state.alarm {
                        None => self.raise(at, change),
                        Some(alarm) => {
                            // Refused, it is known to be active already.
                            let _ = self.change_alarm(alarm, AlarmInput::Recur, change);
                            alarm
                        }
                    });
                }
            },
            Phase::Holds | Phase::Leaving { .. } if finding.held != 0 || finding.keeps => state.phase = Phase::Holds,
            Phase::Holds | Phase::Leaving { .. } => {
                let until = match state.phase {
                    Phase::Leaving { until } => until,
                    Phase::Clear | Phase::Pending | Phase::Holds => now.plus_ms(watch.program.off_delay_ms),
                };
                if until > now {
                    state.phase = Phase::Leaving { until };
                    state.wake = earliest(state.wake, Some(until));
                } else {
                    state.phase = Phase::Clear;
                    if let Some(alarm) = state.alarm {
                        let change = self.change(watch, trigger, self.returned_cause(watch), 0);
                        let is_open = self.change_alarm(alarm, AlarmInput::Return, change);
                        // Refused, it is known to have returned already, and waits for an answer.
                        state.alarm = is_open.unwrap_or(true).then_some(alarm);
                    }
                }
            }
        }
        self.put(at, state);
        self.suppress_or_resume(at);
    }

    /// Whether a test over the device's values is known to hold.
    pub(super) fn is_so(&self, watch: &Watch, place: usize) -> bool {
        self.verdict(watch, place, false) == Verdict::Yes
    }

    fn put(&mut self, at: WatchAt, state: WatchState) {
        if *self.watch(at) != state {
            self.outcome.delta.watches.insert(at, state);
        }
    }

    /// Whether one of the alternatives has held for long enough, or when the first will have.
    fn raising(&self, watch: &Watch, state: &WatchState) -> Raising {
        let mut raising = Raising::Not;
        let for_ms = |alternative: usize| match &watch.program.kind {
            ProgramKind::Values { any, .. } => any[alternative].1,
            ProgramKind::Stale { .. } | ProgramKind::Offline => watch.program.on_delay_ms,
        };
        for (alternative, since) in state.since.iter().enumerate() {
            if state.held & (1 << alternative) == 0 {
                continue;
            }
            let due = since.plus_ms(for_ms(alternative));
            if due <= self.now.mono {
                return Raising::Now(alternative);
            }
            raising = match raising {
                Raising::At(other) if other <= due => raising,
                _ => Raising::At(due),
            };
        }
        raising
    }

    /// What brought a change about, in words and as a reading.
    fn change(&self, watch: &Watch, trigger: Option<&Reading>, cause: crate::text::Text, alternative: usize) -> Change {
        let event_time = match trigger {
            Some(reading) if reading.quality == Quality::Good => reading.event_time,
            _ => self.now.wall,
        };
        let ProgramKind::Values { any, .. } = &watch.program.kind else {
            return Change { cause, ..Change::at(event_time) };
        };
        let places = || any[alternative].0.clone();
        let triggering = places().find(|&place| trigger.is_some_and(|it| watch.series[place] == Some(it.series.0)));
        let place = triggering.unwrap_or(any[alternative].0.start);
        let reading = watch.series[place].and_then(|series| {
            let latest = self.series(series).latest.as_ref()?;
            Some((watch.program.metrics[place].clone(), latest.reading(series)))
        });
        Change { cause, reading, ..Change::at(event_time) }
    }
}

/// Whether a condition that holds becomes an alarm.
#[derive(Debug, Clone, Copy)]
enum Raising {
    Not,
    At(MonoMs),
    /// Because of this alternative.
    Now(usize),
}

fn test(watch: &Watch, place: usize, value: &Value, was_held: bool) -> Verdict {
    match watch.program.tests[place].holds(value, was_held) {
        Some(true) => Verdict::Yes,
        Some(false) => Verdict::No,
        None => Verdict::Unknown,
    }
}

fn earliest(a: Option<MonoMs>, b: Option<MonoMs>) -> Option<MonoMs> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, None) | (None, one) => one,
    }
}
