//! Seeded chance: the same seed gives the same district.

use rand::{RngExt, rngs::StdRng};

/// Where all chance of one machine comes from.
pub type Chance = StdRng;

/// A draw from the normal distribution with mean 0 and standard deviation 1 (Box–Muller).
pub fn normal(chance: &mut Chance) -> f64 {
    let radius = (-2.0 * (1.0 - chance.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * chance.random::<f64>()).cos()
}

/// Whether something that happens on average every `mean_s` seconds happens within these `elapsed_s` seconds.
pub fn happens(chance: &mut Chance, elapsed_s: f64, mean_s: f64) -> bool {
    chance.random::<f64>() < 1.0 - (-elapsed_s / mean_s).exp()
}

/// A value that wanders around zero and forgets where it was after about `memory_s` seconds
/// (an Ornstein–Uhlenbeck process, exact for any step).
#[derive(Debug, Clone, Default)]
pub struct Wander {
    value: f64,
}

impl Wander {
    /// Moves on and returns the new value; its long-run standard deviation is `spread`.
    pub fn step(&mut self, elapsed_s: f64, memory_s: f64, spread: f64, chance: &mut Chance) -> f64 {
        let kept = (-elapsed_s / memory_s).exp();
        self.value = self.value * kept + spread * (1.0 - kept * kept).sqrt() * normal(chance);
        self.value
    }
}

/// Where a quantity is that goes towards `target` with time constant `time_constant_s`, after `elapsed_s`.
pub fn approach(value: f64, target: f64, elapsed_s: f64, time_constant_s: f64) -> f64 {
    target + (value - target) * (-elapsed_s / time_constant_s).exp()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn a_wander_keeps_its_spread_whatever_the_step() {
        for step_s in [0.1, 1.0, 30.0] {
            let mut chance = Chance::seed_from_u64(1);
            let mut wander = Wander::default();
            let count = 40_000;
            let sum: f64 = (0..count).map(|_| wander.step(step_s, 10.0, 2.0, &mut chance).powi(2)).sum();
            let spread = (sum / f64::from(count)).sqrt();
            assert!((1.7..2.3).contains(&spread), "step {step_s} s gave a spread of {spread}");
        }
    }

    #[test]
    fn approach_reaches_63_percent_after_one_time_constant() {
        assert!((approach(0.0, 100.0, 60.0, 60.0) - 63.2).abs() < 0.1);
    }
}
