//! Profiles from TOML: what the document may say, and the checks that serde cannot make.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, de};
use toml::Spanned;

use super::{
    CATEGORIES, Metric, Profile, Profiles, Range, StateName,
    gap::listed,
    rule::{Alternative, Bound, Comparison, Condition, Expectation, Rule, Setting, Source},
};
use crate::{
    alarm::Severity,
    document::{Document, DocumentError},
    id::{MetricName, ProfileId, RuleId},
    reading::Value,
    text::Text,
};

/// Why profiles were refused.
pub type ProfileError = DocumentError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileTable {
    id: Spanned<ProfileId>,
    title: Text,
    category: Spanned<String>,
    #[serde(default)]
    metrics: Vec<Spanned<MetricTable>>,
    #[serde(default)]
    rules: Vec<Spanned<RuleTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MetricTable {
    name: MetricName,
    title: Text,
    #[serde(default)]
    unit: String,
    #[serde(default)]
    decimals: u8,
    plausible: Option<Range>,
    #[serde(default)]
    states: Vec<StateName>,
    report_interval_s: u64,
    stale_after_s: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleTable {
    id: RuleId,
    title: Text,
    severity: Severity,
    condition: ConditionTable,
    #[serde(default)]
    only_while: Vec<ComparisonTable>,
    #[serde(default)]
    suppressed_while: Vec<ComparisonTable>,
    #[serde(default)]
    is_latching: bool,
    on_delay_s: Setting,
    off_delay_s: f64,
    source: Source,
    guidance: Text,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ConditionTable {
    Limit(LimitTable),
    State(StateTable),
    Combination(CombinationTable),
    Stale(StaleTable),
    Offline,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitTable {
    metric: Spanned<MetricName>,
    above: Option<Setting>,
    at_least: Option<Setting>,
    below: Option<Setting>,
    deadband: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StateTable {
    metric: Spanned<MetricName>,
    is: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CombinationTable {
    any: Vec<AlternativeTable>,
    #[serde(default)]
    held_until: Vec<ComparisonTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AlternativeTable {
    all: Vec<ComparisonTable>,
    #[serde(default)]
    for_s: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StaleTable {
    metrics: Vec<Spanned<MetricName>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ComparisonTable {
    metric: Spanned<MetricName>,
    above: Option<Setting>,
    below: Option<Setting>,
    is: Option<Vec<Value>>,
    is_not: Option<Vec<Value>>,
}

/// `8`, or `{ default = 8, nameplate = "high_limit_c", factor = 1.0 }`.
impl<'de> Deserialize<'de> for Setting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct SettingTable {
            default: Option<f64>,
            nameplate: String,
            factor: Option<f64>,
        }

        struct SettingVisitor;

        impl<'de> de::Visitor<'de> for SettingVisitor {
            type Value = Setting;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a finite number, or a table with `nameplate` and perhaps `default` and `factor`")
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Setting, E> {
                if !number.is_finite() {
                    return Err(E::invalid_value(de::Unexpected::Float(number), &self));
                }
                Ok(Setting { default: Some(number), nameplate: None, factor: 1.0 })
            }

            #[expect(clippy::cast_precision_loss, reason = "limits are small")]
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Setting, E> {
                self.visit_f64(number as f64)
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Setting, A::Error> {
                let table = SettingTable::deserialize(de::value::MapAccessDeserializer::new(map))?;
                let factor = table.factor.unwrap_or(1.0);
                if !factor.is_finite() || table.default.is_some_and(|default| !default.is_finite()) {
                    return Err(de::Error::custom("`default` and `factor` must be finite numbers"));
                }
                Ok(Setting { default: table.default, nameplate: Some(table.nameplate), factor })
            }
        }

        deserializer.deserialize_any(SettingVisitor)
    }
}

pub(super) fn parse(files: impl IntoIterator<Item = (String, String)>) -> Result<Profiles, ProfileError> {
    let mut profiles: Vec<Profile> = Vec::new();
    for (file, text) in files {
        let document = Document { file: &file, text: &text };
        let table: ProfileTable = document.read()?;
        let id_span = table.id.span();
        let profile = Reader { document, metrics: BTreeSet::new() }.profile(table)?;
        if profiles.iter().any(|other| other.id == profile.id) {
            return Err(document.error(id_span, format!("profile `{}` stands in another file already", profile.id)));
        }
        profiles.push(profile);
    }
    Ok(Profiles::new(profiles))
}

/// Turns the tables of one document into a profile.
struct Reader<'a> {
    document: Document<'a>,
    metrics: BTreeSet<MetricName>,
}

impl Reader<'_> {
    fn profile(mut self, table: ProfileTable) -> Result<Profile, ProfileError> {
        if !CATEGORIES.contains(&table.category.get_ref().as_str()) {
            let problem = format!(
                "category `{}` does not exist; there are {}",
                table.category.get_ref(),
                listed(CATEGORIES.into_iter())
            );
            return Err(self.document.error(table.category.span(), problem));
        }
        let metrics = table.metrics.into_iter().map(|metric| self.metric(metric)).collect::<Result<_, _>>()?;
        let mut rules: Vec<Rule> = Vec::new();
        for table in table.rules {
            let span = table.span();
            let rule = self.rule(table)?;
            if rules.iter().any(|other| other.id == rule.id) {
                return Err(self.document.error(span, format!("rule `{}` stands above already", rule.id)));
            }
            rules.push(rule);
        }
        Ok(Profile {
            id: table.id.into_inner(),
            title: table.title,
            category: table.category.into_inner(),
            metrics,
            rules,
        })
    }

    fn metric(&mut self, table: Spanned<MetricTable>) -> Result<Metric, ProfileError> {
        let span = table.span();
        let table = table.into_inner();
        let fail = |problem: String| Err(self.document.error(span.clone(), problem));
        if !self.metrics.insert(table.name.clone()) {
            return fail(format!("metric `{}` stands above already", table.name));
        }
        if table.plausible.is_some_and(|range| range.min.is_nan() || range.max.is_nan() || range.min > range.max) {
            return fail(format!("`plausible` of `{}` must have `min` at most `max`", table.name));
        }
        if table.report_interval_s == 0 || table.stale_after_s < table.report_interval_s {
            return fail(format!(
                "`{}` needs `report_interval_s` of at least 1, and `stale_after_s` of at least that",
                table.name
            ));
        }
        Ok(Metric {
            name: table.name,
            title: table.title,
            unit: table.unit,
            decimals: table.decimals,
            plausible: table.plausible,
            states: table.states,
            report_interval_s: table.report_interval_s,
            stale_after_s: table.stale_after_s,
        })
    }

    fn rule(&self, table: Spanned<RuleTable>) -> Result<Rule, ProfileError> {
        let span = table.span();
        let table = table.into_inner();
        let fail = |problem: String| Err(self.document.error(span.clone(), problem));
        let is_delay = |seconds: f64| seconds.is_finite() && seconds >= 0.0;
        if !table.on_delay_s.default.is_some_and(is_delay) || !is_delay(table.off_delay_s) {
            return fail(format!("rule `{}`: delays are numbers of seconds, 0 or more", table.id));
        }
        if table.source.citation.trim().is_empty() {
            return fail(format!("rule `{}`: `source.citation` must name the document the rule comes from", table.id));
        }
        let is_over_values = !matches!(table.condition, ConditionTable::Stale(_) | ConditionTable::Offline);
        let is_free = table.only_while.is_empty() && table.suppressed_while.is_empty();
        if !(is_over_values || is_free) {
            return fail(format!(
                "rule `{}`: `only_while` and `suppressed_while` go with rules over values; remove them here",
                table.id
            ));
        }
        let condition = match table.condition {
            ConditionTable::Limit(limit) => self.limit(limit)?,
            ConditionTable::State(StateTable { metric, is }) => {
                if is.is_empty() {
                    return fail(format!("rule `{}`: `is` lists no value", table.id));
                }
                Condition::State { metric: self.known(metric)?, is }
            }
            ConditionTable::Combination(combination) => {
                let count = combination.any.len();
                let is_empty = combination.any.iter().any(|alternative| alternative.all.is_empty());
                if count == 0 || count > Condition::MAX_ALTERNATIVES || is_empty {
                    return fail(format!(
                        "rule `{}`: `any` needs 1 to {} alternatives, each with at least one comparison in `all`",
                        table.id,
                        Condition::MAX_ALTERNATIVES
                    ));
                }
                if !combination.any.iter().all(|alternative| is_delay(alternative.for_s)) {
                    return fail(format!("rule `{}`: `for_s` is a number of seconds, 0 or more", table.id));
                }
                let any = combination
                    .any
                    .into_iter()
                    .map(|AlternativeTable { all, for_s }| Ok(Alternative { all: self.comparisons(all)?, for_s }));
                Condition::Combination {
                    any: any.collect::<Result<_, _>>()?,
                    held_until: self.comparisons(combination.held_until)?,
                }
            }
            ConditionTable::Stale(StaleTable { metrics }) => {
                if metrics.is_empty() {
                    return fail(format!("rule `{}`: `metrics` lists no metric", table.id));
                }
                let metrics = metrics.into_iter().map(|metric| self.known(metric));
                Condition::Stale { metrics: metrics.collect::<Result<_, _>>()? }
            }
            ConditionTable::Offline => Condition::Offline,
        };
        Ok(Rule {
            id: table.id,
            title: table.title,
            severity: table.severity,
            condition,
            only_while: self.comparisons(table.only_while)?,
            suppressed_while: self.comparisons(table.suppressed_while)?,
            is_latching: table.is_latching,
            on_delay_s: table.on_delay_s,
            off_delay_s: table.off_delay_s,
            source: table.source,
            guidance: table.guidance,
        })
    }

    fn limit(&self, table: LimitTable) -> Result<Condition, ProfileError> {
        let span = table.metric.span();
        let fail = |problem: &str| Err(self.document.error(span.clone(), problem));
        if !table.deadband.is_finite() || table.deadband < 0.0 {
            return fail("`deadband` is a number in the metric's unit, 0 or more");
        }
        let bound = match (table.above, table.at_least, table.below) {
            (Some(high), None, None) => Bound::Above(high),
            (None, Some(high), None) => Bound::AtLeast(high),
            (None, None, Some(low)) => Bound::Below(low),
            (Some(high), None, Some(low)) => Bound::Outside(low, high),
            _ => return fail("a limit has `above`, `at_least` or `below`, or both `above` and `below`"),
        };
        Ok(Condition::Limit { metric: self.known(table.metric)?, bound, deadband: table.deadband })
    }

    fn comparisons(&self, tables: Vec<ComparisonTable>) -> Result<Vec<Comparison>, ProfileError> {
        tables
            .into_iter()
            .map(|table| {
                let span = table.metric.span();
                let must_be = match (table.above, table.below, table.is, table.is_not) {
                    (Some(high), None, None, None) => Expectation::Above(high),
                    (None, Some(low), None, None) => Expectation::Below(low),
                    (None, None, Some(values), None) if !values.is_empty() => Expectation::Is(values),
                    (None, None, None, Some(values)) if !values.is_empty() => Expectation::IsNot(values),
                    _ => {
                        let problem = "a comparison has exactly one of `above`, `below`, `is` and `is_not`";
                        return Err(self.document.error(span, problem));
                    }
                };
                Ok(Comparison { metric: self.known(table.metric)?, must_be })
            })
            .collect()
    }

    fn known(&self, metric: Spanned<MetricName>) -> Result<MetricName, ProfileError> {
        if self.metrics.contains(metric.get_ref()) {
            return Ok(metric.into_inner());
        }
        let names = listed(self.metrics.iter().map(MetricName::as_str));
        let problem = format!("metric `{}` is not of this profile; there are {names}", metric.get_ref());
        Err(self.document.error(metric.span(), problem))
    }
}
