//! A rule with the numbers of a nameplate, as it is judged.

use std::collections::BTreeMap;

use super::anomaly::Vigilance;
use crate::{
    alarm::Severity,
    id::MetricName,
    profile::{
        Daily, DueStep, Expression, Profile, ResolvedAlternative, ResolvedComparison, ResolvedCondition, Rule, Test,
    },
    time::UnixMs,
};

/// A rule with the numbers of a nameplate.
#[derive(Debug)]
pub(super) struct Program {
    /// The metrics it reads; a metric may occur more than once.
    pub(super) metrics: Box<[MetricName]>,
    /// `minus[i]`: the place whose value is taken off that of `metrics[i]` before the test; empty: none anywhere.
    pub(super) minus: Box<[Option<usize>]>,
    /// `metrics[only_while]` with their tests decide whether it is judged at all.
    pub(super) only_while: std::ops::Range<usize>,
    /// While one of `metrics[suppressed_while]` passes its test, an alarm calls nobody.
    pub(super) suppressed_while: std::ops::Range<usize>,
    /// One test for each metric; for a stale rule those of its own metrics say nothing.
    pub(super) tests: Box<[Test]>,
    pub(super) kind: ProgramKind,
    pub(super) only_between: Option<Daily>,
    pub(super) on_delay_ms: u64,
    pub(super) off_delay_ms: u64,
}

/// What a program judges.
#[derive(Debug)]
pub(super) enum ProgramKind {
    Values {
        any: Box<[Alternative]>,
        held_until: std::ops::Range<usize>,
        /// Whether the alternatives differ in severity, so that an open alarm rises and falls with them.
        has_steps: bool,
    },
    /// `metrics[0]` moves too fast; `tests[0]` says how fast is too fast, in its unit a minute.
    Rate { over_ms: u64 },
    /// `metrics[0]` stands still.
    Stuck {
        /// `u64::MAX`: the nameplate lacks the number.
        after_ms: u64,
        /// Without a reading for so long nothing can be said.
        stale_after_ms: u64,
    },
    /// `metrics[0]` is unlike its own past.
    Anomaly(Vigilance),
    /// A date, without any metric.
    Due {
        /// From when on which step holds; empty: the nameplate names no day.
        steps: Box<[(UnixMs, DueStep)]>,
    },
    /// Over `metrics[all]`.
    Expression { expression: Expression, all: std::ops::Range<usize> },
    Stale {
        /// `metrics[i]` is stale after `after_ms[i]`.
        after_ms: Box<[u64]>,
        /// How bad it is after how long, from the beginning on.
        levels: Box<[Level]>,
    },
    Offline {
        /// How bad it is after how long, from the beginning on.
        levels: Box<[Level]>,
    },
}

/// How bad it is that nobody has been heard for so long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Level {
    pub(super) for_ms: u64,
    pub(super) severity: Severity,
}

/// One way in which a condition can come about.
#[derive(Debug)]
pub(super) struct Alternative {
    /// Of `metrics` and `tests`: all of these together.
    pub(super) places: std::ops::Range<usize>,
    /// For so long.
    pub(super) for_ms: u64,
    pub(super) severity: Severity,
}

/// The place of a severity among all, and of its bit.
pub(super) const fn place_of(severity: Severity) -> usize {
    severity as usize - 1
}

const DAY_MS: i64 = 24 * 3600 * 1000;

/// Milliseconds of a number of seconds, rounded up so that no delay is shorter than what was asked for.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be finite and not negative")]
pub(crate) fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1000.0).ceil() as u64
}

impl Program {
    /// Whether it depends on the hour or the day.
    pub(super) const fn looks_at_the_clock(&self) -> bool {
        self.only_between.is_some() || matches!(self.kind, ProgramKind::Due { .. })
    }

