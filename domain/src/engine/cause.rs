//! The cause of an alarm in words and numbers, in both languages.

use std::collections::HashSet;

use super::{
    anomaly::Vigilance,
    evaluation::Evaluation,
    plan::{Alternative, ProgramKind, Watch},
};
use crate::{
    profile::{Metric, Test},
    reading::Value,
    text::Text,
};

impl Evaluation<'_> {
    /// Why the alarm is raised: what is the case, and for how long it had to be.
    pub(super) fn raised_cause(&self, watch: &Watch, alternative: usize) -> Text {
        let (profile, _) = self.engine.profiles.rule_at(watch.rule);
        match &watch.program.kind {
            ProgramKind::Values { any, .. } => {
                let Alternative { places, for_ms, .. } = &any[alternative];
                let is_alone = places.len() == 1;
                let facts = places.clone().filter_map(|place| {
                    let metric = profile.metric(&watch.program.metrics[place])?;
                    if let Some(other) = watch.program.minus.get(place).copied().flatten() {
                        return self.differing(watch, place, other, metric);
                    }
                    let latest = self.series(watch.series[place]?).latest.as_ref()?;
                    Some(compared(metric, &latest.value, &watch.program.tests[place], is_alone))
                });
                lasting(joined(facts), *for_ms)
            }
            ProgramKind::Stale { after_ms, .. } => {
                let online_since = self.link(watch.slot).since;
                let stale = after_ms.iter().enumerate().filter_map(|(place, &after_ms)| {
                    let fresh_at = self.series(watch.series[place]?).fresh_at.max(online_since);
                    let metric = profile.metric(&watch.program.metrics[place])?;
                    let (zh, en) = duration(after_ms);
                    (fresh_at.plus_ms(after_ms) <= self.now.mono).then(|| {
                        Text::new(
                            format!("{}：{zh}无有效读数", metric.title.zh),
                            format!("{}: no usable reading for {en}", metric.title.en),
                        )
                    })
                });
                joined(stale)
            }
            ProgramKind::Due { steps } => match steps[alternative].1.days_before {
                0 => Text::new("已过期", "run out"),
                days => Text::new(format!("{days} 天内到期"), format!("runs out within {days} days")),
            },
            ProgramKind::Rate { over_ms } => self.moving(watch, *over_ms),
            ProgramKind::Anomaly(vigilance) => {
                lasting(self.unlike_its_past(watch, *vigilance), watch.program.on_delay_ms)
            }
            ProgramKind::Stuck { after_ms, .. } => lasting(self.stated_case(watch, 0), *after_ms),
            ProgramKind::Expression { all, .. } => {
                lasting(joined(all.clone().map(|place| self.stated_case(watch, place))), watch.program.on_delay_ms)
            }
            ProgramKind::Offline { .. } => {
                let for_ms = self.silence_stated_ms(watch, watch.severity_of(alternative));
                let silent = lasting(Text::new("无数据连接", "no data connection"), for_ms);
                joined([silent].into_iter().chain(self.unwatched(watch.slot)))
            }
        }
    }

    /// `Outlet − Return: 26.0 °C > 20 °C`, either way round.
    fn differing(&self, watch: &Watch, place: usize, other: usize, metric: &Metric) -> Option<Text> {
        let (profile, _) = self.engine.profiles.rule_at(watch.rule);
        let other_metric = profile.metric(&watch.program.metrics[other])?;
        let difference = self.difference(watch, place, other)?;
        let fact = compared(metric, &Value::Float(difference), &watch.program.tests[place], true);
        let names = |one: &str, other: &str| format!("{one} − {other}");
        Some(Text::new(
            format!("{}：{}", names(&metric.title.zh, &other_metric.title.zh), fact.zh),
            format!("{}: {}", names(&metric.title.en, &other_metric.title.en), fact.en),
        ))
    }

    /// `9.1 °C, moving by more than 5 °C/min`.
    fn moving(&self, watch: &Watch, over_ms: u64) -> Text {
        let (profile, _) = self.engine.profiles.rule_at(watch.rule);
        let Some(metric) = profile.metric(&watch.program.metrics[0]) else { return Text::default() };
        let Test::Outside { low, high, .. } = watch.program.tests[0] else { return self.stated_case(watch, 0) };
        let limit = |number: f64| with_unit(&shortest(number), metric);
        let (zh, en) = match (low.is_finite(), high.is_finite()) {
            (true, true) if (low + high).abs() > f64::EPSILON => (
                format!("每分钟升 {} 或降 {} 以上", limit(high), limit(-low)),
                format!("rising by {} or falling by {} a minute, or more", limit(high), limit(-low)),
            ),
            (_, true) if !low.is_finite() => {
                (format!("每分钟升 {} 以上", limit(high)), format!("rising by {} a minute, or more", limit(high)))
            }
            (true, false) => {
                (format!("每分钟降 {} 以上", limit(-low)), format!("falling by {} a minute, or more", limit(-low)))
            }
            _ => (format!("每分钟变化 {} 以上", limit(high)), format!("moving by {} a minute, or more", limit(high))),
        };
        let now = self.stated_case(watch, 0);
        let (over_zh, over_en) = duration(over_ms);
        Text::new(format!("{}，{over_zh}内{zh}", now.zh), format!("{}, {en}, over {over_en}", now.en))
    }

    /// `6.2 °C on average over 5 min, 3.1 °C above what this hour of day usually is`.
    fn unlike_its_past(&self, watch: &Watch, vigilance: Vigilance) -> Text {
        let (profile, _) = self.engine.profiles.rule_at(watch.rule);
        let metric = profile.metric(&watch.program.metrics[0]);
        let Some((metric, strange)) = metric.zip(self.strangeness(watch)) else { return self.stated_case(watch, 0) };
        let words = strange.finding.words(&metric.unit, metric.decimals.into());
        let mean = with_unit(&fixed(strange.finding.value, metric.decimals), metric);
        let (over_zh, over_en) = duration(vigilance.every_ms.cast_unsigned());
        titled(
            metric,
            &Text::new(
                format!("{over_zh}均值 {mean}，{}", words.zh),
                format!("{mean} on average over {over_en}, {}", words.en),
            ),
        )
    }

    /// What one of a rule's tests found, as it is: `Service mode: inspection`.
    pub(super) fn stated_case(&self, watch: &Watch, place: usize) -> Text {
        let (profile, _) = self.engine.profiles.rule_at(watch.rule);
        let metric = profile.metric(&watch.program.metrics[place]);
        let latest = watch.series[place].and_then(|series| self.series(series).latest.as_ref());
        metric.zip(latest).map(|(metric, latest)| stated(metric, &latest.value, false)).unwrap_or_default()
    }

    /// What is the case now that the condition has gone.
    pub(super) fn returned_cause(&self, watch: &Watch) -> Text {
        let (profile, _) = self.engine.profiles.rule_at(watch.rule);
        match &watch.program.kind {
            ProgramKind::Values { any, .. } => {
                let mut places: Vec<usize> = any.iter().flat_map(|way| way.places.clone()).collect();
                let mut named = HashSet::new();
                places.retain(|&place| named.insert(&watch.program.metrics[place]));
                let is_alone = places.len() == 1;
                joined(places.into_iter().filter_map(|place| {
                    let metric = profile.metric(&watch.program.metrics[place])?;
                    let latest = self.series(watch.series[place]?).latest.as_ref()?;
                    Some(stated(metric, &latest.value, is_alone))
                }))
            }
            ProgramKind::Rate { .. } | ProgramKind::Anomaly(_) | ProgramKind::Stuck { .. } => {
                self.stated_case(watch, 0)
            }
            ProgramKind::Expression { all, .. } => joined(all.clone().map(|place| self.stated_case(watch, place))),
            ProgramKind::Due { .. } => Text::new("已更新", "renewed"),
            ProgramKind::Stale { .. } => Text::new("读数已恢复", "readings are back"),
            ProgramKind::Offline { .. } => Text::new("已恢复在线", "online again"),
        }
    }
}

