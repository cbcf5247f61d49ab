//! Limits, rates and stillness over plain columns: the engine's judgement, without its bookkeeping.

use std::collections::BTreeMap;

use super::{Column, Firing, Values};
use crate::{
    engine::{Trail, milliseconds},
    id::MetricName,
    profile::{Profile, ResolvedCondition, Rule, Test},
    time::UnixMs,
};

/// None: the rule is of another kind, looks at more than one metric, or its metric is not all numbers.
pub(super) fn test(
    profile: &Profile,
    rule: &Rule,
    nameplate: &BTreeMap<String, f64>,
    columns: &BTreeMap<MetricName, Column>,
    end: UnixMs,
) -> Option<Vec<Firing>> {
    let resolved = rule.resolve(nameplate);
    if !resolved.only_while.is_empty() || !resolved.suppressed_while.is_empty() || resolved.only_between.is_some() {
        return None;
    }
    let column_of = |metric: &MetricName| -> Option<(&[UnixMs], &[f64])> {
        let column = columns.get(metric)?;
        let Values::Numbers(numbers) = &column.values else { return None };
        Some((&column.at, numbers))
    };
    let off_ms = signed(milliseconds(resolved.off_delay_s));
    let on_ms = signed(milliseconds(resolved.on_delay_s));
    match &resolved.condition {
        ResolvedCondition::Values { any, held_until } if held_until.is_empty() => {
            let [only] = &any[..] else { return None };
            let [comparison] = &only.all[..] else { return None };
            if comparison.minus.is_some() {
                return None;
            }
            let (at, numbers) = column_of(&comparison.metric)?;
            let machine = Machine::new(signed(milliseconds(only.for_s)), off_ms);
            Some(match comparison.test {
                Test::Outside { low, high, deadband } => {
                    let (low_in, high_in) = (low + deadband, high - deadband);
                    limit(at, numbers, machine, end, |number, held| {
                        if held { number > high_in || number < low_in } else { number > high || number < low }
                    })
                }
                Test::AtLeast { limit: set, deadband } => {
                    let inside = set - deadband;
                    limit(at, numbers, machine, end, |number, held| number >= set || held && number > inside)
                }
                Test::Is(_) | Test::IsNot(_) => return None,
                Test::Unknown => Vec::new(),
            })
        }
        ResolvedCondition::Rate { metric, over_s, test } => {
            let (at, numbers) = column_of(metric)?;
            let Test::Outside { low, high, .. } = *test else { return Some(Vec::new()) };
            Some(rate(at, numbers, Machine::new(on_ms, off_ms), end, milliseconds(*over_s), low, high))
        }
        ResolvedCondition::Stuck { metric, after_s } => {
            let (at, numbers) = column_of(metric)?;
            let Some(after_s) = after_s.filter(|after_s| *after_s > 0.0) else { return Some(Vec::new()) };
            let still_ms = signed(milliseconds(after_s));
            let stale_s = profile.metric(metric).map_or(0, |metric| metric.stale_after_s);
            let silence_ms = signed(stale_s.saturating_mul(1000));
            Some(stuck(at, numbers, Machine::new(on_ms, off_ms), end, still_ms, silence_ms))
        }
        _ => None,
    }
}

fn signed(milliseconds: u64) -> i64 {
    i64::try_from(milliseconds).unwrap_or(i64::MAX / 4)
}

/// Never comes.
const NEVER: i64 = i64::MAX;

/// On-delay and off-delay, driven by findings in the order of time.
struct Machine {
    on_ms: i64,
    off_ms: i64,
    is_held: bool,
    is_raised: bool,
    /// When what is pending, to be raised or to return, comes about.
    due: i64,
    firings: Vec<Firing>,
}

impl Machine {
    const fn new(on_ms: i64, off_ms: i64) -> Self {
        Self { on_ms, off_ms, is_held: false, is_raised: false, due: NEVER, firings: Vec::new() }
    }

