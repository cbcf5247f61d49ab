//! What good is, and what is still tolerable. The numbers are those that the literature gives for EEMUA 191 and
//! ISA-18.2; which of them were read in a source and which are only said to stand there goes with each.

use crate::profile::Confidence;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Measure {
    /// Calls in ten minutes, mean.
    Per10MinMean,
    /// Calls in ten minutes, most.
    Per10MinPeak,
    /// Percent of the time in flood.
    FloodPercent,
    /// Percent of all calls by the ten most frequent sources.
    Top10Percent,
    /// Sources that chattered.
    Chattering,
    /// Conditions gone within ten seconds.
    Fleeting,
    /// Active for more than a day.
    Stale,
    /// Open and not set aside.
    Standing,
    /// On the shelf.
    Shelved,
    /// Percent of calls of severity I and II.
    GravePercent,
}

/// How a figure is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Beyond the target, not beyond what can be borne.
    Tolerable,
    /// Worse than anybody should bear.
    Bad,
}

/// The bounds of a measure; both are the largest value that still belongs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// Of what.
    pub measure: Measure,
    /// Up to here it is good.
    pub target: f64,
    /// Up to here it is tolerable.
    pub worst: f64,
    /// How far the numbers were checked.
    pub confidence: Confidence,
}

impl Target {
    /// How a value of this measure is to be taken.
    pub fn verdict(&self, value: f64) -> Verdict {
        if value <= self.target {
            Verdict::Good
        } else if value <= self.worst {
            Verdict::Tolerable
        } else {
            Verdict::Bad
        }
    }
}

const fn target(measure: Measure, target: f64, worst: f64, confidence: Confidence) -> Target {
    Target { measure, target, worst, confidence }
}

/// Of every measure, in the order of a page. Where a source says "fewer than n" of something that is counted, the bound
/// is n - 1. Severity I and II stand for the high priority, of which EEMUA 191 wants 5 %; 20 %, the middle and the high
/// together, is where the mix is turned over.
pub const TARGETS: [Target; 10] = [
    target(Measure::Per10MinMean, 1.0, 2.0, Confidence::Verified),
    target(Measure::Per10MinPeak, 10.0, 10.0, Confidence::Verified),
    target(Measure::FloodPercent, 1.0, 1.0, Confidence::Verified),
    target(Measure::Top10Percent, 1.0, 5.0, Confidence::Unverified),
    target(Measure::Chattering, 0.0, 0.0, Confidence::Unverified),
    target(Measure::Fleeting, 0.0, 0.0, Confidence::Unverified),
    target(Measure::Stale, 0.0, 4.0, Confidence::Unverified),
    target(Measure::Standing, 9.0, 9.0, Confidence::Unverified),
    target(Measure::Shelved, 29.0, 29.0, Confidence::Unverified),
    target(Measure::GravePercent, 5.0, 20.0, Confidence::Unverified),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_the_better_side() {
        let mean = TARGETS[0];
        let of = |value| mean.verdict(value);
        assert_eq!([of(1.0), of(1.01), of(2.0), of(2.01)], {
            use Verdict::{Bad, Good, Tolerable};
            [Good, Tolerable, Tolerable, Bad]
        });
        assert!(TARGETS.iter().all(|target| target.target <= target.worst));
    }
}
