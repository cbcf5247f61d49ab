//! A series as the few readings that draw the same line.

use std::ops::Range;

use domain::{
    id::{DeviceId, MetricName},
    reading::{Quality, Value},
    time::UnixMs,
};
use protocol::rest;

use super::{
    BUCKETS_MAX, Sample, Store, StoreError,
    lttb::{self, Point, Preselection},
    ordered::Cursor,
};
use crate::store::scope::Scope;

impl Store {
    /// One series over `[range.start, range.end)` as at most `count` (1 to [`BUCKETS_MAX`]) of its usable numbers, those
    /// that draw the same line; with fewer, all of them. Between them stand unusable readings, at most one for each, so
    /// that no line is drawn through what nobody knows.
    ///
    /// None: the device is not in the scope, or nobody has ever heard of it.
    pub async fn thinned_history(
        &self,
        scope: &Scope,
        device: &DeviceId,
        metric: &MetricName,
        range: Range<UnixMs>,
        count: u32,
    ) -> Result<Option<rest::History>, StoreError> {
        let count = count.clamp(1, BUCKETS_MAX) as usize;
        if !self.is_visible(scope, device).await? {
            return Ok(None);
        }
        let mut preselection = Preselection::new(range.clone(), count);
        let mut breaks = Vec::new();
        if let Some(series) = self.series_of(device, metric).await? {
            let mut cursor = Cursor::new(series, range.clone());
            let width_ms = range.end.since_ms(range.start).div_euclid(i64::try_from(count).unwrap_or(1)).max(1);
            while let Some(page) = cursor.next_page(self).await? {
                for sample in page {
                    if let Some(number) = sample.usable() {
                        preselection.take(Point { at: sample.at, number });
                        continue;
                    }
                    let is_near = |last: &Sample| sample.at.since_ms(last.at) < width_ms;
                    if !breaks.last().is_some_and(is_near) {
                        breaks.push(Sample { value: None, ..sample });
                    }
                }
            }
        }
        let thinned_from = preselection.count();
        let chosen = lttb::choose(&preselection.finish(), count);
        let good = |point: &Point| rest::Point {
            at_ms: point.at.0,
            value: Some(Value::Float(point.number)),
            quality: Quality::Good,
        };
        let broken = |sample: Sample| rest::Point { at_ms: sample.at.0, value: None, quality: sample.quality };
        let mut points: Vec<rest::Point> = chosen.iter().map(good).chain(breaks.into_iter().map(broken)).collect();
        points.sort_by_key(|point| point.at_ms);
        Ok(Some(rest::History {
            metric: metric.clone(),
            from_ms: range.start.0,
            to_ms: range.end.0,
            bucket_ms: None,
            thinned_from: Some(thinned_from),
            points,
            buckets: Vec::new(),
        }))
    }
}