/// `9.1 °C > 8 °C`; with the metric's title before it when other facts stand beside it.
fn compared(metric: &Metric, value: &Value, test: &Test, is_alone: bool) -> Text {
    let (sign, limit) = match (test, value.as_f64()) {
        (Test::Outside { low, .. }, Some(number)) if number < *low => ("<", *low),
        (Test::Outside { high, .. }, Some(_)) => (">", *high),
        (Test::AtLeast { limit, .. }, Some(_)) => ("≥", *limit),
        (Test::Outside { .. } | Test::AtLeast { .. }, None) | (Test::Is(_) | Test::IsNot(_) | Test::Unknown, _) => {
            return stated(metric, value, false);
        }
    };
    let number = value.as_f64().map_or_else(String::new, |number| distinct(number, limit, metric.decimals));
    let words = format!("{} {sign} {}", with_unit(&number, metric), with_unit(&shortest(limit), metric));
    if is_alone { Text::same(words) } else { titled(metric, &Text::same(words)) }
}

/// `9.1 °C`, or `Door: open`.
fn stated(metric: &Metric, value: &Value, is_alone: bool) -> Text {
    let code = value.as_f64();
    #[expect(clippy::cast_precision_loss, reason = "state codes are small")]
    let named = metric.states.iter().find(|state| code == Some(state.code as f64));
    let words = match (named, value) {
        (Some(state), _) => Text::new(&state.zh, &state.en),
        (None, Value::Bool(true)) => Text::new("是", "yes"),
        (None, Value::Bool(false)) => Text::new("否", "no"),
        (None, Value::Int(count)) => Text::same(with_unit(&count.to_string(), metric)),
        (None, Value::Float(quantity)) => Text::same(with_unit(&fixed(*quantity, metric.decimals), metric)),
        (None, Value::Text(text)) => Text::same(text.as_ref()),
    };
    let is_quantity = named.is_none() && matches!(value, Value::Float(_) | Value::Int(_));
    if is_alone && is_quantity { words } else { titled(metric, &words) }
}

