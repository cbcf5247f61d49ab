//! A rule as it applies to one device: nameplate numbers in place of defaults, limits ready to compare.

use std::collections::BTreeMap;

use super::rule::{Bound, Comparison, Condition, Expectation, Rule, Setting};
use crate::{id::MetricName, reading::Value};

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
    /// It is judged only while each of these holds or is unknown.
    pub only_while: Vec<ResolvedComparison>,
    /// While one of these is known to hold, its alarm calls nobody.
    pub suppressed_while: Vec<ResolvedComparison>,
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
}

/// A test of one metric's latest usable value.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedComparison {
    /// Which metric.
    pub metric: MetricName,
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
                (below, above) = match bound {
                    Bound::Above(high) | Bound::AtLeast(high) => (None, high.resolve(nameplate)),
                    Bound::Below(low) => (low.resolve(nameplate), None),
                    Bound::Outside(low, high) => (low.resolve(nameplate), high.resolve(nameplate)),
                };
                let test = match (bound, above) {
                    (Bound::AtLeast(_), Some(limit)) => Test::AtLeast { limit, deadband: *deadband },
                    _ => outside(below, above, *deadband),
                };
                one(ResolvedComparison { metric: metric.clone(), test }, on_delay_s)
            }
            Condition::State { metric, is } => {
                one(ResolvedComparison { metric: metric.clone(), test: Test::Is(is.clone()) }, on_delay_s)
            }
            Condition::Combination { any, held_until } => ResolvedCondition::Values {
                any: any
                    .iter()
                    .map(|alternative| ResolvedAlternative {
                        all: compare(&alternative.all, nameplate),
                        for_s: alternative.for_s + on_delay_s,
                    })
                    .collect(),
                held_until: compare(held_until, nameplate),
            },
            Condition::Stale { metrics } => ResolvedCondition::Stale { metrics: metrics.clone() },
            Condition::Offline => ResolvedCondition::Offline,
        };
        let only_while = compare(&self.only_while, nameplate);
        let suppressed_while = compare(&self.suppressed_while, nameplate);
        let off_delay_s = self.off_delay_s;
        ResolvedRule { above, below, on_delay_s, off_delay_s, condition, only_while, suppressed_while }
    }
}

fn one(comparison: ResolvedComparison, for_s: f64) -> ResolvedCondition {
    ResolvedCondition::Values {
        any: vec![ResolvedAlternative { all: vec![comparison], for_s }],
        held_until: Vec::new(),
    }
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
                Expectation::Is(values) => Test::Is(values.clone()),
                Expectation::IsNot(values) => Test::IsNot(values.clone()),
            };
            ResolvedComparison { metric: comparison.metric.clone(), test }
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
                Some(if was_held { number > limit - deadband } else { number >= *limit })
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
