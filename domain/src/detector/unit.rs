//! The series' own origin and step: what makes the detector blind to the unit a sensor reports in.

use serde::{Deserialize, Serialize};

/// Beyond this many steps a value is taken as this many, so that no sum of squares overflows.
const FARTHEST: f64 = 1e15;

/// The first value is 0, and the first different one is 1 or -1.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Unit {
    origin: Option<f64>,
    step: Option<f64>,
}

impl Unit {
    /// A finite value in steps from the origin.
    pub(super) fn reduce(&mut self, value: f64) -> f64 {
        let distance = value - *self.origin.get_or_insert(value);
        if distance == 0.0 {
            return 0.0;
        }
        let distance = distance.clamp(f64::MIN, f64::MAX);
        (distance / *self.step.get_or_insert(distance.abs())).clamp(-FARTHEST, FARTHEST)
    }

    /// The value so many steps from the origin.
    pub(super) fn restore(&self, reduced: f64) -> f64 {
        (self.origin.unwrap_or(0.0) + reduced * self.step.unwrap_or(0.0)).clamp(f64::MIN, f64::MAX)
    }

    /// A length of so many steps.
    pub(super) fn restore_distance(&self, reduced: f64) -> f64 {
        (reduced * self.step.unwrap_or(0.0)).min(f64::MAX)
    }
}
