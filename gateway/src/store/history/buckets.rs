//! Readings taken together in equal steps of time. Pure.

use std::ops::Range;

use domain::time::UnixMs;
use protocol::rest;

use crate::store::{
    codec::{Sample, chunk::Summary},
    rollup::Cell,
};

/// A range cut into equal buckets; the last may be cut short by the range's end.
#[derive(Debug)]
pub(super) struct Buckets {
    range: Range<UnixMs>,
    width_ms: i64,
    filled: Vec<Option<Filled>>,
}

#[derive(Debug, Clone, Copy)]
struct Filled {
    min: f64,
    max: f64,
    sum: f64,
    usable_count: u64,
    reading_count: u64,
}

const EMPTY: Filled = Filled { min: f64::MAX, max: f64::MIN, sum: 0.0, usable_count: 0, reading_count: 0 };

impl Buckets {
    /// At most `count` buckets over a range that is not empty.
    pub(super) fn new(range: Range<UnixMs>, count: u32) -> Self {
        let length_ms = range.end.since_ms(range.start).max(1);
        let width_ms =
            length_ms.div_euclid(i64::from(count.max(1))) + i64::from(length_ms % i64::from(count.max(1)) != 0);
        let needed = usize::try_from((length_ms - 1) / width_ms + 1).unwrap_or(0);
        Self { range, width_ms, filled: vec![None; needed] }
    }

    /// Milliseconds of one bucket.
    pub(super) const fn width_ms(&self) -> i64 {
        self.width_ms
    }

    /// Whether all of a chunk falls into one bucket, so that its summary says everything.
    pub(super) fn holds_whole(&self, chunk: &Summary) -> bool {
        matches!(
            (self.index_of(chunk.first_at), self.index_of(chunk.last_at)),
            (Some(first), Some(last)) if first == last
        )
    }

    /// Adds a chunk that one bucket holds whole.
    pub(super) fn add_summary(&mut self, chunk: &Summary) {
        let Some(filled) = self.bucket_of(chunk.first_at) else { return };
        filled.reading_count += chunk.reading_count;
        if chunk.usable_count > 0 {
            filled.usable_count += chunk.usable_count;
            filled.min = filled.min.min(chunk.min);
            filled.max = filled.max.max(chunk.max);
            filled.sum += chunk.sum;
        }
    }

    /// Adds what is left of readings that are not kept any more: to the bucket in which the cell begins, or to the
    /// first, when it begins before the range.
    pub(super) fn add_cell(&mut self, cell: &Cell) {
        let at = cell.at.max(self.range.start);
        let Some(filled) = self.bucket_of(at) else { return };
        filled.reading_count += cell.reading_count;
        if let Some(figures) = &cell.figures {
            filled.usable_count += figures.count;
            filled.min = filled.min.min(figures.min);
            filled.max = filled.max.max(figures.max);
            filled.sum += figures.sum;
        }
    }

    /// Adds readings of a chunk, each with its number, NaN when it cannot be judged. Most are near the one before.
    pub(super) fn add_usable(&mut self, readings: &[(UnixMs, f64)]) {
        let mut rest = readings;
        while let Some(&(at, _)) = rest.first() {
            let Some(index) = self.index_of(at) else {
                rest = &rest[1..];
                continue;
            };
            let start =
                self.range.start.plus_ms(i64::try_from(index).unwrap_or(i64::MAX).saturating_mul(self.width_ms));
            let end = start.plus_ms(self.width_ms).min(self.range.end);
            let same = rest.iter().take_while(|(at, _)| (start..end).contains(at)).count().max(1);
            let (bucket, after) = rest.split_at(same);
            self.filled[index].get_or_insert(EMPTY).add_usable(bucket);
            rest = after;
        }
    }

    /// What is filled so far; what stays behind is empty and of no use.
    pub(super) fn take(&mut self) -> Self {
        Self { range: self.range.clone(), width_ms: self.width_ms, filled: std::mem::take(&mut self.filled) }
    }

    /// Adds readings; those outside the range are passed over.
    pub(super) fn add_all(&mut self, samples: &[Sample]) {
        for sample in samples {
            self.add(sample);
        }
    }

    fn add(&mut self, sample: &Sample) {
        let Some(filled) = self.bucket_of(sample.at) else { return };
        filled.reading_count += 1;
        if let Some(number) = sample.usable() {
            filled.usable_count += 1;
            filled.min = filled.min.min(number);
            filled.max = filled.max.max(number);
            filled.sum += number;
        }
    }

