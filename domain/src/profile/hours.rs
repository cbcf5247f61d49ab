//! Hours of the day in which a rule is judged. Beijing time has neither summer time nor districts: it is UTC and eight
//! hours, always.

use crate::time::UnixMs;

const DAY_MS: i64 = 24 * 3600 * 1000;
const BEIJING_MS: i64 = 8 * 3600 * 1000;

/// A span of every day, from one moment to another; over midnight when it ends before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Daily {
    /// Milliseconds after midnight, Beijing time, inclusive.
    from: i64,
    /// The same, exclusive.
    to: i64,
}

impl Daily {
    /// From and to an hour; 22.5 is half past ten in the evening. Both the same: all day.
    #[expect(clippy::cast_possible_truncation, reason = "hours of a day, brought within one")]
    pub fn new(from_h: f64, to_h: f64) -> Self {
        let within = |hour: f64| ((hour * 3_600_000.0) as i64).rem_euclid(DAY_MS);
        Self { from: within(from_h), to: within(to_h) }
    }

    /// Whether it never ends.
    pub const fn is_all_day(self) -> bool {
        self.from == self.to
    }

    /// Whether the moment lies in it.
    pub const fn contains(self, at: UnixMs) -> bool {
        let time = Self::time_of_day(at);
        if self.from < self.to { self.from <= time && time < self.to } else { self.from <= time || time < self.to }
    }

    /// How long until it next begins or ends, in milliseconds; at least 1.
    pub fn until_change_ms(self, at: UnixMs) -> u64 {
        let time = Self::time_of_day(at);
        let ahead = |moment: i64| match (moment - time).rem_euclid(DAY_MS) {
            0 => DAY_MS,
            ahead => ahead,
        };
        ahead(self.from).min(ahead(self.to)).cast_unsigned()
    }

    /// The moment as people's clocks show it, where the days of the week and the hours are theirs.
    pub(crate) const fn local(at: UnixMs) -> UnixMs {
        at.plus_ms(BEIJING_MS)
    }

    const fn time_of_day(at: UnixMs) -> i64 {
        Self::local(at).0.rem_euclid(DAY_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-10-01T00:00:00 in Beijing, and so many hours.
    fn at(hour: f64) -> UnixMs {
        #[expect(clippy::cast_possible_truncation, reason = "a few hours")]
        UnixMs(1_790_784_000_000 + (hour * 3_600_000.0) as i64)
    }

    #[test]
    fn a_night_spans_midnight_and_a_day_does_not() {
        let check = |from_h, to_h, hour, expected, change_h: f64| {
            let daily = Daily::new(from_h, to_h);
            assert_eq!(daily.contains(at(hour)), expected, "{hour} in {from_h}..{to_h}");
            #[expect(clippy::cast_precision_loss, reason = "a day of milliseconds")]
            let change = daily.until_change_ms(at(hour)) as f64 / 3_600_000.0;
            assert!((change - change_h).abs() < 1e-6, "{change} for {hour} in {from_h}..{to_h}");
        };
        check(22.0, 6.0, 23.0, true, 7.0);
        check(22.0, 6.0, 5.5, true, 0.5);
        check(22.0, 6.0, 6.0, false, 16.0);
        check(22.0, 6.0, 22.0, true, 8.0);
        check(6.5, 20.0, 6.5, true, 13.5);
        check(6.5, 20.0, 20.0, false, 10.5);
        check(8.0, 8.0, 3.0, true, 5.0);
    }
}
