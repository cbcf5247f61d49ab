//! The next value foretold from the last few, by recursive least squares: what it fails to foretell is news.

use serde::{Deserialize, Serialize};

use super::mean::FadingMean;

/// Past values the forecast looks at.
const ORDER: usize = 6;
/// The past values and a constant.
const TERMS: usize = ORDER + 1;
/// How slowly old readings are forgotten; 0.9995 is about the last two thousand.
const FORGETTING: f64 = 0.9995;
/// One wild error must not bend the weights: it teaches as if it were this many standard deviations.
const TEACHING_LIMIT: f64 = 3.0;
/// Values beyond this many standard deviations are taken as this many.
const VALUE_LIMIT: f64 = 100.0;
/// On a constant series the covariance grows without bound; above this trace it is halved.
const TRACE_LIMIT: f64 = 1e4;

/// A linear forecast from the last [`ORDER`] values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Forecast {
    weights: [f64; TERMS],
    covariance: [[f64; TERMS]; TERMS],
    past: [f64; ORDER],
    seen: u8,
    level: FadingMean,
}

/// What was foretold, and how far the value was from it in standard deviations of the series.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surprise {
    pub(super) expected: f64,
    pub(super) error: f64,
}

impl Forecast {
    pub(super) fn over(memory: f64) -> Self {
        let (weights, covariance) = knowing_nothing();
        Self { weights, covariance, past: [0.0; ORDER], seen: 0, level: FadingMean::over(memory) }
    }

    /// Compares the value with the forecast, then learns it; `None` until there is a past to look at.
    pub(super) fn judge(&mut self, value: f64) -> Option<Surprise> {
        let deviation = self.level.deviation() + f64::EPSILON;
        let standard = |value: f64| ((value - self.level.mean()) / deviation).clamp(-VALUE_LIMIT, VALUE_LIMIT);
        let mut terms = [1.0; TERMS];
        for (term, &past) in terms.iter_mut().zip(&self.past) {
            *term = standard(past);
        }
        let now = standard(value);
        let expected: f64 = self.weights.iter().zip(&terms).map(|(weight, term)| weight * term).sum();
        let surprise = Surprise { expected: self.level.mean() + expected * deviation, error: now - expected };
        let knows_a_past = usize::from(self.seen) == ORDER;
        if knows_a_past {
            self.learn(&terms, surprise.error.clamp(-TEACHING_LIMIT, TEACHING_LIMIT));
        } else {
            self.seen += 1;
        }
        self.past.rotate_right(1);
        self.past[0] = value;
        self.level.add(value);
        knows_a_past.then_some(surprise)
    }

    fn learn(&mut self, terms: &[f64; TERMS], error: f64) {
        let gains = self.covariance.map(|row| row.iter().zip(terms).map(|(a, b)| a * b).sum::<f64>());
        let total = FORGETTING + gains.iter().zip(terms).map(|(gain, term)| gain * term).sum::<f64>();
        let remembering = 1.0 / FORGETTING;
        for (row, gain) in gains.iter().enumerate() {
            let share = gain / total;
            self.weights[row] += share * error;
            for (entry, gain) in self.covariance[row].iter_mut().zip(&gains) {
                *entry = (*entry - share * gain) * remembering;
            }
        }
        let trace: f64 = (0..TERMS).map(|term| self.covariance[term][term]).sum();
        if trace > TRACE_LIMIT {
            self.covariance.iter_mut().flatten().for_each(|entry| *entry *= 0.5);
        }
        // Rounding can make the matrix useless after a very long run: then it starts to learn anew.
        if !trace.is_finite() || trace <= 0.0 || self.weights.iter().any(|weight| !weight.is_finite()) {
            (self.weights, self.covariance) = knowing_nothing();
        }
    }
}

/// Weights and covariance before anything is learnt: no opinion, held loosely.
fn knowing_nothing() -> ([f64; TERMS], [[f64; TERMS]; TERMS]) {
    let mut covariance = [[0.0; TERMS]; TERMS];
    (0..TERMS).for_each(|term| covariance[term][term] = 10.0);
    ([0.0; TERMS], covariance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn learns_to_foretell_a_wave_and_is_surprised_when_it_breaks() {
        let mut forecast = Forecast::over(1000.0);
        let mut last = f64::INFINITY;
        for step in 0..2000 {
            if let Some(surprise) = forecast.judge((f64::from(step) * 0.3).sin()) {
                last = surprise.error.abs();
            }
        }

        assert!(last < 0.05, "{last}");
        assert!(forecast.judge(5.0).is_some_and(|surprise| surprise.error > 3.0));
    }
}