    pub(super) fn new(profile: &Profile, rule: &Rule, nameplate: &BTreeMap<String, f64>) -> Self {
        let resolved = rule.resolve(nameplate);
        let mut metrics = Vec::new();
        let mut tests = Vec::new();
        let mut minuends: Vec<(usize, MetricName)> = Vec::new();
        let mut append = |comparisons: Vec<ResolvedComparison>| {
            let start = metrics.len();
            for ResolvedComparison { metric, minus, test } in comparisons {
                minuends.extend(minus.map(|minus| (metrics.len(), minus)));
                metrics.push(metric);
                tests.push(test);
            }
            start..metrics.len()
        };
        let untested = |metric| ResolvedComparison { metric, minus: None, test: Test::Unknown };
        let first = Level { for_ms: milliseconds(resolved.on_delay_s), severity: rule.severity };
        let later = resolved.worsens.iter().map(|it| Level { for_ms: milliseconds(it.after_s), severity: it.severity });
        let levels: Box<[Level]> = std::iter::once(first).chain(later).collect();
        let kind = match resolved.condition {
            ResolvedCondition::Values { any, held_until } => {
                let alternative = |way: ResolvedAlternative| Alternative {
                    places: append(way.all),
                    for_ms: milliseconds(way.for_s),
                    severity: way.severity,
                };
                let any: Box<[Alternative]> = any.into_iter().map(alternative).collect();
                let has_steps = any.iter().any(|way| way.severity != any[0].severity);
                ProgramKind::Values { any, held_until: append(held_until), has_steps }
            }
            ResolvedCondition::Rate { metric, over_s, test } => {
                append(vec![ResolvedComparison { metric, minus: None, test }]);
                ProgramKind::Rate { over_ms: milliseconds(over_s) }
            }
            ResolvedCondition::Stuck { metric, after_s } => {
                let stale_after_s = profile.metric(&metric).map_or(0, |metric| metric.stale_after_s);
                append(vec![untested(metric)]);
                let after_ms = after_s.filter(|after_s| *after_s > 0.0).map_or(u64::MAX, milliseconds);
                ProgramKind::Stuck { after_ms, stale_after_ms: stale_after_s.saturating_mul(1000) }
            }
            ResolvedCondition::Anomaly { metric, every_s, learn_days, at_most_s } => {
                append(vec![untested(metric)]);
                ProgramKind::Anomaly(Vigilance {
                    every_ms: i64::from(every_s) * 1000,
                    learn_ms: i64::from(learn_days) * DAY_MS,
                    at_most_ms: i64::from(at_most_s) * 1000,
                })
            }
            ResolvedCondition::Due { end, steps } => {
                let from = |end: UnixMs, step: DueStep| end.plus_ms(-i64::from(step.days_before) * DAY_MS);
                let steps = end.map(|end| steps.into_iter().map(|step| (from(end, step), step)).collect());
                ProgramKind::Due { steps: steps.unwrap_or_default() }
            }
            ResolvedCondition::Expression(expression) => {
                let all = append(expression.metrics().iter().cloned().map(untested).collect());
                ProgramKind::Expression { expression, all }
            }
            ResolvedCondition::Stale { metrics } => {
                let stale_after =
                    metrics.iter().map(|name| profile.metric(name).map_or(0, |metric| metric.stale_after_s));
                let after_ms = stale_after.map(|seconds| seconds.saturating_mul(1000)).collect();
                append(metrics.into_iter().map(untested).collect());
                ProgramKind::Stale { after_ms, levels }
            }
            ResolvedCondition::Offline => ProgramKind::Offline { levels },
        };
        let only_while = append(resolved.only_while);
        let suppressed_while = append(resolved.suppressed_while);
        let mut minus = Vec::new();
        if !minuends.is_empty() {
            minus.resize(metrics.len(), None);
            for (place, metric) in minuends {
                minus[place] = Some(metrics.len());
                metrics.push(metric);
                tests.push(Test::Unknown);
            }
        }
        Self {
            minus: minus.into(),
            only_between: resolved.only_between,
            metrics: metrics.into(),
            only_while,
            suppressed_while,
            tests: tests.into(),
            kind,
            on_delay_ms: milliseconds(resolved.on_delay_s),
            off_delay_ms: milliseconds(resolved.off_delay_s),
        }
    }
}
