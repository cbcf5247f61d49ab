//! A rule over stored history: when it would have fired, and for how long. Pure.
//!
//! Two ways to the same answer. `columnar` walks plain columns of times and numbers and serves the kinds that look at one
//! quantity (limit, rate, stuck): tens of millions of readings a second. `replayed` plays the readings through the engine
//! itself with a clock made of their times, and serves every other kind. A property test holds them to the same answer.
//!
//! History knows event times only: a reading is taken as received when it was measured, and the device as online.

mod columnar;
mod replayed;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::{
    id::MetricName,
    profile::{Condition, Profile, Rule},
    reading::Value,
    time::UnixMs,
};

/// The usable readings of one metric, oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Column {
    /// When each was measured.
    pub at: Vec<UnixMs>,
    /// What was measured.
    pub values: Values,
}

/// Values as they are compared.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Numbers and flags.
    Numbers(Vec<f64>),
    /// What has no number: texts among them.
    Mixed(Vec<Value>),
}

impl Default for Values {
    fn default() -> Self {
        Self::Numbers(Vec::new())
    }
}

impl Column {
    /// From readings in any order; of equal times the earlier arrival stays first.
    pub fn new(mut readings: Vec<(UnixMs, Value)>) -> Self {
        readings.sort_by_key(|(at, _)| *at);
        let at = readings.iter().map(|(at, _)| *at).collect();
        let numbers: Option<Vec<f64>> = readings
            .iter()
            .map(|(_, value)| if matches!(value, Value::Float(_)) { value.as_f64() } else { None })
            .collect();
        let mixed = || Values::Mixed(readings.into_iter().map(|(_, value)| value).collect());
        Self { at, values: numbers.map_or_else(mixed, Values::Numbers) }
    }

    /// How many readings.
    pub fn len(&self) -> usize {
        self.at.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.at.is_empty()
    }

    fn value(&self, index: usize) -> Value {
        match &self.values {
            Values::Numbers(numbers) => Value::Float(numbers[index]),
            Values::Mixed(values) => values[index].clone(),
        }
    }
}

/// Once that a rule would have called somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Firing {
    /// When.
    pub raised_at: UnixMs,
    /// When its condition had gone for the off-delay; None: it had not by the end.
    pub returned_at: Option<UnixMs>,
}

/// Why a rule cannot be tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Untestable {
    /// Stored readings do not say who spoke for the device, nor what a date is worth.
    #[error("a rule about the link or a date says nothing about stored readings")]
    NotOverReadings,
}

/// When `rule` of `profile` would have fired on a device with this nameplate, up to `end`.
///
/// # Errors
/// [`Untestable`]: the rule is not about readings.
pub fn test(
    profile: &Profile,
    rule: &Rule,
    nameplate: &BTreeMap<String, f64>,
    columns: &BTreeMap<MetricName, Column>,
    end: UnixMs,
) -> Result<Vec<Firing>, Untestable> {
    if matches!(rule.condition, Condition::Offline | Condition::Due { .. }) {
        return Err(Untestable::NotOverReadings);
    }
    let fast = columnar::test(profile, rule, nameplate, columns, end);
    Ok(fast.unwrap_or_else(|| replayed::test(profile, rule, nameplate, columns, end)))
}
