//! A rule as it applies to one device, in words and in numbers: what people read, and what a trend draws.

use std::collections::BTreeMap;

use super::{
    Metric, Profile, ResolvedComparison, ResolvedCondition, Rule, Test,
    wording::{duration, named, shortest, titled, with_unit},
};
use crate::{alarm::Severity, engine::milliseconds, id::MetricName, profile::Condition, reading::Value, text::Text};

/// A rule as it applies to one device.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleWords {
    /// The ways in which its alarm comes about; at least one.
    pub ways: Vec<Way>,
    /// What else decides whether it calls, and for how long: hours, other states, a reset by hand.
    pub besides: Vec<Text>,
    /// The nameplate's keys that it needs and that are not there, sorted.
    pub missing: Vec<String>,
}

/// One way in which an alarm comes about.
#[derive(Debug, Clone, PartialEq)]
pub struct Way {
    /// What has to be the case.
    pub words: Text,
    /// For so long, in seconds.
    pub for_s: f64,
    /// How bad that is.
    pub severity: Severity,
    /// The numbers in it; empty: it compares none, or the nameplate lacks them.
    pub limits: Vec<Limit>,
}

/// A number that a quantity is compared with.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// Which quantity.
    pub metric: MetricName,
    /// On which side of it the trouble is.
    pub side: Side,
    /// In the metric's unit.
    pub value: f64,
    /// How far it must come back before the condition is gone, in the metric's unit.
    pub deadband: f64,
    /// Whether nothing else has to be the case as well.
    pub is_alone: bool,
}

/// On which side of a limit the trouble is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Above it.
    Above,
    /// At it and above.
    AtLeast,
    /// Below it.
    Below,
}

impl Rule {
    /// This rule as it applies to a device of `profile` with this nameplate, in words.
    pub fn words(&self, profile: &Profile, nameplate: &BTreeMap<String, f64>) -> RuleWords {
        let mut missing: Vec<String> = self.missing_keys(nameplate).map(str::to_owned).collect();
        missing.sort();
        missing.dedup();
        let teller = Teller { profile };
        RuleWords { ways: teller.ways(self, nameplate), besides: teller.besides(self, nameplate), missing }
    }

    /// The nameplate's keys without which it is not judged in full.
    pub(super) fn missing_keys(&self, nameplate: &BTreeMap<String, f64>) -> impl Iterator<Item = &str> {
        let missing = self.settings().into_iter().filter(|setting| setting.resolve(nameplate).is_none());
        missing.filter_map(|setting| setting.nameplate.as_deref())
    }
}

struct Teller<'a> {
    profile: &'a Profile,
}

