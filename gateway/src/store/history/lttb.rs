//! Which few of many readings to draw so that the line looks the same. Pure.
//!
//! Largest Triangle Three Buckets (S. Steinarsson, "Downsampling Time Series for Visual Representation", University of
//! Iceland 2013): of each bucket the reading that spans the largest triangle with the one chosen before it and the mean of
//! the next bucket. So that a month at 1 Hz needs no more memory than a minute, only the smallest and the largest reading of
//! each of four times as many buckets of time are looked at (`MinMaxLTTB`, J. Van Der Donckt and others, 2023, which found
//! four to be enough).

use std::ops::Range;

use domain::time::UnixMs;

/// Buckets of time for each reading that is wanted: the ratio that the paper on `MinMaxLTTB` recommends.
const PRESELECTION: usize = 4;

/// A number at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) at: UnixMs,
    pub(super) number: f64,
}

/// The smallest and the largest reading of each of many buckets, gathered in one pass.
#[derive(Debug)]
pub(super) struct Preselection {
    range: Range<UnixMs>,
    buckets: Vec<Option<(Point, Point)>>,
    ends: Option<(Point, Point)>,
    count: u64,
}

impl Preselection {
    /// For `wanted` readings of a range.
    pub(super) fn new(range: Range<UnixMs>, wanted: usize) -> Self {
        Self { range, buckets: vec![None; wanted.max(1) * PRESELECTION], ends: None, count: 0 }
    }

    /// Takes a finite number within the range, in order of time.
    pub(super) fn take(&mut self, point: Point) {
        self.count += 1;
        self.ends = Some((self.ends.map_or(point, |(first, _)| first), point));
        let length = i128::from(self.range.end.since_ms(self.range.start).max(1));
        let passed = i128::from(point.at.since_ms(self.range.start));
        let index = usize::try_from(passed * self.buckets.len() as i128 / length).unwrap_or(0);
        let Some(bucket) = self.buckets.get_mut(index) else { return };
        let (mut least, mut most) = bucket.unwrap_or((point, point));
        if point.number < least.number {
            least = point;
        }
        if point.number > most.number {
            most = point;
        }
        *bucket = Some((least, most));
    }

    /// How many were taken.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The extremes of all buckets with the first and the last of all, in order of time.
    pub(super) fn finish(self) -> Vec<Point> {
        let Some((first, last)) = self.ends else { return Vec::new() };
        let extremes = self
            .buckets
            .into_iter()
            .flatten()
            .flat_map(|(least, most)| if most.at < least.at { [most, least] } else { [least, most] });
        let mut points = vec![first];
        for point in extremes.chain([last]) {
            // One may be the first, the smallest and the largest of its bucket at once.
            if points.last() != Some(&point) && point != first {
                points.push(point);
            }
        }
        if points.last() != Some(&last) {
            points.push(last);
        }
        points
    }
}

/// At most `wanted` of the points, which are in order of time; the first and the last are among them. With fewer than
/// three wanted, those two.
pub(super) fn choose(points: &[Point], wanted: usize) -> Vec<Point> {
    if points.len() <= wanted {
        return points.to_vec();
    }
    let (Some(&first), Some(&last)) = (points.first(), points.last()) else { return Vec::new() };
    if wanted < 3 {
        return [first, last].into_iter().take(wanted).collect();
    }
    let inner = &points[1..points.len() - 1];
    let bucket = |index: usize| {
        let bound = |index: usize| index * inner.len() / (wanted - 2);
        &inner[bound(index)..bound(index + 1)]
    };
    let mut chosen = vec![first];
    let mut before = first;
    for index in 0..wanted - 2 {
        let next = if index + 1 < wanted - 2 { bucket(index + 1) } else { std::slice::from_ref(&last) };
        let mean = mean_of(next, first.at);
        let area = |point: &Point| {
            let (x, y) = (offset(before.at, first.at), before.number);
            ((x - mean.0) * (point.number - y) - (x - offset(point.at, first.at)) * (mean.1 - y)).abs()
        };
        let largest = bucket(index).iter().max_by(|left, right| area(left).total_cmp(&area(right)));
        if let Some(&largest) = largest {
            chosen.push(largest);
            before = largest;
        }
    }
    chosen.push(last);
    chosen
}

