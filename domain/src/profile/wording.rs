//! Values, tests and times in words, in both languages: the same for what a rule says and for what raised its alarm.

use super::{Metric, StateName, Test};
use crate::{reading::Value, text::Text};

/// `9.1 °C > 8 °C`; with the metric's title before it when other facts stand beside it.
pub(crate) fn compared(metric: &Metric, value: &Value, test: &Test, is_alone: bool) -> Text {
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
    if is_alone { Text::same(words) } else { titled(&metric.title, &Text::same(words)) }
}

/// `9.1 °C`, or `Door: open`.
pub(crate) fn stated(metric: &Metric, value: &Value, is_alone: bool) -> Text {
    let is_quantity = matches!(value, Value::Float(_) | Value::Int(_)) && state_of(metric, value).is_none();
    let words = named(metric, value);
    if is_alone && is_quantity { words } else { titled(&metric.title, &words) }
}

/// `9.1 °C`, or `open`.
pub(crate) fn named(metric: &Metric, value: &Value) -> Text {
    match (state_of(metric, value), value) {
        (Some(state), _) => Text::new(&state.zh, &state.en),
        (None, Value::Bool(true)) => Text::new("是", "yes"),
        (None, Value::Bool(false)) => Text::new("否", "no"),
        (None, Value::Int(count)) => Text::same(with_unit(&count.to_string(), metric)),
        (None, Value::Float(quantity)) => Text::same(with_unit(&fixed(*quantity, metric.decimals), metric)),
        (None, Value::Text(text)) => Text::same(text.as_ref()),
    }
}

/// The word of a state code; None: it is not one.
#[expect(clippy::cast_precision_loss, reason = "state codes are small")]
fn state_of<'m>(metric: &'m Metric, value: &Value) -> Option<&'m StateName> {
    let code = value.as_f64();
    metric.states.iter().find(|state| code == Some(state.code as f64))
}

pub(crate) fn titled(title: &Text, words: &Text) -> Text {
    Text::new(format!("{}：{}", title.zh, words.zh), format!("{}: {}", title.en, words.en))
}

pub(crate) fn with_unit(number: &str, metric: &Metric) -> String {
    if metric.unit.is_empty() { number.to_owned() } else { format!("{number} {}", metric.unit) }
}

pub(crate) fn joined(facts: impl Iterator<Item = Text>) -> Text {
    facts
        .reduce(|all, fact| Text::new(format!("{}；{}", all.zh, fact.zh), format!("{}; {}", all.en, fact.en)))
        .unwrap_or_default()
}

pub(crate) fn lasting(fact: Text, for_ms: u64) -> Text {
    if for_ms == 0 {
        return fact;
    }
    let (zh, en) = duration(for_ms);
    Text::new(format!("{}，持续 {zh}", fact.zh), format!("{} for {en}", fact.en))
}

/// `45 秒` / `45 s`, `30 分钟` / `30 min`, `2 小时` / `2 h`.
#[expect(clippy::cast_precision_loss, reason = "delays are hours at most")]
pub(crate) fn duration(milliseconds: u64) -> (String, String) {
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

pub(crate) fn fixed(number: f64, decimals: u8) -> String {
    let text = format!("{number:.*}", usize::from(decimals));
    // −0.04 with one decimal is 0.0, not −0.0.
    match text.strip_prefix('-') {
        Some(positive) if positive.bytes().all(|byte| matches!(byte, b'0' | b'.')) => positive.to_owned(),
        _ => text,
    }
}

/// A number with at most four decimals and no trailing zeros.
pub(crate) fn shortest(number: f64) -> String {
    let text = fixed(number, 4);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The number with as many decimals as the metric shows, and more where it would read like the limit it is beyond.
pub(crate) fn distinct(number: f64, limit: f64, decimals: u8) -> String {
    let is_equal = |decimals| fixed(number, decimals) == fixed(limit, decimals);
    let enough = (decimals..decimals.saturating_add(3)).find(|&decimals| !is_equal(decimals));
    fixed(number, enough.unwrap_or(decimals))
}
