//! What a series usually is at this hour: of any day, of a working day or a weekend, and of this day of the week.

use serde::{Deserialize, Serialize};

use crate::time::UnixMs;

const HOUR_MS: i64 = 3_600_000;
const DAYS_A_WEEK: u8 = 7;
pub(super) const HOURS_A_DAY: u8 = 24;
/// A slot is believed once it holds this many readings; before that the hour of any day stands in for it.
const ENOUGH: u8 = 6;
/// … and its spread from this many on.
const ENOUGH_SPREAD: u8 = 10;
/// Readings a slot of any day remembers, and one of a kind of day or a weekday: a week or two, at a few an hour.
const DAY_MEMORY: u8 = 32;
const WEEK_MEMORY: u8 = 24;

/// Where a moment lies in the week, in the site's own time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HourOfWeek {
    /// 0 is Monday.
    day: usize,
    pub(super) hour: usize,
}

impl HourOfWeek {
    #[expect(clippy::cast_possible_truncation, reason = "remainders of 24 and 7")]
    pub(super) fn of(local: UnixMs) -> Self {
        let hours = local.0.div_euclid(HOUR_MS);
        // 1970-01-01 was a Thursday.
        let day = (hours.div_euclid(HOURS_A_DAY.into()) + 3).rem_euclid(DAYS_A_WEEK.into()) as usize;
        Self { day, hour: hours.rem_euclid(HOURS_A_DAY.into()) as usize }
    }

    fn kind_of_day(self) -> usize {
        usize::from(self.day >= 5)
    }
}

/// The three usual values of one moment, and the usual distance from the second; `None` where nothing is known yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usual {
    pub(super) any_day: Option<f64>,
    pub(super) kind_of_day: Option<f64>,
    pub(super) day_of_week: Option<f64>,
    pub(super) spread: Option<f64>,
}

/// Rows of the table: any day, then working day and weekend, then Monday to Sunday.
const ANY_DAY: usize = 0;
const KIND_OF_DAY: usize = 1;
const KINDS_OF_DAY: usize = 2;
const DAY_OF_WEEK: usize = KIND_OF_DAY + KINDS_OF_DAY;
const ROWS: usize = DAY_OF_WEEK + DAYS_A_WEEK as usize;

/// The usual value of each hour, and the mean distance from it on a working day and on a weekend.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Season {
    means: [[f32; HOURS_A_DAY as usize]; ROWS],
    counts: [[u8; HOURS_A_DAY as usize]; ROWS],
    spreads: [[f32; HOURS_A_DAY as usize]; KINDS_OF_DAY],
}

impl Season {
    pub(super) fn usual(&self, at: HourOfWeek) -> Usual {
        let any_day = self.slot(ANY_DAY, at.hour, 1);
        let kind = at.kind_of_day();
        let has_spread = self.counts[KIND_OF_DAY + kind][at.hour] >= ENOUGH_SPREAD;
        Usual {
            any_day,
            kind_of_day: self.slot(KIND_OF_DAY + kind, at.hour, ENOUGH).or(any_day),
            day_of_week: self.slot(DAY_OF_WEEK + at.day, at.hour, ENOUGH).or(any_day),
            spread: has_spread.then(|| f64::from(self.spreads[kind][at.hour])),
        }
    }

    /// Learns a value that departed so far from the usual one of this kind of day.
    pub(super) fn learn(&mut self, at: HourOfWeek, value: f64, departure: f64) {
        let kind = at.kind_of_day();
        self.add(ANY_DAY, at.hour, value, DAY_MEMORY);
        let count = self.add(KIND_OF_DAY + kind, at.hour, value, WEEK_MEMORY);
        self.add(DAY_OF_WEEK + at.day, at.hour, value, WEEK_MEMORY);
        approach(&mut self.spreads[kind][at.hour], departure.abs(), count);
    }

    fn slot(&self, row: usize, hour: usize, enough: u8) -> Option<f64> {
        (self.counts[row][hour] >= enough).then(|| f64::from(self.means[row][hour]))
    }

    /// How many values the slot's mean stands on.
    fn add(&mut self, row: usize, hour: usize, value: f64, memory: u8) -> u8 {
        let count = self.counts[row][hour].min(memory - 1) + 1;
        self.counts[row][hour] = count;
        approach(&mut self.means[row][hour], value, count);
        count
    }
}

/// Moves a mean of so many values, the newest included, towards it.
#[expect(clippy::cast_possible_truncation, reason = "f32 is precise enough for a usual value")]
fn approach(mean: &mut f32, value: f64, count: u8) {
    let before = f64::from(*mean);
    *mean = (before + (value - before) / f64::from(count)) as f32;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_1970_is_a_thursday_and_the_hour_before_it_a_wednesday() {
        let first = HourOfWeek::of(UnixMs(0));
        let before = HourOfWeek::of(UnixMs(-1));

        assert_eq!((first.day, first.hour), (3, 0));
        assert_eq!((before.day, before.hour), (2, 23));
    }

    #[test]
    fn a_weekend_does_not_change_what_is_usual_on_a_working_day() {
        let mut season = Season::default();
        for day in 0..14 {
            for quarter in 0..4 {
                let at = HourOfWeek::of(UnixMs((day * 24 + 9) * HOUR_MS + quarter * HOUR_MS / 4));
                season.learn(at, if at.kind_of_day() == 1 { 0.0 } else { 10.0 }, 0.0);
            }
        }

        let thursday = season.usual(HourOfWeek::of(UnixMs(9 * HOUR_MS)));
        assert_eq!(thursday.kind_of_day, Some(10.0));
        assert_eq!(season.usual(HourOfWeek::of(UnixMs(3 * HOUR_MS))).any_day, None);
    }

    #[test]
    fn an_hour_has_a_spread_of_its_own_once_it_is_known() {
        let mut season = Season::default();
        let at = |hour: i64| HourOfWeek::of(UnixMs(hour * HOUR_MS));
        for reading in 0..10_i32 {
            assert_eq!(season.usual(at(3)).spread, None);
            let departure = f64::from(reading % 2 * 2 - 1);
            season.learn(at(3), departure, departure);
            season.learn(at(12), 5.0 * departure, 5.0 * departure);
        }

        assert_eq!([3, 12].map(|hour| season.usual(at(hour)).spread), [Some(1.0), Some(5.0)]);
    }
}
