//! How long each value of a state held.

use std::ops::Range;

use domain::{
    id::{DeviceId, MetricName},
    states::{StateHistory, StateRecorder},
    time::UnixMs,
};

use super::{Store, StoreError, ordered::Cursor};
use crate::store::scope::Scope;

impl Store {
    /// The states of one series over `[range.start, range.end)`; nothing is known beyond `now`. A reading counts as
    /// present for `stale_after_ms`, also one from before the range. At most `spans_max` stretches are told one by one.
    ///
    /// None: the device is not in the scope, or nobody has ever heard of it.
    pub async fn state_history(
        &self,
        scope: &Scope,
        asked: (&DeviceId, &MetricName),
        range: Range<UnixMs>,
        stale_after_ms: i64,
        spans_max: usize,
        now: UnixMs,
    ) -> Result<Option<StateHistory>, StoreError> {
        let (device, metric) = asked;
        if !self.is_visible(scope, device).await? {
            return Ok(None);
        }
        let mut recorder = StateRecorder::new(range.clone(), stale_after_ms, spans_max);
        if let Some(series) = self.series_of(device, metric).await? {
            let before = range.start.plus_ms(-stale_after_ms.max(0));
            let mut cursor = Cursor::new(series, before..range.end);
            while let Some(page) = cursor.next_page(self).await? {
                for sample in page {
                    let is_usable = sample.quality.is_usable();
                    recorder.take(sample.at, sample.value.filter(|_| is_usable));
                }
            }
        }
        Ok(Some(recorder.finish(now)))
    }
}
