//! What a kind of device measures, and the rules that watch it.
//!
//! A profile is data (`config/profiles/*.toml`), never code: a new kind of device is a new file. Every rule names the
//! document its number comes from and how far that was checked; [`Rule::resolve`] puts a device's nameplate in place of
//! the defaults.

mod due;
mod expression;
mod gap;
mod hours;
mod parse;
mod quality;
mod resolve;
mod rule;
mod signal;
#[cfg(test)]
mod tests;
pub(crate) mod wording;
mod words;

use std::collections::BTreeSet;

pub use due::end_of_day;
pub use expression::Expression;
use foldhash::HashMap;
pub use gap::Gap;
pub use hours::Daily;
pub use parse::ProfileError;
pub use resolve::{ResolvedAlternative, ResolvedComparison, ResolvedCondition, ResolvedRule, Test};
pub use rule::{
    Alternative, Bound, Comparison, Condition, Confidence, DueStep, Expectation, Hours, Level, Rule, Setting, Source,
    Worsening,
};
use serde::Deserialize;
pub use signal::Signal;
pub use words::{Limit, RuleWords, Side, Way};

use crate::{
    id::{MetricName, ProfileId, RuleId},
    text::Text,
};

/// One kind of device.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Its id, such as `cold_store`.
    pub id: ProfileId,
    /// What people call it.
    pub title: Text,
    /// One of [`CATEGORIES`]: picks the icon.
    pub category: String,
    /// Its readings are kept for so many days; None: as long as those of most.
    pub retention_days: Option<u32>,
    /// What it measures, in the order to show.
    pub metrics: Vec<Metric>,
    /// The rules that watch it.
    pub rules: Vec<Rule>,
}

/// The categories a profile may have.
pub const CATEGORIES: [&str; 8] = ["kitchen", "elevator", "boiler", "gas", "ride", "vessel", "crane", "edge"];

/// What one metric of a profile is.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Its name, such as `cold_store.temperature`.
    pub name: MetricName,
    /// What people call it.
    pub title: Text,
    /// Unit such as `°C`; empty: none.
    pub unit: String,
    /// Digits after the decimal point worth showing.
    pub decimals: u8,
    /// What kind of signal it is; None: rules over it give all their numbers.
    pub signal: Option<Signal>,
    /// What an instrument for it measures over; None: nothing is reckoned from that.
    pub range: Option<Range>,
    /// What the equipment can physically do; a number outside is a broken sensor. None: anything.
    pub plausible: Option<Range>,
    /// Words for state codes; empty: a plain value.
    pub states: Vec<StateName>,
    /// How often a healthy source reports it at the latest, in seconds.
    pub report_interval_s: u64,
    /// A value older than this many seconds is stale.
    pub stale_after_s: u64,
}

/// A closed range of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// Smallest, inclusive.
    pub min: f64,
    /// Largest, inclusive.
    pub max: f64,
}

/// A word for a state code.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateName {
    /// The code; 0 and 1 stand for flags.
    pub code: i64,
    /// 中文.
    pub zh: String,
    /// English.
    pub en: String,
}

impl Profile {
    /// The metric of this name.
    pub fn metric(&self, name: &MetricName) -> Option<&Metric> {
        self.metrics.iter().find(|metric| metric.name == *name)
    }

    /// Whether it is something on paper, such as a licence: it measures nothing, nobody speaks for it, and the dates on its
    /// nameplate are all that is watched.
    pub fn is_on_file(&self) -> bool {
        self.metrics.is_empty() && self.rules.iter().all(|rule| matches!(rule.condition, Condition::Due { .. }))
    }

    /// Reads one rule of this kind of device from TOML: what stands in a profile's file under `[[rules]]`, without
    /// that heading.
    ///
    /// # Errors
    /// [`ProfileError`] names the line, what is wrong there and what would be right.
    pub fn parse_rule(&self, text: &str) -> Result<Rule, ProfileError> {
        parse::parse_rule(self, text)
    }

