//! What a value is worth before any rule sees it.

use super::{Metric, Profiles};
use crate::{
    id::{MetricName, ProfileId},
    reading::{Quality, Value},
};

impl Metric {
    /// Good, implausible when outside what the equipment can do, bad when not a number at all.
    pub fn quality_of(&self, value: &Value) -> Quality {
        match (value, self.plausible) {
            (Value::Float(quantity), _) if !quantity.is_finite() => Quality::Bad,
            (_, None) => Quality::Good,
            (value, Some(range)) => match value.as_f64() {
                Some(number) if (range.min..=range.max).contains(&number) => Quality::Good,
                _ => Quality::Implausible,
            },
        }
    }
}

impl Profiles {
    /// What `value` is worth as a reading of `metric` of a device of `profile`. A metric that the profile does not know
    /// has no plausible range.
    pub fn quality_of(&self, profile: &ProfileId, metric: &MetricName, value: &Value) -> Quality {
        match (self.metric(profile, metric), value) {
            (Some(metric), value) => metric.quality_of(value),
            (None, Value::Float(quantity)) if !quantity.is_finite() => Quality::Bad,
            (None, _) => Quality::Good,
        }
    }
}
