//! Readings taken together in equal steps of time. Pure.

use std::{collections::HashMap, ops::Range};

use domain::time::UnixMs;
use protocol::rest;

use super::Candidate;
use crate::store::{
    codec::{
        Sample,
        chunk::{Summary, Usable},
    },
    rollup::Cell,
};

/// The rank of readings that arrived after all that is in chunks.
pub(super) const IN_TAIL: i64 = i64::MAX;
/// The rank of readings of which summaries are left: before all that is in chunks.
const IN_SUMMARY: i64 = -1;

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
    last: Option<Last>,
}

/// The newest usable reading that is known: its time, the rank of its chunk, and the number itself.
#[derive(Debug, Clone, Copy)]
struct Last {
    at: UnixMs,
    rank: i64,
    number: f64,
}

const EMPTY: Filled = Filled { min: f64::MAX, max: f64::MIN, sum: 0.0, usable_count: 0, reading_count: 0, last: None };

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
            filled.note_last(Last { at: figures.last.0, rank: IN_SUMMARY, number: figures.last.1 });
        }
    }

    /// Adds readings of the chunk of that rank, in order of time.
    pub(super) fn add_usable(&mut self, readings: &Usable, rank: i64) {
        self.by_bucket(readings, |filled, times, numbers| filled.add_usable(times, numbers, rank));
    }

    /// Goes through readings in order of time, bucket by bucket.
    fn by_bucket(&mut self, readings: &Usable, mut take: impl FnMut(&mut Filled, &[UnixMs], &[f64])) {
        let Usable { times, numbers } = readings;
        let mut from = times.partition_point(|at| *at < self.range.start);
        while let Some(index) = times.get(from).and_then(|at| self.index_of(*at)) {
            let after = i64::try_from(index + 1).unwrap_or(i64::MAX).saturating_mul(self.width_ms);
            let end = self.range.start.plus_ms(after).min(self.range.end);
            let until = from + times[from..].partition_point(|at| *at < end);
            take(self.filled[index].get_or_insert(EMPTY), &times[from..until], &numbers[from..until]);
            from = until;
        }
    }

    /// The same buckets with nothing in them.
    pub(super) fn emptied(&self) -> Self {
        Self { range: self.range.clone(), width_ms: self.width_ms, filled: vec![None; self.filled.len()] }
    }

    /// Adds what was filled into buckets that [`emptied`](Self::emptied) made of these, from other chunks.
    pub(super) fn add_part(&mut self, part: Self) {
        for (filled, more) in self.filled.iter_mut().zip(part.filled) {
            match (filled, more) {
                (Some(filled), Some(more)) => filled.add(&more),
                (filled @ None, more) => *filled = more,
                (Some(_), None) => {}
            }
        }
    }

    /// Adds readings of the chunk of that rank, or of the tail; those outside the range are passed over.
    pub(super) fn add_all(&mut self, samples: &[Sample], rank: i64) {
        for sample in samples {
            self.add(sample, rank);
        }
    }

    /// Of chunks that were added by their summaries, takes those that have to be opened next to know which reading was the
    /// last of its bucket; what cannot hold it is dropped.
    pub(super) fn take_unsure_of_last(&self, closed: &mut Vec<Candidate>) -> Vec<Candidate> {
        closed.retain(|candidate| {
            let known =
                self.index_of(candidate.summary.first_at).and_then(|index| self.filled.get(index)?.as_ref()?.last);
            let may_be_later =
                known.is_none_or(|last| (candidate.summary.last_at, candidate.rank) > (last.at, last.rank));
            candidate.summary.usable_count > 0 && may_be_later
        });
        let mut newest: HashMap<Option<usize>, (UnixMs, i64)> = HashMap::new();
        for candidate in &*closed {
            let rank = (candidate.summary.last_at, candidate.rank);
            let newest = newest.entry(self.index_of(candidate.summary.first_at)).or_insert(rank);
            *newest = (*newest).max(rank);
        }
        let is_newest = |candidate: &mut Candidate| {
            let newest = newest.get(&self.index_of(candidate.summary.first_at));
            newest == Some(&(candidate.summary.last_at, candidate.rank))
        };
        closed.extract_if(.., is_newest).collect()
    }

    /// Looks for the last readings among those of a chunk whose summary was added.
    pub(super) fn note_last(&mut self, readings: &Usable, rank: i64) {
        self.by_bucket(readings, |filled, times, numbers| filled.note_last_of(times, numbers, rank));
    }

    fn add(&mut self, sample: &Sample, rank: i64) {
        let Some(filled) = self.bucket_of(sample.at) else { return };
        filled.reading_count += 1;
        if let Some(number) = sample.usable() {
            filled.usable_count += 1;
            filled.min = filled.min.min(number);
            filled.max = filled.max.max(number);
            filled.sum += number;
            filled.note_last(Last { at: sample.at, rank, number });
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
                    last: filled.last.map(|last| last.number),
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
    fn add(&mut self, other: &Self) {
        self.reading_count += other.reading_count;
        self.usable_count += other.usable_count;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
        if let Some(last) = other.last {
            self.note_last(last);
        }
    }

    fn add_usable(&mut self, times: &[UnixMs], numbers: &[f64], rank: i64) {
        let Self { mut min, mut max, mut sum, mut usable_count, .. } = *self;
        for &number in numbers {
            let is_usable = !number.is_nan();
            usable_count += u64::from(is_usable);
            sum += if is_usable { number } else { 0.0 };
            // Both pass over what is not a number.
            (min, max) = (min.min(number), max.max(number));
        }
        *self = Self { min, max, sum, usable_count, reading_count: self.reading_count + numbers.len() as u64, ..*self };
        self.note_last_of(times, numbers, rank);
    }

    /// Of readings in order of time.
    fn note_last_of(&mut self, times: &[UnixMs], numbers: &[f64], rank: i64) {
        if let Some(place) = numbers.iter().rposition(|number| !number.is_nan()) {
            self.note_last(Last { at: times[place], rank, number: numbers[place] });
        }
    }

    fn note_last(&mut self, reading: Last) {
        if self.last.is_none_or(|last| (reading.at, reading.rank) >= (last.at, last.rank)) {
            self.last = Some(reading);
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

    fn usable(samples: &[Sample]) -> Usable {
        let numbers = samples.iter().map(|sample| sample.usable().unwrap_or(f64::NAN)).collect();
        Usable { times: samples.iter().map(|sample| sample.at).collect(), numbers }
    }

    #[test]
    fn a_bucket_tells_its_extremes_and_counts_what_it_cannot_judge() {
        let mut buckets = Buckets::new(UnixMs(100)..UnixMs(130), 3);
        buckets.add_all(
            &[sample(100, Some(4.0)), sample(109, Some(8.0)), sample(129, None), sample(130, Some(1.0))],
            IN_TAIL,
        );
        assert_eq!(buckets.width_ms(), 10);
        let expected = [
            rest::Bucket { at_ms: 100, min: Some(4.0), max: Some(8.0), mean: Some(6.0), last: Some(8.0), count: 2 },
            rest::Bucket { at_ms: 120, min: None, max: None, mean: None, last: None, count: 1 },
        ];
        assert_eq!(buckets.finish(), expected);
    }

    #[test]
    fn only_the_chunk_that_may_hold_the_last_reading_is_opened() {
        let mut buckets = Buckets::new(UnixMs(0)..UnixMs(100), 1);
        let chunk = |id, from: i64, values: &[Option<f64>]| {
            let samples: Vec<Sample> = (from..).zip(values).map(|(at, value)| sample(at, *value)).collect();
            (Candidate { id, rank: id, summary: Summary::of(&samples).unwrap() }, usable(&samples))
        };
        // The newest readings of the newest chunk are unusable, and the third came late.
        let (first, _) = chunk(1, 10, &[Some(1.0), Some(2.0)]);
        let (second, samples) = chunk(2, 20, &[Some(3.0), None, None, None, None]);
        let (late, late_samples) = chunk(3, 21, &[Some(9.0)]);
        for candidate in [&first, &second, &late] {
            buckets.add_summary(&candidate.summary);
        }
        let mut closed = vec![first, second, late];
        let ids = |candidates: Vec<Candidate>| candidates.iter().map(|it| it.id).collect::<Vec<_>>();
        assert_eq!(ids(buckets.take_unsure_of_last(&mut closed)), [2]);
        buckets.note_last(&samples, 2);
        assert_eq!(ids(buckets.take_unsure_of_last(&mut closed)), [3]);
        buckets.note_last(&late_samples, 3);
        assert_eq!(ids(buckets.take_unsure_of_last(&mut closed)), [0; 0]);
        assert_eq!(buckets.finish()[0].last, Some(9.0));
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
            let mut closed = vec![Candidate { id: 7, rank: 7, summary }];
            while let [_] = one.take_unsure_of_last(&mut closed).as_slice() {
                one.note_last(&usable(&samples), 7);
            }
            other.add_all(&samples, 7);
            prop_assert_eq!(one.finish(), other.finish());
        }

        #[test]
        fn many_at_once_are_the_same_as_each_alone(
            values in proptest::collection::vec((-100_i64..1100, prop::option::of(-50_i32..50)), 0..60)
        ) {
            let mut samples: Vec<Sample> =
                values.iter().map(|&(at, value)| sample(at, value.map(f64::from))).collect();
            samples.sort_by_key(|sample| sample.at);
            let range = UnixMs(0)..UnixMs(1000);
            let (mut one, mut other) = (Buckets::new(range.clone(), 7), Buckets::new(range, 7));
            one.add_usable(&usable(&samples), 3);
            other.add_all(&samples, 3);
            prop_assert_eq!(one.finish(), other.finish());
        }

        #[test]
        fn parts_in_any_order_are_the_whole(
            values in proptest::collection::vec((0_i64..1000, prop::option::of(-50_i32..50)), 0..60),
            size in 1_usize..20,
        ) {
            let samples: Vec<Sample> = values.iter().map(|&(at, value)| sample(at, value.map(f64::from))).collect();
            let range = UnixMs(0)..UnixMs(1000);
            let (mut whole, mut sum) = (Buckets::new(range.clone(), 7), Buckets::new(range, 7));
            let chunks: Vec<(i64, &[Sample])> = (0..).zip(samples.chunks(size)).collect();
            for &(rank, chunk) in &chunks {
                whole.add_all(chunk, rank);
            }
            for &(rank, chunk) in chunks.iter().rev() {
                let mut part = sum.emptied();
                part.add_all(chunk, rank);
                sum.add_part(part);
            }
            prop_assert_eq!(whole.finish(), sum.finish());
        }
    }
}
