//! Readings to be taken out: which series a person may take, and each of them in order of time, a page at a time.

use std::ops::Range;

use domain::{
    id::{DeviceId, MetricName, OwnerId, SeriesId, TownshipCode},
    time::UnixMs,
};
use protocol::rest::Point;

use super::{
    Store,
    error::StoreError,
    history::{Cursor, point_of},
    row::Columns,
    scope::Scope,
    select::{Bound, Select},
};

/// Which devices' readings are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// One device's.
    Device(DeviceId),
    /// Those of a township.
    Township(TownshipCode),
    /// Those of an owner.
    Owner(OwnerId),
    /// All that the person may see.
    Everything,
}

/// A series with what people call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesLabel {
    /// The device.
    pub device: DeviceId,
    /// What people call it.
    pub device_name: String,
    /// What people call the place.
    pub site_name: String,
    /// The metric.
    pub metric: MetricName,
    series: SeriesId,
}

/// Where an export is in a series.
#[derive(Debug)]
pub struct Readings {
    store: Store,
    cursor: Cursor,
}

impl Readings {
    /// The next readings in order of event time; a page may be empty, and None is the end.
    pub async fn next_page(&mut self) -> Result<Option<Vec<Point>>, StoreError> {
        let page = self.cursor.next_page(&self.store).await?;
        Ok(page.map(|samples| samples.into_iter().map(point_of).collect()))
    }
}

impl Store {
    /// The series of registered devices within a scope, by device and metric.
    pub async fn series_to_export(&self, scope: &Scope, selection: &Selection) -> Result<Vec<SeriesLabel>, StoreError> {
        let mut select = Select::new(
            "SELECT series.id AS series_id, series.metric, device.id AS device_id, device.name AS device_name, \
             site.name AS site_name FROM series JOIN device ON device.id = series.device_id \
             JOIN site ON site.id = device.site_id",
        );
        select.within(scope);
        match selection {
            Selection::Device(id) => select.and_equals("device.id", Bound::Text(id.to_string())),
            Selection::Township(code) => select.and_equals("site.township_code", Bound::Text(code.to_string())),
            Selection::Owner(id) => select.and_equals("site.owner_id", Bound::Text(id.to_string())),
            Selection::Everything => &mut select,
        };
        select.finish("ORDER BY device.id, series.metric LIMIT", Bound::Number(i64::MAX));
        let rows = select.fetch_all(self.readers(), "looking up what to export").await?;
        rows.iter()
            .map(|row| {
                Ok(SeriesLabel {
                    device: row.id("device_id")?,
                    device_name: row.get_as("device_name")?,
                    site_name: row.get_as("site_name")?,
                    metric: row.id("metric")?,
                    series: SeriesId(row.number("series_id")?),
                })
            })
            .collect()
    }

    /// The readings of a series over `[range.start, range.end)`. That the person may see it is what the label says.
    pub fn readings_of(&self, label: &SeriesLabel, range: Range<UnixMs>) -> Readings {
        Readings { store: self.clone(), cursor: Cursor::new(label.series, range) }
    }
}
