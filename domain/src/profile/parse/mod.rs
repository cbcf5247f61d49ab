//! Profiles from TOML: the checks that serde cannot make.

mod tables;
mod usual;

use std::collections::BTreeMap;

use toml::Spanned;

use self::tables::{
    AlternativeTable, AnomalyTable, ComparisonTable, ConditionTable, DeviationTable, DueTable, HoursTable, LevelTable,
    LevelsTable, LimitTable, MetricTable, ProfileTable, RateTable, RuleTable, StaleTable, StateTable, StuckTable,
};
use self::usual::Usual;
use super::{
    CATEGORIES, Metric, Profile, Profiles,
    expression::Expression,
    gap::listed,
    rule::{Alternative, Bound, Comparison, Condition, Expectation, Hours, Level, Rule, Worsening},
};
use crate::{
    alarm::Severity,
    document::{Document, DocumentError},
    id::{MetricName, RuleId},
};

/// Why profiles were refused.
pub type ProfileError = DocumentError;

pub(super) fn parse(files: impl IntoIterator<Item = (String, String)>) -> Result<Profiles, ProfileError> {
    let mut profiles: Vec<Profile> = Vec::new();
    for (file, text) in files {
        let document = Document { file: &file, text: &text };
        let table: ProfileTable = document.read()?;
        let id_span = table.id.span();
        let profile =
            Reader { document, metrics: BTreeMap::new(), category: table.category.get_ref().clone() }.profile(table)?;
        if profiles.iter().any(|other| other.id == profile.id) {
            return Err(document.error(id_span, format!("profile `{}` stands in another file already", profile.id)));
        }
        profiles.push(profile);
    }
    Ok(Profiles::new(profiles))
}

pub(super) fn parse_rule(profile: &Profile, text: &str) -> Result<Rule, ProfileError> {
    let document = Document { file: "rule", text };
    let table: RuleTable = document.read()?;
    let usual = |metric: &Metric| (metric.name.clone(), Usual::of(metric.signal, metric.range));
    let metrics = profile.metrics.iter().map(usual).collect();
    Reader { document, metrics, category: profile.category.clone() }.rule(table, 0..text.len())
}

fn is_delay(seconds: f64) -> bool {
    seconds.is_finite() && seconds >= 0.0
}

const DEADBAND: &str = "`deadband` is a number in the metric's unit, 0 or more; it may be left out where the metric has `signal` \
                        and `range`";

/// Turns the tables of one document into a profile.
struct Reader<'a> {
    document: Document<'a>,
    metrics: BTreeMap<MetricName, Usual>,
    category: String,
}