    /// Within how many seconds the silence of such a device is noticed by its readings alone: the shortest `stale_after_s`
    /// that a rule of it watches; None: no rule does.
    pub fn silence_noticed_s(&self) -> Option<u64> {
        let metrics = self.rules.iter().filter_map(|rule| match &rule.condition {
            Condition::Stale { metrics } => Some(metrics),
            _ => None,
        });
        metrics.flatten().filter_map(|metric| self.metric(metric)).map(|metric| metric.stale_after_s).min()
    }

    /// The nameplate keys that its rules look at, sorted.
    pub fn nameplate_keys(&self) -> BTreeSet<&str> {
        Self::keys_of(&self.rules)
    }

    /// The nameplate keys that these rules look at, sorted.
    pub(crate) fn keys_of<'r>(rules: impl IntoIterator<Item = &'r Rule>) -> BTreeSet<&'r str> {
        let settings = rules.into_iter().flat_map(Rule::settings);
        settings.filter_map(|setting| setting.nameplate.as_deref()).collect()
    }

    /// The rule of this id.
    pub fn rule(&self, id: &RuleId) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == *id)
    }
}

/// All profiles of a gateway.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Profiles {
    /// Sorted by id.
    rows: Vec<Profile>,
    index: HashMap<ProfileId, usize>,
    metric_index: HashMap<ProfileId, HashMap<MetricName, usize>>,
}

impl Profiles {
    /// Reads profiles from TOML documents, each given with the name of its file.
    ///
    /// # Errors
    /// [`ProfileError`] names the file, the line, what is wrong there and what would be right.
    pub fn parse(files: impl IntoIterator<Item = (String, String)>) -> Result<Self, ProfileError> {
        parse::parse(files)
    }

    /// From profiles that were checked, each with an id of its own.
    pub(crate) fn new(mut profiles: Vec<Profile>) -> Self {
        profiles.sort_by(|a, b| a.id.cmp(&b.id));
        let index = profiles.iter().enumerate().map(|(at, profile)| (profile.id.clone(), at)).collect();
        let metric_index = profiles
            .iter()
            .map(|profile| {
                let names = profile.metrics.iter().enumerate().map(|(at, metric)| (metric.name.clone(), at)).collect();
                (profile.id.clone(), names)
            })
            .collect();
        Self { rows: profiles, index, metric_index }
    }

    /// The profile of this id.
    pub fn get(&self, id: &ProfileId) -> Option<&Profile> {
        self.index.get(id).map(|&at| &self.rows[at])
    }

    /// Whether devices of this kind are [on file](Profile::is_on_file); an unknown kind is not.
    pub fn are_on_file(&self, id: &ProfileId) -> bool {
        self.get(id).is_some_and(Profile::is_on_file)
    }

    /// The profile of this id and its place among all.
    pub(crate) fn position(&self, id: &ProfileId) -> Option<(usize, &Profile)> {
        self.index.get(id).map(|&at| (at, &self.rows[at]))
    }

    /// The profile at a place, and one of its rules.
    pub(crate) fn rule_at(&self, (profile, rule): (usize, usize)) -> (&Profile, &Rule) {
        (&self.rows[profile], &self.rows[profile].rules[rule])
    }

    /// What `profile` says about `metric`; None: nothing.
    pub fn metric(&self, profile: &ProfileId, metric: &MetricName) -> Option<&Metric> {
        let at = *self.metric_index.get(profile)?.get(metric)?;
        self.get(profile)?.metrics.get(at)
    }

    /// Numbers the wordings of the rules; None leaves one uncounted.
    pub fn number_versions(&mut self, version_of: impl Fn(&ProfileId, &Rule) -> Option<u32>) {
        for profile in &mut self.rows {
            for rule in &mut profile.rules {
                rule.version = version_of(&profile.id, rule);
            }
        }
    }

    /// All profiles, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Profile> {
        self.rows.iter()
    }
}
