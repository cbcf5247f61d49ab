//! Whether a reading lies beyond everything the series has shown, and how far.

use serde::{Deserialize, Serialize};

use super::parameters::{RECORD_TOLERANCE, RECORD_WEIGHT};

/// Readings before the range they span is a range.
const ENOUGH: u8 = 20;

/// The lowest and the highest reading so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    lowest: f64,
    highest: f64,
    seen: u8,
}

/// A reading beyond the range.
#[derive(Debug, Clone, Copy)]
pub(super) struct Broken {
    /// The bound that it passed.
    pub(super) bound: f64,
    /// The range so far.
    pub(super) range: f64,
    /// Evidence in powers of ten: how many times the tolerance it lies beyond.
    pub(super) evidence: f64,
}

impl Record {
    /// Compares the value with the range, then widens it.
    pub(super) fn judge(&mut self, value: f64) -> Option<Broken> {
        if self.seen == 0 {
            (self.lowest, self.highest) = (value, value);
        }
        let range = self.highest - self.lowest;
        let bound = value.clamp(self.lowest, self.highest);
        let beyond = (value - bound).abs() / range;
        self.lowest = self.lowest.min(value);
        self.highest = self.highest.max(value);
        if self.seen <= ENOUGH {
            self.seen += 1;
            return None;
        }
        let evidence = RECORD_WEIGHT * (beyond / RECORD_TOLERANCE).ln_1p() / std::f64::consts::LN_10;
        (range > 0.0 && beyond > 0.0).then_some(Broken { bound, range, evidence })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(values: impl IntoIterator<Item = f64>) -> Record {
        let mut record = Record::default();
        values.into_iter().for_each(|value| {
            record.judge(value);
        });
        record
    }

    #[test]
    fn far_beyond_the_range_is_more_than_a_little_beyond() {
        let record = after((0..30).map(|i| f64::from(i % 10)));

        let little = record.clone().judge(9.5).unwrap();
        let far = record.clone().judge(-30.0).unwrap();

        assert!(far.evidence > little.evidence, "{far:?} {little:?}");
        assert_eq!((little.bound, far.bound), (9.0, 0.0));
        assert!(record.clone().judge(4.0).is_none());
    }

    #[test]
    fn the_same_record_is_broken_once() {
        let mut record = after((0..30).map(|i| f64::from(i % 10)));

        assert!(record.judge(50.0).is_some());
        assert!(record.judge(50.0).is_none());
    }

    #[test]
    fn a_series_that_never_moved_has_no_range() {
        assert!(after([5.0; 100]).judge(6.0).is_none());
    }
}
