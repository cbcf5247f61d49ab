//! One alert for one episode: after a finding the detector is quiet unless something rarer follows.

use serde::{Deserialize, Serialize};

use super::parameters::{
    AGE_NEUTRAL, AGE_WEIGHT, AGE_YOUNGEST, LEAST_EVIDENCE, QUIET_LONGEST, QUIET_MARGIN, QUIET_SHARE, QUIET_SHORTEST,
};

/// What was last let through.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Quiet {
    readings: u32,
    /// Readings still to be quiet for, and the evidence of what began it.
    left: u32,
    bar: f64,
}

impl Quiet {
    /// The evidence, less what the series' age asks, when it deserves a person's eye, else 0.
    pub(super) fn pass(&mut self, evidence: f64) -> f64 {
        self.readings = self.readings.saturating_add(1);
        self.left = self.left.saturating_sub(1);
        let age = f64::from(self.readings).max(AGE_YOUNGEST);
        let evidence = evidence - AGE_WEIGHT * (age / AGE_NEUTRAL).log10();
        let bar = if self.left > 0 { LEAST_EVIDENCE.max(self.bar + QUIET_MARGIN) } else { LEAST_EVIDENCE };
        if evidence <= bar {
            return 0.0;
        }
        self.left = (self.readings / QUIET_SHARE).clamp(QUIET_SHORTEST, QUIET_LONGEST);
        self.bar = evidence;
        evidence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_episode_gives_one_alert_unless_it_gets_worse() {
        let mut quiet = Quiet::default();
        let passed = [3.0, 3.2, 3.0, 4.0].map(|evidence| quiet.pass(evidence) > 0.0);

        assert_eq!(passed, [true, false, false, true]);
    }

    #[test]
    fn the_next_episode_gives_an_alert_again() {
        let mut quiet = Quiet::default();
        quiet.pass(3.0);
        (0..QUIET_SHORTEST).for_each(|_| {
            quiet.pass(0.0);
        });

        assert!(quiet.pass(3.0) > 0.0);
    }

    #[test]
    fn the_same_evidence_counts_for_less_in_a_long_life() {
        let mut young = Quiet::default();
        let mut old = Quiet { readings: 100_000, ..Quiet::default() };

        assert!(young.pass(3.0) > old.pass(3.0));
    }
}
