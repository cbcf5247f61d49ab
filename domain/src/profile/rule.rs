//! A rule: a condition over the readings or the link of one device, and what to make of it.

use serde::{Deserialize, Serialize};

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
    /// It is judged only while each of these holds or is unknown; empty: always.
    pub only_while: Vec<Comparison>,
    /// 设计抑制: while one of these is known to hold, it is judged and recorded but calls nobody; empty: never.
    pub suppressed_while: Vec<Comparison>,
    /// Whether its alarm stays until somebody resets it: a safety device that has acted does not heal by itself.
    pub is_latching: bool,
    /// The condition must hold so long, in seconds.
    pub on_delay_s: Setting,
    /// The condition must be gone so long, in seconds.
    pub off_delay_s: f64,
    /// Where the rule and its number come from.
    pub source: Source,
    /// 处置建议: what the duty officer does first.
    pub guidance: Text,
}

impl Rule {
    /// Every number of this rule that a nameplate may give.
    pub fn settings(&self) -> Vec<&Setting> {
        let mut settings = vec![&self.on_delay_s];
        match &self.condition {
            Condition::Limit { bound, .. } => match bound {
                Bound::Above(limit) | Bound::AtLeast(limit) | Bound::Below(limit) => settings.push(limit),
                Bound::Outside(low, high) => settings.extend([low, high]),
            },
            Condition::Combination { any, held_until } => {
                let comparisons = any.iter().flat_map(|alternative| &alternative.all).chain(held_until);
                settings.extend(comparisons.filter_map(Comparison::setting));
            }
            Condition::State { .. } | Condition::Stale { .. } | Condition::Offline => {}
        }
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

    /// `limit`, `state`, `combination`, `stale` or `offline`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Limit { .. } => "limit",
            Self::State { .. } => "state",
            Self::Combination { .. } => "combination",
            Self::Stale { .. } => "stale",
            Self::Offline => "offline",
        }
    }

    /// The metric it watches first; None: the device's link.
    pub fn metric(&self) -> Option<&MetricName> {
        match self {
            Self::Limit { metric, .. } | Self::State { metric, .. } => Some(metric),
            Self::Combination { any, .. } => any.first()?.all.first().map(|comparison| &comparison.metric),
            Self::Stale { metrics } => metrics.first(),
            Self::Offline => None,
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
}

/// One way in which a combination can come about: all comparisons at the same time, for so long.
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    /// All of these hold; one over a metric that was never read does not.
    pub all: Vec<Comparison>,
    /// They hold together so long, in seconds, on top of the rule's on-delay.
    pub for_s: f64,
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
            Expectation::Above(setting) | Expectation::Below(setting) => Some(setting),
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