    /// What has come about by `now`.
    fn settle(&mut self, now: i64) {
        if self.due <= now {
            let at = UnixMs(self.due);
            self.due = NEVER;
            self.is_raised = self.is_held;
            if self.is_raised {
                self.firings.push(Firing { raised_at: at, returned_at: None });
            } else if let Some(last) = self.firings.last_mut() {
                last.returned_at = Some(at);
            }
        }
    }

    /// The condition came or went.
    fn turn(&mut self, now: i64, is_held: bool) {
        self.is_held = is_held;
        let delay = if is_held { self.on_ms } else { self.off_ms };
        self.due = if is_held == self.is_raised { NEVER } else { now.saturating_add(delay) };
        self.settle(now);
    }

    fn finish(mut self, end: UnixMs) -> Vec<Firing> {
        self.settle(end.0);
        self.firings
    }
}

fn limit(
    at: &[UnixMs],
    numbers: &[f64],
    mut machine: Machine,
    end: UnixMs,
    holds: impl Fn(f64, bool) -> bool,
) -> Vec<Firing> {
    for (at, &number) in at.iter().zip(numbers) {
        if at.0 >= machine.due {
            machine.settle(at.0);
        }
        let is_held = holds(number, machine.is_held);
        if is_held != machine.is_held && number.is_finite() {
            machine.turn(at.0, is_held);
        }
    }
    machine.finish(end)
}

fn rate(
    at: &[UnixMs],
    numbers: &[f64],
    mut machine: Machine,
    end: UnixMs,
    over_ms: u64,
    low: f64,
    high: f64,
) -> Vec<Firing> {
    let mut trail = None;
    for (&at, &number) in at.iter().zip(numbers) {
        if at.0 >= machine.due {
            machine.settle(at.0);
        }
        if !number.is_finite() {
            continue;
        }
        let (next, rate) = Trail::follow(trail, at, number, over_ms);
        trail = Some(next);
        let is_held = rate.is_some_and(|rate| rate > high || rate < low);
        if is_held != machine.is_held {
            machine.turn(at.0, is_held);
        }
    }
    machine.finish(end)
}

fn stuck(
    at: &[UnixMs],
    numbers: &[f64],
    mut machine: Machine,
    end: UnixMs,
    still_ms: i64,
    silence_ms: i64,
) -> Vec<Firing> {
    let again_ms = silence_ms.max(1000);
    let (mut last, mut fresh_at, mut look_at) = (f64::NAN, i64::MIN / 2, NEVER);
    // What the engine's timer finds when nothing else happens.
    let look = |machine: &mut Machine, fresh_at: i64, mut look_at: i64, now: i64| {
        loop {
            let is_pending = machine.is_held && !machine.is_raised;
            let next = if is_pending { machine.due } else { look_at };
            if next > now || machine.is_held && machine.is_raised {
                break;
            }
            let is_fresh = fresh_at + silence_ms > next;
            if !is_fresh {
                // What does not report is stale, which is another matter.
                if is_pending {
                    machine.turn(next, false);
                }
                look_at = next + again_ms;
            } else if is_pending {
                machine.settle(next);
            } else {
                machine.settle(next);
                machine.turn(next, true);
            }
        }
        machine.settle(now);
        look_at
    };
    for (at, &number) in at.iter().zip(numbers) {
        if at.0 >= look_at || at.0 >= machine.due {
            look_at = look(&mut machine, fresh_at, look_at, at.0);
        }
        if !number.is_finite() {
            continue;
        }
        fresh_at = at.0;
        #[expect(clippy::float_cmp, reason = "still is the very same number")]
        if number != last {
            last = number;
            let still_at = at.0 + still_ms;
            look_at = if machine.is_held || look_at == NEVER { still_at } else { look_at.max(still_at) };
            if machine.is_held {
                machine.turn(at.0, false);
            }
        }
    }
    look(&mut machine, fresh_at, look_at, end.0);
    machine.finish(end)
}
