//! What the same hour brings day after day is a habit of the series, however rare it is among all readings.
//!
//! A defrost at three in the morning is one reading in three hundred. Conformal prediction asks for evidence within a
//! reading's own kind where kinds differ (Vovk et al., "Algorithmic Learning in a Random World", chapter 4); with one hour of few
//! days there is too little to rank, so the hour's own record of the last two days is what counts against it.

use serde::{Deserialize, Serialize};

use super::parameters::HABIT_SHARE;
use super::season::{HOURS_A_DAY, HourOfWeek};

const HOURS: usize = HOURS_A_DAY as usize;

/// The strongest evidence of each hour of the day.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Habit {
    now: Option<HourOfWeek>,
    /// The strongest of the present hour so far.
    strongest: f32,
    /// The strongest when that hour was last seen.
    last: [f32; HOURS],
    /// What it reached on both of the last two days: once is no habit.
    both: [f32; HOURS],
    /// The mean of those: what any hour brings.
    any_hour: f32,
}

impl Habit {
    /// The evidence less a share of what this hour, beyond any hour, brought on both of the last two days.
    pub(super) fn judge(&mut self, at: HourOfWeek, evidence: f64) -> f64 {
        if self.now != Some(at) {
            self.turn(at);
        }
        #[expect(clippy::cast_possible_truncation, reason = "f32 is precise enough for evidence")]
        let as_remembered = evidence as f32;
        self.strongest = self.strongest.max(as_remembered);
        evidence - HABIT_SHARE * f64::from((self.both[at.hour] - self.any_hour).max(0.0))
    }

    fn turn(&mut self, at: HourOfWeek) {
        if let Some(HourOfWeek { hour, .. }) = self.now.replace(at) {
            self.both[hour] = self.strongest.min(self.last[hour]);
            self.last[hour] = self.strongest;
        }
        self.strongest = 0.0;
        self.any_hour = self.both.iter().sum::<f32>() / f32::from(HOURS_A_DAY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::UnixMs;

    /// What is left of the evidence of 4 at three o'clock, on one day after another.
    fn on_days(evidence_at_three: impl IntoIterator<Item = f64>) -> Vec<f64> {
        let mut habit = Habit::default();
        let mut left = Vec::new();
        for (day, evidence) in (0_i64..).zip(evidence_at_three) {
            for hour in 0..24 {
                let at = HourOfWeek::of(UnixMs((day * 24 + hour) * 3_600_000));
                let judged = habit.judge(at, if hour == 3 { evidence } else { 0.5 });
                if hour == 3 {
                    left.push(judged);
                }
            }
        }
        left
    }

    #[test]
    fn what_comes_at_the_same_hour_of_every_day_counts_for_less() {
        let left = on_days([4.0; 4]);

        assert_eq!(left[..2], [4.0, 4.0]);
        assert!(left[2] < 3.0 && left[3] < 3.0, "{left:?}");
    }

    #[test]
    fn once_is_no_habit_and_a_day_without_ends_it() {
        let left = on_days([4.0, 0.5, 4.0, 4.0, 0.5, 4.0]);

        assert!([left[2], left[3], left[5]].iter().all(|&left| left > 3.9), "{left:?}");
    }
}
