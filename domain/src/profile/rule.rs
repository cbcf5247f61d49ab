//! A rule: a condition over the readings or the link of one device, and what to make of it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::expression::Expression;
use crate::{
    alarm::Severity,
    id::{MetricName, RuleId},
    reading::Value,
    text::Text,
};

/// One rule of a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its id within the profile, such as `FR-01`.
    pub id: RuleId,
    /// What people call the alarm.
    pub title: Text,
    /// How bad it is.
    pub severity: Severity,
    /// When it applies.
    pub condition: Condition,
    /// It is judged only at these hours; None: at all hours.
    pub only_between: Option<Hours>,
    /// It is judged only while each of these holds or is unknown; empty: always.
    pub only_while: Vec<Comparison>,
    /// 设计抑制: while one of these is known to hold, it is judged and recorded but calls nobody; empty: never.
    pub suppressed_while: Vec<Comparison>,
    /// Whether its alarm stays until somebody resets it: a safety device that has acted does not heal by itself.
    pub is_latching: bool,
    /// How it grows worse while nobody is heard: of rules about the link and about missing readings. At most
    /// [`Condition::MAX_ALTERNATIVES`] with the severity that it begins with, later and worse one after another.
    pub worsens: Vec<Worsening>,
    /// The condition must hold so long, in seconds.
    pub on_delay_s: Setting,
    /// The condition must be gone so long, in seconds.
    pub off_delay_s: f64,
    /// Where the rule and its number come from.
    pub source: Source,
    /// 处置建议: what the duty officer does first.
    pub guidance: Text,
    /// As it stands in its profile's file, without the heading.
    pub definition: String,
    /// Which wording of it this is, from 1; None: nobody has counted yet.
    pub version: Option<u32>,
}

impl Rule {
    /// Every metric that it looks at, each once.
    pub fn metrics(&self) -> BTreeSet<MetricName> {
        let compared = |comparisons: &[Comparison]| -> Vec<MetricName> {
            comparisons.iter().map(|comparison| comparison.metric.clone()).collect()
        };
        let mut metrics: BTreeSet<MetricName> = match &self.condition {
            Condition::Limit { metric, .. }
            | Condition::Levels { metric, .. }
            | Condition::Rate { metric, .. }
            | Condition::Stuck { metric, .. }
            | Condition::Anomaly { metric, .. }
            | Condition::State { metric, .. } => [metric.clone()].into(),
            Condition::Deviation { metric, from, .. } => [metric.clone(), from.clone()].into(),
            Condition::Expression(expression) => expression.metrics().iter().cloned().collect(),
            Condition::Combination { any, held_until } => {
                any.iter().flat_map(|way| compared(&way.all)).chain(compared(held_until)).collect()
            }
            Condition::Stale { metrics } => metrics.iter().cloned().collect(),
            Condition::Due { .. } | Condition::Offline => BTreeSet::new(),
        };
        metrics.extend(compared(&self.only_while));
        metrics.extend(compared(&self.suppressed_while));
        metrics
    }

    /// Every number of this rule that a nameplate may give.
    pub fn settings(&self) -> Vec<&Setting> {
        let mut settings = vec![&self.on_delay_s];
        match &self.condition {
            Condition::Limit { bound, .. } => settings.extend(bound.settings()),
            Condition::Levels { levels, .. } => settings.extend(levels.iter().flat_map(Level::settings)),
            Condition::Deviation { by, .. } => settings.push(by),
            Condition::Rate { rise, fall, .. } => settings.extend([rise, fall].into_iter().flatten()),
            Condition::Stuck { after_s, .. } => settings.push(after_s),
            Condition::Due { date, .. } => settings.push(date),
            Condition::Combination { any, held_until } => {
                let comparisons = any.iter().flat_map(|alternative| &alternative.all).chain(held_until);
                settings.extend(comparisons.filter_map(Comparison::setting));
            }
            Condition::Anomaly { .. }
            | Condition::State { .. }
            | Condition::Expression(_)
            | Condition::Stale { .. }
            | Condition::Offline => {}
        }
        settings.extend(self.only_between.iter().flat_map(|hours| [&hours.from_h, &hours.to_h]));
        let states = self.only_while.iter().chain(&self.suppressed_while);
        settings.extend(states.filter_map(Comparison::setting));
        settings
    }
}

