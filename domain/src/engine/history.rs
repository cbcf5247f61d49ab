//! Readings from before their series' present: a backlog that an edge sends after a broken link. What they tell is over,
//! as far as a later reading says so; a danger that came and went meanwhile is still told, as a past alarm.
//!
//! Only conditions over one quantity are looked at: what several were at the same moment of the past is for the
//! back-test. A past alarm of severity I or II waits for an answer; a lesser one is recorded and closed.

use serde::{Deserialize, Serialize};

use super::{
    evaluation::{Change, Evaluation},
    plan::{ProgramKind, SeriesAt, Watch, WatchAt},
    state::WatchState,
};
use crate::{
    alarm::{AlarmInput, Severity},
    profile::Condition,
    reading::{Quality, Reading, Value},
    time::UnixMs,
};

/// A reading of the past younger than this, in milliseconds, was merely overtaken: a minute.
const BACKLOG_MS: i64 = 60_000;

/// How far a rule has followed a backlog.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Past {
    /// Event time of the reading before.
    last: UnixMs,
    /// Bit i: alternative i held then.
    held: u8,
    /// Bit i: what alternative i came to has been told.
    told: u8,
    /// Since when alternative i has held, where its bit is set.
    since: [UnixMs; Condition::MAX_ALTERNATIVES],
}

impl Evaluation<'_> {
    /// Looks at a reading of the past by every rule over its series alone.
    pub(super) fn read_history(&mut self, series: SeriesAt, reading: &Reading) {
        let Some(value) = reading.value.as_ref().filter(|_| reading.quality == Quality::Good) else { return };
        // Two messages that overtook each other are no backlog.
        if self.present.since_ms(reading.event_time) < BACKLOG_MS {
            return;
        }
        let engine = self.engine;
        for &at in &engine.plan.series[series as usize].value_watches {
            let watch = &engine.plan.watches[at as usize];
            if is_over(watch, series) {
                self.follow(at, watch, reading, value);
            }
        }
    }

    fn follow(&mut self, at: WatchAt, watch: &Watch, reading: &Reading, value: &Value) {
        let ProgramKind::Values { any, .. } = &watch.program.kind else { return };
        let now = reading.event_time;
        let old = self.watch(at);
        let begun = Past { last: now, held: 0, told: 0, since: [now; Condition::MAX_ALTERNATIVES] };
        let mut past = old.past.as_deref().copied().filter(|past| past.last <= now).unwrap_or(begun);
        past.last = now;
        let mut news = None;
        for (bit, way) in any.iter().enumerate() {
            let mask = 1 << bit;
            let was_held = past.held & mask != 0;
            let holds = |place: usize| watch.program.tests[place].holds(value, was_held) == Some(true);
            if !way.places.clone().all(holds) {
                past.held &= !mask;
                past.told &= !mask;
                continue;
            }
            if !was_held {
                past.held |= mask;
                past.since[bit] = now;
            }
            let is_due = u64::try_from(now.since_ms(past.since[bit])).is_ok_and(|held_ms| held_ms >= way.for_ms);
            if is_due && past.told & mask == 0 {
                past.told |= mask;
                news = Some(bit);
            }
        }
        let is_kept = past.held != 0;
        let after = WatchState { past: is_kept.then(|| Box::new(past)), ..old.clone() };
        let is_quiet = after.alarm.is_none() && after.held == 0;
        self.put(at, after);
        // While an alarm is open, or the condition holds at present, somebody is told already, or soon will be.
        if let Some(alternative) = news.filter(|_| is_quiet) {
            self.tell_past(at, watch, alternative, reading, value);
        }
    }

    fn tell_past(&mut self, at: WatchAt, watch: &Watch, alternative: usize, reading: &Reading, value: &Value) {
        let severity = watch.severity_of(alternative);
        let ProgramKind::Values { any, .. } = &watch.program.kind else { return };
        let place = any[alternative].places.start;
        let change = Change {
            cause: self.past_cause(watch, alternative, value),
            reading: Some((watch.program.metrics[place].clone(), reading.clone())),
            is_by_reading: true,
            ..Change::at(reading.event_time)
        };
        let id = self.raise(at, severity, change);
        let returned = || Change { cause: self.returned_cause(watch), ..Change::at(reading.event_time) };
        let (gone, closed) = (returned(), returned());
        let mut is_open = self.change_alarm(id, AlarmInput::Return, gone).unwrap_or(true);
        if is_open && severity > Severity::II {
            is_open = self.change_alarm(id, AlarmInput::Withdraw, closed).unwrap_or(true);
        }
        let after = WatchState { alarm: is_open.then_some(id), ..self.watch(at).clone() };
        self.put(at, after);
    }
}

/// Whether a rule looks at this series and at nothing else.
fn is_over(watch: &Watch, series: SeriesAt) -> bool {
    let program = &watch.program;
    let ProgramKind::Values { any, held_until, .. } = &program.kind else { return false };
    held_until.is_empty()
        && program.only_while.is_empty()
        && program.only_between.is_none()
        && program.minus.is_empty()
        && any.iter().flat_map(|way| way.places.clone()).all(|place| watch.series[place] == Some(series))
}
