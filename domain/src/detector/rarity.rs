//! How rare a strength is among all strengths this series has shown: the step that makes unlike things comparable.
//!
//! A z-score means one thing on noise and another on a series of bursts. A rank means the same on both: "only one
//! reading in a thousand was as strong". A bounded histogram of ranks cannot tell a hair's breadth past the record from
//! ten times the record, so the distance past the strongest tenth is added as a second, smaller part.

use serde::{Deserialize, Serialize};

use std::f64::consts::LOG10_2;

/// Bins per doubling of the strength; 32 bins then reach from 1/8 to about 200 standard deviations.
const BINS_PER_OCTAVE: f64 = 3.0;
const LOWEST_OCTAVE: f64 = -3.0;
const BINS: u8 = 32;
/// Until this many strengths are known their strongest tenth says nothing.
const ENOUGH: u32 = 20;
/// A strength counts as ordinary up to where the strongest tenth begins.
const ORDINARY_SHARE: f64 = 0.1;
/// Bounds of the excess, in powers of ten.
const LEAST_EXCESS: f64 = -1.0;
const MOST_EXCESS: f64 = 1.5;

/// A logarithmic histogram of the strengths seen so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Rarity {
    bins: [u16; BINS as usize],
    count: u32,
}

impl Rarity {
    /// Evidence against "a reading like the others", in powers of ten (3 = one in a thousand), then learns the strength.
    /// Ten times the ordinary strength adds `excess_weight` to it.
    pub(super) fn judge(&mut self, strength: f64, excess_weight: f64) -> f64 {
        let place = place_of(strength);
        let bin = bin_at(place);
        let stronger: u32 = self.bins[bin + 1..].iter().map(|&count| u32::from(count)).sum();
        // Strengths in the same bin cannot be told apart: half of them count as stronger.
        let as_strong = f64::from(stronger) + 0.5 * f64::from(self.bins[bin]);
        let rank = ((f64::from(self.count) + 1.0) / (as_strong + 1.0)).log2() * LOG10_2;
        let evidence = rank + excess_weight * self.excess(place);
        self.learn(bin);
        evidence
    }

    /// How far beyond the ordinary strengths, in powers of ten.
    fn excess(&self, place: f64) -> f64 {
        if self.count <= ENOUGH {
            return 0.0;
        }
        let share = ORDINARY_SHARE * f64::from(self.count);
        let mut stronger = 0;
        let mut middle = f64::from(BINS) - 0.5;
        for &count in self.bins.iter().skip(1).rev() {
            stronger += u32::from(count);
            if f64::from(stronger) > share {
                break;
            }
            middle -= 1.0;
        }
        let powers_of_ten = (place - middle) / BINS_PER_OCTAVE * LOG10_2;
        powers_of_ten.clamp(LEAST_EXCESS, MOST_EXCESS)
    }

    fn learn(&mut self, bin: usize) {
        if self.bins[bin] == u16::MAX {
            self.bins.iter_mut().for_each(|count| *count /= 2);
            self.count = self.bins.iter().map(|&count| u32::from(count)).sum();
        }
        self.bins[bin] += 1;
        self.count += 1;
    }
}

/// Where a strength lies among the bins, as a number of bins from the lowest edge.
fn place_of(strength: f64) -> f64 {
    if strength > 0.0 { (strength.log2() - LOWEST_OCTAVE) * BINS_PER_OCTAVE } else { f64::NEG_INFINITY }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the bins first")]
fn bin_at(place: f64) -> usize {
    place.clamp(0.0, f64::from(BINS) - 1.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strength_far_above_all_others_is_rarer_than_any_of_them() {
        let mut rarity = Rarity::default();
        let usual = (0..1000).map(|i| rarity.judge(1.0 + f64::from(i % 7) / 10.0, 1.0)).fold(0.0, f64::max);

        assert!(rarity.judge(100.0, 1.0) > usual);
    }

    #[test]
    fn a_strength_seen_often_is_not_rare() {
        let mut rarity = Rarity::default();
        (0..100_000).for_each(|_| {
            rarity.judge(2.0, 0.0);
        });

        assert!(rarity.judge(2.0, 0.0) < 0.4);
    }
}