/// When a rule applies.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// A quantity is beyond a limit.
    Limit {
        /// Which quantity.
        metric: MetricName,
        /// Beyond what.
        bound: Bound,
        /// How far it must come back inside before the condition is gone, in the metric's unit.
        deadband: f64,
    },
    /// A quantity is beyond one of several limits, each with a severity and a delay of its own: one alarm, which rises
    /// and falls with them.
    Levels {
        /// Which quantity.
        metric: MetricName,
        /// At most [`Condition::MAX_ALTERNATIVES`].
        levels: Vec<Level>,
        /// How far it must come back inside a level before that is gone, in the metric's unit.
        deadband: f64,
    },
    /// Two quantities that should agree do not.
    Deviation {
        /// Which quantity.
        metric: MetricName,
        /// From which other.
        from: MetricName,
        /// By more than this, in their unit, either way.
        by: Setting,
        /// How far they must come together again before the condition is gone.
        deadband: f64,
    },
    /// A quantity moves too fast.
    Rate {
        /// Which quantity.
        metric: MetricName,
        /// Looked at over so long, in seconds: between half of it and the whole.
        over_s: f64,
        /// More than this upwards, in the metric's unit per minute; None: upwards is no matter.
        rise: Option<Setting>,
        /// More than this downwards, a positive number; None: downwards is no matter.
        fall: Option<Setting>,
    },
    /// A quantity that should move stands still although readings come: a sensor that froze.
    Stuck {
        /// Which quantity.
        metric: MetricName,
        /// The same value for so long, in seconds.
        after_s: Setting,
    },
    /// A quantity is unlike its own past: what this hour usually is, the level of the last weeks, the readings before.
    Anomaly {
        /// Which quantity.
        metric: MetricName,
        /// Looked at as means over so long, in seconds.
        every_s: u32,
        /// Nothing is called strange for so many days after the first reading.
        learn_days: u32,
        /// What is strange is so at most for this long, in seconds: after that it is what this device now is.
        at_most_s: u32,
    },
    /// A certificate of the device runs out soon, or has run out.
    Due {
        /// The nameplate's key that holds its last day, such as 20270630.
        date: Setting,
        /// At most [`Condition::MAX_ALTERNATIVES`].
        steps: Vec<DueStep>,
    },
    /// An expression over the device's metrics is true.
    Expression(Expression),
    /// A state is one of these.
    State {
        /// Which state.
        metric: MetricName,
        /// The values that are an alarm.
        is: Vec<Value>,
    },
    /// Any of several combinations of states and quantities of the device holds.
    Combination {
        /// At most [`Condition::MAX_ALTERNATIVES`].
        any: Vec<Alternative>,
        /// Once raised, the alarm does not return while one of these is known not to hold.
        held_until: Vec<Comparison>,
    },
    /// A metric has had no usable reading for its `stale_after_s` while the device is online. A metric the device has
    /// never sent is not waited for.
    Stale {
        /// Any of these.
        metrics: Vec<MetricName>,
    },
    /// Nobody speaks for the device.
    Offline,
}

impl Condition {
    /// The most alternatives a combination may have: the engine keeps a clock for each in a fixed place.
    pub const MAX_ALTERNATIVES: usize = 4;

    /// The word that the profile's file uses.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Limit { .. } => "limit",
            Self::Levels { .. } => "levels",
            Self::Deviation { .. } => "deviation",
            Self::Rate { .. } => "rate",
            Self::Stuck { .. } => "stuck",
            Self::Anomaly { .. } => "anomaly",
            Self::Due { .. } => "due",
            Self::Expression(_) => "expression",
            Self::State { .. } => "state",
            Self::Combination { .. } => "combination",
            Self::Stale { .. } => "stale",
            Self::Offline => "offline",
        }
    }

    /// The metric it watches first; None: the device's link.
    pub fn metric(&self) -> Option<&MetricName> {
        match self {
            Self::Limit { metric, .. }
            | Self::Levels { metric, .. }
            | Self::Deviation { metric, .. }
            | Self::Rate { metric, .. }
            | Self::Stuck { metric, .. }
            | Self::Anomaly { metric, .. }
            | Self::State { metric, .. } => Some(metric),
            Self::Expression(expression) => expression.metrics().first(),
            Self::Combination { any, .. } => any.first()?.all.first().map(|comparison| &comparison.metric),
            Self::Stale { metrics } => metrics.first(),
            Self::Due { .. } | Self::Offline => None,
        }
    }
}

