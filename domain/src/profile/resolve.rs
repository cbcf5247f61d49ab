//! A rule as it applies to one device: nameplate numbers in place of defaults, limits ready to compare.

use std::collections::BTreeMap;

use super::{
    due::end_of_day,
    expression::Expression,
    hours::Daily,
    rule::{Bound, Comparison, Condition, DueStep, Expectation, Level, Rule, Setting, Worsening},
};
use crate::{alarm::Severity, id::MetricName, reading::Value, time::UnixMs};

/// A rule with the numbers of one device.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedRule {
    /// Of a limit rule: raised above this value, or at it.
    pub above: Option<f64>,
    /// Of a limit rule: raised below this value.
    pub below: Option<f64>,
    /// The condition must hold so long, in seconds.
    pub on_delay_s: f64,
    /// The condition must be gone so long, in seconds.
    pub off_delay_s: f64,
    /// When it applies.
    pub condition: ResolvedCondition,
    /// It is judged only at these hours; None: at all.
    pub only_between: Option<Daily>,
    /// It is judged only while each of these holds or is unknown.
    pub only_while: Vec<ResolvedComparison>,
    /// While one of these is known to hold, its alarm calls nobody.
    pub suppressed_while: Vec<ResolvedComparison>,
    /// How it grows worse while nobody is heard.
    pub worsens: Vec<Worsening>,
}

/// A condition with the numbers of one device. Limits and states are combinations with one alternative.
#[derive(Debug, Clone, PartialEq)]
pub enum ResolvedCondition {
    /// Something about the device's values.
    Values {
        /// The ways in which it can come about.
        any: Vec<ResolvedAlternative>,
        /// Does not return while one of these is known not to hold.
        held_until: Vec<ResolvedComparison>,
    },
    /// A quantity moves by more than `low` to `high` a minute.
    Rate {
        /// Which quantity.
        metric: MetricName,
        /// Looked at over so long, in seconds.
        over_s: f64,
        /// Change a minute; [`Test::Unknown`] when the nameplate lacks the number.
        test: Test,
    },
    /// A quantity stands still.
    Stuck {
        /// Which quantity.
        metric: MetricName,
        /// For so long, in seconds; None: the nameplate lacks the number.
        after_s: Option<f64>,
    },
    /// A quantity is unlike its own past.
    Anomaly {
        /// Which quantity.
        metric: MetricName,
        /// Means over so long, in seconds.
        every_s: u32,
        /// Nothing is strange for so many days.
        learn_days: u32,
        /// Strange at most for so long, in seconds.
        at_most_s: u32,
    },
    /// A date comes near, or has passed.
    Due {
        /// The end of the last day; None: the nameplate names no day.
        end: Option<UnixMs>,
        /// As the rule lists them.
        steps: Vec<DueStep>,
    },
    /// An expression is true.
    Expression(Expression),
    /// No usable reading of any of these for its `stale_after_s`.
    Stale {
        /// Which metrics.
        metrics: Vec<MetricName>,
    },
    /// Nobody speaks for the device.
    Offline,
}

/// All comparisons at the same time, for so long.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedAlternative {
    /// All of these hold.
    pub all: Vec<ResolvedComparison>,
    /// For so long, in seconds, the rule's on-delay included.
    pub for_s: f64,
    /// How bad that is.
    pub severity: Severity,
}

/// A test of one metric's latest usable value.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedComparison {
    /// Which metric.
    pub metric: MetricName,
    /// What is taken off it before the test; None: nothing.
    pub minus: Option<MetricName>,
    /// The test.
    pub test: Test,
}

/// A test of a value, with hysteresis: once it holds it goes on until the value is inside by the deadband.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// Below `low` or above `high`.
    Outside {
        /// −∞ when only the upper end counts.
        low: f64,
        /// +∞ when only the lower end counts.
        high: f64,
        /// In the value's unit.
        deadband: f64,
    },
    /// At `limit` or above it.
    AtLeast {
        /// The set point.
        limit: f64,
        /// In the value's unit.
        deadband: f64,
    },
    /// One of these.
    Is(Vec<Value>),
    /// None of these.
    IsNot(Vec<Value>),
    /// The nameplate lacks a number without which nothing can be said.
    Unknown,
}

