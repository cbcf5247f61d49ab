//! Dates of certificates: a statutory inspection, a licence. The registry holds each as a number of the nameplate in
//! the form 20270630, which people read and spreadsheets keep.

use crate::time::UnixMs;

const DAY_MS: i64 = 24 * 3600 * 1000;
const BEIJING_MS: i64 = 8 * 3600 * 1000;

/// The end of the day that a number such as 20270630 names, Beijing time: a certificate is good through its last day.
/// None: it names no day.
#[expect(clippy::cast_possible_truncation, reason = "checked to be a whole number of eight digits")]
pub fn end_of_day(number: f64) -> Option<UnixMs> {
    if number.fract() != 0.0 || !(19_000_101.0..=29_991_231.0).contains(&number) {
        return None;
    }
    let number = number as i64;
    let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    (1..=length).contains(&day).then(|| UnixMs((days_since_1970(year, month, day) + 1) * DAY_MS - BEIJING_MS))
}

/// Counted in years that begin in March, so that the leap day is the last of its year.
const fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let months_since_march = (month + 9) % 12;
    let day_of_year = (153 * months_since_march + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_names_a_day() {
        let check = |number: f64, expected: Option<i64>| {
            assert_eq!(end_of_day(number).map(|end| end.0), expected, "{number}");
        };
        // date -d '2026-10-02 00:00 +0800' +%s
        check(20_261_001.0, Some(1_790_870_400_000));
        // date -d '2028-03-01 00:00 +0800' +%s
        check(20_280_229.0, Some(1_835_452_800_000));
        // date -d '1970-01-01 00:00 +0800' +%s, and a day
        check(19_700_101.0, Some(57_600_000));
        for nonsense in [20_270_229.0, 20_271_301.0, 20_270_100.0, 20_270_431.0, 2027.0, 20_270_630.5, f64::NAN, -1.0] {
            check(nonsense, None);
        }
    }
}