    /// The buckets that hold readings, in time order.
    pub(super) fn finish(self) -> Vec<rest::Bucket> {
        let Self { range, width_ms, filled } = self;
        (0_i64..)
            .zip(filled)
            .filter_map(|(index, filled)| {
                let filled = filled?;
                let has_figures = filled.usable_count > 0;
                #[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 readings in a bucket")]
                let mean = filled.sum / filled.usable_count as f64;
                Some(rest::Bucket {
                    at_ms: range.start.plus_ms(index * width_ms).0,
                    min: has_figures.then_some(filled.min),
                    max: has_figures.then_some(filled.max),
                    mean: has_figures.then_some(mean),
                    count: filled.reading_count,
                })
            })
            .collect()
    }

    fn index_of(&self, at: UnixMs) -> Option<usize> {
        if !self.range.contains(&at) {
            return None;
        }
        usize::try_from(at.since_ms(self.range.start) / self.width_ms).ok()
    }

    fn bucket_of(&mut self, at: UnixMs) -> Option<&mut Filled> {
        let index = self.index_of(at)?;
        self.filled.get_mut(index).map(|filled| filled.get_or_insert(EMPTY))
    }
}

impl Filled {
    fn add_usable(&mut self, readings: &[(UnixMs, f64)]) {
        self.reading_count += readings.len() as u64;
        for &(_, number) in readings {
            if !number.is_nan() {
                self.usable_count += 1;
                self.min = self.min.min(number);
                self.max = self.max.max(number);
                self.sum += number;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::reading::{Quality, Value};
    use proptest::prelude::*;

    use super::*;

    fn sample(at: i64, value: Option<f64>) -> Sample {
        let quality = if value.is_some() { Quality::Good } else { Quality::Bad };
        Sample { at: UnixMs(at), value: value.map(Value::Float), quality }
    }

    #[test]
    fn a_bucket_tells_its_extremes_and_counts_what_it_cannot_judge() {
        let mut buckets = Buckets::new(UnixMs(100)..UnixMs(130), 3);
        buckets.add_all(&[sample(100, Some(4.0)), sample(109, Some(8.0)), sample(129, None), sample(130, Some(1.0))]);
        assert_eq!(buckets.width_ms(), 10);
        let expected = [
            rest::Bucket { at_ms: 100, min: Some(4.0), max: Some(8.0), mean: Some(6.0), count: 2 },
            rest::Bucket { at_ms: 120, min: None, max: None, mean: None, count: 1 },
        ];
        assert_eq!(buckets.finish(), expected);
    }

    proptest! {
        #[test]
        fn there_are_never_more_buckets_than_asked_for(from: i32, length in 1_i64..100_000_000, count in 1_u32..3000) {
            let range = UnixMs(i64::from(from))..UnixMs(i64::from(from) + length);
            let buckets = Buckets::new(range.clone(), count);
            prop_assert!(buckets.filled.len() <= count as usize);
            prop_assert!(buckets.index_of(UnixMs(range.end.0 - 1)).unwrap() < buckets.filled.len());
        }

        #[test]
        fn a_summary_says_what_its_readings_say(values in proptest::collection::vec(prop::option::of(-50_i32..50), 1..40)) {
            let samples: Vec<Sample> =
                (0..).zip(&values).map(|(at, value)| sample(at, value.map(f64::from))).collect();
            let range = UnixMs(0)..UnixMs(1000);
            let (mut one, mut other) = (Buckets::new(range.clone(), 4), Buckets::new(range, 4));
            let summary = Summary::of(&samples).unwrap();
            prop_assert!(one.holds_whole(&summary));
            one.add_summary(&summary);
            other.add_all(&samples);
            prop_assert_eq!(one.finish(), other.finish());
        }

        #[test]
        fn many_at_once_are_the_same_as_each_alone(
            values in proptest::collection::vec((-100_i64..1100, prop::option::of(-50_i32..50)), 0..60)
        ) {
            let samples: Vec<Sample> =
                values.iter().map(|&(at, value)| sample(at, value.map(f64::from))).collect();
            let usable: Vec<_> =
                samples.iter().map(|sample| (sample.at, sample.usable().unwrap_or(f64::NAN))).collect();
            let range = UnixMs(0)..UnixMs(1000);
            let (mut one, mut other) = (Buckets::new(range.clone(), 7), Buckets::new(range, 7));
            one.add_usable(&usable);
            other.add_all(&samples);
            prop_assert_eq!(one.finish(), other.finish());
        }
    }
}