impl Teller<'_> {
    fn ways(&self, rule: &Rule, nameplate: &BTreeMap<String, f64>) -> Vec<Way> {
        let resolved = rule.resolve(nameplate);
        let way = |words: Text, for_s: f64, severity| Way { words, for_s, severity, limits: Vec::new() };
        let one = |words: Text| vec![way(words, resolved.on_delay_s, rule.severity)];
        let worsening = |words: Text| {
            let first = way(words.clone(), resolved.on_delay_s, rule.severity);
            let later = resolved.worsens.iter().map(|step| way(words.clone(), step.after_s, step.severity));
            std::iter::once(first).chain(later).collect()
        };
        match &resolved.condition {
            ResolvedCondition::Values { any, .. } => any
                .iter()
                .map(|way| Way {
                    words: both(way.all.iter().map(|comparison| self.comparison(comparison))),
                    for_s: way.for_s,
                    severity: way.severity,
                    limits: limits(&way.all),
                })
                .collect(),
            ResolvedCondition::Rate { metric, over_s, test } => one(self.rate(metric, *over_s, test)),
            ResolvedCondition::Stuck { metric, after_s: None } => one(titled(&self.title(metric), &unknown())),
            ResolvedCondition::Stuck { metric, after_s: Some(after_s) } => {
                let (zh, en) = duration(milliseconds(*after_s));
                let words = Text::new(format!("数值 {zh}不变"), format!("the same value for {en}"));
                one(titled(&self.title(metric), &words))
            }
            ResolvedCondition::Anomaly { metric, every_s, learn_days, .. } => {
                let (zh, en) = duration(u64::from(*every_s) * 1000);
                let words = Text::new(
                    format!("{zh}均值与自身规律不符（先学习 {learn_days} 天）"),
                    format!("mean over {en} unlike its own past (after {learn_days} days of learning)"),
                );
                one(titled(&self.title(metric), &words))
            }
            ResolvedCondition::Due { end: None, .. } => {
                one(Text::new("铭牌没有可用的到期日：不判断", "the nameplate names no last day: not judged"))
            }
            ResolvedCondition::Due { steps, .. } => steps
                .iter()
                .map(|step| Way {
                    words: due(rule, nameplate, step.days_before),
                    for_s: 0.0,
                    severity: step.severity,
                    limits: Vec::new(),
                })
                .collect(),
            ResolvedCondition::Expression(expression) => one(self.expression(expression.text())),
            ResolvedCondition::Stale { metrics } => worsening(either(metrics.iter().map(|metric| {
                let stale_after_s = self.profile.metric(metric).map_or(0, |metric| metric.stale_after_s);
                let (zh, en) = duration(stale_after_s.saturating_mul(1000));
                let words = Text::new(format!("{zh}无有效读数"), format!("no usable reading for {en}"));
                titled(&self.title(metric), &words)
            }))),
            ResolvedCondition::Offline => worsening(Text::new("无数据连接", "no data connection")),
        }
    }

    fn besides(&self, rule: &Rule, nameplate: &BTreeMap<String, f64>) -> Vec<Text> {
        let resolved = rule.resolve(nameplate);
        let mut besides = Vec::new();
        if let Some(hours) = &rule.only_between
            && let (Some(from), Some(to)) = (hours.from_h.resolve(nameplate), hours.to_h.resolve(nameplate))
        {
            let (from, to) = (clock(from), clock(to));
            besides.push(Text::new(format!("只在 {from} 至 {to} 判断"), format!("only judged from {from} to {to}")));
        }
        if !resolved.only_while.is_empty() {
            let states = both(resolved.only_while.iter().map(|one| self.comparison(one)));
            besides.push(Text::new(format!("只在此时判断：{}", states.zh), format!("only judged while {}", states.en)));
        }
        if let ResolvedCondition::Values { held_until, .. } = &resolved.condition
            && !held_until.is_empty()
        {
            let states = both(held_until.iter().map(|one| self.comparison(one)));
            besides.push(Text::new(format!("此后才恢复：{}", states.zh), format!("not over until {}", states.en)));
        }
        if !resolved.suppressed_while.is_empty() {
            let states = either(resolved.suppressed_while.iter().map(|one| self.comparison(one)));
            besides.push(Text::new(
                format!("此时记录而不呼叫：{}", states.zh),
                format!("recorded without calling while {}", states.en),
            ));
        }
        if rule.is_latching {
            besides.push(Text::new("须人工复位", "stays until somebody resets it"));
        }
        besides
    }

    /// `Temperature > 8 °C`, `Door: open`, `Outlet − Return: more than 20 °C apart`.
    fn comparison(&self, comparison: &ResolvedComparison) -> Text {
        let title = self.title(&comparison.metric);
        let metric = self.profile.metric(&comparison.metric);
        let quantity =
            |number: f64| metric.map_or_else(|| shortest(number), |metric| with_unit(&shortest(number), metric));
        if let Some(minus) = &comparison.minus {
            let other = self.title(minus);
            let pair = Text::new(format!("{} − {}", title.zh, other.zh), format!("{} − {}", title.en, other.en));
            let words = match comparison.test {
                Test::Outside { high, .. } if high.is_finite() => {
                    let by = quantity(high);
                    Text::new(format!("相差超过 {by}"), format!("more than {by} apart"))
                }
                _ => unknown(),
            };
            return titled(&pair, &words);
        }
        let beside = |sign: &str, number: f64| {
            let limit = quantity(number);
            Text::new(format!("{} {sign} {limit}", title.zh), format!("{} {sign} {limit}", title.en))
        };
        match &comparison.test {
            Test::Outside { low, high, .. } if high.is_finite() && (low + high).abs() < f64::EPSILON => {
                let limit = quantity(*high);
                Text::new(format!("|{}| > {limit}", title.zh), format!("|{}| > {limit}", title.en))
            }
            Test::Outside { low, high, .. } if low.is_finite() && high.is_finite() => {
                let (low, high) = (quantity(*low), quantity(*high));
                Text::new(format!("{} < {low} 或 > {high}", title.zh), format!("{} < {low} or > {high}", title.en))
            }
            Test::Outside { low, .. } if low.is_finite() => beside("<", *low),
            Test::Outside { high, .. } => beside(">", *high),
            Test::AtLeast { limit, .. } => beside("≥", *limit),
            Test::Is(values) => titled(&title, &listed(metric, values)),
            Test::IsNot(values) => {
                let values = listed(metric, values);
                titled(&title, &Text::new(format!("不是{}", values.zh), format!("not {}", values.en)))
            }
            Test::Unknown => titled(&title, &unknown()),
        }
    }

    fn rate(&self, name: &MetricName, over_s: f64, test: &Test) -> Text {
        let title = self.title(name);
        let metric = self.profile.metric(name);
        let quantity =
            |number: f64| metric.map_or_else(|| shortest(number), |metric| with_unit(&shortest(number), metric));
        let Test::Outside { low, high, .. } = test else { return titled(&title, &unknown()) };
        let rise = high.is_finite().then(|| quantity(*high));
        let fall = low.is_finite().then(|| quantity(-*low));
        let (zh, en) = match (rise, fall) {
            (Some(rise), Some(fall)) if rise == fall => {
                (format!("每分钟变化超过 {rise}"), format!("moving by more than {rise} a minute"))
            }
            (Some(rise), Some(fall)) => (
                format!("每分钟升超过 {rise} 或降超过 {fall}"),
                format!("rising by more than {rise} or falling by more than {fall} a minute"),
            ),
            (Some(rise), None) => (format!("每分钟升超过 {rise}"), format!("rising by more than {rise} a minute")),
            (None, Some(fall)) => (format!("每分钟降超过 {fall}"), format!("falling by more than {fall} a minute")),
            (None, None) => return titled(&title, &unknown()),
        };
        let (over_zh, over_en) = duration(milliseconds(over_s));
        titled(&title, &Text::new(format!("{zh}（按 {over_zh}计）"), format!("{en}, over {over_en}")))
    }

    /// The expression with the metrics called as people call them.
    fn expression(&self, text: &str) -> Text {
        let mut metrics: Vec<&Metric> = self.profile.metrics.iter().collect();
        metrics.sort_by_key(|metric| std::cmp::Reverse(metric.name.as_str().len()));
        let put = |of: fn(&Metric) -> &str, and: &str, or: &str| {
            let named =
                metrics.iter().fold(text.to_owned(), |text, metric| text.replace(metric.name.as_str(), of(metric)));
            named.replace("&&", and).replace("||", or)
        };
        Text::new(put(|metric| &metric.title.zh, "且", "或"), put(|metric| &metric.title.en, "and", "or"))
    }

    fn title(&self, name: &MetricName) -> Text {
        let known = self.profile.metric(name).map(|metric| metric.title.clone());
        known.unwrap_or_else(|| Text::same(name.as_str()))
    }
}

