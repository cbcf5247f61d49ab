//! A mean and a variance that forget: the plain average at first, exponential fading once `memory` values are seen.

use serde::{Deserialize, Serialize};

/// Running mean and variance over about the last `memory` values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct FadingMean {
    memory: f64,
    count: f64,
    mean: f64,
    variance: f64,
}

impl FadingMean {
    /// `memory` in readings, at least 1.
    pub(super) fn over(memory: f64) -> Self {
        Self { memory, count: 0.0, mean: 0.0, variance: 0.0 }
    }

    pub(super) fn add(&mut self, value: f64) {
        self.count = (self.count + 1.0).min(self.memory);
        let gain = 1.0 / self.count;
        let step = value - self.mean;
        self.mean += gain * step;
        self.variance = (1.0 - gain) * (self.variance + gain * step * step);
    }

    pub(super) fn mean(&self) -> f64 {
        self.mean
    }

    pub(super) fn deviation(&self) -> f64 {
        self.variance.max(0.0).sqrt()
    }

    /// How many values it stands on, at most `memory`.
    pub(super) fn count(&self) -> f64 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_plain_average_until_its_memory_is_full() {
        let mut mean = FadingMean::over(10.0);
        for value in [1.0, 2.0, 3.0, 6.0] {
            mean.add(value);
        }

        assert!((mean.mean() - 3.0).abs() < 1e-12);
        assert!((mean.deviation() - 3.5_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn forgets_an_old_level() {
        let mut mean = FadingMean::over(10.0);
        (0..100).for_each(|_| mean.add(0.0));
        (0..100).for_each(|_| mean.add(5.0));

        assert!((mean.mean() - 5.0).abs() < 1e-3);
    }
}
