//! Every usable reading of a series over a range, for a rule to be tested on.

use std::ops::Range;

use domain::{
    id::{DeviceId, MetricName},
    reading::Value,
    time::UnixMs,
};

use super::{Sample, Store, StoreError};

impl Store {
    /// The usable readings of one series over `[range.start, range.end)`, in the order of arrival. Not scoped: the
    /// caller has made sure that whoever asks may see the device.
    pub async fn usable_readings(
        &self,
        device: &DeviceId,
        metric: &MetricName,
        range: Range<UnixMs>,
    ) -> Result<Vec<(UnixMs, Value)>, StoreError> {
        let Some(series) = self.series_of(device, metric).await? else { return Ok(Vec::new()) };
        let Some(tail) = self.head().tail(series, range.start, range.end) else { return Ok(Vec::new()) };
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let candidates = self.candidates(series, &range, tail.sealed_through).await?;
        let mut samples = self.unpack(&candidates).await?;
        samples.extend(tail.samples);
        let usable = |sample: Sample| {
            let is_wanted = range.contains(&sample.at) && sample.quality.is_usable();
            sample.value.filter(|_| is_wanted).map(|value| (sample.at, value))
        };
        Ok(samples.into_iter().filter_map(usable).collect())
    }
}