/// The inside or the outside of a limit.
#[derive(Debug, Clone, PartialEq)]
pub enum Bound {
    /// Alarm above this.
    Above(Setting),
    /// Alarm at this and above: set points of detectors are meant so.
    AtLeast(Setting),
    /// Alarm below this.
    Below(Setting),
    /// Alarm below the first or above the second.
    Outside(Setting, Setting),
    /// Alarm further than this from zero, either way: for what has a direction in its sign.
    Beyond(Setting),
}

/// How bad it is that a certificate runs out so soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DueStep {
    /// So many days before the end of the last day; 0: run out.
    pub days_before: u32,
    /// How bad that is.
    pub severity: Severity,
}

/// How bad it is after it has lasted.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worsening {
    /// For so long, in seconds.
    pub after_s: f64,
    /// How bad that is.
    pub severity: Severity,
}

impl Bound {
    /// Its numbers.
    fn settings(&self) -> Vec<&Setting> {
        match self {
            Self::Above(limit) | Self::AtLeast(limit) | Self::Below(limit) | Self::Beyond(limit) => vec![limit],
            Self::Outside(low, high) => vec![low, high],
        }
    }
}

/// One of several limits of a quantity.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// Beyond what.
    pub bound: Bound,
    /// How bad that is.
    pub severity: Severity,
    /// For so long, in seconds, on top of the rule's on-delay.
    pub for_s: Setting,
}

impl Level {
    /// Its numbers.
    fn settings(&self) -> Vec<&Setting> {
        let mut settings = self.bound.settings();
        settings.push(&self.for_s);
        settings
    }
}

/// Hours of the day, Beijing time, in which a rule is judged; `from` after `to` spans midnight.
#[derive(Debug, Clone, PartialEq)]
pub struct Hours {
    /// From this hour on; 22.5 is half past ten in the evening.
    pub from_h: Setting,
    /// Until this hour.
    pub to_h: Setting,
}

/// One way in which a combination can come about: all comparisons at the same time, for so long.
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    /// All of these hold; one over a metric that was never read does not.
    pub all: Vec<Comparison>,
    /// They hold together so long, in seconds, on top of the rule's on-delay.
    pub for_s: f64,
    /// How bad that is; None: as bad as the rule says.
    pub severity: Option<Severity>,
}

/// A test of one metric's latest usable value.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Which metric of the same device.
    pub metric: MetricName,
    /// The test.
    pub must_be: Expectation,
}

impl Comparison {
    /// The number it compares with; None: it compares states.
    const fn setting(&self) -> Option<&Setting> {
        match &self.must_be {
            Expectation::Above(setting) | Expectation::Below(setting) | Expectation::Beyond(setting) => Some(setting),
            Expectation::Is(_) | Expectation::IsNot(_) => None,
        }
    }
}

/// What a comparison expects.
#[derive(Debug, Clone, PartialEq)]
pub enum Expectation {
    /// A number above this.
    Above(Setting),
    /// A number below this.
    Below(Setting),
    /// A number further than this from zero, either way.
    Beyond(Setting),
    /// One of these.
    Is(Vec<Value>),
    /// None of these.
    IsNot(Vec<Value>),
}

/// A number of a rule that a device's nameplate may give.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// What applies when the nameplate says nothing; None: then nothing can be judged.
    pub default: Option<f64>,
    /// The nameplate's key; None: the default applies to every device.
    pub nameplate: Option<String>,
    /// What the nameplate's number is multiplied by.
    pub factor: f64,
}

/// Where a rule and its number come from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Document and clause, such as `GB 31654-2021`; for a proposal, what it rests on.
    pub citation: String,
    /// The edition that was used; None: the citation says it, or there is none.
    pub edition: Option<String>,
    /// How far it was checked.
    pub confidence: Confidence,
}

/// How far a rule's source was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Read in the document itself. Only such a rule may be called regulation.
    Verified,
    /// Said to stand in the document, which was not at hand.
    Unverified,
    /// Our engineering choice.
    Proposal,
}

impl Confidence {
    /// `verified`, `unverified` or `proposal`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Unverified => "unverified",
            Self::Proposal => "proposal",
        }
    }
}