impl Setting {
    /// The number that applies to a device with this nameplate; None: nothing can be judged.
    pub fn resolve(&self, nameplate: &BTreeMap<String, f64>) -> Option<f64> {
        let stated = self.nameplate.as_ref().and_then(|key| nameplate.get(key));
        stated.filter(|number| number.is_finite()).map(|number| number * self.factor).or(self.default)
    }
}

impl Rule {
    /// This rule as it applies to a device with this nameplate.
    pub fn resolve(&self, nameplate: &BTreeMap<String, f64>) -> ResolvedRule {
        let on_delay_s = self.on_delay_s.resolve(nameplate).unwrap_or(0.0).max(0.0);
        let (mut above, mut below) = (None, None);
        let condition = match &self.condition {
            Condition::Limit { metric, bound, deadband } => {
                (below, above) = bound.ends(nameplate);
                let test = bound.test(*deadband, nameplate);
                self.one(ResolvedComparison { metric: metric.clone(), minus: None, test }, on_delay_s)
            }
            Condition::Levels { metric, levels, deadband } => {
                let ends: Vec<_> = levels.iter().map(|level| level.bound.ends(nameplate)).collect();
                above = ends.iter().filter_map(|(_, high)| *high).reduce(f64::min);
                below = ends.iter().filter_map(|(low, _)| *low).reduce(f64::max);
                let alternative = |level: &Level| {
                    let level_s = level.for_s.resolve(nameplate).unwrap_or(0.0).max(0.0);
                    let test = level.bound.test(*deadband, nameplate);
                    let all = vec![ResolvedComparison { metric: metric.clone(), minus: None, test }];
                    ResolvedAlternative { all, for_s: level_s + on_delay_s, severity: level.severity }
                };
                let any = levels.iter().map(alternative).collect();
                ResolvedCondition::Values { any, held_until: Vec::new() }
            }
            Condition::Deviation { metric, from, by, deadband } => {
                let (low, high) = either_way(by.resolve(nameplate));
                let test = outside(low, high, *deadband);
                self.one(ResolvedComparison { metric: metric.clone(), minus: Some(from.clone()), test }, on_delay_s)
            }
            Condition::Rate { metric, over_s, rise, fall } => {
                let resolve = |setting: &Option<Setting>| setting.as_ref().and_then(|it| it.resolve(nameplate));
                let test = outside(resolve(fall).map(|fall| -fall), resolve(rise), 0.0);
                ResolvedCondition::Rate { metric: metric.clone(), over_s: *over_s, test }
            }
            Condition::Stuck { metric, after_s } => {
                ResolvedCondition::Stuck { metric: metric.clone(), after_s: after_s.resolve(nameplate) }
            }
            Condition::Anomaly { metric, every_s, learn_days, at_most_s } => ResolvedCondition::Anomaly {
                metric: metric.clone(),
                every_s: *every_s,
                learn_days: *learn_days,
                at_most_s: *at_most_s,
            },
            Condition::Due { date, steps } => {
                let end = date.resolve(nameplate).and_then(end_of_day);
                ResolvedCondition::Due { end, steps: steps.clone() }
            }
            Condition::Expression(expression) => ResolvedCondition::Expression(expression.clone()),
            Condition::State { metric, is } => {
                let test = Test::Is(is.clone());
                self.one(ResolvedComparison { metric: metric.clone(), minus: None, test }, on_delay_s)
            }
            Condition::Combination { any, held_until } => ResolvedCondition::Values {
                any: any
                    .iter()
                    .map(|alternative| ResolvedAlternative {
                        all: compare(&alternative.all, nameplate),
                        for_s: alternative.for_s + on_delay_s,
                        severity: alternative.severity.unwrap_or(self.severity),
                    })
                    .collect(),
                held_until: compare(held_until, nameplate),
            },
            Condition::Stale { metrics } => ResolvedCondition::Stale { metrics: metrics.clone() },
            Condition::Offline => ResolvedCondition::Offline,
        };
        let only_while = compare(&self.only_while, nameplate);
        let suppressed_while = compare(&self.suppressed_while, nameplate);
        let only_between = self
            .only_between
            .as_ref()
            .and_then(|hours| Some(Daily::new(hours.from_h.resolve(nameplate)?, hours.to_h.resolve(nameplate)?)))
            .filter(|hours| !hours.is_all_day());
        ResolvedRule {
            above,
            below,
            on_delay_s,
            off_delay_s: self.off_delay_s,
            condition,
            only_between,
            only_while,
            suppressed_while,
            worsens: self.worsens.clone(),
        }
    }