fn titled(metric: &Metric, words: &Text) -> Text {
    Text::new(format!("{}：{}", metric.title.zh, words.zh), format!("{}: {}", metric.title.en, words.en))
}

fn with_unit(number: &str, metric: &Metric) -> String {
    if metric.unit.is_empty() { number.to_owned() } else { format!("{number} {}", metric.unit) }
}

fn joined(facts: impl Iterator<Item = Text>) -> Text {
    facts
        .reduce(|all, fact| Text::new(format!("{}；{}", all.zh, fact.zh), format!("{}; {}", all.en, fact.en)))
        .unwrap_or_default()
}

fn lasting(fact: Text, for_ms: u64) -> Text {
    if for_ms == 0 {
        return fact;
    }
    let (zh, en) = duration(for_ms);
    Text::new(format!("{}，持续 {zh}", fact.zh), format!("{} for {en}", fact.en))
}

/// `45 秒` / `45 s`, `30 分钟` / `30 min`, `2 小时` / `2 h`.
#[expect(clippy::cast_precision_loss, reason = "delays are hours at most")]
fn duration(milliseconds: u64) -> (String, String) {
    let seconds = milliseconds / 1000;
    if !milliseconds.is_multiple_of(1000) {
        let number = shortest(milliseconds as f64 / 1000.0);
        (format!("{number} 秒"), format!("{number} s"))
    } else if seconds >= 3600 && seconds.is_multiple_of(3600) {
        (format!("{} 小时", seconds / 3600), format!("{} h", seconds / 3600))
    } else if seconds >= 120 && seconds.is_multiple_of(60) {
        (format!("{} 分钟", seconds / 60), format!("{} min", seconds / 60))
    } else {
        (format!("{seconds} 秒"), format!("{seconds} s"))
    }
}

fn fixed(number: f64, decimals: u8) -> String {
    let text = format!("{number:.*}", usize::from(decimals));
    // −0.04 with one decimal is 0.0, not −0.0.
    match text.strip_prefix('-') {
        Some(positive) if positive.bytes().all(|byte| matches!(byte, b'0' | b'.')) => positive.to_owned(),
        _ => text,
    }
}

/// A number with at most four decimals and no trailing zeros.
fn shortest(number: f64) -> String {
    let text = fixed(number, 4);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The number with as many decimals as the metric shows, and more where it would read like the limit it is beyond.
fn distinct(number: f64, limit: f64, decimals: u8) -> String {
    let is_equal = |decimals| fixed(number, decimals) == fixed(limit, decimals);
    let enough = (decimals..decimals.saturating_add(3)).find(|&decimals| !is_equal(decimals));
    fixed(number, enough.unwrap_or(decimals))
}
