//! How one watch is judged: does its condition hold, since when, and what does that make of its alarm.

use super::{
    evaluation::{Change, Evaluation},
    plan::{SlotAt, Watch, WatchAt},
    program::{Alternative, ProgramKind},
    state::{Phase, Trail, WatchState},
};
use crate::{
    alarm::{AlarmInput, Severity},
    id::MetricName,
    profile::{DueStep, Expression},
    reading::{Quality, Reading, Value},
    time::{MonoMs, UnixMs},
};

/// What is known of a condition at this moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    /// Bit i: alternative i holds.
    pub(super) held: u8,
    /// Whether an alarm of it must not return, even if no alternative holds: something is not known, or what the rule
    /// waits for has not come.
    pub(super) keeps: bool,
    /// When this may change without a reading.
    pub(super) changes_at: Option<MonoMs>,
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
            ProgramKind::Values { any, held_until, .. } => {
                let held = self.held(watch, any, old.held, trigger);
                if held == 0 && old.phase == Phase::Clear && old.wake.is_none() && old.alarm.is_none() {
                    return;
                }
                let keeps = held == 0
                    && old.alarm.is_some()
                    && self.is_judged(watch)
                    && (self.waits_for(watch, held_until.clone()) || old.is_inherited && self.is_undecided(watch, any));
                Standing { held, keeps, changes_at: None }
            }
            ProgramKind::Rate { over_ms } => return self.judge_rate(at, *over_ms, trigger),
            ProgramKind::Anomaly(_)
            | ProgramKind::Due { .. }
            | ProgramKind::Stale { .. }
            | ProgramKind::Offline { .. }
                if self.is_past =>
            {
                return;
            }
            ProgramKind::Anomaly(vigilance) => return self.judge_anomaly(at, *vigilance, trigger),
            ProgramKind::Stuck { after_ms, stale_after_ms } => {
                if trigger.is_some() && old.phase == Phase::Clear && old.wake.is_some() {
                    return;
                }
                self.stillness(watch, *after_ms, *stale_after_ms)
            }
            ProgramKind::Due { steps } => self.dueness(steps),
            ProgramKind::Expression { expression, all } => self.truth(watch, expression, all.start),
            ProgramKind::Stale { after_ms, levels } => {
                if trigger.is_some() && old.phase == Phase::Clear {
                    return;
                }
                if !self.is_online(watch.slot) && watch.severity != Severity::I {
                    return self.freeze(at);
                }
                let finding = self.staleness(watch, after_ms);
                if finding.held != 0 && !self.is_judged(watch) {
                    return self.rest(at);
                }
                Standing { held: if finding.held == 0 { 0 } else { (1 << levels.len()) - 1 }, ..finding }
            }
            ProgramKind::Offline { .. } => return self.judge_link(at),
        };
        self.advance(at, finding, trigger);
    }

    /// Judges the watches of a slot that look at links.
    pub(super) fn judge_presence(&mut self, slot: SlotAt) {
        let plan = &self.engine.plan;
        for at in plan.slots[slot as usize].watches.clone() {
            match plan.watches[at as usize].program.kind {
                ProgramKind::Stale { .. } | ProgramKind::Stuck { .. } | ProgramKind::Offline { .. } => {
                    self.judge(at, None);
                }
                ProgramKind::Values { .. }
                | ProgramKind::Rate { .. }
                | ProgramKind::Anomaly(_)
                | ProgramKind::Due { .. }
                | ProgramKind::Expression { .. } => {}
            }
        }
    }

    fn verdict(&self, watch: &Watch, place: usize, was_held: bool) -> Verdict {
        let Some(series) = watch.series[place] else { return Verdict::Absent };
        let Some(latest) = &self.series(series).latest else { return Verdict::Unknown };
        match watch.program.minus.get(place).copied().flatten() {
            None => test(watch, place, &latest.value, was_held),
            Some(other) => self
                .difference(watch, place, other)
                .map_or(Verdict::Unknown, |difference| test(watch, place, &Value::Float(difference), was_held)),
        }
    }

    /// How far the value of one place is above that of another.
    pub(super) fn difference(&self, watch: &Watch, place: usize, other: usize) -> Option<f64> {
        let number = |place: usize| self.series(watch.series[place]?).latest.as_ref()?.value.as_f64();
        Some(number(place)? - number(other)?)
    }

    /// Whether nothing says that the rule is not to be judged now.
    pub(super) fn is_judged(&self, watch: &Watch) -> bool {
        watch.program.only_between.is_none_or(|hours| hours.contains(self.present))
            && watch.program.only_while.clone().all(|place| self.verdict(watch, place, false) != Verdict::No)
    }

    /// Which alternatives hold, while the rule is judged. The value just read is at hand and not looked up.
    fn held(&self, watch: &Watch, any: &[Alternative], held_before: u8, trigger: Option<&Reading>) -> u8 {
        let verdict = |place: usize, was_held| match trigger {
            Some(Reading { series, value: Some(value), .. })
                if watch.series[place] == Some(series.0) && watch.program.minus.is_empty() =>
            {
                test(watch, place, value, was_held)
            }
            _ => self.verdict(watch, place, was_held),
        };
        let mut held = 0;
        for (bit, way) in any.iter().enumerate() {
            let was_held = held_before & (1 << bit) != 0;
            if way.places.clone().all(|place| verdict(place, was_held) == Verdict::Yes) {
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
    fn is_undecided(&self, watch: &Watch, any: &[Alternative]) -> bool {
        any.iter().any(|way| {
            way.places.clone().all(|place| matches!(self.verdict(watch, place, true), Verdict::Yes | Verdict::Unknown))
        })
    }

    /// How fast the value moves: only a reading changes that, and only a reading says that it has stopped.
    fn judge_rate(&mut self, at: WatchAt, over_ms: u64, trigger: Option<&Reading>) {
        let watch = &self.engine.plan.watches[at as usize];
        let old = self.watch(at);
        let mut held = old.held;
        let number =
            trigger.filter(|it| watch.series[0] == Some(it.series.0)).and_then(|it| it.value.as_ref()?.as_f64());
        if let Some((reading, number)) = trigger.zip(number).filter(|(_, number)| number.is_finite()) {
            let moment = if reading.quality == Quality::Good { reading.event_time } else { self.present };
            let (trail, rate) = Trail::follow(old.trail.as_deref().copied(), moment, number, over_ms);
            held = u8::from(
                rate.is_some_and(|rate| watch.program.tests[0].holds(&Value::Float(rate), false) == Some(true)),
            );
            self.put(at, WatchState { trail: Some(Box::new(trail)), ..old.clone() });
        }
        if held != 0 && !self.is_judged(watch) {
            held = 0;
        }
        self.advance(at, Standing { held, keeps: false, changes_at: None }, trigger);
    }

    /// Whether the value stands still although readings come.
    fn stillness(&self, watch: &Watch, after_ms: u64, stale_after_ms: u64) -> Standing {
        let unknown = Standing { held: 0, keeps: true, changes_at: None };
        let Some(series) = watch.series[0].map(|series| self.series(series)).filter(|it| it.latest.is_some()) else {
            return unknown;
        };
        let still_at = series.changed_at.plus_ms(after_ms);
        if still_at > self.now.mono {
            return Standing { held: 0, keeps: false, changes_at: Some(still_at) };
        }
        // What does not report is stale, which is another matter.
        if series.fresh_at.plus_ms(stale_after_ms) <= self.now.mono || !self.is_online(watch.slot) {
            return Standing { changes_at: Some(self.now.mono.plus_ms(stale_after_ms.max(1000))), ..unknown };
        }
        let is_judged = self.is_judged(watch);
        Standing {
            held: u8::from(is_judged),
            keeps: false,
            changes_at: (!is_judged).then(|| self.now.mono.plus_ms(stale_after_ms.max(1000))),
        }
    }

    /// Which steps towards a date have been passed, by the clock that never jumps.
    fn dueness(&self, steps: &[(UnixMs, DueStep)]) -> Standing {
        let mut finding = Standing { held: 0, keeps: false, changes_at: None };
        for (bit, (from, _)) in steps.iter().enumerate() {
            let ahead_ms = from.since_ms(self.present);
            if ahead_ms <= 0 {
                finding.held |= 1 << bit;
            } else {
                finding.changes_at =
                    earliest(finding.changes_at, Some(self.now.mono.plus_ms(ahead_ms.cast_unsigned())));
            }
        }
        finding
    }

    /// Whether an expression holds.
    fn truth(&self, watch: &Watch, expression: &Expression, first: usize) -> Standing {
        let value_of = |metric: &MetricName| {
            let place = first + expression.metrics().iter().position(|known| known == metric)?;
            self.series(watch.series[place]?).latest.as_ref().map(|latest| &latest.value)
        };
        let holds = expression.holds(value_of);
        let held = u8::from(holds == Some(true) && self.is_judged(watch));
        Standing { held, keeps: holds.is_none() && self.is_judged(watch), changes_at: None }
    }

    /// Moves a watch on by what was found.
    pub(super) fn advance(&mut self, at: WatchAt, finding: Standing, trigger: Option<&Reading>) {
        let engine = self.engine;
        let watch = &engine.plan.watches[at as usize];
        let now = self.now.mono;
        let mut state = self.watch(at).clone();
        for bit in 0..state.since.len() {
            if (finding.held ^ state.held) & (1 << bit) != 0 {
                state.since[bit] = now;
            }
        }
        state.held = finding.held;
        state.is_inherited &= finding.held == 0;
        state.wake = finding.changes_at;
        if let Some(hours) = watch.program.only_between {
            state.wake = earliest(state.wake, Some(now.plus_ms(hours.until_change_ms(self.present))));
        }
        match state.phase {
            Phase::Clear | Phase::Pending => match self.raising(watch, &state) {
                Raising::Not => state.phase = Phase::Clear,
                Raising::At(due) => {
                    state.phase = Phase::Pending;
                    state.wake = earliest(state.wake, Some(due));
                }
                Raising::Now(alternative) => {
                    state.phase = Phase::Holds;
                    let severity = watch.severity_of(alternative);
                    let change = self.change(watch, trigger, self.raised_cause(watch, alternative), alternative);
                    state.raised_at = Some(change.event_time);
                    state.alarm = Some(match state.alarm {
                        None => self.raise(at, severity, change),
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
        if watch.steps() > 0 {
            self.step(watch, &mut state);
        }
        self.put(at, state);
        self.suppress_or_resume(at);
    }

    /// Has an open alarm's severity follow the alternatives that are in force: up at once, down when no alternative
    /// as bad as it is now holds any more, pending ones included.
    fn step(&mut self, watch: &Watch, state: &mut WatchState) {
        let now = self.now.mono;
        for bit in 0..watch.steps() {
            let mask = 1 << bit;
            let (holds, was_in_force) = (state.held & mask != 0, state.in_force & mask != 0);
            let changes_at =
                state.since[bit].plus_ms(if holds { watch.for_ms(bit) } else { watch.program.off_delay_ms });
            if holds != was_in_force {
                if changes_at <= now {
                    state.in_force ^= mask;
                } else {
                    state.wake = earliest(state.wake, Some(changes_at));
                }
            }
        }
        let Some(alarm) = state.alarm.and_then(|id| self.alarm(id)) else { return };
        let (id, present) = (alarm.id, alarm.severity);
        let in_force = |bit: &usize| state.in_force & (1 << bit) != 0;
        let Some(worst) = (0..watch.steps()).filter(in_force).min_by_key(|&bit| watch.severity_of(bit)) else { return };
        let severity = watch.severity_of(worst);
        let is_pending = |bit: usize| state.held & (1 << bit) != 0 && watch.severity_of(bit) <= present;
        if severity == present || severity > present && (0..watch.steps()).any(is_pending) {
            return;
        }
        let change = self.change(watch, None, self.raised_cause(watch, worst), worst);
        // Refused, its condition has gone: severity is no matter then.
        let _ = self.change_alarm(id, AlarmInput::Step(severity), change);
    }

    /// Whether a test over the device's values is known to hold.
    pub(super) fn is_so(&self, watch: &Watch, place: usize) -> bool {
        self.verdict(watch, place, false) == Verdict::Yes
    }

    pub(super) fn put(&mut self, at: WatchAt, state: WatchState) {
        if *self.watch(at) != state {
            self.outcome.delta.watches.insert(at, state);
        }
    }

    /// Whether one of the alternatives has held for long enough, or when the first will have.
    fn raising(&self, watch: &Watch, state: &WatchState) -> Raising {
        let mut raising = Raising::Not;
        let mut worst = None;
        for (alternative, since) in state.since.iter().enumerate() {
            if state.held & (1 << alternative) == 0 {
                continue;
            }
            let due = since.plus_ms(watch.for_ms(alternative));
            if due <= self.now.mono {
                if worst.is_none_or(|worst| watch.severity_of(alternative) < watch.severity_of(worst)) {
                    worst = Some(alternative);
                }
                continue;
            }
            raising = match raising {
                Raising::At(other) if other <= due => raising,
                _ => Raising::At(due),
            };
        }
        worst.map_or(raising, Raising::Now)
    }

    /// What brought a change about, in words and as a reading.
    fn change(&self, watch: &Watch, trigger: Option<&Reading>, cause: crate::text::Text, alternative: usize) -> Change {
        let good = trigger.filter(|reading| reading.quality == Quality::Good);
        let event_time = good.map_or(self.now.wall, |reading| reading.event_time);
        let is_by_reading = good.is_some();
        let places = || match &watch.program.kind {
            ProgramKind::Values { any, .. } => any[alternative].places.clone(),
            ProgramKind::Rate { .. } | ProgramKind::Anomaly(_) | ProgramKind::Stuck { .. } => 0..1,
            ProgramKind::Expression { all, .. } => all.clone(),
            ProgramKind::Due { .. } | ProgramKind::Stale { .. } | ProgramKind::Offline { .. } => 0..0,
        };
        if places().is_empty() {
            return Change { cause, is_by_reading, ..Change::at(event_time) };
        }
        let triggering = places().find(|&place| trigger.is_some_and(|it| watch.series[place] == Some(it.series.0)));
        let place = triggering.unwrap_or_else(|| places().start);
        let reading = watch.series[place].and_then(|series| {
            let latest = self.series(series).latest.as_ref()?;
            Some((watch.program.metrics[place].clone(), latest.reading(series)))
        });
        Change { cause, reading, is_by_reading, ..Change::at(event_time) }
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

pub(super) fn earliest(a: Option<MonoMs>, b: Option<MonoMs>) -> Option<MonoMs> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, None) | (None, one) => one,
    }
}
