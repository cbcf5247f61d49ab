//! Which number is which (device, metric). Numbers are given here, without waiting for the store; the pipeline stores a
//! new one in the same transaction as its first reading.

use std::sync::{PoisonError, RwLock};

use domain::id::{DeviceId, MetricName, SeriesId};
use foldhash::HashMap;

use crate::store::SeriesDefinition;

/// All series of the district; shared by ingest, which adds, and the pipeline, which stores.
#[derive(Debug, Default)]
pub struct SeriesIndex {
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// At index n the series with number n + 1.
    definitions: Vec<SeriesDefinition>,
    by_device: HashMap<DeviceId, HashMap<MetricName, SeriesId>>,
}

impl SeriesIndex {
    /// The series that are stored, by number from 1 without holes.
    pub fn new(stored: Vec<SeriesDefinition>) -> Self {
        let mut inner = Inner::default();
        for definition in stored {
            inner.add(definition.device, definition.metric);
        }
        Self { inner: RwLock::new(inner) }
    }

    /// The number of a series that has one.
    pub fn find(&self, device: &DeviceId, metric: &MetricName) -> Option<SeriesId> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).find(device, metric)
    }

    /// The number of a series, a new one if need be.
    pub fn resolve(&self, device: &DeviceId, metric: &MetricName) -> SeriesId {
        self.find(device, metric).unwrap_or_else(|| {
            let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
            inner.find(device, metric).unwrap_or_else(|| inner.add(device.clone(), metric.clone()))
        })
    }

    /// The series above a number, by number.
    pub fn definitions_above(&self, number: SeriesId) -> Vec<SeriesDefinition> {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        inner.definitions.get(number.0 as usize..).unwrap_or_default().to_vec()
    }
}

impl Inner {
    fn find(&self, device: &DeviceId, metric: &MetricName) -> Option<SeriesId> {
        self.by_device.get(device)?.get(metric).copied()
    }

    fn add(&mut self, device: DeviceId, metric: MetricName) -> SeriesId {
        let number = u32::try_from(self.definitions.len() + 1).expect("memory ends before four billion series");
        let id = SeriesId(number);
        self.by_device.entry(device.clone()).or_default().insert(metric.clone(), id);
        self.definitions.push(SeriesDefinition { id, device, metric });
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_without_holes_and_stay() {
        let device = |text: &str| DeviceId::new(text).unwrap();
        let metric = MetricName::new("temperature").unwrap();
        let index =
            SeriesIndex::new(vec![SeriesDefinition { id: SeriesId(1), device: device("a"), metric: metric.clone() }]);
        assert_eq!(index.find(&device("b"), &metric), None);
        assert_eq!(index.resolve(&device("a"), &metric), SeriesId(1));
        assert_eq!(index.resolve(&device("b"), &metric), SeriesId(2));
        assert_eq!(index.resolve(&device("b"), &metric), SeriesId(2));
        let new: Vec<_> = index.definitions_above(SeriesId(1)).into_iter().map(|new| (new.id, new.device)).collect();
        assert_eq!(new, [(SeriesId(2), device("b"))]);
        assert!(index.definitions_above(SeriesId(2)).is_empty());
    }
}