fn due(rule: &Rule, nameplate: &BTreeMap<String, f64>, days_before: u32) -> Text {
    let number = match &rule.condition {
        Condition::Due { date, .. } => date.resolve(nameplate),
        _ => None,
    };
    let day = number.map(date_words).unwrap_or_default();
    if days_before == 0 {
        return Text::new(format!("{day} 之后"), format!("after {day}"));
    }
    Text::new(format!("{day} 之前 {days_before} 天起"), format!("from {days_before} days before {day}"))
}

fn limits(all: &[ResolvedComparison]) -> Vec<Limit> {
    let is_alone = all.len() == 1;
    let of = |comparison: &ResolvedComparison| {
        let limit =
            |side, value: f64, deadband| Limit { metric: comparison.metric.clone(), side, value, deadband, is_alone };
        match comparison.test {
            _ if comparison.minus.is_some() => Vec::new(),
            Test::Outside { low, high, deadband } => {
                let ends = [(Side::Below, low), (Side::Above, high)].into_iter().filter(|(_, end)| end.is_finite());
                ends.map(|(side, end)| limit(side, end, deadband)).collect()
            }
            Test::AtLeast { limit: value, deadband } => vec![limit(Side::AtLeast, value, deadband)],
            Test::Is(_) | Test::IsNot(_) | Test::Unknown => Vec::new(),
        }
    };
    all.iter().flat_map(of).collect()
}

fn unknown() -> Text {
    Text::new("铭牌缺少数值", "number missing on the nameplate")
}

fn listed(metric: Option<&Metric>, values: &[Value]) -> Text {
    either(
        values
            .iter()
            .map(|value| metric.map_or_else(|| Text::same(format!("{value:?}")), |metric| named(metric, value))),
    )
}

fn both(facts: impl Iterator<Item = Text>) -> Text {
    joined_by(facts, " 且 ", " and ")
}

fn either(facts: impl Iterator<Item = Text>) -> Text {
    joined_by(facts, " 或 ", " or ")
}

fn joined_by(facts: impl Iterator<Item = Text>, zh: &str, en: &str) -> Text {
    let joined =
        |all: Text, fact: Text| Text::new(format!("{}{zh}{}", all.zh, fact.zh), format!("{}{en}{}", all.en, fact.en));
    facts.reduce(joined).unwrap_or_default()
}

/// `22:30` of 22.5.
#[expect(clippy::cast_possible_truncation, reason = "hours of a day")]
fn clock(hour: f64) -> String {
    let minutes = (hour * 60.0).round() as i64;
    format!("{:02}:{:02}", (minutes / 60).rem_euclid(24), minutes.rem_euclid(60))
}

/// `2027-06-30` of 20270630.
#[expect(clippy::cast_possible_truncation, reason = "eight digits")]
fn date_words(number: f64) -> String {
    let number = number as i64;
    format!("{:04}-{:02}-{:02}", number / 10_000, number / 100 % 100, number % 100)
}