/// Mean time, from `origin`, and mean number.
fn mean_of(points: &[Point], origin: UnixMs) -> (f64, f64) {
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 readings are drawn")]
    let count = points.len().max(1) as f64;
    // Each part is divided before it is added: the sum of two of the largest floats is infinite.
    let time = points.iter().map(|point| offset(point.at, origin) / count).sum();
    let number = points.iter().map(|point| point.number / count).sum();
    (time, number)
}

#[expect(clippy::cast_precision_loss, reason = "a range of time is far shorter than 2^53 ms")]
fn offset(at: UnixMs, origin: UnixMs) -> f64 {
    at.since_ms(origin) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn points(numbers: &[f64]) -> Vec<Point> {
        (0..).zip(numbers).map(|(at, &number)| Point { at: UnixMs(at * 10), number }).collect()
    }

    fn preselected(all: &[Point], wanted: usize) -> Vec<Point> {
        let end = all.last().map_or(UnixMs(1), |last| last.at.plus_ms(1));
        let mut preselection = Preselection::new(UnixMs(0)..end, wanted);
        for &point in all {
            preselection.take(point);
        }
        assert_eq!(preselection.count(), all.len() as u64);
        preselection.finish()
    }

    #[test]
    fn a_spike_of_one_reading_in_a_hundred_thousand_is_drawn() {
        let mut numbers = vec![4.0; 100_000];
        numbers[70_123] = 9.5;
        numbers[20_001] = -3.0;
        let all = points(&numbers);
        let drawn = choose(&preselected(&all, 200), 200);
        assert!(drawn.len() <= 200);
        assert!(drawn.contains(&all[70_123]) && drawn.contains(&all[20_001]), "{drawn:?}");
        assert_eq!((drawn.first(), drawn.last()), (all.first(), all.last()));
    }

    #[test]
    fn a_corner_is_worth_more_than_a_straight_line() {
        let all = points(&[0.0, 1.0, 2.0, 3.0, 10.0, 3.0, 2.0, 1.0, 0.0]);
        let drawn: Vec<f64> = choose(&all, 3).iter().map(|point| point.number).collect();
        assert_eq!(drawn, [0.0, 10.0, 0.0]);
    }

    #[test]
    fn few_are_left_alone_and_very_few_may_be_wanted() {
        let all = points(&[1.0, 2.0, 3.0]);
        assert_eq!(choose(&all, 3), all);
        assert_eq!(choose(&all, 2), [all[0], all[2]]);
        assert_eq!(choose(&all, 1), [all[0]]);
        assert_eq!(choose(&[], 5), []);
        assert_eq!(preselected(&[], 5), []);
        assert_eq!(preselected(&all[..1], 5), [all[0]]);
    }

    proptest! {
        #[test]
        fn what_is_drawn_was_measured_and_is_in_order(
            numbers in prop::collection::vec(prop_oneof![-1e3..1e3_f64, Just(f64::MAX), Just(f64::MIN)], 0..400),
            wanted in 0_usize..60,
        ) {
            let all = points(&numbers);
            let candidates = preselected(&all, wanted);
            prop_assert!(candidates.len() <= wanted.max(1) * PRESELECTION * 2 + 2);
            let drawn = choose(&candidates, wanted);
            prop_assert!(drawn.len() <= wanted);
            prop_assert!(drawn.is_sorted_by(|left, right| left.at < right.at));
            prop_assert!(drawn.iter().all(|point| all.contains(point)));
            if wanted >= 2 && all.len() >= 2 {
                prop_assert_eq!((drawn.first(), drawn.last()), (all.first(), all.last()));
                // The preselection keeps the extremes of all.
                let most = |points: &[Point]| points.iter().map(|point| point.number).fold(f64::MIN, f64::max);
                let least = |points: &[Point]| points.iter().map(|point| point.number).fold(f64::MAX, f64::min);
                prop_assert_eq!(most(&candidates).to_bits(), most(&all).to_bits());
                prop_assert_eq!(least(&candidates).to_bits(), least(&all).to_bits());
            }
            if wanted >= 3 && all.len() >= wanted && candidates.len() >= wanted {
                prop_assert_eq!(drawn.len(), wanted);
            }
        }
    }
}