/// Categories whose equipment nobody switches off with the lights, or that is dangerous when it is: there the link and the
/// readings are watched at all hours.
const WATCHED_AT_ALL_HOURS: [&str; 6] = ["elevator", "boiler", "gas", "ride", "vessel", "crane"];

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
        let retention_days = match table.retention_days {
            None => None,
            Some(days) if *days.get_ref() >= 1 => Some(*days.get_ref()),
            Some(days) => {
                let problem = "`retention_days` is a number of days, at least 1".to_owned();
                return Err(self.document.error(days.span(), problem));
            }
        };
        let metrics = table.metrics.into_iter().map(|metric| self.metric(metric)).collect::<Result<_, _>>()?;
        let mut rules: Vec<Rule> = Vec::new();
        for table in table.rules {
            let span = table.span();
            let rule = self.rule(table.into_inner(), span.clone())?;
            if rules.iter().any(|other| other.id == rule.id) {
                return Err(self.document.error(span, format!("rule `{}` stands above already", rule.id)));
            }
            rules.push(rule);
        }
        Ok(Profile {
            id: table.id.into_inner(),
            title: table.title,
            category: table.category.into_inner(),
            retention_days,
            metrics,
            rules,
        })
    }

    fn metric(&mut self, table: Spanned<MetricTable>) -> Result<Metric, ProfileError> {
        let span = table.span();
        let table = table.into_inner();
        let fail = |problem: String| Err(self.document.error(span.clone(), problem));
        if self.metrics.insert(table.name.clone(), Usual::of(table.signal, table.range)).is_some() {
            return fail(format!("metric `{}` stands above already", table.name));
        }
        for (key, range) in [("plausible", table.plausible), ("range", table.range)] {
            if range.is_some_and(|range| range.min.is_nan() || range.max.is_nan() || range.min > range.max) {
                return fail(format!("`{key}` of `{}` must have `min` at most `max`", table.name));
            }
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
            signal: table.signal,
            range: table.range,
            plausible: table.plausible,
            states: table.states,
            report_interval_s: table.report_interval_s,
            stale_after_s: table.stale_after_s,
        })
    }

    fn rule(&self, mut table: RuleTable, span: std::ops::Range<usize>) -> Result<Rule, ProfileError> {
        let fail = |problem: String| Err(self.document.error(span.clone(), problem));
        self.fill_in(&mut table);
        let (Some(on_delay_s), Some(off_delay_s)) = (table.on_delay_s, table.off_delay_s) else {
            return fail(format!(
                "rule `{}`: `on_delay_s` or `off_delay_s` is missing; both may be, where the metric has a `signal`",
                table.id
            ));
        };
        if !on_delay_s.default.is_some_and(is_delay) || !is_delay(off_delay_s) {
            return fail(format!("rule `{}`: delays are numbers of seconds, 0 or more", table.id));
        }
        let citation = &table.source.citation;
        if citation.zh.trim().is_empty() || citation.en.trim().is_empty() {
            return fail(format!("rule `{}`: `source.citation` must name the document the rule comes from", table.id));
        }
        let is_over_values =
            !matches!(table.condition, ConditionTable::Due(_) | ConditionTable::Stale(_) | ConditionTable::Offline);
        let is_about_silence = matches!(table.condition, ConditionTable::Stale(_) | ConditionTable::Offline);
        let is_always_so = table.only_while.is_empty() && table.suppressed_while.is_empty();
        if !(is_over_values || is_always_so) {
            return fail(format!("rule `{}`: `only_while` and `suppressed_while` go with rules over values", table.id));
        }
        if table.only_between.is_some() && !is_over_values && !is_about_silence {
            return fail(format!("rule `{}`: a date has no hours (`only_between`)", table.id));
        }
        if table.only_between.is_some() && is_about_silence && WATCHED_AT_ALL_HOURS.contains(&self.category.as_str()) {
            return fail(format!(
                "rule `{}`: equipment of the category `{}` is watched at all hours: its link and its readings have no \
                 `only_between`",
                table.id, self.category
            ));
        }
        if !table.worsens.is_empty() {
            let first = Worsening { after_s: on_delay_s.default.unwrap_or(0.0), severity: table.severity };
            let steps: Vec<&Worsening> = std::iter::once(&first).chain(&table.worsens).collect();
            let is_worse = |pair: &[&Worsening]| {
                pair[1].after_s.is_finite() && pair[1].after_s > pair[0].after_s && pair[1].severity < pair[0].severity
            };
            if !is_about_silence || steps.len() > Condition::MAX_ALTERNATIVES || !steps.windows(2).all(is_worse) {
                return fail(format!(
                    "rule `{}`: `worsens` goes with `offline` and `stale`, and each step is later and worse than the one \
                     before, the rule's own severity after its `on_delay_s` being the first",
                    table.id
                ));
            }
        }
        if matches!(table.condition, ConditionTable::Anomaly(_)) && table.severity != Severity::IV {
            return fail(format!(
                "rule `{}`: an anomaly has severity IV: a detector may point, a limit decides",
                table.id
            ));
        }
        let only_while = self.comparisons(table.only_while)?;
        let suppressed_while = self.comparisons(table.suppressed_while)?;
        Ok(Rule {
            condition: self.condition(&table.id, table.condition, &span)?,
            id: table.id,
            title: table.title,
            severity: table.severity,
            only_between: table.only_between.map(|HoursTable { from_h, to_h }| Hours { from_h, to_h }),
            only_while,
            suppressed_while,
            is_latching: table.is_latching,
            worsens: table.worsens,
            on_delay_s,
            off_delay_s,
            source: table.source,
            guidance: table.guidance,
            definition: self.definition(&span),
            version: None,
        })
    }

    /// The text of a rule: up to the next heading, without its own.
    fn definition(&self, span: &std::ops::Range<usize>) -> String {
        let text = self.document.text.get(span.start..).unwrap_or_default();
        if !text.starts_with("[[") {
            return self.document.text.get(span.clone()).unwrap_or_default().to_owned();
        }
        let body = text.split_once('\n').map_or("", |(_, body)| body);
        body.split("\n[[").next().unwrap_or_default().trim_end().to_owned()
    }

    fn condition(
        &self,
        rule: &RuleId,
        table: ConditionTable,
        span: &std::ops::Range<usize>,
    ) -> Result<Condition, ProfileError> {
        let fail = |problem: String| Err(self.document.error(span.clone(), problem));
        Ok(match table {
            ConditionTable::Limit(limit) => self.limit(limit)?,
            ConditionTable::Levels(levels) => self.levels(rule, levels, span)?,
            ConditionTable::Deviation(DeviationTable { metric, from, by, deadband }) => {
                let Some(deadband) = deadband.filter(|&deadband| is_delay(deadband)) else {
                    return fail(format!("rule `{rule}`: {DEADBAND}"));
                };
                Condition::Deviation { metric: self.known(metric)?, from: self.known(from)?, by, deadband }
            }
            ConditionTable::Rate(RateTable { metric, over_s, rise, fall }) => {
                if !(over_s.is_finite() && over_s >= 1.0) || rise.is_none() && fall.is_none() {
                    return fail(format!(
                        "rule `{rule}`: a rate has `over_s` of at least 1, and `rise` or `fall` or both, per minute"
                    ));
                }
                Condition::Rate { metric: self.known(metric)?, over_s, rise, fall }
            }
            ConditionTable::Stuck(StuckTable { metric, after_s }) => {
                Condition::Stuck { metric: self.known(metric)?, after_s }
            }
            ConditionTable::Anomaly(AnomalyTable { metric, every_s, learn_days, at_most_s }) => {
                if !(10..=3600).contains(&every_s) || learn_days > 365 || !(every_s..=604_800).contains(&at_most_s) {
                    return fail(format!(
                        "rule `{rule}`: `every_s` is 10 to 3600, `learn_days` at most 365, and `at_most_s` between \
                         `every_s` and a week (604800)"
                    ));
                }
                Condition::Anomaly { metric: self.known(metric)?, every_s, learn_days, at_most_s }
            }
            ConditionTable::Due(DueTable { date, steps }) => {
                if steps.is_empty() || steps.len() > Condition::MAX_ALTERNATIVES {
                    let most = Condition::MAX_ALTERNATIVES;
                    return fail(format!("rule `{rule}`: `steps` lists 1 to {most} of `days_before` and `severity`"));
                }
                Condition::Due { date, steps }
            }
            ConditionTable::Expression(text) => {
                let span = text.span();
                let compiled = Expression::compile(text.get_ref(), &self.metrics.keys().cloned().collect());
                Condition::Expression(compiled.map_err(|problem| self.document.error(span, problem.to_string()))?)
            }
            ConditionTable::State(StateTable { metric, is }) => {
                if is.is_empty() {
                    return fail(format!("rule `{rule}`: `is` lists no value"));
                }
                Condition::State { metric: self.known(metric)?, is }
            }
            ConditionTable::Combination(combination) => {
                let count = combination.any.len();
                let is_empty = combination.any.iter().any(|alternative| alternative.all.is_empty());
                if count == 0 || count > Condition::MAX_ALTERNATIVES || is_empty {
                    return fail(format!(
                        "rule `{}`: `any` needs 1 to {} alternatives, each with at least one comparison in `all`",
                        rule,
                        Condition::MAX_ALTERNATIVES
                    ));
                }
                if !combination.any.iter().all(|alternative| is_delay(alternative.for_s)) {
                    return fail(format!("rule `{rule}`: `for_s` is a number of seconds, 0 or more"));
                }
                let any = combination.any.into_iter().map(|AlternativeTable { all, for_s, severity }| {
                    Ok(Alternative { all: self.comparisons(all)?, for_s, severity })
                });
                Condition::Combination {
                    any: any.collect::<Result<_, _>>()?,
                    held_until: self.comparisons(combination.held_until)?,
                }
            }
            ConditionTable::Stale(StaleTable { metrics }) => {
                if metrics.is_empty() {
                    return fail(format!("rule `{rule}`: `metrics` lists no metric"));
                }
                let metrics = metrics.into_iter().map(|metric| self.known(metric));
                Condition::Stale { metrics: metrics.collect::<Result<_, _>>()? }
            }
            ConditionTable::Offline => Condition::Offline,
        })
    }

    fn levels(
        &self,
        rule: &RuleId,
        table: LevelsTable,
        span: &std::ops::Range<usize>,
    ) -> Result<Condition, ProfileError> {
        let fail = |problem: String| Err(self.document.error(span.clone(), problem));
        let LevelsTable { metric, levels, deadband } = table;
        if levels.is_empty() || levels.len() > Condition::MAX_ALTERNATIVES {
            let most = Condition::MAX_ALTERNATIVES;
            return fail(format!("rule `{rule}`: `levels` lists 1 to {most} limits"));
        }
        if !levels.iter().all(|level| level.for_s.default.is_some_and(is_delay)) {
            return fail(format!("rule `{rule}`: `for_s` is a number of seconds, 0 or more"));
        }
        let Some(deadband) = deadband.filter(|&deadband| is_delay(deadband)) else {
            return fail(format!("rule `{rule}`: {DEADBAND}"));
        };
        let level = |level: LevelTable| {
            let bound = match (level.above, level.at_least, level.below, level.beyond) {
                (Some(high), None, None, None) => Bound::Above(high),
                (None, Some(high), None, None) => Bound::AtLeast(high),
                (None, None, Some(low), None) => Bound::Below(low),
                (None, None, None, Some(limit)) => Bound::Beyond(limit),
                _ => {
                    let problem = "a level has exactly one of `above`, `at_least`, `below` and `beyond`";
                    return Err(self.document.error(span.clone(), problem));
                }
            };
            Ok(Level { bound, severity: level.severity, for_s: level.for_s })
        };
        let levels = levels.into_iter().map(level).collect::<Result<_, _>>()?;
        Ok(Condition::Levels { metric: self.known(metric)?, levels, deadband })
    }

    fn limit(&self, table: LimitTable) -> Result<Condition, ProfileError> {
        let span = table.metric.span();
        let fail = |problem: &str| Err(self.document.error(span.clone(), problem));
        let Some(deadband) = table.deadband.filter(|&deadband| is_delay(deadband)) else {
            return fail(DEADBAND);
        };
        let bound = match (table.above, table.at_least, table.below, table.beyond) {
            (Some(high), None, None, None) => Bound::Above(high),
            (None, Some(high), None, None) => Bound::AtLeast(high),
            (None, None, Some(low), None) => Bound::Below(low),
            (Some(high), None, Some(low), None) => Bound::Outside(low, high),
            (None, None, None, Some(limit)) => Bound::Beyond(limit),
            _ => return fail("a limit has `above`, `at_least`, `below` or `beyond`, or both `above` and `below`"),
        };
        Ok(Condition::Limit { metric: self.known(table.metric)?, bound, deadband })
    }

    fn comparisons(&self, tables: Vec<ComparisonTable>) -> Result<Vec<Comparison>, ProfileError> {
        tables
            .into_iter()
            .map(|table| {
                let span = table.metric.span();
                let must_be = match (table.above, table.below, table.beyond, table.is, table.is_not) {
                    (Some(high), None, None, None, None) => Expectation::Above(high),
                    (None, Some(low), None, None, None) => Expectation::Below(low),
                    (None, None, Some(limit), None, None) => Expectation::Beyond(limit),
                    (None, None, None, Some(values), None) if !values.is_empty() => Expectation::Is(values),
                    (None, None, None, None, Some(values)) if !values.is_empty() => Expectation::IsNot(values),
                    _ => {
                        let problem = "a comparison has exactly one of `above`, `below`, `beyond`, `is` and `is_not`";
                        return Err(self.document.error(span, problem));
                    }
                };
                Ok(Comparison { metric: self.known(table.metric)?, must_be })
            })
            .collect()
    }

    fn known(&self, metric: Spanned<MetricName>) -> Result<MetricName, ProfileError> {
        if self.metrics.contains_key(metric.get_ref()) {
            return Ok(metric.into_inner());
        }
        let names = listed(self.metrics.keys().map(MetricName::as_str));
        let problem = format!("metric `{}` is not of this profile; there are {names}", metric.get_ref());
        Err(self.document.error(metric.span(), problem))
    }
}