    fn one(&self, comparison: ResolvedComparison, for_s: f64) -> ResolvedCondition {
        ResolvedCondition::Values {
            any: vec![ResolvedAlternative { all: vec![comparison], for_s, severity: self.severity }],
            held_until: Vec::new(),
        }
    }
}

impl Bound {
    fn test(&self, deadband: f64, nameplate: &BTreeMap<String, f64>) -> Test {
        match (self, self.ends(nameplate)) {
            (Self::AtLeast(_), (_, Some(limit))) => Test::AtLeast { limit, deadband },
            (_, (low, high)) => outside(low, high, deadband),
        }
    }

    /// Below and above what it is an alarm; None: there is no such end, or the nameplate lacks it.
    fn ends(&self, nameplate: &BTreeMap<String, f64>) -> (Option<f64>, Option<f64>) {
        match self {
            Self::Above(high) | Self::AtLeast(high) => (None, high.resolve(nameplate)),
            Self::Below(low) => (low.resolve(nameplate), None),
            Self::Outside(low, high) => (low.resolve(nameplate), high.resolve(nameplate)),
            Self::Beyond(limit) => either_way(limit.resolve(nameplate)),
        }
    }
}

/// As far from zero one way as the other.
fn either_way(limit: Option<f64>) -> (Option<f64>, Option<f64>) {
    (limit.map(|limit| -limit), limit)
}

fn outside(low: Option<f64>, high: Option<f64>, deadband: f64) -> Test {
    if low.is_none() && high.is_none() {
        return Test::Unknown;
    }
    Test::Outside { low: low.unwrap_or(f64::NEG_INFINITY), high: high.unwrap_or(f64::INFINITY), deadband }
}

fn compare(comparisons: &[Comparison], nameplate: &BTreeMap<String, f64>) -> Vec<ResolvedComparison> {
    comparisons
        .iter()
        .map(|comparison| {
            let test = match &comparison.must_be {
                Expectation::Above(high) => outside(None, high.resolve(nameplate), 0.0),
                Expectation::Below(low) => outside(low.resolve(nameplate), None, 0.0),
                Expectation::Beyond(limit) => {
                    let (low, high) = either_way(limit.resolve(nameplate));
                    outside(low, high, 0.0)
                }
                Expectation::Is(values) => Test::Is(values.clone()),
                Expectation::IsNot(values) => Test::IsNot(values.clone()),
            };
            ResolvedComparison { metric: comparison.metric.clone(), minus: None, test }
        })
        .collect()
}

impl Test {
    /// Whether the value passes; None: it cannot be said. `was_held` is whether the test held before.
    pub fn holds(&self, value: &Value, was_held: bool) -> Option<bool> {
        match self {
            Self::Outside { low, high, deadband } => {
                let number = value.as_f64().filter(|number| number.is_finite())?;
                let inside = if was_held { *deadband } else { 0.0 };
                Some(number > high - inside || number < low + inside)
            }
            Self::AtLeast { limit, deadband } => {
                let number = value.as_f64().filter(|number| number.is_finite())?;
                // At the limit itself it goes on, also without a deadband: looking twice at one value changes nothing.
                Some(number >= *limit || was_held && number > limit - deadband)
            }
            Self::Is(values) => Some(values.iter().any(|listed| is_same(listed, value))),
            Self::IsNot(values) => Some(!values.iter().any(|listed| is_same(listed, value))),
            Self::Unknown => None,
        }
    }
}

/// Whether two values mean the same: numbers and flags by their number, so that `1`, `1.0` and `true` agree, since
/// equipment encodes a switch in any of these ways.
#[expect(clippy::float_cmp, reason = "state codes are small whole numbers, exact in f64")]
fn is_same(listed: &Value, value: &Value) -> bool {
    match (listed.as_f64(), value.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => listed == value,
    }
}
