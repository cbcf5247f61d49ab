//! A reading: what one metric of one device was at one moment, and how far to trust it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{id::SeriesId, time::UnixMs};

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A switch, a flag.
    Bool(bool),
    /// A count, a state code, a fault code.
    Int(i64),
    /// A measured quantity. Not a number is kept as such, with bad quality.
    Float(f64),
    /// A floor label, a firmware version.
    Text(Arc<str>),
}

impl Value {
    /// The value as a number for limits and charts: a flag is 0 or 1; text has none.
    #[expect(clippy::cast_precision_loss, reason = "counts above 2^53 are compared and drawn, not added up")]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
            Value::Int(count) => Some(*count as f64),
            Value::Float(quantity) => Some(*quantity),
            Value::Text(_) => None,
        }
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl From<i64> for Value {
    fn from(count: i64) -> Self {
        Self::Int(count)
    }
}

impl From<f64> for Value {
    fn from(quantity: f64) -> Self {
        Self::Float(quantity)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

/// How far a reading can be trusted. The numbers are stored; do not change them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Quality {
    /// Measured, in time, plausible.
    Good = 0,
    /// Measured, but the edge's clock was more than five minutes ahead: judged by its receive time.
    ClockSuspect = 1,
    /// Measured, but outside what the profile calls plausible: stored, shown, and judged by no rule.
    Implausible = 2,
    /// Not measured: the source could not be read, or said itself that the value is bad.
    Bad = 3,
}

impl Quality {
    /// The stored number back as a quality.
    pub const fn from_u8(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Good),
            1 => Some(Self::ClockSuspect),
            2 => Some(Self::Implausible),
            3 => Some(Self::Bad),
            _ => None,
        }
    }

    /// Whether rules may judge by this reading.
    pub const fn is_usable(self) -> bool {
        matches!(self, Self::Good | Self::ClockSuspect)
    }
}

/// One measurement of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Which (device, metric) pair.
    pub series: SeriesId,
    /// When the edge took it, by the edge's clock.
    pub event_time: UnixMs,
    /// What was measured; None when the source could not be read (quality is then [`Quality::Bad`]).
    pub value: Option<Value>,
    /// How far to trust it.
    pub quality: Quality,
}
