//! The Windowed Gaussian, a detector whose published score is known: when it scores as published, the scorer is right.

const WINDOW: usize = 6400;
const STEP: usize = 100;
/// The published scores were written with twelve digits, so that many rows share the score 1.
const WRITTEN: f64 = 1e12;

/// One less the Gaussian tail beyond a row's distance from the window's mean.
pub(crate) fn detect(values: &[f64]) -> Vec<f64> {
    let mut start = 0;
    let mut end = 0;
    let mut fit = (0.0, 1.0);
    let mut scores = Vec::with_capacity(values.len());
    for (row, &value) in values.iter().enumerate() {
        let score = if row == 0 { 0.0 } else { 1.0 - upper_tail(((value - fit.0) / fit.1).abs()) };
        scores.push((score * WRITTEN).round() / WRITTEN);
        if row < WINDOW {
            end = row + 1;
            fit = mean_and_deviation(&values[..end]);
        } else if row + 1 - end == STEP {
            (start, end) = (start + STEP, end + STEP);
            fit = mean_and_deviation(&values[start..end]);
        }
    }
    scores
}

fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count;
    (mean, if variance > 0.0 { variance.sqrt() } else { 1e-6 })
}

/// The part of a standard normal distribution above `deviations`, which is not negative: by its series near the middle,
/// by its continued fraction far out.
fn upper_tail(deviations: f64) -> f64 {
    let density = (-0.5 * deviations * deviations).exp() / std::f64::consts::TAU.sqrt();
    if deviations < 3.0 {
        let mut term = deviations;
        let mut sum = term;
        let mut odd = 1.0;
        while term > 1e-17 * sum {
            odd += 2.0;
            term *= deviations * deviations / odd;
            sum += term;
        }
        return 0.5 - density * sum;
    }
    let fraction = (1..=60).rev().fold(0.0, |below, level| f64::from(level) / (deviations + below));
    density / (deviations + fraction)
}
